package media

import (
	"math/rand/v2"
	"sync"
	"time"
)

// pool hands out pairs of ports, an even one for RTP and the odd one above it
// for RTCP (RFC 3550 section 11). A pair is drawn at random, so that nobody can
// guess where a call's media is, and rests after use, so that the last packets
// of one call do not meet the next.
type pool struct {
	mu      sync.Mutex
	free    []uint16 // even ports
	resting []rested // oldest first
	used    map[uint16]bool
	all     int
	rest    time.Duration
}

type rested struct {
	port  uint16
	until time.Time
}

// shortest is how long a pair rests even when no other is left.
const shortest = 2 * time.Second

func newPool(first, last uint16, rest time.Duration) *pool {
	p := &pool{used: map[uint16]bool{}, rest: max(rest, shortest)}
	for n := int(first) + int(first&1); n+1 <= int(last); n += 2 {
		p.free = append(p.free, uint16(n))
	}
	p.all = len(p.free)
	return p
}

func (p *pool) size() int { return p.all }

// take draws a pair; ok is false when none is left.
func (p *pool) take() (even uint16, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	for len(p.resting) > 0 && !now.Before(p.resting[0].until) {
		p.wake()
	}
	if len(p.free) == 0 && len(p.resting) > 0 && p.resting[0].until.Sub(now) <= p.rest-shortest {
		p.wake()
	}
	if len(p.free) == 0 {
		return 0, false
	}
	i := rand.IntN(len(p.free))
	even = p.free[i]
	p.remove(i)
	p.used[even] = true
	return even, true
}

func (p *pool) wake() {
	p.free = append(p.free, p.resting[0].port)
	p.resting = p.resting[1:]
}

func (p *pool) remove(i int) {
	last := len(p.free) - 1
	p.free[i] = p.free[last]
	p.free = p.free[:last]
}

// claim takes a certain pair, as a restarted edge must; ok is false when it is
// outside of the range or in use.
func (p *pool) claim(even uint16) (ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, f := range p.free {
		if f == even {
			p.remove(i)
			p.used[even] = true
			return true
		}
	}
	return false
}

// give lets a pair rest.
func (p *pool) give(even uint16) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.used[even] {
		return
	}
	delete(p.used, even)
	p.resting = append(p.resting, rested{even, time.Now().Add(p.rest)})
}

func (p *pool) counts() (used, resting, all int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.used), len(p.resting), p.all
}
