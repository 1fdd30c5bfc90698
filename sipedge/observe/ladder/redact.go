package ladder

import (
	"bytes"

	"github.com/speakops/sipedge/sipedge/message"
)

// What nobody may read in a ladder: header values that authenticate somebody,
// and lines of SDP that open media. They are overwritten in place, byte for byte,
// so that every length in the message stays true.
var (
	secretHeaders = [][]byte{[]byte("authorization"), []byte("proxy-authorization"), []byte("authentication-info"), []byte("proxy-authentication-info")}
	secretLines   = [][]byte{[]byte("a=crypto:"), []byte("a=ice-pwd:"), []byte("k=")}
)

// begins is how lines begin that are worth a look: with the first letter of a
// secret, or, being folded or empty, with none.
var begins = func() (set [256]bool) {
	for _, list := range [][][]byte{secretHeaders, secretLines, {[]byte(" "), []byte("\t"), []byte("\r"), []byte("\n")}} {
		for _, s := range list {
			set[s[0]], set[bytes.ToUpper(s)[0]] = true, true
		}
	}
	return set
}()

// Redact overwrites in b, in place, what nobody may read of one message. It is
// on the way of every message that is shown: most lines cost it one byte.
func Redact(b []byte) {
	head := true
	secret := false
	for len(b) > 0 {
		line, first := b, b[0]
		if n := bytes.IndexByte(b, '\n'); n >= 0 {
			line, b = b[:n], b[n+1:]
		} else {
			b = nil
		}
		if !begins[first] {
			secret = false
			continue
		}
		line = bytes.TrimSuffix(line, []byte("\r"))
		switch {
		case len(line) == 0:
			head = false
		case !head:
			if n := secretLine(line); n > 0 {
				blot(line[n:])
			}
		case line[0] == ' ' || line[0] == '\t': // a folded line goes on
			if secret {
				blot(line[1:])
			}
		default:
			name, value, _ := bytes.Cut(line, []byte(":"))
			if secret = secretHeader(bytes.TrimSpace(name)); secret {
				value = bytes.TrimLeft(value, " \t")
				if scheme, credentials, _ := bytes.Cut(value, []byte(" ")); !bytes.ContainsRune(scheme, '=') {
					value = credentials // the scheme stays
				}
				blot(value)
			}
		}
	}
}

// Plain says, of a message that was read, that Redact would change nothing in it. Its
// headers are told apart already, so that this costs a fifth of looking for them.
func Plain(m *message.Message) bool {
	if !m.Sound() || m.Has(message.KAuthorization) || m.Has(message.KProxyAuthorization) {
		return false
	}
	for i := range m.Headers {
		if h := &m.Headers[i]; h.Kind == message.Other && secretHeader(h.Name) {
			return false
		}
	}
	for rest := m.Rest(); len(rest) > 0; {
		if begins[rest[0]] && secretLine(rest) > 0 {
			return false
		}
		n := bytes.IndexByte(rest, '\n')
		if n < 0 {
			break
		}
		rest = rest[n+1:]
	}
	return true
}

func secretHeader(name []byte) bool {
	for _, s := range secretHeaders {
		if bytes.EqualFold(name, s) {
			return true
		}
	}
	return false
}

// secretLine is how much of a line of SDP stands before its secret, 0 when it has none.
func secretLine(line []byte) int {
	for _, s := range secretLines {
		// The last letter first: most lines of SDP begin alike.
		if n := len(s); len(line) >= n && line[n-2]|0x20 == s[n-2] && bytes.EqualFold(line[:n], s) {
			return n
		}
	}
	return 0
}

func blot(b []byte) {
	for i := range b {
		b[i] = 'x'
	}
}
