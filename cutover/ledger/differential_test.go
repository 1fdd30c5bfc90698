package ledger

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/speakops/sipedge/cutover"
	"github.com/speakops/sipedge/routing"
)

// twins are the scripts and the reference, which must not differ.
type twins struct {
	t      *rapid.T
	l      *Ledger
	model  cutover.Store
	now    time.Time      // of the scripts' last answer
	lists  []cutover.List // 0 and 1 meet
	past   []cutover.RevisionID
	bodies []*cutover.Revision // every one that was ever pending
	gens   []cutover.Generation
}

var brisk = cutover.Fleet{Guard: 20 * time.Millisecond, Lead: 40 * time.Millisecond, PrepareTimeout: 60 * time.Millisecond}

func newTwins(t *rapid.T, l *Ledger, life string) *twins {
	w := &twins{t: t, l: l, gens: []cutover.Generation{{}}}
	l.heard = func(a answer) { w.now = a.at("now") }
	w.model.Life = life
	for _, numbers := range [][]routing.PublicNumber{{12025550001, 12025550002}, {12025550002, 12025550003}, {12025550009}} {
		list, err := cutover.NewList(numbers)
		if err != nil {
			t.Fatal(err)
		}
		w.lists = append(w.lists, list)
		w.model.Put(list)
	}
	return w
}

// agree fails when one refused what the other did.
func (w *twins) agree(what string, script, model error) {
	if (script == nil) != (model == nil) {
		w.t.Fatalf("%s: the scripts say %v, the reference %v", what, script, model)
	}
}

