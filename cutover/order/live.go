package order

import (
	"fmt"
	"slices"
	"time"

	"github.com/speakops/sipedge/cutover"
	"github.com/speakops/sipedge/routing"
)

// fleet takes the events of the cutover.
func (s *stepping) fleet(ev Event) string {
	if started, ok := ev.(ArmStarted); ok {
		return s.arming(started)
	}
	live := s.o.Live
	if live == nil {
		return "no cutover of this order is live"
	}
	switch ev := ev.(type) {
	case ArmFailed:
		return s.armFailed(ev)
	case ArmCommitted:
		return s.armed(ev.Revision)
	case CutoverCancelled:
		return s.disarmed(ev.Cancels)
	case CancelFailed:
		if live.Phase != Cancelling {
			return "no cancellation of the cutover is under way"
		}
		s.page("cutover.cancel_failed", "cutover %s is still going to flip: %s", live.Cutover, ev.Reason)
		return ""
	case CutoverFlipped:
		return s.flipped(ev)
	case CutoverRolledBack:
		return s.rolledBack(ev)
	case CutoverSettled:
		return s.settled()
	}
	return "not an event of an order"
}

// MayArm says what keeps a cutover of that purpose, planned for that version of
// the commitment, from being armed; nil when nothing does. It is asked again by
// Step. What the fleet knows is Lint's question, not this one's.
func (o Order) MayArm(id cutover.ID, p Purpose, foc string) error {
	if reason := o.mayArm(id, p, foc); reason != "" {
		return &Refused{o.ID, EventName(ArmStarted{}), reason}
	}
	return nil
}

func (o *Order) mayArm(id cutover.ID, p Purpose, foc string) string {
	again := o.Live != nil && (o.Live.Phase == Flipped || o.Live.Phase == RolledBack)
	switch {
	case o.Live.flips():
		return fmt.Sprintf("cutover %s is %s; move or cancel it", o.Live.Cutover, o.Live.Phase)
	case again && o.Live.Cutover != id:
		return fmt.Sprintf("the numbers are still in cutover %s; the next step is one of its own, until it is settled", o.Live.Cutover)
	case (p == Depart) != (o.Kind == PortOut):
		return fmt.Sprintf("a cutover for %s does not fit an order of kind %s", p, o.Kind)
	case !slices.Contains(o.armStates(p, again), o.PortingState):
		return fmt.Sprintf("state %s is not one to arm a %s in; what is: %s", orNone(o.PortingState), p, list(spellings(o.armStates(p, again))))
	case p == Return || again:
		return ""
	}
	switch {
	case len(o.Exceptions) > 0:
		return fmt.Sprintf("%s is open: %s", o.Exceptions[0].Kind, o.Exceptions[0].Reason)
	case o.Cancel != nil:
		return "the order is to be cancelled: " + o.Cancel.Reason
	case o.FOC == nil || o.FOC.Version == "":
		return "arming needs the version of the firm order commitment the cutover rests on; send foc_received"
	case o.FOC.Version != foc:
		return fmt.Sprintf("the plan is made for commitment %s, and %s is in force; plan again", quote(foc), quote(o.FOC.Version))
	case p == Arrive && o.Validation.State != Validated:
		return "the account is not validated; send account_checked"
	case p == Arrive && o.LOA == nil:
		return "the letter of authorisation is missing; send loa_signed"
	}
	return ""
}

// armStates are the states in which a purpose may be armed; again means that
// the numbers have flipped before, in the same cutover.
func (o *Order) armStates(p Purpose, again bool) []routing.PortingState {
	tollFree := o.NumberType == routing.TollFree
	switch {
	case p == Depart:
		return []routing.PortingState{routing.PortOutPending, routing.PortedOut}
	case p == Return && tollFree:
		return []routing.PortingState{routing.ROCReversed}
	case p == Return:
		return []routing.PortingState{routing.SnapbackPending}
	case again && tollFree:
		return []routing.PortingState{routing.CPRActive}
	case again:
		return []routing.PortingState{routing.Activating, routing.PartiallyActive, routing.Ported}
	case tollFree:
		return []routing.PortingState{routing.CPRScheduled}
	}
	return []routing.PortingState{routing.FOCConfirmed}
}

func spellings(all []routing.PortingState) []string {
	words := make([]string, len(all))
	for i, st := range all {
		words[i] = st.String()
	}
	return words
}

func (s *stepping) arming(ev ArmStarted) string {
	o := &s.o
	if reason := o.mayArm(ev.Cutover, ev.Purpose, ev.FOC); reason != "" {
		return reason
	}
	live := Live{Cutover: ev.Cutover, Purpose: ev.Purpose, FOC: ev.FOC, Revision: ev.Revision, Phase: Arming, Before: o.Live}
	r := newReport()
	name(r, "revision", string(ev.Revision))
	live.check(r)
	if !r.none() {
		return r.err().Error()
	}
	o.Live = &live
	return ""
}

