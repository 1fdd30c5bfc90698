package cutover

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/speakops/sipedge/routing"
)

// first is the wish of that type, and whether there is one.
func first[T Effect](effects []Effect) (T, bool) {
	for _, e := range effects {
		if f, ok := e.(T); ok {
			return f, true
		}
	}
	var none T
	return none, false
}

func kinds(effects []Effect) string {
	var all []string
	for _, e := range effects {
		all = append(all, strings.TrimPrefix(fmt.Sprintf("%T", e), "cutover."))
	}
	return strings.Join(all, " ")
}

// armed is edge a of two, its store, and a revision that is pending there.
func armed(t *testing.T) (Edge, *Store, *Revision) {
	w := newFleet(t, 2, 0)
	x := w.proposes(t, w.next(steps(noon.Add(time.Minute))))
	return w.edges[0].edge, &w.live().Store, x
}

func TestRule08PrepareIsPublishedThenKeptThenAcknowledged(t *testing.T) {
	e, s, x := armed(t)
	at := routing.Around(noon, time.Second)
	e, out := e.Step(s.Seen(""), at)
	if i, ok := first[Inspect](out); !ok || i.Revision != x || i.Base != s.Committed {
		t.Fatal(kinds(out))
	}
	if _, again := e.Step(s.Seen(""), at); len(again) != 0 {
		t.Errorf("asked twice: %s", kinds(again))
	}
	e, out = e.Step(Ready{x.ID}, at)
	if kinds(out) != "Publish Keep" || e.Pair.Prepared != x {
		t.Fatal(kinds(out))
	}
	if _, none := e.Step(s.Seen(""), at); len(none) != 0 {
		t.Errorf("while the disk is busy: %s", kinds(none))
	}
	keep, _ := first[Keep](out)
	if _, none := e.Step(Journaled{keep.Seq + 1}, at); len(none) != 0 {
		t.Error("another entry's word is taken")
	}
	done, out := e.Step(Journaled{keep.Seq}, at)
	if ack, ok := first[Ack](out); !ok || ack.ID != x.ID {
		t.Fatal(kinds(out))
	}
	// The clock is read again: too late is never acknowledged, but kept.
	if late, out := e.Step(Journaled{keep.Seq}, routing.Around(noon.Add(59*time.Second), time.Second)); len(out) != 0 || late.Pair.Prepared != x {
		t.Errorf("at D: %s", kinds(out))
	}
	// A lost acknowledgement is said again.
	if _, out := done.Step(s.Seen(x.ID), at); kinds(out) != "Ack" {
		t.Error(kinds(out))
	}
}

func TestRule08WhatIsNotPrepared(t *testing.T) {
	at := routing.Exactly(noon)
	for name, change := range map[string]func(e *Edge, s *StoreSeen, at *routing.Interval){
		"not a member": func(e *Edge, s *StoreSeen, _ *routing.Interval) { e.Self = "c~1" },
		"another predecessor": func(e *Edge, s *StoreSeen, _ *routing.Interval) {
			r := *e.Pair.Committed
			r.ID = id(77)
			e.Pair.Committed = &r
		},
		"known aborted":              func(e *Edge, s *StoreSeen, _ *routing.Interval) { e.Aborted = map[RevisionID]uint64{s.Pending.ID: 3} },
		"an unrecovered generation":  func(e *Edge, s *StoreSeen, _ *routing.Interval) { s.Recovered = false },
		"a higher generation":        func(e *Edge, s *StoreSeen, _ *routing.Interval) { s.Generation = Generation{2, "x"} },
		"a lower generation":         func(e *Edge, s *StoreSeen, _ *routing.Interval) { e.Generation = Generation{2, "x"} },
		"another of the same number": func(e *Edge, s *StoreSeen, _ *routing.Interval) { e.Generation = Generation{1, "x"} },
		"D may be now":               func(e *Edge, s *StoreSeen, at *routing.Interval) { at.Latest = noon.Add(time.Minute) },
		"another is unresolved":      func(e *Edge, s *StoreSeen, _ *routing.Interval) { r := *s.Pending; r.ID = id(88); e.Pair.Prepared = &r },
	} {
		e, s, _ := armed(t)
		seen, at := s.Seen(""), at
		change(&e, &seen, &at)
		_, out := e.Step(seen, at)
		if _, asks := first[Inspect](out); asks {
			t.Errorf("%s: %s", name, kinds(out))
		}
	}
	e, s, x := armed(t)
	if _, out := e.Step(s.Seen(""), routing.Exactly(noon.Add(time.Minute))); !strings.HasPrefix(kinds(out), "Refuse") {
		t.Errorf("too late: %s", kinds(out))
	}
	e, _ = e.Step(s.Seen(""), at)
	if _, out := e.Step(Disagrees{x.ID, "c-0: +12025550143 is held by none"}, at); kinds(out) != "Refuse" {
		t.Errorf("the table disagrees: %s", kinds(out))
	}
	e, out := e.Step(Ready{x.ID}, at)
	keep, _ := first[Keep](out)
	e, out = e.Step(JournalFailed{keep.Seq, "no space left"}, at)
	if kinds(out) != "Refuse" {
		t.Errorf("the disk is full: %s", kinds(out))
	}
	if _, out = e.Step(s.Seen(""), at); kinds(out) != "Keep" {
		t.Errorf("and it is tried again: %s", kinds(out))
	}
}

