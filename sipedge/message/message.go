// Package message answers: what does this SIP message say, and how does it read
// on the other side of the edge?
//
// A Message is a view over the bytes of one datagram or one framed message; it
// keeps no copy and is reused from message to message. Headers the edge does
// not touch leave byte for byte as they came (an Identity survives exactly).
// The package is quiet: bytes in, bytes out.
//
// What a proxy needs is judged, everything else passes (RFC 3261 16.3). Only
// what could mean two things to two elements is refused beyond that: a bare CR,
// LF or NUL, a singleton given twice, a quote that never closes.
package message

import "bytes"

// MaxHeaders is the most header fields a message may have.
const MaxHeaders = 256

// Header is one header field: the kind the edge knows it by, the name as it was
// written, and the value trimmed and unfolded.
type Header struct {
	Kind  Kind
	start uint32 // where its line begins in Raw; it ends where the next begins
	Name  []byte
	Value []byte
}

// Message is one parsed request or response. All slices point into Raw, which
// Parse may change in place (folded lines are unfolded there) and which must
// not be reused while the Message is in use; CopyTo makes it independent.
// Never append to one of the slices: that would write into Raw.
type Message struct {
	Raw     []byte
	Request bool

	Method     Method // of the request line; in a response, of CSeq
	MethodName []byte
	URI        []byte // Request-URI, as written
	Target     URI    // Request-URI, cut

	Status int
	Reason []byte

	Headers []Header
	Body    []byte

	// What nearly every step asks for, found once.
	CallID      []byte
	FromTag     []byte
	ToTag       []byte
	CSeq        uint32
	Via         Via // the topmost Via value
	MaxForwards int // -1 when absent, at most 255

	seen   uint64 // one bit per Kind that is present
	head   uint32 // where the empty line begins
	length int    // Content-Length, -1 when absent
	fault  Fault
}

// Fault is why a message is refused. Code is the final response it deserves
// (400, 505), or 0 when silence is the right answer: a broken response, an ACK,
// bytes that are no SIP, a request whose top Via cannot be read.
type Fault struct {
	Code   int
	Reason string // one line for the peer and the log, never bytes from the wire
}

func (f *Fault) Error() string { return f.Reason }

// Has says whether a header of this kind is present.
func (m *Message) Has(k Kind) bool { return m.seen&(1<<k) != 0 }

// First returns the first header of a kind, nil when there is none.
func (m *Message) First(k Kind) *Header {
	if !m.Has(k) {
		return nil
	}
	for i := range m.Headers {
		if m.Headers[i].Kind == k {
			return &m.Headers[i]
		}
	}
	return nil
}

// Value returns the value of the first header of a kind, nil when there is none.
func (m *Message) Value(k Kind) []byte {
	if h := m.First(k); h != nil {
		return h.Value
	}
	return nil
}

// Named returns the first header of a name the edge has no Kind for, such as a
// test override; names match without case.
func (m *Message) Named(name string) *Header {
	for i := range m.Headers {
		if equalFold(m.Headers[i].Name, name) {
			return &m.Headers[i]
		}
	}
	return nil
}

// Sound says that Parse found no fault. Otherwise it need not have read to the end.
func (m *Message) Sound() bool { return m.fault.Reason == "" }

// Rest is all that stands behind the head, also what Content-Length does not count.
func (m *Message) Rest() []byte { return m.Raw[min(len(m.Raw), int(m.head)+2):] }

// offset tells where in Raw one of the message's slices begins. None of them is
// cut in capacity, so what is left behind it measures the way.
func (m *Message) offset(b []byte) int { return cap(m.Raw) - cap(b) }

// end is the offset behind the line of header i.
func (m *Message) end(i int) int {
	if i+1 < len(m.Headers) {
		return int(m.Headers[i+1].start)
	}
	return int(m.head)
}

// CopyTo makes dst an independent copy of m; the memory dst had is used again.
func (m *Message) CopyTo(dst *Message) {
	raw := append(dst.Raw[:0], m.Raw...)
	headers := append(dst.Headers[:0], m.Headers...)
	*dst = *m
	dst.Raw, dst.Headers = raw, headers
	move := func(b *[]byte) {
		if *b != nil {
			at := m.offset(*b)
			*b = raw[at : at+len(*b)]
		}
	}
	for i := range headers {
		move(&headers[i].Name)
		move(&headers[i].Value)
	}
	u, v := &dst.Target, &dst.Via
	for _, b := range [...]*[]byte{
		&dst.MethodName, &dst.URI, &dst.Reason, &dst.Body, &dst.CallID, &dst.FromTag, &dst.ToTag,
		&u.Raw, &u.Scheme, &u.User, &u.Password, &u.Host, &u.Params, &u.Headers,
		&v.Value, &v.Transport, &v.SentBy, &v.Host, &v.Branch, &v.Received, &v.MAddr,
	} {
		move(b)
	}
}

// HasToken says whether a comma list header (Supported, Require, ...) names a
// token such as "100rel", without case (RFC 3261 7.3.1).
func (m *Message) HasToken(k Kind, token string) bool {
	for v := range m.Values(k) {
		if i := bytes.IndexByte(v, ';'); i >= 0 {
			v = trim(v[:i])
		}
		if equalFold(v, token) {
			return true
		}
	}
	return false
}
