package cutover

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Store is the store's part of the protocol, rules 1 to 7, as a value in
// memory: the reference that the scripts are compared with. now is the store's
// own clock. Methods answer an error and change nothing when the rule says no.
// The zero Store is an empty one.
type Store struct {
	// Life is what tells one process of the store from the next, and a copy from
	// what it was copied from: a replica takes another when it is promoted. The
	// generation that stands began in the life called Begun.
	Life       string
	Begun      string
	Generation Generation
	Recovered  bool
	Committed  *Revision
	Pending    *Revision
	Deadline   time.Time // of Pending: an ack at or after it comes too late
	Acked      map[MemberID]bool
	Aborted    map[RevisionID]uint64  // by number
	Off        map[MemberID]time.Time // declared off; when it stopped by the operator's word, zero when unknown
	Reports    map[MemberID]Report    // to this generation while unrecovered
	Lists      map[ListID]List
	Reasons    map[RevisionID]string // why it was aborted
	// Adopted is the operator's word that no member of the chain is left, and that
	// a joiner may go on from what this store has (see Adopt).
	Adopted bool

	aborted []RevisionID // the oldest first
	broken  rules        // tests only
}

// MaxAborted is how many aborted ids the store keeps; beyond them the oldest go.
// An edge that has waited through so many may come back as somebody else.
const MaxAborted = 65536

// Clone is a store of its own, as a replica would be.
func (s *Store) Clone() *Store {
	c := *s
	c.Acked, c.Aborted, c.Off = maps.Clone(s.Acked), maps.Clone(s.Aborted), maps.Clone(s.Off)
	c.Reports, c.Lists, c.Reasons = maps.Clone(s.Reports), maps.Clone(s.Lists), maps.Clone(s.Reasons)
	c.aborted = slices.Clone(s.aborted)
	return &c
}

// Changed says that this is not the store that the generation was begun on, but
// what came after it, or an empty one.
func (s *Store) Changed() bool { return s.Life != s.Begun || s.Generation == (Generation{}) }

// Put keeps a list for proposals to come.
func (s *Store) Put(l List) {
	if s.Lists == nil {
		s.Lists = map[ListID]List{}
	}
	s.Lists[l.ID()] = l
}

var (
	errUnrecovered = errors.New("the store's generation is not recovered; see status for who has not reported")
	errNotPending  = errors.New("that revision is not pending: it is committed, aborted or was never proposed here")
	errTooLate     = errors.New("the deadline of that revision is over")
)

func (s *Store) works() error {
	if s.Changed() || !s.Recovered && !s.broken.breaks(unrecovered) {
		return errUnrecovered
	}
	return nil
}

// fleet is the setting in force: the committed one, or that of a first revision.
func (s *Store) fleet(next *Revision) Fleet {
	if s.Committed != nil {
		return s.Committed.Fleet
	}
	return next.Fleet
}

// Propose makes next pending (rule 2) and returns it as it is now: with its
// floating instants at now + lead. The lists of its cutovers must be here.
func (s *Store) Propose(next *Revision, now time.Time) (*Revision, error) {
	if err := s.works(); err != nil {
		return nil, err
	}
	if s.Pending != nil {
		return nil, fmt.Errorf("revision %s is pending, proposed until %s; wait for its outcome or abort it", s.Pending.ID, stamp(s.Deadline))
	}
	if _, known := s.Aborted[next.ID]; known && !s.broken.breaks(sameIDs) || next.ID == s.Committed.id() {
		return nil, fmt.Errorf("revision %s was proposed before; draw a new id", next.ID)
	}
	f := s.fleet(next)
	soonest := now.Truncate(time.Microsecond).Add(f.Lead)
	if next.Floats() {
		after, until := Room(s.Committed, next)
		if !soonest.After(after) || !before(soonest, until) {
			return nil, fmt.Errorf("revision %s: the earliest instant, %s, does not lie between %s and the next change at %s; plan it after that", next.ID, stamp(soonest), stamp(after), stamp(until))
		}
		next = next.Filled(soonest)
	}
	if err := s.fits(next); err != nil {
		return nil, err
	}
	d := Differs(s.Committed, next)
	if d != Never && d.Before(soonest) && !s.broken.breaks(noLead|rewrite) {
		return nil, fmt.Errorf("revision %s differs from %s on, which is less than lead %s ahead; propose from %s on", next.ID, stamp(d), f.Lead, stamp(soonest))
	}
	if b := Behind(s.Committed, next); now.Before(b.Add(f.Guard)) && !s.broken.breaks(rewrite) {
		return nil, fmt.Errorf("revision %s drops a cutover whose last turn is at %s; wait until guard %s after it", next.ID, stamp(b), f.Guard)
	}
	s.Pending, s.Acked, s.Deadline = next, map[MemberID]bool{}, now.Add(f.PrepareTimeout)
	if d != Never && d.Add(-f.Guard).Before(s.Deadline) {
		s.Deadline = d.Add(-f.Guard)
	}
	return next, nil
}

