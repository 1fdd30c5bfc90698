package feed

import (
	"fmt"
	"math"
	"strings"

	"github.com/speakops/sipedge/routing"
)

// The script checks a step of porting_state against the record as it is at that
// very moment, but the rules live in routing: it is handed the states from which
// the one asked for may be reached, per kind of number.

// kinds is the order in which the script expects them.
var kinds = [...]routing.NumberType{routing.Local, routing.TollFree, routing.NumberTypeUnknown}

// reach is, for each state that can be asked for, the states that may precede
// it, as ",a,b,". By hand nothing is armed; orders do, on the papers they have.
var (
	reach        = reached("")
	reachOfOrder = reached("of the order")
)

func reached(foc string) map[string][len(kinds)]string {
	m := make(map[string][len(kinds)]string)
	for to := range everyState {
		var lists [len(kinds)]string
		for i, kind := range kinds {
			list := ","
			for from := range everyState {
				if (routing.Move{NumberType: kind, From: from, To: to, FOC: foc}).Check() == nil {
					list += from.String() + ","
				}
			}
			lists[i] = list
		}
		m[to.String()] = lists
	}
	return m
}

// everyState yields each porting state that has a spelling.
func everyState(yield func(routing.PortingState) bool) {
	for s := range math.MaxUint8 {
		state := routing.PortingState(s)
		if _, err := state.MarshalText(); err == nil && !yield(state) {
			return
		}
	}
}

func (c *change) predecessors() [len(kinds)]string {
	if c.verb == "settle" {
		return reachOfOrder[c.state]
	}
	return reach[c.state]
}

// TransitionError refuses a step of porting_state that no port can take.
type TransitionError struct {
	Number   routing.PublicNumber
	From, To string
	Reason   string // what is wrong, and what would be right
}

func (e *TransitionError) Error() string {
	return fmt.Sprintf("%s: porting_state cannot go from %s to %s: %s", e.Number, show(e.From), show(e.To), e.Reason)
}

// refusedStep words the script's refusal; detail is from and number_type.
func refusedStep(c *change, detail string) error {
	from, kind, _ := strings.Cut(detail, ",")
	e := &TransitionError{Number: c.number, From: from, To: c.value(fieldPortingState), Reason: "the record's own words are unknown here"}
	var m routing.Move
	var err error
	if m.From, err = routing.ParsePortingState(from); err != nil {
		return e
	}
	if m.To, err = routing.ParsePortingState(e.To); err != nil {
		return e
	}
	if m.NumberType, err = routing.ParseNumberType(kind); err != nil {
		return e
	}
	if illegal, ok := m.Check().(*routing.IllegalMove); ok {
		e.Reason = illegal.Reason
	}
	return e
}
