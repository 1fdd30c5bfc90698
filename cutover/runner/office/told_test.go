package office

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/speakops/sipedge/cutover/ledger"
	"github.com/speakops/sipedge/cutover/runner"
	"github.com/speakops/sipedge/sipedge/admin"
)

// A file that says otherwise of an existing order's commitment than the order was
// told is refused: it would be kept without it, and the flip planned by a word that
// nobody gave.
func TestAPlanDoesNotChangeWhatTheWorldSaid(t *testing.T) {
	h := openHouse(t)
	h.plans(time.Now().Add(time.Hour))
	before := h.order().FOC.Due
	text := `{"zone":"UTC","order":{"id":"o-1","kind":"port_in","number_type":"local","numbers":["+12025550000 - +12025550009"],"scope":"full",
"losing_provider":"north","gaining_provider":"speakops","customer_assignment":"cust-1","foc":{"version":"3","due":"2031-03-03T10:00"}}}`
	_, err := h.Plan(t.Context(), anna, admin.PlanFile{Text: text})
	var p *admin.Problem
	if !errors.As(err, &p) || p.Status != http.StatusConflict || !strings.Contains(p.Detail, "another foc") || !strings.Contains(p.Detail, "foc_received") {
		t.Fatalf("%v", err)
	}
	if got := h.order().FOC; got.Version != "2" || !got.Due.Same(before) {
		t.Errorf("%+v", got)
	}
	// What a file leaves out, it leaves.
	without := strings.Replace(text, `,"foc":{"version":"3","due":"2031-03-03T10:00"}`, `,"note":"call first"`, 1)
	if _, err := h.Plan(t.Context(), anna, admin.PlanFile{Text: without}); err != nil {
		t.Fatal(err)
	}
	if got := h.order(); got.Note != "call first" || got.FOC.Version != "2" {
		t.Errorf("%+v", got)
	}
}

// Each edge tells of its own first call, when the store answers: the first of them
// all is by the calls' time, behind the last step, and not by the entries'.
func TestTheFirstCallIsThatOfTheLastStep(t *testing.T) {
	flip := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	back := flip.Add(time.Minute)
	var all told
	tell := func(edge string, step time.Time, after time.Duration) {
		detail, err := json.Marshal(map[string]any{"edge": edge, "call": "call-" + edge, "step": step, "after_us": after.Microseconds()})
		if err != nil {
			t.Fatal(err)
		}
		all.take(&ledger.Entry{ID: "1-1", Fields: [][2]string{{"kind", runner.FirstCall}, {"cutover", "c-1"}, {"detail", string(detail)}}})
	}
	tell("edge-1", flip, 300*time.Millisecond)
	tell("edge-2", flip, 8*time.Millisecond)
	tell("edge-3", flip, 20*time.Millisecond)
	if c, ok := all.firstCall("c-1"); !ok || c.Edge != "edge-2" || c.Call != "call-edge-2" || !c.At.Equal(flip.Add(8*time.Millisecond)) {
		t.Errorf("%+v", c)
	}
	tell("edge-3", back, time.Second)
	tell("edge-1", flip, time.Millisecond) // late news of the step before
	if c, _ := all.firstCall("c-1"); c.Edge != "edge-3" || !c.At.Equal(back.Add(time.Second)) {
		t.Errorf("%+v", c)
	}
}
