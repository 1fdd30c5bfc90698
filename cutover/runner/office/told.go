package office

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/speakops/sipedge/cutover"
	"github.com/speakops/sipedge/cutover/ledger"
	"github.com/speakops/sipedge/cutover/runner"
	"github.com/speakops/sipedge/sipedge/admin"
)

// told is what the journal of the store has said so far.
type told struct {
	mu     sync.Mutex
	after  string
	ready  bool                        // the end was reached once
	firsts map[cutover.ID]firstCall    // behind the last step that had one
	chain  map[cutover.RevisionID]bool // committed
	order  []cutover.RevisionID
}

// firstCall is the first call behind a step.
type firstCall struct {
	step time.Time
	admin.FirstCall
}

// maxTold bounds how many committed revisions are remembered.
const maxTold = 10_000

func (t *told) firstCall(id cutover.ID) (admin.FirstCall, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c, ok := t.firsts[id]
	return c.FirstCall, ok
}

func (t *told) committed(id cutover.RevisionID) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.chain[id]
}

// caughtUp says that the journal was read to its end.
func (t *told) caughtUp() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.ready
}

func (t *told) take(e *ledger.Entry) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.after = e.ID
	id := cutover.ID(e.Get("cutover"))
	switch e.Kind() {
	case "committed":
		if t.chain == nil {
			t.chain = map[cutover.RevisionID]bool{}
		}
		rev := cutover.RevisionID(e.Get("revision"))
		t.chain[rev], t.order = true, append(t.order, rev)
		if len(t.order) > maxTold {
			delete(t.chain, t.order[0])
			t.order = t.order[1:]
		}
	case runner.FirstCall:
		t.first(id, e)
	case "planned", "arm_started":
		delete(t.firsts, id) // of an earlier try
	}
}

// first takes an edge's word about its first call behind a step. Each edge has one,
// and they come in the order in which the store was told, not in that of the calls.
func (t *told) first(id cutover.ID, e *ledger.Entry) {
	var d struct {
		Edge  string    `json:"edge"`
		Call  string    `json:"call"`
		Step  time.Time `json:"step"`
		After int64     `json:"after_us"`
	}
	if json.Unmarshal([]byte(e.Get("detail")), &d) != nil {
		return
	}
	if t.firsts == nil {
		t.firsts = map[cutover.ID]firstCall{}
	}
	call := firstCall{d.Step, admin.FirstCall{Edge: d.Edge, At: d.Step.Add(time.Duration(d.After) * time.Microsecond).UTC(), Call: d.Call}}
	was, ok := t.firsts[id]
	if !ok || call.step.After(was.step) || call.step.Equal(was.step) && call.At.Before(was.At) {
		t.firsts[id] = call
	}
}

// listenEvery is how often the journal is read while nothing comes.
const listenEvery = 300 * time.Millisecond

// listen reads the journal as it grows, and tells the bus of what is new.
func (f *Office) listen(ctx context.Context) error {
	for first := true; ; {
		f.told.mu.Lock()
		after, ready := f.told.after, f.told.ready
		f.told.mu.Unlock()
		asking, cancel := context.WithTimeout(ctx, 2*time.Second)
		entries, err := f.o.Chain.Entries(asking, after, 500)
		cancel()
		if ctx.Err() != nil {
			return nil
		}
		f.said.once(f.log, "reading the journal", err)
		for i := range entries {
			f.told.take(&entries[i])
			if ready {
				f.o.Bus.Publish("cutover."+entries[i].Kind(), shownEntry(&entries[i]))
			}
		}
		if err == nil && len(entries) < 500 && first {
			f.told.mu.Lock()
			f.told.ready, first = true, false
			f.told.mu.Unlock()
		}
		if len(entries) == 0 && !pause(ctx, listenEvery) {
			return nil
		}
	}
}
