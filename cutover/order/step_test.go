package order

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/speakops/sipedge/cutover"
	"github.com/speakops/sipedge/routing"
)

// world is a fleet beside an order, told by nobody but the order's effects: it
// knows what is armed, and cancels only when asked.
type world struct {
	o        Order
	now      time.Time
	revision int
	armed    cutover.RevisionID // the edges are going to flip by this; "" for nothing
	arming   cutover.RevisionID
}

func (w *world) next() cutover.RevisionID {
	w.revision++
	return cutover.RevisionID(fmt.Sprintf("r%d", w.revision))
}

// event draws anything that can be said to an order: what fits this fleet, what
// is late, doubled or wrong.
func (w *world) event(t *rapid.T) Event {
	stale := cutover.RevisionID(fmt.Sprintf("r%d", rapid.IntRange(0, w.revision).Draw(t, "stale")))
	states := []routing.PortingState{}
	for s := routing.NoPort; ; s++ {
		if _, err := s.MarshalText(); err != nil {
			break
		}
		states = append(states, s)
	}
	if next := routing.NextStates(w.o.NumberType, w.o.PortingState); len(next) > 0 && rapid.Bool().Draw(t, "sensible") {
		states = next
	}
	version := rapid.SampledFrom([]string{"v1", "v2", "v3"}).Draw(t, "version")
	purpose := rapid.SampledFrom([]Purpose{Arrive, Arrive, Return, Depart}).Draw(t, "purpose")
	in := func(d time.Duration) Wall {
		at := w.now.Add(d).Truncate(time.Second)
		return Wall{at.Format(wallForm), "UTC", at}
	}
	if w.o.FOC != nil && rapid.Bool().Draw(t, "in force") {
		version = w.o.FOC.Version
	}
	foc := FOC{Version: version, Due: in(time.Hour)}
	kind := rapid.SampledFrom([]ExceptionKind{Rejection, JeopardyOf, ConflictOf}).Draw(t, "kind")
	return rapid.SampledFrom([]Event{
		Advanced{rapid.SampledFrom(states).Draw(t, "to")}, Advanced{rapid.SampledFrom(states).Draw(t, "to")},
		AccountChecked{State: Validated}, AccountChecked{State: Validated}, AccountChecked{State: Failed},
		LOASigned{LOA{Version: version, Signed: w.now}}, FOCReceived{foc}, FOCReceived{foc},
		ExceptionRaised{Exception{Kind: kind, Reason: "x"}},
		ExceptionCleared{Kind: kind, Side: Losing, Reason: "x"}, ExceptionCleared{Kind: kind, Side: Gaining, Reason: "x"},
		CancelAsked{"anna", "x"}, CancelWithdrawn{}, CancelConfirmed{},
		ActivationSeen{}, ActivationSeen{w.o.Numbers[:1]}, SnapbackAsked{"anna", "x"},
		ArmStarted{"c-1", "fresh", purpose, version}, ArmStarted{"c-1", "fresh", purpose, version},
		ArmFailed{w.arming, "x"}, ArmCommitted{w.arming}, ArmCommitted{w.arming}, ArmCommitted{stale}, ArmFailed{stale, "x"},
		CutoverCancelled{"fresh", w.armed}, CutoverCancelled{"fresh", stale}, CancelFailed{"x"},
		CutoverFlipped{w.armed, w.now}, CutoverFlipped{stale, w.now}, CutoverRolledBack{"fresh", stale, w.now}, CutoverSettled{},
	}).Draw(t, "event")
}

// real says whether the fleet could have said this; what the fleet cannot say is
// not said to the order as the fleet's. Everything else anybody may say.
func (w *world) real(ev Event) (Event, bool) {
	switch ev := ev.(type) {
	case ArmStarted:
		ev.Revision = w.next()
		return ev, w.o.MayArm(ev.Cutover, ev.Purpose, ev.FOC) == nil && w.arming == ""
	case ArmCommitted:
		return ev, ev.Revision != "" && (ev.Revision == w.arming || ev.Revision == w.armed)
	case ArmFailed:
		return ev, ev.Revision != "" && ev.Revision == w.arming
	case CutoverCancelled:
		ev.Revision = w.next()
		return ev, ev.Cancels != "" && (ev.Cancels == w.armed || w.o.Live == nil || w.o.Live.Revision != ev.Cancels)
	case CutoverFlipped:
		return ev, ev.Revision != "" && (ev.Revision == w.armed || w.o.Live == nil || w.o.Live.Revision != ev.Revision)
	case CutoverRolledBack:
		ev.Revision = w.next()
		return ev, ev.Replaces != "" && w.armed == "" && w.arming == ""
	}
	return ev, true
}

// follow moves the fleet along.
func (w *world) follow(ev Event) {
	switch ev := ev.(type) {
	case ArmStarted:
		w.arming = ev.Revision
	case ArmCommitted:
		w.armed, w.arming = ev.Revision, ""
	case ArmFailed:
		w.arming = ""
	case CutoverCancelled:
		w.gone(ev.Cancels)
	case CutoverFlipped:
		w.gone(ev.Revision)
	}
}

