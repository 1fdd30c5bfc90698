package routing

import "time"

// Turning is an instant at which the answer to a call becomes another by itself.
type Turning struct {
	At       time.Time // from here on for certain, with the clock as uncertain as it was
	Decision Decision
}

// maxTurnings bounds an Outlook; a number has an override and a handful of steps.
const maxTurnings = 64

// Outlook lists when Decide would answer the same call otherwise, after at, if
// nothing but time goes on. A call that meets the instant itself may be held
// for as long as the clock is uncertain.
func Outlook(view View, at Interval, call Call) []Turning {
	var all []Turning
	t := &trace{}
	now := decide(view, at, &call, t)
	for range maxTurnings {
		next, ok := t.next(at)
		if !ok {
			break
		}
		at = Interval{next, next.Add(at.Width())}
		t = &trace{edges: t.edges}
		then := decide(view, at, &call, t)
		if then.String() != now.String() {
			all = append(all, Turning{at.certainFrom(next), then})
			now = then
		}
	}
	return all
}

// edge remembers an instant at which a rule that was asked begins to answer
// otherwise.
func (t *trace) edge(at ...time.Time) {
	for _, e := range at {
		if !e.IsZero() {
			t.edges = append(t.edges, e)
		}
	}
}

func (t *trace) edgesOf(line *Timeline) {
	if t == nil {
		return
	}
	for _, turn := range line.turns {
		t.edge(turn.At)
	}
}

// next is the first edge that is not behind for certain.
func (t *trace) next(at Interval) (next time.Time, ok bool) {
	for _, e := range t.edges {
		if !at.After(e) && (!ok || e.Before(next)) {
			next, ok = e, true
		}
	}
	return next, ok
}

// Otherwise says what somebody could do for another answer, and where; "" when
// there is nothing to be done about it.
func (b Because) Otherwise() string { return otherwise[b] }

const byCutover = "a cutover (cutoverctl plan) or an override"

var otherwise = map[Because]string{
	NotANumber:            "a called number in E.164; look at called in the trunk's profile and at default_country",
	NumberUnknown:         "a record for the number (sipedge numbers import, cutoverctl numbers set)",
	TableStale:            "a table that the store confirms again; look whether Redis is reachable",
	Record:                byCutover,
	PortPending:           byCutover,
	PortActive:            "an override; the number waits to be settled",
	PortSuspended:         "the exception lifted from its order, then " + byCutover,
	PortCancelled:         "a new order, or an override",
	PortOut:               "an override; the customer leaves",
	SnapbackWaits:         "the evidence that the number is back, or an override",
	SnappedBackTo:         "a new order, or an override",
	RecordOverState:       "a porting_state and a routing_authority that agree; the record is followed",
	NoAuthority:           byCutover + "; now nobody carries the number",
	BeforeCut:             "the cutover moved, flipped now or cancelled",
	Cut:                   "the cutover rolled back",
	RolledBack:            "a new cutover",
	ClockUncertain:        "nothing but a moment: the call is decided when the clock is sure",
	ClockTooWide:          "a better clock on this edge (cutoverctl edges shows its error)",
	RevisionUnresolved:    "the outcome of the revision (cutoverctl status), or another edge that knows it",
	SettledOverRecord:     "a record that agrees with the settled cutover; it came from an older store",
	OverrideBlock:         "the override lifted",
	OverrideForceLegacy:   "the override lifted",
	OverrideForceSpeakOps: "the override lifted",
	TestOverride:          "a call without the test override",
	LoopGuard:             "a customer_assignment, so that SpeakOps can take what comes back; and a legacy target that does not come back",
	PSAP:                  "a call that is no emergency call-back",
	RescueEarlyDisconnect: "the route's rescue turned off",
	FallbackAfterCut:      "the route's rescue turned off",
	NoRoute:               "a route for the side that holds the number, under routes or defaults",
	WrongRoute:            "a record that names a route of the side that holds the number",
	PSTNComesBack:         "a legacy route whose target is not pstn_same_tn: the network brings the number back here",
}
