package sipedge

import (
	"sync"

	"github.com/speakops/sipedge/routing/e164"
)

// guard recognises our own legacy leg coming back. Once a number is activated,
// or served on the losing carrier's own net, the leg we send to the legacy side
// may return to us as a new INVITE with the same caller and called number. A
// fingerprint of the two exists only while such a leg waits for its answer, so
// a redial is not a loop; callers without a number share one fingerprint, and
// it takes two legs to believe that.
type guard struct {
	mu   sync.Mutex
	open map[guardKey]int32 // bounded by max_inflight
}

type guardKey struct{ from, to e164.Number }

func (g *guard) looped(from, to e164.Number) bool {
	g.mu.Lock()
	n := g.open[guardKey{from, to}]
	g.mu.Unlock()
	return n > 1 || n == 1 && from != 0
}

func (g *guard) enter(k guardKey) {
	g.mu.Lock()
	g.open[k]++
	g.mu.Unlock()
}

func (g *guard) leave(k guardKey) {
	g.mu.Lock()
	if g.open[k]--; g.open[k] <= 0 {
		delete(g.open, k)
	}
	g.mu.Unlock()
}
