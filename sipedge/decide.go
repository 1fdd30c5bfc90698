package sipedge

import (
	"context"
	"slices"
	"time"

	"github.com/speakops/sipedge/routing"
	"github.com/speakops/sipedge/sipedge/call"
	"github.com/speakops/sipedge/sipedge/gateway"
	"github.com/speakops/sipedge/sipedge/profile"
	"github.com/speakops/sipedge/sipedge/transport"
)

// maxTargets bounds the addresses one call may try, and those of a rescue beside.
const maxTargets = 16

// Reasons of the edge's own, beside those of routing.
const (
	becauseNumberLimit routing.Because = "number_limit"
	becauseCallerLimit routing.Because = "caller_limit"
	becauseEmergency   routing.Because = "emergency_number"
	becauseHeldFull    routing.Because = "held_calls_full"
	becauseLoop        routing.Because = "loop_detected"
	becauseOverload    routing.Because = "overload"
	becauseDialogs     routing.Because = "max_dialogs"
	becauseMalformed   routing.Because = "malformed"      // not what a SIP message may be
	becauseFault       routing.Because = "refused"        // a request that cannot be served as it is
	becauseStrange     routing.Because = "gateway_invite" // an INVITE of a gateway that is no trunk
	becausePanic       routing.Because = "internal_error" // a bug: the log has its stack
)

// decide asks the study where the call goes and turns the answer into the next
// event of the call. It is asked again when a hold is over.
func (s *shard) decide(inv *invite, now call.Instant) call.Event {
	e := s.edge
	if inv.emergency {
		inv.decision = routing.Refuse(routing.NotOurs, becauseEmergency)
		e.emergency(inv.trunk, inv.id, inv.source)
		return s.decided(inv, call.Event{Kind: call.Refuse})
	}
	if r, named := s.lineNamed(inv); named {
		return s.decideLine(inv, r)
	}
	s.unhold(inv)
	if ev, parked := s.seek(inv, now); parked {
		return s.decided(inv, ev)
	}
	inv.at = e.clock.Now()
	inv.asked.Looped = !inv.trunk.override && e.guard.looped(inv.asked.From, inv.asked.To)
	inv.decision = routing.Decide(&inv.world.routing, inv.at, inv.asked)
	d := &inv.decision
	switch d.Kind {
	case routing.KindHold:
		if !s.park(inv, now) {
			return s.decided(inv, call.Event{Kind: call.Refuse})
		}
		s.note("hold because=", string(d.Because), ", decided anew in ", d.Wait(inv.at).String())
		return call.Event{Kind: call.Wait, At: now + call.Instant(d.Wait(inv.at))}
	case routing.KindRefuse:
		return s.decided(inv, call.Event{Kind: call.Refuse})
	}
	if why := s.numbersAdmit(inv, now); why != "" {
		inv.outcome, inv.refused = profile.NumberLimit, why
		return s.decided(inv, call.Event{Kind: call.Refuse})
	}
	inv.route = inv.world.routes[d.Route.ID]
	ev := s.targeted(inv, now)
	if ev.Kind == call.Carry {
		ev = s.anchorInvite(inv, ev)
	}
	return s.decided(inv, ev)
}

// decided records the decision, once per INVITE. One that must wait for a name
// is taken anew, and the later one counts.
func (s *shard) decided(inv *invite, ev call.Event) call.Event {
	if ev.Kind == call.Wait {
		return ev
	}
	if ev.Kind == call.Refuse && inv.refused == "" {
		inv.outcome = profile.OfIntent(inv.decision.Intent)
	}
	if !inv.recorded {
		inv.recorded, inv.decidedAt = true, s.at
		s.edge.recordDecision(s, inv)
	}
	return ev
}

// recordUndecided records a call that ended while it still waited for the clock
// or for a name: its caller gave up, or its time was over.
func (s *shard) recordUndecided(inv *invite) {
	if !inv.recorded {
		inv.recorded = true
		s.edge.recordDecision(s, inv)
	}
}

// unhold takes a call out of the held ones.
func (s *shard) unhold(inv *invite) {
	if inv.held {
		inv.held = false
		s.edge.metrics.Held.Add(-1)
	}
}

// targeted lists the addresses of the chosen route in the order they are tried.
// A gateway whose name is not resolved yet is waited for once, for at most the
// second that a lookup may take; later calls find it in the cache.
func (s *shard) targeted(inv *invite, now call.Instant) call.Event {
	inv.targets, inv.hops = inv.targets[:0], inv.hops[:0]
	if inv.route.line != nil {
		return s.toTestLine(inv)
	}
	d := &inv.decision
	known := s.addRoute(inv, inv.route, &d.Order, maxTargets)
	if d.Rescue != nil && d.RescueBecause == routing.PSAP {
		// An emergency service that calls back may reach either side (RFC 7090).
		known = s.addRoute(inv, inv.world.routes[d.Rescue.ID], &d.RescueOrder, maxTargets) && known
	}
	if !known && !inv.resolved {
		inv.resolved = true
		s.resolve(inv)
		s.note("wait for the address of a gateway of route ", string(inv.route.ID))
		return call.Event{Kind: call.Wait, At: now + call.Instant(1100*time.Millisecond)}
	}
	return call.Event{Kind: call.Carry, Targets: inv.targets, Rules: inv.rules(), Rescue: d.Rescue != nil && d.RescueBecause != routing.PSAP}
}

// addRoute adds the addresses of a route's gateways, as long as the call has not
// most of them; false when some are not known yet.
func (s *shard) addRoute(inv *invite, r *route, o *routing.Order, most int) bool {
	known := true
	for _, at := range o.At[:o.N] {
		if int(at) >= len(r.hops) {
			continue
		}
		h := r.hops[at]
		addrs, ready := inv.world.set.Targets(h.index, s.targets[:0])
		s.targets = addrs[:0]
		known = known && ready
		inv.addTargets(h, addrs, most)
	}
	return known
}

// rules are those of the route, with what the trunk's profile has to say.
func (inv *invite) rules() *call.Rules {
	if inv.trunk.profile.Late == profile.LateAckBye {
		return &inv.route.reaping
	}
	return &inv.route.rules
}

func (inv *invite) addTargets(h *hop, addrs []gateway.Target, most int) {
	for _, t := range addrs {
		if len(inv.targets) == most || inv.sips && t.Proto != transport.TLS {
			continue // sips asks for TLS on every hop (RFC 5630 section 3)
		}
		inv.targets = append(inv.targets, call.Target{Gateway: h.index, Reliable: t.Proto != transport.UDP})
		inv.hops = append(inv.hops, plan{h, t})
	}
}

// resolve looks the names of the call's route up and lets it be decided again.
func (s *shard) resolve(inv *invite) {
	w, hops := inv.world, inv.route.hops
	if r := inv.decision.Rescue; r != nil {
		hops = slices.Concat(hops, w.routes[r.ID].hops)
	}
	s.aside(inv, time.Second, func(ctx context.Context) {
		for _, h := range hops {
			w.set.Resolve(ctx, h.index)
		}
	})
}
