package cutover

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Adopt is the operator's word that no member of the chain is left, their disks
// included, and that what this store has is the chain: a joiner may go on from it.
func (s *Store) Adopt() error {
	switch err := s.works(); {
	case err != nil:
		return err
	case s.Committed == nil || s.liveBut(""):
		return errors.New("there is a live member, or no chain; nothing is to be adopted")
	}
	s.Adopted = true
	return nil
}

// Begin starts a new generation over the one that stands (rule 6), in the life
// of the store that was asked for it, and in no other: two stores in one
// generation would both be believed. It works on a store that changed, and for
// an edge that has promised a higher generation and may not speak to this one.
// The latter is a false alarm like any other: nothing is lost, and recovery
// needs nobody's word while all members are up.
func (s *Store) Begin(g, over Generation, life string) error {
	switch {
	case s.Life != life || s.Generation != over:
		return fmt.Errorf("generation %s of life %s stands, not %s of %s", s.Generation, s.Life, over, life)
	case !g.Above(over) || g.Nonce == "":
		return fmt.Errorf("generation %s is not above %s", g, over)
	}
	s.Generation, s.Begun, s.Recovered, s.Reports = g, life, s.broken.breaks(noBarrier), nil
	return nil
}

// Report takes a report to this unrecovered generation (rule 7). Anybody may
// bring the journal of an edge that is off.
func (s *Store) Report(r Report) error {
	switch {
	case s.Changed() || r.Generation != s.Generation:
		return fmt.Errorf("the report is to generation %s, this is %s", r.Generation, s.Generation)
	case s.Recovered:
		s.late(&r)
		return nil
	case r.Member.Check() != nil:
		return r.Member.Check()
	}
	if s.Reports == nil {
		s.Reports = map[MemberID]Report{}
	}
	s.Reports[r.Member] = r
	return nil
}

// late takes a report to a recovered generation. Recovery did not wait for this
// member, so it is a joiner, and no member had the joiner's revision prepared:
// they have promised this generation since, and never will. Whatever is neither
// committed nor pending here is aborted, in so many words.
func (s *Store) late(r *Report) {
	x := r.Prepared
	switch {
	case x == nil || x.ID == s.Committed.id() || x.ID == s.Pending.id() || s.IsOff(r.Member):
	case x.Number <= s.Committed.number() && s.Committed.Has(r.Member):
	default:
		s.remember(x.ID, x.Number, "left behind")
	}
}

// Recover ends a generation's beginning if the evidence is there (rule 7), and
// is Blocked otherwise. begin is the word of the operator that what this store
// has is all there ever was: no chain at all, or one of which no member is left.
func (s *Store) Recover(now time.Time, begin bool) error {
	switch {
	case s.Recovered && !s.Changed():
		return nil
	case s.Changed():
		return errors.New("the store changed and no generation has begun on it")
	}
	v, blocked := s.Barrier(begin).Verdict(now)
	if len(blocked) > 0 {
		return blocked
	}
	for m, r := range s.Reports {
		if r.Over && !s.IsOff(m) {
			_ = s.DeclareOff(m, r.Stopped, now) // by its own journal
		}
	}
	s.Committed, s.Recovered, s.Reports = v.Base, true, nil
	s.Adopted = begin && v.Base != nil && !s.liveBut("")
	s.clear()
	s.recall(v.Base.id())
	s.recall(v.Base.previous())
	for _, id := range slices.Sorted(maps.Keys(v.Aborted)) {
		s.remember(id, v.Aborted[id], "recovered")
	}
	return nil
}

// Barrier is what a recovery of s is decided from.
func (s *Store) Barrier(begin bool) Barrier {
	return Barrier{s.Committed, s.Pending, s.Aborted, s.Off, s.Reports, begin, s.broken}
}

// Report is what an edge tells a new generation: the durable part of its
// journal (rule 7). For an edge that is off, anybody may bring its journal. One
// without a revision says that this identity never prepared any; an edge that
// lost its journal has another identity, and nobody waits for that.
type Report struct {
	Member     MemberID     `json:"member"`
	Generation Generation   `json:"generation"`
	Committed  *Revision    `json:"committed,omitempty"`
	Prepared   *Revision    `json:"prepared,omitempty"`
	Aborted    []RevisionID `json:"aborted,omitempty"`
	Over       bool         `json:"over,omitempty"` // by its own journal this identity is declared off
	// Stopped is when it left, by its own journal: it took no calls since.
	Stopped time.Time `json:"stopped,omitzero"`

	// Latest is the latest that this edge's clock may have been when it reported,
	// and so the latest it can have answered by; zero when it knows no time. It is
	// no evidence for the recovery, but for who reads the store's clock after it.
	Latest time.Time `json:"-"`
}

// shows says that the journal has id prepared, or learned that it is committed.
func (r *Report) shows(id RevisionID) bool { return r.Prepared.id() == id || r.Committed.id() == id }
