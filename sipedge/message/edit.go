package message

import (
	"bytes"
	"net/netip"
	"slices"
)

// Edit is what the edge changes of a message on its way through. The zero Edit
// with MaxForwards -1 changes nothing. Values must hold no CR, LF or NUL: those
// cut from a parsed Message never do.
type Edit struct {
	URI    []byte // new Request-URI; nil leaves it
	Status int    // new status of a response; 0 leaves it
	Reason string // phrase for Status; "" is the usual one

	PopVia      bool           // remove the topmost Via value (also out of a comma list)
	DropVias    bool           // remove every Via value (a request whose path is to be hidden)
	PushVia     []byte         // new topmost Via value
	Received    netip.AddrPort // written as received and rport into what was the topmost Via (RFC 3261 18.2.1, RFC 3581); zero leaves it
	MaxForwards int            // -1 leaves it, else set or inserted

	DropRoutes      int // so many topmost Route values are removed (comma lists understood)
	DropAllRoutes   bool
	PushRoute       []byte // Route value(s) put on top, comma separated
	PushRecordRoute []byte // Record-Route value(s) put on top, comma separated
	DropRecordRoute bool   // all Record-Route values are removed (before PushRecordRoute)
	SwapOld         []byte // this text inside Record-Route values ...
	SwapNew         []byte // ... becomes this, everywhere it stands

	Contact []byte     // new single Contact value where there is a Contact; nil leaves it
	Strip   *HeaderSet // headers that do not pass; nil strips nothing
	Add     []byte     // complete header lines ("Name: value\r\n"...), put before Content-Length
	Body    []byte     // new body of the same Content-Type; nil leaves it
}

// Append appends the message as changed by e and returns the extended slice.
// Content-Length is always exact and present. Via, From, To, Call-ID, CSeq,
// Max-Forwards and Content-Length cannot be stripped. A new header of a kind the
// message lacks stands behind its topmost Vias.
func (m *Message) Append(dst []byte, e *Edit) []byte {
	dst = slices.Grow(dst, len(m.Raw)+len(e.PushVia)+len(e.PushRoute)+len(e.PushRecordRoute)+
		len(e.SwapNew)+len(e.Contact)+len(e.Add)+len(e.Body)+len(e.URI)+256)
	w := writer{Message: m, e: e, dst: dst, drop: e.DropRoutes, body: m.Body}
	if e.Body != nil {
		w.body = e.Body
	}
	w.startLine()
	if !m.Has(KVia) && e.PushVia != nil {
		w.line("Via", e.PushVia)
	}
	w.headers()
	return w.finish()
}

// writer is one Append under way. Untouched lines gather between from and the
// header at hand and leave in one copy.
type writer struct {
	*Message
	e    *Edit
	dst  []byte
	body []byte
	from int // offset of what is not copied yet

	drop    int  // Route values still to be removed
	started bool // the topmost Via header is behind us
	settled bool // missing headers were put in
	length  bool // Content-Length was written
	contact bool // the new Contact was written
	routed  bool // the new Route was written
	record  bool // the new Record-Route was written
}

func (w *writer) startLine() {
	first := w.firstLine()
	switch {
	case w.Request && w.e.URI != nil:
		w.dst = append(w.dst, w.MethodName...)
		w.dst = append(w.dst, ' ')
		w.dst = append(w.dst, w.e.URI...)
		w.dst = append(w.dst, " SIP/2.0\r\n"...)
		w.from = first
	case !w.Request && w.e.Status != 0:
		w.dst = appendStatus(w.dst, w.e.Status, w.e.Reason)
		w.from = first
	}
}

// firstLine is the offset behind the start line.
func (m *Message) firstLine() int {
	if len(m.Headers) > 0 {
		return int(m.Headers[0].start)
	}
	return int(m.head)
}

func (w *writer) headers() {
	for i := range w.Headers {
		h := &w.Headers[i]
		if w.started && !w.settled && h.Kind != KVia {
			w.flush(int(h.start))
			w.insertMissing()
		}
		switch h.Kind {
		case KVia:
			w.via(i, h)
		case KFrom, KTo, KCallID, KCSeq:
		case KMaxForwards:
			if w.e.MaxForwards >= 0 {
				w.begin(h)
				w.dst = appendUint(w.dst, uint64(w.e.MaxForwards))
				w.finishLine(i)
			}
		case KContentLength:
			w.contentLength(i, h)
		case KRoute:
			w.route(i, h)
		case KRecordRoute:
			w.recordRoute(i, h)
		case KContact:
			w.contactLine(i, h)
		default:
			if w.e.Strip != nil && w.e.Strip.Has(h) {
				w.skip(i)
			}
		}
	}
}

// flush copies what is untouched up to offset to.
func (w *writer) flush(to int) {
	w.dst = append(w.dst, w.Raw[w.from:to]...)
	w.from = to
}

// skip leaves header i out.
func (w *writer) skip(i int) {
	w.flush(int(w.Headers[i].start))
	w.from = w.end(i)
}

