package cutover

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/speakops/sipedge/routing"
)

// run plays steps of chance, then heals everything and asks whether the fleet
// came to rest as it should.
func (w *world) run() {
	for range w.opt.steps {
		w.happen()
		if len(w.failures) > 0 {
			return
		}
	}
	w.heal()
}

func (w *world) happen() {
	n := w.edges[w.die.IntN(len(w.edges))]
	switch roll := w.die.IntN(100); {
	case roll < 30:
		w.poll(n)
	case roll < 62:
		w.deliver()
	case roll < 74:
		w.sync(n)
	case roll < 80:
		w.inspect(n)
	case roll < 87:
		w.pass()
	case roll < 92:
		w.propose(w.store())
	case roll < 93:
		b := w.store()
		if w.die.IntN(2) == 0 && b.Pending != nil {
			_ = b.Abort(b.Pending.ID, w.storeClock(), true)
		} else if was := b.Committed; was != nil && w.opt.harness&abortAfter != 0 && b.Pending == nil && w.ghost.bodies[was.Previous] != nil {
			b.Committed = w.ghost.bodies[was.Previous]
			b.remember(was.ID, was.Number, "after all")
		}
	case roll < 95, w.opt.rough && roll < 97:
		w.crash(n)
		if w.opt.rough {
			w.failover()
		}
	case roll < 97:
		w.copied = w.live().clone()
	case roll < 98:
		w.failover()
	case roll < 99 && w.opt.off:
		w.stop(n)
	default:
		w.odd(n)
	}
}

func (w *world) up(n *node) bool {
	return n.stopped.IsZero() || w.opt.harness&offRuns != 0
}

// store is the one an operator or an edge talks to: now and then a zombie.
func (w *world) store() *box {
	if len(w.stores) > 1 && !w.healing && w.die.IntN(4) == 0 {
		return w.stores[w.die.IntN(len(w.stores)-1)]
	}
	return w.live()
}

// poll reads a store for an edge; the answer arrives some day.
func (w *world) poll(n *node) {
	if w.dead || !w.up(n) {
		return
	}
	b := w.store()
	if !w.healing && w.die.IntN(8) == 0 {
		b = w.copied // a replica that was asked, or an answer that is late
	}
	m := message{to: n, seen: b.Seen(n.edge.Pair.Prepared.id())}
	if w.healing || w.die.IntN(3) > 0 {
		w.hand(m)
		return
	}
	w.mail = append(w.mail, m)
}

func (w *world) deliver() {
	if len(w.mail) == 0 {
		return
	}
	i := w.die.IntN(len(w.mail))
	m := w.mail[i]
	if len(w.mail) > 40 || w.die.IntN(5) > 0 { // or it arrives once more
		w.mail[i] = w.mail[len(w.mail)-1]
		w.mail = w.mail[:len(w.mail)-1]
	}
	if w.die.IntN(10) > 0 { // or it is lost
		w.hand(m)
	}
}

func (w *world) hand(m message) {
	switch {
	case m.to != nil && w.up(m.to):
		w.step(m.to, m.seen)
	case m.order != nil && !w.dead:
		_ = m.order(w.store(), w.storeClock()) // refusals are the rules at work
	}
}

// sync is what the disk does with what an edge keeps.
func (w *world) sync(n *node) {
	if n.unsynced == nil || !w.up(n) {
		return
	}
	k := *n.unsynced
	if !w.healing && w.die.IntN(16) == 0 {
		w.step(n, JournalFailed{k.Seq, "no space left"})
		return
	}
	n.unsynced = nil
	w.durable(n, k)
	w.step(n, Journaled{k.Seq})
	if n.edge.Idle() && w.die.IntN(4) == 0 && w.opt.broken == 0 {
		n.journal = n.edge.Entries()
	}
}

func (w *world) durable(n *node, k Keep) {
	n.journal = append(slices.Clip(n.journal), k.Entry)
	if k.Entry.Kind == KindAborted {
		w.ghost.aborted[k.Entry.ID] = append(w.ghost.aborted[k.Entry.ID], n)
		w.unlearned(k.Entry.ID)
	}
}

func (w *world) inspect(n *node) {
	if n.inspects == nil || !w.up(n) {
		return
	}
	i := *n.inspects
	n.inspects = nil
	if err := Check(i.Base, i.Revision, n.table, n.floors(), listOf); err != nil {
		w.step(n, Disagrees{i.Revision.ID, err.Error()})
		return
	}
	w.step(n, Ready{i.Revision.ID})
}

func (n *node) floors() *Floors {
	if n.book == nil {
		return nil
	}
	return n.book.floors
}

// pass lets time pass, and asks everybody who answers.
func (w *world) pass() {
	w.now = w.now.Add(tick)
	for _, n := range w.edges {
		w.ask(n)
		if s := n.slow; s != nil && w.die.IntN(2) == 0 {
			n.slow = nil
			switch {
			case !n.serving || !w.up(n):
			case w.opt.harness&revisionOld != 0:
				w.decide(n, s.book, w.clock(), w.now)
			default:
				w.decide(n, n.book, s.at, s.when)
			}
		}
	}
}

// crash loses what was not durable; a write under way is there, or torn and so
// repaired away.
func (w *world) crash(n *node) {
	if !w.up(n) {
		return
	}
	if k := n.unsynced; k != nil && w.die.IntN(2) == 0 {
		w.durable(n, *k)
	}
	w.restart(n)
}

