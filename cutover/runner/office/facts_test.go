package office

import (
	"testing"
	"time"

	"github.com/speakops/sipedge/cutover/runner"
)

// An edge that has just begun has no age of its table to tell, and lint says so
// instead of a year.
func TestATableThatWasNeverCompleteHasNoAge(t *testing.T) {
	at := time.Date(2026, 3, 2, 15, 0, 0, 0, time.UTC)
	if e := edgeFacts(&runner.Beat{At: at, TableAge: runner.NeverComplete}); !e.Table.IsZero() {
		t.Errorf("never complete, and yet at %s", e.Table)
	}
	if e := edgeFacts(&runner.Beat{At: at, TableAge: time.Second}); !e.Table.Equal(at.Add(-time.Second)) {
		t.Errorf("complete at %s, want a second before %s", e.Table, at)
	}
}
