package order

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/speakops/sipedge/routing"
)

// take notes the routes a number takes on each side.
func (l *linter) take(n routing.PublicNumber, r *routing.Number) {
	for _, side := range l.p.sides() {
		id := r.SpeakOpsRoute
		if side == routing.Legacy {
			id = r.LegacyRoute
		}
		if id == "" && side == routing.Legacy {
			id = l.f.Legacy
		} else if id == "" {
			id = l.f.SpeakOps
		}
		if _, seen := l.taken[way{id, side}]; !seen {
			l.taken[way{id, side}] = n
		}
	}
}

// ways looks at every route the numbers take, on every edge.
func (l *linter) ways() {
	p := l.p
	if p.Rollback.When == "" || p.Rollback.By == "" {
		l.say("no_rollback_plan", "rollback", "write rollback: { when, by, within }", "nobody has said what must be seen to go back, and who decides")
	}
	for _, w := range slices.SortedFunc(maps.Keys(l.taken), func(a, b way) int {
		return cmp.Or(cmp.Compare(a.side, b.side), cmp.Compare(a.route, b.route))
	}) {
		route := l.f.Routes[w.route]
		switch {
		case route == nil:
			l.each(l.taken[w], "route_missing", cmp.Or(string(w.route), "default of "+w.side.String()), "configure it, or correct the number records", "there is no such route for %s", w.side)
			continue
		case route.Authority != w.side:
			l.each(l.taken[w], "route_missing", string(w.route), "correct the number records", "the route belongs to %s, and records name it for %s", route.Authority, w.side)
			continue
		case w.side == routing.Legacy:
			l.legacy(route)
		}
		l.rescues(route)
		for i := range l.f.Edges {
			l.health(&l.f.Edges[i], w)
		}
	}
}

// legacy is about routes that dial the number itself: once the network brings
// the number to us, that is a circle.
func (l *linter) legacy(route *routing.Route) {
	if route.Target != routing.PSTNSameTN {
		return
	}
	const do = "give these numbers a legacy route of type direct_sip, shadow_did or rn_pinned"
	switch p := l.p; {
	case p.Purpose == Return && l.o.PortingState.ComesToUs():
		l.say("legacy_target_unsafe", string(route.ID), do, "pstn_same_tn dials the number itself, which still comes to us in state %s", l.o.PortingState)
	case p.Purpose == Return:
	case p.Rollback.Within > 0 || p.Rescue.FallbackAfterCut:
		l.say("legacy_target_unsafe", string(route.ID), do+", or plan without a way back", "the plan counts on the old side after the flip, and pstn_same_tn would bring its calls back to us")
	default:
		l.say("no_way_back", string(route.ID), do, "pstn_same_tn cannot be used from activating on: there is no rollback and no fallback")
	}
}

func (l *linter) rescues(route *routing.Route) {
	r := l.p.Rescue
	wants := route.Authority == routing.Legacy && r.EarlyDisconnect || route.Authority == routing.SpeakOps && r.FallbackAfterCut
	if wants && !route.Rescue {
		l.say("no_rescue_route", string(route.ID), "allow the rescue on the route, or do not count on it", "the plan counts on a rescue that this route does not allow")
	}
}

func (l *linter) health(e *EdgeFacts, w way) {
	if !e.Member || e.Off {
		return
	}
	h, ok := e.Health[w.route]
	where := fmt.Sprintf("%s, route %s", e.ID, w.route)
	switch {
	case !ok:
		l.say("route_missing", where, "configure the route there too", "this edge has no such route for %s", w.side)
	case h.Alive == 0:
		l.say("no_healthy_gateway", where, "bring a gateway back before arming", "none of %d gateways towards %s answers", h.Of, w.side)
	case h.Alive < h.Of:
		l.say("gateway_dark", where, "look whether the others can carry everything", "%d of %d gateways towards %s answer", h.Alive, h.Of, w.side)
	}
}

func (l *linter) fleet() {
	s := &l.f.Store
	if !s.Recovered {
		l.say("store_unrecovered", "store", "see cutoverctl status for the member it waits for", "the store is not recovered and accepts no revision")
	}
	if s.Pending != "" {
		l.say("revision_pending", string(s.Pending), "wait for its outcome, or abort it", "revision %s has no outcome yet", s.Pending)
	}
	if s.Replicas == 0 {
		l.say("no_replica", "store", "attach a replica", "an accepted revision lies in one store only until the edges have journaled it")
	}
}

func (l *linter) edges() {
	members, widest := 0, time.Duration(0)
	for i := range l.f.Edges {
		if e := &l.f.Edges[i]; e.Member && !e.Off {
			members++
			widest = max(widest, e.Error)
			l.edge(e)
		}
	}
	if members == 0 {
		l.say("no_edges", "fleet", "start an edge, and have it join", "no edge is a member of the fleet")
	}
	if need := l.f.Store.Error + 2*widest; l.f.Fleet.Guard < need {
		l.say("guard_small", "guard", "put the clocks right, or raise guard by a revision", "guard is %s, and the clocks alone need %s", l.f.Fleet.Guard, need)
	}
}

func (l *linter) edge(e *EdgeFacts) {
	where := string(e.ID)
	if age := l.f.Now.Sub(e.Heartbeat); age > l.f.MaxHeartbeat {
		l.say("edge_missing", where, "bring it back, or declare it off once it is really stopped", "last heard of %s ago, at %s", age.Round(time.Millisecond), e.Heartbeat.UTC().Format(time.RFC3339))
		return // everything else it said is old
	}
	if e.NotReady != "" {
		l.say("edge_not_ready", where, "put right what it says", "%s", e.NotReady)
	}
	if e.Error > l.f.MaxError {
		l.say("edge_clock_wide", where, "look at its clock samples and the way to the store", "its clock may be wrong by %s, and %s is allowed", e.Error, l.f.MaxError)
	}
	switch age := l.f.Now.Sub(e.Table); {
	case e.Table.IsZero():
		l.say("edge_table_old", where, "wait until it has loaded its numbers, or look at its way to the store", "its table has not been complete since it started")
	case age > l.f.MaxTableAge:
		l.say("edge_table_old", where, "look at its way to the store", "its table was last complete %s ago", age.Round(time.Millisecond))
	}
}
