package runner

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/speakops/sipedge/cutover"
	"github.com/speakops/sipedge/cutover/ledger"
	"github.com/speakops/sipedge/routing"
)

// A store that lost a proposal with its last writes goes on without it. Whoever asked
// for it is not told that it is in force because the fleet is further by now; and one
// that was really overtaken by others is.
func TestWhatOthersCameAfterIsAskedFor(t *testing.T) {
	s := startStore(t)
	list, records := some(t, 10)
	e := startMember(t, s, "edge-1", t.TempDir(), records, true)
	until(t, "the edge to serve", func() bool { ok, _ := e.Serves(); return ok && e.Pair().Committed != nil })
	st, err := e.opts.Chain.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	was := e.Pair().Committed
	later := func(d time.Duration) time.Time {
		return e.opts.Clock.Now().Latest.Add(d).Truncate(time.Microsecond)
	}
	i := 0 // each cutover has a number of its own
	arm := func(id string, at time.Time) *Change {
		t.Helper()
		one, err := cutover.NewList([]routing.PublicNumber{list.At(i)})
		if err != nil {
			t.Fatal(err)
		}
		i++
		c, err := e.Arm(within(t, 10*time.Second), "anna", cutover.ID(id), one, routing.Legacy, at)
		if err != nil {
			t.Fatalf("arm %s: %v", id, err)
		}
		return c
	}
	first := arm("c-1", later(time.Minute))
	arm("c-2", later(time.Minute))
	arm("c-3", later(time.Minute))

	asked := ledger.Proposal{Generation: st.Generation, Previous: was, Revision: first.Revision, Who: "anna"}
	outcome := func(rev *cutover.Revision) error {
		t.Helper()
		asked.Revision = rev
		c, err := e.outcome(within(t, 5*time.Second), asked, ledger.Proposed{Revision: rev})
		if err == nil && !c.Armed() {
			t.Errorf("not armed: %+v", c)
		}
		return err
	}
	lost := after(was) // under a name that the store has never heard of
	lost.Schedule = first.Revision.Schedule

	if err := outcome(first.Revision); err != nil {
		t.Errorf("in force, and others since: %v", err)
	}
	var no *NotAcceptedError
	if err := outcome(lost); !errors.As(err, &no) || !strings.Contains(err.Error(), "lost it with its last writes") {
		t.Errorf("lost, and another has its number: %v", err)
	}
	// The edge has seen nothing of it, as after a restart.
	e.lineage.mu.Lock()
	e.lineage.ids = nil
	e.lineage.mu.Unlock()
	if err := outcome(first.Revision); err != nil {
		t.Errorf("in force, as the store remembers: %v", err)
	}
	var unknown *UnconfirmedError
	if err := outcome(lost); !errors.As(err, &unknown) || !strings.Contains(err.Error(), "neither the store nor this edge knows") {
		t.Errorf("nobody knows: %v", err)
	}
}
