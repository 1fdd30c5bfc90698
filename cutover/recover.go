package cutover

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Barrier is everything recovery is decided from (rule 7). Nobody passes it
// before all the evidence is there.
type Barrier struct {
	Committed *Revision // as the store has them
	Pending   *Revision
	Aborted   map[RevisionID]uint64
	Off       map[MemberID]time.Time // see Store.Off
	Reports   map[MemberID]Report
	// Begin is the word of the operator that the store has all there ever was:
	// without it a store without a chain starts only from a report with a committed
	// body, and one with a chain only with a witness, a live member that reported.
	Begin bool

	broken rules // tests only
}

// Verdict is the outcome of a recovery.
type Verdict struct {
	Base    *Revision             // what is committed from now on; nil for a chain yet to begin
	Aborted map[RevisionID]uint64 // every aborted id by number, the old ones included
	// Before bounds the verdict: it rests on now being before that instant, and
	// must be applied before it. Never is no bound.
	Before time.Time
}

// Blocked says why recovery cannot finish, member by member.
type Blocked []Obstacle

// Obstacle is one piece of evidence that is missing.
type Obstacle struct {
	Why    Why
	Member MemberID // "" for WhyChain and WhyWitness
	// Revision is what the member is needed for, and Differs its D where that matters.
	Revision RevisionID
	Differs  time.Time
}

// Why says what kind of evidence is missing, and so what to do about it.
type Why string

const (
	WhyReport  Why = "report"  // a member has not reported: start it, or declare it off
	WhyJournal Why = "journal" // a member is off: bring its journal, or say that it stopped before Differs
	WhyChain   Why = "chain"   // no chain in the store nor in any report: store init, if there never was one
	WhyWitness Why = "witness" // no live member of the committed revision reports: start one
)

// Error says what is missing and what to do.
func (b Blocked) Error() string {
	var all []string
	for _, o := range b {
		switch o.Why {
		case WhyReport:
			all = append(all, fmt.Sprintf("%s has not reported (member of revision %s): start it, or declare it off", o.Member, o.Revision))
		case WhyJournal:
			all = append(all, fmt.Sprintf("%s is off, and whether it answered by revision %s from %s on is not known: bring its journal, or say that it stopped before",
				o.Member, o.Revision, stamp(o.Differs)))
		case WhyWitness:
			all = append(all, fmt.Sprintf("no live member of revision %s has reported, so nobody can say what came after it: start one, or say that none is left", o.Revision))
		default:
			all = append(all, "neither the store nor any report has a chain: store init, if there never was one")
		}
	}
	return "recovery is blocked: " + strings.Join(all, "; ")
}

// Verdict decides, or says what is missing. It never guesses.
func (b Barrier) Verdict(now time.Time) (Verdict, Blocked) {
	if missing := b.missing(); len(missing) > 0 && !(b.broken.breaks(quorum) && len(missing) == 1 && len(b.Reports) > 0) {
		return Verdict{}, missing
	}
	base := b.base()
	switch {
	case b.Begin:
	case base == nil:
		return Verdict{}, Blocked{{Why: WhyChain}}
	case !b.witnessed(base):
		return Verdict{}, Blocked{{Why: WhyWitness, Revision: base.ID}}
	}
	v := Verdict{Base: base, Aborted: b.aborted()}
	var chosen []*Revision
	var blocked Blocked
	for _, x := range b.open(base) {
		may, until, lacks := b.judge(x, base, v.Aborted, now)
		switch {
		case len(lacks) > 0:
			blocked = append(blocked, lacks...)
		case may:
			chosen = append(chosen, x)
			v.Before = until
		}
	}
	if len(blocked) > 0 {
		return Verdict{}, blocked
	}
	// Two can only meet when no member of either is left. Nobody has acted on
	// either, and nobody will.
	if len(chosen) == 1 {
		v.Base = chosen[0]
	} else {
		v.Before = Never
	}
	for _, x := range b.open(base) {
		v.Aborted[x.ID] = x.Number
	}
	// Who was left behind may have it that the base is aborted, by a store that was.
	delete(v.Aborted, v.Base.id())
	delete(v.Aborted, v.Base.previous())
	return v, nil
}

// missing is who must report before anything is decided: the members of the
// store's committed body and of every reported one, less the declared off.
func (b Barrier) missing() Blocked {
	need := map[MemberID]RevisionID{}
	add := func(r *Revision) {
		if r == nil {
			return
		}
		for _, m := range r.Members {
			if !b.off(m) {
				need[m] = r.ID
			}
		}
	}
	add(b.Committed)
	for _, m := range slices.Sorted(maps.Keys(b.Reports)) {
		add(b.Reports[m].Committed)
		add(b.Reports[m].Prepared)
	}
	var missing Blocked
	for _, m := range slices.Sorted(maps.Keys(need)) {
		if _, here := b.Reports[m]; !here {
			missing = append(missing, Obstacle{Why: WhyReport, Member: m, Revision: need[m]})
		}
	}
	return missing
}

