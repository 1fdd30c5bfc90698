package audit

import (
	"testing"
	"time"

	"github.com/speakops/sipedge/routing"
)

// exceptional is a call two seconds before the cut, or after it, by an exception
// that has what it needs.
func exceptional(because routing.Because, authority routing.RoutingAuthority, after time.Duration) Decision {
	d := decision(20, "a", after, authority, because, 41)
	d.Trunk, d.Caller, d.Customer, d.State = "qa", "+12025550199", "cust-1", "armed"
	d.Forced, d.PSAP, d.Looped = authority.String(), true, true
	d.OverrideFrom, d.OverrideUntil = cutAt.Add(-time.Hour), cutAt.Add(time.Hour)
	d.Gateways = []string{"l1", "l2"}
	return d
}

func trusting(a *Auditor) { a.Trunks(map[string]Trust{"qa": {TestOverride: true, PSAP: true}}) }

// leg is our own leg to the legacy side, which the loop guard saw coming back.
func leg(answered time.Duration) []any {
	d := decision(19, "a", -2500*time.Millisecond, routing.Legacy, routing.BeforeCut, 7)
	d.Caller = "+12025550199"
	c := CDR{Where: "a.cdr:19", Call: "call19", Authority: "legacy", Outcome: "answered", Ended: cutAt.Add(time.Minute)}
	if answered != 0 {
		c.Answered = cutAt.Add(answered)
	}
	return []any{d, c}
}

// rescuedBy is how the other side took over after its holder's gateways failed.
func rescuedBy(because routing.Because, authority string, codes ...int) CDR {
	c := CDR{Where: "a.cdr:20", Call: "call20", Authority: authority, Because: string(because), Outcome: "answered"}
	for i, code := range codes {
		c.Attempts = append(c.Attempts, Attempt{Gateway: []string{"l1", "l2"}[i], Code: code})
	}
	c.Attempts = append(c.Attempts, Attempt{Gateway: "other", Code: 200})
	return c
}

// Every exception is allowed what it was named for.
func TestExceptionsThatHold(t *testing.T) {
	early := exceptional(routing.BeforeCut, routing.Legacy, -2*time.Second)
	early.Revision = 7
	late := exceptional(routing.Cut, routing.SpeakOps, 2*time.Second)
	late.Revision, late.State = 7, "activating"
	line := exceptional(becauseTestLine, routing.SpeakOps, 2*time.Second)
	line.Number = ""
	for name, lines := range map[string][]any{
		"override":                {exceptional(routing.OverrideForceLegacy, routing.Legacy, 2*time.Second)},
		"test override":           {exceptional(routing.TestOverride, routing.SpeakOps, -2*time.Second)},
		"test line":               {line},
		"loop guard":              append(leg(0), exceptional(routing.LoopGuard, routing.SpeakOps, -2*time.Second)),
		"emergency call-back":     {exceptional(routing.PSAP, routing.Legacy, 2*time.Second)},
		"rescue_early_disconnect": {early, rescuedBy(routing.RescueEarlyDisconnect, "speakops", 404, 410)},
		"fallback_after_cut":      {late, rescuedBy(routing.FallbackAfterCut, "legacy", 503, 0)},
	} {
		t.Run(name, func(t *testing.T) {
			findings, totals := told(evening(), trusting, append(goodEvening(), lines...)...)
			if len(findings) != 0 || len(totals.Unproved) != 0 || len(totals.Exceptions) != 1 {
				t.Errorf("%v %v %v", findings, totals.Unproved, totals.Exceptions)
			}
		})
	}
}

