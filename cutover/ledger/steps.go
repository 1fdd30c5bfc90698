package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/speakops/sipedge/cutover"
)

// Proposal is a revision that is to follow another.
type Proposal struct {
	Generation cutover.Generation // in which Previous was read; zero for any
	Previous   *cutover.Revision  // what is committed, as it was read; nil for the first of a chain
	Revision   *cutover.Revision  // may float: the store then fills in now + lead
	Lists      []cutover.List     // of the cutovers that begin; others are found in the store or by Options.Lists
	Who        string
	Note       string // for the journal
}

// Proposed is what a proposal came to.
type Proposed struct {
	Revision *cutover.Revision // with its instant filled in
	Differs  time.Time         // cutover.Never when no answer changes
	Deadline time.Time         // zero when it was decided already, before this repeat
}

// Propose puts a revision before all members (rule 2), after its lists are there
// and their numbers claimed. The revision's ID is the operation: a repeat gets
// what the first one came to. Errors beside those of every step: *StaleError,
// *PendingError, *SoonError, *RoomError, *UnsettledError, *MemberError,
// *OverlapError, *ListError, *AbortedError.
func (l *Ledger) Propose(ctx context.Context, p Proposal) (Proposed, error) {
	// Whether a member is off is for the store to say, at the instant it counts.
	someoneOff := func(m cutover.MemberID) bool { return !p.Revision.Has(m) }
	if err := errors.Join(p.Revision.Validate(), p.Revision.Follows(p.Previous, someoneOff)); err != nil {
		return Proposed{}, fmt.Errorf("ledger: propose: %w", err)
	}
	text, err := p.Revision.Encode()
	if err != nil {
		return Proposed{}, fmt.Errorf("ledger: propose: %w", err)
	}
	now := ""
	if p.Revision.Floats() {
		now = cutover.NowPlusLead
	}
	r := request{step: proposeStep, generation: p.Generation, args: []any{
		string(p.Revision.ID), string(text), metaOf(p.Previous, p.Revision), p.Who, now, p.Note}}
	// A claim may be lost to another that has the same numbers and is proposed
	// first; then claiming again names the overlap.
	const tries = 3
	for try := 0; ; try++ {
		a, _, err := l.run(ctx, r)
		if refused, ok := spoken(err); ok {
			switch refused.word {
			case "unclaimed":
				if try == tries {
					return Proposed{}, fmt.Errorf("ledger: propose: %w", &ListError{cutover.ListID(refused.text["list"]), cutover.ID(refused.text["cutover"]),
						"its numbers are claimed by another proposal again and again; see which one, and agree"})
				}
				if err := l.claimAll(ctx, p); err != nil {
					return Proposed{}, err
				}
				continue
			case "stale":
				err = &StaleError{p.Revision.Previous, cutover.RevisionID(refused.text["committed"]), refused.number("committed_number")}
			case "aborted":
				err = &AbortedError{p.Revision.ID, refused.text["why"]}
			}
			return Proposed{}, fmt.Errorf("ledger: propose: %w", err)
		}
		if err != nil {
			return Proposed{}, err
		}
		filled, err := l.body(p.Revision.ID, a.text["body"], nil)
		return Proposed{filled, a.at("differs"), a.at("deadline")}, err
	}
}

// Outcome is where a revision stands after a step.
type Outcome struct {
	Committed bool
	Now       bool               // this very acknowledgement committed it
	Waiting   []cutover.MemberID // whose acknowledgement is missing while it is not
	Replicas  Replicas           // that have the outcome
}

// Ack acknowledges that edge has the pending revision journaled and in force
// (rule 3); the last one commits it. Errors beside those of every step:
// *LateError, *AbortedError, *MemberError, *UnknownError.
func (l *Ledger) Ack(ctx context.Context, g cutover.Generation, edge cutover.MemberID, id cutover.RevisionID) (Outcome, error) {
	a, have, err := l.run(ctx, request{step: ackStep, generation: g, wait: true, args: []any{string(edge), string(id)}})
	if err != nil {
		return Outcome{}, outcomeError(ackStep, id, err)
	}
	committed := a.text["outcome"] == "committed"
	_, counted := a.text["waiting"] // a repeat is only told the outcome
	return Outcome{committed, committed && counted, a.members("waiting"), have}, nil
}

// outcomeError gives a type to what a step says of a revision.
func outcomeError(s step, id cutover.RevisionID, err error) error {
	a, ok := spoken(err)
	if !ok {
		return err
	}
	switch a.word {
	case "aborted":
		err = &AbortedError{id, a.text["why"]}
	case "committed":
		err = &CommittedError{id}
	case "unknown":
		err = &UnknownError{id}
	case "too_late":
		err = &LateError{id, a.at("deadline")}
	case "too_early":
		err = &EarlyError{id, a.at("deadline")}
	}
	return fmt.Errorf("ledger: %s: %w", s.name, err)
}

// Right is by what right a pending revision is aborted.
type Right string

const (
	ByOperator Right = "operator" // at any time before it is committed
	Overdue    Right = "overdue"  // by anyone, past its deadline
)

// Abort aborts the pending revision for good (rule 4). Errors beside those of
// every step: *EarlyError, *CommittedError, *UnknownError.
func (l *Ledger) Abort(ctx context.Context, g cutover.Generation, id cutover.RevisionID, who string, by Right, reason string) (Replicas, error) {
	_, have, err := l.run(ctx, request{step: abortStep, generation: g, wait: true, args: []any{string(id), who, reason, string(by)}})
	return have, outcomeError(abortStep, id, err)
}

// Refuse says that a member cannot prepare, which aborts at once (rule 3).
// Errors beside those of every step: *MemberError, *CommittedError, *UnknownError.
func (l *Ledger) Refuse(ctx context.Context, g cutover.Generation, edge cutover.MemberID, id cutover.RevisionID, reason string) (Replicas, error) {
	_, have, err := l.run(ctx, request{step: abortStep, generation: g, wait: true, args: []any{string(id), string(edge), reason, "refuse"}})
	return have, outcomeError(abortStep, id, err)
}

// DeclareOff is the word that an edge is really stopped, or its address
// withdrawn (rule 5); it is never taken back. stopped is since when, by that
// word, zero when nobody knows; it may be given later. It works before
// recovery, once a generation has begun.
func (l *Ledger) DeclareOff(ctx context.Context, edge cutover.MemberID, who, reason string, stopped time.Time) (Replicas, error) {
	if err := edge.Check(); err != nil {
		return Replicas{}, fmt.Errorf("ledger: declare off: %w", err)
	}
	_, have, err := l.run(ctx, request{step: offStep, wait: true, args: []any{string(edge), who, reason, micros(whole(stopped)), ""}})
	return have, err
}

// Leave declares an edge off by its own word, after it journaled that it left and
// has taken no calls since stopped. *MemberError for the last live member: it takes no calls any more, but stays
// on to witness the joining of those who come after it.
func (l *Ledger) Leave(ctx context.Context, g cutover.Generation, edge cutover.MemberID, stopped time.Time) (Replicas, error) {
	if err := edge.Check(); err != nil {
		return Replicas{}, fmt.Errorf("ledger: leave: %w", err)
	}
	_, have, err := l.run(ctx, request{step: offStep, generation: g, wait: true, args: []any{string(edge), string(edge), "left", micros(whole(stopped)), "leave"}})
	return have, err
}
