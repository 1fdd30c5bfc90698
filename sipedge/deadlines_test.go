package sipedge

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/speakops/sipedge/sipedge/call"
	"github.com/speakops/sipedge/sipedge/transport"
)

// waiting is a transaction that only waits.
type waiting struct{ txHead }

func (*waiting) expire(*shard, call.Instant)                 {}
func (*waiting) broken(*shard, transport.Flow, call.Instant) {}
func (*waiting) gone(*shard)                                 {}

// The heap against a list that is searched from end to end.
func TestDeadlines(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var d deadlines
		var now call.Instant
		naive := map[*waiting]call.Instant{}
		txs := make([]*waiting, rapid.IntRange(1, 40).Draw(t, "transactions"))
		for i := range txs {
			txs[i] = &waiting{}
			txs[i].pos, txs[i].due = -1, call.Never
		}
		for range rapid.IntRange(0, 200).Draw(t, "steps") {
			tx := rapid.SampledFrom(txs).Draw(t, "tx")
			switch rapid.IntRange(0, 5).Draw(t, "step") {
			case 0, 1, 2:
				due := now + call.Instant(rapid.IntRange(0, 50).Draw(t, "in"))
				d.set(tx, due)
				naive[tx] = due
			case 3:
				d.set(tx, call.Never)
				delete(naive, tx)
			case 4:
				d.remove(tx)
				delete(naive, tx)
			case 5:
				now += call.Instant(rapid.IntRange(0, 30).Draw(t, "later"))
				popAll(t, &d, naive, now)
			}
			if earliest := earliest(naive); d.next() > earliest {
				t.Fatalf("the alarm would ring at %d, %d is due", d.next(), earliest)
			}
		}
	})
}

// popAll takes out everything that is due, and nothing else.
func popAll(t *rapid.T, d *deadlines, naive map[*waiting]call.Instant, now call.Instant) {
	var want []*waiting
	for tx, due := range naive {
		if due <= now {
			want = append(want, tx)
		}
	}
	for tx := d.pop(now); tx != nil; tx = d.pop(now) {
		w := tx.(*waiting)
		if !slices.Contains(want, w) {
			t.Fatalf("not due, or twice: %d at %d", naive[w], now)
		}
		want = slices.DeleteFunc(want, func(x *waiting) bool { return x == w })
		delete(naive, w)
		if w.pos >= 0 {
			t.Fatalf("popped, and still at %d", w.pos)
		}
	}
	if len(want) > 0 {
		t.Fatalf("%d are due at %d and did not come", len(want), now)
	}
	for i := range d.heap {
		if int(d.heap[i].tx.head().pos) != i {
			t.Fatalf("entry %d believes to be at %d", i, d.heap[i].tx.head().pos)
		}
	}
}

func earliest(naive map[*waiting]call.Instant) call.Instant {
	first := call.Never
	for _, due := range naive {
		first = min(first, due)
	}
	return first
}