func (w *twins) same() {
	s, err := w.l.Status(ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	want := w.model.Seen("")
	id := func(r *cutover.Revision) cutover.RevisionID {
		if r == nil {
			return ""
		}
		return r.ID
	}
	if want.Changed {
		want.Missing = nil // of a generation that nobody has begun
	}
	have := fmt.Sprintln(s.Changed, s.Recovered, s.Generation, id(s.Committed), id(s.Pending), s.Deadline.UnixMicro(), s.Acked, s.Off, s.Reported, s.Missing, s.Aborted)
	should := fmt.Sprintln(want.Changed, want.Recovered, want.Generation, id(want.Committed), id(want.Pending), want.Deadline.UnixMicro(), want.Acked, want.Off, want.Reported, want.Missing, want.Aborted)
	if have != should {
		w.t.Fatalf("the scripts hold    %s the reference holds %s", have, should)
	}
}

func (w *twins) member() cutover.MemberID {
	return rapid.SampledFrom([]cutover.MemberID{edgeA, edgeB, edgeC, "edge-c~2"}).Draw(w.t, "member")
}

// proposal is a revision that more or less follows what is committed.
func (w *twins) proposal() *cutover.Revision {
	t, prev := w.t, w.model.Committed
	n := &cutover.Revision{ID: newID(), Number: 1, Members: []cutover.MemberID{edgeA}, Fleet: brisk}
	if prev != nil {
		n = next(prev)
	}
	if rapid.IntRange(0, 9).Draw(t, "stale") == 0 {
		n.Number++
	}
	if rapid.IntRange(0, 2).Draw(t, "members") == 0 {
		m := w.member()
		if i := slices.Index(n.Members, m); i < 0 {
			n.Members = append(n.Members, m)
			slices.Sort(n.Members)
			return n
		} else if len(n.Members) > 1 {
			n.Members = slices.Delete(n.Members, i, i+1)
		}
	}
	for i := range 3 {
		c := cutover.Cutover{ID: cutover.ID(fmt.Sprint("c-", i)), List: w.lists[i].ID(), Count: w.lists[i].Len(), First: routing.Legacy}
		at := slices.IndexFunc(n.Schedule, func(o cutover.Cutover) bool { return o.ID == c.ID })
		switch rapid.IntRange(0, 5).Draw(t, "change") {
		case 0: // drop
			if at >= 0 {
				n.Schedule = slices.Delete(n.Schedule, at, at+1)
			}
			continue
		case 1, 2: // arm, move
			if at >= 0 {
				c = n.Schedule[at]
			}
			if passed := len(c.Turns); passed > 0 && w.now.Before(c.Last()) {
				c.Turns = c.Turns[: passed-1 : passed-1]
			}
			to := routing.SpeakOps
			if len(c.Turns)%2 == 1 {
				to = routing.Legacy
			}
			turn := routing.Turn{Authority: to}
			if rapid.Bool().Draw(t, "scheduled") {
				turn.At = w.now.Add(time.Duration(rapid.IntRange(-20, 150).Draw(t, "ms")) * time.Millisecond)
			}
			c.Turns = append(slices.Clip(c.Turns), turn)
		default:
			continue
		}
		if at >= 0 {
			n.Schedule[at] = c
		} else {
			n.Schedule = append(n.Schedule, c)
			slices.SortFunc(n.Schedule, func(a, b cutover.Cutover) int { return int(a.ID[2]) - int(b.ID[2]) })
		}
	}
	return n
}

// stricter says that next takes numbers of a cutover that it drops itself: the
// scripts want these in two revisions.
func (w *twins) stricter(next *cutover.Revision) bool {
	for _, d := range cutover.Dropped(w.model.Committed, next) {
		for _, b := range cutover.Begun(w.model.Committed, next) {
			if _, meet := w.model.Lists[d.List].Meets(w.model.Lists[b.List]); meet {
				return true
			}
		}
	}
	return false
}

func (w *twins) propose() {
	n := w.proposal()
	if w.stricter(n) {
		return
	}
	p, err := w.l.Propose(ctx, Proposal{Previous: w.model.Committed, Revision: n, Lists: w.lists})
	filled, model := w.model.Propose(n, w.now)
	w.agree(fmt.Sprintf("propose %+v after %+v at %s", n, w.model.Committed, w.now), err, model)
	if err != nil {
		return
	}
	a, _ := p.Revision.Encode()
	b, _ := filled.Encode()
	if string(a) != string(b) || p.Deadline.UnixMicro() != w.model.Deadline.UnixMicro() {
		w.t.Fatalf("proposed %s until %s, and in the reference %s until %s", a, p.Deadline, b, w.model.Deadline)
	}
	w.past, w.bodies = append(w.past, n.ID), append(w.bodies, filled)
}

// revision is the pending one mostly, else any there was, or none.
func (w *twins) revision() cutover.RevisionID {
	if w.model.Pending != nil && rapid.IntRange(0, 4).Draw(w.t, "pending") > 0 {
		return w.model.Pending.ID
	}
	return rapid.SampledFrom(append([]cutover.RevisionID{newID()}, w.past[max(0, len(w.past)-3):]...)).Draw(w.t, "revision")
}

// repeats says that a step is answered by the scripts as it was before, where
// the reference has no memory of it.
func (w *twins) repeats(id cutover.RevisionID) bool {
	for at := w.model.Committed; at != nil; {
		if at.ID == id {
			return true
		}
		i := slices.IndexFunc(w.bodies, func(r *cutover.Revision) bool { return r.ID == at.Previous })
		if i < 0 {
			return false
		}
		at = w.bodies[i]
	}
	return false
}

func (w *twins) ack() { w.acks(w.member(), w.revision()) }

func (w *twins) acks(m cutover.MemberID, id cutover.RevisionID) {
	_, err := w.l.Ack(ctx, anyGeneration, m, id)
	if err == nil && (w.repeats(id) || w.model.Pending != nil && w.model.Pending.ID == id && w.model.Acked[m]) {
		return
	}
	w.agree(fmt.Sprint("ack ", m, id), err, w.model.Ack(m, id, w.now))
}

func (w *twins) refuse() {
	m, id := w.member(), w.revision()
	if _, aborted := w.model.Aborted[id]; aborted {
		return
	}
	_, err := w.l.Refuse(ctx, anyGeneration, m, id, "no")
	w.agree("refuse", err, w.model.Refuse(m, id, "no"))
}

func (w *twins) abort() {
	id, by := w.revision(), rapid.SampledFrom([]Right{ByOperator, Overdue}).Draw(w.t, "right")
	if _, aborted := w.model.Aborted[id]; aborted {
		return
	}
	_, err := w.l.Abort(ctx, anyGeneration, id, "anna", by, "no")
	w.agree("abort", err, w.model.Abort(id, w.now, by == ByOperator))
}

func (w *twins) off() {
	if w.model.Changed() {
		return // the scripts want a generation first
	}
	m, stopped := w.member(), time.Time{}
	if rapid.Bool().Draw(w.t, "known") {
		stopped = w.now.Add(-time.Duration(rapid.IntRange(0, 100).Draw(w.t, "ago")) * time.Millisecond)
	}
	if rapid.Bool().Draw(w.t, "leaves") {
		_, err := w.l.Leave(ctx, anyGeneration, m, stopped)
		w.agree("leave "+string(m), err, w.model.Leave(m, stopped, w.now))
		return
	}
	_, err := w.l.DeclareOff(ctx, m, "anna", "", stopped)
	w.agree("off", err, w.model.DeclareOff(m, stopped, w.now))
}

func (w *twins) adopt() {
	_, err := w.l.Adopt(ctx, "anna")
	w.agree("adopt", err, w.model.Adopt())
}

func (w *twins) begin() {
	over := rapid.SampledFrom(w.gens).Draw(w.t, "over")
	if rapid.Bool().Draw(w.t, "informed") {
		over = w.model.Generation
	}
	number := over.Number + uint64(rapid.IntRange(0, 2).Draw(w.t, "above"))
	g, err := w.l.Begin(ctx, number, over, w.model.Life)
	if err != nil {
		g = cutover.Generation{Number: number, Nonce: "none"}
	}
	w.agree(fmt.Sprint("begin ", number, " over ", over), err, w.model.Begin(g, over, w.model.Life))
	if err == nil {
		w.gens = append(w.gens, g)
	}
}

func (w *twins) report() {
	r := cutover.Report{Member: w.member(), Generation: w.model.Generation, Over: rapid.IntRange(0, 9).Draw(w.t, "over") == 0}
	if r.Over && rapid.Bool().Draw(w.t, "left") {
		r.Stopped = w.now.Add(-time.Duration(rapid.IntRange(0, 100).Draw(w.t, "ago")) * time.Millisecond)
	}
	if len(w.bodies) > 0 {
		last := w.bodies[max(0, len(w.bodies)-4):]
		if rapid.IntRange(0, 5).Draw(w.t, "committed") > 0 {
			r.Committed = w.model.Committed
		} else {
			r.Committed = rapid.SampledFrom(last).Draw(w.t, "which")
		}
		if rapid.Bool().Draw(w.t, "prepared") {
			r.Prepared = rapid.SampledFrom(last).Draw(w.t, "which")
		}
		if rapid.IntRange(0, 5).Draw(w.t, "aborted") == 0 {
			r.Aborted = append(r.Aborted, rapid.SampledFrom(last).Draw(w.t, "which").ID)
		}
	}
	w.agree("report", w.l.Report(ctx, r, Head{}), w.model.Report(r))
}

func (w *twins) recover() {
	who := rapid.SampledFrom([]string{"", "", "", "anna"}).Draw(w.t, "who")
	_, err := w.l.Recover(ctx, w.model.Generation, who)
	model := w.model.Recover(w.now, who != "")
	w.agree("recover", err, model)
	var one, other cutover.Blocked
	if errors.As(err, &one) && errors.As(model, &other) && one.Error() != other.Error() {
		w.t.Fatalf("blocked by %v, and in the reference by %v", one, other)
	}
}

// heal is what edges do when all is well, so that chains grow long.
func (w *twins) heal() {
	if w.model.Changed() {
		g, err := w.l.Begin(ctx, w.model.Generation.Number+1, w.model.Generation, w.model.Life)
		w.agree("begin", err, w.model.Begin(g, w.model.Generation, w.model.Life))
	}
	if w.model.Recovered {
		if p := w.model.Pending; p != nil {
			for _, m := range p.Members {
				w.acks(m, p.ID)
			}
		}
		return
	}
	if c := w.model.Committed; c != nil {
		for _, m := range c.Members {
			r := cutover.Report{Member: m, Generation: w.model.Generation, Committed: c, Prepared: w.model.Pending}
			w.agree("report", w.l.Report(ctx, r, Head{}), w.model.Report(r))
		}
	}
	w.recover()
}

// play runs random steps; restart makes the store another life of itself, and
// passes lets time go by.
func (w *twins) play(restart func() string, passes func(time.Duration)) {
	if _, _, err := w.l.Init(ctx, 1, "anna"); err != nil {
		w.t.Fatal(err)
	}
	s, err := w.l.Status(ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	w.agree("init", nil, errors.Join(w.model.Begin(s.Generation, cutover.Generation{}, w.model.Life), w.model.Recover(w.now, true)))
	steps := map[string]func(*rapid.T){}
	for name, step := range map[string]func(){
		"propose": w.propose, "propose again": w.propose, "ack": w.ack, "ack again": w.ack, "refuse": w.refuse, "abort": w.abort, "off": w.off,
		"adopt": w.adopt, "begin": w.begin, "report": w.report, "recover": w.recover, "heal": w.heal, "heal again": w.heal,
		"time": func() { passes(time.Duration(rapid.IntRange(1, 40).Draw(w.t, "pass")) * time.Millisecond) },
		"restart": func() {
			if restart != nil && rapid.IntRange(0, 2).Draw(w.t, "really") == 0 {
				w.model.Life = restart()
			}
		},
	} {
		steps[name] = func(t *rapid.T) { w.t = t; step() }
	}
	steps[""] = func(t *rapid.T) { w.t = t; w.same() }
	w.t.Repeat(steps)
}

func TestScriptsAgreeWithTheReference(t *testing.T) {
	t.Parallel()
	t.Run("miniredis", func(t *testing.T) {
		m := startSmall(t)
		rdb := client(t, m.Addr())
		rapid.Check(t, func(r *rapid.T) {
			m.FlushAll()
			now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
			m.SetTime(now)
			life := func() string { return fmt.Sprintf("%040x", m.life.Load()) }
			newTwins(r, open(t, rdb, Options{}), life()).play(
				func() string { m.restarts(); return life() },
				func(d time.Duration) { now = now.Add(d); m.SetTime(now) })
		})
	})
	t.Run("redis-server", func(t *testing.T) {
		s := startReal(t)
		rdb := client(t, s.addr)
		rapid.Check(t, func(r *rapid.T) {
			rdb.FlushAll(ctx)
			l := open(t, rdb, Options{})
			life := must[Status](t)(l.Status(ctx)).Life
			newTwins(r, l, life).play(
				// DEBUG CHANGE-REPL-ID is what a restart does to the id, at once.
				func() string {
					if err := rdb.Do(ctx, "DEBUG", "CHANGE-REPL-ID").Err(); err != nil {
						r.Fatal(err)
					}
					return must[Status](t)(l.Status(ctx)).Life
				}, time.Sleep)
		})
	})
}
