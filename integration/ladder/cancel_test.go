package ladder

import (
	"testing"
	"time"

	"github.com/speakops/sipedge/routing"
)

// givenUp is what every cancelled call ends with, seen from the caller.
func givenUp(h *H, c *Call) {
	h.T.Helper()
	c.A.Want("200 CANCEL")
	c.AckFailure(c.A.Want("487"))
}

func TestCancelBeforeAnyResponse(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1 := h.Caller(), h.S1()
		c, invite := h.Offer(caller, s1, speakops)
		h.After(100 * time.Millisecond)
		c.Cancel()
		caller.Want("200 CANCEL")
		h.Quiet(100*time.Millisecond, s1) // section 9.1: not before a provisional
		s1.Reply(invite, 180)
		cancel := s1.Want("CANCEL")
		caller.Silent() // the 180 is too late for anybody
		s1.Reply(cancel, 200)
		s1.Reply(invite, 487)
		s1.Want("ACK")
		c.AckFailure(caller.Want("487"))
		h.Quiet(40*time.Second, caller, s1)
		h.CDR(`"outcome":"canceled"`, `"hung_up_by":"caller"`)
		h.Golden("cancel_before_any_response")
	})
}

func TestCancelToASilentGateway(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1 := h.Caller(), h.S1()
		c, invite := h.Offer(caller, s1, speakops)
		c.Cancel()
		caller.Want("200 CANCEL")
		s1.Want("INVITE") // again: only a provisional would stop it
		s1.Want("INVITE")
		c.AckFailure(caller.Want("487"))
		h.After(time.Second)
		s1.Reply(invite, 180) // it wakes up at last, and must not ring on
		s1.Reply(s1.Want("CANCEL"), 200)
		s1.Reply(invite, 487)
		s1.Want("ACK")
		h.Quiet(60*time.Second, caller, s1)
		h.Golden("cancel_to_a_silent_gateway")
	})
}

func TestCancelAfterTrying(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1 := h.Caller(), h.S1()
		c, invite := h.Offer(caller, s1, speakops)
		s1.Reply(invite, 100)
		h.After(time.Second)
		c.Cancel("Reason: SIP;cause=200;text=\"Call completed elsewhere\"")
		caller.Want("200 CANCEL")
		cancel := s1.Want("CANCEL")
		h.Check(cancel, "Reason", `SIP;cause=200;text="Call completed elsewhere"`)
		h.Check(cancel, "Via", Header(invite, "Via"))
		s1.Reply(cancel, 200)
		s1.Reply(invite, 487)
		s1.Want("ACK")
		c.AckFailure(caller.Want("487"))
		h.Quiet(40*time.Second, caller, s1)
		h.Golden("cancel_after_trying")
	})
}

func TestCancelWhileRinging(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1 := h.Caller(), h.S1()
		c, invite := h.Ring(caller, s1, speakops)
		h.After(5 * time.Second)
		c.Cancel()
		caller.Want("200 CANCEL")
		s1.Reply(s1.Want("CANCEL"), 200)
		s1.Reply(invite, 487)
		s1.Want("ACK")
		c.AckFailure(caller.Want("487"))
		h.Quiet(40*time.Second, caller, s1)
		h.Golden("cancel_while_ringing")
	})
}

func TestCancelCrossesAnswer(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1 := h.Caller(), h.S1()
		c, invite := h.Ring(caller, s1, speakops)
		c.Cancel()
		caller.Want("200 CANCEL")
		cancel := s1.Want("CANCEL")
		s1.Reply(invite, 200) // it was on its way
		c.Ack(caller.Want("200"))
		s1.Want("ACK")
		s1.Reply(cancel, 481)
		h.HangUp(c, s1)
		h.Quiet(40*time.Second, caller, s1)
		h.CDR(`"outcome":"answered"`)
		h.Golden("cancel_crosses_answer")
	})
}

func TestCancelCrossesBusy(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1 := h.Caller(), h.S1()
		c, invite := h.Ring(caller, s1, speakops)
		c.Cancel()
		caller.Want("200 CANCEL")
		cancel := s1.Want("CANCEL")
		s1.Reply(invite, 486)
		s1.Want("ACK")
		s1.Reply(cancel, 481)
		c.AckFailure(caller.Want("487"))
		h.Quiet(40*time.Second, caller, s1)
		h.Golden("cancel_crosses_busy")
	})
}

