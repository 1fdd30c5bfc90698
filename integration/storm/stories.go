package storm

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/speakops/sipedge/cutover/ledger"
	"github.com/speakops/sipedge/cutover/runner"
	"github.com/speakops/sipedge/routing"
)

const second = time.Second

// story is one of the stories that are told, and its weather.
type story struct {
	name    string
	long    bool // it takes more than half a second, and is told at night
	weather func(*dice) Weather
}

// blind is the weather of machines without a battery.
func blind(weather func(*dice) Weather) func(*dice) Weather {
	return func(d *dice) Weather {
		w := weather(d)
		w.Blind = true
		return w
	}
}

var stories = []story{
	{"hasty settling", true, calm(hastySettling)},
	{"a past that changes", true, calm(changedPast)},
	{"overdue", true, calm(overdue)},
	{"committed, aborted", false, calm(committedAborted)},
	{"off too late", true, calm(offTooLate)},
	{"the lost witness knew", false, calm(lostWitness(true))},
	{"the lost witness did not", true, calm(lostWitness(false))},
	{"an abort forgotten", false, calm(abortForgotten)},
	{"a late answer", true, calm(lateAnswer(false))},
	{"a late answer, and another store", true, calm(lateAnswer(true))},
	{"within the guard", true, calm(withinTheGuard)},
	{"crash after the answer", false, calm(crashAfterAck)},
	{"acted too soon", true, calm(actedTooSoon)},
	{"an old answer", false, calm(oldAnswer)},
	{"a late outcome", true, calm(lateOutcome)},
	{"slow decisions", false, calm(slowDecisions)},
	{"crash with a list", false, calm(listNotForced)},
	{"another boot", false, blind(calm(anotherBoot))},
	{"a long silence", true, calm(longSilence)},
	{"two clocks", false, calm(twoClocks)},
	{"a zombie's clock", false, calm(zombiesClock)},
	{"a clock that was set forward", true, calm(clockSet(80 * time.Millisecond))},
	{"a clock that was set back", false, calm(clockSet(-80 * time.Millisecond))},
	{"a clock that was set far", true, calm(clockSet(3 * second))},
	{"the last copy of a list", false, calm(lastCopy)},
}

// storied is the weather of the story of that name.
func storied(name string) func(*dice) Weather {
	for _, s := range stories {
		if s.name == name {
			return s.weather
		}
	}
	panic("no story is called " + name)
}

// hastySettling: somebody writes the final authority into the records and lets
// the timeline go while its step is still ahead. Without rule 2 the number flips
// with the last record.
//
// For the other half of rule 2 see changedPast.
func hastySettling(t *tale) {
	at, x := t.arms(t.a, 6*second)
	t.knows(x, t.a, t.b, t.c)
	t.past(at, -4*second)
	t.mu.Lock()
	for _, n := range t.numbers(t.lists[0].ID()) {
		t.records[n] = routing.SpeakOps
	}
	t.mu.Unlock()
	for _, e := range t.edges {
		for _, n := range t.numbers(t.lists[0].ID()) {
			e.now().record(n, routing.SpeakOps)
		}
	}
	live := t.a.now().runner.Pair().Committed.Schedule[0].ID
	p := t.b.now()
	t.asks(func(ctx context.Context) (*runner.Change, error) { return p.runner.Settle(ctx, "somebody", live) })
	t.past(at, second)
}

// changedPast: somebody proposes that a step which lies behind never was. The
// deadline lies a guard before D, and so behind as well: no acknowledgement counts,
// and nobody gives one. Only where rule 2 and both guards are broken, and nobody's
// abort gets through, is it committed.
func changedPast(t *tale) {
	at, x := t.arms(t.a, 3*second)
	t.knows(x, t.a, t.b, t.c)
	t.past(at, second)
	for _, e := range t.edges {
		e.lose("abort")
	}
	p := t.a.now()
	was := p.runner.Pair().Committed
	next := *was
	next.ID, next.Previous, next.Number = t.revision(), was.ID, was.Number+1
	next.Schedule = slices.Clone(was.Schedule)
	next.Schedule[0].Turns = []routing.Turn{{At: at.Add(20 * second), Authority: routing.SpeakOps}}
	ctx, cancel := context.WithTimeout(context.Background(), 2*second)
	defer cancel()
	_, _ = p.chain.Propose(ctx, ledger.Proposal{Generation: p.runner.View().Generation, Previous: was, Revision: &next, Who: "somebody"})
	time.Sleep(2 * second)
}

// overdue: one member's acknowledgement is late, and nothing else ever happens to
// the revision. Without rule 4 it waits for ever, and nobody can change anything.
func overdue(t *tale) {
	t.c.lose("ack")
	at, _ := t.arms(t.a, 30*second)
	t.prepared(t.a, t.b, t.c)
	t.past(at, -25*second)
	t.c.usual()
}

