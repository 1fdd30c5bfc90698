package sipedge

import (
	"bytes"
	"net/netip"
	"slices"

	"github.com/speakops/sipedge/sipedge/message"
)

// A trunk with hide never sees an address of the inside: Contact and the
// gateways' Record-Routes leave as one Contact of ours whose user part seals
// them, and come back as the Request-URI of the trunk's own requests. No state
// is kept for it (RFC 3261 16.6 would call this a B2BUA's work on two headers;
// the dialog's identifiers stay as they are).

// veilMark tells a sealed Contact from a route token.
var veilMark = []byte("v-")

func isVeiled(user []byte) bool { return bytes.HasPrefix(user, veilMark) }

// veil hides Contact and foreign Record-Routes of a message that leaves towards
// the trunk by listener out. What is sealed is the contact URI, and the route
// set in the order in which the trunk's requests need it.
func (s *shard) veil(w *world, m *message.Message, out int, e *message.Edit) {
	inner, rest := s.splitRoutes(w, m)
	if len(inner) > 0 {
		joined := bytes.Join(rest, []byte(", "))
		if len(e.SwapOld) > 0 {
			joined = bytes.ReplaceAll(joined, e.SwapOld, e.SwapNew)
		}
		e.DropRecordRoute = true
		if len(rest) > 0 {
			e.PushRecordRoute = joined
		}
	}
	if !m.Has(message.KContact) {
		return
	}
	tail := w.listeners[out].contactTail
	na, err := firstContact(m)
	if err != nil { // what cannot be read cannot be sealed, and must not be seen
		s.contact = append(append(s.contact[:0], "<sip:"...), tail[1:]...)
		e.Contact = s.contact
		return
	}
	plain := append(s.plain[:0], na.URI...)
	for _, value := range slices.Backward(inner) {
		plain = append(append(plain, 0), value...)
	}
	s.plain = plain
	b := append(s.contact[:0], "<sip:"...)
	b = append(b, veilMark...)
	b = w.ring.SealText(b, plain, m.CallID)
	b = append(b, tail...)
	b = append(b, na.Params...)
	s.contact = b
	e.Contact = b
}

// splitRoutes parts the Record-Routes of a message: those of the inside, and
// ours with what the trunk's side recorded below it.
func (s *shard) splitRoutes(w *world, m *message.Message) (inner, rest [][]byte) {
	for value := range m.Values(message.KRecordRoute) {
		if _, own := s.ownRoute(value, w); own >= 0 || len(rest) > 0 {
			rest = append(rest, value)
		} else {
			inner = append(inner, value)
		}
	}
	return inner, rest
}

// firstContact is the one Contact that is of use in a dialog; of several, which
// only redirections have, nobody upstream is to follow any.
func firstContact(m *message.Message) (message.NameAddr, error) {
	for value := range m.Values(message.KContact) {
		return message.ParseNameAddr(value)
	}
	return message.ParseNameAddr(m.Value(message.KContact))
}

// unveil opens a hidden Contact in the Request-URI: the URI that was hidden,
// and the routes behind it.
func (s *shard) unveil(m *message.Message, w *world) (uri []byte, routes [][]byte, ok bool) {
	user := m.Target.User
	if !isVeiled(user) || w.own(m.Target.Host, m.Target.Port) < 0 {
		return nil, nil, false
	}
	plain, err := w.ring.OpenText(s.plain[:0], user[len(veilMark):], m.CallID)
	if err != nil {
		return nil, nil, false
	}
	s.plain = plain
	parts := bytes.Split(plain, []byte{0})
	return parts[0], parts[1:], true
}

// hideVias takes the Vias of the inside off a request that leaves towards the
// trunk; restoreVias puts them back on its responses, complete as a response of
// our own would have them.
func hideVias(e *message.Edit) { e.DropVias = true }

func (s *shard) restoreVias(raw []byte, source netip.AddrPort, e *message.Edit) {
	if err := s.hidden.Parse(raw); err != nil {
		return
	}
	s.viaBuf = s.hidden.AppendVias(s.viaBuf[:0], source)
	// PushVia writes the first line's name and the last one's end.
	_, lines, _ := bytes.Cut(s.viaBuf, []byte(":"))
	e.PushVia = bytes.TrimSpace(lines)
}
