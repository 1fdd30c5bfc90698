package judge

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
)

// A number is a register: a flip writes who holds it, a call reads it between the
// moment its caller asked and the moment a gateway had it. That needs nothing of
// what the edges say: if some order of reads and writes explains what callers and
// gateways saw, P1 and P2 held for the number.
type access struct {
	Write     bool
	Authority string
}

var register = porcupine.Model{
	Init: func() any { return "" },
	Step: func(state, input, output any) (bool, any) {
		in := input.(access)
		if in.Write {
			return true, in.Authority
		}
		return output.(string) == state.(string), state
	},
	DescribeOperation: func(input, output any) string {
		if in := input.(access); in.Write {
			return "flip to " + in.Authority
		}
		return "call to " + output.(string)
	},
}

// within bounds the search for one number; a history beyond it is counted, not
// believed.
const within = 20 * time.Second

// clockError is how far store time and the loggers' clock may be apart, on one machine.
const clockError = time.Millisecond

// registers checks every number's history.
func (v *Verdict) registers(e *Evidence, s *schedule) {
	asked := map[string]time.Time{}
	for i := range e.Calls {
		asked[e.Calls[i].ID] = e.Calls[i].Asked
	}
	history := map[string][]porcupine.Operation{}
	for _, d := range e.Deliveries {
		from, known := asked[d.ID]
		if !known {
			v.breaks("P5", "a gateway of %s had call %s, which nobody placed", d.Side, d.ID)
			continue
		}
		history[d.Number] = append(history[d.Number], porcupine.Operation{Input: access{}, Output: d.Side, Call: from.UnixNano(), Return: d.At.UnixNano()})
	}
	for number, ops := range history {
		c, live := s.final[e.Numbers[number]]
		if !live {
			c.First = "legacy"
		}
		v.linear(number, append(ops, writes(&c)...))
	}
}

func writes(c *cutover) []porcupine.Operation {
	all := []porcupine.Operation{{Input: access{true, c.First}, Call: 0, Return: 1}}
	for i := range c.Turns {
		at := c.Turns[i].at()
		if at.Before(time.Now()) {
			all = append(all, porcupine.Operation{Input: access{true, c.Turns[i].Authority}, Call: at.Add(-clockError).UnixNano(), Return: at.Add(clockError).UnixNano()})
		}
	}
	return all
}

func (v *Verdict) linear(number string, ops []porcupine.Operation) {
	slices.SortStableFunc(ops, func(a, b porcupine.Operation) int { return int(a.Call - b.Call) })
	for i := range ops {
		ops[i].ClientId = i
	}
	switch porcupine.CheckOperationsTimeout(register, ops, within) {
	case porcupine.Ok:
		v.Checked += len(ops)
	case porcupine.Unknown:
		v.Beyond++
	case porcupine.Illegal:
		v.breaks("P2", "%s: no order of flips and calls explains what gateways saw: %s", number, around(ops))
	}
}

// around shows the calls that are next to some flip: the culprit is among them.
func around(ops []porcupine.Operation) string {
	var out []string
	for i, op := range ops {
		near := op.Input.(access).Write
		for j := max(0, i-2); j < min(len(ops), i+3); j++ {
			near = near || ops[j].Input.(access).Write
		}
		if near && op.Call > 1 {
			out = append(out, fmt.Sprintf("%s [%s, %s]", register.DescribeOperation(op.Input, op.Output), clockTime(time.Unix(0, op.Call)), clockTime(time.Unix(0, op.Return))))
		}
	}
	return strings.Join(out, "; ")
}
