package message

import (
	"net/netip"
	"strconv"
)

func appendUint(dst []byte, n uint64) []byte { return strconv.AppendUint(dst, n, 10) }

func appendStatus(dst []byte, code int, reason string) []byte {
	if reason == "" {
		reason = ReasonPhrase(code)
	}
	dst = append(dst, "SIP/2.0 "...)
	dst = appendUint(dst, uint64(code))
	dst = append(dst, ' ')
	dst = append(dst, reason...)
	return append(dst, "\r\n"...)
}

// AppendReply appends a response of our own to request m: all Vias (the topmost
// completed with received and rport from source), From, To with toTag added when
// it has none and code is above 100, Call-ID, CSeq, Timestamp for 100, then the
// lines of extra, then an empty body (RFC 3261 8.2.6). An empty reason is the
// usual one for the code. It serves a request that Parse refused, too.
func (m *Message) AppendReply(dst []byte, code int, reason string, toTag []byte, source netip.AddrPort, extra []byte) []byte {
	dst = appendStatus(dst, code, reason)
	var done uint64
	for i := range m.Headers {
		h := &m.Headers[i]
		again := done&(1<<h.Kind) != 0
		done |= 1 << h.Kind
		switch h.Kind {
		case KVia:
			if again {
				dst = m.appendLine(dst, i)
			} else {
				dst = m.appendTopVia(dst, i, source)
			}
		case KFrom, KCallID, KCSeq:
			if !again {
				dst = m.appendLine(dst, i)
			}
		case KTo:
			switch {
			case again:
			case code > 100 && m.ToTag == nil && len(toTag) > 0:
				dst = append(dst, m.Raw[h.start:m.offset(h.Value)+len(h.Value)]...)
				dst = append(dst, ";tag="...)
				dst = append(dst, toTag...)
				dst = append(dst, "\r\n"...)
			default:
				dst = m.appendLine(dst, i)
			}
		case KTimestamp:
			if code == 100 && !again {
				dst = m.appendLine(dst, i)
			}
		}
	}
	dst = append(dst, extra...)
	return append(dst, "Content-Length: 0\r\n\r\n"...)
}

// appendLine appends header i as it came.
func (m *Message) appendLine(dst []byte, i int) []byte {
	return append(dst, m.Raw[m.Headers[i].start:m.end(i)]...)
}

// appendTopVia appends the topmost Via header, its first value completed.
func (m *Message) appendTopVia(dst []byte, i int, source netip.AddrPort) []byte {
	h := &m.Headers[i]
	if m.Via.Value == nil {
		return m.appendLine(dst, i)
	}
	dst = append(dst, m.Raw[h.start:m.offset(h.Value)]...)
	dst = m.Via.appendComplete(dst, source)
	return append(dst, m.Raw[m.offset(m.Via.Value)+len(m.Via.Value):m.end(i)]...)
}

// AppendVias appends every Via line of request m, the topmost completed as in
// AppendReply: what a response gets back whose Vias were hidden by DropVias.
func (m *Message) AppendVias(dst []byte, source netip.AddrPort) []byte {
	first := true
	for i := range m.Headers {
		if m.Headers[i].Kind != KVia {
			continue
		}
		if first {
			dst = m.appendTopVia(dst, i, source)
			first = false
			continue
		}
		dst = m.appendLine(dst, i)
	}
	return dst
}
