package sdp

import (
	"bytes"
	"net/netip"
	"strconv"
)

// Place is where one m-line's packets are to be sent instead: to our ports, or
// nowhere.
type Place struct {
	Reject bool // port 0
	RTP    uint16
	RTCP   uint16
}

// Edit is what changes in a description on its way through.
type Edit struct {
	Addr  netip.Addr // ours, towards the reader of what comes out
	Media []Place    // by m-line; those beyond it are rejected

	// Hide drops what else the description says about the writer's addresses:
	// lines of free text and unknown attributes in which one of them stands.
	Hide bool
}

// Append appends the description that Read has understood, as changed by e.
//
//	o=, c=          our address; a connection of all zeros stays one: it is a hold
//	m=              our port, or 0
//	a=rtcp          our port, and our address where it had one
//	a=candidate, a=remote-candidates, a=end-of-candidates, a=ice-*
//	                left out: a path around the relay
//	a=source-filter, a=altc
//	                left out: other addresses for the same stream (RFC 4570, RFC 6947)
//	a=group:BUNDLE  left out: here every m-line has ports of its own
//
// Everything else, keys and fingerprints among it, is copied byte for byte.
func (d *Description) Append(dst []byte, e *Edit) []byte {
	w := writer{d: d, e: e, dst: dst, at: -1}
	for rest := d.body; len(rest) > 0; {
		var line, end []byte
		line, end, rest = cutLine(rest)
		w.line(line, end)
	}
	return w.dst
}

type writer struct {
	d   *Description
	e   *Edit
	dst []byte
	at  int // index of the m-line we are under, -1 before the first
}

func (w *writer) place() (p Place) {
	if w.at < 0 || w.at >= len(w.e.Media) {
		return Place{Reject: true}
	}
	return w.e.Media[w.at]
}

func (w *writer) line(line, end []byte) {
	from := len(w.dst)
	switch kind(line) {
	case 'm':
		w.at++
		w.media(line)
	case 'o':
		w.origin(line)
	case 'c':
		_, addr, _ := address(line[2:])
		w.dst = append(w.dst, "c="...)
		w.address(addr.IsValid() && addr.IsUnspecified())
	case 'a':
		if !w.attribute(line) {
			return
		}
	case 's':
		if w.tells(line) {
			w.dst = append(w.dst, "s=-"...) // the one line of free text that must be there
		} else {
			w.dst = append(w.dst, line...)
		}
	case 'v', 't', 'r', 'z', 'b':
		w.dst = append(w.dst, line...)
	default:
		if w.tells(line) {
			return
		}
		w.dst = append(w.dst, line...)
	}
	if len(w.dst) > from || len(line) == 0 {
		w.dst = append(w.dst, end...)
	}
}

// address writes "IN IP4 203.0.113.10".
func (w *writer) address(zeros bool) {
	a := w.e.Addr
	text := "IN IP4 "
	if a.Is6() {
		text = "IN IP6 "
	}
	w.dst = append(w.dst, text...)
	switch {
	case !zeros:
		w.dst = a.AppendTo(w.dst)
	case a.Is6():
		w.dst = append(w.dst, "::"...)
	default:
		w.dst = append(w.dst, "0.0.0.0"...)
	}
}

// origin keeps user, session and version, which tell one description from
// another, and writes our address.
func (w *writer) origin(line []byte) {
	b := line[2:]
	w.dst = append(w.dst, "o="...)
	for range 3 {
		var f []byte
		f, b = word(b)
		if len(f) == 0 {
			f = []byte("-")
		}
		if w.tells(f) {
			f = []byte("-")
		}
		w.dst = append(append(w.dst, f...), ' ')
	}
	w.address(false)
}

func (w *writer) media(line []byte) {
	kind, rest := word(line[2:])
	_, rest = word(rest)
	p := w.place()
	w.dst = append(append(append(w.dst, "m="...), kind...), ' ')
	if p.Reject || w.at < len(w.d.Media) && !w.d.Media[w.at].Live() {
		w.dst = append(w.dst, '0')
	} else {
		w.dst = strconv.AppendUint(w.dst, uint64(p.RTP), 10)
	}
	w.dst = append(w.dst, rest...)
}

// attribute writes an a-line; false when it is left out.
func (w *writer) attribute(line []byte) bool {
	name, value := attribute(line)
	switch {
	case is(name, "candidate"), is(name, "remote-candidates"), is(name, "end-of-candidates"),
		is(name, "source-filter"), is(name, "altc"), len(name) > 4 && is(name[:4], "ice-"):
		return false
	case is(name, "group"):
		semantics, _ := word(value)
		if is(semantics, "BUNDLE") {
			return false
		}
	case is(name, "rtcp"):
		return w.rtcp(line, value)
	}
	if w.tells(line) {
		return false
	}
	w.dst = append(w.dst, line...)
	return true
}

func (w *writer) rtcp(line, value []byte) bool {
	port, rest := word(value)
	n, ok := number(port)
	p := w.place()
	if !ok || p.Reject || p.RTCP == 0 || !w.d.Media[w.at].Live() {
		return false // nothing goes there, and it may name an address
	}
	ours := p.RTCP
	if uint16(n) == w.d.Media[w.at].Port {
		ours = p.RTP // multiplexed
	}
	w.dst = append(w.dst, line[:len("a=rtcp:")]...)
	w.dst = strconv.AppendUint(w.dst, uint64(ours), 10)
	if text, _, _ := address(rest); len(text) > 0 {
		w.dst = append(w.dst, ' ')
		w.address(false)
	}
	return true
}

// tells says whether a hidden description would give an address away by a line.
func (w *writer) tells(line []byte) bool {
	if !w.e.Hide {
		return false
	}
	for _, t := range w.d.texts[:w.d.count] {
		if bytes.Contains(line, []byte(t)) {
			return true
		}
	}
	return false
}
