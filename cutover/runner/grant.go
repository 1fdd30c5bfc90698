package runner

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/speakops/sipedge/cutover"
	"github.com/speakops/sipedge/cutover/ledger"
)

// grant does what the protocol wishes, and returns the event that came of it,
// nil for none. What fails on the way to the store is wished for again when the
// store is next seen.
func (r *Runner) grant(ctx context.Context, store timekeeper, wish cutover.Effect) cutover.Event {
	switch w := wish.(type) {
	case cutover.Publish:
		if err := r.publish(w); err != nil {
			// The lists were on disk when the revision was prepared.
			r.log.Error("cutover: a revision cannot be put in force; this edge takes no calls", "error", err)
			r.serving.Store(false)
		}
		nudge(r.beat)
		return nil
	case cutover.Keep:
		if err := r.paper.keep(w.Entry, r.idle); err != nil {
			r.said.once(r.log, "journal", err)
			return cutover.JournalFailed{Seq: w.Seq, Reason: err.Error()}
		}
		r.said.over(r.log, "journal")
		return cutover.Journaled{Seq: w.Seq}
	case cutover.Inspect:
		r.inspect = &w
		return nil
	case cutover.Retire:
		r.retire(w.Reason)
		return nil
	}
	asking, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	err := r.ask(asking, store, wish)
	if err == nil {
		r.poke() // what came of it, the store knows
	}
	var pending *ledger.PendingError
	var blocked cutover.Blocked
	if err != nil && ctx.Err() == nil && !errors.As(err, &pending) && !errors.As(err, &blocked) && !errors.Is(err, errAsked) {
		r.log.Debug("cutover: a step the store did not take", "step", fmt.Sprintf("%T", wish), "error", err)
	}
	return nil
}

// ask takes a step of the store's.
func (r *Runner) ask(ctx context.Context, store timekeeper, wish cutover.Effect) error {
	chain, g := r.opts.Chain, r.edge.Generation
	switch w := wish.(type) {
	case cutover.Ack:
		out, err := chain.Ack(ctx, g, r.edge.Self, w.ID)
		if err == nil && out.Now {
			r.spread.Store(&Spread{w.ID, out.Replicas.Have, out.Replicas.Connected})
		}
		return err
	case cutover.Refuse:
		r.log.Warn("cutover: this edge cannot prepare a revision and refuses it", "revision", w.ID, "reason", w.Reason)
		_, err := chain.Refuse(ctx, g, r.edge.Self, w.ID, w.Reason)
		return err
	case cutover.Abort:
		_, err := chain.Abort(ctx, g, w.ID, string(r.edge.Self), ledger.Overdue, "not everybody answered in time")
		return err
	case cutover.Begin:
		return r.generation(ctx, w)
	case cutover.SendReport:
		// The clock is covered before anybody may hear that this edge is there:
		// whoever forgets the old clock relies on it.
		if err := r.opts.Clock.Ask(ctx, store, answerWithin); err != nil {
			return err
		}
		if err := r.vouch(ctx, w.Report.Generation); err != nil {
			return err
		}
		if r.opts.Clock.Status().Known {
			w.Report.Latest = r.opts.Clock.Now().Latest
		}
		return chain.Report(ctx, w.Report, r.view.Load().Head)
	case cutover.Recover:
		_, err := chain.Recover(ctx, w.Generation, "")
		var blocked cutover.Blocked
		switch {
		case err == nil:
			r.log.Info("cutover: the store is recovered", "generation", w.Generation.String())
		case errors.As(err, &blocked) && blocked[0].Why == cutover.WhyChain && r.alone():
			return r.initialise(ctx, w.Generation.Number)
		}
		return err
	case cutover.Join:
		return r.join(ctx, w)
	case cutover.DeclareOff:
		_, err := chain.Leave(ctx, g, w.Self, w.Stopped)
		return err
	}
	return fmt.Errorf("no hand for %T", wish)
}

// publish puts a pair in force.
func (r *Runner) publish(w cutover.Publish) error {
	floors, err := cutover.CompileFloors(w.Floors, r.paper.list)
	if err != nil {
		return err
	}
	book, err := cutover.Compile(w.Pair, floors, r.paper.list)
	if err != nil {
		return err
	}
	was := r.Pair().Committed
	r.book.Store(book)
	r.serving.Store(w.Serving)
	r.witness.learn(w.Pair.Committed)
	if now := w.Pair.Committed; now != nil && (was == nil || was.ID != now.ID) {
		r.log.Info("cutover: a revision is in force", "revision", now.Number, "id", now.ID, "cutovers", len(now.Schedule), "members", len(now.Members))
	}
	return nil
}

// generation begins one, or, on a store that never had a chain and by an edge
// that may, the chain itself.
func (r *Runner) generation(ctx context.Context, w cutover.Begin) error {
	if r.opts.Auto && !r.met && r.view.Load().Empty && r.edge.Pair.Committed == nil && r.edge.Generation == (cutover.Generation{}) {
		return r.initialise(ctx, w.Number)
	}
	g, err := r.opts.Chain.Begin(ctx, w.Number, w.Over, w.Life)
	if err == nil {
		r.log.Warn("cutover: the store is another one than before (restarted, promoted or emptied); a new generation begins", "generation", g.String())
	}
	return err
}

// initialise begins a chain by this edge's word: there never was one.
func (r *Runner) initialise(ctx context.Context, number uint64) error {
	_, _, err := r.opts.Chain.Init(ctx, number, string(r.edge.Self))
	if err == nil {
		r.log.Info("cutover: a chain begins on a store that had none", "edge", r.edge.Self)
	}
	return err
}

