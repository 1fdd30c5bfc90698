package routing

import (
	"fmt"
	"strings"
	"time"
)

// Step is one rule that was asked on the way to a decision, and what it said.
type Step struct {
	Rule string // one stable word: call, number, table, override, ...
	Says string // for people
}

// Explain walks the code of Decide and tells what each rule said. The last step
// is the decision itself, as Decide would have made it.
func Explain(view View, at Interval, call Call) []Step {
	t := &trace{}
	decide(view, at, &call, t)
	return t.steps
}

// trace collects steps; a nil trace collects nothing and costs a comparison.
type trace struct {
	steps []Step
	edges []time.Time // for Outlook
}

func (t *trace) say(rule, format string, args ...any) {
	t.steps = append(t.steps, Step{rule, fmt.Sprintf(format, args...)})
}

func (t *trace) call(c *Call, at Interval) {
	if t == nil {
		return
	}
	s := fmt.Sprintf("%s on trunk %q at %s", orElse(c.To.String(), "no number"), string(c.Trunk), spell(at))
	if c.Forced != AuthorityNone {
		s += ", forced to " + c.Forced.String() + " by a trusted test trunk"
	}
	if c.PSAP {
		s += ", emergency call-back"
	}
	if c.Looped {
		s += ", our own legacy leg coming back"
	}
	t.say("call", "%s", s)
}

func (t *trace) number(b Brief, known bool) {
	if t == nil {
		return
	}
	if !known {
		t.say("number", "not in the table")
		return
	}
	n := b.Number()
	t.say("number", "known: routing_authority=%s porting_state=%s customer_assignment=%s revision=%d", n.RoutingAuthority,
		orElse(n.PortingState.String(), "-"), orElse(string(n.CustomerAssignment), "-"), n.Revision)
}

func (t *trace) stale(stale bool) {
	if t == nil {
		return
	}
	if stale {
		t.say("table", "too old to say that there is no such number")
		return
	}
	t.say("table", "fresh")
}

func (t *trace) override(o *Override, kind OverrideKind, sure bool) {
	if t == nil {
		return
	}
	t.edge(o.From, o.Until)
	switch {
	case o.Kind == OverrideNone:
		t.say("override", "none")
	case !sure:
		t.say("override", "%s, but the clock straddles an edge of %s", kind, o.span())
	case kind == OverrideNone:
		t.say("override", "%s not in force, only in %s", o.Kind, o.span())
	default:
		t.say("override", "%s by %s (%s) in %s", kind, o.Author, o.Reason, o.span())
	}
}

func (o *Override) span() string {
	return "[" + clock(o.From) + ", " + clock(o.Until) + ")"
}

func (t *trace) psap() {
	if t != nil {
		t.say("psap", "an emergency call-back passes the block")
	}
}

func (t *trace) timeline(line *Timeline, at Interval, authority RoutingAuthority, sure bool) {
	if t == nil {
		return
	}
	if sure {
		t.say("timeline", "revision %d: %s; now %s", line.revision, line, authority)
		return
	}
	t.say("timeline", "revision %d: %s; a step lies inside the clock's error of %s", line.revision, line, at.Width()/2)
}

// String is the whole timeline: "legacy until 2026-03-01T10:00:00Z then speakops".
func (t *Timeline) String() string {
	var s strings.Builder
	s.WriteString(t.first.String())
	for _, turn := range t.turns {
		fmt.Fprintf(&s, " until %s then %s", clock(turn.At), turn.Authority)
	}
	return s.String()
}

func (t *trace) prepared(s Schedule, disputed bool) {
	if t == nil || !s.Open {
		return
	}
	line := "the record holds"
	if s.Prepared != nil {
		t.edgesOf(s.Prepared)
		line = fmt.Sprintf("revision %d: %s", s.Prepared.revision, s.Prepared)
	}
	if disputed {
		t.say("prepared", "%s; whether that holds is not known here, and it would answer otherwise", line)
		return
	}
	t.say("prepared", "%s; whether that holds is not known here, and it would answer the same now", line)
}

func (t *trace) record(holder RoutingAuthority, because Because) {
	if t != nil {
		t.say("record", "holder %s (%s)", holder, because)
	}
}

func (t *trace) loop(b Brief) {
	if t == nil {
		return
	}
	n := b.Number()
	if n.CustomerAssignment == "" {
		t.say("loop_guard", "would go to legacy again, and no customer is assigned to take it")
		return
	}
	t.say("loop_guard", "would go to legacy again; customer %s takes it at speakops", n.CustomerAssignment)
}

func (t *trace) route(id RouteID, a RoutingAuthority, r *Route, why Because) {
	if t == nil {
		return
	}
	name := orElse(string(id), "default of "+a.String())
	if why != "" {
		t.say("route", "%s cannot be taken: %s", name, why)
		return
	}
	t.say("route", "%s is %s", name, r.ID)
}

func (t *trace) rescue(d *Decision, word Because) {
	if t == nil {
		return
	}
	if d.Rescue == nil {
		t.say("rescue", "%s would be allowed, but the other side has no passable route", word)
		return
	}
	t.say("rescue", "%s if %s fails: %s", word, d.Route.ID, d.Rescue.ID)
}

func (t *trace) verdict(d *Decision) {
	if t != nil {
		t.say("decision", "%s", d.String())
	}
}

// String is the decision in one line, the form of stories and ladders.
func (d Decision) String() string {
	var s strings.Builder
	s.WriteString(d.Kind.String())
	switch d.Kind {
	case KindRoute:
		fmt.Fprintf(&s, " %s via=%s", d.Authority, d.Route.names(d.Order))
	case KindRefuse:
		fmt.Fprintf(&s, " %s", d.Intent)
	case KindHold:
		fmt.Fprintf(&s, " until=%s", clock(d.Until))
	}
	fmt.Fprintf(&s, " because=%s", d.Because)
	if d.Rescue != nil {
		fmt.Fprintf(&s, " rescue=%s:%s", d.RescueBecause, d.Rescue.names(d.RescueOrder))
	}
	return s.String()
}

// names lists the gateways of an order, or names the builtin.
func (r *Route) names(o Order) string {
	if r == nil {
		return "-"
	}
	if r.Builtin != "" {
		return r.Builtin
	}
	names := make([]string, o.N)
	for i := range names {
		names[i] = string(r.Gateways[o.At[i]].ID)
	}
	return strings.Join(names, ",")
}

func spell(at Interval) string {
	return fmt.Sprintf("%s +-%s", clock(at.Mid()), at.Width()/2)
}

// clock is an instant in UTC, to the nanosecond where it matters.
func clock(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.999999999Z") }

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
