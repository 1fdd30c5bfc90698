package order

import (
	"fmt"
	"slices"
	"time"

	"github.com/speakops/sipedge/routing"
)

// Rules say which signals prove that a port has happened.
type Rules struct {
	// Need is how many of the rules below must hold: "any" of them, which is what none says, or "all".
	Need Need `json:"need,omitempty"`
	// Webhook accepts the provider's own signed word.
	Webhook bool `json:"provider_webhook,omitempty"`
	// RoutingNumber accepts calls whose rn is one of LRNs. LRNs are E.164 numbers
	// of the switch that serves the numbers afterwards.
	RoutingNumber *Threshold             `json:"routing_number,omitempty"`
	LRNs          []routing.PublicNumber `json:"lrns,omitempty"`
	// NativeIngress accepts calls nobody forwarded, from outside the gaining
	// provider's own network, where a number may ring before it is ported.
	NativeIngress *Threshold `json:"native_ingress,omitempty"`
}

// Need is how many rules must hold.
type Need string

func (Need) words() []string { return []string{"any", "all"} }

const (
	NeedAny Need = "any"
	NeedAll Need = "all"
)

// Threshold is how much must be seen, and how close together.
type Threshold struct {
	Originators int  `json:"originators"` // distinct originating networks, 1 to 100
	Numbers     int  `json:"numbers"`     // distinct numbers of the order, 1 to 1000
	Within      Span `json:"within"`      // 1s to 24h
}

// Signal is one observation, made by an edge or a webhook.
type Signal struct {
	Kind         SignalKind           `json:"kind"`
	PublicNumber routing.PublicNumber `json:"public_number"`
	// Originator is the best key of the network the call came from: the signer of
	// its PASSporT, the host of its asserted identity, else the trunk.
	Originator string               `json:"originator,omitempty"`
	LRN        routing.PublicNumber `json:"lrn,omitzero"`        // rn as received; 0 when npdi came without rn: dipped, and not ported
	Forwarded  bool                 `json:"forwarded,omitempty"` // it went through somebody's forwarding
	OnNet      bool                 `json:"on_net,omitempty"`    // it never left the gaining provider
	At         time.Time            `json:"at,omitzero"`         // store time
	Edge       string               `json:"edge,omitempty"`      // who saw it
	CallID     string               `json:"call_id,omitempty"`   // where to look it up
	Source     string               `json:"source,omitempty"`    // of a webhook: which provider
}

// maxSightings bounds what a Tally remembers; the oldest are forgotten.
const maxSightings = 2048

// Tally is the evidence so far. The zero Tally has seen nothing. It is a value;
// Add returns the next one.
type Tally struct {
	Sightings []Sighting `json:"sightings,omitempty"` // ascending by At
	Stale     int        `json:"stale,omitempty"`     // signals that said the opposite
	Ignored   int        `json:"ignored,omitempty"`
}

// Sighting is an accepted signal; one more of the same renews it.
type Sighting struct {
	Kind         SignalKind           `json:"kind"`
	PublicNumber routing.PublicNumber `json:"public_number"`
	Originator   string               `json:"originator"`
	At           time.Time            `json:"at,omitzero"`
}

// Verdict is what a signal did.
type Verdict struct {
	Met    bool   `json:"met"`    // the port is proven: flip
	Counts bool   `json:"counts"` // this signal was accepted
	Why    string `json:"why"`    // for people
}

