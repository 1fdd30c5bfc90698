package runner

import (
	"testing"
	"time"

	"github.com/speakops/sipedge/cutover"
)

// P5: an edge that may begin a chain begins none where it knows of one, be it by a
// joining that came to nothing and of which its journal alone still tells: the store
// has lost that chain, and others answer by it.
func TestWhoHasMetAChainBeginsNoOther(t *testing.T) {
	joiner := cutover.MemberID("edge-2~1")
	base := &cutover.Revision{ID: "1", Number: 1, Members: []cutover.MemberID{"edge-1~1"}}
	joining := &cutover.Revision{ID: "2", Previous: "1", Number: 2, Members: []cutover.MemberID{"edge-1~1", joiner}}
	journal := []cutover.Entry{
		{Kind: cutover.KindBegun, Self: joiner},
		{Kind: cutover.KindPromised, Generation: cutover.Generation{Number: 1, Nonce: "n"}},
		{Kind: cutover.KindPrepared, Base: base, Revision: joining},
		{Kind: cutover.KindAborted, ID: joining.ID},
	}
	for known := 2; known <= len(journal); known++ {
		e, err := cutover.Replay(journal[:known])
		if err != nil {
			t.Fatal(err)
		}
		if e, err = cutover.Replay(e.Entries()); err != nil { // and in a shortened journal
			t.Fatal(err)
		}
		r := &Runner{opts: Options{Auto: true}, edge: e, lonely: time.Now().Add(-2 * hearSay)}
		if new := known == 2; r.alone() != new {
			t.Errorf("after %s it may begin a chain: %v", journal[known-1].Kind, !new)
		}
	}
}
