// Package audit answers: do the records of all edges together keep the promises?
//
// It is fed what edges have written down, decision records and call detail
// records, in any order, and the journal of the fleet's revisions with the lists
// of numbers they speak of; it says which pair of lines breaks which promise.
// Nothing of the program that carries calls is in it: an audit that shared its
// mistakes would find none.
package audit

import (
	"cmp"
	"fmt"
	"slices"
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
	Number, Caller    string
	Customer          string // customer_assignment
	State             string // porting_state
	Kind              string // route, refuse, hold
	Authority         string
	Because           string
	Revision          uint64
	Gateways          []string
	Outcome           string
	Code              int
	At                time.Time // arrival of the INVITE, by the edge's own clock
	Held              time.Duration
	Interval          routing.Interval

	// What exceptions rest on.
	Forced                      string // the side that a trusted test trunk asked for
	PSAP, Looped                bool
	OverrideFrom, OverrideUntil time.Time
}

// CDR is one call detail record as the audit needs it.
type CDR struct {
	Where string

	Edge, Call, Number string
	Authority, Because string
	Revision           uint64
	Outcome, HungUpBy  string
	Answered, Ended    time.Time
	ByToken            bool // of an edge that did not answer the call
	Attempts           []Attempt
}

// Attempt is one gateway tried.
type Attempt struct {
	Gateway, Result string
	Code            int
}

// Finding is a promise that was broken, by the lines that show it.
type Finding struct {
	Promise string   `json:"promise"` // one word for the kind of finding; see Promises
	Says    string   `json:"says"`
	Where   []string `json:"where"`
}

// Promises are the kinds of findings, each with the promise of the program that
// it breaks.
var Promises = map[string]string{
	"not_the_holder": "P1", "exception_unfounded": "P1", "revision_disagrees": "P1", "not_committed": "P1", "cdr_differs": "P1",
	"flip_goes_back": "P2", "no_single_instant": "P2", "revision_goes_back": "P2", "history_rewritten": "P2", "two_chains": "P2", "committed_and_aborted": "P2",
	"both_sides": "P5", "two_cdrs": "P5", "another_side": "P5",
	"journal_changed": "journal", "journal_differs": "journal", "journal_broken": "journal",
}

// String is the finding in a paragraph.
func (f Finding) String() string {
	s := f.Promise + ": " + f.Says
	if p := Promises[f.Promise]; p != "" {
		s = p + " " + s
	}
	for _, w := range f.Where {
		s += "\n    " + w
	}
	return s
}

// Schedule knows the timeline of a number at a revision of the schedule; false
// where that revision says nothing of the number, or is not known.
type Schedule func(number string, revision uint64) (routing.Timeline, bool)

// timeline are the reasons of a number in a live cutover: their revision is the
// schedule's, not the record's.
var timeline = map[string]bool{string(routing.BeforeCut): true, string(routing.Cut): true, string(routing.RolledBack): true}

