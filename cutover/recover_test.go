package cutover

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/speakops/sipedge/routing"
)

// afterD plays the hour that recovery is about: a revision is committed, only
// edge c learns so and answers by it after D, then c is gone with its disk, and
// the store comes back as it was before the commit.
func afterD(t *testing.T, broken rules) (*world, *Revision) {
	w := newFleet(t, 3, broken)
	w.opt.lost = true
	before := w.live().clone()
	x := w.proposes(t, w.next(steps(w.now.Add(4*time.Second))))
	before.Pending, before.Acked, before.Deadline = x, map[MemberID]bool{}, w.live().Deadline
	c := w.edges[2]
	for range 3 {
		w.round(w.edges...)
		if w.live().Committed == x {
			break
		}
	}
	w.round(c)
	w.now = w.now.Add(5 * time.Second)
	w.ask(c)
	if c.edge.Pair.Committed != x || w.edges[0].edge.Pair.Prepared != x {
		t.Fatalf("c has %v, a prepared %v", c.edge.Pair, w.edges[0].edge.Pair)
	}
	c.stopped = w.now
	before.Life = "s1"
	w.stores = append(w.stores, before)
	for range 3 {
		w.round(w.edges...)
	}
	return w, x
}

func TestRule07ALostJournalBlocks(t *testing.T) {
	w, x := afterD(t, 0)
	s := w.live()
	var blocked Blocked
	if err := s.Recover(w.now, false); !errors.As(err, &blocked) || len(blocked) != 1 || blocked[0] != (Obstacle{Why: WhyReport, Member: "c~1", Revision: blocked[0].Revision}) {
		t.Fatal(err)
	}
	if a := &w.edges[0].edge; !slices.Equal(a.Waits.Recovery, []MemberID{"c~1"}) {
		t.Errorf("a waits for %v", a.Waits)
	}
	_ = s.DeclareOff("c~1", time.Time{}, w.now)
	if err := s.Recover(w.now, false); !errors.As(err, &blocked) || len(blocked) != 1 || blocked[0].Why != WhyJournal || blocked[0].Member != "c~1" || blocked[0].Differs != Differs(s.Committed, x) {
		t.Fatal(err)
	}
	// Nobody guesses; a and b answer nothing that could be wrong, and the journal,
	// when it is found, decides.
	left, err := Replay(w.edges[2].journal)
	if err != nil {
		t.Fatal(err)
	}
	left.Generation = s.Generation
	if err := s.Report(left.Report()); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		w.round(w.edges...)
	}
	if s.Committed != x || w.edges[0].edge.Pair.Committed != x {
		t.Errorf("committed %s, want %s", s.Committed.ID, x.ID)
	}
}

func TestRule07BlindAbortIsSeen(t *testing.T) {
	w, _ := afterD(t, blindAbort)
	_ = w.live().DeclareOff("c~1", time.Time{}, w.now)
	for range 3 {
		w.round(w.edges...)
	}
	w.pass()
	if len(w.failures) == 0 {
		t.Error("an edge had answered by what is aborted, and nobody notices")
	}
}

// An edge was off in time, so the others committed without it. That it never
// prepared proves nothing while another off member's journal is missing.
func TestRule07AnOffMemberThatWasNotNeededProvesNothing(t *testing.T) {
	w, _ := afterD(t, 0)
	s := w.live()
	_ = s.DeclareOff("b~1", time.Time{}, w.now)
	_ = s.DeclareOff("c~1", time.Time{}, w.now)
	r := s.Reports["b~1"]
	r.Prepared = nil
	s.Reports["b~1"] = r
	var blocked Blocked
	if err := s.Recover(w.now, false); !errors.As(err, &blocked) || blocked[0].Member != "c~1" {
		t.Fatal(err)
	}
	// c stopped before D: then nobody had answered by it, and b may have by the old one.
	_ = s.DeclareOff("c~1", noon.Add(time.Second), w.now)
	if err := s.Recover(w.now, false); err != nil || s.Committed.ID != id(1) {
		t.Errorf("%v: %s", err, s.Committed.ID)
	}
}

