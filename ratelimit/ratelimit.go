// Package ratelimit answers: may one more call come through this door now?
//
// A Bucket bounds how many calls begin per second, a Gate how many are up at
// once. A Limiter is both, for one trunk; Numbers is both for every public
// number, in a table of fixed size. All are shared by the shards of an edge:
// a trunk's calls spread over every shard, and its limit holds over their sum.
//
// The package is quiet: instants are arguments, and a refusal is a return value.
// Nothing allocates after construction.
package ratelimit

import (
	"sync"
	"sync/atomic"
	"time"
)

// Limits bounds one door. Zero (or less) in a field means no limit there.
type Limits struct {
	CPS        float64 // calls that may begin per second, on average
	Burst      int     // calls that may begin at the same instant; 0 means CPS rounded up
	Concurrent int     // calls that may be up at once
}

// Verdict is the answer of a door.
type Verdict uint8

const (
	// Admitted means that the call counts from now on and must be taken back with Leave.
	Admitted Verdict = iota
	// OverRate means that too many calls began lately.
	OverRate
	// OverConcurrent means that too many calls are up.
	OverConcurrent
)

// String is the stable word of a Verdict for records and metrics.
func (v Verdict) String() string {
	switch v {
	case Admitted:
		return "admitted"
	case OverRate:
		return "over_rate"
	default:
		return "over_concurrent"
	}
}

// Limiter is the door of one trunk. It is safe for concurrent use.
type Limiter struct {
	bucket Bucket
	gate   Gate
	asked  atomic.Uint64
	denied [3]atomic.Uint64 // by Verdict

	mu     sync.Mutex // of what follows; calls do not take it
	limits Limits
	share  *Share // nil: the whole
}

// NewLimiter makes a door whose bucket is full. start is the instant that all
// later ones are measured from; instants taken from one process share its
// monotonic clock, so that a stepped wall clock changes nothing.
func NewLimiter(l Limits, start time.Time) *Limiter {
	d := new(Limiter)
	d.bucket.init(start)
	d.limits = l
	d.bucket.Set(l.CPS, l.Burst)
	d.gate.Set(l.Concurrent)
	return d
}

// Set changes the limits, as a reload does. Calls that are up stay counted, and
// those above a lowered limit stay up. A share in force keeps its proportion.
func (d *Limiter) Set(l Limits, now Instant) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if l == d.limits {
		return
	}
	if s := d.share; s != nil {
		d.share = &Share{Rate: scale(s.Rate, d.limits.CPS, l.CPS), Concurrent: scale(s.Concurrent, float64(d.limits.Concurrent), float64(l.Concurrent))}
	}
	d.limits = l
	d.enforce(now)
}

func scale(share int64, from, to float64) int64 {
	if !(from > 0) || !(to > 0) {
		return 0
	}
	return int64(float64(share) * to / from)
}

// Limits are the whole limits, whatever share of them is in force.
func (d *Limiter) Limits() Limits {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.limits
}

// Asked counts the calls that have asked Admit, and Denied those that were
// refused with a Verdict.
func (d *Limiter) Asked() uint64           { return d.asked.Load() }
func (d *Limiter) Denied(v Verdict) uint64 { return d.denied[min(v, OverConcurrent)].Load() }

// Admit asks for one call at once: a place and a token. A call refused for want
// of a place costs no token, so a full trunk recovers the moment a call ends.
func (d *Limiter) Admit(now time.Time) Verdict {
	d.asked.Add(1)
	if !d.gate.Enter() {
		d.denied[OverConcurrent].Add(1)
		return OverConcurrent
	}
	if !d.bucket.Take(now) {
		d.gate.Leave()
		d.denied[OverRate].Add(1)
		return OverRate
	}
	return Admitted
}

// Take takes one token of the bucket; false means too many calls began lately.
func (d *Limiter) Take(now time.Time) bool { return d.bucket.Take(now) }

// Enter takes one place; false means too many calls are up.
func (d *Limiter) Enter() bool { return d.gate.Enter() }

// Adopt takes a place whatever the limit: for dialogs found again after a
// restart, and for calls that limits must not refuse (RFC 7090).
func (d *Limiter) Adopt() { d.gate.Adopt() }

// Leave gives a place back; one call of it belongs to one Admit, Enter or Adopt.
func (d *Limiter) Leave() { d.gate.Leave() }

// Up is the number of calls that hold a place.
func (d *Limiter) Up() int { return d.gate.Up() }
