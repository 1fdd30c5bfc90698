package office

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// Trouble is said once, until it is another one; what a stop interrupts is none.
func TestTroubleIsSaidOnce(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, nil))
	var s said
	for _, err := range []error{errors.New("one"), errors.New("one"), fmt.Errorf("ledger: %w", context.Canceled), errors.New("two")} {
		s.once(log, "reading", err)
	}
	if n := strings.Count(out.String(), "\n"); n != 2 || strings.Contains(out.String(), "canceled") {
		t.Errorf("%d lines:\n%s", n, out.String())
	}
}
