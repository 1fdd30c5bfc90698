package ladder

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
)

// anchorEdit makes the caller's trunk anchor; the rest of its line follows.
const anchorEdit = "  - id: caller\n    media: anchor\n"

// scene is an anchored call: whoever takes part, and their phones.
type anchorScene struct {
	*H
	caller, s1 *Actor
	a, b       *Phone
}

func runAnchored(t *testing.T, play func(s *anchorScene), edits ...string) {
	t.Helper()
	Run(t, func(h *H) {
		s := &anchorScene{H: h, caller: h.Caller(), s1: h.S1(), a: h.Phone("192.0.2.100:20000"), b: h.Phone("203.0.113.9:30000")}
		play(s)
	}, append([]string{"  - id: caller\n", anchorEdit}, edits...)...)
}

// talk sets a call up with the media of both phones.
func (s *anchorScene) talk() (*Call, sip.Message) {
	s.T.Helper()
	c := s.caller.InviteWith(speakops, s.a.SDP())
	s.caller.Want("100")
	invite := s.s1.Want("INVITE")
	s.b.Told(invite)
	s.s1.ReplyWith(invite, 200, s.b.SDP())
	ok := s.caller.Want("200")
	s.a.Told(ok)
	c.Ack(ok)
	s.s1.Want("ACK")
	return c, invite
}

// free checks that no call holds ports.
func (s *anchorScene) free() {
	s.T.Helper()
	s.After(time.Second)
	if p := s.Edge.Sources().MediaPorts(); p.Used != 0 {
		s.T.Errorf("%d pairs of ports are in use", p.Used)
	}
	if n := s.Edge.Sources().MediaCalls(); n != 0 {
		s.T.Errorf("%d calls are anchored", n)
	}
}

