package ladder

import (
	"testing"
	"time"
)

func TestReliableProvisional(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1 := h.Caller(), h.S1()
		c, invite := h.Offer(caller, s1, speakops, "Supported: 100rel")
		h.Check(invite, "Supported", "100rel")
		s1.Reply(invite, 183, "Require: 100rel", "RSeq: 813520")
		ringing := caller.Want("183")
		h.Check(ringing, "RSeq", "813520")
		h.Check(ringing, "Require", "100rel")
		c.Dialog(ringing)
		c.Inside("PRACK", "RAck: 813520 1 INVITE")
		prack := s1.Want("PRACK")
		h.Check(prack, "RAck", "813520 1 INVITE")
		h.Check(prack, "Route", "")
		s1.Reply(prack, 200)
		caller.Want("200 PRACK")
		c.Inside("UPDATE")
		s1.Reply(s1.Want("UPDATE"), 200)
		caller.Want("200 UPDATE")
		s1.Callee(invite, "UPDATE", 1) // the other way, before the answer
		caller.Reply(caller.Want("UPDATE"), 200)
		s1.Want("200 UPDATE")
		s1.Reply(invite, 200)
		c.cseq = 1
		c.Ack(caller.Want("200"))
		s1.Want("ACK")
		c.cseq = 3
		h.HangUp(c, s1)
		h.Quiet(40*time.Second, caller, s1)
		h.Golden("reliable_provisional")
	})
}

func TestInfoReferNotifyOptions(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1 := h.Caller(), h.S1()
		c, invite := h.Talk(caller, s1, speakops)
		c.Inside("INFO", "Info-Package: dtmf")
		info := s1.Want("INFO")
		h.Check(info, "Info-Package", "dtmf")
		s1.Reply(info, 200)
		caller.Want("200 INFO")
		s1.Callee(invite, "REFER", 2, "Refer-To: <sip:+14155550177@192.0.2.1>")
		refer := caller.Want("REFER")
		h.Check(refer, "Refer-To", "<sip:+14155550177@192.0.2.1>")
		caller.Reply(refer, 202)
		s1.Want("202 REFER")
		c.Inside("NOTIFY", "Event: refer", "Subscription-State: terminated")
		s1.Reply(s1.Want("NOTIFY"), 200)
		caller.Want("200 NOTIFY")
		c.Inside("OPTIONS") // inside a dialog it is a question to the other end
		s1.Reply(s1.Want("OPTIONS"), 200, "Allow: INVITE")
		h.Check(caller.Want("200 OPTIONS"), "Allow", "INVITE")
		h.HangUp(c, s1)
		h.Quiet(40*time.Second, caller, s1)
		h.Golden("info_refer_notify_options")
	})
}

func TestReinvites(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1 := h.Caller(), h.S1()
		c, invite := h.Talk(caller, s1, speakops)
		c.Inside("INVITE")
		caller.Want("100")
		again := s1.Want("INVITE")
		s1.Reply(again, 200)
		c.Ack(caller.Want("200"))
		s1.Want("ACK")

		s1.Callee(invite, "INVITE", 5)
		s1.Want("100")
		back := caller.Want("INVITE")
		caller.Reply(back, 200)
		s1.Want("200")
		s1.Callee(invite, "ACK", 5)
		caller.Want("ACK")
		h.HangUp(c, s1)
		h.Quiet(40*time.Second, caller, s1)
		h.CDR(`"hung_up_by":"caller"`)
		h.Golden("reinvites")
	})
}

func TestReinvitesCross(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1 := h.Caller(), h.S1()
		c, invite := h.Talk(caller, s1, speakops)
		c.Inside("INVITE")
		s1.Callee(invite, "INVITE", 5)
		caller.Want("100")
		there := s1.Want("INVITE")
		s1.Want("100")
		back := caller.Want("INVITE")
		s1.Reply(there, 491) // section 14.1: both wait and try again
		s1.Want("ACK")
		caller.Want("491")
		c.AckInside()
		c.AckInside() // a copy: hop by hop, it goes no further
		caller.Reply(back, 491)
		caller.Want("ACK")
		s1.Want("491")
		s1.AckInside(invite, 5)
		h.Quiet(5*time.Second, caller, s1)
		h.HangUp(c, s1)
		h.Quiet(40*time.Second, caller, s1)
		h.Golden("reinvites_cross")
	})
}

func TestReinviteTimerC(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1 := h.Caller(), h.S1()
		c, _ := h.Talk(caller, s1, speakops)
		c.Inside("INVITE")
		caller.Want("100")
		again := s1.Want("INVITE")
		s1.Reply(again, 180)
		caller.Want("180")
		h.Quiet(184*time.Second, caller, s1)
		s1.Reply(s1.Want("CANCEL"), 200) // section 16.8
		s1.Reply(again, 487)
		s1.Want("ACK")
		caller.Want("408")
		c.AckInside()
		h.HangUp(c, s1) // the call itself lives on
		h.Quiet(40*time.Second, caller, s1)
		h.Golden("reinvite_timer_c")
	})
}

func TestReinviteIsCancelledAndAnswered(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1 := h.Caller(), h.S1()
		c, _ := h.Talk(caller, s1, speakops)
		c.Inside("INVITE")
		caller.Want("100")
		again := s1.Want("INVITE")
		s1.Reply(again, 100)
		c.CancelInside()
		caller.Want("200 CANCEL")
		s1.Want("CANCEL")
		h.After(32 * time.Second) // nobody answers the CANCEL
		caller.Want("487")
		c.AckInside()
		for len(s1.inbox) > 0 {
			s1.Want("CANCEL")
		}
		s1.Reply(again, 200) // at last; a BYE now would end a call that two people are having
		c.Ack(caller.Want("200"))
		s1.Want("ACK")
		h.Quiet(time.Second, caller, s1)
		h.HangUp(c, s1)
		h.Quiet(40*time.Second, caller, s1)
		h.Golden("reinvite_is_cancelled_and_answered")
	})
}

