package ladder

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/pion/rtp"

	"github.com/speakops/sipedge/routing"
	"github.com/speakops/sipedge/sipedge/media/sound"
)

// lineEdits give the edge test lines, by name and under a number.
var lineEdits = []string{"defaults:", `  - { id: lines, authority: speakops, builtin: testline }
  - { id: line-echo, authority: speakops, builtin: testline, line: echo }
defaults:`}

const echoNumber = "+12025550111"

// lineScene is a caller with a phone, and an edge with test lines.
type lineScene struct {
	*H
	caller *Actor
	phone  *Phone
}

func runLine(t *testing.T, play func(s *lineScene), edits ...string) {
	t.Helper()
	Run(t, func(h *H) {
		h.Number(routing.Number{
			PublicNumber: 12025550111, RoutingAuthority: routing.SpeakOps, PortingState: routing.Settled, CustomerAssignment: "qa", SpeakOpsRoute: "line-echo",
		})
		play(&lineScene{H: h, caller: h.Caller(), phone: h.Phone("192.0.2.100:20000")})
		if n := h.Edge.Sources().MediaPorts(); n.Used != 0 {
			t.Errorf("%d pairs of ports are in use at the end", n.Used)
		}
	}, append(lineEdits, edits...)...)
}

// events offers telephone events beside PCMU.
func (s *lineScene) events() string {
	return strings.Replace(s.phone.SDP("a=rtpmap:101 telephone-event/8000", "a=ptime:20"), "RTP/AVP 0", "RTP/AVP 0 101", 1)
}

// talk calls a line and is answered.
func (s *lineScene) talk(line, sdp string, lines ...string) *Call {
	s.T.Helper()
	c := s.caller.InviteWith(line, sdp, lines...)
	s.caller.Want("100")
	ok := s.caller.Want("200")
	s.phone.Told(ok)
	c.Ack(ok)
	return c
}

func (s *lineScene) hangUp(c *Call) sip.Message {
	s.T.Helper()
	c.Inside("BYE")
	ok := s.caller.Want("200 BYE")
	s.phone.Drain()
	return ok
}

// stream checks that packets are one stream without a gap, and decodes it.
func (s *lineScene) stream(packets []rtp.Packet) (pcm []int16) {
	s.T.Helper()
	for i, p := range packets {
		pcm = sound.PCMU.Decode(pcm, p.Payload)
		if i == 0 {
			continue
		}
		if was := packets[i-1]; p.SequenceNumber != was.SequenceNumber+1 || p.Timestamp != was.Timestamp+160 || p.SSRC != was.SSRC || p.PayloadType != 0 || p.Marker {
			s.T.Fatalf("packet %d is %v, behind %v", i, &p.Header, &was.Header)
		}
	}
	return pcm
}

func TestLineMilliwatt(t *testing.T) {
	runLine(t, func(s *lineScene) {
		c := s.talk("milliwatt", s.phone.SDP())
		s.After(3 * time.Second)
		packets := s.phone.Drain()
		if n := len(packets); n < 150 || n > 152 || !packets[0].Marker {
			t.Errorf("%d packets in three seconds, marker %t", n, packets[0].Marker)
		}
		pcm := s.stream(packets)
		if l := sound.Heard(pcm, 1004); math.Abs(l) > 0.1 {
			t.Errorf("1004 Hz has %.2f dBm0", l)
		}
		s.phone.Speaks(time.Second)
		s.phone.Drain()
		ok := s.hangUp(c)
		if got := Header(ok, "X-Sipedge-Heard"); !strings.HasPrefix(got, "packets=50;expected=50;lost=0;") {
			t.Errorf("the line says it heard %q", got)
		}
		s.phone.Deaf()
		s.CDR(`"gateway":"testline"`, `"route":"lines"`, `"because":"test_line"`, `"outcome":"answered"`, `"hung_up_by":"caller"`,
			`"from_caller":{"packets":50,`, `"from_callee":{"packets":20`, `"lost":0`)
		s.Decision(`"because":"test_line"`, `"dialled":"milliwatt"`, `"route":"lines"`)
		s.Golden("line_milliwatt")
	})
}

