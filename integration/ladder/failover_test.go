package ladder

import (
	"fmt"
	"testing"
	"time"
)

func TestFailoverOn(t *testing.T) {
	for _, code := range []int{408, 500, 503} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			Run(t, func(h *H) {
				caller, s1, s2 := h.Caller(), h.S1(), h.S2()
				c, invite := h.Offer(caller, s1, speakops)
				s1.Reply(invite, 100)
				s1.Reply(invite, code)
				s1.Want("ACK")
				second := s2.Want("INVITE")
				if topBranch(invite) == topBranch(second) {
					t.Error("two attempts share a branch")
				}
				s2.Reply(second, 180)
				caller.Want("180")
				s2.Reply(second, 200)
				c.Ack(caller.Want("200"))
				s2.Want("ACK")
				h.HangUp(c, s2)
				h.Quiet(40*time.Second, caller, s1, s2)
				h.Golden(fmt.Sprintf("failover_on_%d", code))
			})
		})
	}
}

// The callee has spoken, or the caller has heard it ring: nobody else is tried.
func TestNoFailoverOn(t *testing.T) {
	for _, code := range []int{404, 486, 487, 600, 603} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			Run(t, func(h *H) {
				caller, s1, s2 := h.Caller(), h.S1(), h.S2()
				c, invite := h.Offer(caller, s1, speakops)
				s1.Reply(invite, code, "P-Charge-Info: <sip:inside>")
				s1.Want("ACK")
				final := caller.Want(fmt.Sprint(code))
				h.Check(final, "P-Charge-Info", "")
				c.AckFailure(final)
				h.Quiet(40*time.Second, caller, s1, s2)
				h.Golden(fmt.Sprintf("no_failover_on_%d", code))
			})
		})
	}
}

// What a gateway says of itself goes no further (RFC 3261 section 16.7 step 6).
func TestNeverRelayed(t *testing.T) {
	for _, code := range []int{302, 401, 407, 503} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			Run(t, func(h *H) {
				caller, s1, s2 := h.Caller(), h.S1(), h.S2()
				c, invite := h.Ring(caller, s1, speakops)
				s1.Reply(invite, code, "Contact: <sip:elsewhere@203.0.113.77>", "Retry-After: 120")
				s1.Want("ACK")
				final := caller.Want("500")
				h.Check(final, "Contact", "")
				h.Check(final, "Retry-After", "")
				c.AckFailure(final)
				h.Quiet(40*time.Second, caller, s1, s2)
				h.CDR(`"outcome":"gateways_failed"`)
				h.Golden(fmt.Sprintf("never_relayed_%d", code))
			})
		})
	}
}

func TestDarkGatewayIsSteppedAround(t *testing.T) {
	Run(t, func(h *H) {
		caller, s2 := h.Caller(), h.S2()
		c, invite := h.Offer(caller, s2, speakops)
		s2.Reply(invite, 180)
		caller.Want("180")
		s2.Reply(invite, 200)
		c.Ack(caller.Want("200"))
		s2.Want("ACK")
		h.HangUp(c, s2)
		h.Quiet(60*time.Second, caller, s2)
		h.Golden("dark_gateway")
	})
}

func TestOnlyTryingIsSteppedAround(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1, s2 := h.Caller(), h.S1(), h.S2()
		_, first := h.Offer(caller, s1, speakops)
		s1.Reply(first, 100)
		invite := s2.Want("INVITE")
		s1.Reply(s1.Want("CANCEL"), 200)
		s1.Reply(first, 487)
		s1.Want("ACK")
		s2.Reply(invite, 180)
		caller.Want("180")
		s2.Reply(invite, 200)
		caller.Want("200")
		h.Golden("only_trying")
	})
}

func TestOnlyTryingFromTheLastIsWaitedFor(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1, s2 := h.Caller(), h.S1(), h.S2()
		c, first := h.Offer(caller, s1, speakops)
		s1.Reply(first, 503)
		s1.Want("ACK")
		invite := s2.Want("INVITE")
		s2.Reply(invite, 100)
		h.Quiet(20*time.Second, caller, s1, s2)
		s2.Reply(invite, 480)
		s2.Want("ACK")
		c.AckFailure(caller.Want("480"))
		h.Quiet(40*time.Second, caller, s1, s2)
		h.Golden("only_trying_from_the_last")
	})
}

func TestBothDark(t *testing.T) {
	Run(t, func(h *H) {
		caller := h.Caller()
		c := caller.Invite(speakops)
		caller.Want("100")
		final := caller.Want("500")
		h.Check(final, "Retry-After", "")
		c.AckFailure(final)
		h.Quiet(60*time.Second, caller)
		h.CDR(`"outcome":"gateways_failed"`, `"gateway":"s1"`, `"gateway":"s2"`)
		h.Golden("both_dark")
	})
}

