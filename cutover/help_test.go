package cutover

import (
	"fmt"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/speakops/sipedge/routing"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// id is the nth revision id of a test.
func id(n int) RevisionID { return RevisionID(fmt.Sprintf("%032x", n)) }

// list is the nth list of a test: ten numbers, none in another list.
func list(n int) List {
	var numbers []routing.PublicNumber
	for i := range 10 {
		numbers = append(numbers, routing.PublicNumber(12025550000+10*n+i))
	}
	l, err := NewList(numbers)
	if err != nil {
		panic(err)
	}
	return l
}

// fleetOf guards that many seconds and leads by twice as many.
func fleetOf(guard int) Fleet {
	g := time.Duration(guard) * time.Second
	return Fleet{Guard: g, Lead: 2 * g, PrepareTimeout: 5 * time.Second}
}

func drawTurns(t *rapid.T, first routing.RoutingAuthority) []routing.Turn {
	var turns []routing.Turn
	at, holder := noon, first
	for range rapid.IntRange(0, 4).Draw(t, "turns") {
		at = at.Add(time.Duration(rapid.IntRange(1, 5).Draw(t, "gap")) * time.Second)
		holder = routing.RoutingAuthority((int(holder) + rapid.IntRange(1, 2).Draw(t, "to")) % 3)
		turns = append(turns, routing.Turn{At: at, Authority: holder})
	}
	return turns
}

// drawSchedule is some of three cutovers, whose numbers and beginnings are the
// same in every draw.
func drawSchedule(t *rapid.T) []Cutover {
	var all []Cutover
	for i := range 3 {
		if !rapid.Bool().Draw(t, "live") {
			continue
		}
		l := list(i)
		first := routing.RoutingAuthority(1 + i%2)
		all = append(all, Cutover{ID: ID(fmt.Sprintf("c-%d", i)), List: l.ID(), Count: l.Len(), First: first, Turns: drawTurns(t, first)})
	}
	return all
}

func drawRevision(t *rapid.T) *Revision {
	members := rapid.SliceOfNDistinct(rapid.SampledFrom([]MemberID{"a~1", "b~1", "c~1", "c~2"}), 1, 4, func(m MemberID) MemberID { return m }).Draw(t, "members")
	slices.Sort(members)
	return &Revision{ID: id(7), Previous: id(6), Number: 7, Schedule: drawSchedule(t), Members: members, Fleet: fleetOf(rapid.IntRange(1, 3).Draw(t, "guard"))}
}