// A number whose record names the route of a line; hold in both styles.
func TestLineEcho(t *testing.T) {
	runLine(t, func(s *lineScene) {
		c := s.talk(echoNumber, s.phone.SDP())
		for i := range 50 {
			s.phone.Says(fmt.Sprintf("packet %d", i))
			s.phone.Hears(fmt.Sprintf("packet %d", i))
			time.Sleep(19 * time.Millisecond)
		}
		for _, hold := range []string{s.phone.SDP("a=sendonly"), s.phone.SDP("a=inactive"), strings.Replace(s.phone.SDP(), "c=IN IP4 192.0.2.100", "c=IN IP4 0.0.0.0", 1)} {
			c.InsideWith("INVITE", hold)
			s.caller.Want("100")
			ok := s.caller.Want("200")
			c.Ack(ok)
			if body := string(ok.Body()); !strings.Contains(body, "a=recvonly\r\n") && !strings.Contains(body, "a=inactive\r\n") || strings.Contains(body, "a=sendrecv") {
				t.Errorf("hold is answered with\n%s", body)
			}
			s.phone.Says("held")
			s.phone.Deaf()
		}
		c.InsideWith("UPDATE", s.phone.SDP())
		s.phone.Told(s.caller.Want("200 UPDATE"))
		s.phone.Says("again")
		s.phone.Hears("again")
		c.Inside("OPTIONS")
		s.Check(s.caller.Want("200 OPTIONS"), "Accept", "application/sdp")
		c.Inside("REFER")
		s.caller.Want("405 REFER")
		s.hangUp(c)
		s.Decision(`"public_number":"+12025550111"`, `"because":"record"`, `"route":"line-echo"`)
		s.Golden("line_echo")
	})
}

// A 200 is repeated until its ACK comes (section 13.3.1.4); when none comes, the
// line hangs up.
func TestLineWithoutAck(t *testing.T) {
	runLine(t, func(s *lineScene) {
		c := s.caller.InviteWith("silence", s.phone.SDP())
		s.caller.Want("100")
		ok := s.caller.Want("200")
		c.Dialog(ok)
		s.After(32*time.Second + 100*time.Millisecond)
		for range 10 {
			s.caller.Want("200")
		}
		bye := s.caller.Want("BYE")
		s.caller.Reply(bye, 200)
		if !strings.Contains(Header(bye, "Reason"), "no ACK") {
			t.Errorf("Reason is %q", Header(bye, "Reason"))
		}
		s.phone.Drain()
		s.CDR(`"hung_up_by":"callee"`)
		s.Golden("line_without_ack")
	})
}

// With its ACK the 200 is said no more.
func TestLineLateAck(t *testing.T) {
	runLine(t, func(s *lineScene) {
		c := s.caller.InviteWith("silence", s.phone.SDP())
		s.caller.Want("100")
		s.caller.Want("200")
		s.After(600 * time.Millisecond)
		c.Ack(s.caller.Want("200"))
		s.After(10 * time.Second)
		s.caller.Silent()
		s.hangUp(c)
	})
}

func TestLineAnswersLateAndHangsUp(t *testing.T) {
	runLine(t, func(s *lineScene) {
		c := s.caller.InviteWith("echo.answer-after-5.hangup-after-10", s.phone.SDP())
		s.caller.Want("100")
		s.caller.Want("180")
		s.After(5*time.Second + 100*time.Millisecond)
		c.Ack(s.caller.Want("200"))
		s.After(10 * time.Second)
		s.caller.Reply(s.caller.Want("BYE"), 200)
		s.CDR(`"hung_up_by":"callee"`, `"duration_ms":10000`)
		s.Golden("line_late_and_short")
	})
}

func TestLineCanceled(t *testing.T) {
	runLine(t, func(s *lineScene) {
		c := s.caller.InviteWith("ring", s.phone.SDP())
		s.caller.Want("100")
		s.caller.Want("180")
		s.After(70 * time.Second)
		s.caller.Want("180") // said again every minute (section 13.3.1.1)
		c.Cancel()
		s.caller.Want("200 CANCEL")
		c.AckFailure(s.caller.Want("487"))
		s.CDR(`"outcome":"canceled"`)
		s.Golden("line_canceled")
	})
}

