package office

import (
	"context"
	"time"

	"github.com/speakops/sipedge/cutover/ledger"
)

// lease lets one edge at a time do what one is enough for. It is a courtesy, not
// a lock: whatever two did at once would come out the same.
type lease struct {
	Owner string    `json:"owner"`
	Until time.Time `json:"until"` // store time
}

const leaseFor = 10 * time.Second

// holds says whether this edge has, or can get, a lease; it is renewed when a
// third of it is over.
func (f *Office) holds(ctx context.Context, name string) bool {
	p, err := f.leases.read(ctx, name)
	if err != nil {
		return false
	}
	me, now := string(f.o.Runner.Self()), f.now()
	switch {
	case p.Value.Owner != me && now.Before(p.Value.Until):
		return false
	case p.Value.Owner == me && now.Before(p.Value.Until.Add(-leaseFor*2/3)):
		return true
	}
	_, err = f.leases.write(ctx, p, lease{me, now.Add(leaseFor)}, ledger.Note{})
	return err == nil
}

// release gives a lease up, so that nobody waits for its end.
func (f *Office) release(name string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if p, err := f.leases.read(ctx, name); err == nil && p.Value.Owner == string(f.o.Runner.Self()) {
		_ = f.leases.remove(ctx, p) // it ends by itself
	}
}
