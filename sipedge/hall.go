package sipedge

import (
	"math/rand/v2"

	"github.com/speakops/sipedge/ratelimit"
	"github.com/speakops/sipedge/routing"
	"github.com/speakops/sipedge/sipedge/call"
	"github.com/speakops/sipedge/sipedge/message"
	"github.com/speakops/sipedge/sipedge/profile"
	"github.com/speakops/sipedge/sipedge/transport"
)

// hall receives an INVITE that begins a call: who sends it, may it, and whom
// does it call? Refusals before the decision are stateless.
func (s *shard) hall(f transport.Flow, m *message.Message, w *world, key, id uint64, now call.Instant) {
	t := w.trunkOf(f, s.edge.namesOf(f))
	if t == nil {
		s.edge.strangeInvite(f)
		s.because = becauseStrange
		s.answer(f, m, 403, "Forbidden", nil)
		return
	}
	asked, emergency := s.asked(m, t)
	if s.edge.shed(w, m) && !asked.PSAP && !emergency && s.edge.unready() == "" {
		// Before everything that costs: a refusal is three datagrams at most.
		s.turnAway(f, m, t, profile.Overload, becauseOverload)
		return
	}
	if t = s.proven(f, m, w, t, now); t == nil {
		return
	}
	if code, reason := s.preloaded(m, w); code != 0 {
		s.detail = m.Value(message.KRoute)
		s.reject(f, m, t, refusedRoute, code, reason, nil, now)
		return
	}
	loop := s.loopOf(m)
	if s.looped(m, loop, w) {
		s.turnAway(f, m, t, profile.Loop, becauseLoop)
		return
	}
	if s.merged(key, f) && !s.spiral(m, w) {
		s.reject(f, m, t, refusedMerged, 482, "Merged Request", nil, now)
		return
	}
	if o, because, full := s.full(t, asked.PSAP, now); full {
		if emergency && o != profile.Draining {
			// A limit is no reason to be quiet about it.
			s.edge.emergency(t, callID{}, f.Peer)
			o, because = profile.NotOurs, becauseEmergency
		}
		s.turnAway(f, m, t, o, because)
		return
	}
	inv := s.admit(f, m, w, t, key, id, now)
	inv.asked, inv.emergency = asked, emergency
	s.opened(inv, m)
	inv.origin.class, inv.origin.loop = classInvite, loop
	s.edge.overload.Began()
	s.trying(inv, m)
	s.step(inv, s.decide(inv, now), nil, now)
}

// full says whether the edge or the trunk has no room for one more call. An
// emergency call-back is never refused for a limit (RFC 7090).
func (s *shard) full(t *trunk, psap bool, now call.Instant) (o profile.Outcome, because routing.Because, full bool) {
	e := s.edge
	if why := e.closed(); why != "" {
		return profile.Draining, routing.Because(why), true
	}
	if psap {
		t.limits.Adopt()
		return 0, "", false
	}
	if e.metrics.Dialogs.Value() >= maxDialogs {
		return profile.Overload, becauseDialogs, true
	}
	if v := t.limits.Admit(e.wall(now)); v != ratelimit.Admitted {
		return profile.TrunkLimit, routing.Because(v.String()), true
	}
	return 0, "", false
}

// admit makes the transaction. The trunk's limit is already charged.
func (s *shard) admit(f transport.Flow, m *message.Message, w *world, t *trunk, key, id uint64, now call.Instant) *invite {
	inv := s.newInvite()
	s.adopt(inv, key, id, back(f, &m.Via))
	s.current = inv
	inv.world, inv.trunk, inv.source, inv.via = w, t, f.Peer, m.Via.Port
	inv.id = s.edge.newCallID()
	inv.raw = s.hold(m.Raw)
	inv.arrived = s.edge.wall(now)
	inv.tcpUntil = call.Never
	inv.sips = isScheme(m, "sips")
	inv.entered, inv.inflight = true, true
	s.edge.metrics.InFlight.Add(1)
	inv.call.Begin(now, f.Proto != transport.UDP, w.setup)
	return inv
}

// trying sends the immediate 100 (section 8.2.6.1): upstreams try elsewhere
// when they have heard nothing for a second or three.
func (s *shard) trying(inv *invite, m *message.Message) {
	s.out = m.AppendReply(s.out[:0], 100, "Trying", nil, inv.source, nil)
	inv.last = s.keep(inv.last, s.out)
	s.respond(inv.flow, inv.via, s.out)
}

// asked makes the routing.Call of an INVITE.
func (s *shard) asked(m *message.Message, t *trunk) (rc routing.Call, emergency bool) {
	rc = routing.Call{Trunk: t.id, Draw: rand.Uint64()}
	dialled, err := t.profile.Called(m, t.plan)
	if err == nil {
		rc.To = dialled.Number
	}
	rc.From = t.profile.Caller(m, t.plan, t.identity)
	if t.override {
		rc.Forced = t.profile.Forced(m)
	}
	rc.PSAP = t.psap && profile.PSAPCallback(m)
	return rc, err == profile.ErrEmergency
}

// preloaded refuses routes that this edge has not given out (section 16.4; an
// edge that followed them would be an open relay). A Route that names only us
// is what an outbound-proxy setting writes, and harmless.
func (s *shard) preloaded(m *message.Message, w *world) (code int, reason string) {
	for value := range m.Values(message.KRoute) {
		na, err := message.ParseNameAddr(value)
		if err != nil {
			return 400, "Bad Route"
		}
		u, err := message.ParseURI(na.URI)
		if err != nil {
			return 400, "Bad Route"
		}
		if w.own(u.Host, u.Port) < 0 || len(u.User) > 0 {
			return 403, "Preloaded Route Refused"
		}
	}
	return 0, ""
}

// merged recognises a request that came on two ways (section 8.2.2.2). From
// another address of the trunk it is the provider's own retry, and a new call:
// so there may be several under the key, and any of them counts.
func (s *shard) merged(key uint64, f transport.Flow) bool {
	for tx := s.servers[key]; tx != nil; tx = tx.head().next {
		inv, ok := tx.(*invite)
		if ok && inv.call.State() == call.Proceeding && inv.source.Addr() == f.Peer.Addr() {
			return true
		}
	}
	return false
}

// turnAway refuses without remembering: one datagram, and its ACK is absorbed.
func (s *shard) turnAway(f transport.Flow, m *message.Message, t *trunk, o profile.Outcome, because routing.Because) {
	a := t.profile.Final(o)
	s.edge.turnedAway(t, o, because)
	s.recordTurnedAway(f, m, t, o.String(), because, a.Code)
	s.because = because
	s.answer(f, m, a.Code, a.Reason, s.finalLines(t, a, because))
}

// finalLines are the header lines of a final response of our own.
func (s *shard) finalLines(t *trunk, a profile.Answer, because routing.Because) []byte {
	a.RetryAfter = retryAfterSpread(a.RetryAfter, rand.Int64N)
	s.lines = profile.AppendRetryAfter(s.lines[:0], a)
	if t == nil || !t.diagnostics {
		because = ""
	}
	s.lines = profile.AppendReason(s.lines, a, because)
	return s.lines
}
