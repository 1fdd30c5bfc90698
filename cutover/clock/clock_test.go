package clock

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// box is a machine whose clocks the test turns.
type box struct {
	boot, mono time.Duration
	wall       time.Time
	id         string
	unsynced   bool
}

func newBox() *box { return &box{wall: time.Unix(1_800_000_000, 0), id: "boot-1"} }

func (b *box) Read() (time.Duration, time.Duration, time.Time) { return b.boot, b.mono, b.wall }
func (b *box) Boot() string                                    { return b.id }
func (b *box) Synchronised() bool                              { return !b.unsynced }

func (b *box) pass(d time.Duration) {
	b.boot += d
	b.mono += d
	b.wall = b.wall.Add(d)
}

func newClock(t interface{ Fatal(...any) }, m Machine, path string) *Clock {
	c, err := New(Options{Machine: m, Path: path})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var storeStart = time.Unix(1_800_000_123, 456_000)

func holds(c *Clock, truth time.Time) bool {
	now := c.Now()
	return !now.Earliest.After(truth) && !now.Latest.Before(truth)
}

func TestNothingIsKnownBeforeTheFirstReading(t *testing.T) {
	c := newClock(t, newBox(), "")
	if now := c.Now(); now.Width() < anyway {
		t.Errorf("the interval of a clock that read nothing is only %v wide", now.Width())
	}
	if s := c.Status(); s.Known {
		t.Error("a clock that read nothing calls itself known")
	}
}

// The interval contains store time whatever the round trips, the drift and the
// gaps between readings, and one good reading makes it narrow.
func TestTheIntervalContainsStoreTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newBox()
		c := newClock(t, m, "")
		truth := storeStart
		ppm := rapid.Int64Range(-DefaultDrift, DefaultDrift).Draw(t, "ppm")
		pass := func(d time.Duration) {
			m.pass(d)
			truth = truth.Add(d + d*time.Duration(ppm)/1_000_000)
		}
		for range rapid.IntRange(1, 40).Draw(t, "readings") {
			asked := c.Mark()
			pass(time.Duration(rapid.Int64Range(0, int64(50*time.Millisecond)).Draw(t, "there")))
			r := Reading{Store: truth.Truncate(time.Microsecond), Epoch: "a", Settled: true}
			pass(time.Duration(rapid.Int64Range(0, int64(50*time.Millisecond)).Draw(t, "back")))
			c.Hear(r, asked)
			if !holds(c, truth) {
				t.Fatalf("store time %v is outside %v", truth, c.Now())
			}
			pass(time.Duration(rapid.Int64Range(0, int64(20*time.Second)).Draw(t, "gap")))
			if !holds(c, truth) {
				t.Fatalf("store time %v is outside %v after a gap", truth, c.Now())
			}
		}
		if c.Status().Jumps != 0 {
			t.Fatal("a sound clock was called a jumping one")
		}
	})
}

// fleet is edges of one store that fails over, once, to a machine with another clock.
type fleet struct {
	edges []*Clock
	boxes []*box
	heard []bool // the new clock
	old   time.Time
	off   time.Duration // of the new clock against the old
	new   bool
}

func (f *fleet) pass(d time.Duration) {
	for _, b := range f.boxes {
		b.pass(d)
	}
	f.old = f.old.Add(d)
}

func (f *fleet) settled() bool {
	for _, h := range f.heard {
		if !h {
			return false
		}
	}
	return true
}

func (f *fleet) read(i int, trip time.Duration) {
	asked := f.edges[i].Mark()
	r := Reading{Store: f.old, Epoch: "a", Settled: true}
	if f.new {
		f.heard[i] = true
		r = Reading{Store: f.old.Add(f.off), Epoch: "b", Settled: f.settled()}
	}
	f.pass(trip)
	f.edges[i].Hear(r, asked)
}

// Whatever two stores' clocks say, no edge answers "before" an instant once any
// edge has answered "after" it.
func TestAFailoverToAnotherClockNeverGoesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := &fleet{old: storeStart, off: time.Duration(rapid.Int64Range(int64(-500*time.Millisecond), int64(500*time.Millisecond)).Draw(t, "offset"))}
		for range 3 {
			b := newBox()
			f.boxes, f.edges, f.heard = append(f.boxes, b), append(f.edges, newClock(t, b, "")), append(f.heard, false)
		}
		for i := range f.edges {
			f.read(i, time.Millisecond)
		}
		step := storeStart.Add(time.Duration(rapid.Int64Range(int64(time.Second), int64(6*time.Second)).Draw(t, "step")))
		failover := rapid.IntRange(0, 200).Draw(t, "failover")
		after := false
		for n := range 400 {
			f.new = f.new || n >= failover
			f.pass(time.Duration(rapid.IntRange(0, 30).Draw(t, "passed")) * time.Millisecond)
			i := rapid.IntRange(0, len(f.edges)-1).Draw(t, "edge")
			if rapid.IntRange(0, 3).Draw(t, "does") == 0 {
				f.read(i, time.Duration(rapid.IntRange(1, 200).Draw(t, "trip"))*time.Millisecond)
				continue
			}
			now := f.edges[i].Now()
			switch {
			case now.After(step):
				after = true
			case now.Before(step) && after:
				t.Fatalf("edge %d answers before %v at %v, and another has answered after", i, step, now)
			}
		}
	})
}

