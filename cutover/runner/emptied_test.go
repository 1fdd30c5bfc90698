package runner

import (
	"testing"

	"github.com/redis/go-redis/v9"
)

// P2: what a store shows that was emptied may be another clock than the one by which
// the fleet has answered, and counts as such. Only where there never was a chain has
// nobody answered by any.
func TestAnEmptiedStoreIsNoFirstClock(t *testing.T) {
	s := startStore(t)
	_, records := some(t, 1)
	e := startMember(t, s, "edge-1", t.TempDir(), records, false)
	clock := timekeeper{e.opts.Chain.Sampler(), e.Runner}
	defer clock.Close()
	if r, err := clock.ReadClock(t.Context()); err != nil || !r.Settled {
		t.Errorf("before there was a chain: %+v, %v", r, err)
	}
	member := startMember(t, s, "edge-2", t.TempDir(), records, true)
	until(t, "the edge to serve", func() bool { ok, _ := member.Serves(); return ok })
	after := timekeeper{member.opts.Chain.Sampler(), member.Runner}
	defer after.Close()
	member.stop()
	e.stop()
	rdb := redis.NewClient(&redis.Options{Addr: s.addr()})
	defer rdb.Close()
	if err := rdb.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	if r, err := after.ReadClock(t.Context()); err != nil || r.Settled {
		t.Errorf("of a store that was emptied: %+v, %v", r, err)
	}
}
