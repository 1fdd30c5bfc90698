package sipedge

import (
	"net/netip"
	"time"

	"github.com/speakops/sipedge/ratelimit"
	"github.com/speakops/sipedge/routing"
	"github.com/speakops/sipedge/sipedge/call"
	"github.com/speakops/sipedge/sipedge/gateway"
	"github.com/speakops/sipedge/sipedge/message"
	"github.com/speakops/sipedge/sipedge/message/token"
	"github.com/speakops/sipedge/sipedge/observe/ladder"
	"github.com/speakops/sipedge/sipedge/profile"
	"github.com/speakops/sipedge/sipedge/testline"
	"github.com/speakops/sipedge/sipedge/transport"
)

// invite is one INVITE transaction as a shard owns it: the quiet call.Call and
// the bytes, flows and counters that its effects need.
type invite struct {
	txHead
	call  call.Call
	world *world
	trunk *trunk // nil for a re-INVITE of the callee
	id    callID

	raw    []byte // the INVITE as it came
	kept   []byte // the best final response so far
	reason []byte // Reason header of the caller's CANCEL
	source netip.AddrPort
	origin struct {
		class byte
		loop  [loopLen]byte
	}
	legs    []leg
	targets []call.Target
	hops    []plan

	asked     routing.Call
	line      testline.Line // that it asks for by name
	decision  routing.Decision
	outcome   profile.Outcome // of a refusal of ours
	refused   routing.Because // why, where the decision does not say
	route     *route          // of the last attempt: the decision's, but for an exception
	at        routing.Interval
	arrived   time.Time
	rang      time.Time
	code      int // the final response sent upstream
	sips      bool
	emergency bool
	crossed   bool         // an exception took it to the other side
	resolved  bool         // names were waited for once
	tcpUntil  call.Instant // a leg tried over TCP for its size goes over UDP now, unless it is connected
	sought    bool         // the store was asked for its number, once
	recorded  bool         // the decision record is written
	held      bool         // counts in the edge's held calls
	waiting   call.Instant // since when it was first held, 0 for never
	decidedAt call.Instant // when the decision stood
	dialogue  inDialog
	trace     trace
	media     *anchor // until it is answered
	badSDP    bool    // refused for what its SDP says
	mediaWhy  string  // what was wrong with its media, in words

	inflight bool // counts in the edge's load
	entered  bool // counts in the trunk's concurrency
	pass     ratelimit.Pass
	numbered bool // counts in the number's concurrency
	caller   ratelimit.Pass
	counted  bool // counts in the caller's concurrency
}

// plan is one target with the gateway it belongs to.
type plan struct {
	hop    *hop
	target gateway.Target
}

// inDialog is what a re-INVITE knows from its token.
type inDialog struct {
	on    bool
	token token.Token
	next  nextHop
}

// leg is one INVITE client transaction.
type leg struct {
	branch  branch
	key     uint64
	flow    transport.Flow
	hop     *hop
	addr    netip.AddrPort
	sent    []byte // the INVITE as sent, until its final response
	ack     []byte // the ACK of its non-2xx final
	token   []byte // the route token put into it
	began   call.Instant
	took    time.Duration
	code    int    // its final response, 0 for none yet
	tried   bool   // over TCP for its size, not over UDP yet
	reaped  bool   // its late 2xx was ended by BYE
	guards  bool   // the loop guard counts it
	heard   bool   // a provisional came
	ringing bool   // an 18x came
	unsent  bool   // the transport failed
	told    bool   // its silence is reported
	why     string // what the transport said when it failed
}

// indexOf is which attempt a leg is.
func (inv *invite) indexOf(l *leg) int {
	for i := range inv.legs {
		if &inv.legs[i] == l {
			return i
		}
	}
	return 0
}

// actor is the leg's gateway as ladders know it; a re-INVITE has none.
func (l *leg) actor() ladder.Actor {
	if l.hop == nil {
		return 0
	}
	return l.hop.actor
}

func (s *shard) newInvite() *invite {
	if n := len(s.invites); n > 0 {
		inv := s.invites[n-1]
		s.invites = s.invites[:n-1]
		inv.dead = false
		return inv
	}
	return &invite{}
}

// gone implements transaction: everything an invite holds is given back.
func (inv *invite) gone(s *shard) {
	if inv.dialogue.on {
		s.exchanges--
	}
	s.shrink(inv)
	if len(s.invites) < maxBuffers {
		call, legs, targets, hops := inv.call, inv.legs[:0], inv.targets[:0], inv.hops[:0]
		*inv = invite{call: call, legs: legs, targets: targets, hops: hops}
		inv.dead, inv.pos = true, -1 // until somebody takes it again: a step may still hold it
		s.invites = append(s.invites, inv)
	}
}