func TestAnchoredCall(t *testing.T) {
	runAnchored(t, func(s *anchorScene) {
		c := s.caller.InviteWith(speakops, s.a.SDP("a=rtcp:20001 IN IP4 192.0.2.100", "a=candidate:1 1 UDP 1 192.0.2.100 20000 typ host", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:c2VjcmV0"))
		s.caller.Want("100")
		invite := s.s1.Want("INVITE")
		s.b.Told(invite)
		body := string(invite.Body())
		if strings.Contains(body, "192.0.2.100") || strings.Contains(body, "candidate") || !strings.Contains(body, "o=- 1 1 IN IP4 192.0.2.1\r\n") ||
			!strings.Contains(body, "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:c2VjcmV0") {
			s.T.Errorf("the gateway was offered\n%s", body)
		}
		s.b.Says("too early")
		s.a.Deaf()
		s.s1.ReplyWith(invite, 183, s.b.SDP())
		s.a.Told(s.caller.Want("183"))
		early := s.a.To
		s.b.Says("ringing")
		s.a.Hears("ringing")
		s.s1.ReplyWith(invite, 200, s.b.SDP())
		ok := s.caller.Want("200")
		if s.a.Told(ok); s.a.To != early {
			s.T.Errorf("early media is at %s, media at %s", early, s.a.To)
		}
		if strings.Contains(string(ok.Body()), "203.0.113.9") {
			s.T.Errorf("the caller was answered\n%s", ok.Body())
		}
		c.Ack(ok)
		s.s1.Want("ACK")
		s.a.TalkTo(s.b, 3*time.Second)
		s.HangUp(c, s.s1)
		s.a.Says("too late")
		s.b.Deaf()
		s.free()
		s.CDR(`"media":[{"line":0,"audio":true,"from_caller":{"packets":150,`, `"from_callee":{"packets":151,`, `"lost":0`, `"payload_types":[0]`, `"mos":4.4`)
		s.Golden("anchored")
	})
}

func TestAnchoredMediaIsReleased(t *testing.T) {
	for _, end := range []string{"canceled", "busy", "no answer"} {
		t.Run(end, func(t *testing.T) {
			runAnchored(t, func(s *anchorScene) {
				c := s.caller.InviteWith(speakops, s.a.SDP())
				s.caller.Want("100")
				invite := s.s1.Want("INVITE")
				s.s1.ReplyWith(invite, 183, s.b.SDP())
				s.caller.Want("183")
				if p := s.Edge.Sources().MediaPorts(); p.Used != 2 {
					t.Errorf("%d pairs in use", p.Used)
				}
				switch end {
				case "canceled":
					c.Cancel()
					s.caller.Want("200 CANCEL")
					s.s1.Reply(s.s1.Want("CANCEL"), 200)
					s.s1.Reply(invite, 487)
					s.s1.Want("ACK")
					c.AckFailure(s.caller.Want("487"))
				case "busy":
					s.s1.Reply(invite, 486)
					s.s1.Want("ACK")
					c.AckFailure(s.caller.Want("486"))
				case "no answer":
					s.After(90*time.Second + 100*time.Millisecond)
					s.s1.Reply(s.s1.Want("CANCEL"), 200)
					s.s1.Reply(invite, 487)
					s.s1.Want("ACK")
					c.AckFailure(s.caller.Next())
				}
				s.free()
			})
		})
	}
}

// The first gateway announced something and failed; the second one answers with
// other SDP. The caller's place does not change, and the first one is not heard
// any more.
func TestAnchoredFailover(t *testing.T) {
	runAnchored(t, func(s *anchorScene) {
		s2, other := s.S2(), s.Phone("203.0.113.8:31000")
		c := s.caller.InviteWith(speakops, s.a.SDP())
		s.caller.Want("100")
		first := s.s1.Want("INVITE")
		s.b.Told(first)
		s.s1.ReplyWith(first, 183, s.b.SDP())
		s.a.Told(s.caller.Want("183"))
		was := s.a.To
		s.b.Says("no longer in service")
		s.a.Hears("no longer in service")
		s.s1.Reply(first, 503)
		s.s1.Want("ACK")
		second := s2.Want("INVITE")
		other.Told(second)
		s.b.Says("still talking")
		s.a.Deaf()
		s2.ReplyWith(second, 200, other.SDP())
		ok := s.caller.Want("200")
		if s.a.Told(ok); s.a.To != was {
			s.T.Errorf("the caller's place was %s and is %s", was, s.a.To)
		}
		c.Ack(ok)
		s2.Want("ACK")
		s.a.TalkTo(other, time.Second)
		s.b.Says("still talking")
		s.a.Deaf()
		s.HangUp(c, s2)
		s.free()
	}, "      - { id: s2,", "      - { id: s2, weight: 2,", "    authority: speakops\n", "    authority: speakops\n    failover_after_progress: announcement\n")
}

func TestAnchoredLateOffer(t *testing.T) {
	runAnchored(t, func(s *anchorScene) {
		c := s.caller.InviteWith(speakops, "")
		s.caller.Want("100")
		invite := s.s1.Want("INVITE")
		s.s1.ReplyWith(invite, 200, s.b.SDP())
		ok := s.caller.Want("200")
		s.a.Told(ok)
		s.b.To = netip.MustParseAddrPort("192.0.2.1:30000") // nothing is known yet
		c.AckWith(ok, s.a.SDP())
		s.b.Told(s.s1.Want("ACK"))
		if kept := s.Kept.Live(time.Now()); len(kept) != 1 || len(kept[0].Media) < 60 {
			s.T.Errorf("an edge that is killed now leaves %+v to its next run", kept)
		}
		s.a.TalkTo(s.b, time.Second)
		s.HangUp(c, s.s1)
		s.free()
		s.CDR(`"from_caller":{"packets":50,`)
	})
}

func TestAnchoredPrackAndUpdate(t *testing.T) {
	runAnchored(t, func(s *anchorScene) {
		c := s.caller.InviteWith(speakops, "", "Supported: 100rel")
		s.caller.Want("100")
		invite := s.s1.Want("INVITE")
		s.s1.ReplyWith(invite, 183, s.b.SDP(), "Require: 100rel", "RSeq: 1")
		progress := s.caller.Want("183")
		s.a.Told(progress)
		c.Dialog(progress)
		c.InsideWith("PRACK", s.a.SDP(), "RAck: 1 1 INVITE")
		prack := s.s1.Want("PRACK")
		s.b.Told(prack)
		s.s1.Reply(prack, 200)
		s.caller.Want("200 PRACK")
		s.b.Says("ringing")
		s.a.Hears("ringing")
		moved := s.Phone("192.0.2.101:22000")
		c.InsideWith("UPDATE", moved.SDP())
		update := s.s1.Want("UPDATE")
		s.s1.ReplyWith(update, 200, s.b.SDP())
		moved.Told(s.caller.Want("200 UPDATE"))
		if moved.To != s.a.To {
			s.T.Errorf("the caller's place was %s and is %s", s.a.To, moved.To)
		}
		s.b.Says("over there")
		moved.Hears("over there")
		s.a.Says("from here")
		s.b.Deaf()
		s.s1.ReplyWith(invite, 200, "")
		ok := s.caller.Want("200")
		c.Ack(ok)
		s.s1.Want("ACK")
		moved.TalkTo(s.b, time.Second)
		s.HangUp(c, s.s1)
		s.free()
	})
}

// Hold in both styles, from both sides; an offer that is refused changes nothing.
func TestAnchoredReinvite(t *testing.T) {
	runAnchored(t, func(s *anchorScene) {
		c, invite := s.talk()
		s.a.TalkTo(s.b, time.Second)
		reinvite := func(offer, answer string) sip.Message {
			c.InsideWith("INVITE", offer)
			s.caller.Want("100")
			m := s.s1.Want("INVITE")
			s.s1.ReplyWith(m, 200, answer)
			ok := s.caller.Want("200")
			c.Ack(ok)
			s.s1.Want("ACK")
			return m
		}
		held := reinvite(strings.Replace(s.a.SDP(), "c=IN IP4 192.0.2.100", "c=IN IP4 0.0.0.0", 1), s.b.SDP("a=recvonly"))
		if sdpLine(held, "c=IN IP4 ") != "0.0.0.0" {
			s.T.Errorf("the hold of RFC 2543 does not pass:\n%s", held.Body())
		}
		s.b.Says("on hold")
		s.a.Deaf()
		reinvite(s.a.SDP("a=sendonly"), s.b.SDP("a=recvonly"))
		s.a.Says("music")
		s.b.Hears("music")
		reinvite(s.a.SDP(), s.b.SDP())
		s.a.TalkTo(s.b, time.Second)

		// The callee wants to move, and may not.
		elsewhere := s.Phone("203.0.113.9:31000")
		s.s1.CalleeWith(invite, "INVITE", 1, elsewhere.SDP("m=video 31002 RTP/AVP 96"))
		s.s1.Want("100")
		s.caller.Reply(s.caller.Want("INVITE"), 488)
		s.caller.Want("ACK")
		s.s1.Want("488")
		s.s1.AckInside(invite, 1)
		s.a.TalkTo(s.b, time.Second)
		elsewhere.Deaf()
		if p := s.Edge.Sources().MediaPorts(); p.Used != 2 {
			s.T.Errorf("%d pairs are in use after the refusal", p.Used)
		}
		s.HangUp(c, s.s1)
		s.free()
	})
}

func TestAnchoredCallOutlivesARestart(t *testing.T) {
	runAnchored(t, func(s *anchorScene) {
		c, _ := s.talk()
		s.a.TalkTo(s.b, time.Second)
		toA, toB := s.a.To, s.b.To
		s.Crash()
		s.a.Says("into the gap")
		s.b.Deaf()
		s.Start()
		s.a.TalkTo(s.b, time.Second)
		if s.a.To != toA || s.b.To != toB {
			s.T.Error("ports have changed")
		}
		s.HangUp(c, s.s1)
		s.free()
		s.CDR(`"readopted":true`, `"from_caller":{"packets":50,`)
	})
}

func TestAnotherEdgeAnchorsWithTheNextOffer(t *testing.T) {
	runAnchored(t, func(s *anchorScene) {
		c, _ := s.talk()
		s.a.TalkTo(s.b, time.Second)
		two := s.Another("192.0.2.2:5060", "  - id: caller\n", anchorEdit)
		defer two.StopAlone()
		s.Crash()
		s.caller.Edge, s.s1.Edge = netip.MustParseAddrPort("192.0.2.2:5060"), netip.MustParseAddrPort("192.0.2.2:5060")
		toTwo := func(text string) string { return strings.ReplaceAll(text, "192.0.2.1:5060", "192.0.2.2:5060") }
		s.caller.SendRaw(toTwo(WithBody(c.InsideText("INVITE"), s.a.SDP())))
		s.caller.Want("100")
		m := s.s1.Want("INVITE")
		s.b.Told(m)
		s.s1.ReplyWith(m, 200, s.b.SDP())
		s.a.Told(s.caller.Want("200"))
		if s.a.To.Addr() != netip.MustParseAddr("192.0.2.2") || s.b.To.Addr() != s.a.To.Addr() {
			s.T.Errorf("media goes to %s and %s", s.a.To, s.b.To)
		}
		s.a.TalkTo(s.b, time.Second)
		s.caller.SendRaw(toTwo(c.InsideText("BYE")))
		s.s1.Reply(s.s1.Want("BYE"), 200)
		s.caller.Want("200 BYE")
		s.After(time.Second)
		if n := two.Edge.Sources().MediaCalls(); n != 0 {
			s.T.Errorf("%d calls are anchored", n)
		}
		two.CDR(`"from_callee":{"packets":50,`)
		s.Start() // for the evening to end as always
	})
}

func TestOneWayAudioIsNoticed(t *testing.T) {
	runAnchored(t, func(s *anchorScene) {
		c, _ := s.talk()
		s.a.TalkTo(s.b, time.Second)
		s.a.Speaks(2 * time.Second)
		if !strings.Contains(s.Log.String(), "one-way audio: callee is not heard") {
			s.T.Errorf("two seconds of it, and the log is silent:\n%s", s.Log)
		}
		for range 100 {
			s.b.Hears("a")
		}
		s.a.TalkTo(s.b, time.Second)
		if !strings.Contains(s.Log.String(), "callee is heard") || strings.Contains(s.Log.String(), "caller is not heard") {
			s.T.Errorf("%s", s.Log)
		}
		s.HangUp(c, s.s1)
		s.noted("one-way audio: callee has not been heard for ", "two-way audio again: callee is heard after ")
		s.CDR(`"one_way":true,"one_way_ms":2`)
		if strings.Count(s.CDRs.All()[0], `"one_way":true`) != 1 {
			s.T.Errorf("both ends: %s", s.CDRs.All()[0])
		}
	})
}

func TestHoldIsNoOneWayAudio(t *testing.T) {
	runAnchored(t, func(s *anchorScene) {
		c, _ := s.talk()
		s.a.TalkTo(s.b, time.Second)
		c.InsideWith("INVITE", s.a.SDP("a=sendonly"))
		s.caller.Want("100")
		s.s1.ReplyWith(s.s1.Want("INVITE"), 200, s.b.SDP("a=recvonly"))
		c.Ack(s.caller.Want("200"))
		s.s1.Want("ACK")
		s.a.Speaks(5 * time.Second)
		s.HangUp(c, s.s1)
		if strings.Contains(s.Log.String(), "one-way") || strings.Contains(s.CDRs.All()[0], "one_way") {
			s.T.Errorf("%s\n%s", s.Log, s.CDRs.All()[0])
		}
	})
}

func TestNoMediaHangsUp(t *testing.T) {
	runAnchored(t, func(s *anchorScene) {
		c, _ := s.talk()
		c.Inside("INFO")
		s.s1.Reply(s.s1.Want("INFO"), 200)
		s.caller.Want("200 INFO")
		s.a.TalkTo(s.b, time.Second)
		s.After(61 * time.Second)
		bye := s.s1.Want("BYE")
		s.Check(bye, "CSeq", "3 BYE") // the caller's INVITE, INFO, and this one
		s.Check(bye, "Reason", `Q.850;cause=102;text="no media"`)
		s.s1.Reply(bye, 200)
		bye = s.caller.Want("BYE")
		s.Check(bye, "CSeq", "1 BYE")
		s.caller.Reply(bye, 200)
		s.free()
		s.noted("no media for 1m0")
		s.CDR(`"hung_up_by":"edge"`, `"from_caller":{"packets":50,`)
		s.Golden("no_media_hangs_up")
	}, "media: {", "media: { on_inactivity: hangup,")
}

// Answered with an offer, and never acknowledged: both ends are gone.
func TestLateOfferNobodyAnswers(t *testing.T) {
	runAnchored(t, func(s *anchorScene) {
		s.caller.InviteWith(speakops, "")
		s.caller.Want("100")
		s.s1.ReplyWith(s.s1.Want("INVITE"), 200, s.b.SDP())
		s.caller.Want("200")
		s.Quiet(59*time.Second, s.caller, s.s1)
		s.After(2 * time.Second)
		s.s1.Reply(s.s1.Want("BYE"), 200)
		s.caller.Reply(s.caller.Want("BYE"), 200)
		s.free()
	}, "media: {", "media: { on_inactivity: hangup,")
}

func TestNoMediaReleasesThePorts(t *testing.T) {
	runAnchored(t, func(s *anchorScene) {
		c, _ := s.talk()
		s.a.TalkTo(s.b, time.Second)
		s.After(61 * time.Second)
		s.free()
		c.InsideWith("INVITE", s.a.SDP())
		s.caller.Want("100")
		m := s.s1.Want("INVITE")
		s.b.Told(m)
		s.s1.ReplyWith(m, 200, s.b.SDP())
		ok := s.caller.Want("200")
		s.a.Told(ok)
		c.Ack(ok)
		s.s1.Want("ACK")
		s.a.TalkTo(s.b, time.Second)
		s.HangUp(c, s.s1)
		s.free()
		if n := strings.Count(s.CDRs.All()[0], `"from_caller":{"packets":50,`); n != 2 {
			s.T.Errorf("%d streams of 50 packets in the CDR: %s", n, s.CDRs.All()[0])
		}
	})
}

func TestMediaPortsRunOut(t *testing.T) {
	runAnchored(t, func(s *anchorScene) {
		c, _ := s.talk()
		second := s.caller.InviteWith(speakops, s.a.SDP())
		s.caller.Want("100")
		second.AckFailure(s.caller.Want("503"))
		if !strings.Contains(s.Log.String(), "media ports have run out") {
			s.T.Errorf("no alarm: %s", s.Log)
		}
		if why := s.Edge.Health().Degraded; len(why) != 1 || why[0].Because != "media_ports" {
			s.T.Errorf("health says %+v", why)
		}
		s.HangUp(c, s.s1)
		s.After(30 * time.Second)
		third, _ := s.talk()
		s.HangUp(third, s.s1)
		s.Golden("media_ports_run_out")
	}, "30000-30999", "30000-30003")
}

func TestSDPIsRefused(t *testing.T) {
	for name, sdp := range map[string]string{
		"loopback":  "v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 4000 RTP/AVP 0\r\n",
		"private":   "v=0\r\nc=IN IP4 10.0.0.1\r\nm=audio 4000 RTP/AVP 0\r\n",
		"multicast": "v=0\r\nc=IN IP4 224.1.1.1\r\nm=audio 4000 RTP/AVP 0\r\n",
		"own":       "v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 30500 RTP/AVP 0\r\n",
		"a name":    "v=0\r\nc=IN IP4 phone.example.net\r\nm=audio 4000 RTP/AVP 0\r\n",
		"long":      "v=0\r\nc=IN IP4 192.0.2.100\r\n" + strings.Repeat("a=x\r\n", 260),
	} {
		t.Run(name, func(t *testing.T) {
			runAnchored(t, func(s *anchorScene) {
				c := s.caller.InviteWith(speakops, sdp)
				s.caller.Want("100")
				c.AckFailure(s.caller.Want("488"))
				s.Quiet(time.Second, s.s1)
				s.free()
			})
		})
	}
}

// An answer that the policy refuses leaves a call without that stream.
func TestAnswerOfAForbiddenAddress(t *testing.T) {
	runAnchored(t, func(s *anchorScene) {
		c := s.caller.InviteWith(speakops, s.a.SDP())
		s.caller.Want("100")
		invite := s.s1.Want("INVITE")
		s.s1.ReplyWith(invite, 200, "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n")
		ok := s.caller.Want("200")
		if sdpLine(ok, "m=audio ") != "0 RTP/AVP 0" || strings.Contains(string(ok.Body()), "127.0.0.1") {
			s.T.Errorf("%s", ok.Body())
		}
		c.Ack(ok)
		s.s1.Want("ACK")
		s.HangUp(c, s.s1)
		s.free()
	})
}

// A second callee's answer goes on to the caller, and changes nothing.
func TestAnchoredFork(t *testing.T) {
	runAnchored(t, func(s *anchorScene) {
		c, invite := s.talk()
		s.a.TalkTo(s.b, time.Second)
		other := s.Phone("203.0.113.7:32000")
		s.s1.SendRaw(WithBody(s.s1.ReplyText(invite, 200, "other"), other.SDP()))
		fork := s.caller.Want("200")
		if strings.Contains(string(fork.Body()), "203.0.113.7") {
			s.T.Errorf("%s", fork.Body())
		}
		second := c.Fork(fork)
		second.Ack(fork)
		s.s1.Want("ACK")
		second.Inside("BYE")
		s.s1.Reply(s.s1.Want("BYE"), 200)
		s.caller.Want("200 BYE")
		s.a.TalkTo(s.b, time.Second)
		other.Deaf()
		c.cseq++
		s.HangUp(c, s.s1)
		s.free()
	})
}

// Drained, an edge lets anchored calls finish; handed over, it does not wait.
func TestDrainLetsAnchoredCallsFinish(t *testing.T) {
	runAnchored(t, func(s *anchorScene) {
		c, _ := s.talk()
		s.stop()
		s.a.TalkTo(s.b, 2*time.Minute)
		select {
		case err := <-s.done:
			s.T.Fatalf("the edge ended with a call in progress: %v", err)
		default:
		}
		s.HangUp(c, s.s1)
		if err := <-s.done; err != nil {
			s.T.Error(err)
		}
		s.Start()
		c, _ = s.talk()
		s.Edge.HandOver()
		s.stop()
		if err := <-s.done; err != nil {
			s.T.Error(err)
		}
		s.Start()
		s.a.TalkTo(s.b, time.Second)
		s.HangUp(c, s.s1)
	})
}

// A call that does not end keeps a drain no longer than media.drain_timeout, and is
// left to the next run.
func TestDrainOfAnchoredCallsIsBounded(t *testing.T) {
	runAnchored(t, func(s *anchorScene) {
		c, _ := s.talk()
		s.stop()
		s.a.TalkTo(s.b, 59*time.Second)
		select {
		case err := <-s.done:
			s.T.Fatalf("the edge ended within media.drain_timeout: %v", err)
		default:
		}
		s.After(2 * time.Second)
		if err := <-s.done; err != nil {
			s.T.Error(err)
		}
		if !strings.Contains(s.Log.String(), "calls in progress are left behind") {
			s.T.Errorf("the log does not say so:\n%s", s.Log)
		}
		s.Start()
		s.a.TalkTo(s.b, time.Second)
		s.HangUp(c, s.s1)
	}, "media: {", "media: { drain_timeout: 1m,")
}

// Hidden, nothing sent towards the trunk has an address of the inside, wherever
// the inside writes it.
func TestHiddenSDP(t *testing.T) {
	runAnchored(t, func(s *anchorScene) {
		c := s.caller.InviteWith(speakops, s.a.SDP())
		s.caller.Want("100")
		invite := s.s1.Want("INVITE")
		leaky := strings.Replace(s.b.SDP("a=ssrc:1 cname:mixer@203.0.113.9", "a=rtcp:30001 IN IP4 203.0.113.9", "a=candidate:1 1 UDP 1 203.0.113.9 30000 typ host", "i=on 203.0.113.9"), "s=-", "s=203.0.113.9", 1)
		for _, code := range []int{183, 200} {
			s.s1.ReplyWith(invite, code, leaky)
		}
		s.caller.Want("183")
		ok := s.caller.Want("200")
		c.Ack(ok)
		s.s1.Want("ACK")
		s.HangUp(c, s.s1)
		for _, m := range []sip.Message{ok} {
			if strings.Contains(m.String(), "203.0.113.") {
				s.T.Errorf("seen by the trunk:\n%s", m.String())
			}
		}
		failed := s.caller.InviteWith(speakops, s.a.SDP())
		s.caller.Want("100")
		s.s1.ReplyWith(s.s1.Want("INVITE"), 488, leaky)
		s.s1.Want("ACK")
		final := s.caller.Want("488")
		if strings.Contains(final.String(), "203.0.113.") {
			s.T.Errorf("seen by the trunk:\n%s", final.String())
		}
		failed.AckFailure(final)
	}, anchorEdit, anchorEdit+"    hide: true\n")
}

func TestRouteDecidesOverTheTrunk(t *testing.T) {
	runAnchored(t, func(s *anchorScene) {
		c := s.caller.InviteWith(speakops, s.a.SDP())
		s.caller.Want("100")
		invite := s.s1.Want("INVITE")
		if sdpLine(invite, "c=IN IP4 ") != "192.0.2.100" {
			s.T.Errorf("media: direct of the route, and\n%s", invite.Body())
		}
		s.s1.Reply(invite, 486)
		s.s1.Want("ACK")
		c.AckFailure(s.caller.Want("486"))
	}, "    authority: speakops\n", "    authority: speakops\n    media: direct\n")
}
