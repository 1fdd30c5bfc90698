package audit

import (
	"math"
	"slices"
	"sort"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/speakops/sipedge/routing"
)

// Limits of what porcupine is asked: the search is exponential at worst.
const (
	maxHistory = 5000
	searchFor  = 2 * time.Second
	searchAll  = 2 * time.Minute
)

// step is what happens to the register of one number: it turns for the n-th time,
// or, at -1, is read by a call.
type step struct{ turn int }

// register is a number's routing authority as one register that every edge reads:
// it turns at unknown instants, each at some time after its cutover was agreed
// upon, and every call reads it at one instant between the ends of its interval.
// If that is impossible, no single instant flipped the fleet.
func register(holds []string) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return 0 },
		Step: func(state, input, output any) (bool, any) {
			at, in := state.(int), input.(step)
			if in.turn >= 0 {
				return in.turn == at, at + 1
			}
			return holds[at] == output.(string), at
		},
		Equal: func(x, y any) bool { return x.(int) == y.(int) },
	}
}

// oneInstant: once any edge has answered "after", none answers "before".
func (a *Auditor) oneInstant() {
	left := searchAll
	for number, calls := range a.calls {
		t := a.known.of(number)
		if t == nil || len(t.turns) == 0 {
			continue
		}
		all := slices.DeleteFunc(slices.Clone(calls), func(d *Decision) bool { return exceptions[d.Because] != nil || d.Interval.Latest.Before(t.since) })
		if len(all)+len(t.turns) > maxHistory || left <= 0 {
			a.totals.TooLong++
			continue
		}
		switch a.check(t, all) {
		case porcupine.Ok:
			a.totals.Linear++
		case porcupine.Unknown:
			a.totals.TooLong++
			left -= searchFor
		case porcupine.Illegal:
			a.shows(number, t, all)
		}
	}
}

// check asks whether calls can have read the register of t.
func (a *Auditor) check(t *truth, calls []*Decision) porcupine.CheckResult {
	since := func(at time.Time) int64 { return int64(at.Sub(t.since)) } // however far away, it saturates
	ops := make([]porcupine.Operation, 0, len(calls)+len(t.turns))
	for i, from := range t.from {
		ops = append(ops, porcupine.Operation{ClientId: i, Input: step{i}, Call: since(from), Return: math.MaxInt64})
	}
	for i, d := range calls {
		at := a.window(d)
		ops = append(ops, porcupine.Operation{ClientId: len(t.turns) + i, Input: step{-1}, Output: d.Authority, Call: since(at.Earliest), Return: since(at.Latest)})
	}
	return porcupine.CheckOperationsTimeout(register(t.holds), ops, searchFor)
}

// window is when a call was decided: within the interval of its edge's clock, or,
// where all edges have one clock, between its arrival and the end of the longest
// that it may have waited.
func (a *Auditor) window(d *Decision) routing.Interval {
	if a.OneClock <= 0 {
		return d.Interval
	}
	return routing.Interval{Earliest: d.At, Latest: d.At.Add(d.Held + a.OneClock)}
}

// shows finds the pair: the first call that no order explains any more, and the
// nearest before it that was carried by the other side.
func (a *Auditor) shows(number string, t *truth, calls []*Decision) {
	calls = slices.SortedFunc(slices.Values(calls), func(x, y *Decision) int { return a.window(x).Latest.Compare(a.window(y).Latest) })
	at := sort.Search(len(calls)-1, func(n int) bool { return a.check(t, calls[:n+1]) == porcupine.Illegal })
	late := calls[at]
	where := []string{late.Where}
	says := "before any cutover had agreed to it"
	for _, d := range slices.Backward(calls[:at]) {
		if d.Authority != late.Authority && !a.window(d).Latest.After(a.window(late).Earliest) {
			where, says = []string{d.Where, late.Where}, "after "+d.Authority+" had carried one"
			break
		}
	}
	a.found("no_single_instant", where, "%s: a call within %s was carried by %s %s; with the %d turns of its cutovers no order of the calls explains that",
		number, span(a.window(late)), late.Authority, says, len(t.turns))
}
