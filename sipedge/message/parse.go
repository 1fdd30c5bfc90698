package message

import (
	"bytes"
	"slices"
)

// Parse reads one whole message. It allocates nothing once the Message has seen
// a message of the same shape. After a *Fault with a Code, enough of the Message
// is filled in for AppendReply.
func (m *Message) Parse(raw []byte) error {
	for len(raw) > 0 && (raw[0] == '\r' || raw[0] == '\n') {
		raw = raw[1:] // RFC 3261 7.5: CRLF before the start line is nothing
	}
	headers := m.Headers[:0]
	*m = Message{}
	m.Raw, m.Headers, m.MaxForwards, m.length = raw, headers, -1, -1
	next, lines := m.startLine()
	if next < 0 {
		return &Fault{Reason: "bytes that are no SIP message"}
	}
	body, more := m.headerLines(next)
	m.clean(lines + more)
	m.mandatory()
	m.cutBody(body)
	return m.verdict()
}

// fail keeps the first fault; those behind it often only follow from it.
func (m *Message) fail(code int, reason string) {
	if m.fault.Reason == "" {
		m.fault = Fault{Code: code, Reason: reason}
	}
}

// verdict turns what was found into the error of Parse.
func (m *Message) verdict() error {
	if m.fault.Reason == "" {
		return nil
	}
	f := m.fault
	// RFC 3261 16.3, 18.2.2: an answer needs a Via that shows the way; an ACK
	// is never answered (17), and neither is an answer (18.1.2).
	if !m.Request || m.Method == ACK || len(m.Via.Host) == 0 || len(m.Headers) > MaxHeaders {
		f.Code = 0
	}
	return &f
}

// lineEnd returns the index of the LF that ends the line at i, or -1. Folded
// lines become one, each CRLF in them two blanks (RFC 3261 7.3.1); a bare LF
// becomes a blank, and clean reports it.
func (m *Message) lineEnd(i int, fold bool) int {
	raw := m.Raw
	for from := i; ; {
		n := bytes.IndexByte(raw[from:], '\n')
		if n < 0 {
			return -1
		}
		p := from + n
		from = p + 1
		switch {
		case p == 0 || raw[p-1] != '\r':
			raw[p] = ' '
			m.fail(400, "bare LF in the head of the message")
		case fold && from < len(raw) && class[raw[from]]&blankByte != 0:
			raw[p-1], raw[p] = ' ', ' '
		default:
			return p
		}
	}
}

// headerLines reads the headers from offset i on and returns the offset of the
// body and the number of lines.
func (m *Message) headerLines(i int) (body, lines int) {
	raw := m.Raw
	for {
		m.head = uint32(i)
		if len(raw)-i >= 2 && raw[i] == '\r' && raw[i+1] == '\n' {
			return i + 2, lines
		}
		end := m.lineEnd(i, true)
		if end < 0 {
			m.fail(400, "the header section does not end with an empty line")
			return len(raw), lines
		}
		lines++
		m.headerLine(i, end-1)
		if len(m.Headers) > MaxHeaders {
			m.fail(0, "too many header fields")
			return len(raw), lines
		}
		i = end + 1
	}
}

// headerLine reads the line raw[i:end] (RFC 3261 25.1, HCOLON: blanks before the
// colon are allowed, after it they may be missing).
func (m *Message) headerLine(i, end int) {
	raw := m.Raw[:end]
	nameEnd, kind, colon := headerName(raw, i)
	if colon < 0 {
		// The line stays a header, nameless, so that the lines around it keep their ends.
		m.fail(400, "a line of the head is no header field")
		*m.another() = Header{start: uint32(i)}
		return
	}
	from := run(raw, colon+1, blankByte)
	for end > from && class[raw[end-1]]&blankByte != 0 {
		end--
	}
	h := m.another()
	h.Kind, h.start = kind, uint32(i)
	h.Name, h.Value = m.Raw[i:nameEnd], m.Raw[from:end]
	if kind != Other {
		m.take(kind, m.Raw[from:end])
	}
}

// another makes room for one more header. The memory of earlier messages is
// used again; its old content is overwritten by the caller.
func (m *Message) another() *Header {
	n := len(m.Headers)
	if n == cap(m.Headers) {
		m.Headers = slices.Grow(m.Headers, max(n, 24))
	}
	m.Headers = m.Headers[:n+1]
	return &m.Headers[n]
}

// headerName returns the end of the name at i, its kind and the index of the
// colon, -1 where there is none or the name is no token. A name spelled as in
// the standards, which is nearly every one, is a token without being looked at.
func headerName(line []byte, i int) (nameEnd int, kind Kind, colon int) {
	n := bytes.IndexByte(line[i:], ':')
	if n > 1 {
		name := line[i : i+n]
		kind = slots[slot(n, name[0], name[n-1])]
		if kind != Other && string(name) == names[kind] {
			return i + n, kind, i + n
		}
	}
	nameEnd = run(line, i, tokenByte)
	if nameEnd == i || n < 0 || run(line, nameEnd, blankByte) != i+n {
		return nameEnd, Other, -1
	}
	return nameEnd, kindOf(line[i:nameEnd]), i + n
}

// clean looks for what must not leave again: a CR that ends no line, and NUL,
// which is allowed only as a quoted pair (RFC 3261 25.1; RFC 4475 3.1.1.2).
// Each becomes a blank, so that not even the refusal can carry it.
func (m *Message) clean(lines int) {
	head := m.Raw[:m.head]
	if bytes.Count(head, []byte{'\r'}) != lines {
		m.fail(400, "bare CR in the head of the message")
		for i, c := range head {
			if c == '\r' && (i+1 == len(head) || head[i+1] != '\n') {
				head[i] = ' '
			}
		}
	}
	if bytes.IndexByte(head, 0) >= 0 {
		m.cleanNUL(head)
	}
}

// cleanNUL goes through the head once, keeping track of quoted strings.
func (m *Message) cleanNUL(head []byte) {
	inside := false
	for i := 0; i < len(head); i++ {
		switch c := head[i]; {
		case c == '\n':
			inside = false
		case c == '"':
			inside = !inside
		case c == '\\' && inside:
			i++
		case c == 0:
			m.fail(400, "NUL in the head of the message")
			head[i] = ' '
		}
	}
}
