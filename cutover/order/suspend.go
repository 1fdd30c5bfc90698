package order

import (
	"fmt"
	"strings"
	"time"

	"github.com/speakops/sipedge/routing"
)

// conflictTimer is how long the losing side may keep a number in conflict before
// the gaining side may lift it (NANC 201: the restriction window).
const conflictTimer = 6 * time.Hour

func (s *stepping) raise(e Exception) string {
	o := &s.o
	r := newReport()
	e.check(r)
	submitted := o.PortingState != routing.Draft && o.PortingState != routing.Validating && o.PortingState != routing.LOAReady
	switch {
	case !r.none():
		return r.err().Error()
	case o.PortingState.ComesToUs() && o.Kind == PortIn:
		return "the numbers are activated, and an exception stops nothing any more; going back is snapback_asked"
	case !takesFOC(o.PortingState) && o.PortingState != routing.Rejected && o.PortingState != routing.ROCDeclined && o.PortingState != routing.CancelPending && submitted:
		return fmt.Sprintf("there is nothing to hold back in state %s", orNone(o.PortingState))
	case e.Kind == Rejection && !submitted:
		return "nothing was submitted that could be rejected"
	case e.Kind == Rejection && o.Kind == PortOut:
		return "we are the losing provider of this order; refuse it by advancing it to settled"
	case e.Kind == Rejection && (o.PortingState == routing.Released || o.PortingState == routing.CPRScheduled):
		return "the number is released and no longer the other side's to reject; raise jeopardy to freeze the order"
	}
	if e.Since.IsZero() {
		e.Since = s.now.UTC()
	}
	if i := o.exception(e.Kind); i >= 0 {
		e.Since = o.Exceptions[i].Since // raised twice: the timer runs from the first
		o.Exceptions[i] = e
		return ""
	}
	o.Exceptions = append(o.Exceptions, e)
	s.page("order."+string(e.Kind), "order %s: %s: %s", o.ID, e.Kind, e.Reason)
	return ""
}

func (s *stepping) lift(ev ExceptionCleared) string {
	o := &s.o
	i := o.exception(ev.Kind)
	switch {
	case ev.Kind == Rejection:
		return "a rejection is answered by a supplement: advance the order to submitted, or roc_submitted"
	case i < 0:
		return fmt.Sprintf("no %s is open", ev.Kind)
	case strings.TrimSpace(ev.Reason) == "":
		return "the reason is missing; say what changed"
	case ev.Kind == ConflictOf && ev.Side != Losing && s.now.Before(o.Exceptions[i].Since.Add(conflictTimer)):
		return fmt.Sprintf("before %s only the losing provider lifts a conflict; send side: losing when it did",
			o.Exceptions[i].Since.Add(conflictTimer).UTC().Format(time.RFC3339))
	}
	s.drop(ev.Kind)
	s.tell("order.cleared", "order %s: %s is lifted: %s; it needs to be armed again", o.ID, ev.Kind, ev.Reason)
	return ""
}

func (s *stepping) cancel(ev CancelAsked) string {
	o := &s.o
	request := Request{By: ev.By, Reason: ev.Reason, At: s.now.UTC()}
	r := newReport()
	request.check(r)
	if !r.none() {
		return r.err().Error()
	}
	if o.Cancel != nil {
		return "asked already by " + o.Cancel.By
	}
	if err := (routing.Move{NumberType: o.NumberType, From: o.PortingState, To: routing.CancelPending}).Check(); err != nil {
		return err.Error()
	}
	o.Cancel = &request
	s.tell("order.cancel_asked", "order %s: %s asks to cancel: %s", o.ID, ev.By, ev.Reason)
	return ""
}

func (s *stepping) withdraw() string {
	switch {
	case s.o.Cancel != nil:
		s.o.Cancel = nil
		return ""
	case s.o.PortingState != routing.CancelPending:
		return "no cancellation is pending"
	}
	return s.move(s.o.Previous)
}

