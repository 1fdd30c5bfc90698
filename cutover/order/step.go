package order

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/speakops/sipedge/routing"
)

// Step takes one event at an instant of store time. Facts are taken down at
// once; the porting state follows them as soon as it may: while edges may still
// be going to flip, nothing that suspends a flip is written, and the effects ask
// for the cancelling revision instead. The error is a *Refused, and nothing has
// changed then.
func (o Order) Step(ev Event, now time.Time) (Order, []Effect, error) {
	s := &stepping{o: o, now: now, path: []routing.PortingState{o.PortingState}}
	s.o.Exceptions = slices.Clone(o.Exceptions)
	if o.Live != nil {
		live := *o.Live
		s.o.Live = &live
	}
	reason := s.take(ev)
	if reason == "" {
		s.follow()
		reason = s.stuck
	}
	if reason != "" {
		return o, nil, &Refused{o.ID, EventName(ev), reason}
	}
	if len(s.path) > 1 {
		s.effects = append(s.effects, SetState{Path: s.path})
	}
	return s.o, append(s.effects, s.words...), nil
}

// stepping is one Step on its way.
type stepping struct {
	o       Order
	now     time.Time
	path    []routing.PortingState
	effects []Effect
	words   []Effect // told last
	stuck   string
}

func (s *stepping) take(ev Event) string {
	switch ev := ev.(type) {
	case Advanced:
		return s.advance(ev.To)
	case AccountChecked:
		return s.account(ev)
	case LOASigned:
		return s.loa(ev.LOA)
	case FOCReceived:
		return s.foc(ev.FOC)
	case ExceptionRaised:
		return s.raise(ev.Exception)
	case ExceptionCleared:
		return s.lift(ev)
	case CancelAsked:
		return s.cancel(ev)
	case CancelWithdrawn:
		return s.withdraw()
	case CancelConfirmed:
		return s.cancelled()
	case ActivationSeen:
		return s.activation(ev.Numbers)
	case SnapbackAsked:
		return s.snapback(ev)
	}
	return s.fleet(ev)
}

// move takes one legal step of the porting state.
func (s *stepping) move(to routing.PortingState) string {
	m := routing.Move{NumberType: s.o.NumberType, From: s.o.PortingState, To: to, FOC: s.version(), Previous: s.o.Previous}
	if err := m.Check(); err != nil {
		return err.Error()
	}
	if m.From == routing.CancelPending {
		s.o.Previous = routing.NoPort
	}
	s.o.PortingState = to
	s.path = append(s.path, to)
	return ""
}

// must is a move this package knows to be legal; a refusal would be its own
// fault, and comes out as the refusal of the event.
func (s *stepping) must(to routing.PortingState) {
	if reason := s.move(to); reason != "" {
		s.stuck = reason
	}
}

// version is the commitment the armed state rests on.
func (s *stepping) version() string {
	switch {
	case s.o.Live != nil:
		return s.o.Live.FOC
	case s.o.FOC != nil:
		return s.o.FOC.Version
	}
	return ""
}

func (s *stepping) tell(what, text string, args ...any) {
	s.words = append(s.words, Tell{what, fmt.Sprintf(text, args...)})
}

func (s *stepping) page(what, text string, args ...any) {
	s.words = append(s.words, Page{what, fmt.Sprintf(text, args...)})
}

// elsewhere names the event that a state rests on, where it has one of its own.
var elsewhere = map[routing.PortingState]string{
	routing.FOCConfirmed:    "send foc_received with the commitment, or exception_cleared",
	routing.Armed:           "arm the cutover; the state follows when every edge has journaled it",
	routing.Activating:      "it follows the flip of the cutover",
	routing.CPRActive:       "it follows the flip of the cutover",
	routing.PartiallyActive: "send activation_seen with the numbers",
	routing.Ported:          "send activation_seen",
	routing.Rejected:        "send exception_raised",
	routing.ROCDeclined:     "send exception_raised",
	routing.Jeopardy:        "send exception_raised",
	routing.Conflict:        "send exception_raised",
	routing.CancelPending:   "send cancel_asked",
	routing.Cancelled:       "send cancel_confirmed",
	routing.SnapbackPending: "send snapback_asked",
}

func (s *stepping) advance(to routing.PortingState) string {
	o := &s.o
	switch {
	case elsewhere[to] != "":
		return fmt.Sprintf("%s is not entered by hand; %s", to, elsewhere[to])
	case o.Live.flips() && to != routing.PortedOut:
		return fmt.Sprintf("cutover %s is %s; cancel it first, or raise an exception, which cancels it", o.Live.Cutover, o.Live.Phase)
	case to == routing.Settled && o.Live != nil, to == routing.SnappedBack && o.Live != nil && o.Live.Phase != RolledBack:
		return fmt.Sprintf("%s follows cutover %s, which is %s", to, o.Live.Cutover, o.Live.Phase)
	case to == routing.Draft && o.Kind == PortOut:
		return "what comes back comes by an order of kind port_in"
	case to == routing.PortOutPending && o.Kind != PortOut:
		return "this order brings numbers in; a number that leaves has an order of kind port_out"
	}
	paper := to == routing.Submitted || to == routing.LOAReady || to == routing.ROCSubmitted
	switch {
	case paper && o.LOA == nil:
		return "the letter of authorisation is missing; send loa_signed"
	case to == routing.Submitted && o.Validation.State != Validated:
		return "the account is not validated; send account_checked"
	}
	if reason := s.move(to); reason != "" {
		return reason
	}
	switch to {
	case routing.Submitted, routing.ROCSubmitted: // a supplement answers a rejection, and asks for a new commitment
		s.drop(Rejection)
		o.FOC = nil
	case routing.Draft: // another try; what the last one was promised means nothing
		o.FOC, o.Exceptions, o.Activated, o.Waiting, o.Validation = nil, nil, time.Time{}, nil, Validation{}
	}
	s.tell("order."+to.String(), "order %s is %s", o.ID, to)
	return ""
}

