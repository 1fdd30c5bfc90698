package routing

import "unique"

// record is a Number as the Table keeps it: 40 bytes beside its key, since most of what is
// said about a number is said about thousands of its neighbours too.
type record struct {
	revision uint64
	common   unique.Handle[common] // the zero handle marks a tombstone
	customer unique.Handle[CustomerID]
	override *Override // nil for none
	state    PortingState
	holder   RoutingAuthority
}

// common is what neighbours share.
type common struct {
	numberType NumberType
	original   ProviderID
	serving    ProviderID
	losing     ProviderID
	carrier    CarrierID
	lrn        string
	legacy     RouteID
	speakops   RouteID
}

func pack(n Number) record {
	r := record{
		revision: n.Revision,
		common: unique.Make(common{
			numberType: n.NumberType,
			original:   n.OriginalAssignee,
			serving:    n.CurrentServingProvider,
			losing:     n.LosingProvider,
			carrier:    n.UnderlyingCarrier,
			lrn:        n.LRN,
			legacy:     n.LegacyRoute,
			speakops:   n.SpeakOpsRoute,
		}),
		customer: unique.Make(n.CustomerAssignment),
		state:    n.PortingState,
		holder:   n.RoutingAuthority,
	}
	if n.Override.Kind != OverrideNone {
		override := n.Override
		r.override = &override
	}
	return r
}

func (r *record) dead() bool { return r.common == unique.Handle[common]{} }

func (r *record) unpack(key PublicNumber) Number {
	c := r.common.Value()
	n := Number{
		PublicNumber:           key,
		NumberType:             c.numberType,
		PortingState:           r.state,
		RoutingAuthority:       r.holder,
		OriginalAssignee:       c.original,
		CurrentServingProvider: c.serving,
		LosingProvider:         c.losing,
		UnderlyingCarrier:      c.carrier,
		CustomerAssignment:     r.customer.Value(),
		LRN:                    c.lrn,
		LegacyRoute:            c.legacy,
		SpeakOpsRoute:          c.speakops,
		Revision:               r.revision,
	}
	if r.override != nil {
		n.Override = *r.override
	}
	return n
}