func TestCalleeHangsUp(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1 := h.Caller(), h.S1()
		_, invite := h.Talk(caller, s1, speakops)
		h.After(5 * time.Second)
		s1.Callee(invite, "BYE", 1)
		caller.Reply(caller.Want("BYE"), 200)
		s1.Want("200 BYE")
		h.Quiet(40*time.Second, caller, s1)
		h.CDR(`"hung_up_by":"callee"`)
		h.Golden("callee_hangs_up")
	})
}

func TestByesCross(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1 := h.Caller(), h.S1()
		c, invite := h.Talk(caller, s1, speakops)
		c.Inside("BYE")
		s1.Callee(invite, "BYE", 1)
		there, back := s1.Want("BYE"), caller.Want("BYE")
		s1.Reply(there, 200)
		caller.Reply(back, 200)
		caller.Want("200 BYE")
		s1.Want("200 BYE")
		h.Quiet(40*time.Second, caller, s1)
		h.CDR(`"hung_up_by":"caller"`)
		h.Golden("byes_cross")
	})
}

func TestByeIsSentAgain(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1 := h.Caller(), h.S1()
		c, _ := h.Talk(caller, s1, speakops)
		h.Lose(1, nil, caller, "200 BYE")
		bye := c.InsideText("BYE")
		caller.SendRaw(bye)
		s1.Reply(s1.Want("BYE"), 200)
		h.After(500 * time.Millisecond)
		caller.SendRaw(bye) // answered from the tomb
		caller.Want("200 BYE")
		h.After(20 * time.Second)
		caller.SendRaw(bye)
		caller.Want("200 BYE")
		h.Quiet(40*time.Second, caller, s1)
		h.CDR(`"hung_up_by":"caller"`)
		h.Golden("bye_is_sent_again")
	})
}

func TestSilenceToANonInvite(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1 := h.Caller(), h.S1()
		c, _ := h.Talk(caller, s1, speakops)
		info := c.InsideText("INFO")
		caller.SendRaw(info)
		h.After(3400 * time.Millisecond)
		caller.SendRaw(info)
		caller.Silent() // RFC 4320 section 4.1: no 100 before 3.5 s
		caller.Want("100 INFO")
		h.After(35 * time.Second)
		caller.Silent() // section 4.2: and never a 408
		for len(s1.inbox) > 0 {
			s1.Want("INFO") // timer E
		}
		h.HangUp(c, s1)
		h.Quiet(40*time.Second, caller, s1)
		h.Golden("silence_to_a_non_invite")
	})
}

func TestLateAnswerToANonInvite(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1 := h.Caller(), h.S1()
		c, _ := h.Talk(caller, s1, speakops)
		c.Inside("INFO")
		info := s1.Want("INFO")
		h.After(5 * time.Second)
		caller.Want("100 INFO")
		s1.Reply(info, 200)
		caller.Want("200 INFO")
		s1.Reply(info, 200) // its copy went round
		for len(s1.inbox) > 0 {
			s1.Want("INFO")
		}
		h.HangUp(c, s1)
		h.Quiet(40*time.Second, caller, s1)
		h.Golden("late_answer_to_a_non_invite")
	})
}

func TestSessionTimerTransparent(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1 := h.Caller(), h.S1()
		c, invite := h.Offer(caller, s1, speakops, "Supported: timer", "Session-Expires: 900;refresher=uac", "Min-SE: 120")
		h.Check(invite, "Session-Expires", "900;refresher=uac")
		h.Check(invite, "Min-SE", "120")
		s1.Reply(invite, 200, "Session-Expires: 900;refresher=uac", "Require: timer")
		ok := caller.Want("200")
		h.Check(ok, "Session-Expires", "900;refresher=uac")
		c.Ack(ok)
		s1.Want("ACK")
		h.After(450 * time.Second)
		c.Inside("UPDATE", "Session-Expires: 900;refresher=uac")
		s1.Reply(s1.Want("UPDATE"), 200, "Session-Expires: 900;refresher=uac")
		caller.Want("200 UPDATE")
		h.HangUp(c, s1)
		h.Golden("session_timer_transparent")
	})
}

func TestSessionTimerInserted(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1 := h.Caller(), h.S1()
		c, invite := h.Offer(caller, s1, speakops, "Supported: timer")
		h.Check(invite, "Session-Expires", "1800")
		s1.Reply(invite, 200) // it knows no session timers
		ok := caller.Want("200")
		h.Check(ok, "Session-Expires", "1800;refresher=uac") // RFC 4028 section 8.2
		h.Check(ok, "Require", "timer")
		c.Ack(ok)
		s1.Want("ACK")
		h.HangUp(c, s1)
		h.Golden("session_timer_inserted")
	}, "  - id: caller\n", "  - id: caller\n    session_timer: insert\n")
}

func TestSessionTimerInsertedForNobody(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1 := h.Caller(), h.S1()
		c, invite := h.Offer(caller, s1, speakops)
		h.Check(invite, "Session-Expires", "1800")
		s1.Reply(invite, 200)
		ok := caller.Want("200")
		h.Check(ok, "Session-Expires", "") // a caller without them must not be told to refresh
		c.Ack(ok)
		s1.Want("ACK")
		h.HangUp(c, s1)
		h.Golden("session_timer_inserted_for_nobody")
	}, "  - id: caller\n", "  - id: caller\n    session_timer: insert\n")
}