func TestLineRingsForEver(t *testing.T) {
	runLine(t, func(s *lineScene) {
		c := s.caller.InviteWith("ring", s.phone.SDP())
		s.caller.Want("100")
		s.caller.Want("180")
		s.After(181 * time.Second)
		s.caller.Want("180")
		s.caller.Want("180")
		c.AckFailure(s.caller.Want("480"))
		s.After(time.Second)
	})
}

func TestLineRefuses(t *testing.T) {
	for line, code := range map[string]int{"busy": 486, "reject-404": 404, "reject-603": 603, "reject-480.answer-after-2": 480, "reject-503": 500} {
		t.Run(line, func(t *testing.T) {
			runLine(t, func(s *lineScene) {
				c := s.caller.InviteWith(line, s.phone.SDP())
				s.caller.Want("100")
				if strings.Contains(line, "after") {
					s.caller.Want("180")
					s.After(2 * time.Second)
				}
				m := s.caller.Next()
				if got := m.(*sip.Response).StatusCode; got != code {
					t.Errorf("%s is answered with %d, not %d", line, got, code)
				}
				c.AckFailure(m)
				s.After(time.Second)
				s.caller.Silent()
				s.CDR(`"gateway":"testline"`)
			})
		})
	}
}

// An announcement as early media, then its failure.
func TestLineAnnounces(t *testing.T) {
	runLine(t, func(s *lineScene) {
		c := s.caller.InviteWith("announce-404", s.phone.SDP())
		s.caller.Want("100")
		s.phone.Told(s.caller.Want("183"))
		s.After(6 * time.Second)
		c.AckFailure(s.caller.Want("404"))
		pcm := s.stream(s.phone.Drain())
		for i, hz := range []float64{950, 1400, 1800} {
			third := pcm[i*sound.Rate/3+200 : (i+1)*sound.Rate/3-200]
			if l := sound.Heard(third, hz); math.Abs(l+14) > 0.5 {
				t.Errorf("tone %d has %.1f dBm0 at %.0f Hz", i+1, l, hz)
			}
		}
		s.Golden("line_announcement")
	})
}

// The same, reliably (RFC 3262): the answer is in the 183, which is repeated
// until its PRACK.
func TestLineReliableProvisional(t *testing.T) {
	runLine(t, func(s *lineScene) {
		c := s.caller.InviteWith("announce-480", s.phone.SDP(), "Supported: 100rel")
		s.caller.Want("100")
		first := s.caller.Want("183")
		s.After(600 * time.Millisecond)
		again := s.caller.Want("183")
		if Header(first, "RSeq") != "1" || Header(again, "RSeq") != "1" {
			t.Errorf("RSeq %q, again %q", Header(first, "RSeq"), Header(again, "RSeq"))
		}
		c.Dialog(again)
		c.Inside("PRACK", "RAck: 7 1 INVITE")
		s.caller.Want("481 PRACK")
		c.Inside("PRACK", "RAck: 1 1 INVITE")
		s.caller.Want("200 PRACK")
		s.After(5 * time.Second)
		c.AckFailure(s.caller.Want("480"))
		s.phone.Drain()
		s.Golden("line_reliable")
	})
}

// No offer in the INVITE: it comes in the 200, and the answer in the ACK.
func TestLineLateOffer(t *testing.T) {
	runLine(t, func(s *lineScene) {
		c := s.caller.InviteWith("milliwatt", "")
		s.caller.Want("100")
		ok := s.caller.Want("200")
		s.phone.Told(ok)
		if body := string(ok.Body()); !strings.Contains(body, "RTP/AVP 0 8 101\r\n") {
			t.Errorf("the offer is\n%s", body)
		}
		c.AckWith(ok, s.phone.SDP())
		s.After(time.Second)
		if l := sound.Heard(s.stream(s.phone.Drain()), 1004); math.Abs(l) > 0.1 {
			t.Errorf("1004 Hz has %.2f dBm0", l)
		}
		s.hangUp(c)
	})
}

// An ACK without the answer that is owed ends the call.
func TestLineWithoutAnswer(t *testing.T) {
	runLine(t, func(s *lineScene) {
		c := s.caller.InviteWith("milliwatt", "")
		s.caller.Want("100")
		c.Ack(s.caller.Want("200"))
		s.caller.Reply(s.caller.Want("BYE"), 200)
	})
}

