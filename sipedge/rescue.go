package sipedge

import (
	"log/slog"

	"github.com/speakops/sipedge/routing"
	"github.com/speakops/sipedge/sipedge/call"
	"github.com/speakops/sipedge/sipedge/message/token"
	"github.com/speakops/sipedge/sipedge/observe"
)

// What became of a call whose own side had failed as an exception is for.
const (
	rescueTaken    = "taken"
	rescueOverRate = "over_rate" // the route's rescue.cps is spent
	rescueNotAsked = "not_asked" // a gateway of the own side had no address
	rescueNobody   = "nobody"    // no gateway of the other side has an address, or no test line is free
	rescueNoMedia  = "no_media"  // the other side's media cannot be anchored
)

var rescueResults = []string{rescueTaken, rescueOverRate, rescueNotAsked, rescueNobody, rescueNoMedia}

// rescueWhy says what kept a call off the other side.
var rescueWhy = map[string]string{
	rescueOverRate: "the rescue.cps of its own route is spent",
	rescueNotAsked: "not every gateway of its own route could be asked",
	rescueNobody:   "no gateway there has an address, or no test line is free",
	rescueNoMedia:  "its media cannot be anchored",
}

// rescue takes a call to the other side after every gateway of its own has
// failed in the way that the decision's exception is for. What the gateways said
// stands where that cannot be.
func (s *shard) rescue(inv *invite, now call.Instant) call.Event {
	d, own := &inv.decision, inv.route
	other := inv.world.routes[d.Rescue.ID]
	result := s.takeOver(inv, own, other, now)
	s.edge.metrics.Rescued(d.RescueBecause, result)
	s.edge.flood(string(own.ID)+result, sentences[d.RescueBecause],
		slog.String(observe.KeyCall, inv.id.String()), slog.Any(observe.KeyPublicNumber, inv.asked.To), slog.String(observe.KeyRoute, string(own.ID)),
		slog.String(observe.KeyBecause, string(d.RescueBecause)), slog.String(observe.KeyResult, result))
	if result != rescueTaken {
		s.note("no ", string(d.RescueBecause), " by route ", string(other.ID), ": ", rescueWhy[result])
		return call.Event{Kind: call.Forgo}
	}
	return call.Event{Kind: call.Carry, Targets: inv.targets, Rules: inv.rules()}
}

// takeOver makes the other side's route the call's, its addresses behind those
// that failed; the result is rescueTaken, or why it cannot be.
func (s *shard) takeOver(inv *invite, own, other *route, now call.Instant) string {
	before := len(inv.targets)
	if !inv.everyAsked(own) {
		return rescueNotAsked
	}
	inv.route = other
	switch {
	case other.line == nil:
		s.addRoute(inv, other, &inv.decision.RescueOrder, before+maxTargets)
	case s.edge.testLines.Load() < maxTestLines:
		inv.addLine()
	}
	result := rescueTaken
	switch {
	case len(inv.targets) == before:
		result = rescueNobody
	case !own.rescues.Take(s.edge.wall(now)):
		result = rescueOverRate
	case s.anchorAnew(inv, inv.hops[before].target.Addr.Addr()) != nil:
		result = rescueNoMedia
	}
	if result != rescueTaken {
		inv.route, inv.targets, inv.hops = own, inv.targets[:before], inv.hops[:before]
	}
	return result
}

// cross notes that the call's next attempt is at the other side: for its ladder
// that is a decision of its own.
func (s *shard) cross(inv *invite) {
	if inv.crossed {
		return
	}
	inv.crossed = true
	if inv.decision.RescueBecause == "" {
		s.edge.meter.misrouted.Add(1) // watched because it cannot be
		return
	}
	d := inv.decision
	d.Authority, d.Route, d.Order, d.Because = d.Authority.Other(), d.Rescue, d.RescueOrder, d.RescueBecause
	s.showDecision(inv.id, &d, d.Because, "", 0)
}

// everyAsked says whether each gateway that the decision named was sent the INVITE.
func (inv *invite) everyAsked(r *route) bool {
	o := &inv.decision.Order
	for _, at := range o.At[:o.N] {
		asked := false
		for i := range inv.legs {
			asked = asked || inv.legs[i].hop == r.hops[at]
		}
		if !asked {
			return false
		}
	}
	return true
}

// Marks in a route token of calls that an exception took to the other side.
const (
	flagRescued = 1 << iota
	flagPSAP
)

// exception is the mark of a leg in its route token.
func (inv *invite) exception(l *leg) uint8 {
	switch d := &inv.decision; {
	case l.hop.route.Authority == d.Authority:
		return 0
	case d.RescueBecause == routing.PSAP:
		return flagPSAP
	}
	return flagRescued
}

// exceptionOf is the reason that a token's mark stands for, "" without one.
func exceptionOf(t *token.Token) routing.Because {
	switch {
	case t.Flags&flagPSAP != 0:
		return routing.PSAP
	case t.Flags&flagRescued == 0:
		return ""
	case routing.RoutingAuthority(t.Authority) == routing.SpeakOps:
		return routing.RescueEarlyDisconnect
	}
	return routing.FallbackAfterCut
}

// authority is the side that a call went to last: the decision's, but for an
// exception that has taken it to the other one.
func (inv *invite) authority() routing.RoutingAuthority {
	if inv.crossed {
		return inv.decision.Authority.Other()
	}
	return inv.decision.Authority
}
