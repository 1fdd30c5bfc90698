package routing

import (
	"fmt"
	"strings"
)

// Move is a proposed change of a number's porting state.
type Move struct {
	NumberType NumberType
	From, To   PortingState
	FOC        string       // version of the firm order commitment it rests on; needed to arm
	Previous   PortingState // what a cancellation was asked of; NoPort when not known
}

// IllegalMove is a refused Move, and why.
type IllegalMove struct {
	Move   Move
	Reason string // for people: what is wrong, and what would be right
}

func (e *IllegalMove) Error() string {
	return fmt.Sprintf("porting_state %s -> %s: %s", orElse(e.Move.From.String(), "(none)"), orElse(e.Move.To.String(), "(none)"), e.Reason)
}

// Check says whether the world can make this move; the error is an *IllegalMove.
func (m Move) Check() error {
	if reason := m.reason(); reason != "" {
		return &IllegalMove{m, reason}
	}
	return nil
}

// HasState says that the port of such a number can be in a state; of a number
// whose type is not known nothing can be said, and the answer is true.
func HasState(t NumberType, s PortingState) bool {
	roads := roadsOf(t)
	return roads == nil || s < portingStates && !foreign(roads, s)
}

// NextStates are the states that may follow from in the port of such a number,
// the conditions of Check apart.
func NextStates(t NumberType, from PortingState) []PortingState {
	roads := roadsOf(t)
	if roads == nil || from >= portingStates {
		return nil
	}
	return append([]PortingState(nil), roads[from]...)
}

func (m Move) reason() string {
	roads := roadsOf(m.NumberType)
	switch {
	case m.From >= portingStates || m.To >= portingStates:
		return "not a state"
	case roads == nil:
		return "number_type is not known; set it to local, mobile or toll_free first"
	case foreign(roads, m.To):
		return fmt.Sprintf("%s is no state of a %s number", m.To, m.NumberType)
	case foreign(roads, m.From):
		return fmt.Sprintf("%s is no state of a %s number", m.From, m.NumberType)
	case m.From == m.To && m.To == Armed:
		return "already armed; another FOC version needs disarming first (armed -> foc_confirmed)"
	case m.From == m.To:
		return "already there"
	case !leads(roads, m.From, m.To):
		return wrongWay(roads, m.From, m.To)
	case m.To == Armed && m.FOC == "":
		return "arming needs the version of the firm order commitment the cutover rests on"
	case m.From == CancelPending && m.To != Cancelled && m.Previous != NoPort && m.To != m.Previous:
		return fmt.Sprintf("a withdrawn cancellation goes back to where it was asked, %s", m.Previous)
	}
	return ""
}

// wrongWay words the refusals people meet, and names the ways there are.
func wrongWay(roads *roads, from, to PortingState) string {
	after := from.ComesToUs()
	switch {
	case to == NoPort:
		return "a port on record is not forgotten; it ends settled, cancelled, or gone back"
	case roads[from] == nil || len(roads[from]) == 1 && roads[from][0] == Draft:
		return "this port is over; another one begins with draft"
	case after && (to == Cancelled || to == CancelPending) && leads(roads, from, SnapbackPending):
		return "there is no cancelling after activation; going back is a port of its own (snapback_pending)"
	case after && (to == Cancelled || to == CancelPending) && leads(roads, from, ROCReversed):
		return "there is no cancelling after activation; going back is a change of the responsible organisation (roc_reversed)"
	case from == Settled && to == Armed:
		return "a settled number is not armed again; another port begins elsewhere"
	case from == Armed && (to == Ported || to == PartiallyActive || to == Settled):
		return "activation cannot be skipped (armed -> activating)"
	}
	names := make([]string, len(roads[from]))
	for i, s := range roads[from] {
		names[i] = s.String()
	}
	return "what may follow is " + strings.Join(names, ", ")
}

type roads [portingStates][]PortingState

func roadsOf(t NumberType) *roads {
	switch t {
	case Local, Mobile:
		return &localRoads
	case TollFree:
		return &tollFreeRoads
	}
	return nil
}

func leads(r *roads, from, to PortingState) bool {
	for _, s := range r[from] {
		if s == to {
			return true
		}
	}
	return false
}

// foreign says that a state belongs to the other kind of number.
func foreign(r *roads, s PortingState) bool { return s != NoPort && r[s] == nil }

// Local and mobile ports, through the number portability administration.
var localRoads = roads{
	NoPort:       {Draft, Settled}, // Settled: a number that was ours before there was a record
	Draft:        {Validating, CancelPending},
	Validating:   {Submitted, CancelPending},
	Submitted:    {FOCConfirmed, Rejected, CancelPending},
	Rejected:     {Submitted, CancelPending},
	FOCConfirmed: {Armed, Rejected, Jeopardy, Conflict, CancelPending},
	Armed:        {Activating, FOCConfirmed, Jeopardy, Conflict, CancelPending}, // FOCConfirmed: disarmed
	Jeopardy:     {FOCConfirmed, Armed, CancelPending},
	Conflict:     {FOCConfirmed, Cancelled, CancelPending},

	// A cancellation takes effect, or is withdrawn to where it was asked.
	CancelPending: {Cancelled, Draft, Validating, Submitted, Rejected, FOCConfirmed, Armed, Jeopardy, Conflict},
	Cancelled:     {Draft},

	Activating:      {Ported, PartiallyActive, SnapbackPending},
	PartiallyActive: {Ported, SnapbackPending},
	Ported:          {Settled, SnapbackPending},
	Settled:         {SnapbackPending, PortOutPending},
	SnapbackPending: {SnappedBack},
	SnappedBack:     {Draft},
	PortOutPending:  {PortedOut, Settled},
	PortedOut:       {Draft},
}

// Toll-free ports: control by the responsible organisation's record, calls by
// the routing record; the first moves long before the second.
var tollFreeRoads = roads{
	NoPort:        {Draft, Settled},
	Draft:         {LOAReady, CancelPending},
	LOAReady:      {ROCSubmitted, CancelPending},
	ROCSubmitted:  {Released, ROCDeclined, CancelPending},
	ROCDeclined:   {ROCSubmitted, CancelPending},
	CancelPending: {Cancelled, Draft, LOAReady, ROCSubmitted, ROCDeclined},
	Cancelled:     {Draft},

	Released:     {CPRScheduled, ROCReversed},
	CPRScheduled: {CPRActive, Released, ROCReversed}, // Released: the routing record is called off
	CPRActive:    {Settled, ROCReversed},
	Settled:      {ROCReversed},
	ROCReversed:  {Draft},
}
