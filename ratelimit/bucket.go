package ratelimit

import (
	"math"
	"sync/atomic"
	"time"
)

// Bucket is a token bucket in one word. Instead of tokens it keeps the instant
// at which it will be full again (the virtual scheduling form of ITU-T I.371
// annex A, known as GCRA): a token costs one interval, and a call conforms
// while the instant lies at most burst-1 intervals ahead. One compare-and-swap
// per call, no lock, and no remainder is ever rounded away.
//
// The zero Bucket has no limit. It is safe for concurrent use.
type Bucket struct {
	start time.Time
	full  atomic.Int64 // nanoseconds after start
	pace  atomic.Pointer[pace]
}

// pace is what a Bucket's limits come to; immutable, so that a reload is one store.
type pace struct {
	interval int64 // nanoseconds per token
	ahead    int64 // (burst - 1) intervals
	closed   bool  // no tokens at all
}

// NewBucket makes a full bucket of cps tokens per second and burst tokens depth.
// cps of 0 is no limit; burst of 0 means cps rounded up.
func NewBucket(cps float64, burst int, start time.Time) *Bucket {
	b := new(Bucket)
	b.init(start)
	b.Set(cps, burst)
	return b
}

func (b *Bucket) init(start time.Time) {
	b.start = start
	b.full.Store(math.MinInt64 / 2)
}

// Set changes the limits; what was spent stays spent.
func (b *Bucket) Set(cps float64, burst int) { b.pace.Store(newPace(cps, burst)) }

// Instant is a point in time that an argument brings.
type Instant = time.Time

// set is Set with the tokens kept that are in the bucket now, as many as the new
// depth has room for. Tokens that are taken meanwhile by others may count to
// either side, by one at most for each of them.
func (b *Bucket) set(next *pace, now Instant) {
	old := b.pace.Swap(next)
	if next == nil || next.closed {
		return
	}
	at := int64(now.Sub(b.start))
	for {
		full := b.full.Load()
		tokens := old.tokens(full, at)
		most := float64(next.ahead/next.interval + 1)
		if old == nil {
			tokens = most
		}
		moved := at + next.ahead + next.interval - int64(min(tokens, most)*float64(next.interval))
		if b.full.CompareAndSwap(full, moved) {
			return
		}
	}
}

// tokens is how many are in a bucket that will be full again at full.
func (p *pace) tokens(full, at int64) float64 {
	if p == nil || p.closed {
		return 0
	}
	return max(0, float64(p.ahead+p.interval-max(full-at, 0))/float64(p.interval))
}

// newPace is nil when there is no limit.
func newPace(cps float64, burst int) *pace {
	// Beyond a token per nanosecond there is nothing to count.
	if !(cps > 0) || cps > 1e9 {
		return nil
	}
	if burst < 1 {
		burst = int(min(math.Ceil(cps), math.MaxInt32))
	}
	// Slower than a token in a hundred years is a token in a hundred years, so
	// that no sum below can overflow.
	const century = 100 * 365 * 24 * float64(time.Hour)
	interval := int64(min(float64(time.Second)/cps, century))
	return &pace{
		interval: interval,
		ahead:    int64(min(float64(interval)*float64(burst-1), century)),
	}
}

// Take takes one token; false means that none is left. Instants of different
// goroutines may arrive slightly out of order: an earlier one sees the bucket
// as the later one left it.
func (b *Bucket) Take(now time.Time) bool {
	p := b.pace.Load()
	if p == nil {
		return true
	}
	at := int64(now.Sub(b.start))
	for {
		full := b.full.Load()
		next, ok := p.take(full, at)
		if !ok {
			return false
		}
		if b.full.CompareAndSwap(full, next) {
			return true
		}
	}
}

// take is the arithmetic: when the bucket will be full after one more token.
func (p *pace) take(full, at int64) (int64, bool) {
	full = max(full, at)
	if p.closed || full-at > p.ahead {
		return 0, false
	}
	return full + p.interval, true
}