func prepared(t *testing.T) (Edge, *Store, *Revision) {
	e, s, x := armed(t)
	e, _ = e.Step(s.Seen(""), routing.Exactly(noon))
	e, out := e.Step(Ready{x.ID}, routing.Exactly(noon))
	keep, _ := first[Keep](out)
	e, _ = e.Step(Journaled{keep.Seq}, routing.Exactly(noon))
	return e, s, x
}

func TestRule10AnOutcomeNeedsEvidenceAndIsKeptFirst(t *testing.T) {
	long := routing.Exactly(noon.Add(time.Hour)) // D is long behind
	for kind, change := range map[Kind]func(s *StoreSeen, x *Revision){
		"":            func(s *StoreSeen, x *Revision) { s.Pending = nil },
		KindCommitted: func(s *StoreSeen, x *Revision) { s.Pending, s.Committed = nil, x },
		KindAborted:   func(s *StoreSeen, x *Revision) { s.Pending, s.Aborted = nil, []RevisionID{x.ID} },
	} {
		e, s, x := prepared(t)
		seen := s.Seen(x.ID)
		change(&seen, x)
		e, out := e.Step(seen, long)
		keep, kept := first[Keep](out)
		if _, published := first[Publish](out); published || kept != (kind != "") || kept && keep.Entry.Kind != kind || e.Pair.Prepared != x {
			t.Fatalf("%q: %s", kind, kinds(out))
		}
		if !kept {
			continue
		}
		e, out = e.Step(Journaled{keep.Seq}, long)
		if kinds(out) != "Publish" || e.Pair.Prepared != nil || (e.Pair.Committed == x) != (kind == KindCommitted) || (e.Aborted[x.ID] == 3) != (kind == KindAborted) {
			t.Errorf("%q: %s, %+v", kind, kinds(out), e.Pair)
		}
	}
}

func TestRule10APrepareSurvivesARestart(t *testing.T) {
	e, _, x := prepared(t)
	for _, entries := range [][]Entry{e.Entries()} {
		back, err := Replay(entries)
		if err != nil || back.Pair.Prepared != x || back.Generation != e.Generation || back.Self != e.Self {
			t.Errorf("%v: %+v", err, back)
		}
	}
}

func TestRule11APromiseIsKeptBeforeItIsGiven(t *testing.T) {
	e, s, _ := prepared(t)
	seen := s.Seen("")
	seen.Generation, seen.Recovered = Generation{5, "x"}, false
	e, out := e.Step(seen, routing.Exactly(noon))
	keep, _ := first[Keep](out)
	if kinds(out) != "Keep" || keep.Entry.Kind != KindPromised || e.Generation.Number != 1 {
		t.Fatal(kinds(out))
	}
	e, out = e.Step(Journaled{keep.Seq}, routing.Exactly(noon))
	if r, ok := first[SendReport](out); !ok || r.Report.Generation != seen.Generation || r.Report.Prepared == nil {
		t.Fatal(kinds(out))
	}
	// From now on the old one is a zombie, whatever it says.
	old := s.Seen("")
	old.Committed, old.Pending = e.Pair.Prepared, nil
	if next, out := e.Step(old, routing.Exactly(noon)); kinds(out) != "Begin" || next.Pair != e.Pair {
		t.Errorf("%s", kinds(out))
	}
}

