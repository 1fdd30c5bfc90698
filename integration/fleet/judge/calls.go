package judge

import (
	"slices"
	"time"
)

// slack covers what lies between a process's end and its last lines on disk, and
// a caller's patience with an edge that takes its time to come up.
const slack = 500 * time.Millisecond

// callerWaits is how long a caller waits for an answer: an edge that goes away
// meanwhile has left it without one.
const callerWaits = 10 * time.Second

// holders checks P1 by the edges' own word: over all of its interval, the side a
// call was routed to held the number.
func (v *Verdict) holders(e *Evidence, s *schedule) {
	for i := range e.Decisions {
		d := &e.Decisions[i]
		if d.Held > 0 {
			v.Held++
			v.LongestHold = max(v.LongestHold, d.Held)
		}
		if d.Kind != "route" {
			continue
		}
		c, live := s.final[e.Numbers[d.Number]]
		if !live {
			continue // never armed: the record speaks, and no record changes here
		}
		if who := c.holder(d.Latest); who != d.Authority || !c.steady(d.Earliest, d.Latest) {
			v.breaks("P1", "%s: %s was routed to %s (%s) within [%s, %s], when %s held it: %v", d.Where, d.Number, d.Authority, d.Because,
				clockTime(d.Earliest), clockTime(d.Latest), who, c.Turns)
		}
	}
	now := time.Now()
	for _, c := range s.final {
		for _, t := range c.Turns {
			if t.at().Before(now) {
				v.Turns++
			}
		}
	}
}

// sides checks P5 and that gateways saw what edges say they decided.
func (v *Verdict) sides(e *Evidence) {
	side := map[string]string{}
	for _, d := range e.Deliveries {
		v.Delivered[d.Side]++
		if was, seen := side[d.ID]; seen && was != d.Side {
			v.breaks("P5", "call %s to %s reached %s and %s", d.ID, d.Number, was, d.Side)
		}
		side[d.ID] = d.Side
	}
	for i := range e.Decisions {
		d := &e.Decisions[i]
		if got, there := side[d.ID]; there && d.Kind == "route" && d.Authority != got {
			v.breaks("P1", "%s: call %s was decided for %s and came to %s", d.Where, d.ID, d.Authority, got)
		}
	}
}