func TestRule07WhatCommitsAndWhatDoesNot(t *testing.T) {
	base := &Revision{ID: id(1), Previous: id(0), Number: 2, Members: []MemberID{"a~1", "b~1"}, Fleet: fleetOf(2),
		Schedule: []Cutover{{ID: "c-0", List: lists[0].ID(), Count: 1, First: routing.Legacy}}}
	above := func(n int, on *Revision, at time.Duration) *Revision {
		x := *on
		x.ID, x.Previous, x.Number = id(n), on.ID, on.Number+1
		x.Schedule = slices.Clone(on.Schedule)
		x.Schedule[0].Turns = []routing.Turn{{At: noon.Add(at), Authority: routing.SpeakOps}}
		return &x
	}
	x := above(2, base, time.Minute)
	y := above(3, x, 2*time.Minute)
	z := above(4, base, 3*time.Minute)
	report := func(m MemberID, committed, prepared *Revision, aborted ...RevisionID) Report {
		return Report{Member: m, Committed: committed, Prepared: prepared, Aborted: aborted}
	}
	off := map[MemberID]time.Time{"b~1": {}}
	late := noon.Add(time.Minute)
	for name, c := range map[string]struct {
		stored  *Revision
		pending *Revision
		off     map[MemberID]time.Time
		reports []Report
		now     time.Time
		base    RevisionID // "" for blocked
		aborted []RevisionID
		bounded bool
	}{
		"nobody has anything":               {base, nil, nil, []Report{report("a~1", base, nil), report("b~1", base, nil)}, noon, base.ID, nil, false},
		"one member is missing":             {base, nil, nil, []Report{report("a~1", base, nil)}, noon, "", nil, false},
		"all have it prepared":              {base, x, nil, []Report{report("a~1", base, x), report("b~1", base, x)}, late, x.ID, nil, false},
		"one has not":                       {base, x, nil, []Report{report("a~1", base, x), report("b~1", base, nil)}, noon, base.ID, []RevisionID{x.ID}, false},
		"one knows that it is aborted":      {base, x, nil, []Report{report("a~1", base, x), report("b~1", base, nil, x.ID)}, noon, base.ID, []RevisionID{x.ID}, false},
		"one learned that it is committed":  {base, x, nil, []Report{report("a~1", base, x), report("b~1", x, nil)}, late, x.ID, nil, false},
		"the store lost two":                {base, nil, nil, []Report{report("a~1", y, nil), report("b~1", x, y)}, late, y.ID, nil, false},
		"an ancestor is pending":            {base, x, nil, []Report{report("a~1", y, nil), report("b~1", y, nil)}, late, y.ID, nil, false},
		"pending, and nobody heard of it":   {base, x, nil, []Report{report("a~1", base, nil), report("b~1", base, nil)}, noon, base.ID, []RevisionID{x.ID}, false},
		"off, and it is early":              {base, x, off, []Report{report("a~1", base, x)}, noon, x.ID, nil, true},
		"off, and it is late":               {base, x, off, []Report{report("a~1", base, x)}, late, "", nil, false},
		"off, stopped in time":              {base, x, map[MemberID]time.Time{"b~1": noon}, []Report{report("a~1", base, x)}, late, x.ID, nil, false},
		"off, its journal has it":           {base, x, off, []Report{report("a~1", base, x), report("b~1", base, x)}, late, x.ID, nil, false},
		"off, its journal has it not":       {base, x, off, []Report{report("a~1", base, x), report("b~1", base, nil)}, late, base.ID, []RevisionID{x.ID}, false},
		"a joiner has heard of another":     {base, nil, nil, []Report{report("0~1", x, y), report("a~1", z, nil, x.ID), report("b~1", base, z, x.ID)}, late, z.ID, []RevisionID{x.ID, y.ID}, false},
		"a joiner has heard of what is not": {base, nil, nil, []Report{report("0~1", x, nil), report("a~1", base, nil, x.ID), report("b~1", base, nil, x.ID)}, late, base.ID, []RevisionID{x.ID}, false},
		"nobody is left":                    {base, x, map[MemberID]time.Time{"a~1": {}, "b~1": {}}, []Report{report("a~1", base, x), report("b~1", base, x)}, noon, "", nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			b := Barrier{Committed: c.stored, Pending: c.pending, Off: c.off, Reports: map[MemberID]Report{}}
			for _, r := range c.reports {
				b.Reports[r.Member] = r
			}
			v, blocked := b.Verdict(c.now)
			if (len(blocked) > 0) != (c.base == "") || v.Base.id() != c.base {
				t.Fatalf("%v, base %s", blocked, v.Base.id())
			}
			for _, id := range []RevisionID{x.ID, y.ID} {
				if _, aborted := v.Aborted[id]; aborted != slices.Contains(c.aborted, id) {
					t.Errorf("%s aborted: %v", id, aborted)
				}
			}
			if v.Before.IsZero() == c.bounded {
				t.Errorf("bounded by %v", v.Before)
			}
		})
	}
}

