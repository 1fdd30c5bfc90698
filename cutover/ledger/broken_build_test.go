//go:build broken

package ledger

import "testing"

func TestEveryRuleOfTheStoreCanBeBroken(t *testing.T) {
	for name := range edits {
		if err := new(Ledger).Break(name); err != nil {
			t.Error(err)
		}
	}
	if new(Ledger).Break("nothing") == nil {
		t.Error("an unknown rule is broken")
	}
}
