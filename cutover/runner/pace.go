package runner

import (
	"sync"
	"time"
)

// pace remembers how slow something was of late. A slow moment counts half
// after every halving: an edge must not refuse for ever what one bad minute of a
// disk kept it from.
type pace struct {
	mu   sync.Mutex
	most time.Duration
	at   time.Time
}

const halving = 5 * time.Second

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
	if p.at.IsZero() || age > 30*halving {
		return 0
	}
	d := p.most >> (age / halving)
	return d - time.Duration(float64(d)*0.5*float64(age%halving)/float64(halving))
}
