package order

import (
	"testing"

	"github.com/speakops/sipedge/routing"
)

// walk is one place a port and its fleet can be in, as far as steps can tell
// places apart.
type walk struct {
	state, previous     routing.PortingState
	foc                 string
	valid, loa          bool
	rejected, jeo, conf bool
	cancel              bool
	live                Live
	before              Live
	activated           bool
	waiting             int
	armed, arming       bool
}

func (w *world) place() walk {
	o := &w.o
	k := walk{state: o.PortingState, previous: o.Previous, valid: o.Validation.State == Validated, loa: o.LOA != nil,
		rejected: o.exception(Rejection) >= 0, jeo: o.exception(JeopardyOf) >= 0, conf: o.exception(ConflictOf) >= 0,
		cancel: o.Cancel != nil, activated: !o.Activated.IsZero(), waiting: len(o.Waiting), armed: w.armed != "", arming: w.arming != ""}
	if o.FOC != nil {
		k.foc = o.FOC.Version
	}
	if o.Live != nil {
		k.live = *o.Live
		if o.Live.Before != nil {
			k.before, k.live.Before = *o.Live.Before, nil
		}
	}
	return k
}

var dueWall = wall("2026-03-03T11:00 America/Chicago")

// rename gives revisions the names of their parts, so that places are finite.
func (w *world) rename() {
	w.revision = 0
	if w.o.Live == nil {
		return
	}
	live := *w.o.Live
	if live.Before != nil {
		before := *live.Before
		before.Revision, live.Before = "before", &before
	}
	if w.armed == live.Revision {
		w.armed = "live"
	}
	if w.arming == live.Revision {
		w.arming = "live"
	}
	live.Revision, w.o.Live = "live", &live
}

// said is everything the world and the fleet can say in a place: right, wrong,
// twice and late.
func (w *world) said() []Event {
	due := func(v string) FOC { return FOC{Version: v, Due: dueWall, Received: w.now} }
	all := []Event{
		AccountChecked{State: Validated}, AccountChecked{State: Failed}, LOASigned{LOA{Version: "1", Signed: w.now}},
		FOCReceived{due("v1")}, FOCReceived{due("v2")},
		CancelAsked{"anna", "x"}, CancelWithdrawn{}, CancelConfirmed{}, ActivationSeen{}, ActivationSeen{w.o.Numbers[:1]}, SnapbackAsked{"anna", "x"},
		ArmFailed{w.arming, "x"}, ArmFailed{"late", "x"}, ArmCommitted{w.arming}, ArmCommitted{"late"}, ArmCommitted{w.armed},
		CutoverCancelled{"fresh", w.armed}, CutoverCancelled{"fresh", "late"}, CancelFailed{"x"},
		CutoverFlipped{w.armed, w.now}, CutoverFlipped{"late", w.now}, CutoverRolledBack{"fresh", "live", w.now}, CutoverRolledBack{"fresh", "late", w.now}, CutoverSettled{},
	}
	for _, k := range []ExceptionKind{Rejection, JeopardyOf, ConflictOf} {
		all = append(all, ExceptionRaised{Exception{Kind: k, Reason: "x", Since: w.now}}, ExceptionCleared{Kind: k, Side: Losing, Reason: "x"})
	}
	for _, p := range []Purpose{Arrive, Return, Depart} {
		all = append(all, ArmStarted{"c-1", "fresh", p, "v1"}, ArmStarted{"c-1", "fresh", p, "v2"})
	}
	// Of the others, routing's own test visits every pair.
	for _, s := range append(routing.NextStates(w.o.NumberType, w.o.PortingState), routing.Armed, routing.Activating, routing.Ported, routing.Draft) {
		all = append(all, Advanced{s})
	}
	return all
}

// Every place that can be reached at all is visited, by every event from every
// place: no step there is illegal, and none meets an armed revision with a state
// that suspends it.
func TestNothingIllegalIsReachable(t *testing.T) {
	start := func(kind Kind, numbers routing.NumberType, state routing.PortingState) *world {
		w := &world{o: goodOrder(), now: at("2026-03-02T15:00:00Z")}
		w.o.Kind, w.o.NumberType, w.o.PortingState = kind, numbers, state
		w.o.Numbers, w.o.BillingNumber = Numbers{12025550100, 12025550101}, 0
		if numbers == routing.TollFree {
			w.o.Numbers = Numbers{18005550100, 18005550101}
		}
		w.o.FOC, w.o.LOA, w.o.Validation = nil, nil, Validation{}
		return w
	}
	for name, c := range map[string]struct {
		from   *world
		states int // that such a port can be in
	}{
		"local":     {start(PortIn, routing.Local, routing.Draft), 16},
		"toll free": {start(PortIn, routing.TollFree, routing.Draft), 11},
		"leaving":   {start(PortOut, routing.Local, routing.Settled), 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seen, queue := map[walk]bool{c.from.place(): true}, []*world{c.from}
			states, cancels, despite := map[routing.PortingState]bool{}, 0, 0
			for steps := 0; len(queue) > 0; queue = queue[1:] {
				for _, ev := range queue[0].said() {
					w := *queue[0]
					ev, ok := w.real(ev)
					if !ok {
						continue
					}
					next, effects, err := w.o.Step(ev, w.now)
					if steps++; err != nil {
						continue
					}
					before := w.o
					w.o = next
					w.follow(ev)
					for _, e := range effects {
						switch e := e.(type) {
						case CancelCutover:
							cancels++
						case Page:
							if e.What == "cutover.flipped_despite" {
								despite++
							}
						}
					}
					w.rename()
					w.o.Revision = 1
					place := w.place()
					w.path(t, before, ev, effects)
					if seen[place] {
						continue
					}
					w.judge(t, before, ev, effects)
					seen[place], states[w.o.PortingState] = true, true
					queue = append(queue, &w)
				}
			}
			t.Logf("%d places, %d states, %d cancels, %d too late", len(seen), len(states), cancels, despite)
			if len(states) != c.states || cancels == 0 || despite == 0 {
				t.Errorf("%d states, %d cancels, %d flips that came too late: %v", len(states), cancels, despite, states)
			}
		})
	}
}
