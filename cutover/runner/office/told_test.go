package office

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

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