// shrink frees what only an unfinished call needs.
func (s *shard) shrink(inv *invite) {
	for i := range inv.legs {
		l := &inv.legs[i]
		s.closeLeg(inv, l)
		delete(s.clients, l.key)
		s.free(l.sent)
		s.free(l.ack)
		s.free(l.token)
		*l = leg{}
	}
	s.free(inv.raw)
	s.free(inv.kept)
	s.free(inv.reason)
	inv.raw, inv.kept, inv.reason = nil, nil, nil
	s.release(inv)
}

// release gives back what the call still counts against.
func (s *shard) release(inv *invite) {
	s.unhold(inv)
	s.closeMedia(inv.media)
	inv.media = nil
	if inv.inflight {
		inv.inflight = false
		s.edge.metrics.InFlight.Add(-1)
	}
	if inv.entered {
		inv.entered = false
		inv.trunk.limits.Leave()
	}
	if inv.numbered {
		inv.numbered = false
		s.edge.numbers.Leave(inv.pass)
	}
	if inv.counted {
		inv.counted = false
		s.edge.callers.Leave(inv.caller)
	}
}

// expire implements transaction.
func (inv *invite) expire(s *shard, now call.Instant) {
	s.step(inv, call.Event{Kind: call.Tick}, nil, now)
	if !inv.dead && now >= inv.tcpUntil {
		inv.tcpUntil = call.Never
		s.tcpTooSlow(inv, now)
	}
}

// broken implements transaction.
func (inv *invite) broken(s *shard, f transport.Flow, now call.Instant) {
	for i := range inv.legs {
		if inv.dead {
			return
		}
		if l := &inv.legs[i]; l.flow == f && l.sent != nil {
			s.brokenLeg(inv, i, now)
		}
	}
}

// step drives the call with one event and grants what it asks for, until it
// asks for nothing more. m is the message of the event, nil without one.
func (s *shard) step(inv *invite, ev call.Event, m *message.Message, now call.Instant) {
	s.current = inv
	s.events = append(s.events[:0], ev)
	for i := 0; i < len(s.events) && !inv.dead; i++ {
		effects := inv.call.Step(s.events[i], now, s.effects[:0])
		s.effects = effects[:0]
		for _, ef := range effects {
			s.grant(inv, ef, m, now)
			if inv.dead {
				return
			}
		}
		m = nil
	}
	if !inv.dead {
		s.timers.set(inv, min(inv.call.Next(), inv.tcpUntil))
	}
}

// then queues an event for the call in hand.
func (s *shard) then(ev call.Event) { s.events = append(s.events, ev) }

// grant carries out one effect.
func (s *shard) grant(inv *invite, ef call.Effect, m *message.Message, now call.Instant) {
	switch ef.Kind {
	case call.Decide:
		s.then(s.decide(inv, now))
	case call.Rescue:
		s.then(s.rescue(inv, now))
	case call.Attempt:
		s.attempt(inv, ef, now)
	case call.Repeat:
		if inv.legs[ef.Branch].tried {
			return // over TCP for now
		}
		s.sendLeg(inv, ef.Branch, inv.legs[ef.Branch].sent)
	case call.SendCancel, call.RepeatCancel:
		s.cancelLeg(inv, ef.Branch)
	case call.SendAck:
		s.ackLeg(inv, ef, m, now)
	case call.Relay:
		s.relay(inv, ef, m, now)
	case call.Keep:
		inv.kept = s.keep(inv.kept, m.Raw)
	case call.Finish:
		s.finish(inv, ef, now)
	case call.Resend:
		if len(inv.last) > 0 {
			s.respond(inv.flow, inv.via, inv.last)
		}
	case call.Reap:
		s.reap(inv, ef.Branch, m, now)
	case call.Rest:
		s.rest(inv, now)
	case call.Gone:
		s.drop(inv)
	}
}

// setReason keeps the Reason of the caller's CANCEL for ours (RFC 3326 section 3.1).
func (inv *invite) setReason(s *shard, m *message.Message) {
	if h := m.First(message.KReason); h != nil && len(inv.reason) == 0 {
		inv.reason = s.keep(inv.reason, s.line("Reason: ", h.Value))
	}
}

// rest leaves a tomb where the call was: what may still come to it is absorbed,
// and late 2xx find their way by their Vias alone.
func (s *shard) rest(inv *invite, now call.Instant) {
	key, t := inv.key, tomb{id: inv.txHead.id, answered: inv.call.Ending() == call.Answered}
	s.drop(inv)
	s.tombs.bury(key, t, now)
}

// original re-reads the INVITE as it came; the view lives until spare is used again.
func (s *shard) original(inv *invite) *message.Message {
	if err := s.spare.Parse(inv.raw); err != nil {
		panic("sipedge: an INVITE that was read once cannot be read again: " + err.Error())
	}
	return &s.spare
}
