package sdp

import (
	"bytes"
	"strings"
)

// Find says where in a body of a content type a description lies: the whole of
// application/sdp, or the first part of that type in a multipart (RFC 5621), as
// carriers send it beside ISUP or a location. ok is false when there is none.
func Find(contentType, body []byte) (from, to int, ok bool) {
	media, params, _ := strings.Cut(string(contentType), ";")
	media = strings.TrimSpace(media)
	switch {
	case len(body) == 0:
		return 0, 0, false
	case strings.EqualFold(media, "application/sdp"):
		return 0, len(body), true
	case len(media) > 10 && strings.EqualFold(media[:10], "multipart/"):
		if boundary := boundaryOf(params); boundary != "" {
			return part(body, boundary)
		}
	}
	return 0, 0, false
}

// boundaryOf is the boundary parameter of a multipart type.
func boundaryOf(params string) string {
	for params != "" {
		var one string
		one, params = cutParam(params)
		name, value, _ := strings.Cut(one, "=")
		if !strings.EqualFold(strings.TrimSpace(name), "boundary") {
			continue
		}
		value = strings.TrimSpace(value)
		if len(value) > 1 && value[0] == '"' && value[len(value)-1] == '"' {
			value = value[1 : len(value)-1]
		}
		if len(value) > 70 { // RFC 2046 section 5.1.1
			return ""
		}
		return value
	}
	return ""
}

// cutParam cuts at the next semicolon outside of quotes.
func cutParam(s string) (one, rest string) {
	quoted := false
	for i := range len(s) {
		switch {
		case s[i] == '"':
			quoted = !quoted
		case s[i] == ';' && !quoted:
			return s[:i], s[i+1:]
		}
	}
	return s, ""
}

// maxParts bounds the parts of a multipart that are looked at.
const maxParts = 16

// part finds the first part of type application/sdp.
func part(body []byte, boundary string) (from, to int, ok bool) {
	mark := []byte("--" + boundary)
	at := bytes.Index(body, mark)
	for range maxParts {
		if at < 0 {
			return 0, 0, false
		}
		head := at + len(mark)
		next := bytes.Index(body[head:], mark)
		if next < 0 {
			return 0, 0, false
		}
		next += head
		if f, t, ok := content(body, head, next); ok {
			return f, t, true
		}
		at = next
	}
	return 0, 0, false
}

// content is the body of the part between two boundaries, when it is SDP: its
// headers end with an empty line, and the line end before the next boundary
// belongs to that (RFC 2046 section 5.1.1).
func content(body []byte, from, to int) (int, int, bool) {
	rest := body[from:to]
	_, _, rest = cutLine(rest) // what is left of the boundary's own line
	found := false
	for len(rest) > 0 {
		var line []byte
		line, _, rest = cutLine(rest)
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, colon)
		if n := bytes.TrimSpace(name); is(n, "Content-Type") || is(n, "c") {
			media, _, _ := bytes.Cut(value, []byte(";"))
			found = is(bytes.TrimSpace(media), "application/sdp")
		}
	}
	if !found || len(rest) == 0 {
		return 0, 0, false
	}
	end := to
	if end > 0 && body[end-1] == '\n' {
		end--
		if end > 0 && body[end-1] == '\r' {
			end--
		}
	}
	start := to - len(rest)
	return start, max(start, end), true
}
