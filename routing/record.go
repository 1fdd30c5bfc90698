package routing

import "unique"

// record is a Number as the Table keeps it: 16 bytes beside its key and label, and
// no pointer. What is said about a number stands in the terms of its shard.
type record struct {
	revision uint64
	said     said
	label    label // stands beside the key
}

// said points into the terms: at a Shared in the lower half, where 0 marks a
// tombstone, and at a customer in the upper one.
type said uint64

func say(shared, customer uint32) said { return said(shared) | said(customer)<<32 }

func (s said) shared() uint32   { return uint32(s) }
func (s said) customer() uint32 { return uint32(s >> 32) }

func (r record) dead() bool { return r.said.shared() == 0 }

// common is what is said about thousands of neighbours alike.
type common struct {
	numberType NumberType
	state      PortingState
	holder     RoutingAuthority
	original   ProviderID
	serving    ProviderID
	losing     ProviderID
	carrier    CarrierID
	lrn        string
	legacy     RouteID
	speakops   RouteID
	override   unique.Handle[Override] // the zero handle for none
}

// Entry is a record in the form in which it is cheapest to hand over: what
// neighbours share is one Shared, made once.
type Entry struct {
	PublicNumber PublicNumber
	Revision     uint64
	Shared       Shared // the zero Shared: the number was deleted at that revision
	Customer     CustomerID
}

// Shared is everything about a Number except its key, revision and customer.
// Equal contents make equal values.
type Shared struct{ of unique.Handle[common] }

// Deleted says that this is the mark of a tombstone.
func (s Shared) Deleted() bool { return s == Shared{} }

// label is the part of a Brief that is shared.
func (s Shared) label() label {
	c := s.of.Value()
	l := label(c.state)<<labelState | label(c.holder)<<labelHolder
	if c.legacy == "" && c.speakops == "" && c.override == (unique.Handle[Override]{}) {
		l |= labelPlain
	}
	return l
}

func (s Shared) override() Override {
	if o := s.of.Value().override; o != (unique.Handle[Override]{}) {
		return o.Value()
	}
	return Override{}
}

func (s Shared) route(a RoutingAuthority) RouteID {
	if c := s.of.Value(); a == Legacy {
		return c.legacy
	} else {
		return c.speakops
	}
}

// Share takes what neighbours may share out of n.
func Share(n Number) Shared {
	c := common{
		numberType: n.NumberType,
		state:      n.PortingState,
		holder:     n.RoutingAuthority,
		original:   n.OriginalAssignee,
		serving:    n.CurrentServingProvider,
		losing:     n.LosingProvider,
		carrier:    n.UnderlyingCarrier,
		lrn:        n.LRN,
		legacy:     n.LegacyRoute,
		speakops:   n.SpeakOpsRoute,
	}
	if n.Override.Kind != OverrideNone {
		c.override = unique.Make(n.Override)
	}
	return Shared{unique.Make(c)}
}

// Number is the Entry as everyone else reads it. A tombstone has only a key and
// a revision.
func (e Entry) Number() (n Number) {
	n.PublicNumber, n.Revision, n.CustomerAssignment = e.PublicNumber, e.Revision, e.Customer
	if e.Shared.Deleted() {
		return n
	}
	c := e.Shared.of.Value()
	n.NumberType, n.PortingState, n.RoutingAuthority = c.numberType, c.state, c.holder
	n.OriginalAssignee, n.CurrentServingProvider, n.LosingProvider = c.original, c.serving, c.losing
	n.UnderlyingCarrier, n.LRN = c.carrier, c.lrn
	n.LegacyRoute, n.SpeakOpsRoute = c.legacy, c.speakops
	if c.override != (unique.Handle[Override]{}) {
		n.Override = c.override.Value()
	}
	return n
}
