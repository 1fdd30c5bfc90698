package order

import (
	"fmt"
	"slices"
	"strings"

	"github.com/speakops/sipedge/routing"
)

// Finding is one thing Lint found: what, where, and what to do.
type Finding struct {
	Name     string                 `json:"name"` // stable; what a warning is acknowledged by
	Severity Severity               `json:"severity"`
	Where    string                 `json:"where,omitempty"` // an edge, a route, a key
	Text     string                 `json:"text"`
	Do       string                 `json:"do"`
	Count    int                    `json:"count,omitempty"`   // numbers concerned
	Numbers  []routing.PublicNumber `json:"numbers,omitempty"` // the first of them
}

// String is one line for a terminal.
func (f Finding) String() string {
	var s strings.Builder
	fmt.Fprintf(&s, "%s %s", f.Severity, f.Name)
	if f.Where != "" {
		fmt.Fprintf(&s, " at %s", f.Where)
	}
	s.WriteString(": " + f.Text)
	if f.Count > 0 {
		fmt.Fprintf(&s, " (%d: ", f.Count)
		for i, n := range f.Numbers {
			if i > 0 {
				s.WriteString(", ")
			}
			s.WriteString(n.String())
		}
		if f.Count > len(f.Numbers) {
			s.WriteString(", ...")
		}
		s.WriteString(")")
	}
	return s.String() + "; " + f.Do
}

// Report is everything Lint found, errors first, each kind together.
type Report struct {
	Findings []Finding `json:"findings,omitempty"`
}

// Blocking are the findings that keep a plan from being armed: every error, and
// every warning nobody has acknowledged by its name.
func (r Report) Blocking(acks []Ack) []Finding {
	var left []Finding
	for _, f := range r.Findings {
		named := func(a Ack) bool { return a.Warning == f.Name }
		if f.Severity == Error || !slices.ContainsFunc(acks, named) {
			left = append(left, f)
		}
	}
	return left
}

// Known is one finding Lint can make.
type Known struct {
	Name     string
	Severity Severity
	Means    string
}

// Catalogue is every finding there is. Names are never given a new meaning.
func Catalogue() []Known { return slices.Clone(catalogue) }

var catalogue = []Known{
	// Papers.
	{"document_invalid", Error, "the order or the plan breaks a rule of its own form"},
	{"state_not_armable", Error, "the order's porting state is not one to arm in"},
	{"exception_open", Error, "rejected, jeopardy or conflict freezes the order"},
	{"account_not_validated", Error, "the losing provider has not validated the account"},
	{"loa_missing", Error, "there is no letter of authorisation"},
	{"loa_old", Warning, "the letter of authorisation was signed long ago"},
	{"foc_missing", Error, "there is no version of the firm order commitment"},
	{"foc_changed", Error, "the plan was made for another version of the commitment"},
	{"foc_outside_window", Error, "the commitment and the window have no instant in common"},
	{"foc_partly_outside", Warning, "a part of the commitment's window lies outside the plan's"},
	{"foc_expired", Error, "the registry has purged, or is about to purge, the pending port"},
	{"foc_on_weekend", Warning, "the commitment falls on a Saturday or Sunday, when few providers work"},
	{"flip_before_foc", Warning, "the flip comes before the losing provider lets go"},
	{"flip_long_after_foc", Warning, "between commitment and flip the losing provider may have let go"},
	{"emergency_open", Warning, "where help is sent is not settled"},
	{"checklist_open", Warning, "things beside the calls are open"},

	// Times.
	{"wall_time_wrong", Error, "a wall time is skipped or shown twice by today's rules of its zone"},
	{"wall_time_moved", Error, "the rules of a zone have changed since a wall time was entered"},
	{"window_over", Error, "the window is closed, or closes before a revision can take force"},
	{"flip_too_soon", Error, "the instant is nearer than a revision can be agreed on"},
	{"window_long", Warning, "the window is open for more than a day"},

	// The list.
	{"billing_number_in_partial", Error, "the billing number leaves and what stays has none"},
	{"billing_number_left_behind", Warning, "a full port does not contain the billing number"},
	{"siblings_left_behind", Error, "a full port leaves numbers of the account behind"},
	{"siblings_stay", Warning, "a partial port leaves numbers of the account behind"},
	{"block_with_holes", Warning, "a block of numbers is nearly complete"},

	// The records.
	{"number_unknown", Error, "the store has no record of a number"},
	{"number_type_differs", Error, "a record's number_type is not the order's"},
	{"number_in_cutover", Error, "a number is already in another live cutover"},
	{"number_in_order", Error, "a number is in another order that is not over"},
	{"authority_contradicts", Error, "a record's routing_authority is not where the first step begins"},
	{"state_contradicts", Error, "a record's porting_state is not the order's"},
	{"customer_missing", Error, "a number comes to speakops and belongs to nobody there"},
	{"customer_differs", Error, "a record belongs to another customer"},
	{"losing_provider_differs", Warning, "a record names another serving or losing provider"},
	{"carriers_mixed", Warning, "the numbers lie with several carriers"},
	{"override_in_window", Warning, "an override rules a number during the window, whatever the timeline says"},

	// The way.
	{"route_missing", Error, "a side has no route, or one that is not its own"},
	{"no_healthy_gateway", Error, "an edge has no living gateway on a side"},
	{"gateway_dark", Warning, "an edge has a dark gateway on a side"},
	{"legacy_target_unsafe", Error, "from activating on the legacy route would bring calls back to us"},
	{"no_way_back", Warning, "the legacy route cannot be used after the flip"},
	{"no_rollback_plan", Warning, "nobody has said when and how to go back"},
	{"no_rescue_route", Warning, "the plan counts on a rescue the route does not allow"},

	// The fleet.
	{"store_unrecovered", Error, "the store accepts no revision until it is recovered"},
	{"revision_pending", Warning, "another revision waits for its outcome"},
	{"no_replica", Warning, "the store has no replica"},
	{"no_edges", Error, "the fleet has no member"},
	{"edge_missing", Error, "a member has not been heard of lately"},
	{"edge_not_ready", Error, "a member says that it is not ready"},
	{"edge_clock_wide", Error, "a member's clock is too uncertain"},
	{"edge_table_old", Error, "a member's table may lack what the store holds"},
	{"guard_small", Error, "the fleet's guard does not cover the clocks"},
}

func finding(name string) (Known, bool) {
	for _, k := range catalogue {
		if k.Name == name {
			return k, true
		}
	}
	return Known{}, false
}
