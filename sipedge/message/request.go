package message

// Request is a request of the edge's own: a probe, a BYE that ends a call, a
// PRACK. Values must hold no CR, LF or NUL.
type Request struct {
	Method      Method
	URI         []byte
	Via         []byte // the Via value
	MaxForwards int    // 0 is written as 70 (RFC 3261 8.1.1.6)
	From        []byte // with its tag
	To          []byte
	CallID      []byte
	CSeq        uint32
	Routes      [][]byte // Route values in order
	Extra       []byte   // complete header lines
	ContentType []byte   // written when Body is not empty
	Body        []byte
}

// Append appends the request and returns the extended slice.
func (r *Request) Append(dst []byte) []byte {
	name := r.Method.String()
	dst = appendRequestLine(dst, name, r.URI)
	dst = appendHeader(dst, "Via", r.Via)
	for _, v := range r.Routes {
		dst = appendHeader(dst, "Route", v)
	}
	hops := r.MaxForwards
	if hops <= 0 {
		hops = 70
	}
	dst = append(dst, "Max-Forwards: "...)
	dst = appendUint(dst, uint64(hops))
	dst = append(dst, "\r\n"...)
	dst = appendHeader(dst, "From", r.From)
	dst = appendHeader(dst, "To", r.To)
	dst = appendHeader(dst, "Call-ID", r.CallID)
	dst = appendCSeq(dst, r.CSeq, name)
	dst = append(dst, r.Extra...)
	if len(r.Body) > 0 && len(r.ContentType) > 0 {
		dst = appendHeader(dst, "Content-Type", r.ContentType)
	}
	dst = append(dst, "Content-Length: "...)
	dst = appendUint(dst, uint64(len(r.Body)))
	dst = append(dst, "\r\n\r\n"...)
	return append(dst, r.Body...)
}

// AppendAck appends the ACK for a non-2xx final response to the INVITE m that we
// sent, with the To of that response (RFC 3261 17.1.1.3).
func (m *Message) AppendAck(dst []byte, to []byte) []byte {
	return m.appendSibling(dst, "ACK", to, nil)
}

// AppendCancel appends the CANCEL of the INVITE m that we sent (RFC 3261 9.1);
// extra are header lines, such as a Reason.
func (m *Message) AppendCancel(dst []byte, extra []byte) []byte {
	return m.appendSibling(dst, "CANCEL", m.Value(KTo), extra)
}

// appendSibling makes a request of the same transaction as m: same Request-URI,
// top Via, Routes, From, Call-ID and CSeq number.
func (m *Message) appendSibling(dst []byte, method string, to, extra []byte) []byte {
	dst = appendRequestLine(dst, method, m.URI)
	dst = appendHeader(dst, "Via", m.Via.Value)
	for i := range m.Headers {
		if m.Headers[i].Kind == KRoute {
			dst = m.appendLine(dst, i)
		}
	}
	dst = append(dst, "Max-Forwards: 70\r\n"...)
	dst = appendHeader(dst, "From", m.Value(KFrom))
	dst = appendHeader(dst, "To", to)
	dst = appendHeader(dst, "Call-ID", m.CallID)
	dst = appendCSeq(dst, m.CSeq, method)
	dst = append(dst, extra...)
	return append(dst, "Content-Length: 0\r\n\r\n"...)
}

func appendRequestLine(dst []byte, method string, uri []byte) []byte {
	dst = append(dst, method...)
	dst = append(dst, ' ')
	dst = append(dst, uri...)
	return append(dst, " SIP/2.0\r\n"...)
}

func appendHeader(dst []byte, name string, value []byte) []byte {
	dst = append(dst, name...)
	dst = append(dst, ": "...)
	dst = append(dst, value...)
	return append(dst, "\r\n"...)
}

func appendCSeq(dst []byte, n uint32, method string) []byte {
	dst = append(dst, "CSeq: "...)
	dst = appendUint(dst, uint64(n))
	dst = append(dst, ' ')
	dst = append(dst, method...)
	return append(dst, "\r\n"...)
}

// AppendLoopKey appends everything by which this edge routes request m, each
// part framed by its length: a request that comes back with the same key is a
// loop, with another one a spiral (RFC 3261 16.6 step 8, RFC 5393 4.2). The top
// Via is left out, since it differs each time round.
func (m *Message) AppendLoopKey(dst []byte) []byte {
	dst = appendFramed(dst, m.URI)
	dst = appendFramed(dst, m.FromTag)
	dst = appendFramed(dst, m.ToTag)
	dst = appendFramed(dst, m.CallID)
	dst = append(dst, byte(m.CSeq>>24), byte(m.CSeq>>16), byte(m.CSeq>>8), byte(m.CSeq))
	for i := range m.Headers {
		switch h := &m.Headers[i]; h.Kind {
		case KRoute, KProxyRequire, KProxyAuthorization, KPCalledPartyID:
			dst = append(dst, byte(h.Kind))
			dst = appendFramed(dst, h.Value)
		}
	}
	return dst
}

func appendFramed(dst, part []byte) []byte {
	n := len(part)
	dst = append(dst, byte(n>>16), byte(n>>8), byte(n))
	return append(dst, part...)
}
