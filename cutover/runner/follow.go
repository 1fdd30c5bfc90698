package runner

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/speakops/sipedge/cutover"
	"github.com/speakops/sipedge/cutover/clock"
	"github.com/speakops/sipedge/cutover/ledger"
	"github.com/speakops/sipedge/cutover/runner/said"
)

// answerWithin bounds one question to the store.
const answerWithin = 2 * time.Second

// busy is how often the store is read while a revision is under way.
const busy = 10 * time.Millisecond

// resume takes up what the journal says, before the store is asked.
func (r *Runner) resume() error {
	if len(r.paper.entries) == 0 {
		return r.begin()
	}
	e, err := cutover.Replay(r.paper.entries)
	if err == nil {
		err = r.publish(cutover.Publish{Pair: e.Pair, Floors: e.Floors, Serving: e.Serves()})
	}
	if err != nil {
		if err := r.paper.aside(err); err != nil {
			return err
		}
		if err := r.paper.open(); err != nil {
			return err
		}
		return r.begin()
	}
	r.take(e)
	return nil
}

// begin makes the identity of a new journal.
func (r *Runner) begin() error {
	self := cutover.MemberID(r.opts.Edge + "~" + r.paper.Nonce())
	if err := self.Check(); err != nil {
		return err
	}
	entry := cutover.Entry{Kind: cutover.KindBegun, Self: self}
	text, err := entry.Encode()
	if err == nil {
		err = r.paper.Append(text)
	}
	if err != nil {
		return err
	}
	e, err := cutover.Replay([]cutover.Entry{entry})
	if err != nil {
		return err
	}
	r.serving.Store(false)
	r.book.Store(nil)
	r.take(e)
	return nil
}

func (r *Runner) take(e cutover.Edge) {
	e = r.breaks.edge(e)
	r.edge = e
	if c := e.Pair.Committed; c.Has(e.Self) { // a joiner has only heard of it
		r.lineage.note(c)
	}
	if e.Idle() {
		r.idle = e
	}
	r.self.Store(&e.Self)
	r.promised.Store(&e.Generation)
}

// follow reads the store over and over, and steps.
func (r *Runner) follow(ctx context.Context, store timekeeper) error {
	silent := time.AfterFunc(answerWithin/4, func() { r.asked.Store(true) })
	defer silent.Stop()
	for ctx.Err() == nil {
		began := time.Now()
		asking, cancel := context.WithTimeout(ctx, answerWithin)
		s, err := r.opts.Chain.Status(asking, r.asks()...)
		cancel()
		r.saw(s, err, began)
		if err == nil {
			if r.leave.Swap(false) {
				r.left = true
				r.step(ctx, store, cutover.Leave{})
			}
			r.step(ctx, store, s.StoreSeen)
		}
		r.asked.Store(true)
		r.look(ctx, store)
		r.shorten()
		wait := r.opts.Poll
		// Whoever reports last to a new generation recovers it, so nobody need
		// hurry while a report is missing, which may be for long.
		if err == nil && s.Recovered && (s.Pending != nil || r.inspect != nil || r.edge.Pair.Prepared != nil) {
			wait = busy
		}
		select {
		case <-ctx.Done():
		case <-r.wake:
		case <-time.After(wait):
		}
	}
	return nil
}

// asks names what this edge must hear of: absence from a list proves nothing.
func (r *Runner) asks() []cutover.RevisionID {
	if p := r.edge.Pair.Prepared; p != nil {
		return []cutover.RevisionID{p.ID}
	}
	return nil
}

// saw keeps an answer for people, and how long it took.
func (r *Runner) saw(s ledger.Status, err error, began time.Time) {
	old := r.view.Load()
	if err != nil {
		if !errors.Is(err, context.Canceled) {
			r.said.once(r.log, "store", err)
		}
		r.view.Store(&View{Status: old.Status, Read: old.Read, Err: err})
		return
	}
	r.said.over(r.log, "store")
	r.pace.took(time.Since(began))
	if s.Recovered {
		r.lonely = time.Time{}
	}
	r.met = r.met || s.Committed != nil || s.Pending != nil
	r.view.Store(&View{Status: s, Read: time.Now()})
}

// step takes an event to the protocol and grants its wishes, and so on with what
// comes of them. The clock is read after the event (rule 8).
func (r *Runner) step(ctx context.Context, store timekeeper, ev cutover.Event) {
	for queue := []cutover.Event{ev}; len(queue) > 0; queue = queue[1:] {
		next, effects := r.edge.Step(queue[0], r.opts.Clock.Now())
		r.take(next)
		for _, wish := range effects {
			if ev := r.grant(ctx, store, wish); ev != nil {
				queue = append(queue, ev)
			}
		}
	}
}

// look goes on with an inspection: the store may have been silent while the
// lists were fetched.
func (r *Runner) look(ctx context.Context, store timekeeper) {
	if r.inspect == nil {
		return
	}
	if ev := r.examine(ctx, *r.inspect); ev != nil {
		r.inspect = nil
		r.step(ctx, store, ev)
	}
}

// shorten writes the journal anew when it has grown long, and lets go of lists
// when another revision has come into force.
func (r *Runner) shorten() {
	if now := r.edge.Pair.Committed; r.edge.Idle() && r.inspect == nil && now != r.shed {
		r.paper.shed(&r.edge)
		r.shed = now
	}
	if r.paper.Journal == nil || r.paper.Stats().Entries < rewriteAfter || !r.edge.Idle() {
		return
	}
	if err := r.paper.rewrite(r.edge); err != nil {
		r.said.once(r.log, "journal", err)
	}
}

// troubles tells what lasts when it begins, when it changes, and when it is over.
type troubles struct{ said.Said }

func (t *troubles) once(log *slog.Logger, about string, err error) {
	if t.News(about, err) {
		log.Warn("cutover: what is in force stays in force meanwhile", "about", about, "error", err)
	}
}

func (t *troubles) over(log *slog.Logger, about string) {
	if t.Over(about) {
		log.Info("cutover: working again", "about", about)
	}
}

// timekeeper reads the store's clock, but not a zombie's: a store of a lower
// generation than this edge has promised is not asked for the time.
type timekeeper struct {
	*ledger.Sampler
	r *Runner
}

var errZombie = errors.New("the store is of a generation that this edge has left behind")

// ReadClock is clock.Store.
func (t timekeeper) ReadClock(ctx context.Context) (clock.Reading, error) {
	s, err := t.Sample(ctx)
	if err != nil {
		return clock.Reading{}, err
	}
	promised := cutover.Generation{}
	if b := t.r.promised.Load(); b != nil {
		promised = *b
	}
	if promised.Above(s.Generation) && !s.Empty && !t.r.breaks.anyClock() {
		return clock.Reading{}, errZombie
	}
	// Where there never was a chain nobody can have answered by another clock. A store
	// that was emptied is no such store: the fleet goes on by the clock of before.
	never := s.Empty && promised == (cutover.Generation{})
	reading := clock.Reading{Store: s.Store, Epoch: s.History, Settled: s.Settled || never}
	switch by := t.r.everybody.Load(); {
	case t.r.breaks.alone():
		reading.Everybody = s.Store
	case by != nil:
		reading.Everybody = *by
	}
	return reading, nil
}