// And nothing else: each condition is broken once.
func TestExceptionsWithoutTheirCondition(t *testing.T) {
	with := func(d Decision, change func(*Decision)) Decision { change(&d); return d }
	override := exceptional(routing.OverrideForceLegacy, routing.Legacy, 2*time.Second)
	test := exceptional(routing.TestOverride, routing.SpeakOps, -2*time.Second)
	line := exceptional(becauseTestLine, routing.SpeakOps, 2*time.Second)
	loop := exceptional(routing.LoopGuard, routing.SpeakOps, -2*time.Second)
	psap := exceptional(routing.PSAP, routing.Legacy, 2*time.Second)
	early := with(exceptional(routing.BeforeCut, routing.Legacy, -2*time.Second), func(d *Decision) { d.Revision = 7 })
	late := with(exceptional(routing.Cut, routing.SpeakOps, 2*time.Second), func(d *Decision) { d.Revision, d.State = 7, "activating" })
	twice := rescuedBy(routing.RescueEarlyDisconnect, "speakops", 404, 404)
	twice.Attempts[1].Gateway = twice.Attempts[0].Gateway
	for name, lines := range map[string][]any{
		"an override that begins later":         {with(override, func(d *Decision) { d.OverrideFrom = cutAt.Add(1800 * time.Millisecond) })},
		"an override that is over":              {with(override, func(d *Decision) { d.OverrideUntil = cutAt.Add(2 * time.Second) })},
		"an override to the other side":         {with(override, func(d *Decision) { d.Authority = "speakops" })},
		"a test override nobody asked for":      {with(test, func(d *Decision) { d.Forced = "" })},
		"a test override to the other side":     {with(test, func(d *Decision) { d.Forced = "legacy" })},
		"a test override of a stranger":         {with(test, func(d *Decision) { d.Trunk = "twilio" })},
		"a test line of a stranger":             {with(line, func(d *Decision) { d.Number, d.Trunk = "", "twilio" })},
		"a test line that is a number":          {line},
		"a loop without a leg":                  {loop},
		"a loop whose leg was answered":         append(leg(-2200*time.Millisecond), loop),
		"a loop of another caller":              append(leg(0), with(loop, func(d *Decision) { d.Caller = "+12025550198" })),
		"a loop of one who hides his number":    append(leg(0), with(loop, func(d *Decision) { d.Caller = "" })),
		"a loop the guard did not see":          append(leg(0), with(loop, func(d *Decision) { d.Looped = false })),
		"a loop of a number that is nobody's":   append(leg(0), with(loop, func(d *Decision) { d.Customer = "" })),
		"a loop that goes round again":          append(leg(0), with(loop, func(d *Decision) { d.Authority = "legacy" })),
		"no emergency":                          {with(psap, func(d *Decision) { d.PSAP = false })},
		"an emergency of a stranger":            {with(psap, func(d *Decision) { d.Trunk = "twilio" })},
		"a rescue though the callee was busy":   {early, rescuedBy(routing.RescueEarlyDisconnect, "speakops", 404, 486)},
		"a rescue before all were asked":        {early, rescuedBy(routing.RescueEarlyDisconnect, "speakops", 404)},
		"a rescue after two addresses of one":   {early, twice},
		"a rescue in another state":             {with(early, func(d *Decision) { d.State = "submitted" }), rescuedBy(routing.RescueEarlyDisconnect, "speakops", 404, 404)},
		"a rescue to the side it came from":     {early, rescuedBy(routing.RescueEarlyDisconnect, "legacy", 404, 404)},
		"a fallback before the cut":             {early, rescuedBy(routing.FallbackAfterCut, "legacy", 503, 503)},
		"a fallback though the callee declined": {late, rescuedBy(routing.FallbackAfterCut, "legacy", 503, 603)},
		"a rescue after the cut":                {late, rescuedBy(routing.RescueEarlyDisconnect, "speakops", 404, 404)},
	} {
		t.Run(name, func(t *testing.T) {
			findings, _ := told(evening(), trusting, append(goodEvening(), lines...)...)
			if len(findings) != 1 || findings[0].Promise != "exception_unfounded" {
				t.Errorf("%v", findings)
			}
		})
	}
}

// Records that lack the evidence prove nothing, which is said.
func TestExceptionsWithoutEvidence(t *testing.T) {
	d := exceptional(routing.OverrideForceLegacy, routing.Legacy, 2*time.Second)
	d.OverrideUntil = time.Time{}
	findings, totals := told(evening(), nil, d)
	if len(findings) != 0 || totals.Unproved["calls by override_force_legacy whose records do not show what it rests on"] != 1 {
		t.Errorf("%v %v", findings, totals.Unproved)
	}
}

// The edge that ends a call for another one knows that an exception carried it,
// and nothing of what was tried before.
func TestARescueOnlyTheTokenKnowsOf(t *testing.T) {
	early := exceptional(routing.BeforeCut, routing.Legacy, -2*time.Second)
	early.Revision = 7
	c := CDR{Where: "b.cdr:1", Edge: "b", Call: "call20", Authority: "speakops", Because: string(routing.RescueEarlyDisconnect), Outcome: "answered", ByToken: true}
	findings, totals := told(evening(), trusting, append(goodEvening(), early, c)...)
	if len(findings) != 0 || totals.Unproved["calls by rescue_early_disconnect of which only another edge has a record"] != 1 {
		t.Errorf("%v %v", findings, totals.Unproved)
	}
}

// P5: a call that was decided for one side goes to no gateway of the other.
func TestP5OtherGateway(t *testing.T) {
	d := decision(20, "a", -2*time.Second, routing.Legacy, routing.BeforeCut, 7)
	d.Gateways = []string{"l1", "l2"}
	c := CDR{Where: "a.cdr:20", Call: "call20", Authority: "legacy", Attempts: []Attempt{{Gateway: "l1", Code: 503}, {Gateway: "s1", Code: 200}}}
	findings, _ := told(evening(), nil, d, c)
	has(t, findings, "another_side", "a:20", "a.cdr:20")
	c.Attempts[1].Gateway = "l2"
	if findings, _ = told(evening(), nil, d, c); len(findings) != 0 {
		t.Errorf("%v", findings)
	}
}
