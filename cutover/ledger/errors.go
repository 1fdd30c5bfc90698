package ledger

import (
	"fmt"
	"strings"
	"time"

	"github.com/speakops/sipedge/cutover"
)

// UnrecoveredError says that the store is not the one the chain was last
// recovered on: it was restarted, promoted or emptied. The edges bring the chain
// back by their reports; nothing is decided before.
type UnrecoveredError struct {
	Generation cutover.Generation // that the store remembers
	Changed    bool               // none was begun on this life of the server
}

func (e *UnrecoveredError) Error() string {
	if e.Changed {
		return "the store was restarted, promoted or emptied, and no edge has begun its recovery; see that the edges reach it"
	}
	return fmt.Sprintf("the store is recovering in generation %s; `cutoverctl status` names the edges whose reports are missing: start them, or declare them off", e.Generation)
}

// EmptyError says that the store has no chain.
type EmptyError struct{}

func (*EmptyError) Error() string {
	return "the store has no chain; if no edge knows one either, begin it with `cutoverctl store init`"
}

// ExistsError refuses to begin a chain beside one that is there, or to take one
// over that has live members.
type ExistsError struct {
	Committed cutover.RevisionID
	Number    uint64
	Reported  []cutover.MemberID // edges that know a chain, while the store itself has none
	Live      bool               // a member of it is not declared off
}

func (e *ExistsError) Error() string {
	if len(e.Reported) > 0 {
		return fmt.Sprintf("edges bring back a chain that this store has lost (%s reported); let them recover it", list(e.Reported))
	}
	if e.Live {
		return fmt.Sprintf("revision %d (%s) has a live member; start it, or declare it off first", e.Number, e.Committed)
	}
	if e.Number == 0 {
		return "the store is ready for its first revision already; start an edge"
	}
	return fmt.Sprintf("the store has a chain already, at revision %d (%s); add edges to it by starting them", e.Number, e.Committed)
}

// GenerationError says that the caller and the store speak of different
// generations.
type GenerationError struct{ Store, Caller cutover.Generation }

func (e *GenerationError) Error() string {
	if e.Caller.Above(e.Store) {
		return fmt.Sprintf("this store is at generation %s, but %s has begun elsewhere since: it may be an old master that was left behind; see that redis.addresses names the present one. It is believed again once it has recovered above that", e.Store, e.Caller)
	}
	return fmt.Sprintf("the store is at generation %s and you ask in %s; read the status and ask again", e.Store, e.Caller)
}

// PendingError says that another proposal is under way: one at a time.
type PendingError struct {
	Pending  cutover.RevisionID
	Proposer string
	Deadline time.Time
	Waiting  []cutover.MemberID // whose acknowledgement it lacks
}

func (e *PendingError) Error() string {
	return fmt.Sprintf("revision %s of %.60s is under way until %s and waits for %s; try again when it is done, or abort it",
		e.Pending, e.Proposer, clockTime(e.Deadline), list(e.Waiting))
}

// StaleError says that a proposal does not follow what is committed.
type StaleError struct {
	Asked, Committed cutover.RevisionID
	Number           uint64 // of Committed
}

func (e *StaleError) Error() string {
	return fmt.Sprintf("the chain stands at revision %d (%s), not at %s; make the change anew on that", e.Number, e.Committed, e.Asked)
}

// SoonError refuses a revision that differs too soon for every edge to hear of it.
type SoonError struct{ Differs, Earliest time.Time }

func (e *SoonError) Error() string {
	return fmt.Sprintf("the change would take force at %s; the earliest is %s, so that every edge can agree to it: choose a later time, or flip now", clockTime(e.Differs), clockTime(e.Earliest))
}

// RoomError refuses a change "now" that would not come between the steps around it.
type RoomError struct {
	Earliest time.Time // now + lead
	After    time.Time // a step that must come before it; zero for none
	Before   time.Time // a step that must not come before it; zero for none
}

func (e *RoomError) Error() string {
	if !e.Before.IsZero() && !e.Earliest.Before(e.Before) {
		return fmt.Sprintf("the earliest it can take force is %s, but a step that it replaces comes at %s; wait until that has happened and decide anew", clockTime(e.Earliest), clockTime(e.Before))
	}
	return fmt.Sprintf("the earliest it can take force is %s, but the step before it comes only at %s; wait until that has happened", clockTime(e.Earliest), clockTime(e.After))
}

// UnsettledError refuses to drop a cutover whose last step is not behind.
type UnsettledError struct{ Behind time.Time }

func (e *UnsettledError) Error() string {
	return fmt.Sprintf("a cutover that the revision drops takes its last step at %s; wait until that is behind for certain", clockTime(e.Behind))
}

