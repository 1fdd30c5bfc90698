package cutover

import (
	"time"

	"github.com/speakops/sipedge/routing"
)

// ghost sees everything and takes part in nothing: what was committed, what was
// answered, and whether the two agree.
type ghost struct {
	truth    *Revision                // the highest any edge has learned
	bodies   map[RevisionID]*Revision // ever proposed
	chain    map[uint64]RevisionID
	aborted  map[RevisionID][]*node // who learned it
	answers  map[routing.PublicNumber][]answer
	base     map[routing.PublicNumber]routing.RoutingAuthority // of numbers in no live cutover
	answered int
	refused  int
	commits  int
}

type answer struct {
	at        time.Time
	authority routing.RoutingAuthority
	edge      string
}

// learned checks what an edge believes to be committed: one chain, nothing taken
// back, and nothing that contradicts an answer that was given.
func (w *world) learned(n *node, r *Revision) {
	g := &w.ghost
	if r != nil && r.Number > g.truth.Number+1 {
		w.learned(n, g.bodies[r.Previous]) // when nobody is left who could have
	}
	switch {
	case r == nil:
		return
	case w.forgone(r.ID):
		w.fail("%s commits %s, which was aborted", n.name, r.ID)
	case r.Number <= g.truth.Number:
		if g.chain[r.Number] != r.ID {
			w.fail("fork: %s has %s as number %d, others %s", n.name, r.ID, r.Number, g.chain[r.Number])
		}
		return
	case r.Previous != g.truth.ID:
		w.fail("fork: %s commits %s after %s, but %s is number %d", n.name, r.ID, r.Previous, g.truth.ID, g.truth.Number)
	}
	for _, c := range Dropped(g.truth, r) {
		l, _ := listOf(c.List)
		number := l.At(0)
		if w.now.Before(c.Last()) {
			w.fail("%s drops %s at %s, and its last turn is at %s", n.name, c.ID, w.now.Format("05.0"), c.Last().Format("05.0"))
		}
		g.base[number] = c.Final()
		kept := g.answers[number][:0]
		for _, a := range g.answers[number] {
			if !a.at.Before(c.Last()) {
				kept = append(kept, a)
			}
		}
		g.answers[number] = kept
	}
	g.truth, g.chain[r.Number] = r, r.ID
	g.commits++
	w.recompare()
}

// taken back: a revision that only edges knew which are over, and by which none
// of them answered, may still be aborted. Every answer is compared anew.
func (w *world) unlearned(id RevisionID) {
	g := &w.ghost
	if g.truth.ID != id {
		return
	}
	for _, n := range w.edges {
		if c := n.edge.Pair.Committed; n.stopped.IsZero() && c.id() == id && c.Has(n.edge.Self) {
			w.fail("%s has %s committed, and it is aborted", n.name, id)
			return
		}
	}
	delete(g.chain, g.truth.Number)
	if g.truth = g.bodies[g.truth.Previous]; g.truth == nil {
		w.fail("%s is aborted, the first there was", id)
		return
	}
	w.recompare()
}

func (w *world) recompare() {
	for number, answers := range w.ghost.answers {
		for _, a := range answers {
			w.compare(number, a)
		}
	}
}

// forgone says that an edge that takes calls has learned that id was aborted.
// What one that left or is off had learned binds nobody.
func (w *world) forgone(id RevisionID) bool {
	for _, n := range w.ghost.aborted[id] {
		if _, knows := n.edge.Aborted[id]; knows && n.stopped.IsZero() && !n.edge.Left && !n.edge.Off && n.edge.leaving.IsZero() {
			return true
		}
	}
	return false
}

// compare holds an answer against the truth. Every answer at one instant being
// that of one step function of time is P1 and P2 at once.
func (w *world) compare(number routing.PublicNumber, a answer) {
	live := false
	for i := range w.ghost.truth.Schedule {
		c := &w.ghost.truth.Schedule[i]
		if l, _ := listOf(c.List); !l.Contains(number) {
			continue
		}
		live = true
		if want := c.At(a.at); want != a.authority {
			w.fail("%s answered %s for %s at %s, where revision %s says %s", a.edge, a.authority, number, a.at.Format("05.0"), w.ghost.truth.ID, want)
		}
	}
	if want := w.ghost.base[number]; !live && want != a.authority {
		w.fail("%s answered %s for %s at %s, which is settled as %s", a.edge, a.authority, number, a.at.Format("05.0"), want)
	}
}

// ask asks a serving edge about every number at this instant.
func (w *world) ask(n *node) {
	if n.serving && (n.stopped.IsZero() || w.opt.harness&offRuns != 0) {
		w.decide(n, n.book, w.clock(), w.now)
	}
}

// decide is one call per number; the clock was read at when.
func (w *world) decide(n *node, book *Book, at routing.Interval, when time.Time) {
	if w.opt.harness&pointClock != 0 {
		at = routing.Exactly(at.Mid())
	}
	n.routing.Schedules = func(number routing.PublicNumber) (routing.Schedule, bool) {
		s, live := book.Schedule(number)
		if w.opt.harness&(answerOld|answerNew) != 0 {
			if w.opt.harness&answerNew != 0 && s.Open {
				s.Committed = s.Prepared
			}
			s.Open = false
		}
		return s, live
	}
	for _, l := range lists {
		number := l.At(0)
		switch d := routing.Decide(n.routing, at, routing.Call{To: number}); d.Kind {
		case routing.KindRoute:
			a := answer{when, d.Authority, n.name}
			w.ghost.answered++
			w.compare(number, a)
			w.ghost.answers[number] = append(w.ghost.answers[number], a)
		default:
			w.ghost.refused++
			// Nobody is turned away but for a step inside the clock's error, or for an
			// unresolved revision that differs there.
			if d.Because != routing.ClockUncertain && d.Because != routing.RevisionUnresolved {
				w.fail("%s: %s", n.name, d)
			}
		}
	}
}
