package sdp

import (
	"bytes"
	"net/netip"
	"strings"
)

// cutLine cuts one line off the front of b: what it says, and how it ends, which
// is CR LF, or LF alone where a writer was careless, or nothing at the end.
func cutLine(b []byte) (line, end, rest []byte) {
	i := bytes.IndexByte(b, '\n')
	if i < 0 {
		return b, b[len(b):], nil
	}
	n := i
	if n > 0 && b[n-1] == '\r' {
		n--
	}
	return b[:n], b[n : i+1], b[i+1:]
}

// kind is the letter of a line, 0 when it has no form.
func kind(line []byte) byte {
	if len(line) < 2 || line[1] != '=' {
		return 0
	}
	return line[0]
}

// word cuts the next word off, blanks and tabs between words being as many as
// they like.
func word(b []byte) (w, rest []byte) {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	n := 0
	for n < len(b) && b[n] != ' ' && b[n] != '\t' {
		n++
	}
	return b[:n], b[n:]
}

// number reads a decimal number up to 65535.
func number(b []byte) (n int, ok bool) {
	if len(b) == 0 || len(b) > 5 {
		return 0, false
	}
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, n <= 65535
}

// attribute cuts an a-line into name and value.
func attribute(line []byte) (name, value []byte) {
	name, value, _ = bytes.Cut(line[2:], colon)
	return bytes.TrimRight(name, " \t"), value
}

var colon = []byte(":")

func is(b []byte, name string) bool { return len(b) == len(name) && strings.EqualFold(string(b), name) }

// address reads "IN IP4 192.0.2.1/127": the literal without a TTL, named when
// it is none.
func address(b []byte) (text []byte, addr netip.Addr, named bool) {
	_, b = word(b) // nettype
	_, b = word(b) // addrtype
	text, _ = word(b)
	text, _, _ = bytes.Cut(text, []byte("/"))
	a, err := netip.ParseAddr(string(text))
	if err != nil {
		return text, netip.Addr{}, len(text) > 0
	}
	return text, a.Unmap().WithZone(""), false
}
