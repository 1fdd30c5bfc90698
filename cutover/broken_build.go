//go:build broken

package cutover

import (
	"fmt"
	"strings"
)

var ruleNames = strings.Fields("noEdgeGuard ackFirst volatile overwrite reprepare anyBase actFirst absence dropLate naive oldGeneration joinAtOnce noAbortedReport " +
	"noStoreGuard noDeadline majority joinerAlone unrecovered noBarrier quorum lateOff blindCommit blindAbort noLead removeAny noOverlap rewrite sameIDs")

// Break makes an edge that does not keep the named rules, for simulations that
// are to go red. It exists in builds with the tag broken only.
func (e Edge) Break(names ...string) (Edge, error) {
	for _, name := range names {
		found := false
		for i, known := range ruleNames {
			if known == name {
				e.broken |= 1 << i
				found = true
			}
		}
		if !found {
			return e, fmt.Errorf("no rule is called %q; there are %s", name, strings.Join(ruleNames, ", "))
		}
	}
	return e, nil
}
