package sipedge

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/speakops/sipedge/sipedge/call"
)

const lifetime = call.Instant(call.Lifetime)

// settle sweeps as often as there is something to sweep, as the shard's alarm does.
func (t *tombs) settle(now call.Instant) {
	for t.next() <= now {
		t.sweep(now)
	}
}

// The ring of burials against a map: a tomb lies for its time, even when a
// second one was dug under its key, and nothing is left after it.
func TestTombs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ts := tombs{at: map[uint64]tomb{}}
		naive := map[uint64]tomb{}
		var now call.Instant
		for range rapid.IntRange(0, 300).Draw(t, "steps") {
			if rapid.Bool().Draw(t, "bury") {
				key := rapid.Uint64Range(0, 20).Draw(t, "key")
				b := tomb{id: rapid.Uint64().Draw(t, "id"), code: 200}
				ts.bury(key, b, now+lifetime)
				b.until = now + lifetime
				naive[key] = b
			} else {
				now += call.Instant(rapid.IntRange(0, 20).Draw(t, "seconds")) * call.Instant(time.Second)
				ts.settle(now)
				for key, b := range naive {
					if b.until <= now {
						delete(naive, key)
					}
				}
			}
			if len(ts.at) != len(naive) {
				t.Fatalf("%d tombs, want %d", len(ts.at), len(naive))
			}
			for key, want := range naive {
				if ts.at[key] != want {
					t.Fatalf("key %d: %+v, want %+v", key, ts.at[key], want)
				}
			}
		}
		ts.settle(now + lifetime)
		if len(ts.at) != 0 || ts.count != 0 || ts.next() != call.Never {
			t.Fatalf("%d tombs and %d burials are left", len(ts.at), ts.count)
		}
	})
}

// A flood of ending calls forgets the oldest, and takes no more memory.
func TestTombsAreBounded(t *testing.T) {
	ts := tombs{at: map[uint64]tomb{}}
	for i := range uint64(maxTombs + 1000) {
		ts.bury(i, tomb{id: i}, lifetime)
	}
	if len(ts.at) != maxTombs || ts.count != maxTombs || len(ts.order) != maxTombs {
		t.Fatalf("%d tombs, %d burials in a ring of %d", len(ts.at), ts.count, len(ts.order))
	}
	if _, old := ts.at[999]; old {
		t.Error("the oldest is still there")
	}
	if _, young := ts.at[1000]; !young {
		t.Error("a younger one is gone")
	}
}

func TestSweepIsShort(t *testing.T) {
	ts := tombs{at: map[uint64]tomb{}}
	for i := range uint64(1000) {
		ts.bury(i, tomb{id: i}, lifetime)
	}
	ts.sweep(lifetime)
	if left := len(ts.at); left < 900 {
		t.Errorf("one step swept %d tombs", 1000-left)
	}
	if ts.next() > lifetime {
		t.Error("the rest would be left lying")
	}
}

func TestEndings(t *testing.T) {
	e := endings{at: map[callID]call.Instant{}}
	id := func(n int) (c callID) { c[0], c[1] = byte(n), byte(n>>8); return c }
	e.note(id(1), 0)
	if until, ok := e.at[id(1)]; !ok || until != call.Instant(endingMemory) {
		t.Errorf("an ending is remembered until %d", until)
	}
	e.note(id(2), call.Instant(endingMemory))
	if _, ok := e.at[id(1)]; ok || len(e.order) != 1 {
		t.Errorf("an old ending is not forgotten: %d are kept", len(e.order))
	}
}
