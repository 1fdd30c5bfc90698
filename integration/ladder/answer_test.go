package ladder

import (
	"testing"
	"time"
)

func TestInviteIsSentAgain(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1 := h.Caller(), h.S1()
		c, invite := h.Offer(caller, s1, speakops)
		h.After(100 * time.Millisecond)
		c.Again()
		caller.Want("100")
		s1.Reply(invite, 180)
		caller.Want("180")
		c.Again()
		caller.Want("180") // the last provisional, not the first
		s1.Reply(invite, 486)
		s1.Want("ACK")
		final := caller.Want("486")
		c.Again()
		if again := caller.Want("486"); again.String() != final.String() {
			t.Error("the final was not repeated as it was")
		}
		c.AckFailure(final)
		c.Again() // absorbed: section 17.2.1, Confirmed
		c.AckFailure(final)
		h.Quiet(40*time.Second, caller, s1)
		h.Golden("invite_is_sent_again")
	})
}

func TestInviteIsSentAgainAfterAnswer(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1 := h.Caller(), h.S1()
		c, _ := h.Talk(caller, s1, speakops)
		c.Again() // RFC 6026: absorbed, it must not ring anywhere
		h.After(10 * time.Second)
		c.Again()
		h.Quiet(time.Second, caller, s1)
		h.HangUp(c, s1)
		h.Quiet(40*time.Second, caller, s1)
		h.Golden("invite_is_sent_again_after_answer")
	})
}

func TestLostAnswer(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1 := h.Caller(), h.S1()
		c, invite := h.Ring(caller, s1, speakops)
		h.Lose(2, nil, caller, "200")
		answer := s1.ReplyText(invite, 200, "s1")
		for _, d := range []time.Duration{0, 500 * time.Millisecond, time.Second} {
			h.After(d)
			s1.SendRaw(answer)
		}
		c.Ack(caller.Want("200"))
		s1.Want("ACK")
		h.After(40 * time.Second) // the call has long come to rest, and its tomb is gone
		s1.SendRaw(answer)
		c.Dialog(caller.Want("200"))
		h.HangUp(c, s1)
		h.Quiet(40*time.Second, caller, s1)
		h.Golden("lost_answer")
	})
}

func TestLostAckOfAnswer(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1 := h.Caller(), h.S1()
		c, invite := h.Ring(caller, s1, speakops)
		answer := s1.ReplyText(invite, 200, "s1")
		s1.SendRaw(answer)
		h.Lose(1, nil, s1, "ACK")
		ok := caller.Want("200")
		c.Ack(ok)
		h.After(500 * time.Millisecond)
		s1.SendRaw(answer)
		again := caller.Want("200")
		if routeToken(t, again) == "" {
			t.Error("the second 200 has no route token")
		}
		c.Ack(again)
		s1.Want("ACK")
		h.HangUp(c, s1)
		h.Quiet(40*time.Second, caller, s1)
		h.Golden("lost_ack_of_answer")
	})
}

func TestLostAckOfFailure(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1 := h.Caller(), h.S1()
		c, invite := h.Ring(caller, s1, speakops)
		s1.Reply(invite, 486)
		s1.Want("ACK")
		final := caller.Want("486")
		for range 3 { // timer G: 0.5, 1.5, 3.5 s
			caller.Want("486")
		}
		c.AckFailure(final)
		s1.Reply(invite, 486) // our ACK was lost, too
		s1.Want("ACK")
		h.Quiet(40*time.Second, caller, s1)
		h.Golden("lost_ack_of_failure")
	})
}

func TestFailureIsNeverAcknowledged(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1 := h.Caller(), h.S1()
		_, invite := h.Ring(caller, s1, speakops)
		s1.Reply(invite, 486)
		s1.Want("ACK")
		for range 11 { // timer G until timer H: 0, 0.5, 1.5, 3.5, 7.5, ... 31.5 s
			caller.Want("486")
		}
		h.Quiet(60*time.Second, caller, s1)
		h.Golden("failure_is_never_acknowledged")
	})
}

func TestSilentGatewayGetsTheInviteAgain(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1 := h.Caller(), h.S1()
		_, invite := h.Offer(caller, s1, speakops)
		for range 3 { // timer A: 0.5, 1.5, 3.5 s
			if again := s1.Want("INVITE"); again.String() != invite.String() {
				t.Error("the INVITE was not repeated as it was")
			}
		}
		s1.Reply(invite, 100)
		h.Quiet(3*time.Second, caller, s1)
		s1.Reply(invite, 486)
		s1.Want("ACK")
		caller.Want("486")
		h.Golden("silent_gateway")
	}, "    probe: { method: none }", "    no_answer: 7s\n    probe: { method: none }")
}

func TestForkedAnswer(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1 := h.Caller(), h.S1()
		c, invite := h.Offer(caller, s1, speakops)
		s1.ReplyTag(invite, 180, "first")
		s1.ReplyTag(invite, 180, "second")
		caller.Want("180")
		caller.Want("180")
		s1.ReplyTag(invite, 200, "first")
		c.Ack(caller.Want("200"))
		s1.Want("ACK")
		h.After(200 * time.Millisecond)
		s1.ReplyTag(invite, 200, "second") // another phone behind s1 was as quick
		second := caller.Want("200")
		other := c.Fork(second)
		if tagOf(second, "To") != "second" {
			t.Error("the second 200 lost its tag")
		}
		other.Ack(second)
		s1.Want("ACK")
		other.Inside("BYE")
		s1.Reply(s1.Want("BYE"), 200)
		caller.Want("200 BYE")
		if n := len(h.CDRs.All()); n > 0 {
			t.Error("the BYE of a fork ended the call's record")
		}
		h.After(10 * time.Second)
		h.HangUp(c, s1)
		h.Quiet(40*time.Second, caller, s1)
		h.CDR(`"outcome":"answered"`)
		h.Golden("forked_answer")
	})
}

func TestProvisionalsStayInOrder(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1 := h.Caller(), h.S1()
		_, invite := h.Offer(caller, s1, speakops)
		for _, code := range []int{100, 181, 183, 180, 182} {
			s1.SendRaw(s1.ReplyText(invite, code, "s1")) // all at one instant
		}
		for _, want := range []string{"181", "183", "180", "182"} {
			caller.Want(want)
		}
		s1.Reply(invite, 486)
		caller.Want("486")
		h.Golden("provisionals_stay_in_order")
	})
}
