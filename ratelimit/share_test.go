package ratelimit

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Whatever the stakes, an offer never lets the claims exceed the limit.
func TestOffersNeverExceedTheLimit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.Int64Range(0, 5000).Draw(t, "limit")
		n := rapid.IntRange(1, 6).Draw(t, "edges")
		stakes := make([]Stake, n)
		sum := int64(0)
		for i := range stakes {
			stakes[i] = Stake{
				Held: rapid.Int64Range(0, 2000).Draw(t, "held"), Offered: rapid.Int64Range(0, 2000).Draw(t, "offered"),
				Demand: rapid.Int64Range(0, 9000).Draw(t, "demand"), Up: rapid.Int64Range(0, 2000).Draw(t, "up"),
			}
			sum += stakes[i].claim()
		}
		me := rapid.IntRange(0, n-1).Draw(t, "me")
		settling := rapid.Bool().Draw(t, "settling")
		offer := Offer(limit, stakes, me, settling)
		others := sum - stakes[me].claim()
		if offer < 0 || offer > 0 && others+offer > limit {
			t.Fatalf("offered %d beside claims of %d, the limit is %d", offer, others, limit)
		}
		if settling && stakes[me].Held > 0 && offer > stakes[me].Held {
			t.Fatalf("a share grew from %d to %d while stakes were still being told", stakes[me].Held, offer)
		}
	})
}

// Targets add up to the limit, and nobody is given more than it wants while
// somebody else is short.
func TestTargetsAreFair(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.Int64Range(0, 5000).Draw(t, "limit")
		stakes := make([]Stake, rapid.IntRange(1, 7).Draw(t, "edges"))
		for i := range stakes {
			stakes[i].Demand = rapid.Int64Range(0, 3000).Draw(t, "demand")
		}
		sum, least := int64(0), int64(1<<62)
		short := false
		got := make([]int64, len(stakes))
		for i := range stakes {
			got[i] = target(limit, stakes, i)
			sum += got[i]
			if got[i] < stakes[i].Demand {
				short, least = true, min(least, got[i])
			}
		}
		if sum != limit {
			t.Fatalf("targets add up to %d of %d", sum, limit)
		}
		for i, g := range got {
			if short && g > least+1 {
				t.Fatalf("edge %d has %d while another is short with %d", i, g, least)
			}
		}
	})
}

// fleet plays edges that report in turn, some of whose answers are lost.
type fleet struct {
	limit  int64
	stakes []Stake
	force  []int64 // what really is in force
}

func (f *fleet) report(i int, demand int64, lost bool) {
	f.stakes[i].Held, f.stakes[i].Demand = f.force[i], demand
	f.stakes[i].Offered = Offer(f.limit, f.stakes, i, false)
	if !lost {
		f.force[i] = f.stakes[i].Offered
	}
}

func TestSharesInForceNeverExceedTheLimit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 5).Draw(t, "edges")
		f := fleet{rapid.Int64Range(0, 300).Draw(t, "limit"), make([]Stake, n), make([]int64, n)}
		for range rapid.IntRange(1, 60).Draw(t, "reports") {
			f.report(rapid.IntRange(0, n-1).Draw(t, "edge"), rapid.Int64Range(0, 400).Draw(t, "demand"), rapid.Bool().Draw(t, "lost"))
			sum := int64(0)
			for _, s := range f.force {
				sum += s
			}
			if sum > f.limit {
				t.Fatalf("%d in force, the limit is %d", sum, f.limit)
			}
		}
	})
}

// All of a limit gets from one edge to another within three rounds of reports.
func TestDemandMovesSharesInThreeReports(t *testing.T) {
	f := fleet{90, make([]Stake, 3), make([]int64, 3)}
	for range 3 {
		f.report(0, 500, false)
		f.report(1, 0, false)
		f.report(2, 0, false)
	}
	if f.force[0] != 90 {
		t.Fatalf("the only one that wants has %d of 90", f.force[0])
	}
	for range 3 {
		f.report(0, 0, false)
		f.report(1, 0, false)
		f.report(2, 500, false)
	}
	if f.force[2] != 90 {
		t.Errorf("three rounds later it has %d of 90", f.force[2])
	}
}

// However shares move between edges, all together admit no more than the rate,
// one burst, and one call per edge.
func TestLentBucketsKeepTheRate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		start := time.Unix(1_800_000_000, 0)
		l := Limits{CPS: float64(rapid.IntRange(3, 200).Draw(t, "cps"))}
		l.Burst = rapid.IntRange(1, 100).Draw(t, "burst")
		const edges = 3
		var doors [edges]*Limiter
		for i := range doors {
			doors[i] = NewLimiter(l, start)
			doors[i].Lend(Share{Rate: int64(l.CPS * 1000 / edges)}, start)
		}
		admitted, now := 0, start
		for range rapid.IntRange(1, 80).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 400).Draw(t, "ms")) * time.Millisecond)
			if rapid.Bool().Draw(t, "move") {
				a := rapid.Int64Range(0, int64(l.CPS*1000)).Draw(t, "share")
				b := rapid.Int64Range(0, int64(l.CPS*1000)-a).Draw(t, "share")
				for i, r := range []int64{a, b, int64(l.CPS*1000) - a - b} {
					doors[i].Lend(Share{Rate: r}, now)
				}
			}
			i := rapid.IntRange(0, edges-1).Draw(t, "edge")
			for range rapid.IntRange(0, 60).Draw(t, "calls") {
				if doors[i].Admit(now) == Admitted {
					admitted++
				}
			}
			most := l.CPS*now.Sub(start).Seconds() + float64(l.Burst) + edges
			if float64(admitted) > most+1e-6 {
				t.Fatalf("%d calls after %v, at most %.1f were due", admitted, now.Sub(start), most)
			}
		}
	})
}

func TestLendAndUnlend(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	d := NewLimiter(Limits{CPS: 10, Concurrent: 4}, now)
	d.Lend(Share{Rate: 0, Concurrent: 0}, now)
	if v := d.Admit(now); v != OverConcurrent {
		t.Errorf("a share of nothing: %v", v)
	}
	d.Lend(Share{Rate: 0, Concurrent: 2}, now)
	if v := d.Admit(now.Add(time.Hour)); v != OverRate {
		t.Errorf("a rate of nothing: %v", v)
	}
	d.Lend(Share{Rate: 5000, Concurrent: 2}, now)
	now = now.Add(time.Hour)
	if d.Admit(now) != Admitted || d.Admit(now) != Admitted || d.Admit(now) != OverConcurrent {
		t.Error("a share of two calls is not two calls")
	}
	d.Set(Limits{CPS: 10, Concurrent: 8}, now)
	if s, lent := d.Lent(); !lent || s.Concurrent != 4 {
		t.Errorf("the limit doubled, the share is %+v", s)
	}
	d.Unlend(now)
	if d.Admit(now) != Admitted || d.Asked() != 6 || d.Denied(OverConcurrent) != 2 {
		t.Errorf("asked %d, denied %d", d.Asked(), d.Denied(OverConcurrent))
	}
	if _, lent := d.Lent(); lent {
		t.Error("still lent")
	}
	open := NewLimiter(Limits{}, now)
	open.Lend(Share{}, now)
	if open.Admit(now) != Admitted {
		t.Error("a share of a limit that is none limits")
	}
}
