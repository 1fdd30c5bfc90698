package ratelimit

import (
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// Overload decides how much of the new work is too much, by how long messages
// have waited before somebody looked at them, not by a guess at a capacity. Where
// even the luckiest message of a window waits longer than the target there is a
// standing queue, and a growing part of new calls is refused; a burst or a pause
// of the machine leaves no such queue and costs no call (the idea of CoDel,
// RFC 8289; the controller is that of PIE, RFC 8033). It is safe for concurrent use.
type Overload struct {
	start Instant
	least atomic.Int64 // shortest wait of the window under way, nanoseconds
	until atomic.Int64 // its end, nanoseconds after start
	shed  atomic.Uint64
	rate  atomic.Uint64
	begun atomic.Uint64 // calls let in, ever

	mu     sync.Mutex // of what follows: the arithmetic between windows
	target time.Duration
	last   time.Duration
	over   int // windows in a row above the target
	calls  uint64
	pace   float64 // calls let in per second, smoothed
}

// window is how often the arithmetic runs; after patience windows above the target
// in a row it is a queue and no hiccup (RFC 8033 section 4.4: 150 ms); after idle
// without a message what was known is worth nothing.
const (
	window   = 50 * time.Millisecond
	patience = 3
	idle     = time.Second
)

// Gains of the controller, per second of wait, and the most it refuses: some
// calls must go on coming in to show that the edge is well again.
const (
	gainLevel = 1.0
	gainTrend = 4.0
	mostShed  = 0.98
	leastShed = 0.005
)

// NewOverload makes a controller that keeps waits about target.
func NewOverload(target time.Duration, start Instant) *Overload {
	o := &Overload{start: start}
	o.Aim(target)
	o.least.Store(math.MaxInt64)
	o.until.Store(int64(window))
	return o
}

// Aim changes the target, as a reload does.
func (o *Overload) Aim(target time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.target = max(target, time.Millisecond)
}

// Waited notes how long one message has waited.
func (o *Overload) Waited(d time.Duration, now Instant) {
	for {
		least := o.least.Load()
		if int64(d) >= least || o.least.CompareAndSwap(least, int64(d)) {
			break
		}
	}
	at, until := int64(now.Sub(o.start)), o.until.Load()
	if at >= until && o.until.CompareAndSwap(until, at+int64(window)) {
		o.turn(time.Duration(max(o.least.Swap(math.MaxInt64), 0)), window+time.Duration(at-until))
	}
}

// Began notes one call that was let in.
func (o *Overload) Began() { o.begun.Add(1) }

// turn ends a window: least is the shortest wait in it, past how long it was.
func (o *Overload) turn(least, past time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	begun := o.begun.Load()
	o.pace += (float64(begun-o.calls)/past.Seconds() - o.pace) * 0.2
	o.calls = begun
	if past > idle || least == math.MaxInt64 {
		o.last, o.over = 0, 0
		store(&o.shed, 0)
		store(&o.rate, 0)
		return
	}
	p := load(&o.shed)
	least = min(least, 20*o.target)
	if o.over++; least <= o.target {
		o.over = 0
	}
	if p == 0 && o.over < patience {
		o.last = least
		o.steer(p, least)
		return
	}
	p += gainLevel*(least-o.target).Seconds() + gainTrend*(least-o.last).Seconds()
	if least < o.target/2 {
		p = p*0.9 - 0.01 // the queue is gone: leave no remainder behind
	}
	o.last = least
	if p = min(p, mostShed); p < leastShed {
		p = 0
	}
	store(&o.shed, p)
	o.steer(p, least)
}

// steer moves the rate that peers are told which count for themselves: from what
// was let in when the queue began to stand, down while it stands, up when it does not.
func (o *Overload) steer(p float64, least time.Duration) {
	r := load(&o.rate)
	switch {
	case r == 0 && p > 0:
		r = max(o.pace, 1)
	case r > 0:
		r *= 1 - 0.06*min(max(float64(least)/float64(o.target)-1, -0.5), 1)
	}
	if p == 0 && r > 2*max(o.pace, 1) {
		r = 0 // nobody needs to be told any more
	}
	store(&o.rate, r)
}

func load(a *atomic.Uint64) float64     { return math.Float64frombits(a.Load()) }
func store(a *atomic.Uint64, v float64) { a.Store(math.Float64bits(v)) }

// Part is the part of new calls that is too much now, 0 to 0.98.
func (o *Overload) Part() float64 { return load(&o.shed) }

// Rate is how many calls per second all peers together should send while they
// can keep count, 0 for no limit.
func (o *Overload) Rate() float64 { return load(&o.rate) }

// Standing says whether the queue stands at a multiple of the target although
// peers were asked to send less.
func (o *Overload) Standing(times int) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.last > time.Duration(times)*o.target
}

// Crowded is the part of new calls that is too much for work in progress: none
// up to nine tenths of the limit, all at the limit.
func Crowded(inflight, limit int64) float64 {
	if limit <= 0 {
		return 0
	}
	free := float64(limit-inflight) / float64(limit)
	return min(max(1-free*10, 0), 1)
}
