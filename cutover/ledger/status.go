package ledger

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/speakops/sipedge/cutover"
)

// Status is where the chain stands.
type Status struct {
	cutover.StoreSeen
	Empty    bool               // no chain, and no generation
	Now      time.Time          // store time at which this was true
	Replicas int                // connected to the master
	Waiting  []cutover.MemberID // whose acknowledgement the pending revision lacks
	Proposer string             // of the pending revision
	Differs  time.Time          // of the pending revision
	Proposed time.Time          // when the pending revision was
	Since    time.Time          // when the committed revision was committed
	Head     Head               // of the journal
	Blocked  cutover.Blocked    // what a recovery waits for
	// Passed are those of the revisions asked about that are in force or were before
	// others came, as far as this store remembers: one that was recovered knows the
	// last one only.
	Passed []cutover.RevisionID
}

// Status reads where the chain stands and what became of the revisions asked
// about. It works on every master; on one that is not recovered, the revisions
// are what that store remembers and prove nothing.
func (l *Ledger) Status(ctx context.Context, asked ...cutover.RevisionID) (Status, error) {
	k := l.known()
	a, _, err := l.run(ctx, request{step: statusStep, args: []any{joined(slices.Sorted(maps.Keys(k))), joined(asked)}})
	var unrecovered *UnrecoveredError
	var empty *EmptyError
	if err != nil && !errors.As(err, &unrecovered) && !errors.As(err, &empty) {
		return Status{}, err
	}
	s := Status{
		Empty: empty != nil, Now: a.at("now"), Replicas: int(a.number("replicas")),
		Waiting: a.members("waiting"), Proposer: a.text["proposer"], Differs: a.at("differs"), Proposed: a.at("proposed_at"),
		Passed: linesOf[cutover.RevisionID](a.text["passed"]),
		Since:  a.at("committed_at"), Head: Head{a.text["journal_id"], a.text["journal_head"]},
		StoreSeen: cutover.StoreSeen{
			Life:       a.text["replid"],
			Generation: a.generation(), Changed: a.text["changed"] == "1", Recovered: a.text["recovered"] == "1",
			Deadline: a.at("deadline"), Acked: sorted(a.members("acked")), Off: sorted(a.members("off")), Reported: sorted(a.members("reported")),
			Aborted: linesOf[cutover.RevisionID](a.text["aborted"]),
		},
	}
	if s.Committed, err = l.body(cutover.RevisionID(a.text["committed"]), a.text["committed_body"], k); err != nil {
		return Status{}, err
	}
	if s.Pending, err = l.body(cutover.RevisionID(a.text["pending"]), a.text["pending_body"], k); err != nil {
		return Status{}, err
	}
	if !s.Recovered && !s.Changed {
		if s.Blocked, err = l.blocked(ctx); err != nil {
			return Status{}, err
		}
		for _, o := range s.Blocked {
			if o.Why == cutover.WhyReport {
				s.Missing = append(s.Missing, o.Member)
			}
		}
	}
	return s, nil
}

func sorted[T ~string](all []T) []T {
	slices.Sort(all)
	return all
}
