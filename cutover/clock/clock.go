// Package clock answers: what time is it at the store, and by how much may that
// be wrong?
//
// A cutover takes force when store time reaches its instant, on every edge by
// itself; so every edge must know store time as an interval that certainly
// contains it. A Reading bounds it by the moments of asking and hearing; the
// intersection of readings of one clock is narrower than each; between readings
// the machine's boot clock counts, and the interval grows by the drift no pair
// of sound clocks exceeds. A restart in the same boot resumes from disk.
//
// A store that fails over brings another clock, and one whose clock is set is
// another clock too. Both are covered until every edge has read the new one and the
// new one is certainly past all the old one can have shown: then no edge can answer
// "before" by one clock what another answered "after" by the other.
package clock

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/speakops/sipedge/routing"
	"github.com/speakops/sipedge/sipedge/records"
)

// DefaultDrift is how far apart two clocks are assumed to run, in parts per
// million: two crystals of 100 ppm. A clock disciplined faster than that shows
// as a step at the next reading.
const DefaultDrift = 200

// Clock is store time as one edge knows it. It is safe for use by many
// goroutines; Now takes no lock.
type Clock struct {
	machine Machine
	drift   int64 // parts per billion
	path    string
	files   records.Files

	hearing sync.Mutex    // one sample at a time
	saving  chan struct{} // one writer of the file; no mutex, which would stop the time of a synctest bubble while the disk is slow
	belief  atomic.Pointer[belief]
	jump    atomic.Int64 // the last disagreement, nanoseconds
	jumps   atomic.Uint64
	tell    func(Jump)
}

// Options make a Clock.
type Options struct {
	Machine Machine // nil: This
	// Drift is the assumed bound in parts per million, doubled while the kernel
	// says that its clock is not synchronised; 0 is DefaultDrift.
	Drift int
	// Path is the file that carries the clock over a restart, "" for none.
	Path string
	// Files is where Path lies; nil: the kernel's file system.
	Files records.Files
	// Jumped is told of a reading that contradicts what was believed; nil: nobody.
	Jumped func(Jump)
}

// Jump is a disagreement between two clocks: By is how far the new one lies
// ahead of what was believed, negative when behind.
type Jump struct {
	By       time.Duration
	Failover bool // the store changed, rather than its clock being set
}

// New makes a clock that knows nothing yet, or what Path remembers of this boot.
func New(o Options) (*Clock, error) {
	if o.Machine == nil {
		o.Machine = This{}
	}
	if o.Drift <= 0 {
		o.Drift = DefaultDrift
	}
	if o.Files == nil {
		o.Files = records.Disk{}
	}
	c := &Clock{machine: o.Machine, drift: int64(o.Drift) * 1000, path: o.Path, files: o.Files, tell: o.Jumped, saving: make(chan struct{}, 1)}
	if !c.machine.Synchronised() {
		c.drift *= 2
	}
	return c, c.resume()
}

// Anyway is the width of an interval that knows nothing.
const anyway = 100 * 365 * 24 * time.Hour

// Now is store time. Without any reading it is all of time: whatever depends on
// an instant is uncertain.
func (c *Clock) Now() routing.Interval {
	b := c.belief.Load()
	at := read(c.machine)
	if b == nil {
		return routing.Around(time.Unix(0, at.wall), anyway)
	}
	t := b.covers(at, c.drift)
	return routing.Interval{Earliest: time.Unix(0, t.lo), Latest: time.Unix(0, t.hi)}
}

// Mark is a local instant, to be taken before a reading is asked for.
type Mark struct{ at local }

// Mark reads the local clock.
func (c *Clock) Mark() Mark { return Mark{read(c.machine)} }

// Hear takes a reading asked for at asked and heard now.
func (c *Clock) Hear(r Reading, asked Mark) {
	c.hearing.Lock()
	defer c.hearing.Unlock()
	old := c.belief.Load()
	next, jump := old.hear(r, asked.at, read(c.machine), c.drift)
	if next == nil {
		return
	}
	c.belief.Store(next)
	if jump == 0 {
		return
	}
	c.jump.Store(int64(jump))
	c.jumps.Add(1)
	if c.tell != nil {
		c.tell(Jump{By: jump, Failover: r.Epoch != old.epoch})
	}
}

// Status is the clock as operators see it.
type Status struct {
	Known  bool          // any reading at all
	Error  time.Duration // half the interval's width
	Offset time.Duration // store time minus this machine's wall clock
	Age    time.Duration // since the last reading
	Shown  time.Time     // by the store, in that reading; zero when another life of this edge took it
	Epoch  string
	Former int // clocks covered beside the one that is followed
	Jumps  uint64
	Jump   time.Duration // the last one
}

// Status reads the clock.
func (c *Clock) Status() Status {
	b := c.belief.Load()
	at := read(c.machine)
	s := Status{Jumps: c.jumps.Load(), Jump: time.Duration(c.jump.Load())}
	if b == nil {
		s.Error = anyway
		return s
	}
	t := b.covers(at, c.drift)
	s.Known, s.Epoch, s.Former = true, b.epoch, len(b.former)
	if b.shown > 0 {
		s.Shown = time.Unix(0, b.shown).UTC()
	}
	s.Error = time.Duration(t.hi-t.lo) / 2
	s.Offset = time.Duration(t.lo + (t.hi-t.lo)/2 - at.wall)
	s.Age = time.Duration(at.boot - b.heard.boot)
	return s
}
