package sipedge

import (
	"bytes"
	"errors"
	"slices"
	"strings"

	"github.com/speakops/sipedge/routing"
	"github.com/speakops/sipedge/sipedge/call"
	"github.com/speakops/sipedge/sipedge/message"
	"github.com/speakops/sipedge/sipedge/profile"
	"github.com/speakops/sipedge/sipedge/transport"
)

// request takes one request from the porch to the room it belongs in. The order
// of the checks is that of RFC 3261 section 16.3, with the transaction match
// first for what belongs to a transaction in any case (ACK, CANCEL).
func (s *shard) request(f transport.Flow, m *message.Message, now call.Instant) {
	key, id := s.txKey(m), s.txID(&m.Via)
	match := s.find(key, id)
	switch {
	case match != nil:
		s.belongs(match, f, m, now)
		return
	case m.Method == message.CANCEL:
		s.strayCancel(f, m, key, id)
		return
	}
	if t, ok := s.tombs.of(key, id); ok {
		s.exhume(t, f, m, now)
		return
	}
	w := s.edge.world.Load()
	if code, reason, extra := s.unfit(m, w); code != 0 {
		if m.Method != message.ACK {
			why := refusedRequest
			if code == 420 {
				why = refusedExtension
			}
			s.detail = unfitting(m, code)
			s.reject(f, m, w.trunkOf(f, s.edge.namesOf(f)), why, code, reason, extra, now)
		}
		return
	}
	if m.ToTag != nil {
		s.inDialog(f, m, w, key, id, now)
		return
	}
	switch m.Method {
	case message.ACK: // without a To tag it acknowledges nothing
	case message.INVITE:
		s.hall(f, m, w, key, id, now)
	case message.OPTIONS:
		s.options(f, m, w, now)
	default:
		s.detail = firstWord(m.Raw)
		s.reject(f, m, w.trunkOf(f, s.edge.namesOf(f)), refusedMethod, 405, "Method Not Allowed", allowLine, now)
	}
}

var allowLine = []byte("Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE, INFO, REFER, NOTIFY\r\n")

// belongs hands a retransmission, an ACK of a non-2xx or a CANCEL to its transaction.
func (s *shard) belongs(tx transaction, f transport.Flow, m *message.Message, now call.Instant) {
	s.current = tx
	inv, isInvite := tx.(*invite)
	s.aboutMatch(tx)
	switch {
	case m.Method == message.ACK:
		if isInvite && inv.call.Ending() == call.Answered {
			// An ACK for a 2xx should have had a branch of its own (section
			// 13.2.2.4); some peers reuse the INVITE's.
			s.ackAnswer(f, m, now)
		} else if isInvite {
			s.step(inv, call.Event{Kind: call.Ack}, nil, now)
			if !inv.dead {
				s.free(inv.last) // confirmed: it is never sent again
				inv.last = nil
			}
		}
	case m.Method == message.CANCEL:
		s.answer(f, m, 200, "OK", nil)
		if isInvite {
			inv.setReason(s, m)
			s.step(inv, call.Event{Kind: call.Cancel}, nil, now)
		}
	case isInvite:
		inv.flow = back(f, &m.Via) // a retransmission over a new connection is answered there
		s.step(inv, call.Event{Kind: call.Again}, nil, now)
	default:
		s.stepExchange(tx.(*exchange), call.Event{Kind: call.Again}, nil, now)
	}
}

// strayCancel answers a CANCEL that finds no INVITE in progress: one that is
// over is past cancelling, which is no error (section 9.2).
func (s *shard) strayCancel(f transport.Flow, m *message.Message, key, id uint64) {
	if _, ok := s.tombs.of(key, id); ok {
		s.answer(f, m, 200, "OK", nil)
		return
	}
	s.answer(f, m, 481, "Call/Transaction Does Not Exist", nil)
}

// exhume treats a retransmission that comes to a finished transaction.
func (s *shard) exhume(t tomb, f transport.Flow, m *message.Message, now call.Instant) {
	switch {
	case m.Method == message.ACK:
		if t.answered {
			s.ackAnswer(f, m, now)
		}
	case t.code != 0:
		s.answer(f, m, int(t.code), message.ReasonPhrase(int(t.code)), nil)
	}
}

// ackAnswer sends the ACK of a 2xx on to the callee.
func (s *shard) ackAnswer(f transport.Flow, m *message.Message, now call.Instant) {
	if m.ToTag != nil {
		s.inDialog(f, m, s.edge.world.Load(), 0, 0, now)
	}
}

// unfit is the request validation of section 16.3, code 0 when it passes.
func (s *shard) unfit(m *message.Message, w *world) (code int, reason string, extra []byte) {
	switch {
	case m.Method == message.INVITE && m.ToTag == nil && profile.EmergencyURN(m.URI):
		// Goes on to be refused by name: a 416 would only say that the number is
		// written strangely.
	case !isScheme(m, "sip") && !isScheme(m, "sips") && !isScheme(m, "tel"):
		return 416, "Unsupported URI Scheme", nil
	case m.MaxForwards == 0 && m.Method != message.OPTIONS: // an OPTIONS may be answered here (16.3 step 3)
		return 483, "Too Many Hops", nil
	case m.MaxForwards == 0 && m.ToTag != nil:
		return 483, "Too Many Hops", nil
	case m.Method == message.INVITE && string(m.Value(message.KMaxBreadth)) == "0":
		return 440, "Max-Breadth Exceeded", nil // RFC 5393 section 5.3.3
	}
	if m.Has(message.KProxyRequire) {
		if extra := s.unsupported(m, message.KProxyRequire); extra != nil {
			return 420, "Bad Extension", extra
		}
	}
	return 0, "", nil
}