func TestBothClocksAreForgottenIntoOne(t *testing.T) {
	m := newBox()
	c := newClock(t, m, "")
	c.Hear(Reading{Store: storeStart, Epoch: "a", Settled: true}, c.Mark())
	m.pass(time.Second)
	ahead := storeStart.Add(time.Second + 300*time.Millisecond)
	c.Hear(Reading{Store: ahead, Epoch: "b"}, c.Mark())
	if s := c.Status(); s.Former != 1 || s.Error < 150*time.Millisecond || s.Jumps != 1 || s.Jump < 299*time.Millisecond {
		t.Fatalf("after a failover by +300 ms: %+v", s)
	}
	for range 3 { // nobody says that all edges know: nothing is forgotten
		m.pass(time.Second)
		ahead = ahead.Add(time.Second)
		c.Hear(Reading{Store: ahead, Epoch: "b"}, c.Mark())
	}
	if s := c.Status(); s.Former != 1 {
		t.Fatalf("the old clock was forgotten while an edge may follow it: %+v", s)
	}
	m.pass(time.Second)
	c.Hear(Reading{Store: ahead.Add(time.Second), Epoch: "b", Settled: true}, c.Mark())
	if s := c.Status(); s.Former != 0 || s.Error > time.Millisecond {
		t.Fatalf("the old clock is still covered: %+v", s)
	}
}

// What the old clock showed when the last edge learned of the new one counts,
// not what it showed at the failover.
func TestTheNewClockMustPassWhatTheOldOneShowed(t *testing.T) {
	m := newBox()
	c := newClock(t, m, "")
	hear := func(back time.Duration, epoch string, settled bool) {
		asked := c.Mark()
		m.pass(100 * time.Millisecond)
		c.Hear(Reading{Store: storeStart.Add(m.boot - back), Epoch: epoch, Settled: settled}, asked)
	}
	hear(0, "a", true)
	m.pass(10 * time.Second)
	hear(time.Second, "b", false)
	m.pass(10 * time.Second)
	hear(time.Second, "b", true)
	shown := storeStart.Add(m.boot + 100*time.Millisecond)
	for c.Status().Former > 0 {
		if m.pass(50 * time.Millisecond); m.boot > time.Minute {
			t.Fatal("the old clock is never forgotten")
		}
		hear(time.Second, "b", true)
	}
	if now := c.Now(); !now.After(shown) {
		t.Errorf("at %v the old clock was forgotten, and it had shown %v", now, shown)
	}
}

// An edge that is cut off may go by the old setting for as long as it likes.
func TestAClockThatWasSetIsCoveredUntilEverybodyHasReadIt(t *testing.T) {
	m := newBox()
	var jumps []Jump
	c, _ := New(Options{Machine: m, Jumped: func(j Jump) { jumps = append(jumps, j) }})
	store := storeStart
	others := store
	hear := func() { c.Hear(Reading{Store: store, Epoch: "a", Settled: true, Everybody: others}, c.Mark()) }
	hear()
	store = store.Add(-2 * time.Second)
	hear()
	if len(jumps) != 1 || jumps[0].Failover || jumps[0].By > -1900*time.Millisecond {
		t.Fatalf("jumps %+v", jumps)
	}
	for range 300 {
		m.pass(time.Second)
		store = store.Add(time.Second)
		if c.Status().Age < time.Second {
			t.Fatal("the age of the last reading does not grow")
		}
		hear()
		if c.Status().Former != 1 {
			t.Fatal("the old setting was forgotten, and somebody may go by it")
		}
	}
	others = storeStart.Add(time.Millisecond) // beyond all the old setting had shown
	for range 305 {
		hear()
		m.pass(time.Second)
		store = store.Add(time.Second)
	}
	if s := c.Status(); s.Former != 0 || !s.Shown.Equal(store.Add(-time.Second)) {
		t.Fatalf("the old setting is covered for ever: %+v", s)
	}
}

