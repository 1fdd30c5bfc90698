package message

import (
	"bytes"
	"errors"
)

// NameAddr is a From, To, Contact, Route, Diversion, ... value.
type NameAddr struct {
	Display []byte // as written, with its quotes
	URI     []byte
	Params  []byte // behind the '>' (or behind the URI where there are no brackets, RFC 3261 20.10)
}

var (
	errQuote   = errors.New("quoted string is not closed")
	errBracket = errors.New("angle bracket is not closed")
	errNoURI   = errors.New("address has no URI")
	errTrail   = errors.New("text behind the address is no parameter")
)

// ParseNameAddr cuts one such value. A display name of characters that are no
// token passes, as it does nearly everywhere (RFC 4475 3.1.2.15).
func ParseNameAddr(b []byte) (NameAddr, error) {
	b = trim(b)
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			end := quoted(b, i)
			if end < 0 {
				return NameAddr{}, errQuote
			}
			i = end - 1
		case '<':
			return bracketed(b, i)
		case ';':
			return bare(b, i)
		}
	}
	return bare(b, len(b))
}

// bracketed cuts `display <uri> params` with the '<' at i.
func bracketed(b []byte, i int) (NameAddr, error) {
	n := bytes.IndexByte(b[i:], '>')
	if n < 0 {
		return NameAddr{}, errBracket
	}
	a := NameAddr{Display: trim(b[:i]), URI: trim(b[i+1 : i+n]), Params: trim(b[i+n+1:])}
	if len(a.URI) == 0 {
		return a, errNoURI
	}
	if len(a.Params) > 0 && a.Params[0] != ';' {
		return a, errTrail
	}
	return a, nil
}

// bare cuts `uri params`: without brackets the first ';' belongs to the header.
func bare(b []byte, i int) (NameAddr, error) {
	a := NameAddr{URI: trim(b[:i]), Params: trim(b[i:])}
	if len(a.URI) == 0 {
		return a, errNoURI
	}
	if bytes.IndexByte(a.URI, '"') >= 0 {
		return a, errNoURI
	}
	return a, nil
}