// unfitting is what of a request was not fit for the code it gets.
func unfitting(m *message.Message, code int) []byte {
	switch code {
	case 416:
		return m.Target.Scheme
	case 420:
		return m.Value(message.KProxyRequire)
	}
	return nil
}

// firstWord is the method of a request as it was written.
func firstWord(raw []byte) []byte {
	word, _, _ := bytes.Cut(raw, []byte(" "))
	return word
}

// unsupported is the Unsupported line of a 420: every option a request asks for,
// out of all lines of the header, but for those that known names (section 16.3
// step 5, 8.2.2.3); nil when nothing is left.
func (s *shard) unsupported(m *message.Message, k message.Kind, known ...string) []byte {
	b := append(s.lines[:0], "Unsupported: "...)
	none := len(b)
	for tag := range m.Values(k) {
		if slices.ContainsFunc(known, func(n string) bool { return strings.EqualFold(n, string(tag)) }) {
			continue
		}
		if len(b) > none {
			b = append(b, ", "...)
		}
		b = append(b, tag...)
	}
	s.lines = b
	if len(b) == none {
		return nil
	}
	s.lines = append(b, "\r\n"...)
	return s.lines
}

func isScheme(m *message.Message, scheme string) bool {
	return strings.EqualFold(string(m.Target.Scheme), scheme)
}

// line makes one header line in scratch; it lives until the next line.
func (s *shard) line(name string, value []byte) []byte {
	s.lines = append(append(append(s.lines[:0], name...), value...), "\r\n"...)
	return s.lines
}

// options answers a trunk's or gateway's OPTIONS: ready or draining.
func (s *shard) options(f transport.Flow, m *message.Message, w *world, now call.Instant) {
	if t := w.trunkOf(f, s.edge.namesOf(f)); t != nil && s.proven(f, m, w, t, now) == nil {
		return
	}
	if why := s.edge.unready(); why != "" {
		t := w.trunkOf(f, s.edge.namesOf(f))
		p := w.profileOf(t)
		s.lines = profile.AppendRetryAfter(s.lines[:0], p.Final(profile.Draining))
		s.answer(f, m, 503, "Service Unavailable", s.lines)
		return
	}
	if m.Has(message.KRequire) { // here the edge is the UAS that is asked (section 8.2.2.3)
		if extra := s.unsupported(m, message.KRequire, "100rel", "timer"); extra != nil {
			s.answer(f, m, 420, "Bad Extension", extra)
			return
		}
	}
	s.answer(f, m, 200, "OK", optionsLines)
}

var optionsLines = append(allowLine[:len(allowLine):len(allowLine)], "Accept: application/sdp\r\nSupported: 100rel, timer\r\n"...)

// reject refuses a request for what it is; where anybody may be the sender, only
// so often. What of the message it is about, detail says.
func (s *shard) reject(f transport.Flow, m *message.Message, t *trunk, why string, code int, reason string, extra []byte, now call.Instant) {
	if t != nil && t.anywhere && !s.edge.heard(t, f, s.edge.wall(now)) {
		return
	}
	s.because = routing.Because(why)
	s.edge.refusal(t, why, "", f)
	s.answer(f, m, code, reason, extra)
}

// answer sends a response of our own, statelessly: its To tag is a keyed hash,
// so the ACK it may draw is recognised without having been remembered.
func (s *shard) answer(f transport.Flow, m *message.Message, code int, reason string, extra []byte) {
	tag := s.tagFor(m)
	s.out = m.AppendReply(s.out[:0], code, reason, tag[:], f.Peer, extra)
	s.showRefusal(f, m, code, or(sentences[s.because], reason))
	// Over what it came on or not at all: who breaks a connection off, or reads
	// nothing, must not make the edge open others to a port he chooses.
	to := back(f, &m.Via)
	s.edge.sent(to, s.send(to, s.upstreamActor(), s.feedback(s.out)))
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// back is the way of a response: over UDP to the source address, and to the
// port of the sent-by unless rport asks for the source port (section 18.2.2,
// RFC 3581 section 4).
func back(f transport.Flow, v *message.Via) transport.Flow {
	if f.Proto != transport.UDP || v.RPort {
		return f
	}
	port := v.Port
	if port == 0 {
		port = defaultPort(f.Proto)
	}
	f.Peer = netipPort(f.Peer, port)
	return f
}

// respond sends a response back to where the request came from (section
// 18.2.2): over the same connection, or a new one when that is gone.
func (s *shard) respond(f transport.Flow, viaPort uint16, b []byte) {
	b = s.feedback(b)
	who := s.upstreamActor()
	err := s.send(f, who, b)
	if f.Proto == transport.UDP || !errors.Is(err, transport.ErrGone) {
		s.edge.sent(f, err)
		return
	}
	to := f.Peer
	if viaPort == 0 {
		viaPort = defaultPort(f.Proto)
	}
	flow, err := s.edge.layer.Connect(f.Proto, f.Listener, netipPort(to, viaPort), s.edge.world.Load().upstreamTLS)
	if err == nil {
		err = s.send(flow, who, b)
	}
	s.edge.sent(f, err)
}
