package sipedge

import (
	"context"
	"time"

	"github.com/speakops/sipedge/routing"
	"github.com/speakops/sipedge/sipedge/call"
)

// Finder asks the store itself for a number while the table is still being
// filled. Lookup puts what it finds into the table; it may wait a little, and is
// called from many goroutines.
type Finder interface {
	Loaded() bool
	Lookup(ctx context.Context, n routing.PublicNumber) (routing.Number, bool, error)
}

// seekWithin is how long a call waits for a lookup; the store is asked for less.
const seekWithin = 200 * time.Millisecond

// seek parks a call, once, for a number that a half-filled table does not know:
// the store itself is asked, and whatever comes of it the call is decided anew.
// Nobody remembers that there was no such number.
func (s *shard) seek(inv *invite, now call.Instant) (ev call.Event, parked bool) {
	f := s.edge.parts.Finder
	if f == nil || inv.sought || inv.asked.To == 0 || f.Loaded() {
		return ev, false
	}
	if _, known := inv.world.routing.Brief(inv.asked.To); known {
		return ev, false
	}
	inv.sought = true
	if !s.park(inv, now) {
		return call.Event{Kind: call.Refuse}, true
	}
	number := inv.asked.To
	s.aside(inv, seekWithin, func(ctx context.Context) { _, _, _ = f.Lookup(ctx, number) })
	return call.Event{Kind: call.Wait, At: now + call.Instant(seekWithin)}, true
}

// park counts a call among those that wait; a decision that refuses it stands
// when there are too many.
func (s *shard) park(inv *invite, now call.Instant) bool {
	held := &s.edge.metrics.Held
	if held.Add(1); held.Value() > int64(inv.world.maxHeld) {
		held.Add(-1)
		inv.decision = routing.Refuse(routing.RetryElsewhere, becauseHeldFull)
		return false
	}
	if inv.held = true; inv.waiting == 0 {
		inv.waiting = now
	}
	return true
}

// aside does something that may wait, outside the room, and lets the call be
// decided anew unless it has gone on or ended meanwhile.
func (s *shard) aside(inv *invite, within time.Duration, do func(context.Context)) {
	id, key, e := inv.id, inv.key, s.edge
	e.background(func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, within)
		defer cancel()
		do(ctx)
		now := e.now()
		s.mu.Lock()
		defer s.leave(now)
		for tx := s.servers[key]; tx != nil; tx = tx.head().next {
			if again, ok := tx.(*invite); ok && again.id == id && again.call.State() == call.Proceeding && again.call.Attempts() == 0 {
				s.current = again
				s.aboutTx(again, now)
				s.step(again, s.decide(again, now), nil, now)
				return
			}
		}
	})
}
