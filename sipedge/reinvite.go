package sipedge

import (
	"github.com/speakops/sipedge/sipedge/call"
	"github.com/speakops/sipedge/sipedge/message"
	"github.com/speakops/sipedge/sipedge/message/token"
	"github.com/speakops/sipedge/sipedge/transport"
)

// reinvite carries an INVITE inside a dialog: to the one place its token leads
// to, without a decision, a limit or another gateway. What was decided once is
// pinned for the whole dialog.
func (s *shard) reinvite(f transport.Flow, m *message.Message, w *world, p *passage, key, id uint64, now call.Instant) {
	inv := s.newInvite()
	inv.dialogue = inDialog{on: true, token: p.token, next: p.next}
	s.exchanges++
	s.adopt(inv, key, id, back(f, &m.Via))
	s.current = inv
	inv.world, inv.trunk, inv.source, inv.via = w, p.trunk, f.Peer, m.Via.Port
	inv.id, inv.tcpUntil = p.token.Call, call.Never
	inv.raw = s.hold(m.Raw)
	inv.arrived = s.edge.wall(now)
	inv.origin.class, inv.origin.loop = classInvite, s.loopOf(m)
	inv.call.Begin(now, f.Proto != transport.UDP, 0)
	s.trying(inv, m)
	b, key2 := s.branchFor(&origin{via: &m.Via, source: f.Peer, flow: f, callID: m.CallID, class: classInvite, loop: inv.origin.loop}, 0)
	e := s.insideEdit(f, m, w, p, &b)
	s.out = m.Append(s.out[:0], &e)
	inv.legs = append(inv.legs[:0], leg{branch: b, key: key2, sent: s.hold(s.out), began: now})
	s.clients[key2] = client{inv, 0}
	inv.targets = append(inv.targets[:0], call.Target{Reliable: p.next.proto != transport.UDP})
	s.step(inv, call.Event{Kind: call.Carry, Targets: inv.targets, Rules: &w.reinvite}, nil, now)
}

// forwardInside sends a re-INVITE that reinvite has built.
func (s *shard) forwardInside(inv *invite, i int) {
	l := &inv.legs[i]
	flow, err := s.sendNext(inv.dialogue.next, l.sent)
	l.flow = flow
	if err != nil {
		s.then(call.Event{Kind: call.Broken, Branch: i})
	}
}

// relayInside forwards a response to a re-INVITE; nothing of it is ours to change.
func (s *shard) relayInside(inv *invite, m *message.Message, code int) {
	body := s.bodyBack(inv.id, inv.dialogue.token.Direction, inv.trunk, m)
	if inv.dialogue.token.Direction == token.ToCaller {
		s.out = s.inward(inv.trunk, m, inv.raw, inv.source, body, s.out[:0])
	} else {
		s.out = s.upstream(inv.world, inv.trunk, m, nil, body, inv.flow.Listener, s.out[:0])
	}
	if code < 200 {
		inv.last = s.keep(inv.last, s.out)
	}
	s.respond(inv.flow, inv.via, s.out)
	if code >= 200 {
		s.noteTarget(inv, m)
	}
}

// finishInside ends a re-INVITE: with the other side's own final (500 for its
// 503), or with 487 after CANCEL and 408 after silence. No profile is asked: the dialog lives on,
// and its ends must understand each other.
func (s *shard) finishInside(inv *invite, m *message.Message, ef call.Effect) {
	if ef.Kept && ef.Code != 503 {
		if err := s.spare.Parse(inv.kept); err != nil {
			return
		}
		s.relayInside(inv, &s.spare, 0)
		return
	}
	code := 408
	switch {
	case ef.Kept: // section 16.7 step 6: the other end is out of service, this edge is not
		code = 500
	case ef.Ending == call.Canceled:
		code = 487
	}
	s.offerRefused(inv.id, inv.dialogue.token.Direction, m.CSeq)
	tag := s.tagFor(m)
	s.out = m.AppendReply(s.out[:0], code, message.ReasonPhrase(code), tag[:], inv.source, nil)
	inv.last = s.keep(inv.last, s.out)
	s.respond(inv.flow, inv.via, s.out)
}