func TestNoFailoverAfterRinging(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1, s2 := h.Caller(), h.S1(), h.S2()
		c, invite := h.Ring(caller, s1, speakops)
		s1.Reply(invite, 500)
		s1.Want("ACK")
		c.AckFailure(caller.Want("500"))
		h.Quiet(40*time.Second, caller, s1, s2)
		h.Golden("no_failover_after_ringing")
	})
}

func TestNoFailoverAfterCancel(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1, s2 := h.Caller(), h.S1(), h.S2()
		c, invite := h.Offer(caller, s1, speakops)
		s1.Reply(invite, 100)
		c.Cancel()
		caller.Want("200 CANCEL")
		s1.Want("CANCEL")
		s1.Reply(invite, 503)
		s1.Want("ACK")
		c.AckFailure(caller.Want("487"))
		h.Quiet(60*time.Second, caller, s1, s2)
		h.Golden("no_failover_after_cancel")
	})
}

func TestFailoverAfterAnAnnouncement(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1, s2 := h.Caller(), h.S1(), h.S2()
		c, invite := h.Offer(caller, s1, speakops)
		s1.Reply(invite, 183)
		caller.Want("183")
		s1.Reply(invite, 404)
		s1.Want("ACK")
		second := s2.Want("INVITE")
		s2.Reply(second, 200)
		c.Ack(caller.Want("200"))
		s2.Want("ACK")
		h.HangUp(c, s2)
		h.Quiet(40*time.Second, caller, s1, s2)
		h.Golden("failover_after_an_announcement")
	}, "  - id: speakops-main\n    authority: speakops", "  - id: speakops-main\n    authority: speakops\n    failover_after_progress: announcement")
}

func TestAbandonedGatewayRingsLate(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1, s2 := h.Caller(), h.S1(), h.S2()
		c, first := h.Offer(caller, s1, speakops)
		s1.Want("INVITE")
		s1.Want("INVITE")
		second := s2.Want("INVITE")
		s2.Reply(second, 180)
		caller.Want("180")
		s1.Reply(first, 180) // it wakes up
		cancel := s1.Want("CANCEL")
		caller.Silent()
		s1.Reply(cancel, 200)
		s1.Reply(first, 487)
		s1.Want("ACK")
		s2.Reply(second, 486)
		s2.Want("ACK")
		c.AckFailure(caller.Want("486"))
		h.Quiet(60*time.Second, caller, s1, s2)
		h.Golden("abandoned_gateway_rings_late")
		// What it said of our CANCEL is not why it was given up.
		h.CDR(`"took_ms":2000,"result":"rang"},{"gateway":"s2"`, `"code":486,"result":"busy"}`)
	})
}

func TestLastGatewayRingsTooLate(t *testing.T) {
	Run(t, func(h *H) {
		caller, s2 := h.Caller(), h.S2()
		c, invite := h.Offer(caller, s2, speakops)
		s2.Want("INVITE")
		s2.Want("INVITE")
		c.AckFailure(caller.Want("500"))
		s2.Reply(invite, 180) // nobody waits for it any more
		s2.Reply(s2.Want("CANCEL"), 200)
		s2.Reply(invite, 487)
		s2.Want("ACK")
		h.Quiet(60*time.Second, caller, s2)
		h.Golden("last_gateway_rings_too_late")
	})
}

func TestAbandonedGatewayAnswersFirst(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1, s2 := h.Caller(), h.S1(), h.S2()
		c, first := h.Offer(caller, s1, speakops)
		s1.Want("INVITE")
		s1.Want("INVITE")
		second := s2.Want("INVITE")
		s2.Reply(second, 100)
		s1.Reply(first, 200)
		c.Ack(caller.Want("200"))
		s1.Want("ACK")
		s2.Reply(s2.Want("CANCEL"), 200)
		s2.Reply(second, 487)
		s2.Want("ACK")
		h.HangUp(c, s1)
		h.Quiet(60*time.Second, caller, s1, s2)
		h.Golden("abandoned_gateway_answers_first")
	})
}

// twoAnswer lets both gateways answer, s2 first.
func twoAnswer(h *H) (c *Call, caller, s1, s2 *Actor) {
	caller, s1, s2 = h.Caller(), h.S1(), h.S2()
	c, first := h.Offer(caller, s1, speakops)
	s1.Want("INVITE")
	s1.Want("INVITE")
	second := s2.Want("INVITE")
	s2.Reply(second, 200)
	c.Ack(caller.Want("200"))
	s2.Want("ACK")
	h.After(100 * time.Millisecond)
	s1.Reply(first, 200)
	return c, caller, s1, s2
}

