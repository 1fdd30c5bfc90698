package ladder

import "testing"

// RFC 5393 section 5.3.3: one attempt after another may each use the whole
// breadth that came; where none came it is 60, and with none left nothing goes on.
func TestMaxBreadth(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1, s2 := h.Caller(), h.S1(), h.S2()
		_, invite := h.Offer(caller, s1, speakops)
		h.Check(invite, "Max-Breadth", "60")
		s1.Reply(invite, 486)
		s1.Want("ACK")
		caller.Want("486")

		_, invite = h.Offer(caller, s1, speakops, "Max-Breadth: 7")
		h.Check(invite, "Max-Breadth", "7")
		s1.Reply(invite, 500)
		s1.Want("ACK")
		second := s2.Want("INVITE")
		h.Check(second, "Max-Breadth", "7")

		caller.Invite(speakops, "Max-Breadth: 0")
		caller.Want("440")
		s1.Silent()
	})
}
