package sipedge

import (
	"bytes"
	"time"

	"github.com/speakops/sipedge/routing"
	"github.com/speakops/sipedge/sipedge/call"
	"github.com/speakops/sipedge/sipedge/message"
	"github.com/speakops/sipedge/sipedge/message/token"
	"github.com/speakops/sipedge/sipedge/profile"
	"github.com/speakops/sipedge/sipedge/transport"
)

// response takes one response to the client transaction whose branch is in its
// topmost Via (RFC 3261 section 17.1.3).
func (s *shard) response(f transport.Flow, m *message.Message, now call.Instant) {
	raw, key, ok := parseBranch(m.Via.Branch)
	if !ok || !s.edge.world.Load().ownVia(&m.Via) {
		s.edge.meter.stray()
		return
	}
	c, ok := s.clients[key]
	if !ok {
		s.stray(f, m, raw, now)
		return
	}
	switch tx := c.tx.(type) {
	case *invite:
		// A branch of ours under another Call-ID or CSeq answers nothing we sent.
		if s.txKey(m) != tx.key || string(tx.legs[c.leg].branch[:]) != string(m.Via.Branch) || m.Method != message.INVITE && m.Method != message.CANCEL {
			s.edge.meter.stray()
			return
		}
		ev := call.Event{Kind: call.Response, Branch: c.leg, Code: m.Status}
		if m.Method == message.CANCEL {
			if m.Status < 200 {
				return
			}
			ev.Kind = call.CancelResponse
		}
		l := &tx.legs[c.leg]
		s.about(tx.id, l.actor())
		l.tried = false // it got through
		l.heard = true
		l.ringing = l.ringing || m.Status > 100 && m.Status < 200
		s.step(tx, ev, m, now)
	case *exchange:
		if m.Method != tx.method || tx.done == nil && s.txKey(m) != tx.key {
			s.edge.meter.stray()
			return
		}
		s.about(tx.of, 0)
		s.stepExchange(tx, call.Event{Kind: call.Response, Code: m.Status}, m, now)
	}
}

// relay forwards a response of a leg to the caller: every 1xx but 100, and every 2xx.
func (s *shard) relay(inv *invite, ef call.Effect, m *message.Message, now call.Instant) {
	if inv.dialogue.on {
		s.relayInside(inv, m, ef.Code)
		return
	}
	l := &inv.legs[ef.Branch]
	wall := s.edge.wall(now)
	first := ef.Code >= 200 && inv.code == 0
	if ef.Code < 200 && inv.rang.IsZero() {
		inv.rang = wall
		s.edge.metrics.PostDialDelay.ObserveTraced(wall.Sub(inv.arrived), inv.exemplar())
	}
	t := token.Token{
		Direction: token.ToCallee,
		Call:      inv.id, Edge: inv.world.edgeHash, Trunk: inv.trunk.hash, Route: l.hop.route.hash,
		Authority: uint8(l.hop.route.Authority), Flags: inv.exception(l), Revision: inv.decision.Revision, Number: uint64(inv.decision.PublicNumber),
		In: inv.world.listeners[inv.flow.Listener].hash, Out: inv.world.listeners[l.flow.Listener].hash,
		Hop: l.flow.Peer, HopProto: uint8(l.flow.Proto),
		Expires: uint32(wall.Add(inv.world.maxDuration + time.Hour).Unix()),
	}
	if ef.Code >= 200 {
		t.Answered = uint32(wall.Unix())
	}
	add := s.refresher(inv, m)
	if inv.trunk.diagnostics {
		add = s.tell(add, inv, l)
	}
	s.out = s.upstream(inv.world, inv.trunk, m, &swap{l.token, &t, m.FromTag, add}, s.legBody(inv, m), inv.flow.Listener, s.out[:0])
	if ef.Code < 200 {
		inv.last = s.keep(inv.last, s.out)
	}
	s.respond(inv.flow, inv.via, s.out)
	if first {
		l.code, l.took = ef.Code, time.Duration(now-l.began)
		s.closeLeg(inv, l)
		s.answered(inv, l, m, now)
	}
}