func TestCancelOfNothing(t *testing.T) {
	Run(t, func(h *H) {
		caller := h.Caller()
		c := &Call{A: caller, ID: "nothing", Number: speakops, Tag: "x", branch: "z9hG4bKnothing", cseq: 1}
		c.Cancel()
		caller.Want("481 CANCEL")
		h.Quiet(40*time.Second, caller)
		h.Golden("cancel_of_nothing")
	})
}

func TestCancelTwiceAndTooLate(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1 := h.Caller(), h.S1()
		c, invite := h.Ring(caller, s1, speakops)
		c.Cancel()
		c.Cancel() // the 200 was slow
		caller.Want("200 CANCEL")
		caller.Want("200 CANCEL")
		s1.Want("CANCEL")
		s1.Silent()
		s1.Reply(invite, 487)
		s1.Want("ACK")
		c.AckFailure(caller.Want("487"))
		h.After(10 * time.Second)
		c.Cancel() // of a call long over
		caller.Want("200 CANCEL")
		h.Quiet(40*time.Second, caller, s1)
		h.Golden("cancel_twice_and_too_late")
	})
}

func TestCancelIsRepeatedUntilAnswered(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1 := h.Caller(), h.S1()
		c, invite := h.Ring(caller, s1, speakops)
		h.Lose(2, nil, s1, "CANCEL")
		c.Cancel()
		caller.Want("200 CANCEL")
		s1.Reply(s1.Want("CANCEL"), 200)
		h.After(10 * time.Second) // its 487 takes its time
		s1.Reply(invite, 487)
		s1.Want("ACK")
		c.AckFailure(caller.Want("487"))
		h.Quiet(40*time.Second, caller, s1)
		h.Golden("cancel_is_repeated")
	})
}

func TestCancelWithoutAnEnd(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1 := h.Caller(), h.S1()
		c, _ := h.Ring(caller, s1, speakops)
		c.Cancel()
		caller.Want("200 CANCEL")
		s1.Reply(s1.Want("CANCEL"), 200)
		// The 487 never comes: after 32 s the call counts as cancelled (section 9.1).
		c.AckFailure(caller.Want("487"))
		h.Quiet(60*time.Second, caller, s1)
		h.Golden("cancel_without_an_end")
	})
}

// override makes a number step between its sides at from and until.
func override(h *H, kind routing.OverrideKind, from, until time.Time) {
	h.Number(routing.Number{
		PublicNumber: 12025550143, RoutingAuthority: routing.SpeakOps, PortingState: routing.Settled,
		Override: routing.Override{Kind: kind, From: from, Until: until, Reason: "a drill", Author: "ops"},
	})
}

func TestCancelWhileHeld(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1 := h.Caller(), h.S1()
		h.Clock.Error = 200 * time.Millisecond
		override(h, routing.ForceLegacy, time.Now().Add(100*time.Millisecond), time.Now().Add(time.Hour))
		c := caller.Invite(speakops)
		caller.Want("100")
		h.After(50 * time.Millisecond)
		c.Cancel()
		givenUp(h, c)
		h.Quiet(40*time.Second, caller, s1)
		h.CDR(`"outcome":"canceled"`)
		h.Decision(`"decision":"hold"`, `"because":"clock_uncertain"`, `"outcome":"canceled"`, `"code":487`, `"held_ms":50`)
		h.Golden("cancel_while_held")
	})
}

func TestHeldUntilTheClockIsSure(t *testing.T) {
	Run(t, func(h *H) {
		caller, l1 := h.Caller(), h.L1()
		h.Clock.Error = 200 * time.Millisecond
		override(h, routing.ForceLegacy, time.Now().Add(100*time.Millisecond), time.Now().Add(time.Hour))
		c := caller.Invite(speakops)
		caller.Want("100")
		invite := l1.Want("INVITE")
		l1.Reply(invite, 486)
		l1.Want("ACK")
		c.AckFailure(caller.Want("486"))
		h.Quiet(40*time.Second, caller, l1)
		h.Golden("held_until_the_clock_is_sure")
	})
}
