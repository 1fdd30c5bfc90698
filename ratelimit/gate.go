package ratelimit

import "sync/atomic"

// Gate counts calls that are up, exactly. The zero Gate has no limit and still
// counts, so that a limit set later knows what it starts from. It is safe for
// concurrent use.
type Gate struct {
	up    atomic.Int64
	limit atomic.Int64 // 0 is none, -1 is a limit of no calls
}

// Set changes the limit; 0 or less is none.
func (g *Gate) Set(limit int) { g.limit.Store(int64(max(limit, 0))) }

// Lend changes the limit to a share, which may be no calls at all.
func (g *Gate) Lend(share int) {
	if share <= 0 {
		share = -1
	}
	g.limit.Store(int64(share))
}

// Enter takes a place; false means that all are taken.
func (g *Gate) Enter() bool {
	for {
		up, limit := g.up.Load(), g.limit.Load()
		if limit != 0 && up >= limit {
			return false
		}
		if g.up.CompareAndSwap(up, up+1) {
			return true
		}
	}
}

// Adopt takes a place even when none is left.
func (g *Gate) Adopt() { g.up.Add(1) }

// Leave gives a place back. A Leave too many is a mistake of the caller; it is
// absorbed at zero, because a negative count would lift the limit unseen.
func (g *Gate) Leave() {
	for {
		up := g.up.Load()
		if up <= 0 || g.up.CompareAndSwap(up, up-1) {
			return
		}
	}
}

// Up is the number of places taken.
func (g *Gate) Up() int { return int(g.up.Load()) }