// dialogs checks P3: whatever was up ends by a BYE, whoever hangs up, that came to
// the other side. That its answer came back too is asked for unless an outage lay
// in between: SIPp answers no BYE of a call that it has long forgotten.
func (v *Verdict) dialogs(e *Evidence) {
	gateway := map[string]*Delivery{}
	for i := range e.Deliveries {
		gateway[e.Deliveries[i].ID] = &e.Deliveries[i]
	}
	for i := range e.Calls {
		c := &e.Calls[i]
		if c.Up.IsZero() {
			continue
		}
		v.Answered++
		g := gateway[c.ID]
		if g == nil {
			v.breaks("P3", "call %s to %s was up, and no gateway had it", c.ID, c.Number)
			continue
		}
		sent, came := c.Down, g.Down
		if c.By == "gateway" {
			sent, came = g.Down, c.Down
		}
		excuse := during(e.Outages, c.Edge, c.Up, latest(c.Down, g.Down).Add(slack))
		switch {
		case came.IsZero():
			v.breaks("P3", "call %s to %s by %s was up at %s and lost: the BYE of the %s never came to the other side", c.ID, c.Number, c.Edge, clockTime(c.Up), c.By)
		case sent.IsZero() && excuse == "":
			v.breaks("P3", "call %s to %s by %s was up at %s, and the BYE of the %s came to the other side and had no answer", c.ID, c.Number, c.Edge, clockTime(c.Up), c.By)
		case sent.IsZero():
			v.Unanswered++
		default:
			v.Ended++
		}
	}
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// refusals checks that calls are turned away, or get no answer, only where the
// protocol says so.
func (v *Verdict) refusals(e *Evidence, s *schedule) {
	decided := map[string]*Decision{}
	for i := range e.Decisions {
		decided[e.Decisions[i].ID] = &e.Decisions[i]
	}
	for i := range e.Calls {
		c := &e.Calls[i]
		d := decided[c.ID]
		switch {
		case !c.Up.IsZero():
		case c.Refused.IsZero():
			why := during(e.Outages, c.Edge, c.Asked.Add(-slack), c.Asked.Add(callerWaits))
			if why == "" {
				v.breaks("P4", "call %s to %s by %s at %s had no answer, and the edge was up", c.ID, c.Number, c.Edge, clockTime(c.Asked))
			}
			v.Excused[why]++
		case d != nil && d.Kind == "route" && e.Silent[c.ID]:
			v.silentGateway()
		case d == nil || d.Kind == "route":
			why := during(e.Outages, c.Edge, c.Asked.Add(-slack), c.Refused.Add(slack))
			if why == "" {
				v.breaks("P4", "call %s to %s by %s at %s was refused with %d, and no decision says why", c.ID, c.Number, c.Edge, clockTime(c.Asked), c.Code)
			}
			v.Refused["while "+why]++
		default:
			v.Refused[d.Because]++
			v.refusal(e, s, c, d)
		}
	}
}

// silentGateway counts a call that a gateway left unanswered: a SIPp that the
// machine gives no time. That is nobody's fault, unless it is common.
func (v *Verdict) silentGateway() {
	const one = 100 // of so many may be lost to it
	v.Refused["a gateway was silent"]++
	if n := v.Refused["a gateway was silent"]; n == v.Calls/one+1 {
		v.breaks("P4", "%d of %d calls and more were refused because gateways were silent", n, v.Calls)
	}
}

// refusal checks the reason of one.
func (v *Verdict) refusal(e *Evidence, s *schedule, c *Call, d *Decision) {
	switch d.Because {
	case "overload": // a machine that is too busy, which is no matter of who holds what
	case "revision_unresolved":
		if !s.disputed(e, d) {
			v.breaks("P4", "%s: %s was refused at %s for an unresolved revision, and none that speaks of it was under way", d.Where, d.Number, clockTime(d.Earliest))
		}
	case "clock_too_wide", "clock_uncertain":
		if during(e.Trouble, d.Edge, d.Earliest.Add(-slack), d.Latest.Add(slack)) == "" {
			v.breaks("P4", "%s: %s was refused for the clock, and nothing troubled it", d.Where, d.Number)
		}
	default:
		if during(e.Outages, c.Edge, c.Asked.Add(-slack), c.Refused.Add(slack)) == "" {
			v.breaks("P4", "%s: %s was refused with %d (%s), and the edge was up", d.Where, d.Number, c.Code, d.Because)
		}
	}
}

// disputed says that some revision was proposed before a decision which would
// have answered it otherwise, and was not known to be over: not yet, or only a
// moment ago, or the edge had lost sight of the store since.
func (s *schedule) disputed(e *Evidence, d *Decision) bool {
	id := e.Numbers[d.Number]
	for _, r := range s.all {
		c := r.cutover(id)
		if c == nil || r.proposed.After(d.Latest) {
			continue
		}
		over := r.committed
		if over.IsZero() {
			over = r.aborted
		}
		if over.IsZero() || over.Add(slack).After(d.Earliest) || during(e.Trouble, d.Edge, over.Add(-slack), d.Earliest) != "" {
			// A dispute needs two answers: the timeline before it, and its own.
			if was := s.all[r.Previous]; was == nil || was.cutover(id) == nil || !differs(was.cutover(id), c).IsZero() {
				return true
			}
		}
	}
	return false
}

// during names an outage of an edge that touches a span of time. An outage of
// edge "" is everybody's.
func during(all []Outage, edge string, from, to time.Time) string {
	i := slices.IndexFunc(all, func(o Outage) bool {
		return (o.Edge == edge || o.Edge == "") && !o.From.After(to) && (o.To.IsZero() || !o.To.Before(from))
	})
	if i < 0 {
		return ""
	}
	return all[i].Why
}
