package runner

import (
	"cmp"
	"sync"
	"time"
)

// pace remembers how slow something was of late. A slow moment counts half
// after every halving: an edge must not refuse for ever what one bad minute of a
// disk kept it from.
type pace struct {
	half time.Duration // 0: halving
	mu   sync.Mutex
	most time.Duration
	at   time.Time
}

// What is done seldom is remembered for long. The store is asked ten times a
// second and more: what one failover or one cut cable took is no round trip, and
// must not keep the fleet from agreeing for longer than it lasted.
const (
	halving     = 5 * time.Second
	tripHalving = time.Second
)

func (p *pace) took(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	p.most, p.at = max(d, p.left(now)), now
}

// slowest is the worst of late.
func (p *pace) slowest() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.left(time.Now())
}

func (p *pace) left(now time.Time) time.Duration {
	age := now.Sub(p.at)
	half := cmp.Or(p.half, halving)
	if p.at.IsZero() || age > 30*half {
		return 0
	}
	d := p.most >> (age / half)
	return d - time.Duration(float64(d)*0.5*float64(age%half)/float64(half))
}
