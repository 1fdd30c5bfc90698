package order

import (
	"fmt"
	"slices"

	"github.com/speakops/sipedge/routing"
)

func (l *linter) billing() {
	o := l.o
	switch in := o.Numbers.Has(o.BillingNumber); {
	case o.BillingNumber == 0:
	case o.Scope == Partial && in && o.NewBillingNumber == 0:
		l.each(o.BillingNumber, "billing_number_in_partial", "billing_number", "give the account a new_billing_number first, or take it out of the order",
			"the account's billing number leaves, and its other numbers may be disconnected with it")
	case o.Scope == Full && !in:
		l.each(o.BillingNumber, "billing_number_left_behind", "billing_number", "add it to the order, or say that it is no working number",
			"the billing number is not in a full port")
	}
}

// numbers asks about every number once.
func (l *linter) numbers() {
	carriers := map[routing.CarrierID]routing.PublicNumber{}
	for _, n := range l.o.Numbers {
		l.others(n)
		record, ok := l.record(n)
		if !ok {
			l.each(n, "number_unknown", "", "import it, or look for a typing mistake", "the store has no record of it")
			continue
		}
		l.claims(n, &record)
		l.owner(n, &record)
		l.override(n, &record)
		l.take(n, &record)
		if record.UnderlyingCarrier != "" {
			if _, seen := carriers[record.UnderlyingCarrier]; !seen {
				carriers[record.UnderlyingCarrier] = n
			}
		}
	}
	if len(carriers) > 1 {
		ids := make([]routing.CarrierID, 0, len(carriers))
		for id := range carriers {
			ids = append(ids, id)
		}
		slices.Sort(ids)
		l.say("carriers_mixed", "", "expect the order to be split, each part with a commitment of its own", "the numbers lie with %s", list(ids[:min(len(ids), examples)]))
	}
}

func (l *linter) record(n routing.PublicNumber) (routing.Number, bool) {
	if l.f.Record == nil {
		return routing.Number{}, false
	}
	return l.f.Record(n)
}

func (l *linter) others(n routing.PublicNumber) {
	if l.f.InCutover != nil {
		if id, ok := l.f.InCutover(n); ok && id != l.p.ID {
			l.each(n, "number_in_cutover", string(id), "settle or cancel that cutover first", "already in live cutover %s", id)
		}
	}
	if l.f.InOrder != nil {
		if id, ok := l.f.InOrder(n); ok && id != l.o.ID {
			l.each(n, "number_in_order", string(id), "take it out of one of the two", "already in order %s", id)
		}
	}
}

// claims is what a record says of kind, state and holder.
func (l *linter) claims(n routing.PublicNumber, r *routing.Number) {
	o := l.o
	if r.NumberType != o.NumberType {
		kind := r.NumberType.String()
		if kind == "" {
			kind = "(unknown)"
		}
		l.each(n, "number_type_differs", kind, "correct the record, or make another order for it", "its record says number_type %s, and the order %s", kind, o.NumberType)
	}
	if first := l.p.Purpose.From(); r.RoutingAuthority != first {
		l.each(n, "authority_contradicts", r.RoutingAuthority.String(), "settle what moved it, or plan from where it is",
			"its record says routing_authority %s, and the first step begins with %s", r.RoutingAuthority, first)
	}
	if r.PortingState != o.PortingState {
		l.each(n, "state_contradicts", orNone(r.PortingState), "wait until the state is written, or find out which other order moves it",
			"its record says porting_state %s, and the order %s", orNone(r.PortingState), orNone(o.PortingState))
	}
}

func (l *linter) owner(n routing.PublicNumber, r *routing.Number) {
	o := l.o
	switch {
	case l.p.Purpose != Arrive:
	case r.CustomerAssignment == "":
		l.each(n, "customer_missing", "", "assign it before calls arrive", "it comes to speakops and no customer_assignment says for whom")
	case r.CustomerAssignment != o.CustomerAssignment:
		l.each(n, "customer_differs", string(r.CustomerAssignment), "look whose number it is: this is how a wrong number gets ported",
			"its record belongs to customer %s, and the order to %s", r.CustomerAssignment, o.CustomerAssignment)
	}
	serving := r.LosingProvider
	if serving == "" {
		serving = r.CurrentServingProvider
	}
	if serving != "" && serving != o.LosingProvider && l.p.Purpose == Arrive {
		l.each(n, "losing_provider_differs", string(serving), "ask who really serves it; a request to the wrong provider is rejected",
			"its record names %s, and the order takes it from %s", serving, o.LosingProvider)
	}
}

func (l *linter) override(n routing.PublicNumber, r *routing.Number) {
	v := &r.Override
	if v.Kind == routing.OverrideNone || !v.From.Before(l.p.WindowClose.UTC) || !v.Until.After(l.p.WindowOpen.UTC) || !v.Until.After(l.f.Now) {
		return
	}
	l.each(n, "override_in_window", v.Kind.String(), "lift it, or let it end before the window", "%s by %s until %s (%s) rules it during the window",
		v.Kind, v.Author, v.Until.UTC().Format("2006-01-02T15:04:05Z"), quote(v.Reason))
}

// siblings looks for numbers of the same customer at the same provider that the
// order leaves there.
func (l *linter) siblings() {
	o := l.o
	if l.p.Purpose != Arrive {
		return
	}
	for i := range l.f.Customer {
		r := &l.f.Customer[i]
		there := r.LosingProvider == o.LosingProvider || r.LosingProvider == "" && r.CurrentServingProvider == o.LosingProvider
		if !there || r.RoutingAuthority != routing.Legacy || r.CustomerAssignment != o.CustomerAssignment || o.Numbers.Has(r.PublicNumber) {
			continue
		}
		if o.Scope == Full {
			l.each(r.PublicNumber, "siblings_left_behind", string(o.LosingProvider), "add them to the order, or make it a partial port",
				"a full port closes the account at %s, and numbers of it are not in the order", o.LosingProvider)
			continue
		}
		l.each(r.PublicNumber, "siblings_stay", string(o.LosingProvider), "have the losing provider confirm that they keep working",
			"numbers of the customer stay at %s", o.LosingProvider)
	}
}

// blocks finds hundreds of which nearly all numbers are in the order: the ones
// that are not were forgotten, or mistyped.
func (l *linter) blocks() {
	for from := 0; from < len(l.o.Numbers); {
		hundred := l.o.Numbers[from] / 100
		to := from
		for to < len(l.o.Numbers) && l.o.Numbers[to]/100 == hundred {
			to++
		}
		if have := to - from; have >= 90 && have < 100 {
			for n := hundred * 100; n < hundred*100+100; n++ {
				if !l.o.Numbers[from:to].Has(n) {
					l.each(n, "block_with_holes", fmt.Sprintf("%s-%02d", hundred*100, 99), "look whether they were forgotten", "the order has %d numbers of this hundred, and not these", have)
				}
			}
		}
		from = to
	}
}
