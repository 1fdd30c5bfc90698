package cutover

import (
	"errors"
	"slices"
	"time"
)

// heal is a fair end: the network delivers, the disks work, the operator says
// who is off, and time goes on. Then everything is learned and everybody answers.
func (w *world) heal() {
	w.healing = true
	w.mail = nil
	for round := range 60 {
		w.round(w.edges...)
		w.operator()
		if round%2 == 0 {
			w.pass()
		}
		if len(w.failures) > 0 {
			return
		}
	}
	w.rest()
}

// round is everybody's turn, and whatever comes of it.
func (w *world) round(edges ...*node) {
	for _, n := range edges {
		w.poll(n)
		w.inspect(n)
		for n.unsynced != nil && w.up(n) {
			w.sync(n)
		}
		w.fold(n)
	}
	for len(w.mail) > 0 && len(w.failures) == 0 {
		m := w.mail[0]
		w.mail = w.mail[1:]
		w.hand(m)
	}
}

// operator says what only people know: which identities are over, what their
// journals say, and when an edge had stopped.
func (w *world) operator() {
	b := w.live()
	if w.dead || b.Changed() {
		return
	}
	named := slices.Clone(w.waits(b))
	for _, r := range []*Revision{b.Committed, b.Pending} {
		if r != nil {
			named = append(named, r.Members...)
		}
	}
	for _, m := range named {
		if w.over(m) && !b.IsOff(m) {
			_ = b.DeclareOff(m, time.Time{}, w.storeClock())
		}
	}
	if w.orphaned() {
		_ = b.Adopt()
	}
	var blocked Blocked
	if errors.As(b.Recover(w.storeClock(), false), &blocked) {
		for _, o := range blocked {
			w.testify(b, o)
		}
		if blocked[0].Why == WhyWitness && w.orphaned() {
			_ = b.Recover(w.storeClock(), true)
		}
	}
}

// orphaned says that no edge is left that is a member of anything.
func (w *world) orphaned() bool {
	return !slices.ContainsFunc(w.edges, func(n *node) bool { return n.stopped.IsZero() && n.edge.Pair.Committed.Has(n.edge.Self) })
}

// waits is who the store waits for.
func (w *world) waits(b *box) []MemberID {
	if b.Recovered {
		return nil
	}
	var all []MemberID
	for _, o := range b.Barrier(false).missing() {
		all = append(all, o.Member)
	}
	return all
}

// over says that nobody runs under this identity, and that the operator knows.
func (w *world) over(m MemberID) bool {
	for _, n := range w.edges {
		if n.edge.Self == m {
			return !n.stopped.IsZero() && w.opt.harness&memberGone == 0
		}
	}
	return true
}

// testify brings the evidence that recovery asks for: the journal of an edge
// that is off or, where it is lost, the word when the edge had stopped.
func (w *world) testify(b *box, o Obstacle) {
	if o.Why == WhyReport {
		return
	}
	for _, n := range w.edges {
		reports := slices.Clone(n.old)
		if !n.stopped.IsZero() {
			left, err := Replay(n.journal)
			if err != nil {
				w.fail("%v", err)
			}
			reports = append(reports, left.Report())
		}
		for _, r := range reports {
			switch r.Generation = b.Generation; {
			case o.Why == WhyJournal && r.Member != o.Member:
			case w.opt.lost && o.Why == WhyJournal && r.Member == n.edge.Self:
				_ = b.DeclareOff(o.Member, n.stopped, w.storeClock())
			default:
				_ = b.Report(r)
			}
		}
	}
}

// blockedForGood says that what is missing went down with a disk: an edge ran
// until after D, and nothing tells by which revision it answered.
func (w *world) blockedForGood(b *box) bool {
	var blocked Blocked
	if !w.opt.lost || !errors.As(b.Recover(w.storeClock(), false), &blocked) {
		return false
	}
	for _, o := range blocked {
		stopped := time.Time{}
		for _, n := range w.edges {
			if n.edge.Self == o.Member {
				stopped = n.stopped
			}
		}
		if o.Why != WhyJournal || stopped.Before(o.Differs) {
			return false
		}
	}
	return true
}

// rest is what must hold once everything is healed.
func (w *world) rest() {
	b := w.live()
	running := 0
	for _, n := range w.edges {
		if !n.stopped.IsZero() {
			continue
		}
		running++
		e := &n.edge
		switch {
		case !w.dead && !b.Recovered && w.blockedForGood(b):
			return // as it should: nobody guesses
		case e.Pair.Prepared != nil:
			w.fail("%s never learns the outcome of %s", n.name, e.Pair.Prepared.ID)
		case w.dead:
		case !b.Recovered:
			w.fail("the store is never recovered: %v", b.Recover(w.storeClock(), false))
		case b.Pending != nil:
			w.fail("%s is pending for ever", b.Pending.ID)
		case !e.Serves():
			w.fail("%s is never ready: %+v", n.name, e.Waits)
		case e.Pair.Committed.ID != b.Committed.ID || b.Committed.ID != w.ghost.truth.ID:
			w.fail("%s has %s, the store %s, the truth is %s", n.name, e.Pair.Committed.ID, b.Committed.ID, w.ghost.truth.ID)
		}
	}
	if running == 0 || len(w.failures) > 0 {
		return
	}
	w.now = w.now.Add(time.Minute) // beyond every step
	refused := w.ghost.refused
	for _, n := range w.edges {
		if n.stopped.IsZero() {
			w.ask(n)
		}
	}
	if w.ghost.refused != refused {
		w.fail("at rest, and calls are turned away")
	}
}
