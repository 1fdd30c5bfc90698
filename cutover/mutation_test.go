package cutover

import (
	"testing"
	"time"
)

// mutations breaks each rule by itself, and says in which fleet it shows. What
// the exploration does not miss when it is gone need not be there.
var mutations = map[string]options{
	"rule 1: a revision removes edges that still run":   {edges: 3, members: 3, broken: removeAny, off: true},
	"rule 1: ids are counted in the store":              {harness: counterIDs, broken: sameIDs, rough: true},
	"rule 1: a number is in two cutovers":               {broken: noOverlap, settle: true},
	"rule 2: a cutover is dropped before it is over":    {broken: rewrite, settle: true},
	"rule 3: all but one acknowledgement commit":        {edges: 3, members: 3, broken: majority},
	"rule 3: a joiner's acknowledgement is enough":      {edges: 2, members: 1, broken: joinerAlone, steps: 300},
	"rule 4: what is committed is aborted":              {harness: abortAfter},
	"rule 4: nobody aborts what is overdue":             {broken: noDeadline, harness: memberGone, edges: 3, members: 3, off: true},
	"rule 5: a declared-off edge still runs":            {edges: 3, members: 3, off: true, harness: offRuns},
	"rule 5: a stopped edge is never declared off":      {edges: 3, members: 3, off: true, harness: memberGone},
	"rule 5: declaring off commits after the deadline":  {edges: 3, members: 3, off: true, broken: lateOff | noDeadline},
	"rule 6: a new generation works at once":            {broken: unrecovered},
	"rule 7: no barrier":                                {broken: noBarrier},
	"rule 7: the barrier lacks one member":              {edges: 3, members: 3, broken: quorum},
	"rule 7: an off member's journal is lost: commit":   {edges: 3, members: 3, off: true, lost: true, broken: blindCommit},
	"rule 7: an off member's journal is lost: abort":    {edges: 3, members: 3, off: true, lost: true, broken: blindAbort, rough: true},
	"rule 7: aborted ids are neither kept nor reported": {broken: reprepare | noAbortedReport},
	"rule 8: no guard at all":                           {broken: noEdgeGuard | noStoreGuard},
	"rule 8: the store's guard alone, recovery untimed": {broken: noEdgeGuard},
	"rule 8: the store's guard below its clock's error": {broken: noEdgeGuard, guard: time.Microsecond},
	"rule 8: acknowledged before it is journaled":       {broken: ackFirst},
	"rule 8: prepared without a journal":                {broken: volatile},
	"rule 8: a second prepare replaces the first":       {broken: overwrite | anyBase},
	"rule 9: a clock without error":                     {harness: pointClock},
	"rule 9: the prepared revision is not looked at":    {harness: answerOld},
	"rule 9: the prepared revision is believed":         {harness: answerNew},
	"rule 9: the revision is read before the clock":     {harness: revisionOld, slow: true},
	"rule 10: an outcome is acted on before it is kept": {broken: actFirst, rough: true},
	"rule 10: an unknown id is taken as aborted":        {broken: absence},
	"rule 10: a prepare is dropped on a timeout":        {broken: dropLate},
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
			seed, failure := o.explore(t, 20*(*runsFlag))
			if failure == "" {
				t.Fatal("nobody notices")
			}
			t.Logf("seed %d: %s", seed, failure)
		})
	}
}
