package gate

// kind numbers the headers of which the gate knows more than their shape.
type kind uint8

const (
	other kind = iota
	via
	from
	to
	callID
	cseq
	timestamp
	contentLength
	maxForwards
	maxBreadth
	contentType
	event
	expires
	minSE
	rack
	referTo
	referredBy
	replaces
	rseq
	sessionExpires
)

const (
	mandatory = 1<<via | 1<<from | 1<<to | 1<<callID | 1<<cseq
	// copied are the headers a response takes from its request (RFC 3261 8.2.6).
	copied = mandatory | 1<<timestamp
	// once are the headers of which two would let two readers see two messages.
	once = 1<<from | 1<<to | 1<<callID | 1<<cseq | 1<<maxForwards | 1<<maxBreadth | 1<<contentType |
		1<<event | 1<<expires | 1<<minSE | 1<<rack | 1<<referTo | 1<<referredBy | 1<<replaces | 1<<rseq | 1<<sessionExpires
)

// header judges the field between at and end.
func (s *scan) header(at, end int) {
	if s.headers++; s.headers > MaxHeaders {
		s.broke(TooManyHeaders)
		return
	}
	line := s.b[at:end]
	if len(line) > MaxLine {
		s.note(LineTooLong)
	}
	name, value, ok := cut(line)
	if !ok {
		s.note(BadHeader)
		return
	}
	k := identify(name)
	if k == other && !tokens(name) {
		s.note(BadHeader)
	}
	if s.control {
		s.note(Control)
		// A reply would carry the control character back, and a peer may read
		// a line end into it.
		s.mute = s.mute || copied&(1<<k) != 0
	}
	if crowded(line) {
		s.note(TooManyParams)
	}
	s.known(k, value)
}

// known looks into the few values on which framing and matching depend.
func (s *scan) known(k kind, value []byte) {
	bit := uint32(1) << k
	if s.seen&bit&once != 0 {
		s.note(Duplicate)
	}
	s.seen |= bit
	switch k {
	case cseq:
		s.checkCSeq(value)
	case contentLength:
		n, ok := number(trim(value), 999_999_999)
		// Equal ones occur in the wild; of different ones nobody knows which
		// the next reader believes (RFC 4475 3.3.9).
		if !ok || s.length >= 0 && s.length != n {
			s.broke(BadLength)
			return
		}
		s.length = n
	}
}

// checkCSeq wants a number below 2^31 and the method of the request
// (RFC 3261 8.1.1.5, 20.16).
func (s *scan) checkCSeq(value []byte) {
	v := trim(value)
	i := 0
	for i < len(v) && v[i] >= '0' && v[i] <= '9' {
		i++
	}
	method := trim(v[i:])
	_, ok := number(v[:i], 1<<31-1)
	switch {
	case !ok || len(method)+i == len(v) || !tokens(method):
		s.note(BadCSeq)
	case s.method != nil && string(method) != string(s.method):
		s.note(CSeqMethod)
	}
}

// number reads decimal digits and nothing else, at most max.
func number(b []byte, max int) (int, bool) {
	if len(b) == 0 {
		return 0, false
	}
	n := 0
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		if n = n*10 + int(c-'0'); n > max {
			return 0, false
		}
	}
	return n, true
}

// cut splits a line at its colon. Blanks before the colon are part of neither
// side (RFC 3261 7.3.1 allows them; the name is compared without).
func cut(line []byte) (name, value []byte, ok bool) {
	for i, c := range line {
		if c != ':' {
			continue
		}
		n := i
		for n > 0 && (line[n-1] == ' ' || line[n-1] == '\t') {
			n--
		}
		return line[:n], line[i+1:], n > 0
	}
	return nil, nil, false
}

// trim takes linear white space off both ends, folds included.
func trim(b []byte) []byte {
	for len(b) > 0 && lws(b[0]) {
		b = b[1:]
	}
	for len(b) > 0 && lws(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}

func lws(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// identify knows a name in its long or compact form, without case.
func identify(name []byte) kind {
	switch len(name) {
	case 1:
		return compact[name[0]|0x20]
	case 2:
		return either(name, "to", to)
	case 3:
		return either(name, "via", via)
	case 4:
		switch name[1] | 0x20 {
		case 'r':
			return either(name, "from", from)
		case 's':
			if k := either(name, "cseq", cseq); k != other {
				return k
			}
			return either(name, "rseq", rseq)
		case 'a':
			return either(name, "rack", rack)
		}
	case 5:
		return either(name, "event", event)
	case 6:
		return either(name, "min-se", minSE)
	case 7:
		if name[0]|0x20 == 'c' {
			return either(name, "call-id", callID)
		}
		return either(name, "expires", expires)
	case 8:
		if k := either(name, "refer-to", referTo); k != other {
			return k
		}
		return either(name, "replaces", replaces)
	case 9:
		return either(name, "timestamp", timestamp)
	case 11:
		if name[0]|0x20 == 'm' {
			return either(name, "max-breadth", maxBreadth)
		}
		return either(name, "referred-by", referredBy)
	case 12:
		if name[0]|0x20 == 'm' {
			return either(name, "max-forwards", maxForwards)
		}
		return either(name, "content-type", contentType)
	case 14:
		return either(name, "content-length", contentLength)
	case 15:
		return either(name, "session-expires", sessionExpires)
	}
	return other
}

// compact forms: RFC 3261 7.3.3, and the RFCs of their headers.
var compact = [256]kind{'v': via, 'f': from, 't': to, 'i': callID, 'l': contentLength, 'c': contentType,
	'o': event, 'x': sessionExpires, 'r': referTo, 'b': referredBy}

func either(name []byte, lower string, k kind) kind {
	for i := range len(lower) {
		if name[i]|0x20 != lower[i] {
			return other
		}
	}
	return k
}
