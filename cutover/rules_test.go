package cutover

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/speakops/sipedge/routing"
)

// newFleet is a world without chance: clocks are exact, messages arrive when sent,
// and nothing happens that the test does not ask for.
func newFleet(t *testing.T, edges int, broken rules) *world {
	w := newWorld(1, options{edges: edges, members: edges, guard: 2 * time.Second, exact: true, broken: broken})
	w.healing = true
	t.Cleanup(func() {
		if broken == 0 && len(w.failures) > 0 {
			t.Error(strings.Join(w.failures, "\n"))
		}
	})
	return w
}

// next is what would follow the live store's committed revision.
func (w *world) next(change func(*Revision)) *Revision {
	prev := w.live().Committed
	next := *prev
	next.Schedule = slices.Clone(prev.Schedule)
	next.ID, next.Previous, next.Number = w.draw(w.live()), prev.ID, prev.Number+1
	if change != nil {
		change(&next)
	}
	return &next
}

// steps gives c-0 these turns: speakops, legacy, and so on.
func steps(at ...time.Time) func(*Revision) {
	return func(r *Revision) {
		r.Schedule[0].Turns = nil
		for i, t := range at {
			to := []routing.RoutingAuthority{routing.SpeakOps, routing.Legacy}[i%2]
			r.Schedule[0].Turns = append(r.Schedule[0].Turns, routing.Turn{At: t, Authority: to})
		}
	}
}

// proposes puts a revision that must be acceptable.
func (w *world) proposes(t *testing.T, next *Revision) *Revision {
	t.Helper()
	if err := w.proposed(w.live(), next, w.now); err != nil {
		t.Fatal(err)
	}
	return w.live().Pending
}

// refused wants an error that says so.
func refused(t *testing.T, err error, says string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), says) {
		t.Fatalf("%v, want it to say %q", err, says)
	}
}

func TestRule01WhatMayFollowWhat(t *testing.T) {
	w := newFleet(t, 2, 0)
	s := w.live()
	meets := func(r *Revision) {
		r.Schedule = append(r.Schedule, Cutover{ID: "c-9", List: lists[0].ID(), Count: 1, First: routing.Legacy})
	}
	for says, change := range map[string]func(*Revision){
		"was not declared off": func(r *Revision) { r.Members = r.Members[:1] },
		"changes nothing else": func(r *Revision) { r.Members = append(slices.Clone(r.Members), "z~1"); steps(w.now.Add(time.Hour))(r) },
		"make it anew":         func(r *Revision) { r.Previous = id(9) },
		"one at a time":        meets,
		"is not here": func(r *Revision) {
			r.Schedule[0] = Cutover{ID: "c-8", List: list(7).ID(), Count: 10, First: routing.Legacy}
		},
		"has other numbers":     func(r *Revision) { r.Schedule[0].List = lists[1].ID() },
		"want members ascend":   func(r *Revision) { r.Members = []MemberID{"b~1", "a~1"} },
		"is shorter than guard": func(r *Revision) { r.Fleet.Lead = time.Second },
	} {
		_, err := s.Propose(w.next(change), w.now)
		refused(t, err, says)
	}
	_ = s.DeclareOff("b~1", time.Time{}, w.now)
	if _, err := s.Propose(w.next(func(r *Revision) { r.Members = r.Members[:1] }), w.now); err != nil {
		t.Errorf("a member that is off is not removed: %v", err)
	}
	s.clear()
	_ = s.DeclareOff("z~1", time.Time{}, w.now)
	_, err := s.Propose(w.next(func(r *Revision) { r.Members = append(slices.Clone(r.Members), "z~1") }), w.now)
	refused(t, err, "under a new identity")
}

func TestRule02OnlyWhatLiesAhead(t *testing.T) {
	w := newFleet(t, 2, 0)
	s := w.live()
	_, err := s.Propose(w.next(steps(w.now.Add(2*time.Second-time.Microsecond))), w.now)
	refused(t, err, "less than lead")
	w.proposes(t, w.next(steps(w.now.Add(2*time.Second))))
	_, err = s.Propose(w.next(steps(w.now.Add(time.Hour))), w.now)
	refused(t, err, "is pending")
	s.clear()
	// Flip now: the store fills in the instant.
	next := w.proposes(t, w.next(steps(time.Time{})))
	if want := w.now.Add(2 * time.Second); !next.Schedule[0].Turns[0].At.Equal(want) || !Differs(s.Committed, next).Equal(want) {
		t.Errorf("%+v, want %s", next.Schedule[0], want)
	}
	s.clear()
	s.Recovered = false
	_, err = s.Propose(w.next(steps(w.now.Add(time.Hour))), w.now)
	refused(t, err, "not recovered")
}

func TestRule02FlipNowIsTooLateWhenItFlipsByItself(t *testing.T) {
	w := newFleet(t, 2, 0)
	w.proposes(t, w.next(steps(w.now.Add(4*time.Second))))
	for range 4 {
		w.round(w.edges...)
	}
	w.now = w.now.Add(3 * time.Second)
	_, err := w.live().Propose(w.next(steps(time.Time{})), w.now)
	refused(t, err, "does not lie between")
	// And a rollback can follow it at once.
	next := w.proposes(t, w.next(steps(w.now.Add(time.Second), time.Time{})))
	if d := Differs(w.live().Committed, next); !d.Equal(w.now.Add(2 * time.Second)) {
		t.Error(d)
	}
}

