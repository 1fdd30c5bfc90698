package sipedge

import (
	"net/netip"

	"github.com/speakops/sipedge/sipedge/call"
	"github.com/speakops/sipedge/sipedge/message"
	"github.com/speakops/sipedge/sipedge/message/token"
	"github.com/speakops/sipedge/sipedge/transport"
)

// exchange is one non-INVITE transaction as a shard owns it: an in-dialog
// request on its way through, or a request of our own.
type exchange struct {
	txHead
	x        call.Exchange
	world    *world
	trunk    *trunk
	method   message.Method
	source   netip.AddrPort
	toCaller bool
	of       callID // whose dialog it is in, zero for a request of our own
	cseq     uint32
	branch   branch
	client   uint64
	down     transport.Flow
	sent     []byte
	raw      []byte         // the request as it came, for a response of our own
	done     func(code int) // of a request of our own: its final response, 0 for none
}

// maxExchanges bounds the in-dialog transactions of one shard, re-INVITEs among
// them. Most last milliseconds; those with an answer worth repeating stay for 32 s.
const maxExchanges = 1 << 17

// gone implements transaction.
func (x *exchange) gone(s *shard) {
	if x.done == nil {
		s.exchanges--
	}
	delete(s.clients, x.client)
	s.free(x.sent)
	s.free(x.raw)
	x.sent, x.raw = nil, nil
}

// expire implements transaction.
func (x *exchange) expire(s *shard, now call.Instant) {
	s.stepExchange(x, call.Event{Kind: call.Tick}, nil, now)
}

// broken implements transaction.
func (x *exchange) broken(s *shard, f transport.Flow, now call.Instant) {
	if x.down == f && x.sent != nil {
		s.stepExchange(x, call.Event{Kind: call.Broken}, nil, now)
	}
}

// exchange carries one in-dialog request other than INVITE and ACK.
func (s *shard) exchange(f transport.Flow, m *message.Message, w *world, p *passage, key, id uint64, now call.Instant) {
	s.exchanges++
	x := &exchange{world: w, trunk: p.trunk, method: m.Method, source: f.Peer, toCaller: p.token.Direction == token.ToCaller, cseq: m.CSeq}
	s.adopt(x, key, id, back(f, &m.Via))
	x.via = m.Via.Port
	s.current = x
	x.of = p.token.Call
	x.raw = s.hold(m.Raw)
	if m.Method == message.BYE {
		s.bye(p, m, now)
	}
	o := origin{via: &m.Via, source: f.Peer, flow: f, callID: m.CallID, class: classOther, loop: s.loopOf(m)}
	x.branch, x.client = s.branchFor(&o, 0)
	e := s.insideEdit(f, m, w, p, &x.branch)
	s.out = m.Append(s.out[:0], &e)
	x.sent = s.hold(s.out)
	s.clients[x.client] = client{x, 0}
	x.x.Begin(now, f.Proto != transport.UDP, p.next.proto != transport.UDP, false)
	flow, err := s.sendNext(p.next, x.sent)
	x.down = flow
	if err != nil {
		s.stepExchange(x, call.Event{Kind: call.Broken}, nil, now)
		return
	}
	s.timers.set(x, x.x.Next())
}

// stepExchange drives an exchange with one event.
func (s *shard) stepExchange(x *exchange, ev call.Event, m *message.Message, now call.Instant) {
	s.current = x
	effects := x.x.Step(ev, now, s.xeffects[:0])
	s.xeffects = effects[:0]
	for _, ef := range effects {
		s.grantExchange(x, ef, m, now)
		if x.dead {
			return
		}
	}
	s.timers.set(x, x.x.Next())
}

func (s *shard) grantExchange(x *exchange, ef call.Effect, m *message.Message, now call.Instant) {
	switch ef.Kind {
	case call.Repeat:
		s.edge.sent(x.down, s.send(x.down, 0, x.sent))
	case call.Relay:
		if x.done != nil {
			if ef.Code >= 200 {
				x.done(ef.Code)
			}
			return
		}
		s.refreshedBy(x, m, now)
		s.relayExchange(x, m, ef.Code)
	case call.Respond:
		if x.done != nil {
			x.done(0)
			return
		}
		s.respondExchange(x, ef.Code)
	case call.Resend:
		if len(x.last) > 0 {
			s.respond(x.flow, x.via, x.last)
		}
	case call.Finish: // silence to the last: RFC 4320 forbids a 408
		if x.done != nil {
			x.done(0)
		}
	case call.Rest:
		s.restExchange(x, now)
	case call.Gone:
		s.drop(x)
	}
}

// respondExchange answers with a response of our own.
func (s *shard) respondExchange(x *exchange, code int) {
	if err := s.spare.Parse(x.raw); err != nil {
		return
	}
	tag := s.tagFor(&s.spare)
	s.out = s.spare.AppendReply(s.out[:0], code, message.ReasonPhrase(code), tag[:], x.source, nil)
	s.lastExchange(x)
}

func (s *shard) relayExchange(x *exchange, m *message.Message, code int) {
	to := token.ToCallee
	if x.toCaller {
		to = token.ToCaller
	}
	if code == 503 {
		s.offerRefused(x.of, to, x.cseq)
		// Section 16.7 step 6: the other end is out of service, this edge is not.
		s.respondExchange(x, 500)
		return
	}
	body := s.bodyBack(x.of, to, x.trunk, m)
	if x.toCaller {
		// The response comes from the trunk's side and goes inside.
		s.out = s.inward(x.trunk, m, x.raw, x.source, body, s.out[:0])
	} else {
		s.out = s.upstream(x.world, x.trunk, m, nil, body, x.flow.Listener, s.out[:0])
	}
	s.lastExchange(x)
}

// inward is a response of the trunk's side as the inside gets it; raw is the
// request it answers, and source is where that came from.
func (s *shard) inward(t *trunk, m *message.Message, raw []byte, source netip.AddrPort, body, dst []byte) []byte {
	e := message.Edit{PopVia: true, MaxForwards: -1, Body: body}
	if t != nil {
		e.Strip = t.stripIn
		if t.hide {
			s.restoreVias(raw, source, &e)
		}
	}
	return m.Append(dst, &e)
}

func (s *shard) lastExchange(x *exchange) {
	x.last = s.keep(x.last, s.out)
	s.respond(x.flow, x.via, x.last)
}

// restExchange shrinks a finished exchange. The answer to a BYE has nothing in
// it that its status does not say, so a tomb is enough, also for what a gateway
// sends again to a caller who would not; any other response is kept for the
// retransmissions that timer J waits for.
func (s *shard) restExchange(x *exchange, now call.Instant) {
	if x.method == message.BYE && len(x.last) > 0 {
		code := statusOf(x.last)
		key, id := x.key, x.id
		s.drop(x)
		s.tombs.bury(key, tomb{id: id, code: code}, now)
		return
	}
	delete(s.clients, x.client)
	s.free(x.sent)
	s.free(x.raw)
	x.sent, x.raw = nil, nil
}

// statusOf reads the code of a response we have written ourselves: "SIP/2.0 200 OK".
func statusOf(b []byte) uint16 {
	if len(b) < 12 {
		return 0
	}
	return uint16(b[8]-'0')*100 + uint16(b[9]-'0')*10 + uint16(b[10]-'0')
}
