package routing

import "time"

// Interval is a span of store time that contains the true instant.
type Interval struct{ Earliest, Latest time.Time }

// Call is what a decision may depend on; the hall makes it from an INVITE.
type Call struct {
	Trunk  TrunkID
	To     PublicNumber     // the called public number, normalised
	From   PublicNumber     // the caller, or 0 when anonymous or not a number
	Draw   uint64           // randomness for the order of equal gateways
	Forced RoutingAuthority // side forced by a trusted test override, or AuthorityNone
	PSAP   bool             // emergency call-back from a trunk trusted for it (RFC 7090)
	Looped bool             // the loop guard recognised our own legacy leg coming back
}

// Kind says which of the three answers a Decision is.
type Kind uint8

const (
	// KindRefuse is the zero Kind, so that a forgotten Decision refuses.
	KindRefuse Kind = iota
	KindRoute
	KindHold
)

// Intent is what a refusal means; the profile of the asking trunk turns it into
// a SIP code, because one code means opposite things to different upstreams.
type Intent uint8

const (
	IntentNone Intent = iota
	NotOurs
	RetryElsewhere
	Busy
	Blocked
	Loop
)

// Because is the one stable word that says why; it is the same in ladder, span,
// log line, CDR and reply.
type Because string

// Decision is the answer. RouteTo, Refuse and HoldUntil are the only ways to
// make one, so every Decision that exists means something.
type Decision struct {
	Kind         Kind
	Authority    RoutingAuthority
	Intent       Intent
	Because      Because
	Route        *Route
	Order        Order     // of the route's gateways, first to try first
	Until        time.Time // KindHold: when to decide anew, as the clock that asked reads it (see Wait)
	Revision     uint64    // of the record; of the schedule when a timeline decided
	PortingState PortingState
	PublicNumber PublicNumber

	// Rescue is the one other route this call may take when Route fails, nil
	// for none, and RescueBecause the exception it would be taken under. Whether
	// a failure qualifies, and how many may, is for the switchroom to know.
	Rescue        *Route
	RescueOrder   Order
	RescueBecause Because
}

// RouteTo carries the call on route, its gateways tried in order.
func RouteTo(route *Route, order Order, because Because) (d Decision) {
	d.routeTo(route, because)
	d.Order = order
	return d
}

// routeTo makes a zero Decision one that routes; the order is left to the caller.
func (d *Decision) routeTo(route *Route, because Because) {
	d.Kind, d.Authority, d.Route, d.Because = KindRoute, route.Authority, route, because
}

// Refuse answers the call with an intent other than IntentNone.
func Refuse(intent Intent, because Because) Decision {
	return Decision{Kind: KindRefuse, Intent: intent, Because: because}
}

// HoldUntil keeps the call waiting, to be decided anew at until.
func HoldUntil(until time.Time, because Because) Decision {
	return Decision{Kind: KindHold, Until: until, Because: because}
}

// Wait is how long to hold a call that was decided at that interval: at most its
// width, 0 for a decision that holds nothing. A clock that grows less certain
// meanwhile may ask for another wait.
func (d *Decision) Wait(at Interval) time.Duration {
	if d.Kind != KindHold {
		return 0
	}
	return max(d.Until.Sub(at.Mid()), 0)
}
