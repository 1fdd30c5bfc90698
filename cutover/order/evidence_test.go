package order

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/speakops/sipedge/routing"
)

func evidencePlan() Plan {
	p := goodPlan()
	p.Mode, p.At, p.OnClose = OnEvidence, Wall{}, PageOnClose
	p.Evidence = &Rules{Need: NeedAny, Webhook: true, LRNs: []routing.PublicNumber{12025550000},
		RoutingNumber: &Threshold{1, 2, Span(time.Hour)}, NativeIngress: &Threshold{2, 2, Span(10 * time.Minute)}}
	return p
}

func TestEvidence(t *testing.T) {
	open := at("2026-03-03T16:00:00Z")
	type seen struct {
		s    Signal
		met  bool
		want string // of Why
	}
	native := func(n routing.PublicNumber, from string, minute int) Signal {
		return Signal{Kind: NativeIngress, PublicNumber: n, Originator: from, At: open.Add(time.Duration(minute) * time.Minute)}
	}
	rn := func(n, lrn routing.PublicNumber, from string, minute int) Signal {
		return Signal{Kind: RoutingNumber, PublicNumber: n, LRN: lrn, Originator: from, At: open.Add(time.Duration(minute) * time.Minute)}
	}
	forwarded, onNet, early, foreign, nobody := native(12025550100, "a", 1), native(12025550100, "a", 1), native(12025550100, "a", -1), native(12025550109, "a", 1), native(12025550100, "", 1)
	forwarded.Forwarded, onNet.OnNet = true, true
	for name, story := range map[string][]seen{
		"webhook": {{Signal{Kind: ProviderWebhook, PublicNumber: 12025550101, At: open}, true, "provider_webhook: 1 of 1"}},
		"ignored": {
			{forwarded, false, "it was forwarded"}, {onNet, false, "never left"}, {early, false, "before the window"},
			{foreign, false, "not in the order"}, {nobody, false, "nobody knows"}, {native(12025550100, "a", 241), false, "after the window"},
		},
		"thresholds": {
			{native(12025550100, "a", 1), false, "1 of 2 numbers by 1 of 2 originators"},
			{native(12025550100, "a", 2), false, "1 of 2 numbers by 1 of 2 originators"},
			{native(12025550101, "a", 3), false, "2 of 2 numbers by 1 of 2 originators"},
			{native(12025550101, "b", 4), true, "2 of 2 numbers by 2 of 2 originators"},
		},
		"too far apart": {
			{native(12025550100, "a", 1), false, ""},
			{native(12025550101, "b", 12), false, "1 of 2 numbers by 1 of 2 originators"},
			{native(12025550100, "a", 3), true, ""}, // reported late by another edge
		},
		"stale originator": {
			{rn(12025550100, 12025550000, "a", 1), false, ""},
			{rn(12025550100, 0, "a", 2), false, "a still routes +12025550100 to the old switch"}, // npdi without rn
			{rn(12025550101, 12025550000, "a", 3), false, "routing_number: 1 of 2 numbers"},
			{rn(12025550102, 12025550000, "a", 4), true, ""},
		},
	} {
		t.Run(name, func(t *testing.T) {
			p, tally := evidencePlan(), Tally{}
			for i, c := range story {
				var v Verdict
				tally, v = tally.Add(&p, goodOrder().Numbers, c.s)
				if v.Met != c.met || !strings.Contains(v.Why, c.want) {
					t.Errorf("signal %d: %+v, want %v %q", i, v, c.met, c.want)
				}
			}
		})
	}
}

func TestEvidenceOfEveryRule(t *testing.T) {
	p, tally := evidencePlan(), Tally{}
	p.Evidence.Need, p.Evidence.NativeIngress = NeedAll, nil
	numbers, open := goodOrder().Numbers, at("2026-03-03T16:00:00Z")
	tally, v := tally.Add(&p, numbers, Signal{Kind: ProviderWebhook, PublicNumber: 12025550101, At: open})
	if v.Met {
		t.Fatal("one of two rules is enough")
	}
	for _, n := range numbers[:2] {
		// Three hours later the provider's word still counts.
		tally, v = tally.Add(&p, numbers, Signal{Kind: RoutingNumber, PublicNumber: n, LRN: 12025550000, Originator: "a", At: open.Add(3 * time.Hour)})
	}
	if !v.Met {
		t.Fatal(v)
	}
	if scheduled := goodPlan(); func() bool { _, v := tally.Add(&scheduled, numbers, Signal{}); return v.Counts }() {
		t.Error("a scheduled cutover goes by evidence")
	}
}

func TestTallyIsBounded(t *testing.T) {
	p, tally := evidencePlan(), Tally{}
	open := at("2026-03-03T16:00:00Z")
	for i := range maxSightings + 50 {
		tally, _ = tally.Add(&p, goodOrder().Numbers, Signal{Kind: NativeIngress, PublicNumber: 12025550100, Originator: fmt.Sprint(i), At: open.Add(time.Duration(i) * time.Millisecond)})
	}
	if len(tally.Sightings) != maxSightings || tally.Sightings[0].Originator != "50" {
		t.Error(len(tally.Sightings), tally.Sightings[0])
	}
}

func TestFlipsLieInTheWindow(t *testing.T) {
	p := evidencePlan()
	for when, ok := range map[string]bool{
		"2026-03-03T15:59:59.999999Z": false, "2026-03-03T16:00:00Z": true, "2026-03-03T20:00:00Z": true, "2026-03-03T20:00:00.000001Z": false,
	} {
		turn, err := p.FlipAt(at(when))
		if (err == nil) != ok || ok && (turn.Authority != routing.SpeakOps || !turn.At.Equal(at(when))) {
			t.Error(when, turn, err)
		}
	}
	if turns := p.Turns(); turns != nil {
		t.Error("a plan that pages flips by itself", turns)
	}
	p.OnClose = FlipOnClose
	if c := p.Cutover("x", 3); len(c.Turns) != 1 || !c.Turns[0].At.Equal(p.WindowClose.UTC) || c.First != routing.Legacy || c.Count != 3 {
		t.Error(c)
	}
	p = goodPlan()
	if turns := p.Turns(); len(turns) != 1 || !turns[0].At.Equal(p.At.UTC) {
		t.Error(turns)
	}
}
