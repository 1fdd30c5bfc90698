package audit

import (
	"slices"
	"time"

	"github.com/speakops/sipedge/routing"
)

// Trust is what a trunk of the configuration may claim.
type Trust struct{ TestOverride, PSAP bool }

// Trunks says what each trunk was trusted with: then exceptions of trunks that
// were not are found.
func (a *Auditor) Trunks(trusts map[string]Trust) { a.trusts = trusts }

// exceptions to "only the holder carries a call", by the because of the decision: each checks
// the condition it was named for, and says what is wrong, "" for nothing. ok is
// false when the records lack what would show it.
var exceptions map[string]func(a *Auditor, d *Decision) (wrong string, ok bool)

func init() {
	exceptions = map[string]func(*Auditor, *Decision) (string, bool){
		string(routing.OverrideForceLegacy):   overridden(routing.Legacy),
		string(routing.OverrideForceSpeakOps): overridden(routing.SpeakOps),
		string(routing.TestOverride):          testOverride,
		becauseTestLine:                       testLine,
		string(routing.LoopGuard):             loopGuard,
		string(routing.PSAP):                  psap,
	}
}

// founded checks every exception that was made.
func (a *Auditor) founded() {
	for _, d := range a.routed {
		check := exceptions[d.Because]
		if check == nil {
			continue
		}
		switch wrong, ok := check(a, d); {
		case !ok:
			a.unproved("calls by " + d.Because + " whose records do not show what it rests on")
		case wrong != "":
			a.found("exception_unfounded", []string{d.Where}, "%s was carried by %s as %s, but %s", d.Number, d.Authority, d.Because, wrong)
		}
	}
}

// overridden: an operator's word was in force over the whole interval.
func overridden(side routing.RoutingAuthority) func(*Auditor, *Decision) (string, bool) {
	return func(_ *Auditor, d *Decision) (string, bool) {
		switch {
		case d.Authority != side.String():
			return "that word is for the other side", true
		case d.OverrideFrom.IsZero() || d.OverrideUntil.IsZero():
			return "", false
		case d.Interval.Earliest.Before(d.OverrideFrom) || !d.Interval.Latest.Before(d.OverrideUntil):
			return "the override is in force from " + d.OverrideFrom.UTC().Format(time.RFC3339Nano) + " until " + d.OverrideUntil.UTC().Format(time.RFC3339Nano) +
				", and the call was decided within " + span(d.Interval), true
		}
		return "", true
	}
}

// testOverride: a trunk that is trusted with it asked for that side.
func testOverride(a *Auditor, d *Decision) (string, bool) {
	switch {
	case d.Forced == "":
		return "nobody asked for a side", true
	case d.Forced != d.Authority:
		return "the caller asked for " + d.Forced, true
	case a.trusts != nil && !a.trusts[d.Trunk].TestOverride:
		return "trunk " + d.Trunk + " is not trusted to choose a side", true
	}
	return "", true
}

// becauseTestLine stands in calls that no number is in.
const becauseTestLine = "test_line"

// testLine: a trunk that is trusted with it called a line of the edge's own by its
// name, which is nobody's number.
func testLine(a *Auditor, d *Decision) (string, bool) {
	switch {
	case d.Number != "":
		return "what was dialled is a public number, and somebody holds it", true
	case a.trusts != nil && !a.trusts[d.Trunk].TestOverride:
		return "trunk " + d.Trunk + " is not trusted to choose where its calls go", true
	}
	return "", true
}

// psap: an emergency service calls back, on a trunk that is trusted to say so.
func psap(a *Auditor, d *Decision) (string, bool) {
	switch {
	case !d.PSAP:
		return "it was no emergency call-back", true
	case a.trusts != nil && !a.trusts[d.Trunk].PSAP:
		return "trunk " + d.Trunk + " is not trusted with emergency call-backs", true
	}
	return "", true
}

// nearby is how far an edge's own times of two calls may be from the order in
// which it handled them.
const nearby = 100 * time.Millisecond