func (s *stepping) cancelled() string {
	if s.o.PortingState != routing.CancelPending && s.o.PortingState != routing.Conflict {
		return "no cancellation is pending; send cancel_asked"
	}
	if reason := s.move(routing.Cancelled); reason != "" {
		return reason
	}
	s.o.Exceptions, s.o.Cancel = nil, nil
	s.tell("order.cancelled", "order %s is cancelled", s.o.ID)
	return ""
}

// follow lets the porting state come after the facts.
func (s *stepping) follow() {
	if s.o.Live.flips() {
		s.disarm()
		return // what suspends a flip is not written while edges may make it
	}
	o := &s.o
	switch st := o.PortingState; {
	case st == routing.Activating || st == routing.PartiallyActive:
		s.activated()
	case o.Cancel != nil:
		s.must(routing.CancelPending)
		o.Previous, o.Cancel = st, nil
	case st == routing.CancelPending:
	default:
		s.suspend()
	}
}

// disarm asks for the cancelling revision when a fact has taken away what the
// armed one rests on.
func (s *stepping) disarm() {
	live := s.o.Live
	why := s.broken()
	if why == "" || live.Phase == Cancelling {
		return
	}
	live.Phase = Cancelling
	s.effects = append(s.effects, CancelCutover{live.Cutover, why})
}

// broken is what takes away the ground of a live cutover, "" for nothing.
func (s *stepping) broken() string {
	o := &s.o
	switch {
	case o.Live.Before != nil || o.Live.Purpose == Return:
		return "" // after activation papers stop nothing
	case len(o.Exceptions) > 0:
		return fmt.Sprintf("%s: %s", o.Exceptions[0].Kind, o.Exceptions[0].Reason)
	case o.Cancel != nil:
		return "the order is to be cancelled: " + o.Cancel.Reason
	case o.FOC == nil || o.FOC.Version != o.Live.FOC:
		return fmt.Sprintf("armed on commitment %s, which is not the one in force", o.Live.FOC)
	case o.Live.Purpose == Arrive && o.Validation.State != Validated:
		return "the account is not validated any more"
	}
	return ""
}

// suspend moves to the state of the gravest open exception, or out of one that
// is no longer open.
func (s *stepping) suspend() {
	to := s.gravest()
	st := s.o.PortingState
	held := st == routing.Jeopardy || st == routing.Conflict
	switch {
	case to == st, to == routing.NoPort && !held:
		return
	case to == routing.NoPort:
		s.must(routing.FOCConfirmed)
		return
	case s.legal(to):
	case held && (routing.Move{NumberType: s.o.NumberType, From: routing.FOCConfirmed, To: to}).Check() == nil:
		s.must(routing.FOCConfirmed)
	default:
		return // frozen all the same, but this state has no road there
	}
	s.must(to)
	if to == routing.Rejected || to == routing.ROCDeclined {
		s.o.FOC = nil // what was committed to is off
	}
}

func (s *stepping) legal(to routing.PortingState) bool {
	return routing.Move{NumberType: s.o.NumberType, From: s.o.PortingState, To: to, FOC: s.version()}.Check() == nil
}

func (s *stepping) gravest() routing.PortingState {
	o := &s.o
	tollFree := o.NumberType == routing.TollFree
	switch {
	case o.Kind == PortOut:
	case o.exception(Rejection) >= 0 && tollFree:
		return routing.ROCDeclined
	case o.exception(Rejection) >= 0:
		return routing.Rejected
	case tollFree: // its process has no such states; the open exception freezes it
	case o.exception(ConflictOf) >= 0:
		return routing.Conflict
	case o.exception(JeopardyOf) >= 0:
		return routing.Jeopardy
	}
	return routing.NoPort
}

// activated follows what was seen at the registry, after the flip.
func (s *stepping) activated() {
	o := &s.o
	switch {
	case o.Activated.IsZero():
	case len(o.Waiting) == 0:
		s.must(routing.Ported)
		s.tell("order.ported", "order %s: all %d numbers are ported", o.ID, len(o.Numbers))
	case o.PortingState == routing.Activating:
		s.must(routing.PartiallyActive)
		s.page("order.partially_active", "order %s: %d of %d numbers are not activated", o.ID, len(o.Waiting), len(o.Numbers))
	}
}
