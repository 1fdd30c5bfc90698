package runner

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/speakops/sipedge/cutover"
	"github.com/speakops/sipedge/cutover/ledger"
	"github.com/speakops/sipedge/routing"
)

// witness tells what the protocol itself has no message for: that an instant has
// passed, and which call was the first on the new side.
type witness struct {
	open    atomic.Int32 // steps without a first call here
	mu      sync.Mutex
	steps   map[step]*seen
	waiting []notice // to be told to the store
}

// step is one turn of one cutover.
type step struct {
	Cutover   cutover.ID
	At        time.Time
	Authority routing.RoutingAuthority
}

func (s step) operation(what string) string {
	return fmt.Sprintf("%s/%s/%d", what, s.Cutover, s.At.UnixMicro())
}

type seen struct {
	list   cutover.ListID
	passed bool // told
	first  bool
}

// notice is what is on its way to the store's journal and its stream of events.
type notice struct {
	what   string
	step   step
	detail any
}

// maxNotices bounds what waits for a silent store; beyond it the oldest go.
const maxNotices = 1000

// Kinds of entries and events that edges tell of by themselves.
const (
	Flipped   = "flipped"    // a step's instant has passed
	FirstCall = "first_call" // the first call a step sent to its side, of one edge
)

// learn takes the steps of the revision in force.
func (w *witness) learn(rev *cutover.Revision) {
	w.mu.Lock()
	defer w.mu.Unlock()
	steps := map[step]*seen{}
	open := int32(0)
	if rev != nil {
		for _, c := range rev.Schedule {
			for _, t := range c.Turns {
				k := step{c.ID, t.At, t.Authority}
				v := w.steps[k]
				if v == nil {
					v = &seen{list: c.List}
				}
				steps[k] = v
				if !v.first {
					open++
				}
			}
		}
	}
	w.steps = steps
	w.open.Store(open)
}

// Carried is told of every call that a timeline decided; it costs next to
// nothing once each step has had its first.
func (r *Runner) Carried(n routing.PublicNumber, to routing.RoutingAuthority, call string) {
	w := &r.witness
	if w.open.Load() == 0 {
		return
	}
	now := r.opts.Clock.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	var latest *step
	var of *seen
	for k, v := range w.steps {
		if l, ok := r.paper.list(v.list); !ok || !l.Contains(n) || !now.After(k.At) || k.Authority != to {
			continue
		}
		if latest == nil || k.At.After(latest.At) {
			latest, of = &k, v
		}
	}
	if of == nil || of.first {
		return
	}
	of.first = true
	w.open.Add(-1)
	w.notice(FirstCall, *latest, map[string]any{"edge": r.Self(), "call": call, "public_number": n.String(), "routing_authority": to, "step": latest.At, "after_us": now.Mid().Sub(latest.At).Microseconds()})
}

func (w *witness) notice(what string, s step, detail any) {
	if len(w.waiting) == maxNotices {
		w.waiting = w.waiting[1:]
	}
	w.waiting = append(w.waiting, notice{what, s, detail})
}

// passed notices the instants that lie behind for certain.
func (r *Runner) passed() {
	w, now := &r.witness, r.opts.Clock.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	for k, v := range w.steps {
		if !v.passed && now.After(k.At) {
			v.passed = true
			w.notice(Flipped, k, map[string]any{"routing_authority": k.Authority, "at": k.At})
		}
	}
}

const witnessEvery = 200 * time.Millisecond

// testify tells the store what was seen, when it answers.
func (r *Runner) testify(ctx context.Context) error {
	for sleep(ctx, witnessEvery) == nil {
		r.passed()
		for {
			r.witness.mu.Lock()
			all := slices.Clone(r.witness.waiting)
			r.witness.mu.Unlock()
			if len(all) == 0 || r.say(ctx, all[0]) != nil {
				break
			}
			r.witness.mu.Lock()
			if len(r.witness.waiting) > 0 && r.witness.waiting[0].step == all[0].step && r.witness.waiting[0].what == all[0].what {
				r.witness.waiting = r.witness.waiting[1:]
			}
			r.witness.mu.Unlock()
		}
	}
	return nil
}

// say writes one notice to the journal and to the events; a repeat of either is
// told once.
func (r *Runner) say(ctx context.Context, n notice) error {
	text, err := json.Marshal(n.detail)
	if err != nil {
		return nil // cannot be: the details are made here
	}
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	operation := n.step.operation(n.what)
	if n.what == FirstCall {
		operation += "/" + string(r.Self()) // each edge has its own first call
	}
	_, err = r.opts.Chain.Note(ctx, operation, ledger.Note{Kind: n.what, Who: "edges", Cutover: n.step.Cutover, Detail: string(text)})
	if err != nil {
		return err
	}
	return r.opts.Chain.Tell(ctx, ledger.Event{Kind: n.what, Cutover: n.step.Cutover, Detail: string(text), Operation: "tell/" + operation}) // the entry has the other name
}