// A joiner prepared its joining in a generation that is lost, and nobody waited
// for it. The store has never heard of the revision, and says so in a way that
// is evidence.
func TestRule07AJoinerLeftBehindLearnsTheOutcome(t *testing.T) {
	w := newWorld(1, options{edges: 2, members: 1, guard: 2 * time.Second, exact: true})
	w.healing = true
	a, b := w.edges[0], w.edges[1]
	snapshot := w.live().clone()
	for range 3 {
		w.round(b)
	}
	joining := b.edge.Pair.Prepared
	if joining == nil || !joining.Has("b~1") {
		t.Fatalf("%+v", b.edge.Pair)
	}
	snapshot.Life = "s1"
	w.stores = append(w.stores, snapshot)
	for range 4 {
		w.round(a)
	}
	if !w.live().Recovered {
		t.Fatal("a alone is all the members")
	}
	for range 8 {
		w.round(b, a)
	}
	if !b.serving || b.edge.Pair.Committed.ID == joining.ID || len(w.failures) > 0 {
		t.Errorf("b has %s: %v", b.edge.Pair.Committed.ID, w.failures)
	}
}

// A joiner is to join on a revision that one member's word committed, and the store
// loses it before that member knows. The journal of a member that is off says that
// it must be aborted; the joiner, whom nobody waits for, has heard that it holds.
func TestRule07WhatAJoinerHasHeardIsForgotten(t *testing.T) {
	w := newWorld(1, options{edges: 3, members: 2, guard: 2 * time.Second, exact: true})
	w.healing = true
	a, b, c := w.edges[0], w.edges[1], w.edges[2]
	s := w.live()
	lost := s.clone()
	lost.Life = "s1"
	x := w.proposes(t, w.next(steps(w.now.Add(5*time.Second))))
	b.stopped = w.now
	_ = s.DeclareOff("b~1", time.Time{}, w.now)
	for a.edge.Pair.Prepared == nil {
		w.round(a)
	}
	if s.Committed != x || a.edge.Pair.Committed == x {
		t.Fatalf("the store has %s, a %s", s.Committed.ID, a.edge.Pair.Committed.ID)
	}
	for range 3 {
		w.round(c)
	}
	if c.edge.Pair.Committed != x || !c.edge.Pair.Prepared.Has("c~1") {
		t.Fatalf("c joins by %+v", c.edge.Pair)
	}
	w.now = w.now.Add(6 * time.Second)
	w.stores = append(w.stores, lost)
	for range 4 {
		w.round(a)
	}
	if lost.Recovered {
		t.Fatal("recovered without b")
	}
	_ = lost.DeclareOff("b~1", time.Time{}, w.now)
	left, err := Replay(b.journal)
	if err != nil {
		t.Fatal(err)
	}
	left.Generation = lost.Generation
	_ = lost.Report(left.Report())
	for range 4 {
		w.round(a)
	}
	if _, aborted := lost.Aborted[x.ID]; !aborted || lost.Committed.Number != x.Number-1 {
		t.Fatalf("recovered to %s", lost.Committed.ID)
	}
	for range 8 {
		w.round(c, a)
	}
	if !c.serving || c.edge.Pair.Committed.ID != lost.Committed.ID || len(w.failures) > 0 {
		t.Errorf("c has %+v, the store %s: %v", c.edge.Pair, lost.Committed.ID, w.failures)
	}
}