func TestLineWithoutCodec(t *testing.T) {
	for name, sdp := range map[string]string{
		"G.729": strings.Replace(noPhone, "RTP/AVP 0", "RTP/AVP 18", 1),
		"SRTP":  strings.Replace(noPhone, "RTP/AVP 0", "RTP/SAVP 0", 1),
		"video": strings.Replace(noPhone, "m=audio", "m=video", 1),
		"loop":  strings.Replace(noPhone, "192.0.2.100\r\nt=", "127.0.0.1\r\nt=", 1),
		"SDP":   "v=0\r\nnonsense\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			runLine(t, func(s *lineScene) {
				c := s.caller.InviteWith("milliwatt", sdp)
				s.caller.Want("100")
				c.AckFailure(s.caller.Want("488"))
			})
		})
	}
}

const noPhone = "v=0\r\no=- 1 1 IN IP4 192.0.2.100\r\ns=-\r\nc=IN IP4 192.0.2.100\r\nt=0 0\r\nm=audio 20000 RTP/AVP 0\r\n"

// Digits come back as they were pressed: as events.
func TestLineReadsBack(t *testing.T) {
	runLine(t, func(s *lineScene) {
		c := s.talk("readback", s.events())
		s.press("190*", 101)
		s.After(4 * time.Second)
		var v sound.Events
		heard := ""
		for _, p := range s.phone.Drain() {
			if p.PayloadType != 101 {
				continue
			}
			if d := v.Hear(&p); d != 0 {
				heard += string(d)
			}
		}
		if heard != "190*" {
			t.Errorf("pressed 190*, heard %q", heard)
		}
		s.hangUp(c)
		s.CDR(`"dtmf":4`)
	})
}

// press sends digits as events, 20 ms apart.
func (s *lineScene) press(digits string, pt uint8) {
	out := sound.Streaming(99, 1, 1, sound.Frame, 0)
	for _, d := range digits {
		press, _ := sound.Pressing(byte(d), 100*time.Millisecond, sound.Frame)
		begun, first := out.Now(), true
		for more := true; more; first = false {
			var e sound.Event
			e, more = press.Next()
			s.phone.Plays(out.Tell(pt, e, begun, first))
			s.After(20 * time.Millisecond)
		}
	}
}

// A caller that knows no events presses tones, and gets tones.
func TestLineReadsTonesBack(t *testing.T) {
	runLine(t, func(s *lineScene) {
		c := s.talk("readback", s.phone.SDP())
		out := sound.Streaming(99, 1, 1, sound.Frame, 0)
		dial, pcm := sound.Dialling("42#", 100*time.Millisecond, 100*time.Millisecond), make([]int16, 160)
		for !dial.Done() {
			dial.Fill(pcm)
			s.phone.Plays(out.Next(0, sound.PCMU.Encode(nil, pcm)))
			s.After(20 * time.Millisecond)
		}
		s.After(3 * time.Second)
		var k sound.Keys
		if heard := k.Hear(s.stream(s.phone.Drain())); heard != "42#" {
			t.Errorf("dialled 42#, heard %q", heard)
		}
		s.hangUp(c)
	})
}

// The meter reads back what was lost on the way to it, in per mille, and plays a
// marked tone meanwhile.
func TestLineMeter(t *testing.T) {
	runLine(t, func(s *lineScene) {
		c := s.talk("meter", s.events())
		for i := range 100 {
			if i%20 == 7 {
				s.phone.seq++ // lost
			}
			s.phone.Says("a")
			s.After(19 * time.Millisecond)
		}
		var m sound.Marks
		if found := m.Hear(s.stream(s.phone.Drain())); len(found) == 0 {
			t.Error("the tone has no mark")
		}
		s.press("#", 101)
		s.After(3 * time.Second)
		var v sound.Events
		heard := ""
		for _, p := range s.phone.Drain() {
			if p.PayloadType == 101 {
				if d := v.Hear(&p); d != 0 {
					heard += string(d)
				}
			}
		}
		if heard != "047" && heard != "048" && heard != "046" { // 5 of 105, and the digits' own stream
			t.Errorf("5 of 105 packets lost, and the meter reads %q", heard)
		}
		if got := Header(s.hangUp(c), "X-Sipedge-Heard"); !strings.Contains(got, ";lost=5;") {
			t.Errorf("the meter heard %q", got)
		}
	})
}

