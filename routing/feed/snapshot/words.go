package snapshot

import (
	"encoding/binary"
	"time"

	"github.com/speakops/sipedge/routing"
	"github.com/speakops/sipedge/routing/e164"
)

func appendHead(b []byte, h *Head) []byte {
	b = append(b, magic...)
	b = binary.AppendUvarint(b, Version)
	b = appendText(b, h.Prefix)
	b = appendTime(b, h.Taken)
	b = appendTime(b, h.Fresh)
	for i := range h.Positions {
		p := &h.Positions[i]
		b = appendText(b, p.Incarnation)
		b = binary.AppendUvarint(b, p.Seq)
		b = appendText(b, p.Stream)
		known := uint64(0)
		if p.Known {
			known = 1
		}
		b = binary.AppendUvarint(b, known)
	}
	return b
}

// readHead begins behind magic and version.
func readHead(w *words) (h Head, err error) {
	h.Prefix, h.Taken, h.Fresh = w.text(), w.time(), w.time()
	for i := range h.Positions {
		known := uint64(0)
		h.Positions[i] = Position{Incarnation: w.text(), Seq: w.uint(), Stream: w.text()}
		if known = w.uint(); known > 1 {
			w.bad = true
		}
		h.Positions[i].Known = known == 1
	}
	return h, w.done(kindHead)
}

// appendShared spells words out, so that a value of an enumeration that moves
// in a later build does not change its meaning here.
func appendShared(b []byte, s routing.Shared) []byte {
	n := routing.Entry{Shared: s}.Number()
	b = appendText(b, n.NumberType.String())
	b = appendText(b, n.PortingState.String())
	b = appendText(b, n.RoutingAuthority.String())
	b = appendText(b, n.OriginalAssignee)
	b = appendText(b, n.CurrentServingProvider)
	b = appendText(b, n.LosingProvider)
	b = appendText(b, n.UnderlyingCarrier)
	b = appendText(b, n.LRN)
	b = appendText(b, n.LegacyRoute)
	b = appendText(b, n.SpeakOpsRoute)
	b = appendText(b, n.Override.Kind.String())
	if n.Override.Kind == routing.OverrideNone {
		return b
	}
	b = appendTime(b, n.Override.From)
	b = appendTime(b, n.Override.Until)
	b = appendText(b, n.Override.Reason)
	return appendText(b, n.Override.Author)
}

func readShared(w *words) (routing.Shared, error) {
	var n routing.Number
	n.NumberType = read(w, routing.ParseNumberType)
	n.PortingState = read(w, routing.ParsePortingState)
	n.RoutingAuthority = read(w, routing.ParseRoutingAuthority)
	n.OriginalAssignee = routing.ProviderID(w.text())
	n.CurrentServingProvider = routing.ProviderID(w.text())
	n.LosingProvider = routing.ProviderID(w.text())
	n.UnderlyingCarrier = routing.CarrierID(w.text())
	n.LRN = w.text()
	n.LegacyRoute = routing.RouteID(w.text())
	n.SpeakOpsRoute = routing.RouteID(w.text())
	n.Override.Kind = read(w, routing.ParseOverrideKind)
	if n.Override.Kind != routing.OverrideNone {
		n.Override.From, n.Override.Until = w.time(), w.time()
		n.Override.Reason, n.Override.Author = w.text(), w.text()
	}
	if w.bad {
		return routing.Shared{}, wrong(kindShared)
	}
	return routing.Share(n), nil
}

// read is one word of the vocabulary.
func read[T any](w *words, parse func(string) (T, error)) T {
	v, err := parse(w.text())
	if err != nil {
		w.bad = true
	}
	return v
}

func (w *words) number() routing.PublicNumber {
	n := e164.Number(w.uint())
	if !n.Valid() {
		w.bad = true
	}
	return n
}

// Times are nanoseconds since 1970; 0 is the zero time.
func appendTime(b []byte, t time.Time) []byte {
	if t.IsZero() {
		return binary.AppendVarint(b, 0)
	}
	return binary.AppendVarint(b, t.UnixNano())
}

func (w *words) time() time.Time {
	if ns := w.int(); ns != 0 {
		return time.Unix(0, ns).UTC()
	}
	return time.Time{}
}