// fits says what keeps next from following, apart from the time (rule 1).
func (s *Store) fits(next *Revision) error {
	if err := next.Validate(); err != nil {
		return err
	}
	if err := next.Follows(s.Committed, s.IsOff); err != nil && !s.broken.breaks(removeAny) {
		return err
	}
	var all []List
	for i := range next.Schedule {
		c := &next.Schedule[i]
		l, here := s.Lists[c.List]
		if !here || l.Len() != c.Count {
			return fmt.Errorf("revision %s: cutover %s: list %.12s of %d numbers is not here; put it first", next.ID, c.ID, c.List, c.Count)
		}
		for j, other := range all {
			if n, meet := l.Meets(other); meet && !s.broken.breaks(noOverlap) {
				return fmt.Errorf("revision %s: %s is in cutover %s and in %s; a number is in one at a time", next.ID, n, next.Schedule[j].ID, c.ID)
			}
		}
		all = append(all, l)
	}
	return nil
}

// IsOff says whether m was declared off.
func (s *Store) IsOff(m MemberID) bool { _, off := s.Off[m]; return off }

// Ack takes a member's acknowledgement; the last one commits (rule 3).
func (s *Store) Ack(m MemberID, id RevisionID, now time.Time) error {
	switch err := s.works(); {
	case err != nil:
		return err
	case s.Committed.id() == id:
		return nil // said already
	case s.Pending.id() != id || id == "":
		return errNotPending
	case !s.Pending.Has(m) || s.IsOff(m):
		return fmt.Errorf("%s is no member of revision %s, or is declared off", m, id)
	case !now.Before(s.Deadline) && !s.broken.breaks(noStoreGuard):
		return errTooLate
	}
	s.Acked[m] = true
	s.commit()
	return nil
}

// commit commits what all members that are not off have acknowledged.
func (s *Store) commit() {
	missing := 0
	for _, m := range s.Pending.Members {
		if !s.Acked[m] && !s.IsOff(m) {
			missing++
		}
	}
	if s.broken.breaks(majority) && missing == 1 && len(s.Pending.Members) > 2 {
		missing = 0
	}
	for m := range s.Acked {
		if s.broken.breaks(joinerAlone) && s.Committed != nil && !s.Committed.Has(m) {
			missing = 0
		}
	}
	if missing == 0 && s.witnessed() {
		s.Committed, s.Adopted = s.Pending, false
		s.clear()
	}
}

// witnessed says that a member of the committed revision acknowledged. Without
// one, a store that lost its tail could grow a second chain out of joiners.
func (s *Store) witnessed() bool {
	for m := range s.Acked {
		if s.Committed == nil || s.Committed.Has(m) || s.Adopted {
			return true
		}
	}
	return s.broken.breaks(joinerAlone)
}

func (s *Store) clear() { s.Pending, s.Acked, s.Deadline = nil, nil, time.Time{} }

// Refuse aborts at once what a member cannot prepare (rule 3).
func (s *Store) Refuse(m MemberID, id RevisionID, reason string) error {
	switch err := s.works(); {
	case err != nil:
		return err
	case s.Pending.id() != id || id == "":
		return errNotPending
	case !s.Pending.Has(m) || s.IsOff(m):
		return fmt.Errorf("%s is no member of revision %s, or is declared off", m, id)
	}
	s.abort(string(m) + ": " + reason)
	return nil
}

