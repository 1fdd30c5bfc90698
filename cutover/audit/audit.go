// Package audit answers: do the records of all edges together keep the promises?
//
// It is fed what edges have written down, decision records and call detail
// records, in any order, and later the schedules of cutovers; it says which pair
// of lines breaks which promise. Nothing of the program that carries calls is in
// it: an audit that shared its mistakes would find none.
package audit

import (
	"fmt"
	"time"

	"github.com/speakops/sipedge/routing"
)

// Decision is one decision record as the audit needs it.
type Decision struct {
	Where string // file and line

	Edge, Call        string
	SIPCallID, Branch string // with Source they name the INVITE transaction
	Source            string
	Trunk, CallKey    string
	Number            string
	Kind              string // route, refuse, hold
	Authority         string
	Because           string
	Revision          uint64
	Outcome           string
	Code              int
	At                time.Time
	Interval          routing.Interval
}

// CDR is one call detail record as the audit needs it.
type CDR struct {
	Where string

	Edge, Call, Number string
	Authority, Because string
	Revision           uint64
	Outcome, HungUpBy  string
	Answered, Ended    time.Time
}

// Finding is a promise that was broken, by the lines that show it.
type Finding struct {
	Promise string // both_sides, two_cdrs, cdr_differs, revision_disagrees, revision_goes_back, flip_goes_back, not_the_holder
	Says    string
	Where   []string
}

// String is the finding on one line.
func (f Finding) String() string {
	s := f.Promise + ": " + f.Says
	for _, w := range f.Where {
		s += "\n    " + w
	}
	return s
}

// Schedule knows the timeline of a number at a revision of the schedule; false
// where that revision says nothing of the number, or is not known.
type Schedule func(number string, revision uint64) (routing.Timeline, bool)

// Exceptions to "only the holder carries a call", each with its own because.
var exceptions = map[string]bool{
	string(routing.OverrideForceLegacy): true, string(routing.OverrideForceSpeakOps): true, string(routing.TestOverride): true,
	string(routing.LoopGuard): true, string(routing.PSAP): true, string(routing.RescueEarlyDisconnect): true, string(routing.FallbackAfterCut): true,
}

// timeline are the reasons of a number in a live cutover: their revision is the
// schedule's, not the record's.
var timeline = map[string]bool{string(routing.BeforeCut): true, string(routing.Cut): true, string(routing.RolledBack): true}

// Auditor gathers records and what they break. The zero Auditor is not usable.
type Auditor struct {
	schedule Schedule

	decided map[string]*Decision // by Call
	byTx    map[txKey]*Decision
	ended   map[string]*CDR // by Call
	records map[revKey]*Decision
	steps   map[revKey]*stepped
	highest map[edgeNumber]*Decision
	retries map[string]*Decision // by trunk and CallKey

	findings []Finding
	totals   Totals
}

type txKey struct{ callID, branch, source string }

type revKey struct {
	number   string
	revision uint64
}

type edgeNumber struct {
	edge, number string
	timeline     bool
}

// stepped is what was seen of one revision's turns of one number.
type stepped struct {
	after  map[string]*Decision // by authority: the decision with the earliest certain time
	before map[string]*Decision // the one with the latest certain time
}

// Totals are what the audit has gone through.
type Totals struct {
	Decisions, CDRs   int
	Routed, Refused   int
	Held              int
	Exceptions        map[string]int // by because: allowed, and worth knowing
	Unaccounted       int            // routed calls without a CDR: still up, or their edge's records are missing
	Undecided         int            // CDRs without a decision: the records of the edge that decided are missing
	Gaps              uint64         // lines that edges say they had no room for
	StraddlingRetries int            // retries of one call that were sent to both sides by a flip between them
}

// New makes an Auditor; schedule may be nil.
func New(schedule Schedule) *Auditor {
	return &Auditor{
		schedule: schedule, decided: map[string]*Decision{}, byTx: map[txKey]*Decision{}, ended: map[string]*CDR{}, records: map[revKey]*Decision{},
		steps: map[revKey]*stepped{}, highest: map[edgeNumber]*Decision{}, retries: map[string]*Decision{}, totals: Totals{Exceptions: map[string]int{}},
	}
}

func (a *Auditor) found(promise string, where []string, format string, args ...any) {
	a.findings = append(a.findings, Finding{promise, fmt.Sprintf(format, args...), where})
}

// Gap notes that an edge had no room for n lines.
func (a *Auditor) Gap(n uint64) { a.totals.Gaps += n }

// Decision takes one decision record. Those of one edge must come in the order
// they were written.
func (a *Auditor) Decision(d Decision) {
	a.totals.Decisions++
	switch d.Kind {
	case "route":
		a.totals.Routed++
	case "hold":
		a.totals.Held++
		return
	default:
		a.totals.Refused++
		return
	}
	if exceptions[d.Because] {
		a.totals.Exceptions[d.Because]++
	}
	a.oneSide(&d)
	a.oneAnswer(&d)
	a.forward(&d)
	a.holder(&d)
	a.retry(&d)
}

// CDR takes one call detail record.
func (a *Auditor) CDR(c CDR) {
	a.totals.CDRs++
	if before := a.ended[c.Call]; before != nil {
		a.found("two_cdrs", []string{before.Where, c.Where}, "call %s has two call detail records", c.Call)
		return
	}
	a.ended[c.Call] = &c
}

// Findings are the promises broken; call it when everything has been fed.
func (a *Auditor) Findings() ([]Finding, Totals) {
	a.flips()
	for call, c := range a.ended {
		d := a.decided[call]
		switch {
		case d == nil && c.Outcome == "answered":
			a.totals.Undecided++
		case d != nil && c.Authority != "" && c.Authority != d.Authority:
			a.found("cdr_differs", []string{d.Where, c.Where}, "call %s was decided for %s and carried by %s", call, d.Authority, c.Authority)
		}
	}
	for call := range a.decided {
		if a.ended[call] == nil {
			a.totals.Unaccounted++
		}
	}
	return a.findings, a.totals
}