func (s *stepping) armFailed(ev ArmFailed) string {
	live := s.o.Live
	if live.Revision != ev.Revision || live.Phase != Arming && live.Phase != Cancelling || s.o.PortingState == routing.Armed {
		return fmt.Sprintf("revision %s is not being armed", ev.Revision)
	}
	s.o.Live = live.Before
	s.tell("cutover.arm_failed", "cutover %s was not armed: %s", live.Cutover, ev.Reason)
	return ""
}

func (s *stepping) armed(revision cutover.RevisionID) string {
	live := s.o.Live
	switch live.Phase {
	case Arming:
		if live.Revision != revision {
			return fmt.Sprintf("revision %s is not the one being armed, %s", revision, live.Revision)
		}
		live.Phase = Armed
		if s.o.PortingState == routing.FOCConfirmed {
			s.must(routing.Armed)
		}
		s.tell("cutover.armed", "cutover %s is armed", live.Cutover)
	case Armed:
		live.Revision = revision // a move
	case Cancelling: // it was committed before it could be aborted: cancel what is armed now
		live.Revision = revision
		s.effects = append(s.effects, CancelCutover{live.Cutover, "it was armed while it was being cancelled"})
	default:
		return fmt.Sprintf("cutover %s is %s", live.Cutover, live.Phase)
	}
	return ""
}

func (s *stepping) disarmed(revision cutover.RevisionID) string {
	live := s.o.Live
	switch {
	case !live.flips():
		return fmt.Sprintf("cutover %s is %s; there is nothing to cancel", live.Cutover, live.Phase)
	case live.Revision != revision:
		return fmt.Sprintf("what was cancelled is revision %s, and %s is live", revision, live.Revision)
	}
	if s.o.PortingState == routing.Armed {
		s.must(routing.FOCConfirmed)
	}
	s.o.Live = live.Before
	s.tell("cutover.cancelled", "cutover %s is cancelled", live.Cutover)
	return ""
}

// flipped is the instant behind for certain. Whatever was to stop it came too
// late, and somebody must know.
func (s *stepping) flipped(ev CutoverFlipped) string {
	o := &s.o
	live := o.Live
	at := ev.At.UTC().Format(time.RFC3339Nano)
	switch {
	case !live.flips():
		return fmt.Sprintf("cutover %s is %s already", live.Cutover, live.Phase)
	case ev.At.IsZero():
		return "at is missing: when was it?"
	case live.Revision != ev.Revision:
		return fmt.Sprintf("what flipped is revision %s, and %s is live", ev.Revision, live.Revision)
	}
	if why := s.broken(); why != "" {
		s.page("cutover.flipped_despite", "cutover %s flipped at %s before it could be cancelled (%s); decide whether to roll back",
			live.Cutover, at, why)
	}
	switch {
	case live.Purpose == Return && o.PortingState == routing.SnapbackPending:
		s.must(routing.SnappedBack)
	case live.Purpose == Arrive && o.PortingState == routing.CPRScheduled:
		s.must(routing.CPRActive)
	case live.Purpose == Arrive && o.PortingState == routing.FOCConfirmed:
		s.must(routing.Armed)
		s.must(routing.Activating)
	case live.Purpose == Arrive && o.PortingState == routing.Armed:
		s.must(routing.Activating)
	}
	live.Phase, live.Before = Flipped, nil
	o.Exceptions, o.Cancel = nil, nil
	s.tell("cutover.flipped", "cutover %s flipped at %s: %s holds %d numbers", live.Cutover, at, live.Purpose.To(), len(o.Numbers))
	return ""
}

func (s *stepping) rolledBack(ev CutoverRolledBack) string {
	live := s.o.Live
	if live.Phase != Flipped || live.Revision != ev.Replaces {
		return fmt.Sprintf("cutover %s is %s by revision %s; only what has flipped is rolled back", live.Cutover, live.Phase, live.Revision)
	}
	live.Phase, live.Revision = RolledBack, ev.Revision
	s.tell("cutover.rolled_back", "cutover %s was rolled back at %s", live.Cutover, ev.At.UTC().Format(time.RFC3339Nano))
	return ""
}

func (s *stepping) settled() string {
	o := &s.o
	switch live := o.Live; {
	case live.flips():
		return fmt.Sprintf("cutover %s is %s", live.Cutover, live.Phase)
	case live.Phase == Flipped && live.Purpose == Arrive && o.PortingState != routing.Ported && o.PortingState != routing.CPRActive:
		return fmt.Sprintf("state %s is not over: what was not activated has not settled", o.PortingState)
	case live.Phase == Flipped && live.Purpose == Arrive:
		s.must(routing.Settled)
	}
	o.Live = nil
	s.tell("order.settled", "order %s: authority is in the number records", o.ID)
	return ""
}
