package configs

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// maxListeners is how many a flow can number.
const maxListeners = 64

func (c *checker) listeners() {
	all := c.edge.SIP.Listen
	if len(all) == 0 {
		c.mistake("sip.listen", "no listener: nothing can be received", `add one, such as { transport: udp, address: "0.0.0.0:5060", advertise: "203.0.113.10:5060" }`)
	}
	if len(all) > maxListeners {
		c.mistake("sip.listen", fmt.Sprintf("%d listeners", len(all)), fmt.Sprintf("keep to %d", maxListeners))
	}
	names := map[string]int{}
	for i, l := range all {
		path := at("sip.listen", i)
		if first, twice := names[l.Name]; twice {
			c.mistake(under(path, "name"), c.show(under(path, "name"), l.Name)+" already names the listener on line "+
				strconv.Itoa(c.lineOf(at("sip.listen", first))), "give each listener its own name")
		}
		names[l.Name] = i
		c.listener(path, l)
		for j := range i {
			if collide(all[j], l) {
				c.mistake(under(path, "address"), fmt.Sprintf("%s is already taken by listener %s on line %d", l.Address, all[j].Name, c.lineOf(at("sip.listen", j))),
					"use another port or address")
				break
			}
		}
	}
}

func (c *checker) listener(path string, l Listener) {
	c.id(under(path, "name"), l.Name)
	c.enum(under(path, "transport"), l.Transport, "udp", "tcp", "tls")
	c.between(under(path, "sockets"), l.Sockets, 1, 64)
	if l.Sockets > 1 && l.Transport != "udp" {
		c.mistake(under(path, "sockets"), "only udp listeners have several sockets", "remove it")
	}
	c.advertise(path, l)
	if l.Transport != "tls" {
		for _, key := range []string{"cert", "key", "client_ca"} {
			if p := under(path, key); c.given(p) {
				c.mistake(p, "only a tls listener uses it", "remove it or write transport: tls")
			}
		}
		return
	}
	if l.Cert == "" && l.Key.IsZero() {
		c.mistake(under(path, "cert"), "a tls listener needs a certificate", `write cert: PATH and key: "file:PATH"`)
	}
	c.pair(path, l.Cert, l.Key)
	c.authorities(under(path, "client_ca"), l.ClientCA)
}

// advertise is what peers are told to answer to; an unspecified address is no
// address to them.
func (c *checker) advertise(path string, l Listener) {
	if !l.Address.IsValid() {
		c.mistake(under(path, "address"), "is missing", "write address:port to listen on")
		return
	}
	p := under(path, "advertise")
	if !c.given(p) {
		if l.Address.Addr().IsUnspecified() {
			c.mistake(under(path, "address"), fmt.Sprintf("%s is no address a peer could answer to", l.Address.Addr()),
				`add advertise: "host:port", the address peers reach this listener by`)
		}
		return
	}
	host, _, err := splitHostPort(l.Advertise)
	if err != nil {
		c.mistake(p, c.show(p, l.Advertise)+" "+err.Error(), "write host:port, such as 203.0.113.10:5060 or edge.example.com:5061")
	} else if a, err := netip.ParseAddr(host); err == nil && a.IsUnspecified() {
		c.mistake(p, c.show(p, l.Advertise)+" is no address a peer could answer to", "write the address peers reach this listener by")
	}
}

// collide says that two listeners want the same port of the kernel.
func collide(a, b Listener) bool {
	if (a.Transport == "udp") != (b.Transport == "udp") || a.Address.Port() != b.Address.Port() || a.Address.Port() == 0 {
		return false
	}
	x, y := a.Address.Addr(), b.Address.Addr()
	if !x.IsValid() || !y.IsValid() {
		return false
	}
	return x == y || covers(x, y) || covers(y, x)
}

// covers: a wildcard takes the port on every address; [::] takes IPv4's too.
func covers(wild, one netip.Addr) bool {
	return wild.IsUnspecified() && (wild.Is6() || one.Is4())
}

func (c *checker) transportListens(transport string) bool {
	for _, l := range c.edge.SIP.Listen {
		if l.Transport == transport {
			return true
		}
	}
	return false
}

// listenerRef checks a name that refers to a listener and returns it.
func (c *checker) listenerRef(path, name string) *Listener {
	if name == "" {
		return nil
	}
	var names []string
	for i := range c.edge.SIP.Listen {
		l := &c.edge.SIP.Listen[i]
		if l.Name == name {
			return l
		}
		names = append(names, l.Name)
	}
	c.mistake(path, "there is no listener "+c.show(path, name), suggest(name, names))
	return nil
}

// splitHostPort cuts host:port, [v6]:port or a bare host; port 0 is not given.
func splitHostPort(s string) (host string, port uint16, err error) {
	host, text, hasPort := s, "", false
	if strings.HasPrefix(s, "[") {
		end := strings.IndexByte(s, ']')
		if end < 0 {
			return "", 0, fmt.Errorf("has a bracket that is not closed")
		}
		host = s[1:end]
		if a, err := netip.ParseAddr(host); err != nil || !a.Is6() {
			return "", 0, fmt.Errorf("has no IPv6 address in its brackets")
		}
		if rest := s[end+1:]; rest != "" {
			if rest[0] != ':' {
				return "", 0, fmt.Errorf("has something between the bracket and the port")
			}
			text, hasPort = rest[1:], true
		}
	} else if strings.Count(s, ":") > 1 {
		return "", 0, fmt.Errorf("is an IPv6 address without brackets")
	} else {
		host, text, hasPort = strings.Cut(s, ":")
		if !isHost(host) {
			return "", 0, fmt.Errorf("has no host name or address")
		}
	}
	if !hasPort {
		return host, 0, nil
	}
	n, perr := strconv.ParseUint(text, 10, 16)
	if perr != nil || n == 0 {
		return "", 0, fmt.Errorf("has a port that is not a number from 1 to 65535")
	}
	return host, uint16(n), nil
}

// isHost accepts what RFC 3261's hostname and IPv4address accept, and _ , which
// names in private zones carry.
func isHost(s string) bool {
	if s == "" || len(s) > 253 || strings.HasPrefix(s, "-") {
		return false
	}
	digits := true
	for i := range len(s) {
		ch := s[i]
		switch {
		case ch >= '0' && ch <= '9', ch == '.':
		case ch >= 'a' && ch <= 'z', ch >= 'A' && ch <= 'Z', ch == '-', ch == '_':
			digits = false
		default:
			return false
		}
	}
	if digits {
		_, err := netip.ParseAddr(s)
		return err == nil
	}
	return !strings.Contains(s, "..") && !strings.HasPrefix(s, ".")
}
