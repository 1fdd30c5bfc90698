package sipedge

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/speakops/sipedge/sipedge/call"
)

// settle sweeps as often as there is something to sweep, as the shard's alarm does.
func (f *fading[K, V]) settle(now call.Instant) {
	for f.next() <= now {
		f.sweep(now)
	}
}

// Against a map: a value stays for its time, also when a second one was noted
// under its key, when hashes collide and where positions pass 2^32; and nothing
// is left after it.
func TestFading(t *testing.T) {
	const lifetime = call.Instant(32 * time.Second)
	type held struct {
		value int
		until call.Instant
	}
	rapid.Check(t, func(t *rapid.T) {
		spread := rapid.Uint64Range(1, 40).Draw(t, "spread")
		f := newFading[uint64, int](1<<20, func(key uint64) uint64 { return key % spread })
		f.first = rapid.SampledFrom([]uint64{1, chunk - 3, 1<<32 - 5, 1<<33 - chunk - 1}).Draw(t, "first")
		f.end = f.first
		naive := map[uint64]held{}
		var now call.Instant
		for step := range rapid.IntRange(0, 60).Draw(t, "steps") {
			if rapid.Bool().Draw(t, "note") {
				for range rapid.IntRange(1, 40).Draw(t, "many") {
					key := rapid.Uint64Range(0, 60).Draw(t, "key")
					f.note(key, step, now+lifetime)
					naive[key] = held{step, now + lifetime}
				}
			} else {
				now += call.Instant(rapid.IntRange(0, 20).Draw(t, "seconds")) * call.Instant(time.Second)
				f.settle(now)
				for key, h := range naive {
					if h.until <= now {
						delete(naive, key)
					}
				}
			}
			if f.keys != len(naive) {
				t.Fatalf("%d keys, want %d", f.keys, len(naive))
			}
			for key := range uint64(61) {
				value, until, ok := f.get(key)
				if want, there := naive[key]; ok != there || (held{value, until}) != want {
					t.Fatalf("key %d: %d until %d, %v; want %+v", key, value, until, ok, want)
				}
			}
		}
		f.settle(now + lifetime)
		if f.keys != 0 || f.len() != 0 || f.next() != call.Never || len(f.index) > 64 || len(f.chunks) > 1 {
			t.Fatalf("%d keys, %d entries, an index of %d and %d chunks are left", f.keys, f.len(), len(f.index), len(f.chunks))
		}
	})
}

func TestSweepIsShort(t *testing.T) {
	f := newFading[uint64, int](1<<20, func(key uint64) uint64 { return key })
	for i := range uint64(1000) {
		f.note(i, 0, 1)
	}
	f.sweep(1)
	if f.keys < 900 {
		t.Errorf("one step swept %d", 1000-f.keys)
	}
	if f.next() > 1 {
		t.Error("the rest would be left lying")
	}
}