func TestTwoGatewaysAnswer(t *testing.T) {
	Run(t, func(h *H) {
		c, caller, s1, s2 := twoAnswer(h)
		second := caller.Want("200") // RFC 3261 section 16.7 step 5: every 2xx
		other := c.Fork(second)
		other.Ack(second)
		s1.Want("ACK")
		other.Inside("BYE")
		s1.Reply(s1.Want("BYE"), 200)
		caller.Want("200 BYE")
		h.HangUp(c, s2)
		h.Quiet(60*time.Second, caller, s1, s2)
		h.Golden("two_gateways_answer")
	})
}

func TestTwoGatewaysAnswerACarrier(t *testing.T) {
	Run(t, func(h *H) {
		c, caller, s1, s2 := twoAnswer(h)
		s1.Want("ACK")
		bye := s1.Want("BYE")
		h.Check(bye, "CSeq", "2 BYE")
		s1.Reply(bye, 200)
		caller.Silent()
		h.HangUp(c, s2)
		h.Quiet(60*time.Second, caller, s1, s2)
		h.Golden("two_gateways_answer_a_carrier")
	}, "  - id: caller\n", "  - id: caller\n    profile: telnyx\n")
}

func TestAnswerAfterFailureIsReaped(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1, s2 := h.Caller(), h.S1(), h.S2()
		c, first := h.Offer(caller, s1, speakops)
		s1.Want("INVITE")
		s1.Want("INVITE")
		second := s2.Want("INVITE")
		s2.Reply(second, 486)
		s2.Want("ACK")
		c.AckFailure(caller.Want("486"))
		s1.Reply(first, 200, "Record-Route: <sip:203.0.113.50;lr>")
		ack := s1.Want("ACK")
		bye := s1.Want("BYE")
		h.Check(ack, "CSeq", "1 ACK")
		h.Check(bye, "CSeq", "2 BYE")
		s1.Reply(first, 200) // the ACK was lost
		s1.Want("ACK")
		s1.Reply(bye, 200)
		h.Quiet(60*time.Second, caller, s1, s2)
		h.Golden("answer_after_failure_is_reaped")
	})
}

func TestFailoverBudget(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1, s2 := h.Caller(), h.S1(), h.S2()
		c, invite := h.Offer(caller, s1, speakops)
		h.After(900 * time.Millisecond)
		s1.Want("INVITE")
		s1.Reply(invite, 100)
		h.Quiet(2*time.Second, s1, s2) // its progress timer ends at 2.4 s, the budget at 2
		s1.Reply(invite, 503)
		s1.Want("ACK")
		c.AckFailure(caller.Want("500"))
		h.Quiet(40*time.Second, caller, s1, s2)
		h.Golden("failover_budget")
	}, "  - id: speakops-main\n    authority: speakops", "  - id: speakops-main\n    authority: speakops\n    no_answer: 1s\n    progress: 1500ms\n    failover_budget: 2s")
}

func TestNoAnswer(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1, s2 := h.Caller(), h.S1(), h.S2()
		c, invite := h.Ring(caller, s1, speakops)
		h.After(30 * time.Second)
		s1.Reply(invite, 180)
		caller.Want("180")
		s1.Reply(s1.Want("CANCEL"), 200) // after ring_timeout, 90 s from the first 180
		s1.Reply(invite, 487)
		s1.Want("ACK")
		c.AckFailure(caller.Want("480"))
		h.Quiet(40*time.Second, caller, s1, s2)
		h.CDR(`"outcome":"no_answer"`, `"hung_up_by":"edge"`)
		h.Golden("no_answer")
	})
}

func TestAnswerAtRingTimeout(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1 := h.Caller(), h.S1()
		c, invite := h.Ring(caller, s1, speakops)
		cancel := s1.Want("CANCEL")
		s1.Reply(invite, 200)
		c.Ack(caller.Want("200"))
		s1.Want("ACK")
		s1.Reply(cancel, 481)
		h.HangUp(c, s1)
		h.Quiet(40*time.Second, caller, s1)
		h.Golden("answer_at_ring_timeout")
	})
}

func TestSetupDeadline(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1, s2 := h.Caller(), h.S1(), h.S2()
		c, first := h.Offer(caller, s1, speakops)
		s1.Reply(first, 503)
		s1.Want("ACK")
		invite := s2.Want("INVITE")
		s2.Reply(invite, 100)
		c.AckFailure(caller.Want("500")) // after setup_deadline
		s2.Reply(s2.Want("CANCEL"), 200)
		s2.Reply(invite, 487)
		s2.Want("ACK")
		h.Quiet(40*time.Second, caller, s1, s2)
		h.Golden("setup_deadline")
	}, "defaults: {", "limits: { setup_deadline: 60s }\ndefaults: {",
		"    probe: { method: none }", "    ring_timeout: 50s\n    probe: { method: none }")
}
