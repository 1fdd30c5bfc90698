package ladder

import (
	"strings"
	"testing"
)

// Vias that were hidden come back complete (RFC 3261 section 18.2.1, RFC 3581
// section 4): the gateway behind a translator learns its port from them.
func TestHiddenViasComeBackComplete(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1 := h.Caller(), h.S1()
		c, invite := h.Ring(caller, s1, speakops)
		s1.Reply(invite, 200)
		c.Ack(caller.Want("200"))
		s1.Want("ACK")
		s1.SendRaw(strings.Replace(s1.CalleeText(invite, "INFO", 1), ";branch=", ";rport;branch=", 1))
		caller.Reply(caller.Want("INFO"), 200)
		via := Header(s1.Want("200 INFO"), "Via")
		if !strings.Contains(via, ";received=203.0.113.1") || !strings.Contains(via, ";rport=5060") {
			t.Errorf("Via came back as %q", via)
		}
		h.HangUp(c, s1)
	}, "  - id: caller\n", hidden)
}

func TestHiddenFailureHasNoRoutes(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1 := h.Caller(), h.S1()
		c, invite := h.Offer(caller, s1, speakops)
		s1.Reply(invite, 484, "Record-Route: <sip:203.0.113.1;lr;proxy=inside>")
		s1.Want("ACK")
		final := caller.Want("484")
		h.Check(final, "Record-Route", "") // neither the inside's nor the callee's token
		c.AckFailure(final)
	}, "  - id: caller\n", hidden)
}