// begin copies up to where the value of h begins, its name as it was written.
func (w *writer) begin(h *Header) {
	w.flush(w.offset(h.Value))
}

// finishLine ends a line whose value was written anew.
func (w *writer) finishLine(i int) {
	w.dst = append(w.dst, "\r\n"...)
	w.from = w.end(i)
}

func (w *writer) line(name string, value []byte) {
	w.dst = append(w.dst, name...)
	w.dst = append(w.dst, ": "...)
	w.dst = append(w.dst, value...)
	w.dst = append(w.dst, "\r\n"...)
}

// insertMissing puts in what the edit sets and the message has no line for.
func (w *writer) insertMissing() {
	w.settled = true
	if w.e.PushRecordRoute != nil && !w.Has(KRecordRoute) {
		w.line("Record-Route", w.e.PushRecordRoute)
	}
	if w.e.PushRoute != nil && !w.Has(KRoute) {
		w.line("Route", w.e.PushRoute)
	}
	if w.e.MaxForwards >= 0 && !w.Has(KMaxForwards) {
		w.dst = append(w.dst, "Max-Forwards: "...)
		w.dst = appendUint(w.dst, uint64(w.e.MaxForwards))
		w.dst = append(w.dst, "\r\n"...)
	}
}

// via handles the Via header i; only the topmost value is ever touched.
func (w *writer) via(i int, h *Header) {
	top := !w.started
	w.started = true
	if top && w.e.PushVia != nil {
		w.flush(int(h.start))
		w.line("Via", w.e.PushVia)
	}
	switch {
	case w.e.DropVias:
		w.skip(i)
	case !top:
	case w.e.PopVia:
		_, rest, _ := cutValue(h.Value)
		if next, _, ok := cutValue(rest); ok {
			w.begin(h)
			w.from = w.offset(next)
		} else {
			w.skip(i)
		}
	case w.e.Received.IsValid():
		w.begin(h)
		w.dst = w.Via.appendComplete(w.dst, w.e.Received)
		w.from = w.offset(w.Via.Value) + len(w.Via.Value)
	}
}

// contentLength leaves a right line alone, corrects a wrong one, drops a second
// one, and lets Add go in front.
func (w *writer) contentLength(i int, h *Header) {
	if w.length {
		w.skip(i)
		return
	}
	w.length = true
	if len(w.e.Add) > 0 {
		w.flush(int(h.start))
		w.dst = append(w.dst, w.e.Add...)
	}
	if len(w.body) != w.Message.length {
		w.begin(h)
		w.dst = appendUint(w.dst, uint64(len(w.body)))
		w.finishLine(i)
	}
}

func (w *writer) route(i int, h *Header) {
	if !w.routed && w.e.PushRoute != nil {
		w.flush(int(h.start))
		w.line("Route", w.e.PushRoute)
	}
	w.routed = true
	if w.e.DropAllRoutes {
		w.skip(i)
		return
	}
	if w.drop <= 0 {
		if w.e.Strip != nil && w.e.Strip.Has(h) {
			w.skip(i)
		}
		return
	}
	list := h.Value
	for w.drop > 0 {
		_, rest, ok := cutValue(list)
		if !ok {
			break
		}
		w.drop--
		list = rest
	}
	next, _, ok := cutValue(list)
	if !ok {
		w.skip(i)
		return
	}
	w.begin(h)
	w.from = w.offset(next)
}

func (w *writer) recordRoute(i int, h *Header) {
	if !w.record && w.e.PushRecordRoute != nil {
		w.flush(int(h.start))
		w.line("Record-Route", w.e.PushRecordRoute)
	}
	w.record = true
	if w.e.DropRecordRoute || w.e.Strip != nil && w.e.Strip.Has(h) {
		w.skip(i)
		return
	}
	if len(w.e.SwapOld) == 0 {
		return
	}
	at, end := w.offset(h.Value), w.offset(h.Value)+len(h.Value)
	for {
		n := bytes.Index(w.Raw[at:end], w.e.SwapOld)
		if n < 0 {
			return
		}
		w.flush(at + n)
		w.dst = append(w.dst, w.e.SwapNew...)
		at += n + len(w.e.SwapOld)
		w.from = at
	}
}

func (w *writer) contactLine(i int, h *Header) {
	switch {
	case w.contact, w.e.Strip != nil && w.e.Strip.Has(h):
		w.skip(i)
	case w.e.Contact != nil:
		w.contact = true
		w.begin(h)
		w.dst = append(w.dst, w.e.Contact...)
		w.finishLine(i)
	}
}

func (w *writer) finish() []byte {
	w.flush(int(w.head))
	if !w.settled {
		w.insertMissing()
	}
	if !w.length {
		w.dst = append(w.dst, w.e.Add...)
		w.dst = append(w.dst, "Content-Length: "...)
		w.dst = appendUint(w.dst, uint64(len(w.body)))
		w.dst = append(w.dst, "\r\n"...)
	}
	w.dst = append(w.dst, "\r\n"...)
	return append(w.dst, w.body...)
}