// Session timers (RFC 4028): the caller refreshes, or the line has to.
func TestLineSessionTimers(t *testing.T) {
	runLine(t, func(s *lineScene) {
		c := s.caller.InviteWith("silence", s.phone.SDP(), "Supported: timer", "Session-Expires: 60")
		s.caller.Want("100")
		low := s.caller.Want("422")
		s.Check(low, "Min-SE", "90")
		c.AckFailure(low)
		c = s.caller.InviteWith("silence", s.phone.SDP(), "Supported: timer", "Session-Expires: 90")
		s.caller.Want("100")
		ok := s.caller.Want("200")
		s.Check(ok, "Session-Expires", "90;refresher=uac")
		c.Ack(ok)
		s.After(60*time.Second + 100*time.Millisecond)
		s.caller.Reply(s.caller.Want("BYE"), 200)

		c = s.caller.InviteWith("silence", s.phone.SDP(), "Session-Expires: 90", "Allow: INVITE, UPDATE")
		s.caller.Want("100")
		ok = s.caller.Want("200")
		s.Check(ok, "Session-Expires", "90;refresher=uas")
		c.Ack(ok)
		s.After(45*time.Second + 100*time.Millisecond)
		s.caller.Reply(s.caller.Want("UPDATE"), 200, "Contact: <sip:caller@192.0.2.100:5060>")
		s.After(45*time.Second + 100*time.Millisecond)
		s.caller.Reply(s.caller.Want("UPDATE"), 481)
		s.caller.Reply(s.caller.Want("BYE"), 200)
		s.phone.Drain()
	})
}

// A restart takes the line's end of the call away: the next run hangs up.
func TestLineAfterARestart(t *testing.T) {
	runLine(t, func(s *lineScene) {
		s.talk("milliwatt", s.phone.SDP())
		s.After(time.Second)
		kept := s.Kept.Live(time.Now())
		s.Crash() // of a kill nothing would be heard; here the line says good-bye
		s.phone.Drain()
		s.caller.Reply(s.caller.Want("BYE"), 200)
		for i := range kept { // as after a kill
			_ = s.Kept.Answered(&kept[i])
		}
		s.Start()
		s.After(2*time.Second + 100*time.Millisecond)
		s.caller.Reply(s.caller.Want("BYE"), 200)
		s.After(5 * time.Second)
		s.caller.Silent()
	})
}

// An edge that is being stopped does not wait for test lines.
func TestLineIsHungUpByADrain(t *testing.T) {
	runLine(t, func(s *lineScene) {
		s.talk("milliwatt", s.phone.SDP())
		ringing := s.caller.InviteWith("ring", s.phone.SDP())
		s.caller.Want("100")
		s.caller.Want("180")
		s.stop()
		s.After(100 * time.Millisecond)
		bye, late := s.caller.Next(), s.caller.Next()
		if _, first := bye.(*sip.Response); first {
			bye, late = late, bye
		}
		s.caller.Reply(bye, 200)
		ringing.AckFailure(late)
		s.phone.Drain()
	})
}

// Only so many calls at once, and all their ports come back.
func TestLinesAreBounded(t *testing.T) {
	runLine(t, func(s *lineScene) {
		var calls []*Call
		for range 100 {
			calls = append(calls, s.talk("silence", s.phone.SDP()))
		}
		one := s.caller.InviteWith("silence", s.phone.SDP())
		s.caller.Want("100")
		one.AckFailure(s.caller.Want("486"))
		if last := s.Decisions.All()[100]; !strings.Contains(last, `"because":"test_lines_full"`) {
			t.Errorf("the last one was decided as %s", last)
		}
		for _, c := range calls {
			s.hangUp(c)
		}
		s.hangUp(s.talk("echo", s.phone.SDP()))
	})
}

// A name that is no line, and a trunk that may not choose, are numbers nobody knows.
func TestLineOfNobody(t *testing.T) {
	runLine(t, func(s *lineScene) {
		c := s.caller.InviteWith("milliwat", s.phone.SDP())
		s.caller.Want("100")
		c.AckFailure(s.caller.Want("404"))
	})
	runLine(t, func(s *lineScene) {
		c := s.caller.InviteWith("milliwatt", s.phone.SDP())
		s.caller.Want("100")
		c.AckFailure(s.caller.Want("404"))
	}, "test_override: true, ", "")
}
