package routing

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Between two turnings nothing changes, and at each the answer is the one that
// was foretold.
func TestOutlook(t *testing.T) {
	turned := 0
	rapid.Check(t, func(t *rapid.T) {
		w, n := drawWorld(t)
		at, call := drawInterval(t), drawCall(t)
		call.To = n.PublicNumber
		outlook := Outlook(w, at, call)
		turned += len(outlook)
		before := Decide(w, at, call)
		last := at.Mid()
		for i, turning := range outlook {
			// Of what lies on a turning, the earliest is just behind it.
			then := Interval{turning.At.Add(-(at.Width() - at.Width()/2)), turning.At.Add(at.Width() / 2)}
			if got := Decide(w, then, call); got.String() != turning.Decision.String() {
				t.Fatalf("turning %d at %s: %s was foretold, %s is decided", i, turning.At, turning.Decision, got)
			}
			if turning.Decision.String() == before.String() {
				t.Fatalf("turning %d at %s changes nothing: %s", i, turning.At, before)
			}
			if !turning.At.After(last) && i > 0 {
				t.Fatalf("turning %d at %s is not after %s", i, turning.At, last)
			}
			before, last = turning.Decision, turning.At
		}
		// Long after everything the last word holds.
		far := Interval{at.Earliest.Add(1000 * time.Hour), at.Latest.Add(1000 * time.Hour)}
		if got := Decide(forever{w, at}, far, call); got.String() != before.String() && got.Because != TableStale {
			t.Fatalf("in the end %s, foretold was %s", got, before)
		}
	})
	if turned == 0 {
		t.Error("no world had a turning")
	}
}

// forever is a world whose table does not age.
type forever struct {
	*World
	at Interval
}

func (f forever) Stale(Interval) bool { return f.World.Stale(f.at) }

func TestEveryReasonHasAWayOut(t *testing.T) {
	for _, b := range Reasons() {
		if b.Otherwise() == "" {
			t.Errorf("%s: nothing says what would change it", b)
		}
	}
	for b := range otherwise {
		if !slices.Contains(Reasons(), b) {
			t.Errorf("%s is no reason", b)
		}
	}
}

// An override that forces legacy hides the timeline, and yet its step matters:
// from then on the network brings the number to us, and a route that dials it
// over the PSTN would only turn in a circle.
func TestOutlookSeesAStepBehindAnOverride(t *testing.T) {
	now := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	cut := now.Add(time.Hour)
	line, err := NewTimeline(7, Legacy, Turn{cut, SpeakOps})
	if err != nil {
		t.Fatal(err)
	}
	w := &World{
		Table:     &Table{},
		Legacy:    &Route{ID: "l", Authority: Legacy, Target: PSTNSameTN, Gateways: []Gateway{{ID: "l1"}}},
		Schedules: func(PublicNumber) (Schedule, bool) { return Schedule{Committed: &line}, true },
	}
	w.Table.Put(Number{PublicNumber: 12025550143, RoutingAuthority: Legacy, PortingState: Armed, Revision: 1,
		Override: Override{ForceLegacy, now.Add(-time.Hour), now.Add(24 * time.Hour), "why", "who"}})
	outlook := Outlook(w, Exactly(now), Call{To: 12025550143})
	if len(outlook) == 0 || !outlook[0].At.Equal(cut) || outlook[0].Decision.Because != PSTNComesBack {
		t.Errorf("%+v", outlook)
	}
}