// upstream is a response as the caller's side gets it: our Via off, the caller's
// token in the place of the callee's (section 16.7 step 8), and nothing of the
// inside that the trunk should not see.
func (s *shard) upstream(w *world, t *trunk, m *message.Message, sw *swap, body []byte, listener uint8, dst []byte) []byte {
	e := message.Edit{PopVia: true, MaxForwards: -1, Body: body}
	if t != nil {
		e.Strip = t.stripOut
	}
	if sw != nil && sw.seal != nil && m.Has(message.KRecordRoute) {
		s.token = w.ring.Seal(s.token[:0], sw.seal, m.CallID, sw.callerTag)
		e.SwapOld, e.SwapNew = sw.old, s.token
	}
	if sw != nil {
		e.Add = sw.add
	}
	if t != nil && t.hide {
		s.veil(w, m, int(listener), &e)
	}
	if m.Status >= 300 { // no dialog comes of it, and its token is the callee's
		e.DropRecordRoute, e.PushRecordRoute = true, nil
	}
	return m.Append(dst, &e)
}

// swap is the callee's token in a response, and the caller's that takes its place.
type swap struct {
	old       []byte
	seal      *token.Token // nil: no dialog comes of it
	callerTag []byte
	add       []byte // header lines
}

// refresher asks a caller that knows session timers to refresh, when the callee
// knows none and this trunk wants them (RFC 4028 section 8.2).
func (s *shard) refresher(inv *invite, m *message.Message) []byte {
	if !inv.trunk.sessionTimer || m.Status < 200 || m.Has(message.KSessionExpires) {
		return nil
	}
	o := s.original(inv)
	if !o.HasToken(message.KSupported, "timer") {
		return nil
	}
	every, _, _ := bytes.Cut(o.Value(message.KSessionExpires), []byte(";"))
	if every = bytes.TrimSpace(every); len(every) == 0 {
		every = []byte("1800")
	}
	s.lines = append(append(append(s.lines[:0], "Require: timer\r\nSession-Expires: "...), every...), ";refresher=uac\r\n"...)
	return s.lines
}

// finish sends the final non-2xx response of the call.
func (s *shard) finish(inv *invite, ef call.Effect, now call.Instant) {
	m := s.original(inv)
	if inv.dialogue.on {
		s.finishInside(inv, m, ef)
		return
	}
	if n := len(inv.legs); n > 0 && ef.Ending == call.GatewaysFailed {
		s.edge.legSilent(inv, &inv.legs[n-1])
	}
	answer := inv.answer(ef.Ending)
	relay := false
	if ef.Kept {
		answer, relay = inv.trunk.profile.Translate(ef.Code)
		inv.outcome = profile.OutcomeOf(ef.Code)
	}
	because := inv.because()
	if ef.Ending != call.Refused {
		// The decision was carried out; what the caller wants to know is why that failed.
		because = routing.Because(inv.outcome.String())
	}
	inv.code = answer.Code
	if relay {
		s.relayKept(inv)
	} else {
		tag, lines := s.tagFor(m), s.finalLines(inv.trunk, answer, because)
		if inv.trunk.diagnostics {
			lines = s.tell(lines, inv, inv.lastLeg())
		}
		s.out = m.AppendReply(s.out[:0], answer.Code, answer.Reason, tag[:], inv.source, lines)
	}
	inv.last = s.keep(inv.last, s.out)
	s.respond(inv.flow, inv.via, s.out)
	s.recordUndecided(inv)
	s.edge.callFailed(s, inv, ef.Ending, answer, now)
	s.release(inv)
	s.forgetRequest(inv)
}

// forgetRequest frees what a finished call no longer needs while it waits for
// its ACK and for strays: a flood of failing calls lives on little.
func (s *shard) forgetRequest(inv *invite) {
	s.free(inv.raw)
	s.free(inv.kept)
	inv.raw, inv.kept = nil, nil
}

// relayKept writes the best final of the gateways as the caller gets it.
func (s *shard) relayKept(inv *invite) {
	if err := s.spare.Parse(inv.kept); err != nil {
		panic("sipedge: a response that was read once cannot be read again: " + err.Error())
	}
	var sw *swap
	if inv.trunk.diagnostics {
		sw = &swap{add: s.tell(nil, inv, inv.lastLeg())}
	}
	s.out = s.upstream(inv.world, inv.trunk, &s.spare, sw, s.legBody(inv, &s.spare), inv.flow.Listener, s.out[:0])
}

// answer is the final response of an ending that is not a gateway's own.
func (inv *invite) answer(e call.Ending) profile.Answer {
	switch e {
	case call.Canceled:
		inv.outcome = profile.Canceled
	case call.Unanswered:
		inv.outcome = profile.NoAnswer
	case call.GatewaysFailed:
		inv.outcome = profile.GatewaysFailed
	}
	return inv.final()
}
