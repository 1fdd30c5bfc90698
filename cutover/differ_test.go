package cutover

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/speakops/sipedge/routing"
)

// instants are every turn of both, and a moment before and after each.
func instants(revisions ...*Revision) []time.Time {
	all := []time.Time{noon.Add(-time.Hour), noon.Add(time.Hour)}
	for _, r := range revisions {
		for _, c := range r.Schedule {
			for _, turn := range c.Turns {
				all = append(all, turn.At.Add(-time.Microsecond), turn.At, turn.At.Add(time.Microsecond))
			}
		}
	}
	slices.SortFunc(all, time.Time.Compare)
	return all
}

// answer is what r says of a cutover at t, its record where r has none of it.
func (r *Revision) answer(id ID, record routing.RoutingAuthority, t time.Time) routing.RoutingAuthority {
	if c := r.Cutover(id); c != nil {
		return c.At(t)
	}
	return record
}

// firstDifference walks through time and finds where two revisions part, by the
// rules of Differs: a record says what a cutover begins with, or came to.
func firstDifference(prev, next *Revision) time.Time {
	for _, t := range instants(prev, next) {
		for _, c := range next.Schedule {
			if prev.answer(c.ID, c.First, t) != c.At(t) {
				return t
			}
		}
	}
	return Never
}

func drawTwo(t *rapid.T) (prev, next *Revision) {
	prev, next = drawRevision(t), drawRevision(t)
	for i := range next.Schedule { // often a change of the same, as an operator makes it
		c := &next.Schedule[i]
		was := prev.Cutover(c.ID)
		if was == nil || rapid.Bool().Draw(t, "anew") {
			continue
		}
		c.Turns = slices.Clone(was.Turns[:rapid.IntRange(0, len(was.Turns)).Draw(t, "kept")])
		if rapid.Bool().Draw(t, "and another") {
			c.Turns = append(c.Turns, routing.Turn{At: noon.Add(time.Hour / 2), Authority: routing.RoutingAuthority((int(c.Final()) + 1) % 3)})
		}
	}
	return prev, next
}

// History never changes: two revisions answer alike at every instant before D,
// and differently at D.
func TestHistoryIsKeptBeforeD(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		prev, next := drawTwo(t)
		if d, want := Differs(prev, next), firstDifference(prev, next); !d.Equal(want) {
			t.Fatalf("D is %v, and they part at %v\n%+v\n%+v", d, want, prev.Schedule, next.Schedule)
		}
		behind := Behind(prev, next)
		for _, c := range Dropped(prev, next) {
			for _, at := range instants(prev) {
				if !at.Before(behind) && c.At(at) != c.Final() {
					t.Fatalf("%s is not over at %v", c.ID, behind)
				}
			}
		}
	})
}

// A floating revision can be filled with exactly the instants in its room, and
// D is that instant.
func TestRoomOfAFloatingRevision(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		prev, next := drawTwo(t)
		floats := false
		for i := range next.Schedule {
			if c := &next.Schedule[i]; rapid.Bool().Draw(t, "floats") && len(c.Turns) > 0 {
				c.Turns = slices.Clone(c.Turns)
				c.Turns[len(c.Turns)-1].At = time.Time{}
				floats = true
			}
		}
		if !floats {
			return
		}
		after, until := Room(prev, next)
		at := noon.Add(time.Duration(rapid.IntRange(-2_000_000, 30_000_000).Draw(t, "at")) * time.Microsecond)
		filled := next.Filled(at)
		fits := filled.Validate() == nil && Differs(prev, filled).Equal(at)
		if room := at.After(after) && before(at, until); room != fits {
			t.Fatalf("%v in (%v, %v): %v, but it fits: %v, D %v", at, after, until, room, fits, Differs(prev, filled))
		}
		if filled.Floats() || !next.Floats() {
			t.Fatal("filling changes the proposal, or leaves something open")
		}
	})
}