func TestRule03TheLastAcknowledgementCommits(t *testing.T) {
	w := newFleet(t, 3, 0)
	s := w.live()
	x := w.proposes(t, w.next(steps(w.now.Add(time.Hour)))).ID
	refused(t, s.Ack("z~1", x, w.now), "no member")
	refused(t, s.Ack("a~1", id(5), w.now), "not pending")
	refused(t, s.Ack("a~1", x, w.now.Add(4*time.Second)), "deadline")
	for i, m := range []MemberID{"a~1", "b~1", "a~1", "c~1"} {
		if s.Committed.ID == x {
			t.Fatalf("committed after %d acknowledgements", i)
		}
		if err := s.Ack(m, x, w.now); err != nil {
			t.Fatal(err)
		}
	}
	if s.Committed.ID != x || s.Ack("c~1", x, w.now) != nil {
		t.Error("the last one commits, and said again it is no error")
	}
	y := w.proposes(t, w.next(steps())).ID
	if err := s.Refuse("b~1", y, "disk full"); err != nil || s.Aborted[y] == 0 || !strings.Contains(s.Reasons[y], "disk full") {
		t.Errorf("%v: %v", err, s.Reasons)
	}
	if s.Deadline = (time.Time{}); s.Pending != nil {
		t.Error("refused, and still pending")
	}
}

func TestRule03TheDeadlineLiesGuardBeforeD(t *testing.T) {
	w := newFleet(t, 2, 0)
	w.proposes(t, w.next(steps(w.now.Add(3*time.Second))))
	if want := w.now.Add(time.Second); !w.live().Deadline.Equal(want) {
		t.Errorf("%s, want %s", w.live().Deadline, want)
	}
}

func TestRule04WhoMayAbort(t *testing.T) {
	w := newFleet(t, 2, 0)
	s := w.live()
	x := w.proposes(t, w.next(steps(w.now.Add(time.Hour)))).ID
	refused(t, s.Abort(x, w.now, false), "only an operator")
	if err := s.Abort(x, w.now, true); err != nil || s.Aborted[x] != 3 {
		t.Error(err)
	}
	y := w.proposes(t, w.next(steps(w.now.Add(time.Hour)))).ID
	if err := s.Abort(y, s.Deadline, false); err != nil {
		t.Error(err)
	}
	refused(t, s.Abort(y, w.now, true), "not pending")
	_, err := s.Propose(func() *Revision { r := w.next(nil); r.ID = x; return r }(), w.now)
	refused(t, err, "draw a new id")
}

func TestRule05OffCompletesOnlyBeforeTheDeadline(t *testing.T) {
	for _, late := range []bool{false, true} {
		w := newFleet(t, 2, 0)
		s := w.live()
		x := w.proposes(t, w.next(steps(w.now.Add(time.Hour)))).ID
		_ = s.Ack("a~1", x, w.now)
		when := w.now
		if late {
			when = s.Deadline
		}
		if err := s.DeclareOff("b~1", time.Time{}, when); err != nil || (s.Committed.ID == x) == late {
			t.Errorf("late %v: %v, committed %s", late, err, s.Committed.ID)
		}
		refused(t, s.Leave("a~1", when, when), "last live member")
	}
}

func TestRule06AGenerationBelongsToOneLifeOfTheStore(t *testing.T) {
	w := newFleet(t, 2, 0)
	old := w.live()
	w.stores = append(w.stores, old.clone())
	s := w.live()
	s.Life = "s1"
	seen := s.Seen("")
	if !seen.Changed || seen.Recovered {
		t.Fatalf("%+v", seen)
	}
	refused(t, s.Ack("a~1", id(1), w.now), "not recovered")
	g := Generation{2, "x"}
	refused(t, old.Begin(g, old.Generation, "s1"), "stands")
	refused(t, s.Begin(Generation{1, "y"}, s.Generation, "s1"), "not above")
	if err := s.Begin(g, s.Generation, "s1"); err != nil {
		t.Fatal(err)
	}
	refused(t, s.Begin(Generation{3, "x"}, Generation{1, "n1"}, "s1"), "stands")
	w.round(w.edges...)
	w.round(w.edges...)
	w.round(w.edges...)
	if !s.Recovered || w.edges[0].edge.Generation != g {
		t.Errorf("not recovered by itself: %v", s.Recover(w.now, false))
	}
}

func TestRule06AnEmptyStoreStartsOnlyByAWord(t *testing.T) {
	s := &Store{Life: "l"}
	if err := s.Begin(Generation{1, "x"}, Generation{}, "l"); err != nil {
		t.Fatal(err)
	}
	var blocked Blocked
	if err := s.Recover(noon, false); !errors.As(err, &blocked) || blocked[0].Why != WhyChain {
		t.Fatal(err)
	}
	if err := s.Report(Report{Member: "a~1", Generation: s.Generation}); err != nil {
		t.Fatal(err)
	}
	if err := s.Recover(noon, false); err == nil {
		t.Fatal("a report without a body starts a chain")
	}
	if err := s.Recover(noon, true); err != nil {
		t.Fatal(err)
	}
	first := &Revision{ID: id(1), Number: 1, Members: []MemberID{"a~1"}, Fleet: fleetOf(1)}
	if _, err := s.Propose(first, noon); err != nil {
		t.Fatal(err)
	}
	if err := s.Ack("a~1", id(1), noon); err != nil || s.Committed != first {
		t.Error(err)
	}
}
