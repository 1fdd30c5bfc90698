package conformance

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// msg is one message as this package reads it: lines unfolded, nothing else changed.
type msg struct {
	raw    string
	start  string
	fields []field
	body   string
}

type field struct {
	name  string // long, in lower case
	value string
	line  string // as it came, unfolded
}

var longNames = map[string]string{
	"v": "via", "f": "from", "t": "to", "i": "call-id", "m": "contact", "c": "content-type", "l": "content-length",
	"e": "content-encoding", "s": "subject", "k": "supported", "x": "session-expires", "r": "refer-to", "b": "referred-by",
	"o": "event", "u": "allow-events", "y": "identity", "a": "accept-contact", "j": "reject-contact", "d": "request-disposition",
}

func read(raw string) msg {
	m := msg{raw: raw}
	head, body, _ := strings.Cut(raw, "\r\n\r\n")
	m.body = body
	lines := strings.Split(head, "\r\n")
	m.start = lines[0]
	for _, line := range lines[1:] {
		if n := len(m.fields); n > 0 && (strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t")) {
			f := &m.fields[n-1]
			f.line += " " + strings.TrimSpace(line)
			f.value = strings.TrimSpace(f.value + " " + strings.TrimSpace(line))
			continue
		}
		name, value, _ := strings.Cut(line, ":")
		name = strings.ToLower(strings.TrimSpace(name))
		if long := longNames[name]; long != "" {
			name = long
		}
		m.fields = append(m.fields, field{name, strings.TrimSpace(value), line})
	}
	return m
}

// all are the values of a header's lines, in order.
func (m msg) all(name string) (values []string) {
	for _, f := range m.fields {
		if f.name == name {
			values = append(values, f.value)
		}
	}
	return values
}

// list are the values of a header that is a list, commas or lines alike.
func (m msg) list(name string) (values []string) {
	for _, v := range m.all(name) {
		values = append(values, split(v)...)
	}
	return values
}

func (m msg) one(name string) string {
	if v := m.all(name); len(v) > 0 {
		return v[0]
	}
	return ""
}

func (m msg) callID() string { return m.one("call-id") }

func (m msg) status() int {
	rest, ok := strings.CutPrefix(m.start, "SIP/2.0 ")
	if !ok || len(rest) < 3 {
		return 0
	}
	n, _ := strconv.Atoi(rest[:3])
	return n
}

// method of a request, "" of a response.
func (m msg) method() string {
	if strings.HasPrefix(m.start, "SIP/") {
		return ""
	}
	name, _, _ := strings.Cut(m.start, " ")
	return name
}

// uri is the Request-URI.
func (m msg) uri() string {
	_, rest, _ := strings.Cut(m.start, " ")
	return rest[:max(strings.LastIndexByte(rest, ' '), 0)]
}

// split cuts a list at commas outside of quotes and angle brackets.
func split(s string) (values []string) {
	quoted, angle, from := false, false, 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && quoted:
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '<':
			angle = true
		case c == '>':
			angle = false
		case c == ',' && !angle:
			values = append(values, strings.TrimSpace(s[from:i]))
			from = i + 1
		}
	}
	return append(values, strings.TrimSpace(s[from:]))
}

// param is a parameter behind the first ';' outside of brackets.
func param(value, name string) (text string, ok bool) {
	if i := strings.LastIndexByte(value, '>'); i >= 0 {
		value = value[i:]
	}
	for i, p := range strings.Split(value, ";") {
		k, v, _ := strings.Cut(p, "=")
		if i > 0 && strings.EqualFold(strings.TrimSpace(k), name) {
			return strings.TrimSpace(v), true
		}
	}
	return "", false
}

func branchOf(via string) string { b, _ := param(via, "branch"); return b }

func tagOf(address string) string { t, _ := param(address, "tag"); return t }

// inBrackets is the URI of an address.
func inBrackets(address string) string {
	if _, rest, ok := strings.Cut(address, "<"); ok {
		uri, _, _ := strings.Cut(rest, ">")
		return uri
	}
	uri, _, _ := strings.Cut(address, ";")
	return strings.TrimSpace(uri)
}

// reply writes a response the way a UAS does (section 8.2.6): Vias, From, To,
// Call-ID, CSeq and Record-Routes as they came, and more, whole header lines.
func reply(to msg, code int, tag, more, body string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "SIP/2.0 %d Said By The Gateway\r\n", code)
	for _, f := range to.fields {
		switch f.name {
		case "via", "from", "call-id", "cseq":
			b.WriteString(f.line + "\r\n")
		case "to":
			b.WriteString(f.line)
			if tag != "" && tagOf(f.value) == "" {
				b.WriteString(";tag=" + tag)
			}
			b.WriteString("\r\n")
		case "record-route":
			if code > 100 && code < 300 {
				b.WriteString(f.line + "\r\n")
			}
		}
	}
	return b.String() + more + fmt.Sprintf("Content-Length: %d\r\n\r\n", len(body)) + body
}

// lines writes a message from its lines, the body last; an odd number of blanks
// or breaks inside a line stays as it is.
func lines(body string, head ...string) string {
	return strings.Join(head, "\r\n") + "\r\n\r\n" + body
}

func reversed(list []string) []string {
	list = slices.Clone(list)
	slices.Reverse(list)
	return list
}