func (s *stepping) drop(k ExceptionKind) {
	s.o.Exceptions = slices.DeleteFunc(s.o.Exceptions, func(e Exception) bool { return e.Kind == k })
}

func (s *stepping) account(ev AccountChecked) string {
	r := newReport()
	word(r, "state", ev.State)
	texts(r, "detail", ev.Detail)
	if err := r.err(); err != nil {
		return err.Error()
	}
	s.o.Validation = Validation{ev.State, s.now.UTC(), ev.Detail}
	s.tell("order.account_"+string(ev.State), "order %s: account validation is %s", s.o.ID, strings.TrimSpace(string(ev.State)+" "+ev.Detail))
	return ""
}

func (s *stepping) loa(l LOA) string {
	r := newReport()
	l.check(r)
	switch old := s.o.LOA; {
	case !r.none():
		return r.err().Error()
	case l.Signed.After(s.now):
		return fmt.Sprintf("signed %s, which is yet to come", l.Signed.UTC().Format(time.RFC3339))
	case old != nil && old.Version == l.Version && *old != l:
		return fmt.Sprintf("version %s of the letter is another one; give a changed letter a version of its own", l.Version)
	}
	s.o.LOA = &l
	return ""
}

// takesFOC are the states in which a commitment means something.
func takesFOC(st routing.PortingState) bool {
	switch st {
	case routing.Submitted, routing.FOCConfirmed, routing.Armed, routing.Jeopardy, routing.Conflict,
		routing.ROCSubmitted, routing.Released, routing.CPRScheduled, routing.PortOutPending:
		return true
	}
	return false
}

func (s *stepping) foc(f FOC) string {
	r := newReport()
	f.check(r)
	old := s.o.FOC
	switch {
	case !r.none():
		return r.err().Error()
	case f.Due.UTC.IsZero() || !f.Until.IsZero() && f.Until.UTC.IsZero():
		return "the commitment's times are not resolved to instants"
	case !takesFOC(s.o.PortingState):
		return fmt.Sprintf("a commitment means nothing in state %s; it answers a submitted order", orNone(s.o.PortingState))
	case old != nil && old.Version == f.Version && old.Due.Same(f.Due) && old.Until.Same(f.Until):
		return "" // the provider said it twice
	case old != nil && old.Version == f.Version:
		return fmt.Sprintf("version %s commits to %s already; give a changed commitment a version of its own", f.Version, old.Due)
	}
	if f.Received.IsZero() {
		f.Received = s.now.UTC()
	}
	s.o.FOC = &f
	if s.o.PortingState == routing.Submitted {
		s.must(routing.FOCConfirmed)
	}
	s.tell("order.foc", "order %s: commitment %s for %s", s.o.ID, f.Version, f.Due)
	return ""
}

// activation is the world's word; the porting state follows once the numbers
// have flipped, and not before.
func (s *stepping) activation(numbers Numbers) string {
	o := &s.o
	switch {
	case o.Kind != PortIn:
		return "this order takes numbers away; send advanced to ported_out"
	case o.PortingState == routing.Ported || o.PortingState == routing.Settled || o.PortingState == routing.CPRActive:
		return "" // said twice
	case !takesFOC(o.PortingState) && !o.PortingState.ComesToUs() || o.PortingState == routing.SnapbackPending:
		return fmt.Sprintf("numbers are not activated in state %s", orNone(o.PortingState))
	}
	for _, n := range numbers {
		if !o.Numbers.Has(n) {
			return fmt.Sprintf("%s is not in this order", n)
		}
	}
	waiting := o.Waiting
	if o.Activated.IsZero() {
		waiting, o.Activated = o.Numbers, s.now.UTC()
	}
	switch sorted := Sorted(numbers); len(numbers) {
	case 0:
		o.Waiting = nil
	default:
		var left Numbers
		for _, n := range waiting {
			if !sorted.Has(n) {
				left = append(left, n)
			}
		}
		o.Waiting = left
	}
	if !o.PortingState.ComesToUs() {
		s.page("order.activated_early", "order %s: %d of %d numbers are activated, and the cutover has not flipped; flip now",
			o.ID, len(o.Numbers)-len(o.Waiting), len(o.Numbers))
	}
	return ""
}

func (s *stepping) snapback(ev SnapbackAsked) string {
	to := routing.SnapbackPending
	if s.o.NumberType == routing.TollFree {
		to = routing.ROCReversed
	}
	request := Request{By: ev.By, Reason: ev.Reason}
	r := newReport()
	request.check(r)
	switch {
	case !r.none():
		return r.err().Error()
	case s.o.Kind != PortIn:
		return "this order takes numbers away; what goes back is a port-in of its own"
	case !s.o.PortingState.ComesToUs():
		return "nothing was activated; an order that is not wanted any more is cancelled (cancel_asked)"
	}
	if reason := s.move(to); reason != "" {
		return reason
	}
	s.page("order.snapback", "order %s goes back to %s: %s (%s)", s.o.ID, s.o.LosingProvider, ev.Reason, ev.By)
	return ""
}

func orNone(st routing.PortingState) string {
	if st == routing.NoPort {
		return "(none)"
	}
	return st.String()
}

// Sorted is a list in the order this package wants, each number once.
func Sorted(l Numbers) Numbers {
	l = slices.Clone(l)
	slices.Sort(l)
	return slices.Compact(l)
}

func list[T ~string](words []T) string {
	s := make([]string, len(words))
	for i, w := range words {
		s[i] = string(w)
	}
	return strings.Join(s, ", ")
}