// loopGuard: a leg of ours to the legacy side, for the same caller and number, was
// open and not yet answered at the same edge. Callers without a number share a
// fingerprint, and it takes two of their legs.
func loopGuard(a *Auditor, d *Decision) (string, bool) {
	switch {
	case d.Authority != routing.SpeakOps.String():
		return "it was sent to the legacy side again", true
	case !d.Looped:
		return "the guard had recognised nothing", true
	case d.Customer == "":
		return "no customer of ours has the number", true
	}
	want, legs := 1, 0
	if d.Caller == "" {
		want = 2
	}
	for _, leg := range a.calls[d.Number] {
		if leg.Edge != d.Edge || leg.Caller != d.Caller || leg.Call == d.Call ||
			leg.At.After(d.At.Add(nearby)) || leg.Authority != routing.Legacy.String() {
			continue
		}
		over := time.Time{}
		if c := a.ended[leg.Call]; c != nil {
			if over = c.Answered; over.IsZero() {
				over = c.Ended
			}
		}
		if over.IsZero() || !over.Before(d.At.Add(-nearby)) {
			legs++
		}
	}
	if legs < want {
		return "no leg of ours to the legacy side was open for it", true
	}
	return "", true
}

// letGo are the finals by which the losing provider says that it serves the
// number no more.
var letGo = []int{404, 410, 480, 604}

// early are the states in which that provider may have let go too soon.
var early = []string{"foc_confirmed", "armed", "jeopardy", "conflict", "released", "cpr_scheduled"}

// rescue says what is wrong with a call that the other side took over: every gateway
// of the holder is to be asked first and to fail in the way that the exception is
// for, on the side of the cut that it is for. Such a call was decided as any other
// is; its CDR alone has the exception.
func rescue(a *Auditor, d *Decision, c *CDR, because string) string {
	holder := routing.Legacy
	if because == string(routing.FallbackAfterCut) {
		holder = routing.SpeakOps
	}
	if c.Authority != holder.Other().String() {
		return "it is for calls that " + holder.Other().String() + " takes over"
	}
	if t := a.known.of(d.Number); t != nil && !d.Interval.Latest.Before(t.since) {
		if holds, sure := t.line.During(d.Interval); !sure || holds != holder {
			return "by the journal " + holds.String() + " held the number"
		}
	}
	if holder == routing.Legacy && !slices.Contains(early, d.State) {
		return "its port stood at " + d.State
	}
	tried := map[string]bool{}
	for _, at := range c.Attempts {
		if !slices.Contains(d.Gateways, at.Gateway) {
			continue
		}
		tried[at.Gateway] = true
		gone := slices.Contains(letGo, at.Code)
		down := at.Code == 0 || at.Code == 408 || at.Code >= 500 && at.Code < 600
		if holder == routing.Legacy && !gone || holder == routing.SpeakOps && !down {
			return "gateway " + at.Gateway + " of " + holder.String() + " did not fail in that way (" + at.Result + ")"
		}
	}
	if len(tried) < len(d.Gateways) {
		return "not every gateway of " + holder.String() + " was asked first"
	}
	return ""
}

// carriedAsDecided: a call went to gateways of the side it was decided for, and
// to no others, but for what an exception allows.
func (a *Auditor) carriedAsDecided(d *Decision, c *CDR) {
	where := []string{d.Where, c.Where}
	switch c.Because {
	case string(routing.RescueEarlyDisconnect), string(routing.FallbackAfterCut):
		a.totals.Exceptions[c.Because]++
		if c.ByToken { // it knows of no attempts
			a.unproved("calls by " + c.Because + " of which only another edge has a record")
			return
		}
		if wrong := rescue(a, d, c, c.Because); wrong != "" {
			a.found("exception_unfounded", where, "call %s to %s ended at %s as %s, but %s", d.Call, d.Number, c.Authority, c.Because, wrong)
		}
		return
	case string(routing.PSAP):
		return // either side will do
	}
	if c.Authority != "" && c.Authority != d.Authority {
		a.found("cdr_differs", where, "call %s was decided for %s and carried by %s", d.Call, d.Authority, c.Authority)
	}
	for _, at := range c.Attempts {
		if len(d.Gateways) > 0 && !slices.Contains(d.Gateways, at.Gateway) {
			a.found("another_side", where, "call %s was decided for %s by %v and tried gateway %s", d.Call, d.Authority, d.Gateways, at.Gateway)
			return
		}
	}
}
