package order

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/speakops/sipedge/cutover"
	"github.com/speakops/sipedge/routing"
)

// Facts is what the fleet knows, at one instant. The functions are asked once
// for each number, and must not change their minds meanwhile.
type Facts struct {
	Now   time.Time // store time
	Zones Zones
	Fleet cutover.Fleet

	MaxError     time.Duration // clock.max_error: half the width of an interval
	MaxTableAge  time.Duration
	MaxHeartbeat time.Duration // how old the last sign of life of a member may be

	Record    func(routing.PublicNumber) (routing.Number, bool)
	InCutover func(routing.PublicNumber) (cutover.ID, bool) // live ones
	InOrder   func(routing.PublicNumber) (ID, bool)         // orders that are not over
	// Customer is every record assigned to the order's customer, in any order.
	Customer []routing.Number

	Routes   map[routing.RouteID]*routing.Route
	Legacy   routing.RouteID // defaults
	SpeakOps routing.RouteID

	Edges []EdgeFacts
	Store StoreFacts
}

// EdgeFacts is one edge by its last heartbeat.
type EdgeFacts struct {
	ID        cutover.MemberID
	Member    bool // of the committed revision
	Off       bool // declared off
	Heartbeat time.Time
	Error     time.Duration // of its clock: half the width of its interval
	Table     time.Time     // when its table was last known to hold all the store held; zero: never
	NotReady  string        // why, "" when it is ready
	Health    map[routing.RouteID]RouteHealth
}

// RouteHealth is how many gateways of a route are alive on an edge. A builtin
// route has one of one.
type RouteHealth struct{ Alive, Of int }

// StoreFacts is the store as it answers for itself.
type StoreFacts struct {
	Recovered bool
	Error     time.Duration // of its own clock against the fleet's, as far as known
	Pending   cutover.RevisionID
	Replicas  int
}

// Lint holds an order and its plan against the facts, and tells everything a
// porting desk would rather hear before than after. It never stops at the first.
func Lint(o *Order, p *Plan, f *Facts) Report {
	l := &linter{o: o, p: p, f: f, at: map[string]int{}, taken: map[way]routing.PublicNumber{}}
	l.form()
	l.papers()
	l.times()
	l.commitment()
	l.billing()
	l.numbers()
	l.siblings()
	l.blocks()
	l.ways()
	l.fleet()
	l.edges()
	slices.SortStableFunc(l.found, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Severity, b.Severity), cmp.Compare(rank(a.Name), rank(b.Name)))
	})
	return Report{l.found}
}

func rank(name string) int {
	return slices.IndexFunc(catalogue, func(k Known) bool { return k.Name == name })
}

type linter struct {
	o     *Order
	p     *Plan
	f     *Facts
	found []Finding
	at    map[string]int // name and where -> place in found

	taken map[way]routing.PublicNumber // the routes these numbers take, each with one of them
}

// way is how the numbers of one record shape go on a side.
type way struct {
	route routing.RouteID
	side  routing.RoutingAuthority
}

func (l *linter) say(name, where, do, text string, args ...any) *Finding {
	k, ok := finding(name)
	if !ok {
		panic("order: no finding " + name)
	}
	l.found = append(l.found, Finding{Name: name, Severity: k.Severity, Where: where, Text: fmt.Sprintf(text, args...), Do: do})
	return &l.found[len(l.found)-1]
}

// examples is how many numbers a finding lists.
const examples = 5

// each is say for one of many numbers: the text stands once, numbers are counted.
func (l *linter) each(n routing.PublicNumber, name, where, do, text string, args ...any) {
	key := name + "\x00" + where
	i, ok := l.at[key]
	if !ok {
		l.say(name, where, do, text, args...)
		i = len(l.found) - 1
		l.at[key] = i
	}
	f := &l.found[i]
	if f.Count++; len(f.Numbers) < examples {
		f.Numbers = append(f.Numbers, n)
	}
}

func (l *linter) form() {
	for _, err := range []error{l.o.Check(), l.p.Check()} {
		if all, ok := err.(Mistakes); ok {
			for _, m := range all {
				l.say("document_invalid", m.Path, m.Remedy, "%s", m.Problem)
			}
		}
	}
	if l.p.Order != l.o.ID {
		l.say("document_invalid", "order", "plan a cutover of this order", "the plan is for order %s, not for %s", l.p.Order, l.o.ID)
	}
}

// papers says one by one what MayArm would refuse at the first.
func (l *linter) papers() {
	o, p := l.o, l.p
	again := o.Live != nil && (o.Live.Phase == Flipped || o.Live.Phase == RolledBack)
	if o.Live.flips() && o.Live.Cutover == p.ID {
		return // armed already: what is asked is whether it is still right
	}
	if !slices.Contains(o.armStates(p.Purpose, again), o.PortingState) || (p.Purpose == Depart) != (o.Kind == PortOut) {
		l.say("state_not_armable", "porting_state", "bring the order there first: "+list(spellings(o.armStates(p.Purpose, again))),
			"%s is not a state in which a cutover for %s is armed", orNone(o.PortingState), p.Purpose)
	}
	for _, e := range o.Exceptions {
		l.say("exception_open", string(e.Kind), "have it cleared, or supplement the order", "%s since %s: %s", e.Kind, e.Since.UTC().Format(time.RFC3339), e.Reason)
	}
	if p.Purpose == Arrive {
		l.authorisation()
	}
	c := &o.Checklist
	if p.Purpose == Arrive && c.Emergency != Done && c.Emergency != NotNeeded {
		l.say("emergency_open", "checklist.e911", "register the addresses and mark it done", "emergency calls of these numbers may still send help by the old provider's record")
	}
	var open []string
	for _, task := range []struct {
		name  string
		state TaskState
	}{{"cnam", c.CallerName}, {"messaging", c.Messaging}, {"directory", c.Directory}, {"forwarding", c.Forwarding}} {
		if task.state != Done && task.state != NotNeeded {
			open = append(open, task.name)
		}
	}
	if len(open) > 0 && p.Purpose == Arrive {
		l.say("checklist_open", "checklist", "mark each done or not_needed", "open: %s", list(open))
	}
	if o.Live == nil || !again {
		return
	}
	if o.Live.Cutover != p.ID {
		l.say("number_in_cutover", string(o.Live.Cutover), "make it a step of that cutover, or wait until it is settled", "the whole order is still in cutover %s", o.Live.Cutover)
	}
}

// loaLife is how long providers commonly take a letter for a fresh one.
const loaLife = 30 * 24 * time.Hour

func (l *linter) authorisation() {
	o := l.o
	if o.Validation.State != Validated {
		l.say("account_not_validated", "account_validation", "have name, address, account and PIN checked", "account validation is %s", cmp.Or(o.Validation.State, NotStarted))
	}
	switch {
	case o.LOA == nil:
		l.say("loa_missing", "loa", "have the customer sign one", "there is no letter of authorisation")
	case l.f.Now.Sub(o.LOA.Signed) > loaLife:
		l.say("loa_old", "loa", "have it signed again, or ask the losing provider", "signed %s, more than 30 days ago", o.LOA.Signed.UTC().Format(time.DateOnly))
	}
}
