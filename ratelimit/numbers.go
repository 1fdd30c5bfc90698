package ratelimit

import (
	"sync/atomic"
	"time"

	"github.com/speakops/sipedge/routing/e164"
)

// stripes is how many independent locks a Numbers has; shards of an edge are
// about as many as cores, so two rarely meet at one.
const stripes = 16

// MinNumbers is the smallest table a Numbers can have.
const MinNumbers = 1024

// Numbers bounds the calls to each public number, so that a flood for one
// number leaves the others alone. It remembers a fixed count of numbers: the
// ones with calls up and the ones dialled last. It is safe for concurrent use.
type Numbers struct {
	start  time.Time
	limits atomic.Pointer[numberLimits]
	stripe [stripes]stripe

	untracked atomic.Uint64
}

type numberLimits struct {
	pace       *pace
	concurrent int32
}

// Pass is the place one call holds in a Numbers. Keep it with the call and give
// it to Leave once. The zero Pass holds nothing.
type Pass struct {
	stripe uint16
	slot   int32 // plus one
}

// NewNumbers makes a table that remembers up to size numbers (at least
// MinNumbers; some 40 bytes each, taken as they are dialled). Size it above the number of calls
// the edge can have up: then no call is ever without a place.
func NewNumbers(l Limits, size int, start time.Time) *Numbers {
	n := &Numbers{start: start}
	size = max(size, MinNumbers)
	for i := range n.stripe {
		n.stripe[i].init((size + stripes - 1) / stripes)
	}
	n.Set(l)
	return n
}

// Set changes the limits of every number. While neither is set nothing is
// tracked and nothing is locked; calls that began in such a time stay uncounted.
func (n *Numbers) Set(l Limits) {
	next := &numberLimits{pace: newPace(l.CPS, l.Burst)}
	if l.Concurrent > 0 {
		next.concurrent = int32(min(l.Concurrent, 1<<30))
	}
	if next.pace == nil && next.concurrent == 0 {
		next = nil
	}
	n.limits.Store(next)
}

// Admit asks for one call to a number. When every slot of the number's stripe
// belongs to a number with calls up, the call is admitted without a place and
// counted by Untracked: this table protects one number from a flood for it, and
// a flood over more numbers than it can remember is the trunk's limit to stop.
func (n *Numbers) Admit(number e164.Number, now time.Time) (Pass, Verdict) {
	limits := n.limits.Load()
	if limits == nil {
		return Pass{}, Admitted
	}
	return n.enter(number, int64(now.Sub(n.start)), *limits)
}

// Adopt takes a place for a number whatever the limits and without a token, as
// Limiter.Adopt does.
func (n *Numbers) Adopt(number e164.Number) Pass {
	if n.limits.Load() == nil {
		return Pass{}
	}
	pass, _ := n.enter(number, 0, numberLimits{})
	return pass
}

func (n *Numbers) enter(number e164.Number, at int64, limits numberLimits) (Pass, Verdict) {
	h := mix(uint64(number))
	i := uint16(h % stripes)
	s := &n.stripe[i]
	s.mu.Lock()
	slot := s.find(number, h)
	if slot < 0 {
		slot = s.claim(number, h)
	}
	if slot < 0 {
		s.mu.Unlock()
		n.untracked.Add(1)
		return Pass{}, Admitted
	}
	verdict := s.admit(slot, at, limits)
	s.mu.Unlock()
	if verdict != Admitted {
		return Pass{}, verdict
	}
	return Pass{stripe: i, slot: slot + 1}, Admitted
}

// Leave gives a place back.
func (n *Numbers) Leave(p Pass) {
	if p.slot == 0 {
		return
	}
	s := &n.stripe[p.stripe]
	s.mu.Lock()
	s.leave(p.slot - 1)
	s.mu.Unlock()
}

// Up is how many calls to a number hold a place.
func (n *Numbers) Up(number e164.Number) int {
	h := mix(uint64(number))
	s := &n.stripe[h%stripes]
	s.mu.Lock()
	defer s.mu.Unlock()
	if slot := s.find(number, h); slot >= 0 {
		return int(s.slots[slot].up)
	}
	return 0
}

// Untracked counts calls admitted without a place because the table was full.
func (n *Numbers) Untracked() uint64 { return n.untracked.Load() }

// Tracked is how many numbers are remembered now, and Size how many can be.
func (n *Numbers) Tracked() (tracked, size int) {
	for i := range n.stripe {
		s := &n.stripe[i]
		s.mu.Lock()
		tracked += len(s.slots)
		size += s.bound
		s.mu.Unlock()
	}
	return tracked, size
}

// mix spreads neighbouring numbers (a block of ten thousand is common) over
// stripes and chains: the finaliser of splitmix64. It needs no secret, since
// only numbers that the table of routes knows get this far.
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}
