package ratelimit

import (
	"math/rand/v2"
	"testing"
	"time"
)

// line plays one server: calls of a cost come at a rate, refused ones cost less,
// and everybody waits in one queue. Time is in steps of a millisecond.
type line struct {
	o       *Overload
	now     time.Time
	backlog float64 // seconds of work waiting
	chance  *rand.Rand

	served, refused int
	waits           time.Duration
	worst           time.Duration
	n               int
}

func newLine() *line {
	now := time.Unix(1_800_000_000, 0)
	return &line{o: NewOverload(20*time.Millisecond, now), now: now, chance: rand.New(rand.NewPCG(7, 7))}
}

// run plays for d; load is offered work over capacity when a call costs 100 us,
// and a refused one a tenth. obey are peers that keep away by themselves.
func (l *line) run(d time.Duration, load float64, obey string) {
	const cost = 100e-6
	for range int(d / time.Millisecond) {
		l.now = l.now.Add(time.Millisecond)
		due := load * 1e-3 / cost
		if rate := l.o.Rate(); obey == "rate" && rate > 0 {
			due = min(due, rate*1e-3)
		}
		calls := int(due)
		if l.chance.Float64() < due-float64(calls) {
			calls++
		}
		for range calls {
			if obey == "loss" && l.chance.Float64() < l.o.Part() {
				continue // never sent
			}
			wait := time.Duration(l.backlog * float64(time.Second))
			l.o.Waited(wait, l.now)
			l.waits, l.worst, l.n = l.waits+wait, max(l.worst, wait), l.n+1
			if shed := l.chance.Float64() < l.o.Part(); shed && (obey == "" || l.o.Standing(3)) {
				l.refused++
				l.backlog += cost / 10
				continue
			}
			l.o.Began()
			l.served++
			l.backlog += cost
		}
		l.backlog = max(l.backlog-1e-3, 0)
	}
}

func (l *line) reset() { l.served, l.refused, l.waits, l.worst, l.n = 0, 0, 0, 0, 0 }

// At twice the capacity the queue stays about the target, and what is served is
// what refusals leave of the capacity.
func TestOverloadKeepsGoodput(t *testing.T) {
	const capacity = 10_000
	for _, c := range []struct {
		obey string
		want float64
	}{{"", 0.8}, {"loss", 0.95}, {"rate", 0.95}} {
		l := newLine()
		l.run(5*time.Second, 2, c.obey)
		l.reset()
		l.run(20*time.Second, 2, c.obey)
		goodput := float64(l.served) / (20 * capacity)
		mean := l.waits / time.Duration(l.n)
		t.Logf("peers that obey %q: %.0f %% of capacity, %d refused, mean wait %v, longest %v", c.obey, 100*goodput, l.refused, mean, l.worst)
		if goodput < c.want {
			t.Errorf("%q: %.2f of capacity, want %.2f", c.obey, goodput, c.want)
		}
		if mean > 60*time.Millisecond || l.worst > 200*time.Millisecond {
			t.Errorf("%q: waits of %v, the longest %v", c.obey, mean, l.worst)
		}
	}
}

// Below capacity nothing is refused; a pause of the machine refuses nothing
// either, since the queue it leaves does not stand.
func TestOverloadLeavesTheHealthyAlone(t *testing.T) {
	l := newLine()
	for range 20 {
		l.run(510*time.Millisecond, 0.6, "")
		l.backlog += 0.055 // the collector, or a neighbour
	}
	if l.refused != 0 {
		t.Errorf("%d calls refused at 0.6 of capacity", l.refused)
	}
}

// When the flood is over nothing of it stays.
func TestOverloadEnds(t *testing.T) {
	l := newLine()
	l.run(5*time.Second, 3, "")
	l.run(3*time.Second, 0.5, "")
	l.reset()
	l.run(5*time.Second, 0.5, "")
	if l.refused != 0 || l.o.Part() != 0 || l.o.Rate() != 0 {
		t.Errorf("%d refused, part %.3f, rate %.0f", l.refused, l.o.Part(), l.o.Rate())
	}
	l.run(5*time.Second, 3, "")
	l.now = l.now.Add(time.Minute) // nobody calls
	l.o.Waited(0, l.now)
	if l.o.Part() != 0 {
		t.Errorf("after a minute's silence %.2f of calls would be refused", l.o.Part())
	}
}

// A reload may want another wait: what was a queue is none any more.
func TestOverloadAimsElsewhere(t *testing.T) {
	l := newLine()
	l.run(5*time.Second, 1.5, "")
	if l.refused == 0 {
		t.Fatal("nothing is refused at 1.5 of capacity")
	}
	l.o.Aim(10 * time.Second)
	l.run(3*time.Second, 1.02, "")
	l.reset()
	if l.run(3*time.Second, 1.02, ""); l.refused != 0 {
		t.Errorf("%d calls refused for waits far below the new target", l.refused)
	}
}

func TestCrowded(t *testing.T) {
	for _, c := range []struct {
		inflight, limit int64
		want            float64
	}{{0, 1000, 0}, {900, 1000, 0}, {950, 1000, 0.5}, {1000, 1000, 1}, {1500, 1000, 1}, {5, 0, 0}} {
		if got := Crowded(c.inflight, c.limit); got < c.want-1e-9 || got > c.want+1e-9 {
			t.Errorf("%d of %d: %v, want %v", c.inflight, c.limit, got, c.want)
		}
	}
}
