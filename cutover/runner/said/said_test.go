package said

import (
	"context"
	"errors"
	"fmt"
	"testing"
)

// Trouble is told once, until it is another one or begins anew; what a stop
// interrupts is none.
func TestTroubleIsToldOnce(t *testing.T) {
	var s Said
	one := errors.New("one")
	for i, step := range []struct {
		about string
		err   error
		news  bool
	}{
		{"store", nil, false}, {"store", one, true}, {"store", one, false}, {"journal", one, true},
		{"store", fmt.Errorf("ledger: %w", context.Canceled), false}, {"store", one, false},
		{"store", errors.New("two"), true}, {"store", nil, false}, {"store", one, true},
	} {
		if got := s.News(step.about, step.err); got != step.news {
			t.Errorf("step %d, %s %v: %v", i, step.about, step.err, got)
		}
	}
	if !s.Over("store") || s.Over("store") || !s.Over("journal") {
		t.Error("what is over is over once")
	}
}