// Abort aborts what is pending: by an operator at any time before it commits, by
// anyone after the deadline (rule 4).
func (s *Store) Abort(id RevisionID, now time.Time, operator bool) error {
	if err := s.works(); err != nil {
		return err
	}
	switch {
	case s.Pending.id() != id || id == "":
		return errNotPending
	case !operator && (now.Before(s.Deadline) || s.broken.breaks(noDeadline)):
		return fmt.Errorf("revision %s has until %s; only an operator may abort it before", id, stamp(s.Deadline))
	}
	s.abort("aborted")
	return nil
}

func (s *Store) abort(reason string) {
	s.remember(s.Pending.ID, s.Pending.Number, reason)
	s.clear()
}

func (s *Store) remember(id RevisionID, number uint64, reason string) {
	if s.Aborted == nil {
		s.Aborted, s.Reasons = map[RevisionID]uint64{}, map[RevisionID]string{}
	}
	if _, known := s.Aborted[id]; known {
		return
	}
	s.Aborted[id], s.Reasons[id] = number, reason
	s.aborted = append(s.aborted, id)
	if len(s.aborted) > MaxAborted {
		delete(s.Aborted, s.aborted[0])
		delete(s.Reasons, s.aborted[0])
		s.aborted = s.aborted[1:]
	}
}

// recall takes back an abort by a store that was left behind: the revision holds.
func (s *Store) recall(id RevisionID) {
	if _, known := s.Aborted[id]; known {
		delete(s.Aborted, id)
		delete(s.Reasons, id)
		s.aborted = slices.DeleteFunc(s.aborted, func(other RevisionID) bool { return other == id })
	}
}

// DeclareOff is the operator's word that m is really stopped (rule 5), and since
// when, zero when that is not known. It is never taken back, and works in any
// generation. Before the deadline it may be the last thing a commit waited for.
func (s *Store) DeclareOff(m MemberID, stopped, now time.Time) error {
	if err := m.Check(); err != nil {
		return err
	}
	if s.Off == nil {
		s.Off = map[MemberID]time.Time{}
	}
	if was, off := s.Off[m]; !off || was.IsZero() {
		s.Off[m] = stopped
	}
	if s.works() == nil && s.Pending != nil && (now.Before(s.Deadline) || s.broken.breaks(lateOff)) {
		s.commit()
	}
	return nil
}

// Leave declares m off by its own word, after it journaled that it left. The last
// live member of the chain stays on: it takes no calls, but somebody must witness
// the joining of those who come after it.
func (s *Store) Leave(m MemberID, stopped, now time.Time) error {
	if err := s.works(); err != nil {
		return err
	}
	if s.Committed.Has(m) && !s.liveBut(m) {
		return fmt.Errorf("%s is the last live member: keep it running until another has joined, or stop it and keep its journal", m)
	}
	return s.DeclareOff(m, stopped, now)
}

// liveBut says that the committed revision has a live member other than m.
func (s *Store) liveBut(m MemberID) bool {
	return s.Committed != nil && slices.ContainsFunc(s.Committed.Members, func(o MemberID) bool { return o != m && !s.IsOff(o) })
}

// Seen is the answer of the read script to an edge that asks about an id of its own.
func (s *Store) Seen(asks RevisionID) StoreSeen {
	seen := StoreSeen{
		Life: s.Life, Generation: s.Generation, Changed: s.Changed(), Recovered: s.Recovered && !s.Changed(),
		Committed: s.Committed, Pending: s.Pending, Deadline: s.Deadline,
		Acked: slices.Sorted(maps.Keys(s.Acked)), Off: slices.Sorted(maps.Keys(s.Off)),
		Reported: slices.Sorted(maps.Keys(s.Reports)),
		Aborted:  slices.Clone(s.aborted[max(0, len(s.aborted)-16):]),
	}
	if _, known := s.Aborted[asks]; known {
		seen.Aborted = append(seen.Aborted, asks)
	}
	if !seen.Recovered {
		for _, o := range s.Barrier(false).missing() {
			seen.Missing = append(seen.Missing, o.Member)
		}
	}
	return seen
}
