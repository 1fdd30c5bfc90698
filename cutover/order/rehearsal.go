package order

import (
	"fmt"
	"time"

	"github.com/speakops/sipedge/routing"
)

// Rehearsal is the record of one: lint, what every edge would decide, what the
// gateways answered, and how the test calls went. It is good for the one
// proposal it names.
type Rehearsal struct {
	Digest Digest    `json:"digest"`
	At     time.Time `json:"at,omitzero"`
	By     string    `json:"by"`
	Lint   Report    `json:"lint"`
	Edges  []Stage   `json:"edges"`
}

// Stage is one edge's part in a rehearsal.
type Stage struct {
	Edge   string     `json:"edge"`
	Asked  []Asking   `json:"asked"`
	Probes []Probe    `json:"probes,omitempty"`
	Calls  []TestCall `json:"calls,omitempty"`
	// Uncalled is why this edge places no test calls at all, "" when it does.
	Uncalled string `json:"uncalled,omitempty"`
}

// Asking is Decide for every number of the order at one instant of the planned
// timeline: "before", T minus a second; "at", T; "after", T plus a second.
type Asking struct {
	When  string          `json:"when"`
	Right int             `json:"right"`           // numbers whose answer was the planned one
	Count int             `json:"count,omitempty"` // those whose answer was not, of which Wrong are the first
	Wrong []WrongDecision `json:"wrong,omitempty"`
}

// WrongDecision is one answer that was not the planned one; a rehearsal keeps
// the first few.
type WrongDecision struct {
	PublicNumber routing.PublicNumber `json:"public_number"`
	Decision     string               `json:"decision"`
}

// Probe is what a gateway of either side answered.
type Probe struct {
	Route   routing.RouteID   `json:"route"`
	Gateway routing.GatewayID `json:"gateway"`
	Alive   bool              `json:"alive"`
	Detail  string            `json:"detail,omitempty"`
}

// TestCall is one tagged call to one side.
type TestCall struct {
	Side   routing.RoutingAuthority `json:"side"`
	Good   bool                     `json:"good"`
	Detail string                   `json:"detail,omitempty"`
}

// Askings are the instants a rehearsal asks about, by name, and who holds the
// numbers at each when T is the instant of the flip.
func Askings(p *Plan, t time.Time) map[string]struct {
	At     time.Time
	Holder routing.RoutingAuthority
} {
	type asking = struct {
		At     time.Time
		Holder routing.RoutingAuthority
	}
	return map[string]asking{
		"before": {t.Add(-time.Second), p.Purpose.From()},
		"at":     {t, p.Purpose.To()},
		"after":  {t.Add(time.Second), p.Purpose.To()},
	}
}

// sides are those a rehearsal calls: both, or the one there is.
func (p *Plan) sides() []routing.RoutingAuthority {
	if p.Purpose == Depart {
		return []routing.RoutingAuthority{p.Purpose.From()}
	}
	return []routing.RoutingAuthority{p.Purpose.From(), p.Purpose.To()}
}

// Failures is everything that keeps a rehearsal from having passed.
func (r *Rehearsal) Failures(o *Order, p *Plan) []string {
	var failed []string
	for _, f := range r.Lint.Blocking(p.Acknowledged) {
		failed = append(failed, f.String())
	}
	if len(r.Edges) == 0 {
		failed = append(failed, "no edge took part")
	}
	for i := range r.Edges {
		failed = append(failed, r.Edges[i].failures(o, p)...)
	}
	return failed
}

func (s *Stage) failures(o *Order, p *Plan) []string {
	var failed []string
	add := func(format string, args ...any) { failed = append(failed, s.Edge+": "+fmt.Sprintf(format, args...)) }
	for _, when := range []string{"before", "at", "after"} {
		asked := false
		for _, a := range s.Asked {
			if a.When != when {
				continue
			}
			asked = true
			switch {
			case len(a.Wrong) > 0:
				add("%s T, %s: %s", when, a.Wrong[0].PublicNumber, a.Wrong[0].Decision)
			case a.Right != len(o.Numbers):
				add("%s T, %d of %d numbers were asked", when, a.Right, len(o.Numbers))
			}
		}
		if !asked {
			add("was not asked about %s T", when)
		}
	}
	for _, probe := range s.Probes {
		if !probe.Alive {
			add("gateway %s of route %s: %s", probe.Gateway, probe.Route, probe.Detail)
		}
	}
	if s.Uncalled != "" {
		return failed
	}
	for _, side := range p.sides() {
		good := false
		for _, c := range s.Calls {
			if c.Side == side && !c.Good {
				add("test call to %s: %s", side, c.Detail)
			}
			good = good || c.Side == side
		}
		if !good {
			add("no test call went to %s", side)
		}
	}
	return failed
}
