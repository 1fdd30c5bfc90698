package ladder

import (
	"strings"
	"testing"
	"time"
)

// A panic costs the call it happened in: the one beside it goes on, and the edge
// is as it was, with nothing left behind.
func TestPanicCostsOneCall(t *testing.T) {
	Run(t, func(h *H) {
		h.Faulty = legacy
		caller, s1 := h.Caller(), h.S1()
		c := caller.Invite(speakops)
		caller.Want("100")
		invite := s1.Want("INVITE")
		lost := caller.Invite(legacy)
		caller.Want("100")
		lost.AckFailure(caller.Want("500"))
		s1.Reply(invite, 200)
		c.Ack(caller.Want("200"))
		s1.Want("ACK")
		h.After(time.Second)
		c.Inside("BYE")
		s1.Reply(s1.Want("BYE"), 200)
		caller.Want("200 BYE")
		if n := strings.Count(h.Log.String(), "panic in a call"); n != 1 {
			t.Errorf("%d panics logged, want 1", n)
		}
		if len(h.Decisions.All()) != 2 || len(h.CDRs.All()) != 2 || !strings.Contains(h.CDRs.All()[0], `"outcome":"internal_error","code":500`) {
			t.Errorf("the call that panicked has no records: %q, %q", h.Decisions.All(), h.CDRs.All())
		}
		if n := h.Edge.Metrics().InFlight.Value(); n != 0 {
			t.Errorf("%d calls still count as in progress", n)
		}
		h.Golden("panic_costs_one_call")
	})
}