// What a restart takes up may cover a clock that was set, and is not forgotten
// with the rest.
func TestAClockThatWasSetIsCoveredAfterARestart(t *testing.T) {
	m, dir := newBox(), t.TempDir()
	path := filepath.Join(dir, "clock.json")
	c := newClock(t, m, path)
	c.Hear(Reading{Store: storeStart, Epoch: "a", Settled: true}, c.Mark())
	c.Hear(Reading{Store: storeStart.Add(-2 * time.Second), Epoch: "a", Settled: true}, c.Mark())
	if err := c.Save(); err != nil {
		t.Fatal(err)
	}
	again := newClock(t, m, path)
	hear := func(everybody time.Time) {
		for i := range 10 {
			again.Hear(Reading{Store: storeStart.Add(time.Duration(i-2) * time.Second), Epoch: "a", Settled: true, Everybody: everybody}, again.Mark())
			m.pass(time.Second)
		}
	}
	if hear(storeStart); again.Status().Error < time.Second {
		t.Fatalf("the old setting was forgotten by a restart: %+v", again.Status())
	}
}

// reads is a store that shows these times, one after the other.
type reads []time.Time

func (r *reads) ReadClock(context.Context) (Reading, error) {
	next := (*r)[0]
	*r = (*r)[1:]
	return Reading{Store: next, Epoch: "a", Settled: true}, nil
}

// Others forget the old setting when they hear that this edge has read the new
// one. So by then a crash must not bring the old one back.
func TestAnotherClockIsOnDiskWhenItWasRead(t *testing.T) {
	m, path := newBox(), filepath.Join(t.TempDir(), "clock.json")
	c := newClock(t, m, path)
	store := &reads{storeStart, storeStart.Add(-2 * time.Second)}
	for range 2 {
		if err := c.Ask(context.Background(), store, time.Second); err != nil {
			t.Fatal(err)
		}
	}
	if again := newClock(t, m, path); !holds(again, storeStart) || !holds(again, storeStart.Add(-2*time.Second)) {
		t.Errorf("a crash forgets one of two clocks: %v", again.Now())
	}
}

func TestFormerClocksAreBounded(t *testing.T) {
	m := newBox()
	c := newClock(t, m, "")
	var seen []time.Time
	for i := range 20 {
		at := storeStart.Add(time.Duration(i%7) * time.Second)
		c.Hear(Reading{Store: at, Epoch: string(rune('a' + i))}, c.Mark())
		seen = append(seen, at)
	}
	if n := c.Status().Former; n > maxFormer {
		t.Errorf("%d former clocks are kept, at most %d may be", n, maxFormer)
	}
	for _, at := range seen {
		if !holds(c, at) {
			t.Errorf("%v was followed once and is no longer covered by %v", at, c.Now())
		}
	}
}

// A machine that was suspended, paused or whose wall clock was set knows less
// until it reads again; its own clocks' word is all covered.
func TestClocksOfOneMachineThatDisagree(t *testing.T) {
	for name, change := range map[string]func(*box){
		"suspended: the boot clock counts on":     func(m *box) { m.boot += time.Hour; m.wall = m.wall.Add(time.Hour) },
		"paused: only the wall clock was put on":  func(m *box) { m.wall = m.wall.Add(time.Hour) },
		"paused, and the wall clock has not been": func(m *box) {},
		"set back": func(m *box) { m.wall = m.wall.Add(-time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			m := newBox()
			c := newClock(t, m, "")
			c.Hear(Reading{Store: storeStart, Epoch: "a", Settled: true}, c.Mark())
			m.pass(time.Second)
			boot, wall := m.boot, m.wall
			change(m)
			for _, passed := range []time.Duration{m.boot - boot, m.wall.Sub(wall)} {
				if truth := storeStart.Add(time.Second + passed); !holds(c, truth) {
					t.Errorf("%v is possible and not in %v", truth, c.Now())
				}
			}
			truth := storeStart.Add(time.Second + (m.boot - boot))
			c.Hear(Reading{Store: truth, Epoch: "a", Settled: true}, c.Mark())
			if s := c.Status(); s.Error > time.Millisecond || s.Jumps != 0 {
				t.Errorf("a fresh reading does not settle it: %+v", s)
			}
		})
	}
}

func TestAnUnsynchronisedKernelDriftsTwiceAsFar(t *testing.T) {
	m := newBox()
	m.unsynced = true
	c := newClock(t, m, "")
	c.Hear(Reading{Store: storeStart, Epoch: "a", Settled: true}, c.Mark())
	m.pass(1000 * time.Second)
	if s, want := c.Status(), 2*DefaultDrift*time.Millisecond; s.Error < want {
		t.Errorf("error %v after 1000 s without synchronisation, want at least %v", s.Error, want)
	}
}

