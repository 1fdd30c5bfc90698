package cutover

import (
	"flag"
	"strings"
	"testing"
)

var (
	seedFlag = flag.Uint64("seed", 0, "play this one seed of the exploration")
	runsFlag = flag.Int("runs", 300, "how many runs an exploration has")
)

// fleets are the explorations of the protocol as it is.
var fleets = map[string]options{
	"two edges":                {edges: 2, members: 2, steps: 150, failovers: 1},
	"three edges":              {edges: 3, members: 3, steps: 200, failovers: 1},
	"one joins":                {edges: 3, members: 2, steps: 200, failovers: 1},
	"one is stopped":           {edges: 3, members: 3, steps: 200, failovers: 1, off: true},
	"and its disk is lost":     {edges: 3, members: 3, steps: 200, failovers: 1, off: true, lost: true},
	"two failovers":            {edges: 3, members: 2, steps: 250, failovers: 2, off: true},
	"slow decisions":           {edges: 2, members: 2, steps: 150, failovers: 1, slow: true},
	"numbers come and go":      {edges: 2, members: 2, steps: 250, failovers: 1, settle: true},
	"everything at four edges": {edges: 4, members: 3, steps: 300, failovers: 2, off: true, settle: true, slow: true},
}

func (o options) explore(t *testing.T, runs int) (seed uint64, failure string) {
	if o.guard == 0 {
		o.guard = 2 * epsilon
	}
	answered, refused, commits := 0, 0, 0
	for i := range uint64(runs) {
		seed := i + max(o.seed, 1)
		if *seedFlag != 0 {
			seed = *seedFlag
		}
		w := newWorld(seed, o)
		if *seedFlag != 0 {
			w.trace = t.Logf
		}
		w.run()
		if len(w.failures) > 0 {
			return seed, strings.Join(w.failures[:min(3, len(w.failures))], "\n")
		}
		answered, refused, commits = answered+w.ghost.answered, refused+w.ghost.refused, commits+w.ghost.commits
		if *seedFlag != 0 {
			break
		}
	}
	t.Logf("%d runs: %d answers, %d turned away, %d revisions committed", runs, answered, refused, commits)
	return 0, ""
}

// TestExploration plays the protocol against chance: nobody is ever answered by
// the wrong side, nothing committed is taken back, and once everything works
// again everybody answers.
func TestExploration(t *testing.T) {
	for name, o := range fleets {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if seed, failure := o.explore(t, *runsFlag); failure != "" {
				t.Errorf("go test ./cutover -run 'TestExploration/%s' -seed %d\n%s", name, seed, failure)
			}
		})
	}
}