// An abort may be that of a store which was left behind, and who knows of it may have
// been declared off in a life of the store that is lost: a recovery without either may
// have committed the revision since. Nor is it proof that somebody never prepared it.
func TestRule07ANoIsNotTheLastWord(t *testing.T) {
	base := &Revision{ID: id(1), Previous: id(0), Number: 2, Members: []MemberID{"a~1", "b~1", "c~1"}, Fleet: fleetOf(2),
		Schedule: []Cutover{{ID: "c-0", List: lists[0].ID(), Count: 1, First: routing.Legacy}}}
	x := *base
	x.ID, x.Previous, x.Number = id(2), base.ID, 3
	x.Schedule = slices.Clone(base.Schedule)
	steps(noon.Add(time.Minute))(&x)
	live := Report{Member: "a~1", Committed: base, Prepared: &x}
	told := Report{Member: "b~1", Committed: base, Aborted: []RevisionID{x.ID}}
	unknown, stopped := time.Time{}, noon
	for name, c := range map[string]struct {
		stored  map[RevisionID]uint64
		c       time.Time // since when c is off
		reports []Report
		late    bool
		base    RevisionID // "" for blocked
		aborts  bool
	}{
		"who is off tells, and of another nothing is known":     {nil, unknown, []Report{live, told}, true, "", false},
		"who is off tells, and another had learned better":      {nil, unknown, []Report{live, told, {Member: "c~1", Committed: &x}}, true, x.ID, false},
		"who is off tells, and another had not":                 {nil, unknown, []Report{live, told, {Member: "c~1", Committed: base, Prepared: &x}}, true, base.ID, true},
		"who is off tells, and another stopped before":          {nil, stopped, []Report{live, told}, true, base.ID, true},
		"who is off tells, and it is early":                     {nil, unknown, []Report{live, told}, false, base.ID, true},
		"the store tells, and of one nothing is known":          {map[RevisionID]uint64{x.ID: 3}, unknown, []Report{live, {Member: "b~1", Committed: base, Prepared: &x}}, true, "", false},
		"the store tells, and one had learned better":           {map[RevisionID]uint64{x.ID: 3}, unknown, []Report{live, {Member: "b~1", Committed: &x}}, true, x.ID, false},
		"who lives never prepared, and of one nothing is known": {nil, unknown, []Report{{Member: "a~1", Committed: base}, {Member: "b~1", Committed: base, Prepared: &x}}, true, "", false},
		"who lives never prepared, and one stopped before":      {nil, stopped, []Report{{Member: "a~1", Committed: base}, {Member: "b~1", Committed: base, Prepared: &x}}, true, base.ID, true},
		"who lives tells, and of one nothing is known":          {nil, unknown, []Report{{Member: "a~1", Committed: base, Aborted: []RevisionID{x.ID}}, {Member: "b~1", Committed: base, Prepared: &x}}, true, "", false},
		"who lives tells, and one stopped before":               {nil, stopped, []Report{{Member: "a~1", Committed: base, Aborted: []RevisionID{x.ID}}, {Member: "b~1", Committed: base, Prepared: &x}}, true, base.ID, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := &Store{Life: "s0", Begun: "s0", Generation: Generation{2, "n"}, Committed: base, Aborted: c.stored, Off: map[MemberID]time.Time{"b~1": {}, "c~1": c.c}}
			now := noon
			if c.late {
				now = noon.Add(2 * time.Minute)
			}
			for _, r := range c.reports {
				r.Generation = s.Generation
				if err := s.Report(r); err != nil {
					t.Fatal(err)
				}
			}
			err := s.Recover(now, false)
			if (err != nil) != (c.base == "") || err == nil && s.Committed.ID != c.base {
				t.Fatalf("%v, committed %s", err, s.Committed.ID)
			}
			if _, aborted := s.Aborted[x.ID]; err == nil && aborted != c.aborts {
				t.Errorf("aborted: %v", aborted)
			}
		})
	}
}
