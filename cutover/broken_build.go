//go:build broken

package cutover

import (
	"fmt"
	"slices"
	"strings"
)

var ruleNames = strings.Fields("noEdgeGuard ackFirst volatile overwrite reprepare anyBase actFirst absence dropLate naive oldGeneration joinAtOnce noAbortedReport " +
	"noStoreGuard noDeadline majority joinerAlone unrecovered noBarrier quorum lateOff blindCommit blindAbort noLead removeAny noOverlap rewrite sameIDs")

// Break makes an edge that does not keep the named rules, for simulations that
// are to go red. It exists in builds with the tag broken only.
func (e Edge) Break(names ...string) (Edge, error) {
	broken, err := rulesOf(names)
	e.broken |= broken
	return e, err
}

// Break makes a recovery that does not keep the named rules, as Edge.Break does.
func (b Barrier) Break(names ...string) (Barrier, error) {
	broken, err := rulesOf(names)
	b.broken |= broken
	return b, err
}

func rulesOf(names []string) (all rules, err error) {
	for _, name := range names {
		i := slices.Index(ruleNames, name)
		if i < 0 {
			return all, fmt.Errorf("no rule is called %q; there are %s", name, strings.Join(ruleNames, ", "))
		}
		all |= 1 << i
	}
	return all, nil
}
