package ladder

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// strange sends an INVITE changed by pairs of old and new text.
func strange(caller *Actor, edits ...string) *Call {
	caller.calls++
	c := &Call{A: caller, ID: "strange@192.0.2.100", Number: speakops, Tag: "from", branch: "z9hG4bKstrange", cseq: 1}
	c.Invite = strings.NewReplacer(edits...).Replace(c.Text("INVITE", "sip:"+speakops+"@"+EdgeAddr, c.branch, "", []string{"Contact: " + caller.contact("caller")}, ""))
	caller.SendRaw(c.Invite)
	wait()
	return c
}

// Refusals before a decision: stateless, one datagram, and their ACK is absorbed.
func TestRefused(t *testing.T) {
	for _, one := range []struct {
		name, want, header, value string
		edits                     []string
	}{
		{"max_forwards_0", "483", "", "", []string{"Max-Forwards: 70", "Max-Forwards: 0"}},
		{"proxy_require", "420", "Unsupported", "foo, bar", []string{"Max-Forwards: 70", "Max-Forwards: 70\r\nProxy-Require: foo, bar"}},
		{"unknown_scheme", "416", "", "", []string{"INVITE sip:+12025550143@192.0.2.1:5060", "INVITE nobody:knows"}},
		{"preloaded_route", "403", "", "", []string{"Max-Forwards: 70", "Max-Forwards: 70\r\nRoute: <sip:203.0.113.66;lr>"}},
		{"preloaded_route_behind_ours", "403", "", "", []string{"Max-Forwards: 70", "Max-Forwards: 70\r\nRoute: <sip:192.0.2.1:5060;lr>, <sip:203.0.113.66;lr>"}},
		{"malformed_cseq", "400", "", "", []string{"CSeq: 1 INVITE", "CSeq: 1 OPTIONS"}},
		{"two_from", "400", "", "", []string{"Max-Forwards: 70", "Max-Forwards: 70\r\nFrom: <sip:x@y>;tag=1"}},
		{"body_too_short", "400", "", "", []string{"Content-Length: 0", "Content-Length: 10"}},
		{"wrong_version", "505", "", "", []string{" SIP/2.0\r\n", " SIP/3.0\r\n"}},
		{"unknown_number", "404", "Reason", `Q.850;cause=1;text="number_unknown"`, []string{speakops, "+12025550999"}},
	} {
		t.Run(one.name, func(t *testing.T) {
			Run(t, func(h *H) {
				caller, s1 := h.Caller(), h.S1()
				c := strange(caller, one.edits...)
				if one.want == "404" {
					caller.Want("100") // a decision: it has a transaction
				}
				m := caller.Want(one.want)
				if one.header != "" {
					h.Check(m, one.header, one.value)
				}
				if tagOf(m, "To") == "" {
					t.Error("the refusal has no To tag")
				}
				c.AckFailure(m)
				h.Quiet(40*time.Second, caller, s1)
				basic, _ := h.Talk(caller, s1, speakops) // alive after
				h.HangUp(basic, s1)
				h.Golden("refused_" + one.name)
			})
		})
	}
}

func TestOwnRouteIsAccepted(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1 := h.Caller(), h.S1()
		strange(caller, "Max-Forwards: 70", "Max-Forwards: 1\r\nRoute: <sip:192.0.2.1:5060;lr>")
		caller.Want("100")
		invite := s1.Want("INVITE")
		h.Check(invite, "Route", "")
		h.Check(invite, "Max-Forwards", "0")
		s1.Reply(invite, 486)
		s1.Want("ACK")
		caller.Want("486")
		h.Golden("own_route_is_accepted")
	})
}

func TestNoMaxForwards(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1 := h.Caller(), h.S1()
		strange(caller, "Max-Forwards: 70\r\n", "")
		caller.Want("100")
		h.Check(s1.Want("INVITE"), "Max-Forwards", "70") // section 16.6 step 3
		h.Golden("no_max_forwards")
	})
}

func TestLoop(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1 := h.Caller(), h.S1()
		c, invite := h.Offer(caller, s1, speakops)
		ours := headersOf(invite, "Via")[0]
		back := strings.Replace(c.Invite, "Via: ", "Via: SIP/2.0/UDP 192.0.2.100;branch=z9hG4bKround\r\nVia: "+ours+"\r\nVia: ", 1)
		caller.SendRaw(back)
		h.Check(caller.Want("482"), "CSeq", "1 INVITE")
		s1.Reply(invite, 486)
		s1.Want("ACK")
		c.AckFailure(caller.Want("486"))
		h.Quiet(40*time.Second, caller, s1)
		h.Golden("loop")
	})
}

