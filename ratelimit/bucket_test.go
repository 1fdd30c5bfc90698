package ratelimit

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var start = time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)

// credit is the token bucket as textbooks draw it: a level that rises with
// time up to a brim. Counted in nanoseconds, it is exact.
type credit struct {
	interval, brim, level int64
	last                  time.Time
}

func newCredit(cps float64, burst int) *credit {
	interval := int64(float64(time.Second) / cps)
	return &credit{interval, interval * int64(burst), interval * int64(burst), start}
}

func (c *credit) take(now time.Time) bool {
	c.level = min(c.brim, c.level+int64(now.Sub(c.last)))
	c.last = now
	if c.level < c.interval {
		return false
	}
	c.level -= c.interval
	return true
}

func TestBucketAgreesWithTheTextbook(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cps := rapid.Float64Range(0.01, 20000).Draw(t, "cps")
		burst := rapid.IntRange(1, 50).Draw(t, "burst")
		bucket, model := NewBucket(cps, burst, start), newCredit(cps, burst)
		now := start
		for i := range rapid.IntRange(1, 200).Draw(t, "calls") {
			// Steps around one interval find the edges.
			step := rapid.Int64Range(0, 3*model.interval).Draw(t, "step")
			now = now.Add(time.Duration(step))
			if got, want := bucket.Take(now), model.take(now); got != want {
				t.Fatalf("call %d at %v: got %v, the textbook says %v", i, now.Sub(start), got, want)
			}
		}
	})
}

// Whatever order instants come in, no more passes than burst plus rate times span.
func TestBucketNeverGivesMoreThanItsRate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		burst := rapid.IntRange(1, 20).Draw(t, "burst")
		bucket := NewBucket(100, burst, start)
		passed := 0
		offsets := rapid.SliceOfN(rapid.Int64Range(-int64(time.Second), int64(time.Second)), 1, 500).Draw(t, "offsets")
		first, last := offsets[0], offsets[0]
		for _, o := range offsets {
			first, last = min(first, o), max(last, o)
			if bucket.Take(start.Add(time.Duration(o))) {
				passed++
			}
		}
		if most := burst + int((last-first)/int64(10*time.Millisecond)) + 1; passed > most {
			t.Fatalf("%d passed in %v, at most %d may", passed, time.Duration(last-first), most)
		}
	})
}

func TestBucketEdges(t *testing.T) {
	cases := []struct {
		name  string
		cps   float64
		burst int
		want  int // of 1000 at one instant
	}{
		{"no limit", 0, 5, 1000},
		{"negative is no limit", -1, 5, 1000},
		{"burst from the rate", 2.5, 0, 3},
		{"slower than one a second", 0.1, 0, 1},
		{"burst alone", 1, 7, 7},
		{"absurdly slow", 1e-300, 2, 2},
		{"absurdly fast", 1e300, 1, 1000},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b, got := NewBucket(c.cps, c.burst, start), 0
			for range 1000 {
				if b.Take(start) {
					got++
				}
			}
			if got != c.want {
				t.Errorf("%d of 1000 passed, want %d", got, c.want)
			}
		})
	}
	var zero Bucket
	if !zero.Take(start) {
		t.Error("the zero Bucket refused")
	}
}

func TestBucketSetKeepsWhatWasSpent(t *testing.T) {
	b := NewBucket(10, 10, start)
	for range 10 {
		b.Take(start)
	}
	b.Set(10, 10)
	if b.Take(start) {
		t.Error("a reload refilled the bucket")
	}
	if !b.Take(start.Add(100 * time.Millisecond)) {
		t.Error("the bucket does not refill after a reload")
	}
}

func TestBucketSharedIsExact(t *testing.T) {
	b := NewBucket(1, 500, start)
	var passed atomic.Int64
	together(8, func() {
		for range 1000 {
			if b.Take(start) {
				passed.Add(1)
			}
		}
	})
	if passed.Load() != 500 {
		t.Errorf("%d passed, want exactly 500", passed.Load())
	}
}

func TestGateIsExact(t *testing.T) {
	var g Gate
	g.Set(100)
	for range 100 {
		if !g.Enter() {
			t.Fatalf("refused with %d up (limit 100)", g.Up())
		}
	}
	if g.Enter() {
		t.Errorf("%d are up (limit 100)", g.Up())
	}
	for range 100 {
		g.Leave()
	}
	g.Set(4) // of eight at once
	var most, up atomic.Int64
	together(8, func() {
		for range 2000 {
			if g.Enter() {
				n := up.Add(1)
				for {
					seen := most.Load()
					if n <= seen || most.CompareAndSwap(seen, n) {
						break
					}
				}
				up.Add(-1)
				g.Leave()
			}
		}
	})
	if most.Load() > 4 || g.Up() != 0 {
		t.Errorf("at most %d were up (limit 4), %d are left (want 0)", most.Load(), g.Up())
	}
	g.Leave()
	if g.Up() != 0 {
		t.Error("a Leave too many lifted the limit")
	}
}

func TestLimiter(t *testing.T) {
	d := NewLimiter(Limits{CPS: 1, Burst: 2, Concurrent: 1}, start)
	steps := []struct {
		do   func() Verdict
		want Verdict
	}{
		{func() Verdict { return d.Admit(start) }, Admitted},
		// A full trunk spends no token ...
		{func() Verdict { return d.Admit(start) }, OverConcurrent},
		{func() Verdict { d.Leave(); return d.Admit(start) }, Admitted},
		// ... and a refusal for rate holds no place.
		{func() Verdict { d.Leave(); return d.Admit(start) }, OverRate},
		{func() Verdict { return d.Admit(start.Add(time.Second)) }, Admitted},
		{func() Verdict { d.Leave(); d.Adopt(); d.Adopt(); return d.Admit(start.Add(time.Hour)) }, OverConcurrent},
	}
	for i, s := range steps {
		if got := s.do(); got != s.want {
			t.Fatalf("step %d: %v, want %v", i, got, s.want)
		}
	}
	if d.Up() != 2 {
		t.Errorf("%d up, want the 2 adopted", d.Up())
	}
	d.Set(Limits{}, start)
	if !d.Enter() || !d.Take(start) {
		t.Error("without limits a call was refused")
	}
}

func together(n int, do func()) {
	var wg sync.WaitGroup
	for range n {
		wg.Go(do)
	}
	wg.Wait()
}