// off says that m is over, by the operator's word or its own journal's.
func (b Barrier) off(m MemberID) bool {
	_, declared := b.Off[m]
	return declared || b.Reports[m].Over
}

// witnessed says that a live member of base reported: nothing can have been
// committed above base without it, or it would say so.
func (b Barrier) witnessed(base *Revision) bool {
	return slices.ContainsFunc(base.Members, func(m MemberID) bool {
		_, here := b.Reports[m]
		return here && !b.off(m)
	})
}

// base is the highest committed body that the store, or a member of it, has. A
// joiner has the one it joins on by a word of the store alone, which may have lost
// it since and gone on by another: what a joiner says counts where nobody else says
// anything.
func (b Barrier) base() *Revision {
	base, heard := b.Committed, (*Revision)(nil)
	for _, m := range slices.Sorted(maps.Keys(b.Reports)) {
		switch r := b.Reports[m].Committed; {
		case r.Has(m) && r.number() > base.number():
			base = r
		case r.number() > heard.number():
			heard = r
		}
	}
	if base == nil {
		return heard
	}
	return base
}

func (b Barrier) aborted() map[RevisionID]uint64 {
	all := maps.Clone(b.Aborted)
	if all == nil {
		all = map[RevisionID]uint64{}
	}
	for _, r := range b.Reports {
		for _, id := range r.Aborted {
			if _, known := all[id]; !known {
				all[id] = r.Committed.number() + 1 // what it stood above when it was prepared, or lower
			}
		}
	}
	return all
}

// open are the revisions whose outcome somebody waits for. Ancestors of the base
// are not among them: they are committed, and never aborted.
func (b Barrier) open(base *Revision) []*Revision {
	found := map[RevisionID]*Revision{}
	for m, r := range b.Reports {
		switch x := r.Prepared; {
		case x == nil || x.ID == base.id() || x.ID == base.previous():
		case x.Number >= base.number():
			found[x.ID] = x
		case !b.off(m) && !base.Has(m):
			// A joiner whose joining came to nothing, and the chain went on without
			// it: had it been committed, the joiner would be a member still, or off.
			found[x.ID] = x
		}
	}
	if x := b.Pending; x != nil && x.Number > base.number() {
		found[x.ID] = x
	}
	var all []*Revision
	for _, id := range slices.Sorted(maps.Keys(found)) {
		all = append(all, found[id])
	}
	return all
}

func (r *Revision) previous() RevisionID {
	if r == nil {
		return ""
	}
	return r.Previous
}

// judge says whether x may be committed above base. A prepared revision commits
// only if nobody knows of its abort, every live member has it prepared, and each
// off member either cannot have answered by the old one when the new one would
// have been in force, or has it prepared too. until bounds the first of these;
// lacks names the off members of whom nothing is known.
//
// A no is not the last word while somebody is in lacks. The abort may be that of a
// store which was left behind, and who tells of it, or never prepared x, may have been
// declared off in a life of the store that is lost: a recovery without either may have
// committed x since. Whoever learned so is live, and then x is the base, or it is in
// lacks.
func (b Barrier) judge(x, base *Revision, aborted map[RevisionID]uint64, now time.Time) (may bool, until time.Time, lacks Blocked) {
	if x.Previous != base.id() || x.Number != base.number()+1 {
		return false, Never, nil
	}
	d := Differs(base, x)
	guarded := d
	if d != Never {
		guarded = d.Add(-guard(base, x))
	}
	_, known := aborted[x.ID]
	may = !known
	for _, m := range x.Members {
		stopped, off := b.Off[m], b.off(m)
		r, here := b.Reports[m]
		if stopped.IsZero() {
			stopped = r.Stopped
		}
		switch {
		case !off && r.Prepared.id() == x.ID:
		case !off:
			may = false // it never acknowledged
		case here && r.shows(x.ID):
		case before(now, guarded):
			until = guarded
		case !stopped.IsZero() && before(stopped, d):
		case here || b.broken.breaks(blindAbort):
			// It never prepared, and may have answered by the old one from D on. Or it
			// was off in time, and the others committed without it: then some of them
			// have learned so, and all of their journals must be seen to tell.
			may = false
		case b.broken.breaks(blindCommit):
		default:
			lacks = append(lacks, Obstacle{Why: WhyJournal, Member: m, Revision: x.ID, Differs: d})
		}
	}
	return may, until, lacks
}

// guard is the setting in force above base.
func guard(base, x *Revision) time.Duration {
	if base != nil {
		return base.Fleet.Guard
	}
	return x.Fleet.Guard
}
