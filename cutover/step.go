package cutover

import (
	"fmt"
	"slices"
	"time"

	"github.com/speakops/sipedge/routing"
)

// Step takes an event at an interval of store time that was read after the
// event, and returns the next state and what is to be done, in order. While an
// entry is on its way to the disk nothing else begins: the store is seen again.
func (e Edge) Step(ev Event, at routing.Interval) (Edge, []Effect) {
	switch ev := ev.(type) {
	case StoreSeen:
		return e.seen(&ev, at)
	case Ready:
		return e.ready(ev.ID, at)
	case Disagrees:
		return e.disagrees(ev)
	case Journaled:
		return e.journaled(ev.Seq, at)
	case JournalFailed:
		return e.unjournaled(ev)
	case Leave:
		if e.leaving.IsZero() {
			e.leaving = at.Latest.Truncate(time.Microsecond).Add(time.Microsecond).UTC()
		}
		out := []Effect{e.publish()}
		if e.writing == nil && !e.Left && !e.Off {
			return e.leaves(out...)
		}
		return e, out
	}
	return e, nil
}

const over = "declared off, or the chain went on without this journal; a new identity begins"

func (e Edge) publish() Effect {
	return Publish{Pair: e.Pair, Floors: e.Floors, Serving: e.Serves()}
}

// keep sends an entry to the disk, after what else is to be done.
func (e Edge) keep(entry Entry, out ...Effect) (Edge, []Effect) {
	e.seq++
	e.writing, e.failed = &entry, false
	return e, append(out, Keep{e.seq, entry})
}

func (e Edge) leaves(out ...Effect) (Edge, []Effect) {
	return e.keep(Entry{Kind: KindLeft, At: e.leaving}, out...)
}

func (e Edge) seen(s *StoreSeen, at routing.Interval) (Edge, []Effect) {
	e.Waits = waits(s)
	// Rule 5: the word that an edge is off is never taken back, so it is true in
	// whatever generation it is read. Others may agree without this edge from now
	// on, so no call is taken even if the disk does not take the entry.
	var out []Effect
	if slices.Contains(s.Off, e.Self) && !e.ending && !e.Off {
		e.ending = true
		out = []Effect{e.publish()}
	}
	if e.writing != nil {
		if e.failed {
			e.failed = false
			out = append(out, Keep{e.seq, *e.writing})
		}
		return e, out
	}
	if e.Off {
		return e, []Effect{Retire{over}}
	}
	if slices.Contains(s.Off, e.Self) {
		return e.keep(Entry{Kind: KindOff}, out...)
	}
	switch {
	case s.Changed:
		// Rule 6: the number comes from what edges have seen, not from the store
		// alone, which may be an older one.
		return e, []Effect{Begin{max(s.Generation.Number, e.Generation.Number) + 1, s.Generation, s.Life}}
	case s.Generation.Above(e.Generation):
		// Rule 11: the promise is durable before anything is said to a new generation.
		e.checking = Inspect{}
		return e.keep(Entry{Kind: KindPromised, Generation: s.Generation})
	case s.Generation != e.Generation && !e.broken.breaks(oldGeneration):
		// Rule 11: nothing it says is believed. If it is the store that lives, and the
		// promise was to one that does not, it must begin anew above that promise; a
		// zombie may do so too, and nobody is the worse for it.
		return e, []Effect{Begin{e.Generation.Number + 1, s.Generation, s.Life}}
	case !s.Recovered && !e.broken.breaks(unrecovered):
		return e, e.reports(s)
	}
	return e.recovered(s, at)
}

// recovered reads an answer of the generation that was promised and is recovered.
func (e Edge) recovered(s *StoreSeen, at routing.Interval) (Edge, []Effect) {
	if e.Pair.Prepared != nil {
		return e.learns(s, at)
	}
	// Nothing is committed without a member but when it was declared off (rule 3),
	// or when its journal lost what it had promised. Either way it is over.
	if own := e.Pair.Committed; own.Has(e.Self) && s.Committed.number() > own.Number && !e.broken.breaks(removeAny|naive|anyBase) {
		e.ending = true
		return e.keep(Entry{Kind: KindOff}, e.publish())
	}
	if !e.leaving.IsZero() && !e.Left {
		return e.leaves()
	}
	var out []Effect
	if e.Left {
		out = []Effect{DeclareOff{e.Self, e.Stopped}} // until then it is a member like any other, but for calls
	}
	switch {
	case e.broken.breaks(naive) && s.Committed != nil && s.Committed.ID != e.Pair.Committed.id():
		return e.adopts(s.Committed)
	case s.Pending != nil:
		e, more := e.considers(s, at)
		return e, append(append(out, more...), overdue(s, at)...)
	case e.broken.breaks(joinAtOnce) && s.Committed != nil && !e.Pair.Committed.Has(e.Self):
		return e.adopts(s.Committed)
	case !e.Left && !e.Pair.Committed.Has(e.Self):
		return e, []Effect{Join{e.Self, s.Committed}} // rule 12: not ready until a body has it
	}
	return e, out
}

