package health

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestAnyHistory drives one gateway through arbitrary events and asks after each
// what must always hold.
func TestAnyHistory(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		set := Settings{Probed: rapid.Bool().Draw(t, "probed"), Fall: rapid.IntRange(1, 5).Draw(t, "fall"), Rise: rapid.IntRange(1, 4).Draw(t, "rise")}
		now := t0
		g := NewGateway(set, now)
		g.Step(Found{[]Addr{a1, a2}}, now, nil)
		states := map[Addr]State{a1: Unknown, a2: Unknown}
		against := map[Addr]int{} // weight since the last proof of life
		whole := Unknown
		for range rapid.IntRange(1, 60).Draw(t, "events") {
			now = now.Add(time.Duration(rapid.IntRange(0, 40_000).Draw(t, "ms")) * time.Millisecond)
			ev := anyEvent(t, now)
			out := g.Step(ev, now, nil)
			weigh(against, ev)
			for _, c := range out {
				if c.From == c.To {
					t.Fatalf("a change that changes nothing: %+v", c)
				}
				if c.Whole {
					if c.From != whole {
						t.Fatalf("whole: change from %v, was %v", c.From, whole)
					}
					whole = c.To
					continue
				}
				if c.From != states[c.Addr] {
					t.Fatalf("%v: change from %v, was %v", c.Addr, c.From, states[c.Addr])
				}
				if c.To == Dark && against[c.Addr] < set.Fall {
					t.Fatalf("%v fell with %d of %d against it", c.Addr, against[c.Addr], set.Fall)
				}
				states[c.Addr] = c.To
			}
			check(t, g, ev, states, whole, now)
		}
		recovers(t, g, set, now)
	})
}

func anyEvent(t *rapid.T, now time.Time) Event {
	addr := rapid.SampledFrom([]Addr{a1, a2}).Draw(t, "addr")
	switch rapid.IntRange(0, 3).Draw(t, "kind") {
	case 0:
		return Probed{addr, rapid.SampledFrom([]int{0, 200, 404, 408, 503}).Draw(t, "code")}
	case 1:
		return Tick{}
	}
	o := Outcome{Result: Result(rapid.IntRange(0, int(Unreachable)).Draw(t, "result"))}
	if o.Result == Unavailable {
		o.RetryAfter = time.Duration(rapid.IntRange(0, 1000).Draw(t, "retry_after")) * time.Second
	}
	o.Sent = now.Add(-time.Duration(rapid.IntRange(0, 30).Draw(t, "age")) * time.Second)
	return Called{addr, o}
}

// weigh keeps the simplest possible account: everything since the last proof,
// which a call clears wholly and a probe not at all. It bounds the real one from above.
func weigh(against map[Addr]int, ev Event) {
	switch ev := ev.(type) {
	case Probed:
		if !Proves(ev.Code) {
			against[ev.Addr]++
		}
	case Called:
		switch {
		case ev.Outcome.Result == Answered:
		case ev.Outcome.RetryAfter > 0:
			against[ev.Addr] += 1000
		default:
			against[ev.Addr] += callWeight
		}
	}
}

func check(t *rapid.T, g *Gateway, ev Event, states map[Addr]State, whole State, now time.Time) {
	for _, a := range g.Addresses() {
		if a.State != states[a.Addr] {
			t.Fatalf("%v is %v without a change saying so", a.Addr, a.State)
		}
		if !a.hold.IsZero() && (a.State != Dark || a.hold.Sub(now) > MaxHold) {
			t.Fatalf("%v: state %v held for %v", a.Addr, a.State, a.hold.Sub(now))
		}
	}
	if got, _, _ := g.State(); got != whole || got != g.total() {
		t.Fatalf("whole is %v, reported %v, adds up to %v", got, whole, g.total())
	}
	if c, ok := ev.(Called); ok && c.Outcome.Result == Answered {
		if a := g.find(c.Addr); a.State != Up && c.Outcome.Sent.After(a.Since) {
			t.Fatalf("%v is %v right after an answered call", c.Addr, a.State)
		}
	}
}

// recovers: darkness is never for ever. Without probes time alone ends it, with
// probes that many answers after any hold.
func recovers(t *rapid.T, g *Gateway, set Settings, now time.Time) {
	now = now.Add(MaxHold)
	g.Step(Tick{}, now, nil)
	if set.Probed {
		for range set.Rise {
			g.Step(Probed{a1, 200}, now, nil)
		}
	}
	if s := g.find(a1).State; s == Dark {
		t.Fatalf("still dark after %v and %d answered probes", MaxHold, set.Rise)
	}
}