func TestARestartInTheSameBootResumes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "clock.json")
	m := newBox()
	c := newClock(t, m, path)
	c.Hear(Reading{Store: storeStart, Epoch: "a", Settled: true}, c.Mark())
	c.Hear(Reading{Store: storeStart.Add(time.Minute), Epoch: "b"}, c.Mark())
	if err := c.Save(); err != nil {
		t.Fatal(err)
	}
	m.pass(30 * time.Second)

	again := newClock(t, m, path)
	for _, truth := range []time.Time{storeStart.Add(30 * time.Second), storeStart.Add(90 * time.Second)} {
		if !holds(again, truth) {
			t.Errorf("%v was covered before the restart and is not in %v", truth, again.Now())
		}
	}
	again.Hear(Reading{Store: storeStart.Add(90 * time.Second), Epoch: "b"}, again.Mark())
	if !holds(again, storeStart.Add(30*time.Second)) {
		t.Error("the first reading after a restart narrowed away a clock that other edges may follow")
	}

	m.id = "boot-2"
	if s := newClock(t, m, path).Status(); s.Known {
		t.Errorf("another boot resumed the clock: %+v", s)
	}
	if err := os.WriteFile(path, []byte(`{"version":1,`), 0o600); err != nil {
		t.Fatal(err)
	}
	torn, err := New(Options{Machine: m, Path: path})
	if err == nil || torn.Status().Known {
		t.Errorf("a torn file: error %v, status %+v", err, torn.Status())
	}
}

// silent is a store that answers by the bubble's clock, or not at all.
type silent struct{ asked, dead int }

func (s *silent) ReadClock(context.Context) (Reading, error) {
	s.asked++
	if s.asked <= s.dead {
		return Reading{}, errors.New("connection refused")
	}
	return Reading{Store: time.Now(), Epoch: "a", Settled: true}, nil
}

// bubble is a machine whose clocks are the bubble's.
type bubble struct{ start time.Time }

func (b bubble) Read() (time.Duration, time.Duration, time.Time) {
	d := time.Since(b.start)
	return d, d, time.Now()
}
func (bubble) Boot() string       { return "boot-1" }
func (bubble) Synchronised() bool { return true }

func TestFollowKeepsTheClockAndItsFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "clock.json")
	synctest.Test(t, func(t *testing.T) {
		c := newClock(t, bubble{time.Now()}, path)
		s := &silent{dead: 3}
		failed := 0
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			c.Follow(ctx, s, time.Second, func(error) { failed++ })
		}()
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if failed != 3 || !c.Status().Known || c.Status().Age > time.Second {
			t.Errorf("%d failures reported of 3, status %+v", failed, c.Status())
		}
		stop()
		<-done
		if _, err := os.Stat(path); err != nil {
			t.Errorf("the clock was not saved at the end: %v", err)
		}
	})
}

func BenchmarkNow(b *testing.B) {
	c, err := New(Options{})
	if err != nil {
		b.Fatal(err)
	}
	c.Hear(Reading{Store: time.Now(), Epoch: "a", Settled: true}, c.Mark())
	b.ReportAllocs()
	for b.Loop() {
		_ = c.Now()
	}
}

// A virtual machine that its host did not run while an answer was on its way has
// waited longer than its boot clock says.
func TestAPauseDuringAReadingIsCovered(t *testing.T) {
	m := newBox()
	c := newClock(t, m, "")
	c.Hear(Reading{Store: storeStart, Epoch: "a", Settled: true}, c.Mark())
	m.pass(time.Second)
	asked := c.Mark()
	answer := storeStart.Add(time.Second)
	m.wall = m.wall.Add(3 * time.Second)
	c.Hear(Reading{Store: answer, Epoch: "a", Settled: true}, asked)
	for _, truth := range []time.Time{answer, answer.Add(3 * time.Second)} {
		if !holds(c, truth) {
			t.Errorf("%v is possible and not in %v", truth, c.Now())
		}
	}
}

// Whoever comes up while a new store is not settled knows no time: others answer
// by the clock before, which this edge has never read.
func TestAnUnsettledClockTellsANewcomerNothing(t *testing.T) {
	c := newClock(t, newBox(), "")
	c.Hear(Reading{Store: storeStart, Epoch: "b"}, c.Mark())
	if c.Status().Known {
		t.Fatalf("a newcomer believes an unsettled clock: %v", c.Now())
	}
	c.Hear(Reading{Store: storeStart, Epoch: "b", Settled: true}, c.Mark())
	if !holds(c, storeStart) || c.Status().Error > time.Millisecond {
		t.Errorf("a settled clock is not believed: %+v", c.Status())
	}
}
