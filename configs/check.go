package configs

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math"
	"regexp"
	"slices"
	"time"
)

// checker asks whether what was decoded makes sense together.
type checker struct {
	*decoder
	edge *Edge
}

func (c *checker) all() {
	c.identity()
	c.listeners()
	c.redis()
	c.profiles()
	c.trunks()
	c.routes()
	c.defaults()
	c.timing()
	c.limits()
	c.media()
	c.admin()
	c.telemetry()
	c.notCarriedOut()
}

// mistake reports a path once: a value that did not decode has been reported.
func (c *checker) mistake(path, problem, remedy string) {
	if !c.reported(path) {
		c.add(c.lineOf(path), path, problem, remedy)
	}
}

// reported says that a path, or a section it lies in, did not decode.
func (c *checker) reported(path string) bool {
	for ; path != ""; path = parent(path) {
		if c.broken[path] {
			return true
		}
	}
	return false
}

func (d *decoder) warn(path, text string) {
	d.warnings = append(d.warnings, Warning{d.file, d.lineOf(path), d.display(path), text})
}

// given says that the file has this key.
func (c *checker) given(path string) bool {
	_, ok := c.lines[path]
	return ok
}

// show quotes a value as the file has it: a reference, never what it stands for.
func (c *checker) show(path, value string) string {
	if w, ok := c.written[path]; ok {
		return quote(w)
	}
	return quote(value)
}

func at(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i) }

var idForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)

// id checks the form of an identifier: it becomes a label, a key and a file name.
func (c *checker) id(path, value string) {
	switch {
	case value == "":
		c.mistake(path, "is missing", "give it a short unique name")
	case !idForm.MatchString(value):
		c.mistake(path, c.show(path, value)+" cannot be a name here", "use up to 63 letters, digits, dots, - and _, beginning with a letter or digit")
	}
}

func (c *checker) enum(path, value string, allowed ...string) bool {
	if slices.Contains(allowed, value) {
		return true
	}
	c.mistake(path, c.show(path, value)+" is not known here", suggest(value, allowed))
	return false
}

func (c *checker) positive(path string, d time.Duration) bool {
	if d <= 0 {
		c.mistake(path, fmt.Sprintf("%s is not a time span that can pass", d), "write a duration longer than 0, such as 2s")
	}
	return d > 0
}

func (c *checker) rate(path string, perSecond float64) {
	if perSecond < 0 || perSecond > 1e6 || math.IsNaN(perSecond) {
		c.mistake(path, fmt.Sprintf("%g is not a rate", perSecond), "write calls per second from 0 to 1000000")
	}
}

func (c *checker) between(path string, value, low, high int) {
	if value < low || value > high {
		c.mistake(path, fmt.Sprintf("%d is out of range", value), fmt.Sprintf("write a number from %d to %d", low, high))
	}
}

// shorter demands a < b for two spans that only make sense in that order.
func (c *checker) shorter(a, b string, da, db time.Duration, why string) {
	if da <= 0 || db <= 0 || da < db || c.reported(a) || c.reported(b) {
		return
	}
	path := a
	if !c.given(a) {
		path = b
	}
	c.mistake(path, fmt.Sprintf("%s of %s is not shorter than %s of %s: %s", leaf(a), da, leaf(b), db, why),
		"shorten "+leaf(a)+" or lengthen "+leaf(b))
}

func leaf(path string) string {
	for i := len(path) - 1; i >= 0; i-- {
		if path[i] == '.' {
			return path[i+1:]
		}
	}
	return path
}

func (c *checker) identity() {
	id := c.edge.Edge
	c.id("edge.id", id.ID)
	if id.DataDir == "" {
		c.mistake("edge.data_dir", "is empty", "name a folder that survives restarts, such as /var/lib/sipedge")
	}
	c.positive("edge.drain_timeout", id.DrainTimeout)
	if len(id.TokenKeys) == 0 {
		if !c.reported("edge.token_keys") {
			c.warn("edge", "no token_keys: route tokens are sealed with a key made at start, so calls in progress cannot be "+
				"routed after a restart or by another edge; give all edges of a site the same 32-byte key")
		}
	}
	seen := map[[32]byte]int{}
	for i, s := range id.TokenKeys {
		path := at("edge.token_keys", i)
		if s.IsZero() {
			continue // reported when it was read
		}
		key, err := s.Key()
		if err != nil {
			c.mistake(path, err.Error(), "make one with: head -c 32 /dev/urandom > token.key")
			continue
		}
		if first, twice := seen[key]; twice {
			c.mistake(path, "is the same key as "+at("edge.token_keys", first), "list each key once")
		}
		seen[key] = i
	}
}

// readable reports a file that is named but cannot be read, and returns it.
func (c *checker) readable(path, file string) ([]byte, bool) {
	data, err := c.readFile(file)
	if err != nil {
		c.mistake(path, "cannot be read: "+plainError(err), "make the file readable for the user the edge runs as, or correct the path")
		return nil, false
	}
	return data, true
}

// pair checks a certificate with its key; both or neither.
func (c *checker) pair(path, cert string, key Secret) {
	certPath, keyPath := under(path, "cert"), under(path, "key")
	if cert == "" {
		if !key.IsZero() {
			c.mistake(certPath, "is missing, though there is a key", "name the certificate's PEM file")
		}
		return
	}
	pem, ok := c.readable(certPath, cert)
	if key.IsZero() {
		c.mistake(keyPath, "is missing, though there is a cert", `write key: "file:PATH" with the certificate's private key in PEM`)
		return
	}
	if !ok {
		return
	}
	if _, err := tls.X509KeyPair(pem, []byte(key.Reveal())); err != nil {
		// The library's errors name what is wrong without showing the key.
		c.mistake(certPath, "does not go with its key: "+plainError(err), "give the PEM certificate (its chain behind it) and the key it was made for")
	}
}

// authorities checks a bundle of CA certificates.
func (c *checker) authorities(path, file string) {
	if file == "" {
		return
	}
	if pem, ok := c.readable(path, file); ok && !x509.NewCertPool().AppendCertsFromPEM(pem) {
		c.mistake(path, "holds no certificate", "name a PEM file with one or more CA certificates")
	}
}