// MemberError says what is wrong with an edge in a step.
type MemberError struct {
	Edge    cutover.MemberID
	Problem string // removed, off, stranger, last
}

func (e *MemberError) Error() string {
	switch e.Problem {
	case "removed":
		return fmt.Sprintf("edge %s was not declared off, so it may not be left out: it would answer by the old revision; declare it off first", e.Edge)
	case "last":
		return fmt.Sprintf("edge %s is the last live member: keep it running until another has joined, or stop it and keep its journal", e.Edge)
	case "off":
		return fmt.Sprintf("edge %s was declared off; it comes back under a new identity", e.Edge)
	}
	return fmt.Sprintf("edge %s is no member of this revision; it joins by one of its own", e.Edge)
}

// OverlapError refuses a number that is in another cutover.
type OverlapError struct {
	Cutover, Other cutover.ID
	Number         string // the first such number
	Count          int    // how many in the part of the list that was looked at
}

func (e *OverlapError) Error() string {
	more := ""
	if e.Count > 1 {
		more = fmt.Sprintf(" and at least %d more", e.Count-1)
	}
	return fmt.Sprintf("cutover %s: number %s%s is already in cutover %s; take it out of one of them, or settle that first", e.Cutover, e.Number, more, e.Other)
}

// ListError says what is wrong with a list of numbers.
type ListError struct {
	List    cutover.ListID
	Cutover cutover.ID // for which it is needed, if any
	Problem string
}

func (e *ListError) Error() string {
	if e.Cutover != "" {
		return fmt.Sprintf("cutover %s: list %.12s: %s", e.Cutover, e.List, e.Problem)
	}
	return fmt.Sprintf("list %.12s: %s", e.List, e.Problem)
}

// LateError says that an acknowledgement came at or after the deadline.
type LateError struct {
	ID       cutover.RevisionID
	Deadline time.Time
}

func (e *LateError) Error() string {
	return fmt.Sprintf("revision %s: its deadline was %s; it will be aborted: propose it anew", e.ID, clockTime(e.Deadline))
}

// EarlyError refuses to abort as overdue what is not.
type EarlyError struct {
	ID       cutover.RevisionID
	Deadline time.Time
}

func (e *EarlyError) Error() string {
	return fmt.Sprintf("revision %s may still be acknowledged until %s; only an operator aborts it before", e.ID, clockTime(e.Deadline))
}

// AbortedError says that a revision was aborted, with the reason as it was given.
type AbortedError struct {
	ID  cutover.RevisionID
	Why string
}

func (e *AbortedError) Error() string {
	return fmt.Sprintf("revision %s was aborted (%.200s); propose a new one", e.ID, e.Why)
}

// CommittedError says that it is too late to abort.
type CommittedError struct{ ID cutover.RevisionID }

func (e *CommittedError) Error() string {
	return fmt.Sprintf("revision %s is committed; change it by a new one: cancel, move or roll back", e.ID)
}

// UnknownError says that the store knows nothing of a revision. That proves
// nothing about it.
type UnknownError struct{ ID cutover.RevisionID }

func (e *UnknownError) Error() string {
	return fmt.Sprintf("revision %s is not known here, neither as proposed nor as committed nor as aborted; read the status", e.ID)
}

// ConflictError says that a document is not the one the writer had read.
type ConflictError struct {
	Kind, ID string
	Expected Expect
	Current  uint64 // 0 when there is none
}

func (e *ConflictError) Error() string {
	is := "there is none"
	if e.Current != 0 {
		is = fmt.Sprintf("it is at revision %d", e.Current)
	}
	return fmt.Sprintf("%s %.80s: conflict: expected %s, but %s; read it again", e.Kind, e.ID, e.Expected, is)
}

// OperationError says that an operation id was used before for something else.
type OperationError struct{ Operation string }

func (e *OperationError) Error() string {
	return fmt.Sprintf("operation %.80q was used before with other contents; use a new id for a new change", e.Operation)
}

// FullError says that a bound was hit.
type FullError struct {
	What string
	Most int
}

func (e *FullError) Error() string {
	return fmt.Sprintf("there are %d %s already, which is the most; look for what makes so many", e.Most, e.What)
}

func clockTime(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format("2006-01-02T15:04:05.000000Z")
}

func list[T ~string](all []T) string {
	if len(all) == 0 {
		return "nobody"
	}
	var names []string
	for i, s := range all {
		if i == 8 {
			names = append(names, fmt.Sprintf("and %d more", len(all)-i))
			break
		}
		names = append(names, string(s))
	}
	return strings.Join(names, ", ")
}
