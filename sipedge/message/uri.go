package message

import (
	"bytes"
	"errors"
)

// URI is a sip:, sips: or tel: URI, cut but not decoded.
type URI struct {
	Raw      []byte
	Scheme   []byte // as written; compare with EqualFold
	User     []byte // with its user parameters (;rn=, ;npdi, ;phone-context=); the whole subscriber part of a tel: URI
	Password []byte
	Host     []byte // IPv6 without brackets
	Port     uint16 // 0 when absent
	Params   []byte // after the first ';' behind the host, raw; in a tel: URI after the first ';'
	Headers  []byte // after '?', raw
}

var (
	errScheme = errors.New("URI has no scheme")
	errBlank  = errors.New("URI contains a blank, a bracket or a control character")
	errHost   = errors.New("URI has no valid host")
	errUser   = errors.New("URI has no valid user part")
	errPort   = errors.New("URI has no valid port")
)

// ParseURI cuts a URI. Unknown schemes come back with Scheme and Raw alone.
func ParseURI(b []byte) (URI, error) {
	u := URI{Raw: b}
	for _, c := range b {
		if c <= ' ' || c == 0x7f || c == '<' || c == '>' || c == '"' {
			return u, errBlank
		}
	}
	colon := bytes.IndexByte(b, ':')
	if colon <= 0 || !schemeName(b[:colon]) {
		return u, errScheme
	}
	u.Scheme = b[:colon]
	rest := b[colon+1:]
	switch {
	case equalFold(u.Scheme, "sip"), equalFold(u.Scheme, "sips"):
		return u, u.cutSIP(rest)
	case equalFold(u.Scheme, "tel"):
		if len(rest) == 0 || rest[0] == ';' {
			return u, errUser
		}
		u.User = rest
		if i := bytes.IndexByte(rest, ';'); i >= 0 {
			u.Params = rest[i+1:]
		}
	}
	return u, nil
}

// schemeName follows RFC 3261 25.1: ALPHA *( ALPHA / DIGIT / "+" / "-" / "." ).
func schemeName(b []byte) bool {
	if c := lower(b[0]); c < 'a' || c > 'z' {
		return false
	}
	for _, c := range b {
		if class[c]&hostByte == 0 && c != '+' || c == '_' {
			return false
		}
	}
	return true
}

// cutSIP cuts what follows "sip:". The user part may hold ';', '?' and '/', but
// never '@', so the first '@' ends it and a second one is an error.
func (u *URI) cutSIP(b []byte) error {
	if at := bytes.IndexByte(b, '@'); at >= 0 {
		u.User = b[:at]
		b = b[at+1:]
		if c := bytes.IndexByte(u.User, ':'); c >= 0 {
			u.User, u.Password = u.User[:c], u.User[c+1:]
		}
		if len(u.User) == 0 || bytes.IndexByte(b, '@') >= 0 {
			return errUser
		}
	}
	host, i, ok := hostAt(b, 0)
	if !ok {
		return errHost
	}
	u.Host = host
	if i < len(b) && b[i] == ':' {
		port, end, ok := number(b, i+1, 65535)
		if !ok {
			return errPort
		}
		u.Port, i = uint16(port), end
	}
	b = b[i:]
	if len(b) == 0 {
		return nil
	}
	if q := bytes.IndexByte(b, '?'); q >= 0 {
		u.Headers = b[q+1:]
		b = b[:q]
	}
	if len(b) > 0 {
		if b[0] != ';' {
			return errHost
		}
		u.Params = b[1:]
	}
	return nil
}

// hostAt reads a host name, an IPv4 address or an IPv6 address in brackets at i;
// host comes without the brackets, end is the index behind it.
func hostAt(b []byte, i int) (host []byte, end int, ok bool) {
	if i < len(b) && b[i] == '[' {
		n := bytes.IndexByte(b[i:], ']')
		if n < 0 {
			return nil, i, false
		}
		host = b[i+1 : i+n]
		return host, i + n + 1, looksIPv6(host)
	}
	end = run(b, i, hostByte)
	return b[i:end], end, end > i
}

// looksIPv6 checks the alphabet alone; who dials the address reads it properly.
func looksIPv6(b []byte) bool {
	colons := 0
	for _, c := range b {
		l := lower(c)
		switch {
		case c == ':':
			colons++
		case c == '.', '0' <= c && c <= '9', 'a' <= l && l <= 'f':
		default:
			return false
		}
	}
	return colons >= 2
}

// Param returns a URI parameter's value; names match without case.
func (u *URI) Param(name string) (value []byte, ok bool) { return Param(u.Params, name) }

// UserParts parts the user from its parameters: "+12025550143" and ";npdi;rn=+1...".
func (u *URI) UserParts() (user, params []byte) {
	if i := bytes.IndexByte(u.User, ';'); i >= 0 {
		return u.User[:i], u.User[i:]
	}
	return u.User, nil
}
