package message

import "bytes"

const version = "SIP/2.0"

// startLine reads the first line and returns the offset behind it and the
// number of CRs that belong there; -1 when there is no line at all.
func (m *Message) startLine() (next, lines int) {
	end := m.lineEnd(0, false)
	if end <= 1 {
		return -1, 0
	}
	line := m.Raw[:end-1]
	if prefixFold(line, "SIP/") {
		m.statusLine(line)
	} else {
		m.Request = true
		m.requestLine(line)
	}
	return end + 1, 1
}

// requestLine reads Method SP Request-URI SP SIP-Version with single blanks and
// nothing else (RFC 3261 7.1, 25.1). It is not repaired: RFC 4475 3.1.2.7-9.
func (m *Message) requestLine(line []byte) {
	sp := run(line, 0, tokenByte)
	m.MethodName = m.Raw[:sp]
	m.Method = MethodOf(m.MethodName)
	if sp == 0 || sp == len(line) || line[sp] != ' ' {
		m.fail(400, "the request line has no method")
		return
	}
	last := bytes.LastIndexByte(line, ' ')
	m.checkVersion(line[last+1:])
	if last <= sp {
		m.fail(400, "the request line has no version")
		return
	}
	m.URI = m.Raw[sp+1 : last]
	m.requestURI()
}

func (m *Message) checkVersion(v []byte) {
	if string(v) == version || equalFold(v, version) {
		return
	}
	if prefixFold(v, "SIP/") {
		_, dot, ok := number(v, 4, 1<<31)
		if ok && dot < len(v) && v[dot] == '.' {
			if _, end, ok := number(v, dot+1, 1<<31); ok && end == len(v) {
				m.fail(505, "the message is not of version SIP/2.0")
				return
			}
		}
	}
	m.fail(400, "the request line does not end with SIP/2.0")
}

// requestURI judges sip, sips and tel; a scheme unknown here is answered with
// 416 by whoever routes (RFC 3261 16.3 step 2).
func (m *Message) requestURI() {
	u, err := ParseURI(m.URI)
	m.Target = u
	switch {
	case err != nil:
		m.fail(400, "the Request-URI is malformed")
	case u.Headers != nil:
		// RFC 3261 19.1.1: no header component in a Request-URI (RFC 4475 3.1.2.11).
		m.fail(400, "the Request-URI carries header fields")
	}
}

// statusLine reads SIP-Version SP 3DIGIT SP Reason-Phrase (RFC 3261 7.2). The
// blank before an empty phrase may be missing.
func (m *Message) statusLine(line []byte) {
	sp := bytes.IndexByte(line, ' ')
	if sp < 0 || !equalFold(line[:sp], version) {
		m.fail(0, "the response is not of version SIP/2.0")
		return
	}
	code, end, ok := number(line, sp+1, 699)
	if !ok || end != sp+4 || code < 100 {
		m.fail(0, "the status code is not between 100 and 699")
		return
	}
	if end < len(line) {
		if line[end] != ' ' {
			m.fail(0, "the status line is malformed")
			return
		}
		end++
	}
	m.Status = int(code)
	m.Reason = m.Raw[end:len(line)]
}
