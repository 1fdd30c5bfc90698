package message

// take reads a header the edge knows. Singletons given twice are refused: the
// next element might believe the other one (RFC 4475 3.3.8, 3.3.9).
func (m *Message) take(k Kind, value []byte) {
	again := m.Has(k)
	m.seen |= 1 << k
	switch k {
	case KVia:
		if !again {
			m.takeVia(value)
		}
	case KFrom:
		m.FromTag = m.takeAddress(value, again, "From is given twice", "From cannot be read")
	case KTo:
		m.ToTag = m.takeAddress(value, again, "To is given twice", "To cannot be read")
	case KCallID:
		m.takeCallID(value, again)
	case KCSeq:
		m.takeCSeq(value, again)
	case KMaxForwards:
		m.takeMaxForwards(value, again)
	case KContentLength:
		m.takeLength(value, again)
	case KContentType:
		if again {
			m.fail(400, "Content-Type is given twice")
		}
	case KContact, KRoute, KRecordRoute, KPAI, KPPI, KDiversion, KHistoryInfo, KPCalledPartyID, KReferTo:
		// RFC 4475 3.1.2.6: what is cut at quotes and brackets must have both ends.
		if !balanced(value) {
			m.fail(400, unbalanced(k))
		}
	}
}

func unbalanced(k Kind) string {
	switch k {
	case KContact:
		return "a quote or bracket in Contact is not closed"
	case KRoute:
		return "a quote or bracket in Route is not closed"
	case KRecordRoute:
		return "a quote or bracket in Record-Route is not closed"
	}
	return "a quote or bracket in an address is not closed"
}

func (m *Message) takeVia(value []byte) {
	if _, err := m.Via.scan(value); err != nil {
		m.fail(400, viaFault(err))
		return
	}
	// RFC 4475 3.2.1: a cookie with nothing behind it matches everybody's.
	if len(m.Via.Branch) == len(Cookie) && prefixFold(m.Via.Branch, Cookie) {
		m.fail(400, "the branch of the top Via is empty behind its cookie")
	}
}

func viaFault(err error) string {
	switch err {
	case errViaPort:
		return "the top Via has no valid port"
	case errViaTwice:
		return "the top Via has a parameter twice"
	case errViaBranch:
		return "the branch of the top Via is empty"
	case errViaParam:
		return "the top Via has a malformed parameter"
	}
	return "the top Via cannot be read"
}

// takeAddress reads the tag of From or To.
func (m *Message) takeAddress(value []byte, again bool, twice, broken string) []byte {
	if again {
		m.fail(400, twice)
	}
	a, err := ParseNameAddr(value)
	if err != nil {
		m.fail(400, broken)
		return nil
	}
	if len(a.Params) == 0 {
		return nil
	}
	tag, ok := soleTag(a.Params)
	if !ok {
		m.fail(400, broken)
	}
	return tag
}

func (m *Message) takeCallID(value []byte, again bool) {
	if again {
		m.fail(400, "Call-ID is given twice")
		return
	}
	if len(value) == 0 {
		m.fail(400, "Call-ID is empty")
	}
	m.CallID = value
}

// takeCSeq reads 1*DIGIT LWS Method; the number stays below 2^31 (RFC 3261 8.1.1.5).
func (m *Message) takeCSeq(value []byte, again bool) {
	if again {
		m.fail(400, "CSeq is given twice")
		return
	}
	n, end, ok := number(value, 0, 1<<31-1)
	name := run(value, end, blankByte)
	if !ok || name == end || name == len(value) || run(value, name, tokenByte) != len(value) {
		m.fail(400, "CSeq is malformed")
		return
	}
	m.CSeq = uint32(n)
	method := value[name:]
	if !m.Request {
		m.MethodName, m.Method = method, MethodOf(method)
		return
	}
	if string(method) != string(m.MethodName) {
		m.fail(400, "CSeq names another method than the request line")
	}
}

// takeMaxForwards reads 0 to 255 (RFC 3261 20.22); what is larger counts as 255.
func (m *Message) takeMaxForwards(value []byte, again bool) {
	if again {
		m.fail(400, "Max-Forwards is given twice")
		return
	}
	n, end, ok := number(value, 0, 255)
	if end == 0 || end != len(value) {
		m.fail(400, "Max-Forwards is no number")
		return
	}
	if !ok {
		n = 255
	}
	m.MaxForwards = int(n)
}

// takeLength reads Content-Length; a second one is harmless if it says the same.
func (m *Message) takeLength(value []byte, again bool) {
	n, end, ok := number(value, 0, 1<<31-1)
	if !ok || end != len(value) {
		m.fail(400, "Content-Length is no number")
		return
	}
	if again && m.length != int(n) {
		m.fail(400, "Content-Length is given twice with different values")
		return
	}
	m.length = int(n)
}

// cutBody takes as much of the rest as Content-Length says, all of it where
// there is none (RFC 3261 18.3).
func (m *Message) cutBody(at int) {
	have := len(m.Raw) - at
	want := m.length
	if want < 0 {
		want = have
	}
	if want > have {
		m.fail(400, "Content-Length is larger than the body")
		want = have
	}
	m.Body = m.Raw[at : at+want]
}

// mandatory asks for what every message must have (RFC 3261 8.1.1, 16.3).
func (m *Message) mandatory() {
	const all = 1<<KVia | 1<<KFrom | 1<<KTo | 1<<KCallID | 1<<KCSeq
	if m.seen&all == all {
		return
	}
	switch {
	case !m.Has(KVia):
		m.fail(400, "Via is missing")
	case !m.Has(KFrom):
		m.fail(400, "From is missing")
	case !m.Has(KTo):
		m.fail(400, "To is missing")
	case !m.Has(KCallID):
		m.fail(400, "Call-ID is missing")
	default:
		m.fail(400, "CSeq is missing")
	}
}