// hearSay is how long an edge that may begin a chain waits for others to report
// one, when somebody has begun a generation before it.
const hearSay = time.Second

// alone says that this edge may begin a chain, and that nobody has told of one
// for a while. Whoever has met a chain, if only from outside, begins no other: a
// store that has none is then one that has lost it.
func (r *Runner) alone() bool {
	if !r.opts.Auto || r.met || r.edge.MetChain() {
		return false
	}
	if r.lonely.IsZero() {
		r.lonely = time.Now()
	}
	return time.Since(r.lonely) > hearSay
}

// joinEvery is how long an edge waits before it asks again to join: somebody has
// refused it or was silent, and every asking is written down by the store and
// keeps people's changes waiting.
const joinEvery = time.Second

var errAsked = errors.New("this edge has asked to join a moment ago")

// join proposes the body that adds this edge and changes nothing else (rule 1).
func (r *Runner) join(ctx context.Context, w cutover.Join) error {
	if !r.opts.Clock.Status().Known {
		return errors.New("store time is not known here yet: nobody proposes what it could not prepare")
	}
	if time.Since(r.asking) < joinEvery {
		return errAsked
	}
	next := &cutover.Revision{ID: NewRevisionID(), Number: 1, Members: []cutover.MemberID{w.Self}, Fleet: r.opts.Fleet}
	if w.Base != nil {
		next.Previous, next.Number, next.Schedule, next.Fleet = w.Base.ID, w.Base.Number+1, w.Base.Schedule, w.Base.Fleet
		next.Members = append(slices.Clone(w.Base.Members), w.Self)
		slices.Sort(next.Members)
	}
	// A store that lost its tail may have lost the lists of what a recovery brought
	// back, and all who had them be over. What an earlier identity left on this disk
	// may be the last copy, and without it nobody could join any more.
	_, err := r.opts.Chain.Propose(ctx, ledger.Proposal{Generation: r.edge.Generation, Previous: w.Base, Revision: next, Lists: r.paper.stock(next), Who: string(w.Self), Note: "join"})
	if err == nil {
		r.asking = time.Now()
	}
	return err
}

// NewRevisionID draws one.
func NewRevisionID() cutover.RevisionID {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return cutover.RevisionID(hex.EncodeToString(b[:]))
}

// retire ends this identity and begins another, unless the edge was told to leave
// the fleet: it stays out until it is started again. What a full disk does not
// take is tried again when the store is next seen.
func (r *Runner) retire(why string) {
	r.serving.Store(false)
	if r.left {
		return
	}
	var err error
	if r.paper.Journal != nil { // nil: a try before came so far
		if err = r.paper.remember(r.idle.Report()); err == nil {
			err = r.paper.aside(errors.New(why))
		}
	}
	if err == nil {
		err = r.paper.open()
	}
	if err == nil {
		err = r.begin()
	}
	if err != nil {
		r.said.once(r.log, "new identity", err)
		return
	}
	r.said.over(r.log, "new identity")
}

// examine fetches the lists of a revision and checks it against this edge
// (rule 8). nil means: not yet, ask again.
func (r *Runner) examine(ctx context.Context, w cutover.Inspect) cutover.Event {
	id := w.Revision.ID
	if !r.opts.Clock.Status().Known {
		return nil // it comes with the first reading, in a moment or when the store answers
	}
	if why := r.unfit(w.Revision.Fleet); why != "" {
		return cutover.Disagrees{ID: id, Reason: why}
	}
	asking, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	for _, c := range w.Revision.Schedule {
		if _, here := r.paper.list(c.List); here {
			continue
		}
		l, err := r.opts.Chain.List(asking, c.List)
		if err != nil {
			r.said.once(r.log, "list", err)
			return nil
		}
		if err := r.paper.put(l); err != nil {
			return cutover.Disagrees{ID: id, Reason: "the list of cutover " + string(c.ID) + " cannot be written down: " + err.Error()}
		}
	}
	floors, err := cutover.CompileFloors(r.edge.Floors, r.paper.list)
	if err == nil {
		err = cutover.Check(w.Base, w.Revision, r.opts.Records, floors, r.paper.list)
	}
	if err != nil {
		return cutover.Disagrees{ID: id, Reason: err.Error()}
	}
	return cutover.Ready{ID: id}
}

// unfit says why this edge can keep no promise with such a guard: from the
// store's deadline to D there must be time for a round trip, the disk and the
// errors of two clocks, and for a look at the store in between.
func (r *Runner) unfit(f cutover.Fleet) string {
	c := r.opts.Clock.Status()
	if c.Error > r.opts.MaxError {
		return fmt.Sprintf("its clock may be wrong by %v, more than clock.max_error %v: see the link to the store, and its clock; if that was set, what it showed before counts until every edge has read it, or is declared off", c.Error.Round(time.Microsecond), r.opts.MaxError)
	}
	trip, fsync := r.pace.slowest(), r.paper.fsync.slowest()
	if need := 2*c.Error + busy + trip + fsync; need > f.Guard {
		return fmt.Sprintf("it needs a guard of %v (twice its clock error %v, a poll of %v, a round trip of %v, an fsync of %v) and the fleet's is %v",
			need.Round(time.Microsecond), c.Error.Round(time.Microsecond), busy, trip.Round(time.Microsecond), fsync.Round(time.Microsecond), f.Guard)
	}
	return ""
}