func TestSpiral(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1, l1 := h.Caller(), h.S1(), h.L1()
		c, invite := h.Offer(caller, s1, speakops)
		ours := headersOf(invite, "Via")[0]
		// The trunk sends it back for another number: our Via is in it, with
		// another loop hash (RFC 3261 section 16.3 item 4).
		back := strings.Replace(c.Invite, "Via: ", "Via: SIP/2.0/UDP 192.0.2.100:5060;branch=z9hG4bKround\r\nVia: "+ours+"\r\nVia: ", 1)
		back = strings.Replace(back, "INVITE sip:"+speakops, "INVITE sip:"+legacy, 1)
		other := h.Who("other", "192.0.2.101:5060")
		other.SendRaw(strings.ReplaceAll(back, "192.0.2.100:5060;branch=z9hG4bKround", "192.0.2.101:5060;branch=z9hG4bKround"))
		other.Want("100")
		round := l1.Want("INVITE")
		l1.Reply(round, 486)
		l1.Want("ACK")
		if n := len(headersOf(other.Want("486"), "Via")); n != 3 {
			t.Errorf("%d Vias came back, want 3", n)
		}
		s1.Reply(invite, 486)
		s1.Want("ACK")
		caller.Want("486")
		h.Golden("spiral")
	})
}

func TestMergedRequest(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1 := h.Caller(), h.S1()
		c, invite := h.Offer(caller, s1, speakops)
		caller.SendRaw(strings.Replace(c.Invite, "branch="+c.branch, "branch=z9hG4bKanotherway", 1))
		caller.Want("482") // section 8.2.2.2
		s1.Silent()
		s1.Reply(invite, 486)
		s1.Want("ACK")
		c.AckFailure(caller.Want("486"))
		h.Quiet(40*time.Second, caller, s1)
		h.Golden("merged_request")
	})
}

// Two calls under one Call-ID may be in progress, one of each address: a copy of
// either is merged, whichever came last.
func TestMergedAmongSeveral(t *testing.T) {
	Run(t, func(h *H) {
		caller, second, s1 := h.Caller(), h.Who("caller2", "192.0.2.101:5060"), h.S1()
		c, _ := h.Offer(caller, s1, speakops)
		second.SendRaw(strings.Replace(c.Invite, "Via: SIP/2.0/UDP 192.0.2.100:5060;branch=z9hG4bK", "Via: SIP/2.0/UDP 192.0.2.101:5060;branch=z9hG4bKretry", 1))
		second.Want("100")
		s1.Want("INVITE")
		for i, branch := range []string{"z9hG4bKone", "z9hG4bKtwo"} {
			caller.SendRaw(strings.Replace(c.Invite, "branch="+c.branch, "branch="+branch, 1))
			caller.Want("482")
			second.SendRaw(strings.Replace(c.Invite, "Via: SIP/2.0/UDP 192.0.2.100:5060;branch="+c.branch, fmt.Sprintf("Via: SIP/2.0/UDP 192.0.2.101:5060;branch=z9hG4bKx%d", i), 1))
			second.Want("482")
		}
		s1.Silent()
	})
}

func TestRetryFromTheSecondAddress(t *testing.T) {
	Run(t, func(h *H) {
		caller, second, s1 := h.Caller(), h.Who("caller2", "192.0.2.101:5060"), h.S1()
		c, invite := h.Offer(caller, s1, speakops)
		retry := strings.Replace(c.Invite, "Via: SIP/2.0/UDP 192.0.2.100:5060;branch=z9hG4bK", "Via: SIP/2.0/UDP 192.0.2.101:5060;branch=z9hG4bKretry", 1)
		second.SendRaw(retry)
		second.Want("100") // a provider's own retry is a new call, not a merged request
		again := s1.Want("INVITE")
		if topBranch(invite) == topBranch(again) {
			t.Error("two calls share a branch")
		}
		s1.Reply(invite, 486)
		s1.Want("ACK")
		c.AckFailure(caller.Want("486"))
		s1.Reply(again, 486)
		s1.Want("ACK")
		second.Want("486")
		h.Golden("retry_from_the_second_address")
	})
}

func TestMethodsOutsideOfDialogs(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1 := h.Caller(), h.S1()
		c := &Call{A: caller, ID: "methods", Number: speakops, Tag: "x", branch: "z9hG4bKmethods", cseq: 1}
		for _, method := range []string{"REGISTER", "SUBSCRIBE", "PUBLISH", "REFER", "MESSAGE", "INFO", "UPDATE", "FOO"} {
			caller.SendRaw(c.Text(method, "sip:"+EdgeAddr, c.branch+method, "", nil, ""))
			m := caller.Want("405 " + method)
			if !strings.Contains(Header(m, "Allow"), "INVITE") {
				t.Errorf("405 to %s has no Allow", method)
			}
		}
		h.Quiet(40*time.Second, caller, s1)
		h.Golden("methods_outside_of_dialogs")
	})
}

func TestStrangersGetSilence(t *testing.T) {
	Run(t, func(h *H) {
		stranger, s1 := h.Who("stranger", "192.0.2.66:5060"), h.S1()
		c := stranger.Invite(speakops)
		c.Cancel()
		stranger.SendRaw(c.Text("OPTIONS", "sip:"+EdgeAddr, "z9hG4bKo", "", nil, ""))
		h.Quiet(40*time.Second, stranger, s1)
		s1.SendRaw(strings.ReplaceAll(c.Invite, "192.0.2.66", "203.0.113.1"))
		s1.Want("403") // a gateway that is no trunk: this edge carries no outbound calls
		h.Golden("strangers_get_silence")
	})
}

