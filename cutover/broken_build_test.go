//go:build broken

package cutover

import "testing"

func TestEveryRuleHasItsName(t *testing.T) {
	if 1<<(len(ruleNames)-1) != sameIDs {
		t.Errorf("%d names, and the last rule is %b", len(ruleNames), sameIDs)
	}
	if e, err := (Edge{}).Break("actFirst"); err != nil || e.broken != actFirst {
		t.Error(err)
	}
	if _, err := (Edge{}).Break("nothing"); err == nil {
		t.Error("an unknown rule is broken")
	}
}
