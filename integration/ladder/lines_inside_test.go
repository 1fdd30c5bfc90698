package ladder

import (
	"strings"
	"testing"
	"time"
)

// What a caller may ask of a test line inside of its call, and when it is told to
// wait or that it asks too much.

// A caller that knows timers and no UPDATE: the line refreshes by a re-INVITE that
// changes nothing (RFC 4028 section 10). While that waits for its answer, a
// re-INVITE and an offer of the caller's own cross it (RFC 3261 section 14.2, RFC
// 3311 section 5.2): 491.
func TestLineRefreshesByReinvite(t *testing.T) {
	runLine(t, func(s *lineScene) {
		c := s.talk("silence", s.phone.SDP(), "Session-Expires: 90;refresher=uas", "Allow: INVITE, ACK, BYE")
		s.After(45*time.Second + 100*time.Millisecond)
		again := s.caller.Want("INVITE")
		s.Check(again, "Session-Expires", "90;refresher=uac")
		if !strings.Contains(string(again.Body()), "a=sendrecv\r\n") {
			t.Errorf("the refresh offers\n%s", again.Body())
		}
		c.InsideWith("INVITE", s.phone.SDP("a=sendonly"))
		s.caller.Want("100")
		s.caller.Want("491")
		c.AckInside()
		c.InsideWith("UPDATE", s.phone.SDP("a=sendonly"))
		s.caller.Want("491 UPDATE")
		c.Inside("UPDATE", "Session-Expires: 90;refresher=uas") // without an offer it may
		s.caller.Want("200 UPDATE")
		s.caller.ReplyWith(again, 200, s.phone.SDP(), "Contact: <sip:caller@192.0.2.100:5060>", "Session-Expires: 90;refresher=uac")
		s.caller.Want("ACK")
		s.phone.Drain()
		s.After(time.Second)
		if n := len(s.phone.Drain()); n < 49 || n > 51 {
			t.Errorf("%d packets in the second after the refresh", n)
		}
		s.After(44*time.Second + 100*time.Millisecond)
		s.caller.Reply(s.caller.Want("INVITE"), 408) // the dialog is gone (section 12.2.1.2)
		s.caller.Want("ACK")
		s.caller.Reply(s.caller.Want("BYE"), 200)
		s.phone.Drain()
	})
}

// Before the ACK of the last 200 a re-INVITE is too early (section 14.2): 500 and
// when to come again. So is an offer before the first one is settled.
func TestLineIsNotHurried(t *testing.T) {
	runLine(t, func(s *lineScene) {
		c := s.caller.InviteWith("silence", s.phone.SDP())
		s.caller.Want("100")
		ok := s.caller.Want("200")
		c.Dialog(ok)
		c.InsideWith("INVITE", s.phone.SDP("a=inactive"))
		s.caller.Want("100")
		if early := s.caller.Want("500"); Header(early, "Retry-After") == "" {
			t.Errorf("without Retry-After:\n%s", early)
		}
		c.AckInside()
		s.After(600 * time.Millisecond)
		s.caller.Want("200") // the first one's, still without its ACK
		late := *c
		late.cseq = 1
		late.Ack(ok)
		s.After(10 * time.Second)
		s.caller.Silent()
		s.hangUp(c)

		c = s.caller.InviteWith("ring", s.phone.SDP())
		s.caller.Want("100")
		inside := *c
		inside.Dialog(s.caller.Want("180"))
		inside.InsideWith("UPDATE", s.phone.SDP("a=inactive"))
		s.caller.Want("500 UPDATE")
		c.Cancel()
		s.caller.Want("200 CANCEL")
		c.AckFailure(s.caller.Want("487"))
	})
}

// A PRACK may bring a new offer (RFC 3262 section 5): its 200 answers it, and the
// announcement goes where it says.
func TestLineTakesAnOfferInPrack(t *testing.T) {
	runLine(t, func(s *lineScene) {
		c := s.caller.InviteWith("announce-480", s.phone.SDP(), "Supported: 100rel")
		s.caller.Want("100")
		c.Dialog(s.caller.Want("183"))
		other := s.Phone("192.0.2.100:20010")
		c.InsideWith("PRACK", other.SDP(), "RAck: 1 1 INVITE")
		ok := s.caller.Want("200 PRACK")
		if !strings.Contains(string(ok.Body()), "a=sendrecv\r\n") {
			t.Errorf("the offer is answered with\n%s", ok.Body())
		}
		s.phone.Drain()
		s.After(time.Second)
		if n := len(other.Drain()); n < 49 || n > 51 {
			t.Errorf("%d packets where the PRACK says", n)
		}
		s.phone.Deaf()
		c.InsideWith("UPDATE", strings.Replace(s.phone.SDP(), "RTP/AVP 0", "RTP/AVP 18", 1))
		s.caller.Want("488 UPDATE")
		s.After(5 * time.Second)
		c.AckFailure(s.caller.Want("480"))
		other.Drain()
	})
}

// What a line does not understand it says so, at the beginning of a call and inside
// of one, and nothing comes of it.
func TestLineUnderstandsOnlySoMuch(t *testing.T) {
	runLine(t, func(s *lineScene) {
		c := s.talk("silence", s.phone.SDP())
		for _, one := range []struct {
			method, header, code, says, what string
		}{
			{"UPDATE", "Require: 100rel, sec-agree, frobnicate", "420", "Unsupported", "sec-agree, frobnicate"},
			{"UPDATE", "Content-Encoding: gzip", "415", "Accept-Encoding", "identity"},
			{"UPDATE", "Session-Expires: 30", "422", "Min-SE", "90"},
		} {
			text := WithBody(c.InsideText(one.method), s.phone.SDP("a=inactive"))
			s.caller.SendRaw(strings.Replace(text, "Content-Type:", one.header+"\r\nContent-Type:", 1))
			wait()
			s.Check(s.caller.Want(one.code+" "+one.method), one.says, one.what)
		}
		c.Inside("INFO")
		s.caller.Want("200 INFO")
		s.phone.Drain()
		s.After(time.Second)
		if n := len(s.phone.Drain()); n < 49 || n > 51 {
			t.Errorf("%d packets in a second: a refused offer changes nothing", n)
		}
		s.hangUp(c)

		c = s.caller.call("echo")
		s.caller.SendRaw(strings.Replace(WithBody(c.Invite, s.phone.SDP()), "Content-Type: application/sdp", "Content-Type: application/isup", 1))
		wait()
		s.caller.Want("100")
		other := s.caller.Want("415")
		s.Check(other, "Accept", "application/sdp")
		c.AckFailure(other)
	})
}
