package ratelimit

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/speakops/sipedge/routing/e164"
	"pgregory.net/rapid"
)

// naive is Numbers without bound: a map of textbooks.
type naive struct {
	limits Limits
	known  map[e164.Number]*naiveNumber
}

type naiveNumber struct {
	rate *credit
	up   int
}

func (m *naive) admit(n e164.Number, now time.Time) Verdict {
	k := m.known[n]
	if k == nil {
		k = &naiveNumber{rate: newCredit(m.limits.CPS, m.limits.Burst)}
		m.known[n] = k
	}
	switch {
	case m.limits.Concurrent > 0 && k.up >= m.limits.Concurrent:
		return OverConcurrent
	case !k.rate.take(now):
		return OverRate
	}
	k.up++
	return Admitted
}

func TestNumbersAgreeWithTheModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limits := Limits{CPS: 5, Burst: rapid.IntRange(1, 5).Draw(t, "burst"), Concurrent: rapid.IntRange(0, 4).Draw(t, "concurrent")}
		table, model := NewNumbers(limits, 0, start), &naive{limits, map[e164.Number]*naiveNumber{}}
		type held struct {
			number e164.Number
			pass   Pass
		}
		var up []held
		now := start
		for range rapid.IntRange(1, 300).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.Int64Range(0, int64(300*time.Millisecond)).Draw(t, "pause")))
			if len(up) > 0 && rapid.Bool().Draw(t, "end") {
				i := rapid.IntRange(0, len(up)-1).Draw(t, "which")
				table.Leave(up[i].pass)
				model.known[up[i].number].up--
				up = append(up[:i], up[i+1:]...)
				continue
			}
			n := e164.Number(12025550100 + rapid.Uint64Range(0, 3).Draw(t, "number"))
			pass, got := table.Admit(n, now)
			if want := model.admit(n, now); got != want {
				t.Fatalf("%v at %v: %v, the model says %v", n, now.Sub(start), got, want)
			}
			if got == Admitted {
				up = append(up, held{n, pass})
			}
			if table.Up(n) != model.known[n].up {
				t.Fatalf("%v has %d up, the model says %d", n, table.Up(n), model.known[n].up)
			}
		}
	})
}

// With far more numbers than slots, calls that are up stay counted exactly and
// the table stays within its size.
func TestNumbersNeverForgetACallThatIsUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		table := NewNumbers(Limits{Concurrent: 3}, 0, start)
		up := map[e164.Number][]Pass{}
		holding := 0
		seed := rapid.Uint64().Draw(t, "seed")
		for i := range 6000 {
			seed = mix(seed + uint64(i))
			n := e164.Number(12020000000 + seed%3000)
			switch {
			case seed>>32%3 == 0 && len(up[n]) > 0:
				table.Leave(up[n][0])
				up[n] = up[n][1:]
				holding--
			case holding < 300:
				pass, verdict := table.Admit(n, start)
				if want := len(up[n]) < 3; (verdict == Admitted) != want {
					t.Fatalf("%v with %d up: %v", n, len(up[n]), verdict)
				}
				if verdict == Admitted {
					up[n] = append(up[n], pass)
					holding++
				}
			}
			if table.Up(n) != len(up[n]) {
				t.Fatalf("%v has %d up, want %d", n, table.Up(n), len(up[n]))
			}
		}
		if tracked, size := table.Tracked(); tracked > size || size != MinNumbers {
			t.Fatalf("%d tracked in %d slots, want at most %d", tracked, size, MinNumbers)
		}
		if table.Untracked() != 0 {
			t.Fatalf("%d calls without a place though only 300 were up", table.Untracked())
		}
	})
}

func TestNumbersFullOfCallsAdmitsAndCounts(t *testing.T) {
	table := NewNumbers(Limits{Concurrent: 1}, 0, start)
	var passes []Pass
	for n := range e164.Number(2 * MinNumbers) {
		pass, verdict := table.Admit(n+10000000, start)
		if verdict != Admitted {
			t.Fatalf("number %d: %v", n, verdict)
		}
		passes = append(passes, pass)
	}
	if _, size := table.Tracked(); table.Untracked() != uint64(2*MinNumbers-size) {
		t.Errorf("%d untracked, want %d", table.Untracked(), 2*MinNumbers-size)
	}
	for _, p := range passes {
		table.Leave(p)
	}
	for i := range table.stripe {
		s := &table.stripe[i]
		idle := 0
		for at := s.idle.newest; at != none; at = s.slots[at].older {
			idle++
		}
		if idle != len(s.slots) {
			t.Errorf("stripe %d: %d idle of %d after every call ended", i, idle, len(s.slots))
		}
	}
}