// learns looks for the outcome of the prepared revision. Rule 10: it needs
// explicit evidence, and waits for it through T and restarts.
func (e Edge) learns(s *StoreSeen, at routing.Interval) (Edge, []Effect) {
	p := e.Pair.Prepared
	switch {
	case s.Committed.id() == p.ID:
		return e.outcome(KindCommitted)
	case slices.Contains(s.Aborted, p.ID):
		return e.outcome(KindAborted)
	case e.broken.breaks(absence) && s.Pending.id() != p.ID && s.Committed.number() <= e.Pair.Committed.number():
		return e.outcome(KindAborted)
	case e.broken.breaks(dropLate) && !before(at.Latest, e.Pair.D()):
		return e.outcome(KindAborted)
	case s.Pending == nil:
		// The generation recovered without this edge, a joiner, and may not know of
		// the revision at all. Only the store can tell that from an old answer.
		return e, []Effect{SendReport{e.Report()}}
	case e.broken.breaks(overwrite) && s.Pending.ID != p.ID:
		e.Pair.Prepared = nil
		return e.considers(s, at)
	}
	out := overdue(s, at)
	switch {
	case s.Pending.ID != p.ID:
		out = append(out, SendReport{e.Report()})
	case !slices.Contains(s.Acked, e.Self):
		out = append(e.ack(at), out...)
	}
	return e, out
}

// outcome makes the outcome durable; acting on it comes after (rule 10).
func (e Edge) outcome(k Kind) (Edge, []Effect) {
	entry := Entry{Kind: k, ID: e.Pair.Prepared.ID}
	if e.broken.breaks(actFirst) {
		ahead, err := e.applied(entry)
		if err == nil {
			return e.keep(entry, ahead.publish())
		}
	}
	return e.keep(entry)
}

// adopts is what no edge may do: see the rules that are broken for it.
func (e Edge) adopts(r *Revision) (Edge, []Effect) {
	own := *r
	if !own.Has(e.Self) {
		own.Members = append(slices.Clone(own.Members), e.Self)
		slices.Sort(own.Members)
	}
	return e.keep(Entry{Kind: KindStanding, Revision: &own})
}

// ack acknowledges what is durable here, if it is certain that it does not
// differ yet (rule 8).
func (e Edge) ack(at routing.Interval) []Effect {
	if !before(at.Latest, e.Pair.D()) && !e.broken.breaks(noEdgeGuard) {
		return nil
	}
	return []Effect{Ack{e.Pair.Prepared.ID}}
}

// overdue asks for the abort of a proposal whose time is over (rule 4).
func overdue(s *StoreSeen, at routing.Interval) []Effect {
	if s.Pending == nil || s.Deadline.IsZero() || !at.After(s.Deadline) {
		return nil
	}
	return []Effect{Abort{s.Pending.ID}}
}

// considers asks whether the pending revision can be prepared here. A proposal
// that never can is refused, so that nobody waits for its deadline.
func (e Edge) considers(s *StoreSeen, at routing.Interval) (Edge, []Effect) {
	p := s.Pending
	if !p.Has(e.Self) || slices.Contains(s.Aborted, p.ID) && !e.broken.breaks(sameIDs) {
		return e, nil
	}
	if _, known := e.Aborted[p.ID]; known && !e.broken.breaks(reprepare) {
		return e, nil // rule 8: an old answer; aborted is for ever
	}
	base, in := e.base(s)
	if !in {
		return e, nil // an outcome is still to be learned, or the answer is old
	}
	off := func(m MemberID) bool { return slices.Contains(s.Off, m) }
	if err := p.Validate(); err != nil {
		return e, []Effect{Refuse{p.ID, err.Error()}}
	}
	if err := p.Follows(base, off); err != nil && !e.broken.breaks(removeAny|anyBase) {
		return e, []Effect{Refuse{p.ID, err.Error()}}
	}
	if err := e.inTime(Pair{base, p}, at); err != nil {
		return e, []Effect{Refuse{p.ID, err.Error()}}
	}
	if e.checking.Revision.id() == p.ID {
		return e, nil
	}
	e.checking = Inspect{Base: base, Revision: p}
	return e, []Effect{e.checking}
}

// base is the body a pending revision must build on. Rule 8: its predecessor is
// this edge's own committed revision; a joiner takes the one it joins on.
func (e Edge) base(s *StoreSeen) (base *Revision, in bool) {
	own := e.Pair.Committed
	switch {
	case e.broken.breaks(anyBase):
		return own, true
	case own.Has(e.Self):
		return own, s.Pending.Previous == own.ID
	}
	return s.Committed, s.Pending.Previous == s.Committed.id()
}

