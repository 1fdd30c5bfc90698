package runner

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/speakops/sipedge/cutover"
	"github.com/speakops/sipedge/cutover/ledger"
	"github.com/speakops/sipedge/routing/feed"
)

// Change is what became of a revision a person asked for.
type Change struct {
	Revision *cutover.Revision
	Differs  time.Time // cutover.Never when it changes no answer
	// Confirmed are the members that have the commit in their journals, Missing
	// those that do not say so yet. Only when none is missing is the change
	// armed: from there on the store is no longer needed.
	Confirmed []cutover.MemberID
	Missing   []cutover.MemberID
	Spread    *Spread // nil when nobody has told
}

// Armed says that every live member has journaled the commit.
func (c *Change) Armed() bool { return len(c.Missing) == 0 }

// NotAcceptedError says that a revision was aborted, and by whose silence or word.
type NotAcceptedError struct {
	ID     cutover.RevisionID
	Why    string
	Silent []Silent // members that did not acknowledge
}

// Silent is a member that a step waits for.
type Silent struct {
	Edge cutover.MemberID
	Last time.Time // its last heartbeat, by the store's clock; zero when there is none
	Why  string    // it is not serving, by its own last word
}

func (s Silent) String() string {
	last := "never heard of"
	if !s.Last.IsZero() {
		last = "last heard of at " + s.Last.UTC().Format(time.RFC3339)
	}
	if s.Why != "" {
		last += ", " + s.Why
	}
	return fmt.Sprintf("%s (%s)", s.Edge, last)
}

func (e *NotAcceptedError) Error() string {
	text := "the change was not accepted and the old timeline stands: " + e.Why
	if len(e.Silent) > 0 {
		text += fmt.Sprintf("; no word from %v: start it, or, when it is really stopped, cutoverctl edges declare-off", e.Silent)
	}
	return text
}

// UnconfirmedError says that nobody knows yet what became of a change.
type UnconfirmedError struct {
	ID  cutover.RevisionID
	Err error
}

func (e *UnconfirmedError) Error() string {
	return fmt.Sprintf("what became of revision %s is not confirmed: %v; ask again with cutoverctl status. Until then the numbers it concerns are answered by the old timeline where both agree, and not at all where they differ", e.ID, e.Err)
}

func (e *UnconfirmedError) Unwrap() error { return e.Err }

// edit makes the revision that follows prev, with the lists of cutovers that
// begin in it.
type edit func(prev *cutover.Revision) (*cutover.Revision, []cutover.List, error)

type nameKey struct{}

// Named says which id the next revision asked for with this context is to have:
// whoever writes it down beforehand can find out afterwards what became of it.
// Every change needs a name of its own.
func Named(ctx context.Context, id cutover.RevisionID) context.Context {
	return context.WithValue(ctx, nameKey{}, id)
}

// change puts an edit before the fleet, again when another change came first,
// and waits until it is armed or over. ctx bounds the wait.
func (r *Runner) change(ctx context.Context, who, note string, e edit) (*Change, error) {
	for {
		s, err := r.ready(ctx)
		if err != nil {
			return nil, err
		}
		next, lists, err := e(s.Committed)
		if err != nil {
			return nil, err
		}
		if id, ok := ctx.Value(nameKey{}).(cutover.RevisionID); ok {
			next.ID = id // a try that was refused has left nothing of it
		}
		asked := ledger.Proposal{Generation: s.Generation, Previous: s.Committed, Revision: next, Lists: append(lists, r.paper.stock(next)...), Who: who, Note: note}
		p, err := r.opts.Chain.Propose(ctx, asked)
		var stale *ledger.StaleError
		var pending *ledger.PendingError
		var away *feed.AwayError
		switch {
		case errors.As(err, &stale), errors.As(err, &pending):
			continue // another came first: once more, from what holds now
		case errors.As(err, &away), ctx.Err() != nil:
			return nil, &UnconfirmedError{next.ID, err} // only the reply may be lost
		case err != nil:
			return nil, err
		}
		r.poke()
		return r.outcome(ctx, asked, p)
	}
}

// ready waits until the store can take a proposal: it answers, is recovered and
// has nothing pending. When ctx ends first, the error says what it waited for.
func (r *Runner) ready(ctx context.Context) (ledger.Status, error) {
	for {
		s, err := r.opts.Chain.Status(ctx)
		switch {
		case err != nil:
		case s.Empty:
			err = errors.New("the store has no chain: run cutoverctl store init once, if there never was one")
		case !s.Recovered:
			err = fmt.Errorf("the store is not recovered, nothing can be decided: %w", s.Blocked)
		case s.Pending != nil:
			err = &ledger.PendingError{Pending: s.Pending.ID, Proposer: s.Proposer, Deadline: s.Deadline, Waiting: s.Waiting}
		case s.Committed == nil:
			err = errors.New("no edge has joined the fleet yet: start one, and wait until it is ready")
		default:
			return s, nil
		}
		if sleep(ctx, r.opts.Poll) != nil {
			return s, err
		}
	}
}

