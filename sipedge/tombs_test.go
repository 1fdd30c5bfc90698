package sipedge

import (
	"hash/maphash"
	"testing"

	"github.com/speakops/sipedge/sipedge/call"
)

// A flood of ending calls forgets the oldest, and takes no more memory.
func TestTombsAreBounded(t *testing.T) {
	ts := newTombs()
	for i := range uint64(maxTombs + 1000) {
		ts.bury(i, tomb{id: i}, 0)
	}
	if ts.keys != maxTombs || ts.len() != maxTombs || len(ts.chunks) > maxTombs/chunk+1 {
		t.Fatalf("%d tombs, %d burials in %d chunks", ts.keys, ts.len(), len(ts.chunks))
	}
	if _, old := ts.of(999, 999); old {
		t.Error("the oldest is still there")
	}
	if _, young := ts.of(1000, 1000); !young {
		t.Error("a younger one is gone")
	}
	if _, other := ts.of(1001, 7); other {
		t.Error("another transaction with the same key is taken for the one that is buried")
	}
}

func TestEndings(t *testing.T) {
	e := newEndings(maphash.MakeSeed())
	id := func(n int) (c callID) { c[0], c[1] = byte(n), byte(n>>8); return c }
	e.note(id(1), 0)
	if !e.lately(id(1), call.Instant(endingMemory)-1) || e.lately(id(1), call.Instant(endingMemory)) {
		t.Errorf("an ending is not remembered for %v", endingMemory)
	}
	e.note(id(2), call.Instant(endingMemory))
	if e.len() != 1 {
		t.Errorf("an old ending is not forgotten: %d are kept", e.len())
	}
	for n := range maxEndings + 10 {
		e.note(id(n), call.Instant(endingMemory))
	}
	if e.len() > maxEndings {
		t.Errorf("%d endings are kept, more than %d", e.len(), maxEndings)
	}
}