// A number that is refused again and again must not be evicted as idle: it
// would come back with a full bucket.
func TestNumbersFloodedNumberIsNotForgotten(t *testing.T) {
	table := NewNumbers(Limits{CPS: 0.001, Burst: 1}, 0, start)
	const flooded = e164.Number(12025550143)
	pass, _ := table.Admit(flooded, start)
	table.Leave(pass)
	for n := range e164.Number(20000) {
		p, _ := table.Admit(13000000000+n, start)
		table.Leave(p)
		if n%8 == 0 {
			if _, verdict := table.Admit(flooded, start); verdict != OverRate {
				t.Fatalf("after %d other numbers the flooded one is %v", n, verdict)
			}
		}
	}
}

func TestNumbersWithoutLimits(t *testing.T) {
	table := NewNumbers(Limits{}, 0, start)
	const n = e164.Number(12025550143)
	before, _ := table.Admit(n, start)
	if tracked, _ := table.Tracked(); tracked != 0 || before != (Pass{}) {
		t.Error("without limits something is tracked")
	}
	table.Set(Limits{Concurrent: 1})
	table.Leave(before) // began before the limit: holds nothing
	pass, verdict := table.Admit(n, start)
	if verdict != Admitted {
		t.Fatal(verdict)
	}
	if _, verdict = table.Admit(n, start); verdict != OverConcurrent {
		t.Errorf("the second of 1 is %v", verdict)
	}
	adopted := table.Adopt(n)
	if table.Up(n) != 2 {
		t.Errorf("%d up after Adopt, want 2", table.Up(n))
	}
	table.Set(Limits{})
	table.Leave(pass)
	table.Leave(adopted)
	if table.Up(n) != 0 {
		t.Errorf("%d up at the end, want 0", table.Up(n))
	}
}

func TestNumbersSharedIsExact(t *testing.T) {
	table := NewNumbers(Limits{CPS: 1, Burst: 400}, 0, start)
	var passed atomic.Int64
	together(8, func() {
		for i := range 4000 {
			pass, verdict := table.Admit(e164.Number(12025550100+i%4), start)
			if verdict == Admitted {
				passed.Add(1)
				table.Leave(pass)
			}
		}
	})
	if passed.Load() != 4*400 {
		t.Errorf("%d passed, want exactly 1600", passed.Load())
	}
}

func TestNothingAllocates(t *testing.T) {
	trunk := NewLimiter(Limits{CPS: 1e6, Concurrent: 10}, start)
	table := NewNumbers(Limits{CPS: 1e6, Concurrent: 10}, 0, start)
	now, n := start, e164.Number(12020000000)
	if got := testing.AllocsPerRun(5000, func() {
		now, n = now.Add(time.Microsecond), n+1
		trunk.Admit(now)
		pass, _ := table.Admit(n, now)
		table.Leave(pass)
		trunk.Leave()
	}); got != 0 {
		t.Errorf("%v allocations per call, want 0", got)
	}
}

func BenchmarkLimiter(b *testing.B) {
	trunk := NewLimiter(Limits{CPS: 1e8, Burst: 1 << 20, Concurrent: 1 << 20}, start)
	now := start
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(time.Microsecond)
		if trunk.Admit(now) == Admitted {
			trunk.Leave()
		}
	}
}

func BenchmarkNumbers(b *testing.B) {
	table := NewNumbers(Limits{CPS: 20, Burst: 40, Concurrent: 200}, 1<<16, start)
	now, n := start, uint64(0)
	b.ReportAllocs()
	for b.Loop() {
		now, n = now.Add(time.Microsecond), n+1
		pass, _ := table.Admit(e164.Number(12020000000+n%100000), now)
		table.Leave(pass)
	}
}