// The book says of every number what the revisions and the floors say.
func TestTheBookSaysWhatTheRevisionsSay(t *testing.T) {
	of := Lists(func(id ListID) (List, bool) {
		for i := range 3 {
			if l := list(i); l.ID() == id {
				return l, true
			}
		}
		return List{}, false
	})
	rapid.Check(t, func(t *rapid.T) {
		var p Pair
		if rapid.Bool().Draw(t, "committed") {
			p.Committed = drawRevision(t)
		}
		if rapid.Bool().Draw(t, "prepared") {
			p.Prepared = drawRevision(t)
		}
		var settled []Floor
		for i := range 3 {
			if rapid.Bool().Draw(t, "settled") {
				settled = append(settled, Floor{"old", list(i).ID(), routing.RoutingAuthority(rapid.IntRange(0, 2).Draw(t, "as"))})
			}
		}
		floors, err := CompileFloors(settled, of)
		if err != nil {
			t.Fatal(err)
		}
		b, err := Compile(p, floors, of)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 4 { // the numbers of list 3 are in nothing
			id, n := ID(fmt.Sprintf("c-%d", i)), list(i).At(rapid.IntRange(0, 9).Draw(t, "number"))
			s, found := b.Schedule(n)
			committed, prepared := p.Committed.Cutover(id), p.Prepared.Cutover(id)
			live := committed != nil || prepared != nil
			at := slices.IndexFunc(settled, func(f Floor) bool { return f.List == list(i).ID() })
			if found != (live || at >= 0) || s.Floor.Settled != (at >= 0) || s.Floor.Settled && s.Floor.Authority != settled[at].Authority {
				t.Fatalf("%s: %v %+v", n, found, s)
			}
			if s.Open != (live && p.Prepared != nil) || (s.Committed != nil) != (committed != nil) || (s.Prepared != nil) != (prepared != nil) {
				t.Fatalf("%s: %+v of %+v", n, s, p)
			}
			for _, at := range instants(drawRevision(t)) {
				for line, c := range map[*routing.Timeline]*Cutover{s.Committed: committed, s.Prepared: prepared} {
					if line == nil {
						continue
					}
					if got, sure := line.During(routing.Exactly(at)); !sure || got != c.At(at) {
						t.Fatalf("%s at %v: %s, want %s", n, at, got, c.At(at))
					}
				}
			}
		}
	})
}

func TestALookupAllocatesNothing(t *testing.T) {
	l := list(0)
	r := &Revision{Number: 2, Schedule: []Cutover{{ID: "c", List: l.ID(), Count: l.Len(), First: routing.Legacy}}}
	b, err := Compile(Pair{Committed: r}, nil, func(ListID) (List, bool) { return l, true })
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() {
		if _, live := b.Schedule(l.At(3)); !live {
			t.Fatal("not found")
		}
		if _, live := b.Schedule(list3); live {
			t.Fatal("found")
		}
		if _, live := (*Book)(nil).Schedule(list3); live {
			t.Fatal("found in none")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

var list3 = list(3).At(0)

// A number can go from one cutover to another in one revision.
func TestANumberBetweenTwoCutovers(t *testing.T) {
	l := list(0)
	line := func(id ID, turns ...routing.Turn) []Cutover {
		return []Cutover{{ID: id, List: l.ID(), Count: l.Len(), First: routing.Legacy, Turns: turns}}
	}
	p := Pair{&Revision{Number: 2, Schedule: line("c-1")}, &Revision{Number: 3, Schedule: line("c-2", routing.Turn{At: noon, Authority: routing.SpeakOps})}}
	b, err := Compile(p, nil, func(ListID) (List, bool) { return l, true })
	if err != nil {
		t.Fatal(err)
	}
	s, _ := b.Schedule(l.At(0))
	if !s.Open || s.Committed.Revision() != 2 || s.Prepared.Revision() != 3 {
		t.Errorf("%+v", s)
	}
}

func BenchmarkBook(b *testing.B) {
	var numbers []routing.PublicNumber
	for i := range 100_000 {
		numbers = append(numbers, routing.PublicNumber(12020000000+7*i))
	}
	l, err := NewList(numbers)
	if err != nil {
		b.Fatal(err)
	}
	r := &Revision{Number: 2, Schedule: []Cutover{{ID: "c", List: l.ID(), Count: l.Len(), First: routing.Legacy}}}
	of := Lists(func(ListID) (List, bool) { return l, true })
	b.Run("compile", func(b *testing.B) {
		for b.Loop() {
			if _, err := Compile(Pair{Committed: r}, nil, of); err != nil {
				b.Fatal(err)
			}
		}
	})
	book, err := Compile(Pair{Committed: r}, nil, of)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("lookup", func(b *testing.B) {
		i := 0
		for b.Loop() {
			i = (i + 7919) % len(numbers)
			book.Schedule(numbers[i] + routing.PublicNumber(i&1))
		}
	})
}