// outcome waits until a proposal is committed and journaled everywhere, or is over.
func (r *Runner) outcome(ctx context.Context, asked ledger.Proposal, p ledger.Proposed) (*Change, error) {
	id := p.Revision.ID
	for {
		s, err := r.opts.Chain.Status(ctx, id)
		if ctx.Err() != nil {
			return nil, &UnconfirmedError{id, ctx.Err()}
		}
		switch {
		case err != nil: // the store may be back in a moment
		case slices.Contains(s.Aborted, id) && r.prepares(id):
			// A failover may lose the abort while every journal still has the revision
			// prepared, and then it is committed. Once this one has the abort, no
			// recovery can: it needs this member's word.
		case slices.Contains(s.Aborted, id):
			return nil, r.rejected(ctx, asked, &s)
		case s.Committed == nil || s.Committed.Number < p.Revision.Number:
		case s.Committed.ID == id:
			return r.confirmed(ctx, p, s.Off)
		case s.Committed.Number == p.Revision.Number:
			return nil, &NotAcceptedError{ID: id, Why: fmt.Sprintf("revision %d is another one, %s", s.Committed.Number, s.Committed.ID)}
		default:
			switch overtaken, err := r.overtaken(p.Revision, &s); {
			case err != nil:
				return nil, err
			case overtaken:
				return r.confirmed(ctx, p, s.Off)
			}
		}
		if err := sleep(ctx, busy); err != nil {
			return nil, &UnconfirmedError{id, err}
		}
	}
}

// overtaken says whether the revision in force came after a proposal. It need not have:
// a store that lost the proposal with its last writes may have gone on from the revision
// before, by another one. The error is that of a change that did not happen, or of one
// of which nobody can tell; false without one asks to wait.
func (r *Runner) overtaken(rev *cutover.Revision, s *ledger.Status) (bool, error) {
	switch was := r.lineage.at(rev.Number); {
	case was == rev.ID, s.Recovered && slices.Contains(s.Passed, rev.ID):
		return true, nil
	case was != "":
		return false, &NotAcceptedError{ID: rev.ID, Why: fmt.Sprintf("the store lost it with its last writes, and revision %d is another one, %s", rev.Number, was)}
	}
	// Other edges may have seen it, and no store need remember: this one is not told
	// more by waiting once it knows the revision in force.
	if own := r.Pair().Committed; own != nil && own.Number >= s.Committed.Number {
		return false, &UnconfirmedError{rev.ID, fmt.Errorf("the fleet is at revision %d, and neither the store nor this edge knows what revision %d was", s.Committed.Number, rev.Number)}
	}
	return false, nil
}

// prepares says that this edge has the revision prepared, and its outcome not yet
// in its journal.
func (r *Runner) prepares(id cutover.RevisionID) bool {
	p := r.Pair().Prepared
	return p != nil && p.ID == id
}

// confirmed waits for the word of every live member that the commit is in its
// journal, at most until ctx ends.
func (r *Runner) confirmed(ctx context.Context, p ledger.Proposed, off []cutover.MemberID) (*Change, error) {
	c := &Change{Revision: p.Revision, Differs: p.Differs}
	for {
		c.Confirmed, c.Missing = nil, nil
		beats, err := r.Fleet(ctx)
		for _, m := range p.Revision.Members {
			i := slices.IndexFunc(beats, func(b Beat) bool { return b.Edge == m })
			if i >= 0 && beats[i].Spread != nil && beats[i].Spread.ID == p.Revision.ID {
				c.Spread = beats[i].Spread
			}
			switch {
			case i >= 0 && beats[i].Number >= p.Revision.Number:
				c.Confirmed = append(c.Confirmed, m)
			case !slices.Contains(off, m):
				c.Missing = append(c.Missing, m)
			}
		}
		if err == nil && c.Armed() {
			return c, nil
		}
		if err := sleep(ctx, busy); err != nil {
			return c, &UnconfirmedError{p.Revision.ID, fmt.Errorf("it is committed, and %v have not said that it is in their journals", c.Missing)}
		}
	}
}

// rejected words an abort: a member's reason, an operator's, or who was silent.
func (r *Runner) rejected(ctx context.Context, asked ledger.Proposal, s *ledger.Status) error {
	e := &NotAcceptedError{ID: asked.Revision.ID, Why: "aborted"}
	var aborted *ledger.AbortedError
	if _, err := r.opts.Chain.Propose(ctx, asked); errors.As(err, &aborted) { // a repeat is told what became of the first
		e.Why = aborted.Why
	}
	beats, err := r.Fleet(ctx)
	if err != nil {
		return e
	}
	for _, m := range asked.Revision.Members {
		i := slices.IndexFunc(beats, func(b Beat) bool { return b.Edge == m })
		switch {
		case slices.Contains(s.Off, m):
		case i < 0:
			e.Silent = append(e.Silent, Silent{Edge: m})
		case s.Now.Sub(beats[i].At) > Missing:
			e.Silent = append(e.Silent, Silent{m, beats[i].At, beats[i].Why})
		}
	}
	return e
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
