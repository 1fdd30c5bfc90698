package cutover

import (
	"testing"
	"time"
)

// mutations breaks each rule by itself, and says in which fleet it shows. What
// the exploration does not miss when it is gone need not be there.
var mutations = map[string]options{
	"rule 1: a revision removes edges that still run":   {seed: 34, edges: 3, members: 3, broken: removeAny, off: true},
	"rule 1: a number is in two cutovers":               {seed: 130, broken: noOverlap, settle: true},
	"rule 2: a cutover is dropped before it is over":    {seed: 704, broken: rewrite, settle: true},
	"rule 3: all but one acknowledgement commit":        {edges: 3, members: 3, broken: majority},
	"rule 3: a joiner's acknowledgement is enough":      {seed: 49, edges: 2, members: 1, broken: joinerAlone, steps: 300},
	"rule 4: what is committed is aborted":              {harness: abortAfter},
	"rule 4: nobody aborts what is overdue":             {broken: noDeadline, harness: memberGone, edges: 3, members: 3, off: true},
	"rule 5: a declared-off edge still runs":            {edges: 3, members: 3, off: true, harness: offRuns},
	"rule 5: a stopped edge is never declared off":      {edges: 3, members: 3, off: true, harness: memberGone},
	"rule 5: declaring off commits after the deadline":  {edges: 3, members: 3, off: true, broken: lateOff | noDeadline},
	"rule 6: a new generation works at once":            {broken: unrecovered},
	"rule 7: no barrier":                                {broken: noBarrier},
	"rule 7: the barrier lacks one member":              {seed: 85, edges: 3, members: 3, broken: quorum},
	"rule 7: an off member's journal is lost: commit":   {seed: 1603, edges: 3, members: 3, off: true, lost: true, broken: blindCommit},
	"rule 7: aborted ids are neither kept nor reported": {seed: 1613, broken: reprepare | noAbortedReport},
	"rule 8: no guard at all":                           {seed: 33, broken: noEdgeGuard | noStoreGuard},
	"rule 8: the store's guard alone, recovery untimed": {seed: 33, broken: noEdgeGuard},
	"rule 8: the store's guard below its clock's error": {seed: 33, broken: noEdgeGuard, guard: time.Microsecond},
	"rule 8: acknowledged before it is journaled":       {seed: 2050, broken: ackFirst},
	"rule 8: prepared without a journal":                {broken: volatile},
	"rule 8: a second prepare replaces the first":       {broken: overwrite | anyBase},
	"rule 9: a clock without error":                     {harness: pointClock},
	"rule 9: the prepared revision is not looked at":    {harness: answerOld},
	"rule 9: the prepared revision is believed":         {harness: answerNew},
	"rule 9: the revision is read before the clock":     {seed: 571, harness: revisionOld, slow: true},
	"rule 10: an outcome is acted on before it is kept": {seed: 1474, broken: actFirst, rough: true},
	"rule 10: an unknown id is taken as aborted":        {broken: absence},
	"rule 10: a prepare is dropped on a timeout":        {seed: 366, broken: dropLate},
	"rule 10: whatever is committed is adopted":         {broken: naive | noBarrier},
	"rule 11: lower generations are believed":           {broken: oldGeneration},
	"rule 12: serving before a body contains it":        {edges: 2, members: 1, broken: joinAtOnce},
	"the store dies before outcomes are learned":        {harness: deadAnytime},
	"settled lists leave no floor":                      {settle: true, harness: forgetFloors},
}

// TestEveryRuleIsNeeded breaks the rules one by one and wants to see it.
func TestEveryRuleIsNeeded(t *testing.T) {
	for name, o := range mutations {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if o.edges == 0 {
				o.edges, o.members = 2, 2
			}
			if o.steps == 0 {
				o.steps = 200
			}
			o.failovers = 1
			seed, failure := o.explore(t, 10_000)
			if failure == "" {
				t.Fatal("nobody notices")
			}
			t.Logf("seed %d: %s", seed, failure)
		})
	}
}

// Rule 1: ids are drawn, not counted. A store that lost its tail counts one twice,
// and an acknowledgement that was long on its way means another revision.
func TestRule01IDsAreNeverUsedTwice(t *testing.T) {
	for _, counted := range []bool{false, true} {
		w := newFleet(t, 2, 0)
		if counted {
			w.opt.harness, w.live().broken = counterIDs, sameIDs
		}
		a, b := w.edges[0], w.edges[1]
		b.edge.broken = w.live().broken
		rolled := w.live().clone()
		x := w.proposes(t, w.next(steps(noon.Add(time.Minute))))
		w.poll(a)
		w.inspect(a)
		w.sync(a)
		late := w.mail
		w.mail = nil
		if len(late) != 1 || w.live().Abort(x.ID, w.now, true) != nil {
			t.Fatalf("%d messages", len(late))
		}
		w.round(a)
		rolled.Life = "s1"
		w.stores = append(w.stores, rolled)
		for range 4 {
			w.round(a, b)
		}
		y := w.proposes(t, w.next(steps(noon.Add(4*time.Second))))
		w.round(b)
		w.hand(late[0])
		w.round(b)
		w.now = noon.Add(5 * time.Second)
		w.ask(a)
		w.ask(b)
		if counted != (x.ID == y.ID) || counted != (len(w.failures) > 0) {
			t.Errorf("counted %v: %s and %s, %v", counted, x.ID, y.ID, w.failures)
		}
		w.failures = nil
	}
}