// failover brings a replica's earlier prefix to life, or the same store again
// under another name, or nothing at all.
func (w *world) failover() {
	if len(w.stores) > w.opt.failovers {
		return
	}
	next := w.copied.clone()
	switch w.die.IntN(6) {
	case 0:
		next = w.live().clone()
	case 1:
		if w.opt.failovers > 1 {
			next = &box{Store: Store{Lists: w.live().Lists, broken: w.opt.broken}}
		}
	}
	next.Life = fmt.Sprintf("s%d", len(w.stores))
	w.stores = append(w.stores, next)
	w.copied = next.clone()
}

// stop stops an edge for good, and the operator says so to the store, some day.
func (w *world) stop(n *node) {
	stopped := 0
	for _, other := range w.edges {
		if !other.stopped.IsZero() {
			stopped++
		}
	}
	if !w.opt.off || stopped > 0 && n.stopped.IsZero() {
		return
	}
	if n.stopped.IsZero() {
		n.stopped = w.now
	}
	if self := n.edge.Self; w.opt.harness&memberGone == 0 && w.die.IntN(2) == 0 {
		w.post(func(b *box, now time.Time) error { return b.DeclareOff(self, time.Time{}, now) })
	}
}

// odd is what happens rarely.
func (w *world) odd(n *node) {
	switch w.die.IntN(6) {
	case 0:
		if w.opt.slow && n.serving && n.slow == nil && n.stopped.IsZero() {
			n.slow = &slowDecision{w.clock(), w.now, n.book}
		}
	case 1:
		if n.stopped.IsZero() && w.opt.off && !n.edge.Left {
			w.step(n, Leave{})
		}
	case 2, 3:
		w.fold(n)
	case 4:
		// A record from an older store, where a floor holds or a timeline.
		number := lists[w.die.IntN(2)].At(0)
		if slices.ContainsFunc(n.edge.Floors, func(f Floor) bool { l, _ := listOf(f.List); return l.Contains(number) }) {
			w.record(n, number, w.ghost.base[number].Other())
		}
	case 5:
		if w.opt.harness&deadAnytime != 0 {
			w.dead = true
		}
	}
}

// fold writes what cutovers that are over came to into an edge's records.
func (w *world) fold(n *node) {
	for i := range w.ghost.truth.Schedule {
		c := &w.ghost.truth.Schedule[i]
		if l, _ := listOf(c.List); w.opt.settle && (w.opt.broken.breaks(rewrite) || c.Last().Before(w.now.Add(-2*time.Second))) {
			w.record(n, l.At(0), c.Final())
		}
	}
}

var errNothing = errors.New("nothing to change")

// propose is the operator: arm, move, cancel, flip now, roll back, begin, settle
// and clear out, on whatever the store says is committed.
func (w *world) propose(b *box) {
	prev := b.Committed
	if prev == nil || b.Pending != nil || w.dead {
		return
	}
	next := *prev
	next.Schedule = slices.Clone(prev.Schedule)
	switch roll := w.die.IntN(10); {
	case roll == 0 && w.opt.settle:
		w.begins(&next)
	case roll == 1 && w.opt.settle:
		w.drops(&next)
	case roll == 2 && w.opt.off && len(next.Members) > 1:
		next.Members = slices.DeleteFunc(slices.Clone(next.Members), func(m MemberID) bool {
			return b.IsOff(m) || w.opt.broken.breaks(removeAny) && w.die.IntN(2) == 0
		})
	default:
		w.turns(&next)
	}
	next.ID, next.Previous, next.Number = w.draw(b), prev.ID, prev.Number+1
	_ = w.proposed(b, &next, w.storeClock())
}

// turns gives a cutover another future.
func (w *world) turns(next *Revision) {
	if len(next.Schedule) == 0 {
		return
	}
	c := &next.Schedule[w.die.IntN(len(next.Schedule))]
	soon := w.now.Add(next.Fleet.Lead)
	keep := len(c.Turns)
	for keep > 0 && (c.Turns[keep-1].At.After(soon) || w.opt.broken.breaks(rewrite) && w.die.IntN(2) == 0) {
		keep--
	}
	c.Turns = slices.Clone(c.Turns[:keep])
	if w.die.IntN(4) == 0 {
		return // cancelled
	}
	turn := routing.Turn{Authority: c.Final().Other()}
	if w.die.IntN(3) > 0 {
		turn.At = soon.Add(time.Duration(w.die.IntN(6)-1) * tick)
	}
	c.Turns = append(c.Turns, turn)
}

// begins plans a cutover of a number that is in none, or, where overlap is
// allowed, of one that is.
func (w *world) begins(next *Revision) {
	i := w.die.IntN(len(lists))
	name := ID([]string{"c-0", "c-1", "c-2", "c-3"}[i+2*w.die.IntN(2)])
	if next.Cutover(name) != nil {
		return
	}
	l := lists[i]
	next.Schedule = append(next.Schedule, Cutover{ID: name, List: l.ID(), Count: 1, First: w.ghost.base[l.At(0)]})
	slices.SortFunc(next.Schedule, func(a, b Cutover) int { return int(a.ID[2]) - int(b.ID[2]) })
	if w.die.IntN(2) == 0 {
		w.turns(next)
	}
}

func (w *world) drops(next *Revision) {
	if len(next.Schedule) > 0 {
		i := w.die.IntN(len(next.Schedule))
		next.Schedule = slices.Delete(next.Schedule, i, i+1)
	}
}