// committedAborted: an operator wants back what is committed, before everybody
// has learned that it is.
func committedAborted(t *tale) {
	t.c.lose("ack")
	at, x := t.arms(t.a, 4*second)
	t.acknowledged(x, 2)
	t.b.lose("status")
	t.c.usual()
	t.until("it is committed", func() bool { return t.shop.state("committed") == string(x) })
	t.knows(x, t.a)
	p := t.a.now()
	ctx, cancel := context.WithTimeout(context.Background(), 2*second)
	defer cancel()
	_, _ = p.chain.Abort(ctx, p.runner.View().Generation, x, "somebody", ledger.ByOperator, "too late")
	t.b.usual()
	t.past(at, second)
}

// offTooLate: c never hears of the revision, answers by the old one beyond D, and
// is declared off then, truly. Committed without it now, the past is another.
func offTooLate(t *tale) {
	t.c.isolate(true)
	t.a.lose("abort")
	t.b.lose("abort")
	at, x := t.arms(t.a, 3*second)
	t.acknowledged(x, 2)
	t.past(at, second)
	t.off(t.a, t.stops(t.c, false))
	t.past(at, 2*second)
	t.c.usual()
	t.c.start()
}

// lostWitness: one member, whose disk is lost, has answered beyond D by what
// nobody else can say: by the new revision if it has learned of the commit, by
// the old one if it never heard of it. The store loses its tail at the same time.
func lostWitness(knew bool) func(*tale) {
	return func(t *tale) {
		t.shop.snapshot()
		t.c.isolate(!knew)
		t.c.lose("ack")
		at, x := t.arms(t.a, 3*second)
		t.acknowledged(x, 2)
		how := again
		if knew {
			t.prepared(t.c)
			how = older
		}
		t.a.isolate(true)
		t.b.isolate(true)
		if knew {
			t.c.usual()
			t.knows(x, t.c)
		}
		t.past(at, second)
		c := t.stops(t.c, true)
		t.replaced(how, 0)
		t.a.usual()
		t.b.usual()
		t.off(t.a, c)
		time.Sleep(3 * second)
		t.c.usual()
		t.c.start()
	}
}

// abortForgotten: all have a revision prepared, and only one learns that it was
// taken back. It hears an old answer then, and the store loses the abort. Only
// that edge's memory keeps a recovery from committing what an operator was told
// is off: it does not prepare the id again, and if it did, it would report the
// abort. Either is enough, so both are broken.
func abortForgotten(t *tale) {
	t.b.lose("ack")
	t.c.lose("ack")
	t.a.taping(true)
	_, x := t.arms(t.a, 9*second)
	t.prepared(t.a, t.b, t.c)
	t.shop.snapshot()
	t.b.isolate(true)
	t.c.isolate(true)
	p := t.a.now()
	t.until("it is taken back", func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), second)
		defer cancel()
		_ = p.runner.Abort(ctx, "somebody", "thought again")
		return p.runner.Pair().Prepared == nil
	})
	time.Sleep(100 * time.Millisecond) // an operator is told
	tape := t.a.taping(false)
	i := slices.IndexFunc(tape, func(answer string) bool { return strings.Contains(answer, "pending\r\n$32\r\n"+string(x)) })
	if i < 0 {
		panic(stuck("the first edge hears of the revision"))
	}
	t.hears(t.a, tape[i])
	t.replaced(older, 0)
	t.a.usual()
	t.b.usual()
	t.c.usual()
	time.Sleep(3 * second)
}

// lateAnswer: c hears of the revision when D is behind, and nobody's abort gets
// through. It has answered by the old one beyond D. The store counts no word
// after the deadline, and c gives none after D; where the store is another one
// meanwhile, only the second is left.
func lateAnswer(replaced bool) func(*tale) {
	return func(t *tale) {
		for _, e := range t.edges {
			e.lose("abort")
		}
		t.c.isolate(true)
		at, x := t.arms(t.a, 3*second)
		t.acknowledged(x, 2)
		t.past(at, second)
		t.c.isolate(false)
		time.Sleep(5 * second) // two of which it waits for an answer to its abort
		if replaced {
			t.replaced(again, 0)
		}
		time.Sleep(2 * second)
	}
}

// withinTheGuard: an acknowledgement is on its way for so long that it comes
// after the deadline, before D. No call is answered wrongly if every clock is as
// good as it says; the guard is for when it is not.
func withinTheGuard(t *tale) {
	for _, e := range t.edges {
		e.lose("abort")
	}
	t.c.late(2400*time.Millisecond, "ack")
	at, _ := t.arms(t.a, 3*second)
	t.prepared(t.c)
	t.past(at, second)
}