func TestRule11AnEdgeNeverGoesBack(t *testing.T) {
	e, s, x := prepared(t)
	seen := s.Seen("")
	seen.Pending, seen.Committed = nil, x
	e, out := e.Step(seen, routing.Exactly(noon))
	keep, _ := first[Keep](out)
	e, _ = e.Step(Journaled{keep.Seq}, routing.Exactly(noon))
	if next, out := e.Step(s.Seen(""), routing.Exactly(noon)); next.Pair.Committed != x || len(out) != 0 {
		t.Errorf("an old answer takes it back: %s", kinds(out))
	}
}

func TestRule12INVITEsOnlyByABodyWithThisEdge(t *testing.T) {
	w := newWorld(1, options{edges: 3, members: 2, guard: 2 * time.Second, exact: true})
	w.healing = true
	a, b, c := w.edges[0], w.edges[1], w.edges[2]
	for range 3 {
		w.round(c)
		if c.serving {
			t.Fatal("serves before it has joined")
		}
	}
	w.round(a)
	w.round(a, c)
	if c.serving || !slices.Equal(c.edge.Waits.Acks, []MemberID{"b~1"}) {
		t.Fatalf("waits for %+v, want b", c.edge.Waits)
	}
	for range 3 {
		w.round(b, c)
	}
	if !c.serving || c.edge.Pair.Committed.Number != 3 {
		t.Fatal("never joins")
	}
	// A restart with its journal needs nobody.
	w.crash(c)
	if !c.serving {
		t.Error("a restart needs a revision")
	}
}

func TestRule12AnIdentityThatIsOverComesBackAsAnother(t *testing.T) {
	w := newFleet(t, 3, 0)
	b := w.edges[1]
	w.step(b, Leave{})
	if b.serving {
		t.Error("takes calls while it leaves")
	}
	for range 10 {
		w.round(w.edges...)
	}
	if !w.live().IsOff("b~1") || b.edge.Self != "b~2" || !b.serving || !w.live().Committed.Has("b~2") {
		t.Errorf("%s, serving %v", b.edge.Self, b.serving)
	}
}

// The word that an edge is off is acted on at once: others may agree without it
// from then on, whether or not its disk takes the entry.
func TestRule05WhoIsOffTakesNoCallsEvenWithoutADisk(t *testing.T) {
	e, s, _ := armed(t)
	s.Pending = nil
	if !e.Serves() {
		t.Fatal("it does not serve to begin with")
	}
	seen := s.Seen("")
	seen.Off = []MemberID{e.Self}
	e, out := e.Step(seen, routing.Exactly(noon))
	p, said := first[Publish](out)
	keep, _ := first[Keep](out)
	if !said || p.Serving || e.Serves() {
		t.Fatalf("declared off, and it serves: %s", kinds(out))
	}
	e, _ = e.Step(JournalFailed{keep.Seq, "no space left"}, routing.Exactly(noon))
	if e, out = e.Step(seen, routing.Exactly(noon)); kinds(out) != "Keep" || e.Serves() {
		t.Errorf("with a full disk: %s, serves %t", kinds(out), e.Serves())
	}
	// And also while another entry is on its way.
	e, s, x := armed(t)
	e, _ = e.Step(s.Seen(""), routing.Exactly(noon))
	e, _ = e.Step(Ready{x.ID}, routing.Exactly(noon))
	seen = s.Seen("")
	seen.Off = []MemberID{e.Self}
	if e, out = e.Step(seen, routing.Exactly(noon)); e.Serves() || kinds(out) != "Publish" {
		t.Errorf("while an entry is written: %s, serves %t", kinds(out), e.Serves())
	}
}