// Auditor gathers records and what they break. The zero Auditor is not usable.
type Auditor struct {
	schedule Schedule
	// OneClock says that all edges ran on one machine, and how long an INVITE may
	// wait there before it is decided: then that machine's own clock orders the
	// calls, and store time need not be believed. 0: the edges' intervals do.
	OneClock time.Duration

	decided map[string]*Decision // by Call
	routed  []*Decision
	calls   map[string][]*Decision // routed, by number
	byTx    map[txKey]*Decision
	ended   map[string]*CDR // by Call
	records map[revKey]*Decision
	steps   map[revKey]*stepped
	highest map[edgeNumber]*Decision
	retries map[string]*Decision // by trunk and CallKey
	trusts  map[string]Trust     // by trunk; nil: nobody said
	chain   *chain
	known   *truths

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

// Totals are what the audit has gone through.
type Totals struct {
	Decisions   int            `json:"decisions"`
	CDRs        int            `json:"cdrs"`
	Routed      int            `json:"routed"`
	Refused     int            `json:"refused"`
	Held        int            `json:"held"`
	Waited      int            `json:"waited"` // routed after waiting for the clock
	LongestHold time.Duration  `json:"longest_hold_ns"`
	Exceptions  map[string]int `json:"exceptions"`  // by because: allowed, and worth knowing
	Unaccounted int            `json:"unaccounted"` // routed calls without a CDR: still up, or their edge's records are missing
	Undecided   int            `json:"undecided"`   // CDRs without a decision: the records of the edge that decided are missing
	Elsewhere   int            `json:"elsewhere"`   // calls with two CDRs: ended at one edge, given up later by the one that answered
	Gaps        uint64         `json:"gaps"`        // lines that edges say they had no room for

	// StraddlingRetries are retries of one call that were sent to both sides by a
	// flip between them; Retries shows the first of them.
	StraddlingRetries int       `json:"straddling_retries"`
	Retries           []Finding `json:"retries,omitempty"`

	Entries   int    `json:"journal_entries"`
	Revisions int    `json:"revisions"` // committed
	Flips     []Flip `json:"flips,omitempty"`
	ByHolder  int    `json:"by_holder"` // calls held against the journal's timeline
	// What cannot be proved by what was given.
	Unproved map[string]int `json:"unproved"`
	// Linear is how many numbers' histories porcupine has found to be those of one
	// register, TooLong how many were too long or too tangled for it.
	Linear  int `json:"linearizable"`
	TooLong int `json:"too_long"`
}

// maxShown bounds lists of what is no broken promise.
const maxShown = 20

// New makes an Auditor; schedule may be nil.
func New(schedule Schedule) *Auditor {
	return &Auditor{
		schedule: schedule, decided: map[string]*Decision{}, byTx: map[txKey]*Decision{}, ended: map[string]*CDR{}, records: map[revKey]*Decision{},
		steps: map[revKey]*stepped{}, highest: map[edgeNumber]*Decision{}, retries: map[string]*Decision{}, chain: newChain(), calls: map[string][]*Decision{},
		totals: Totals{Exceptions: map[string]int{}, Unproved: map[string]int{}},
	}
}

func (a *Auditor) found(promise string, where []string, format string, args ...any) {
	a.findings = append(a.findings, Finding{promise, fmt.Sprintf(format, args...), where})
}

// unproved counts what would need evidence that was not given.
func (a *Auditor) unproved(what string) { a.totals.Unproved[what]++ }

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
	if d.Interval.Latest.Before(d.Interval.Earliest) || d.Held < 0 {
		a.unproved("calls whose record no clock can have written")
		return
	}
	if d.Held > 0 {
		a.totals.Waited++
		a.totals.LongestHold = max(a.totals.LongestHold, d.Held)
	}
	if exceptions[d.Because] != nil {
		a.totals.Exceptions[d.Because]++
	}
	if d.Because == becauseTestLine && d.Number == "" {
		a.routed = append(a.routed, &d) // no number: no holder, no side, no other answer
		return
	}
	a.oneSide(&d)
	a.oneAnswer(&d)
	a.forward(&d)
	a.holder(&d)
	a.routed = append(a.routed, &d)
}

// CDR takes one call detail record.
func (a *Auditor) CDR(c CDR) {
	a.totals.CDRs++
	if before := a.ended[c.Call]; before != nil {
		if before.ByToken != c.ByToken && before.Edge != c.Edge {
			a.totals.Elsewhere++
			if before.ByToken { // the other one knows more of the call
				a.ended[c.Call] = &c
			}
			return
		}
		a.found("two_cdrs", []string{before.Where, c.Where}, "call %s has two call detail records", c.Call)
		return
	}
	a.ended[c.Call] = &c
}

// Findings are the promises broken; call it once, when everything has been fed.
func (a *Auditor) Findings() ([]Finding, Totals) {
	a.flips()
	a.readChain()
	// Reports read better in the order things happened.
	slices.SortStableFunc(a.routed, func(x, y *Decision) int {
		return cmp.Or(x.Interval.Earliest.Compare(y.Interval.Earliest), cmp.Compare(x.Where, y.Where))
	})
	for _, d := range a.routed {
		a.calls[d.Number] = append(a.calls[d.Number], d)
		a.retry(d)
	}
	a.known = &truths{a.chain, map[*life][]*Flip{}, map[string]*truth{}}
	a.byHolder()
	a.founded()
	a.oneInstant()
	for call, c := range a.ended {
		d := a.decided[call]
		switch {
		case d == nil && c.Outcome == "answered":
			a.totals.Undecided++
		case d != nil:
			a.carriedAsDecided(d, c)
		}
	}
	for call := range a.decided {
		if a.ended[call] == nil {
			a.totals.Unaccounted++
		}
	}
	slices.SortStableFunc(a.findings, func(x, y Finding) int {
		return cmp.Or(cmp.Compare(Promises[x.Promise], Promises[y.Promise]), cmp.Compare(x.Promise, y.Promise), slices.Compare(x.Where, y.Where), cmp.Compare(x.Says, y.Says))
	})
	return a.findings, a.totals
}
