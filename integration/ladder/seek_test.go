package ladder

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/speakops/sipedge/routing"
)

// finder is a store whose first load runs for ever: after a while it says what
// it has of a number, which then stands in the table.
type finder struct {
	h     *H
	after time.Duration
	has   routing.RoutingAuthority // AuthorityNone: no such number
	asked int
}

// Loaded implements sipedge.Finder.
func (f *finder) Loaded() bool { return false }

// Lookup implements sipedge.Finder.
func (f *finder) Lookup(ctx context.Context, n routing.PublicNumber) (routing.Number, bool, error) {
	f.asked++
	select {
	case <-time.After(f.after):
	case <-ctx.Done():
		return routing.Number{}, false, errors.New("away")
	}
	if f.has != routing.AuthorityNone {
		f.h.Number(routing.Number{PublicNumber: n, RoutingAuthority: f.has, PortingState: routing.Draft})
	}
	return routing.Number{}, f.has != routing.AuthorityNone, nil
}

const unheardOf = "+12025550177"

func loadingEdge(t *testing.T, f *finder, play func(h *H), edits ...string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		h := New(t, edits...)
		f.h, h.Finder = h, f
		h.Start()
		defer h.Stop()
		play(h)
	})
}

// While the table is filled, a call for a number that is not in it yet waits for
// that number alone; the second one finds it there.
func TestNumberIsLookedUpWhileTheFirstLoadRuns(t *testing.T) {
	f := &finder{after: 40 * time.Millisecond, has: routing.Legacy}
	loadingEdge(t, f, func(h *H) {
		caller, l1 := h.Caller(), h.L1()
		for range 2 {
			c, invite := h.Offer(caller, l1, unheardOf)
			l1.Reply(invite, 486)
			l1.Want("ACK")
			c.AckFailure(caller.Want("486"))
		}
		if f.asked != 1 {
			h.T.Errorf("the store was asked %d times", f.asked)
		}
		h.Quiet(40*time.Second, caller, l1)
		h.Golden("number_is_looked_up")
	})
}

// What is in the table already is served while the rest is loaded.
func TestKnownNumberNeedsNoLookup(t *testing.T) {
	f := &finder{}
	loadingEdge(t, f, func(h *H) {
		caller, s1 := h.Caller(), h.S1()
		c, invite := h.Offer(caller, s1, speakops)
		s1.Reply(invite, 486)
		s1.Want("ACK")
		c.AckFailure(caller.Want("486"))
		h.Quiet(40*time.Second, caller, s1)
		if f.asked != 0 {
			h.T.Errorf("the store was asked %d times", f.asked)
		}
	})
}

// No answer, or the answer that there is no such number: the caller tries
// elsewhere, and nobody remembers; the next call asks again.
func TestLookupInVain(t *testing.T) {
	f := &finder{after: 40 * time.Millisecond}
	loadingEdge(t, f, func(h *H) {
		caller := h.Caller()
		for range 2 {
			c := caller.Invite(unheardOf)
			caller.Want("100")
			c.AckFailure(caller.Want("503"))
			h.After(10 * time.Second)
			f.after += time.Hour
		}
		if f.asked != 2 {
			h.T.Errorf("the store was asked %d times", f.asked)
		}
		h.Quiet(40*time.Second, caller)
		h.Golden("lookup_in_vain")
	})
}

func TestCancelWhileLookedUp(t *testing.T) {
	f := &finder{after: 100 * time.Millisecond, has: routing.Legacy}
	loadingEdge(t, f, func(h *H) {
		caller, l1 := h.Caller(), h.L1()
		c := caller.Invite(unheardOf)
		caller.Want("100")
		h.After(50 * time.Millisecond)
		c.Cancel()
		givenUp(h, c)
		h.Quiet(40*time.Second, caller, l1)
		h.CDR(`"outcome":"canceled"`)
		h.Golden("cancel_while_looked_up")
	})
}

// As many calls may wait as may be held, and no more.
func TestLookupsAreBounded(t *testing.T) {
	f := &finder{after: 100 * time.Millisecond, has: routing.Legacy}
	loadingEdge(t, f, func(h *H) {
		caller, l1 := h.Caller(), h.L1()
		first := caller.Invite(unheardOf)
		caller.Want("100")
		second := caller.Invite("+12025550178")
		caller.Want("100")
		second.AckFailure(caller.Want("503"))
		invite := l1.Want("INVITE")
		l1.Reply(invite, 486)
		l1.Want("ACK")
		first.AckFailure(caller.Want("486"))
		h.Quiet(40*time.Second, caller, l1)
		h.Golden("lookups_are_bounded")
	}, "edge:", "clock: { max_held: 1 }\nedge:")
}