// inTime says what the clock has against preparing. Rule 8: latest(now) < D.
// What is dropped must be over for certain, or dropping it would change answers.
func (e Edge) inTime(p Pair, at routing.Interval) error {
	if e.broken.breaks(noEdgeGuard) {
		return nil
	}
	if d := p.D(); !before(at.Latest, d) {
		return fmt.Errorf("it differs from %s on, and here it may be %s already; propose it later", stamp(d), stamp(at.Latest))
	}
	if b := Behind(p.Committed, p.Prepared); !at.After(b) && !e.broken.breaks(rewrite) {
		return fmt.Errorf("it drops a cutover whose last turn is at %s, and here it may be %s still; settle it later", stamp(b), stamp(at.Earliest))
	}
	return nil
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000Z") }

// ready prepares: publish, then keep. Publishing first costs nothing but
// answers, and whoever restarts before the entry is durable never acknowledged.
func (e Edge) ready(id RevisionID, at routing.Interval) (Edge, []Effect) {
	c := e.checking
	if c.Revision.id() != id || id == "" {
		return e, nil
	}
	own := e.Pair.Committed
	_, aborted := e.Aborted[id]
	e.checking = Inspect{}
	switch {
	case e.writing != nil || e.Off:
		return e, nil // the store is seen again, and asks again
	case e.Pair.Prepared != nil && !e.broken.breaks(overwrite), aborted && !e.broken.breaks(reprepare):
		return e, nil // rule 8
	case own.Has(e.Self) && c.Base.id() != own.ID:
		return e, nil
	}
	if err := e.inTime(Pair{c.Base, c.Revision}, at); err != nil {
		return e, []Effect{Refuse{id, err.Error()}}
	}
	entry := Entry{Kind: KindPrepared, Revision: c.Revision}
	if !own.Has(e.Self) {
		entry.Base = c.Base
	}
	e.Pair = Pair{c.Base, c.Revision}
	out := []Effect{e.publish()}
	switch {
	case e.broken.breaks(volatile):
		return e, append(out, e.ack(at)...)
	case e.broken.breaks(ackFirst):
		out = append(e.ack(at), out...)
	}
	return e.keep(entry, out...)
}

func (e Edge) disagrees(ev Disagrees) (Edge, []Effect) {
	if e.checking.Revision.id() != ev.ID || ev.ID == "" {
		return e, nil
	}
	e.checking = Inspect{}
	return e, []Effect{Refuse{ev.ID, ev.Reason}}
}

// journaled goes on from where the disk was waited for.
func (e Edge) journaled(seq uint64, at routing.Interval) (Edge, []Effect) {
	if e.writing == nil || seq != e.seq {
		return e, nil
	}
	entry := *e.writing
	e.writing = nil
	if entry.Kind != KindPrepared { // that one is in force since it was published
		next, err := e.applied(entry)
		if err != nil {
			return e, nil // cannot be: nothing changes while an entry is written
		}
		e = next
	}
	var out []Effect
	switch entry.Kind {
	case KindPromised:
		out = []Effect{SendReport{e.Report()}}
	case KindPrepared:
		out = e.ack(at)
	case KindCommitted, KindAborted, KindStanding:
		out = []Effect{e.publish()}
	case KindLeft:
		out = []Effect{e.publish(), DeclareOff{e.Self, e.Stopped}}
	case KindOff:
		out = []Effect{e.publish(), Retire{over}}
	}
	if !e.leaving.IsZero() && !e.Left && !e.Off {
		return e.leaves(out...)
	}
	return e, out
}

// unjournaled keeps the entry for another try. What could not be journaled is
// never acknowledged, and a proposal need not wait for this disk.
func (e Edge) unjournaled(ev JournalFailed) (Edge, []Effect) {
	if e.writing == nil || ev.Seq != e.seq {
		return e, nil
	}
	e.failed = true
	if e.writing.Kind == KindPrepared {
		return e, []Effect{Refuse{e.writing.Revision.ID, "journal: " + ev.Reason}}
	}
	return e, nil
}

// reports tells an unrecovered generation what the journal says, and asks it to
// go on (rule 7).
func (e Edge) reports(s *StoreSeen) []Effect {
	var out []Effect
	if !slices.Contains(s.Reported, e.Self) {
		out = append(out, SendReport{e.Report()})
	}
	return append(out, Recover{s.Generation})
}

// Report is the durable part of the journal as evidence. It is only asked for
// while nothing is being written. A journal without a revision is evidence too:
// an identity is made with its journal, so this one never prepared anything.
func (e Edge) Report() Report {
	r := Report{Member: e.Self, Generation: e.Generation, Committed: e.Pair.Committed, Prepared: e.Pair.Prepared, Over: e.Off, Stopped: e.Stopped}
	for id := range e.Aborted {
		r.Aborted = append(r.Aborted, id)
	}
	slices.Sort(r.Aborted)
	if e.broken.breaks(noAbortedReport) {
		r.Aborted = nil
	}
	return r
}

func waits(s *StoreSeen) Waits {
	w := Waits{Recovery: s.Missing, Pending: s.Pending.id()}
	if s.Pending != nil {
		for _, m := range s.Pending.Members {
			if !slices.Contains(s.Acked, m) && !slices.Contains(s.Off, m) {
				w.Acks = append(w.Acks, m)
			}
		}
	}
	return w
}
