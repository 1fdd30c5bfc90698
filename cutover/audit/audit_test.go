package audit

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/speakops/sipedge/routing"
)

var cutAt = time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)

const number = "+12025550143"

// decision is one call decided by an edge so long after the cut, by a clock that
// is right to half a second.
func decision(n int, edge string, after time.Duration, authority routing.RoutingAuthority, because routing.Because, revision uint64) Decision {
	at := cutAt.Add(after)
	return Decision{
		Where: fmt.Sprintf("%s:%d", edge, n), Edge: edge, Call: fmt.Sprint("call", n), SIPCallID: fmt.Sprint("id", n), Branch: fmt.Sprint("branch", n), Source: "192.0.2.1:5060",
		Number: number, Caller: fmt.Sprintf("+1303555%04d", n), Kind: "route", Authority: authority.String(), Because: string(because), Revision: revision, At: at,
		Interval: routing.Around(at, 500*time.Millisecond),
	}
}

// asked is a test call that says which side it wants.
func asked(d Decision) Decision {
	d.Forced = d.Authority
	return d
}

func schedule(_ string, revision uint64) (routing.Timeline, bool) {
	t, err := routing.NewTimeline(revision, routing.Legacy, routing.Turn{At: cutAt, Authority: routing.SpeakOps})
	return t, err == nil && revision == 7
}

// good is a cutover over two edges that keeps every promise.
func good() []any {
	return []any{
		decision(1, "a", -2*time.Second, routing.Legacy, routing.BeforeCut, 7),
		decision(2, "b", -time.Second, routing.Legacy, routing.BeforeCut, 7),
		decision(3, "a", time.Second, routing.SpeakOps, routing.Cut, 7),
		decision(4, "b", 2*time.Second, routing.SpeakOps, routing.Cut, 7),
		asked(decision(5, "b", 3*time.Second, routing.Legacy, routing.TestOverride, 7)),
		CDR{Where: "a.cdr:1", Edge: "a", Call: "call1", Authority: "legacy", Outcome: "answered"},
		CDR{Where: "b.cdr:1", Call: "call4", Authority: "speakops", Outcome: "answered"},
	}
}

func audit(s Schedule, lines []any) ([]Finding, Totals) { return fed(New(s), lines) }

// fed is what an auditor says of these lines.
func fed(a *Auditor, lines []any) ([]Finding, Totals) {
	for _, l := range lines {
		switch l := l.(type) {
		case Decision:
			a.Decision(l)
		case CDR:
			a.CDR(l)
		}
	}
	return a.Findings()
}

func TestAGoodCutover(t *testing.T) {
	findings, totals := audit(schedule, good())
	if len(findings) != 0 || totals.Routed != 5 || totals.Exceptions["test_override"] != 1 || totals.Unaccounted != 3 {
		t.Errorf("%v %+v", findings, totals)
	}
}

// Each way to break a promise is found, named, and shown by its lines.
func TestBrokenPromises(t *testing.T) {
	twin := decision(6, "b", time.Second, routing.SpeakOps, routing.Cut, 7)
	twin.SIPCallID, twin.Branch = "id1", "branch1" // the INVITE that edge a carried to legacy
	same := decision(6, "a", time.Second, routing.SpeakOps, routing.Cut, 7)
	same.Call = "call1"
	for name, c := range map[string]struct {
		more    []any
		promise string
		where   string
	}{
		"one INVITE to both sides":            {[]any{twin}, "both_sides", "a:1 b:6"},
		"one call decided twice":              {[]any{same}, "both_sides", "a:1 a:6"},
		"two CDRs":                            {[]any{CDR{Where: "b.cdr:2", Call: "call1", Authority: "legacy"}}, "two_cdrs", "a.cdr:1 b.cdr:2"},
		"two CDRs by the token":               {[]any{CDR{Where: "b.cdr:2", Edge: "b", Call: "call2", ByToken: true}, CDR{Where: "c.cdr:1", Edge: "c", Call: "call2", ByToken: true}}, "two_cdrs", "b.cdr:2 c.cdr:1"},
		"two CDRs of one edge":                {[]any{CDR{Where: "a.cdr:2", Edge: "a", Call: "call1", ByToken: true}}, "two_cdrs", "a.cdr:1 a.cdr:2"},
		"carried by another than was decided": {[]any{CDR{Where: "b.cdr:2", Call: "call2", Authority: "speakops"}}, "cdr_differs", "b:2 b.cdr:2"},
		"one revision, two holders":           {[]any{decision(6, "a", 0, routing.Legacy, routing.Record, 99), decision(8, "b", 0, routing.SpeakOps, routing.Record, 99)}, "revision_disagrees", "a:6 b:8"},
		"an edge goes back":                   {[]any{decision(6, "a", 0, routing.Legacy, routing.Record, 100), decision(8, "a", time.Hour, routing.Legacy, routing.Record, 99)}, "revision_goes_back", "a:6 a:8"},
		"before the cut, after it":            {[]any{decision(6, "b", 5*time.Second, routing.Legacy, routing.BeforeCut, 7)}, "flip_goes_back", "a:3 b:6"},
		"after the cut, before it":            {[]any{decision(6, "b", -5*time.Second, routing.SpeakOps, routing.Cut, 7)}, "not_the_holder", "b:6"},
		"while the clock cannot tell":         {[]any{decision(6, "b", 100*time.Millisecond, routing.SpeakOps, routing.Cut, 7)}, "not_the_holder", "b:6"},
	} {
		findings, _ := audit(schedule, append(good(), c.more...))
		ok := false
		for _, f := range findings {
			ok = ok || f.Promise == c.promise && strings.Join(f.Where, " ") == c.where
		}
		if !ok {
			t.Errorf("%s: %v", name, findings)
		}
	}
}

// Overrides, holds and refusals break nothing; a retry on the other side of a
// flip is counted.
func TestWhatIsAllowed(t *testing.T) {
	first, again := decision(6, "a", -3*time.Second, routing.Legacy, routing.BeforeCut, 7), decision(8, "a", 3*time.Second, routing.SpeakOps, routing.Cut, 7)
	first.CallKey, again.CallKey = "sid1", "sid1"
	held := decision(9, "a", 0, routing.AuthorityNone, routing.ClockUncertain, 7)
	held.Kind = "hold"
	elsewhere := CDR{Where: "b.cdr:2", Edge: "b", Call: "call1", Authority: "legacy", Outcome: "answered", ByToken: true}
	findings, totals := audit(schedule, append(good(), first, again, held, decision(10, "a", time.Hour, routing.Legacy, routing.OverrideForceLegacy, 3), elsewhere))
	if len(findings) != 0 || totals.Elsewhere != 1 || totals.StraddlingRetries != 1 || totals.Held != 1 || len(totals.Retries) != 1 || strings.Join(totals.Retries[0].Where, " ") != "a:6 a:8" {
		t.Errorf("%v %+v", findings, totals)
	}
}