// Whatever is said to an order in whatever order: every step of its state is
// legal, and no state that suspends a flip coexists with one the edges are going
// to make.
func TestSuspendedNeverMeetsArmed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &world{o: goodOrder(), now: at("2026-03-02T15:00:00Z")}
		w.o.Kind = rapid.SampledFrom([]Kind{PortIn, PortIn, PortIn, PortOut}).Draw(t, "order")
		w.o.NumberType = rapid.SampledFrom([]routing.NumberType{routing.Local, routing.Mobile, routing.TollFree}).Draw(t, "type")
		if w.o.NumberType == routing.TollFree {
			w.o.Numbers, w.o.BillingNumber = Numbers{18005550100, 18005550101}, 0
			w.o.PortingState = routing.Released
		}
		switch {
		case w.o.Kind == PortOut:
			w.o.PortingState = routing.Settled
		case rapid.Bool().Draw(t, "from the beginning"):
			w.o.PortingState, w.o.Standing.FOC, w.o.LOA, w.o.Validation = routing.Draft, nil, nil, Validation{}
		}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			w.now = w.now.Add(time.Duration(rapid.IntRange(0, 200).Draw(t, "minutes")) * time.Minute)
			ev, ok := w.real(w.event(t))
			if !ok {
				continue
			}
			before := w.o
			frozen, _ := Encode(before)
			next, effects, err := w.o.Step(ev, w.now)
			if still, _ := Encode(before); !bytes.Equal(frozen, still) {
				t.Fatalf("%T changed the order it was said to", ev)
			}
			if err != nil {
				if len(effects) != 0 {
					t.Fatalf("%T is refused with effects", ev)
				}
				continue
			}
			w.o = next
			w.follow(ev)
			w.judge(t, before, ev, effects)
		}
	})
}

// gone takes a step off the edges; one that comes late is about an older one.
func (w *world) gone(revision cutover.RevisionID) {
	if w.armed == revision {
		w.armed = ""
	}
}

// judge says what is wrong after a step.
func (w *world) judge(t interface{ Fatalf(string, ...any) }, before Order, ev Event, effects []Effect) {
	if w.armed != "" && w.o.suspended() {
		t.Fatalf("%T: %s while the edges are going to flip by %s", ev, w.o.PortingState, w.armed)
	}
	if err := w.o.Check(); err != nil {
		t.Fatalf("%T left an order that is none: %v", ev, err)
	}
	if w.armed != "" && !w.o.Live.flips() {
		t.Fatalf("%T: the edges are going to flip by %s, and the order does not know: %+v", ev, w.armed, w.o.Live)
	}
	w.path(t, before, ev, effects)
	if w.o.PortingState == routing.Armed && !w.o.Live.flips() {
		t.Fatalf("%T: armed with nothing live", ev)
	}
	// A fact that breaks what a flip rests on is followed by the wish to cancel.
	s := stepping{o: w.o}
	if w.o.Live.flips() && s.broken() != "" && w.o.Live.Phase != Cancelling {
		t.Fatalf("%T: %s, and nobody cancels", ev, s.broken())
	}
	// What was stored is what is read.
	text, err := Encode(&w.o)
	if err != nil {
		t.Fatalf("%v", err)
	}
	again, err := DecodeOrder(text, nil)
	if err != nil {
		t.Fatalf("%T: %s\n%v", ev, text, err)
	}
	if second, _ := Encode(&again); !bytes.Equal(text, second) {
		t.Fatalf("%s\n%s", text, second)
	}
}

// path says what is wrong with what is written.
func (w *world) path(t interface{ Fatalf(string, ...any) }, before Order, ev Event, effects []Effect) {
	written := []routing.PortingState{before.PortingState}
	for i, e := range effects {
		switch e := e.(type) {
		case CancelCutover:
			if i != 0 || w.armed == "" && w.arming == "" {
				t.Fatalf("%T: a cancel at place %d, armed %q", ev, i, w.armed)
			}
		case SetState:
			written = e.Path
			if len(e.Path) < 2 || e.Path[0] != before.PortingState {
				t.Fatalf("%T: path %v from %s", ev, e.Path, before.PortingState)
			}
		}
	}
	for i, to := range written[1:] {
		move := routing.Move{NumberType: w.o.NumberType, From: written[i], To: to, FOC: "any"}
		if err := move.Check(); err != nil {
			t.Fatalf("%T: %v", ev, err)
		}
	}
	if written[len(written)-1] != w.o.PortingState {
		t.Fatalf("%T: %v is written, and the state is %s", ev, written, w.o.PortingState)
	}
}

// Events travel as text and come back the same.
func TestEventsTravel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &world{o: goodOrder(), now: at("2026-03-02T15:00:00Z"), arming: "r1", armed: "r2"}
		ev := w.event(t)
		text, err := EncodeEvent(ev)
		if err != nil {
			t.Fatal(err)
		}
		back, err := DecodeEvent(text, nil)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if again, _ := EncodeEvent(back); !bytes.Equal(again, text) {
			t.Fatalf("%s\n%s", text, again)
		}
	})
	kinds := 0
	for name, ev := range events {
		if EventName(ev) != name {
			t.Errorf("%T is called %q, not %q", ev, EventName(ev), name)
		}
		kinds++
	}
	if kinds != 19 {
		t.Errorf("%d kinds of event", kinds)
	}
}

func TestActivationIsCounted(t *testing.T) {
	o := goodOrder()
	o.Live = &Live{Cutover: "c-1", Purpose: Arrive, FOC: "v1", Revision: "r1", Phase: Flipped}
	o.PortingState = routing.Activating
	now := at("2026-03-03T17:00:00Z")
	for i, want := range []routing.PortingState{routing.PartiallyActive, routing.PartiallyActive, routing.Ported} {
		next, _, err := o.Step(ActivationSeen{Numbers{o.Numbers[2-i]}}, now)
		if err != nil {
			t.Fatal(err)
		}
		if next.PortingState != want || len(next.Waiting) != 2-i || !next.Activated.Equal(now) {
			t.Fatalf("after %d: %s, waiting %v", i+1, next.PortingState, next.Waiting)
		}
		if slices.Contains(next.Waiting, o.Numbers[2-i]) {
			t.Fatal("an activated number waits")
		}
		o = next
	}
}