// crashAfterAck: the revision is committed, and a member that has said yes to it
// crashes before its journal has it, and cannot ask anybody when it comes back.
func crashAfterAck(t *tale) {
	t.b.lazy.Store(true)
	at, x := t.arms(t.a, 3*second)
	t.until("it is committed", func() bool { return t.shop.state("committed") == string(x) })
	t.b.die(diceOf(t.seed, "crash"))
	t.b.isolate(true)
	t.b.lazy.Store(false)
	t.b.start()
	t.past(at, second)
	t.b.usual()
}

// actedTooSoon: an edge learns that a revision was taken back, and its disk does
// not take that. It must not answer by it: after a crash it has the revision
// prepared again, and a store that has lost its tail commits it.
func actedTooSoon(t *tale) {
	t.b.lose("ack")
	t.c.lose("ack")
	at, _ := t.arms(t.a, 4*second)
	t.prepared(t.a, t.b, t.c)
	t.shop.snapshot()
	t.b.isolate(true)
	t.c.isolate(true)
	t.a.failing.Store(true)
	p := t.a.now()
	ctx, cancel := context.WithTimeout(context.Background(), second)
	defer cancel()
	_ = p.runner.Abort(ctx, "somebody", "thought again")
	t.past(at, second)
	t.a.die(diceOf(t.seed, "crash"))
	t.a.failing.Store(false)
	t.replaced(older, 0)
	t.a.start()
	t.b.usual()
	t.c.usual()
	time.Sleep(3 * second)
}

// oldAnswer: b has agreed to a revision, and then an answer from before it was
// proposed comes once more, which does not know of it. That is no word that it was
// aborted: the others commit it.
func oldAnswer(t *tale) {
	t.b.taping(true)
	time.Sleep(second)
	tape := t.b.taping(false)
	t.c.lose("ack")
	at, x := t.arms(t.a, 4*second)
	t.acknowledged(x, 2)
	t.hears(t.b, tape[len(tape)-1])
	t.c.usual()
	t.knows(x, t.a, t.c)
	t.past(at, second)
	t.b.usual()
}

// lateOutcome: c has agreed to a revision, and is cut off before the others commit
// it. Beyond D it hears an answer from before that. However late it is, the revision
// may be in force elsewhere.
func lateOutcome(t *tale) {
	t.b.lose("ack")
	t.c.taping(true)
	at, x := t.arms(t.a, 4*second)
	t.acknowledged(x, 2)
	time.Sleep(100 * time.Millisecond) // c reads the store again
	tape := t.c.taping(false)
	t.c.isolate(true)
	t.b.usual()
	t.knows(x, t.a, t.b)
	t.past(at, second)
	t.hears(t.c, tape[len(tape)-1])
	t.c.usual()
}

// slowDecisions: a decision is overtaken by a whole change of the timeline. One
// that has looked at the revisions before the clock answers by a past that is no
// longer true.
func slowDecisions(t *tale) {
	at := t.a.now().clock.Now().Latest.Add(2100 * time.Millisecond)
	for i := range 20 {
		e, slow := t.edges[i%3], 2300*time.Millisecond+time.Duration(i)*17*time.Millisecond
		t.working.Go(func() { e.decide(e.now(), slow, true, t.numbers(t.lists[0].ID())...) })
	}
	at, x := t.arms(t.a, time.Until(at))
	t.knows(x, t.a, t.b, t.c)
	t.past(at, second)
}

// listNotForced: an edge crashes when it has agreed to a revision. The numbers
// it is about must be on its disk.
func listNotForced(t *tale) {
	at, x := t.arms(t.a, 3*second)
	t.knows(x, t.a, t.b, t.c)
	for _, e := range t.edges[1:] {
		e.die(diceOf(t.seed, e.name))
		e.start()
	}
	t.past(at, second)
}

// lastCopy: the store loses a list with its tail, a recovery brings back the
// revision that names it, and every member is over before the list is back. One of
// the disks still has it, and whoever comes up there must bring it, or nobody can
// join any more.
func lastCopy(t *tale) {
	t.shop.snapshot()
	_, x := t.arms(t.a, 20*second)
	t.knows(x, t.a, t.b, t.c)
	t.replaced(older, 0)
	t.until("it is recovered", func() bool { return t.shop.state("recovered") == "1" && t.shop.state("committed") == string(x) })
	a := t.stops(t.a, false)
	b, c := t.stops(t.b, true), t.stops(t.c, true)
	t.a.start()
	t.off(t.a, b)
	t.off(t.a, c)
	t.off(t.a, a)
	t.b.start()
	t.c.start()
	time.Sleep(3 * second)
}
