// Package routing answers: who may carry this call, and why?
//
// It holds the nouns of porting (Number, Override, Timeline), the Table of what
// is believed about every public number, and Decide, a pure function from a
// view of that table, an interval of store time and a call to a Decision.
// It is quiet: no socket, no Redis, no clock read, no logger, no metric.
package routing

import (
	"fmt"
	"time"

	"github.com/speakops/sipedge/routing/e164"
)

// PublicNumber is the number callers dial.
type PublicNumber = e164.Number

// Each identifier has its own type, so that the compiler notices a carrier
// standing where a provider should.
type (
	ProviderID string // who serves, or once served, a number
	CarrierID  string // whose network lies beneath
	CustomerID string // whom the number is assigned to
	TrunkID    string // who sends us calls
	RouteID    string // where an authority's calls go
	GatewayID  string // one next hop of a route
)

// RoutingAuthority says who may carry a call now.
type RoutingAuthority uint8

const (
	AuthorityNone RoutingAuthority = iota
	Legacy
	SpeakOps
)

// Number is what is believed about one public_number. Porting state, routing
// authority and override are three types and never one: a port in flight is
// exactly the hour when their answers disagree.
type Number struct {
	PublicNumber           PublicNumber
	NumberType             NumberType
	PortingState           PortingState
	RoutingAuthority       RoutingAuthority
	OriginalAssignee       ProviderID
	CurrentServingProvider ProviderID
	LosingProvider         ProviderID
	UnderlyingCarrier      CarrierID
	CustomerAssignment     CustomerID
	LRN                    string  // routing number of the serving switch, E.164 or ""
	LegacyRoute            RouteID // "" means the default route of the authority
	SpeakOpsRoute          RouteID
	Override               Override
	Revision               uint64 // microseconds of store time, growing with every write
}

// Override is an operator's word above the record: always with a reason, an
// author and an expiry. The zero Override is none.
type Override struct {
	Kind   OverrideKind
	From   time.Time // in force from
	Until  time.Time // and before; mandatory
	Reason string
	Author string
}

// During is what the override asks for over the whole interval: its kind, or
// OverrideNone before From, from Until on and for the zero Override. When an
// edge falls inside, sure is false and edge is the last one that does.
func (o *Override) During(at Interval) (kind OverrideKind, edge time.Time, sure bool) {
	switch {
	case o.Kind == OverrideNone || !o.From.Before(o.Until) || at.Before(o.From) || at.After(o.Until):
		return OverrideNone, time.Time{}, true
	case at.Straddles(o.Until):
		return o.Kind, o.Until, false
	case at.Straddles(o.From):
		return o.Kind, o.From, false
	}
	return o.Kind, time.Time{}, true
}

// Check says what keeps an override from being one: no reason, no author, no
// expiry, or one that is not after its beginning.
func (o *Override) Check() error {
	switch {
	case o.Kind == OverrideNone:
		return nil
	case o.Reason == "":
		return fmt.Errorf("override %s: reason is missing; say why", o.Kind)
	case o.Author == "":
		return fmt.Errorf("override %s: author is missing; say who", o.Kind)
	case o.Until.IsZero():
		return fmt.Errorf("override %s: until is missing; an override must expire", o.Kind)
	case !o.From.Before(o.Until):
		return fmt.Errorf("override %s: until %s is not after from %s", o.Kind,
			o.Until.UTC().Format(time.RFC3339), o.From.UTC().Format(time.RFC3339))
	}
	return nil
}

// OverrideKind is what an Override asks for.
type OverrideKind uint8

const (
	OverrideNone OverrideKind = iota
	ForceLegacy
	ForceSpeakOps
	Block
)

// Other is the side across: SpeakOps for Legacy and Legacy for SpeakOps.
func (a RoutingAuthority) Other() RoutingAuthority {
	switch a {
	case Legacy:
		return SpeakOps
	case SpeakOps:
		return Legacy
	}
	return AuthorityNone
}

// NumberType decides which porting process a number follows.
type NumberType uint8

const (
	NumberTypeUnknown NumberType = iota
	Local
	Mobile
	TollFree
)
