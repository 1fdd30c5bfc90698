package clock

import (
	"context"
	"time"
)

// Store is a store whose clock can be read. Read asks once, on a connection of
// its own and without retries: a repeated question would be answered at an
// instant nobody knows.
type Store interface {
	ReadClock(ctx context.Context) (Reading, error)
}

// saveEvery is how often the clock is written down: what a crash loses costs the
// drift of so long.
const saveEvery = 10 * time.Second

// Follow reads the store's clock every so often until ctx ends, a few times at
// once to begin with and until one was had. failed hears of every reading that could not be had, and
// of a file that could not be written; store time goes on without both.
func (c *Clock) Follow(ctx context.Context, s Store, every time.Duration, failed func(error)) {
	const first = 5 // the best of several round trips is near the floor
	var lastSaved time.Time
	for n := 0; ; n++ {
		if err := c.Ask(ctx, s, every); err != nil && ctx.Err() == nil {
			failed(err)
		}
		if now := time.Now(); now.Sub(lastSaved) >= saveEvery || ctx.Err() != nil {
			lastSaved = now
			if err := c.Save(); err != nil {
				failed(err)
			}
		}
		wait := every
		if n < first || c.belief.Load() == nil {
			wait = every / 20
		}
		select {
		case <-ctx.Done():
			if err := c.Save(); err != nil {
				failed(err)
			}
			return
		case <-time.After(wait):
		}
	}
}

// Ask takes one reading, within timeout. One that brings another clock is on disk
// when Ask returns: others forget the clock before when they hear that this edge
// has read the new one, and a restart must not bring it back alone.
func (c *Clock) Ask(ctx context.Context, s Store, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	asked := c.Mark()
	r, err := s.ReadClock(ctx)
	if err != nil {
		return err
	}
	covered := c.Status().Former
	c.Hear(r, asked)
	if c.Status().Former > covered {
		return c.Save()
	}
	return nil
}