// Add counts one signal towards a plan's rules. A signal before the window, of a
// foreign number, forwarded or on-net is ignored; one that shows an originator
// still dipping to the old switch takes back what that originator said of the
// number.
func (t Tally) Add(p *Plan, numbers Numbers, s Signal) (Tally, Verdict) {
	if why := refusal(p, numbers, &s); why != "" {
		t.Ignored++
		return t, Verdict{Why: why}
	}
	if s.Kind == RoutingNumber && !slices.Contains(p.Evidence.LRNs, s.LRN) {
		t.Stale++
		t.Sightings = slices.DeleteFunc(slices.Clone(t.Sightings), func(x Sighting) bool {
			return x.Kind != ProviderWebhook && x.PublicNumber == s.PublicNumber && x.Originator == s.Originator
		})
		return t, Verdict{Why: s.Originator + " still routes " + s.PublicNumber.String() + " to the old switch"}
	}
	t.Sightings = remember(t.Sightings, Sighting{s.Kind, s.PublicNumber, s.Originator, s.At})
	met, why := t.met(p.Evidence, t.Sightings[len(t.Sightings)-1].At)
	return t, Verdict{Met: met, Counts: true, Why: why}
}

func refusal(p *Plan, numbers Numbers, s *Signal) string {
	r := p.Evidence
	switch {
	case p.Mode != OnEvidence || r == nil:
		return "this cutover does not go by evidence"
	case s.At.Before(p.WindowOpen.UTC):
		return "seen before the window opened"
	case s.At.After(p.WindowClose.UTC):
		return "seen after the window closed"
	case !numbers.Has(s.PublicNumber):
		return s.PublicNumber.String() + " is not in the order"
	case s.Kind == ProviderWebhook && r.Webhook:
		return ""
	case s.Kind == RoutingNumber && r.RoutingNumber != nil, s.Kind == NativeIngress && r.NativeIngress != nil:
	default:
		return fmt.Sprintf("%s is not accepted by this plan", s.Kind)
	}
	switch {
	case s.Originator == "":
		return "nobody knows where it came from"
	case s.Kind == NativeIngress && s.Forwarded:
		return "it was forwarded: the old side still answers for the number"
	case s.Kind == NativeIngress && s.OnNet:
		return "it never left the gaining provider, where a number rings before it is ported"
	}
	return ""
}

// remember puts a sighting in its place by time, instead of an older one of the
// same kind, number and originator.
func remember(all []Sighting, s Sighting) []Sighting {
	next := make([]Sighting, 0, len(all)+1)
	for _, x := range all {
		if x.Kind == s.Kind && x.PublicNumber == s.PublicNumber && x.Originator == s.Originator {
			if x.At.After(s.At) {
				s.At = x.At // edges report out of order
			}
			continue
		}
		next = append(next, x)
	}
	at, _ := slices.BinarySearchFunc(next, s, func(x, y Sighting) int { return x.At.Compare(y.At) })
	next = slices.Insert(next, at, s)
	return next[max(0, len(next)-maxSightings):]
}

// met holds the sightings against every rule the plan has, looking back from at.
func (t *Tally) met(r *Rules, at time.Time) (bool, string) {
	holds, rules, why := 0, 0, ""
	try := func(kind SignalKind, need Threshold) {
		rules++
		originators, numbers := t.count(kind, at.Add(-need.Within.Duration()))
		if originators >= need.Originators && numbers >= need.Numbers {
			holds++
		}
		if why != "" {
			why += ", "
		}
		why += fmt.Sprintf("%s: %d of %d numbers by %d of %d originators", kind, numbers, need.Numbers, originators, need.Originators)
	}
	if r.Webhook {
		try(ProviderWebhook, Threshold{Originators: 1, Numbers: 1, Within: Span(1 << 62)})
	}
	if r.RoutingNumber != nil {
		try(RoutingNumber, *r.RoutingNumber)
	}
	if r.NativeIngress != nil {
		try(NativeIngress, *r.NativeIngress)
	}
	return holds > 0 && (r.Need != NeedAll || holds == rules), why
}

func (t *Tally) count(kind SignalKind, since time.Time) (originators, numbers int) {
	from, to := map[string]bool{}, map[routing.PublicNumber]bool{}
	for _, s := range t.Sightings {
		if s.Kind == kind && !s.At.Before(since) {
			from[s.Originator], to[s.PublicNumber] = true, true
		}
	}
	return len(from), len(to)
}
