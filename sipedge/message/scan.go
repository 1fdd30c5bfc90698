package message

import "bytes"

// What a byte may be part of (RFC 3261 25.1).
const (
	tokenByte = 1 << iota
	hostByte
	blankByte
	digitByte
	nameByte  // a parameter name goes on
	valueByte // an unquoted parameter value goes on
)

var class = classify()

func classify() (t [256]uint8) {
	for c := range t {
		t[c] = nameByte | valueByte
	}
	for _, c := range ";, \t\"" {
		t[c] = 0
	}
	for _, c := range "=<>" {
		t[c] = valueByte
	}
	for c := '0'; c <= '9'; c++ {
		t[c] |= tokenByte | hostByte | digitByte
	}
	for c := 'a'; c <= 'z'; c++ {
		t[c] |= tokenByte | hostByte
		t[c-'a'+'A'] |= tokenByte | hostByte
	}
	for _, c := range "-.!%*_+`'~" {
		t[c] |= tokenByte
	}
	// The underscore is no host character, but it is in use and harmless.
	for _, c := range "-._" {
		t[c] |= hostByte
	}
	t[' '], t['\t'] = blankByte, blankByte
	return t
}

// run returns the end of the bytes of a class that start at i.
func run(b []byte, i int, c uint8) int {
	for i < len(b) && class[b[i]]&c != 0 {
		i++
	}
	return i
}

func trim(b []byte) []byte {
	for len(b) > 0 && class[b[0]]&blankByte != 0 {
		b = b[1:]
	}
	for len(b) > 0 && class[b[len(b)-1]]&blankByte != 0 {
		b = b[:len(b)-1]
	}
	return b
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c | 0x20
	}
	return c
}

func equalFold(b []byte, s string) bool {
	if len(b) != len(s) {
		return false
	}
	for i := range b {
		if b[i] != s[i] && lower(b[i]) != lower(s[i]) {
			return false
		}
	}
	return true
}

func prefixFold(b []byte, s string) bool {
	return len(b) >= len(s) && equalFold(b[:len(s)], s)
}

// number reads the decimal digits at i, at most limit; end is where they stop,
// ok is false when there is none or the value is above limit.
func number(b []byte, i int, limit uint64) (n uint64, end int, ok bool) {
	start := i
	ok = true
	for ; i < len(b) && class[b[i]]&digitByte != 0; i++ {
		n = n*10 + uint64(b[i]-'0')
		if n > limit {
			n, ok = limit, false
		}
	}
	return n, i, ok && i > start
}

// quoted returns the index behind the quoted string that opens at i, or -1
// when it never closes (RFC 3261 25.1, quoted-string).
func quoted(b []byte, i int) int {
	for i++; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return -1
}

// valueEnd returns the index of the comma that ends the list value at i, or
// len(b). Commas in quotes and angle brackets are text.
func valueEnd(b []byte, i int) int {
	if bytes.IndexByte(b[i:], ',') < 0 {
		return len(b)
	}
	for i < len(b) {
		switch b[i] {
		case ',':
			return i
		case '"':
			if i = quoted(b, i); i < 0 {
				return len(b)
			}
			continue
		case '<':
			n := bytes.IndexByte(b[i:], '>')
			if n < 0 {
				return len(b)
			}
			i += n
		}
		i++
	}
	return len(b)
}

// cutValue takes the first non-empty value off a comma list.
func cutValue(list []byte) (value, rest []byte, ok bool) {
	for len(list) > 0 {
		end := valueEnd(list, 0)
		value = trim(list[:end])
		rest = list[end:]
		if len(rest) > 0 {
			rest = rest[1:]
		}
		if len(value) > 0 {
			return value, rest, true
		}
		list = rest
	}
	return nil, nil, false
}

// balanced says whether every quote and angle bracket of a value closes.
func balanced(b []byte) bool {
	if bytes.IndexByte(b, '"') < 0 {
		return bytes.Count(b, []byte{'<'}) == bytes.Count(b, []byte{'>'})
	}
	for i := 0; i < len(b); {
		switch b[i] {
		case '"':
			if i = quoted(b, i); i < 0 {
				return false
			}
			continue
		case '<':
			n := bytes.IndexByte(b[i:], '>')
			if n < 0 {
				return false
			}
			i += n
		case '>':
			return false
		}
		i++
	}
	return true
}