func TestForgedAndMutated(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1 := h.Caller(), h.S1()
		c, _ := h.Talk(caller, s1, speakops)
		token := routeToken(t, c.dialog)
		forge := func(want, old, new string) {
			t.Helper()
			text := c.InsideText("BYE")
			if !strings.Contains(text, old) {
				t.Fatalf("no %q in\n%s", old, text)
			}
			caller.SendRaw(strings.ReplaceAll(text, old, new))
			caller.Want(want + " BYE")
			s1.Silent()
		}
		forge("481", token, token[:len(token)-4]+"AAAA")
		forge("481", "Route: <sip:"+token+"@192.0.2.1:5060;lr>\r\n", "")
		forge("481", "Call-ID: "+c.ID, "Call-ID: another")                        // a token of another call
		forge("481", ";tag="+c.Tag, ";tag=mallory")                               // of another dialog
		forge("403", "BYE sip:s1@203.0.113.1:5060", "BYE sip:s1@192.0.2.77:5060") // a target that is no gateway's
		forge("403", "lr>\r\n", "lr>\r\nRoute: <sip:192.0.2.77;lr>\r\n")
		forge("403", "BYE sip:s1@203.0.113.1:5060", "BYE sip:s1@203.0.113.1:6379") // the gateway's machine, not its SIP
		forge("403", "BYE sip:s1@203.0.113.1:5060", "BYE sip:s1@203.0.113.2:25;transport=tcp")
		s1.SendRaw(strings.ReplaceAll(c.InsideText("BYE"), "192.0.2.100:5060;branch", "203.0.113.1:5060;branch"))
		s1.Want("403 BYE") // the caller's token from the callee's side
		ack := strings.ReplaceAll(c.InsideText("ACK"), token, token[1:]+"A")
		caller.SendRaw(ack) // an ACK is never answered
		h.Quiet(time.Second, caller, s1)
		h.HangUp(c, s1)
		h.Quiet(40*time.Second, caller, s1)
		h.Golden("forged_and_mutated")
	})
}

// unknown is a branch of the edge's form that no transaction of it has: another MAC, by
// which it would be found, behind the same cookie and origin.
func unknown(branch string) string {
	other := "A"
	if branch[28] == 'A' {
		other = "B"
	}
	return branch[:28] + other + branch[29:]
}

func TestStrayResponses(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1 := h.Caller(), h.S1()
		_, invite := h.Offer(caller, s1, speakops)
		answer := s1.ReplyText(invite, 200, "s1")
		branch := topBranch(invite)
		for _, forged := range []string{
			strings.Replace(answer, branch, branch[:len(branch)-4]+"AAAA", 1),
			strings.Replace(answer, branch, "z9hG4bKnotours", 1),
			strings.Replace(answer, branch, unknown(branch), 1), // nobody's: it would go by its Vias alone
			strings.Replace(strings.Replace(answer, branch, unknown(branch), 1), "SIP/2.0/UDP 192.0.2.100:5060", "SIP/2.0/UDP 203.0.113.77:5060", 1),
			strings.Replace(answer, "192.0.2.1:5060;branch", "192.0.2.9:5060;branch", 1),
			strings.Replace(answer, "CSeq: 1 INVITE", "CSeq: 1 BYE", 1), // section 17.1.3 asks for the method, too
		} {
			s1.SendRaw(forged)
			h.Quiet(time.Second, caller)
		}
		for len(s1.inbox) > 0 {
			s1.Want("INVITE")
		}
		h.Golden("stray_responses")
	}, "    probe: { method: none }", "    no_answer: 7s\n    probe: { method: none }")
}

func TestOptionsAndDraining(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1 := h.Caller(), h.S1()
		c, invite := h.Ring(caller, s1, speakops)
		ping := func(n string) string { return c.Text("OPTIONS", "sip:"+EdgeAddr, "z9hG4bKping"+n, "", nil, "") }
		caller.SendRaw(ping("1"))
		caller.Want("200 OPTIONS")
		h.stop()
		h.After(time.Second)
		caller.SendRaw(ping("2"))
		h.Check(caller.Want("503 OPTIONS"), "Retry-After", "30")
		late := caller.Invite(speakops)
		late.AckFailure(caller.Want("503"))
		s1.Reply(invite, 200) // the call in progress goes on
		c.Ack(caller.Want("200"))
		s1.Want("ACK")
		h.After(10 * time.Second)
		h.HangUp(c, s1)
		h.Quiet(time.Second, caller, s1)
		select {
		case err := <-h.done:
			h.done <- err
		default:
			t.Error("the last call is over, and the edge drains on")
		}
		h.CDR(`"outcome":"answered"`)
		h.Golden("options_and_draining")
	})
}
