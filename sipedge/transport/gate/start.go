package gate

import "bytes"

// startLine judges the first line and returns where the headers begin; false
// when nothing behind it is worth reading.
func (s *scan) startLine() (int, bool) {
	b := s.b[s.start:]
	if !token[b[0]] {
		// RFC 5626 8: a STUN message begins with two zero bits.
		if s.note(NotSIP); b[0] < 4 {
			s.fault = STUN
		}
		return 0, false
	}
	end := s.lineEnd(s.start)
	if s.broken || s.control || end < 0 {
		// Half a line, or bytes that no SIP element writes there.
		s.fault, s.mute = NotSIP, true
		return 0, false
	}
	line := s.b[s.start:end]
	if hasSIP(line) {
		s.silent = true
		return end + 2, s.status(line)
	}
	return end + 2, s.request(line)
}

// request wants "METHOD URI SIP/2.0", one blank between, none elsewhere
// (RFC 3261 7.1, 25.1).
func (s *scan) request(line []byte) bool {
	first, last := bytes.IndexByte(line, ' '), bytes.LastIndexByte(line, ' ')
	if first <= 0 || first > MaxMethod || !tokens(line[:first]) {
		s.note(NotSIP)
		return false
	}
	s.method = line[:first]
	// An ACK is never answered (RFC 3261 17.1.1.3).
	s.silent = string(s.method) == "ACK"
	uri := line[first+1:]
	if last > first {
		uri = line[first+1 : last]
	}
	version := line[last+1:]
	switch {
	case first == last || !hasSIP(version):
		// Blanks behind the version are a broken SIP message, all else is
		// another protocol.
		if t := bytes.TrimRight(line, " \t"); len(t) == len(line) || !hasSIP(t[bytes.LastIndexByte(t, ' ')+1:]) {
			s.note(NotSIP)
			return false
		}
		s.note(BadStartLine)
	case !is2(version):
		s.note(Version)
	case len(uri) == 0 || bytes.IndexByte(uri, ' ') >= 0 || bytes.IndexByte(uri, '\t') >= 0:
		s.note(BadStartLine)
	case len(line) > MaxStartLine:
		s.note(URITooLong)
	case crowded(line):
		s.note(TooManyParams)
	}
	return true
}

// status wants "SIP/2.0 200 ..." with a code from 100 to 699.
func (s *scan) status(line []byte) bool {
	ok := len(line) >= 11 && is2(line[:7]) && line[7] == ' ' && (len(line) == 11 || line[11] == ' ') &&
		line[8] >= '1' && line[8] <= '6' && digit(line[9]) && digit(line[10])
	switch {
	case !ok:
		s.note(BadStartLine)
	case len(line) > MaxStartLine:
		s.note(LineTooLong)
	}
	return true
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

// hasSIP says whether b begins as a SIP version does, without case (RFC 3261 7.1).
func hasSIP(b []byte) bool {
	return len(b) > 4 && b[0]|0x20 == 's' && b[1]|0x20 == 'i' && b[2]|0x20 == 'p' && b[3] == '/'
}

func is2(b []byte) bool { return len(b) == 7 && hasSIP(b) && string(b[4:]) == "2.0" }
