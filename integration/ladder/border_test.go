package ladder

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
)

const hidden = "  - id: caller\n    hide: true\n    media: anchor\n"

// inside are the words by which anything beyond the edge would show.
var inside = []string{"203.0.113.", "198.51.100.", "s1@", "s2@", "inside"}

// clean fails the test where a message to the caller names anything of the inside.
func clean(t *testing.T, m sip.Message) sip.Message {
	t.Helper()
	head, _, _ := strings.Cut(m.String(), "\r\n\r\n") // the SDP is the media relay's
	for _, word := range inside {
		if strings.Contains(head, word) {
			t.Errorf("%q shows in\n%s", word, head)
		}
	}
	return m
}

func TestHide(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1 := h.Caller(), h.S1()
		tell := []string{"Server: inside/2", "User-Agent: inside", "Warning: 399 203.0.113.1 \"inside\"",
			"Record-Route: <sip:203.0.113.1;lr;proxy=inside>", "P-Asserted-Identity: <sip:x@inside>", "Alert-Info: <http://inside/>", "X-Node: inside"}
		c := caller.Invite(speakops)
		clean(t, caller.Want("100"))
		invite := s1.Want("INVITE")
		s1.Reply(invite, 180, tell...)
		clean(t, caller.Want("180"))
		s1.Reply(invite, 200, tell...)
		c.Ack(clean(t, caller.Want("200")))
		ack := s1.Want("ACK")
		h.Check(ack, "Route", "<sip:203.0.113.1;lr;proxy=inside>") // the gateway's proxy is still passed
		if !strings.HasPrefix(ack.String(), "ACK sip:s1@203.0.113.1:5060 ") {
			t.Errorf("the ACK does not name the callee:\n%s", ack)
		}

		s1.Callee(invite, "INVITE", 4, "Server: inside", "v: SIP/2.0/UDP 203.0.113.99;branch=z9hG4bKdeeper")
		s1.Want("100")
		back := clean(t, caller.Want("INVITE"))
		caller.Reply(back, 491)
		caller.Want("ACK")
		rejected := s1.Want("491")
		if vias := headersOf(rejected, "Via"); len(vias) != 2 || !strings.Contains(vias[1], "deeper") {
			t.Errorf("the Vias of the inside did not come back: %q", vias)
		}
		s1.AckInside(invite, 4)

		s1.Callee(invite, "INVITE", 5)
		s1.Want("100")
		caller.Reply(clean(t, caller.Want("INVITE")), 200)
		s1.Want("200")
		s1.Callee(invite, "ACK", 5)
		clean(t, caller.Want("ACK"))

		c.Inside("INVITE")
		caller.Want("100")
		again := s1.Want("INVITE")
		s1.Reply(again, 200, tell...)
		c.Ack(clean(t, caller.Want("200")))
		s1.Want("ACK")
		c.Inside("BYE")
		s1.Reply(s1.Want("BYE"), 200, tell...)
		clean(t, caller.Want("200 BYE"))
		h.Quiet(40*time.Second, caller, s1)
		h.Golden("hide")
	}, "  - id: caller\n", hidden)
}

func TestHideFailure(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1 := h.Caller(), h.S1()
		c := caller.Invite(speakops)
		caller.Want("100")
		invite := s1.Want("INVITE")
		s1.ReplyTag(invite, 484, "t", "Contact: <sip:s1@203.0.113.1>", "Server: inside", "Warning: 399 inside \"no\"", "Error-Info: <sip:inside@203.0.113.9>")
		s1.Want("ACK")
		c.AckFailure(clean(t, caller.Want("484")))
		h.Quiet(40*time.Second, caller, s1)
		h.Golden("hide_failure")
	}, "  - id: caller\n", hidden)
}

func TestHideCalleeHangsUp(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1 := h.Caller(), h.S1()
		c := caller.Invite(speakops)
		caller.Want("100")
		invite := s1.Want("INVITE")
		s1.ReplyTag(invite, 200, "tag1")
		c.Ack(clean(t, caller.Want("200")))
		s1.Want("ACK")
		s1.SendRaw(strings.Replace(s1.CalleeText(invite, "BYE", 1, "User-Agent: inside"), ";tag=s1", ";tag=tag1", 1))
		bye := clean(t, caller.Want("BYE"))
		if n := len(headersOf(bye, "Via")); n != 1 {
			t.Errorf("%d Vias went out, want ours alone", n)
		}
		caller.Reply(bye, 200)
		ok := s1.Want("200 BYE")
		if n := len(headersOf(ok, "Via")); n != 1 || !strings.Contains(Header(ok, "Via"), "203.0.113.1") {
			t.Errorf("Vias that came back: %q", headersOf(ok, "Via"))
		}
		h.Quiet(40*time.Second, caller, s1)
		h.Golden("hide_callee_hangs_up")
	}, "  - id: caller\n", hidden)
}

// What a trunk claims about who calls is believed only where it is trusted for it:
// for all others it is gone, however it is spelled.
func TestIdentityIsBelievedOfTheTrustedOnly(t *testing.T) {
	claims := []string{
		"P-Asserted-Identity: <sip:+14155550000@carrier.example>", "p-asserted-identity\t: <tel:+14155550001>", "P-PREFERRED-IDENTITY:\r\n <sip:+14155550002@carrier.example>",
		"Remote-Party-ID: <sip:+14155550003@carrier.example>;party=calling", "Diversion: <sip:+14155550004@carrier.example>;reason=unconditional",
		"History-Info: <sip:+14155550005@carrier.example>;index=1", "P-Charge-Info: <sip:+14155550006@carrier.example>", "Identity: eyJh..;info=<https://cert.example/a>",
		"y: eyJi..;info=<https://cert.example/b>",
	}
	for _, trusted := range []bool{true, false} {
		Run(t, func(h *H) {
			caller, s1 := h.Caller(), h.S1()
			_, invite := h.Offer(caller, s1, speakops, claims...)
			text := invite.String()
			for _, mark := range []string{"+14155550000", "+14155550001", "+14155550002", "+14155550003", "+14155550004", "+14155550005", "+14155550006", "eyJh", "eyJi"} {
				if strings.Contains(text, mark) != trusted {
					t.Errorf("trusted %v, and %s reaches the gateway: %v\n%s", trusted, mark, !trusted, text)
				}
			}
			s1.Reply(invite, 486)
			s1.Want("ACK")
			caller.Want("486")
		}, "trust: { identity: true,", fmt.Sprintf("trust: { identity: %v,", trusted))
	}
}

func TestHeadersAtTheBorder(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1 := h.Caller(), h.S1()
		_, invite := h.Offer(caller, s1, speakops, "x-private: 1", "P-Charging-Function-Addresses: ccf=1.2.3.4", "Identity: eyJhbGciOi..;info=<https://cert.example/a>;alg=ES256;ppt=shaken", "Subject: kept  as it is")
		h.Check(invite, "P-Charging-Function-Addresses", "")
		h.Check(invite, "Identity", "eyJhbGciOi..;info=<https://cert.example/a>;alg=ES256;ppt=shaken")
		h.Check(invite, "Subject", "kept  as it is")
		s1.Reply(invite, 486, "Server: gw/1.0", "X-Node: 4", "P-Charging-Vector: icid=1")
		s1.Want("ACK")
		final := caller.Want("486")
		h.Check(final, "Server", "gw/1.0") // a proxy lets pass what it has no reason to stop
		h.Check(final, "X-Node", "4")
		h.Check(final, "P-Charging-Vector", "")
		h.Golden("headers_at_the_border")
	})
}

// A carrier learns nothing of what answers behind the edge, nor does a trunk
// with hide, whatever its profile.
func TestInsideStaysInside(t *testing.T) {
	for _, how := range []string{"profile: twilio", "hide: true\n    media: anchor"} {
		t.Run(how, func(t *testing.T) {
			Run(t, func(h *H) {
				caller, s1 := h.Caller(), h.S1()
				_, invite := h.Offer(caller, s1, speakops)
				s1.Reply(invite, 180, "Server: gw/1.0", "X-Node: 4", "Warning: 399 inside \"10.0.0.1\"")
				ringing := caller.Want("180")
				for _, name := range []string{"Server", "X-Node", "Warning"} {
					h.Check(ringing, name, "")
				}
			}, "  - id: caller\n", "  - id: caller\n    "+how+"\n")
		})
	}
}

// RFC 3261 section 16.4: a strict router before us has our URI in the
// Request-URI, and the target behind the last Route.
func TestStrictRouter(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1 := h.Caller(), h.S1()
		c, _ := h.Talk(caller, s1, speakops)
		bye := c.InsideText("BYE")
		token := routeToken(t, c.dialog)
		bye = strings.Replace(bye, "BYE sip:s1@203.0.113.1:5060", "BYE sip:"+token+"@192.0.2.1:5060;lr", 1)
		bye = strings.Replace(bye, "Route: <sip:"+token+"@192.0.2.1:5060;lr>", "Route: <sip:s1@203.0.113.1:5060>", 1)
		caller.SendRaw(bye)
		got := s1.Want("BYE")
		if !strings.HasPrefix(got.String(), "BYE sip:s1@203.0.113.1:5060 ") {
			t.Errorf("the target is lost:\n%s", got)
		}
		h.Check(got, "Route", "")
		s1.Reply(got, 200)
		caller.Want("200 BYE")
		h.Quiet(40*time.Second, caller, s1)
		h.Golden("strict_router")
	})
}

// Responses go to the source address, and to the sent-by port unless rport asks
// for the source port (RFC 3261 section 18.2.2, RFC 3581).
func TestWayBack(t *testing.T) {
	Run(t, func(h *H) {
		caller, nat, s1 := h.Caller(), h.Who("nat", "192.0.2.100:33333"), h.S1()
		c := &Call{A: nat, ID: "back", Number: speakops, Tag: "from", branch: "z9hG4bKback", cseq: 1}
		options := c.Text("OPTIONS", "sip:"+EdgeAddr, c.branch, "", nil, "")
		nat.SendRaw(strings.Replace(options, "192.0.2.100:33333", "10.0.0.9", 1))
		h.Check(caller.Want("200 OPTIONS"), "Via", "SIP/2.0/UDP 10.0.0.9;branch=z9hG4bKback;received=192.0.2.100")
		nat.SendRaw(strings.Replace(options, "192.0.2.100:33333", "10.0.0.9;rport", 1))
		h.Check(nat.Want("200 OPTIONS"), "Via", "SIP/2.0/UDP 10.0.0.9;branch=z9hG4bKback;received=192.0.2.100;rport=33333")

		nat.calls++
		invite := c.Text("INVITE", "sip:"+speakops+"@"+EdgeAddr, c.branch, "", []string{"Contact: <sip:c@10.0.0.9>"}, "")
		nat.SendRaw(strings.Replace(invite, "192.0.2.100:33333", "10.0.0.9:5060;rport", 1))
		nat.Want("100")
		got := s1.Want("INVITE")
		if below := headersOf(got, "Via")[1]; !strings.Contains(below, "rport=33333") || !strings.Contains(below, "received=192.0.2.100") {
			t.Errorf("the caller's Via went on as %s", below)
		}
		s1.Reply(got, 200)
		ok := nat.Want("200")
		c.Ack(ok)
		s1.Want("ACK")
		s1.Callee(got, "BYE", 1) // to a private Contact: to the address it came from
		nat.Reply(nat.Want("BYE"), 200)
		s1.Want("200 BYE")
		h.Quiet(40*time.Second, caller, nat, s1)
		h.Golden("way_back")
	})
}

// What a gateway is not to see is taken from the INVITE alone that goes to it; the
// next gateway gets what the caller wrote.
func TestGatewayStripsAndAddsHeaders(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1, s2 := h.Caller(), h.S1(), h.S2()
		c, first := h.Offer(caller, s1, speakops, "X-Region: west", "X-Account: 7", "P-Asserted-Identity: <sip:+14155550123@example.com>")
		h.Check(first, "X-Region", "")
		h.Check(first, "X-Account", "7")
		h.Check(first, "X-From", "acme edge")
		s1.Reply(first, 503)
		s1.Want("ACK")
		second := s2.Want("INVITE")
		h.Check(second, "X-Region", "west")
		h.Check(second, "X-Account", "7")
		h.Check(second, "X-From", "")
		for _, m := range []sip.Message{first, second} {
			h.Check(m, "P-Asserted-Identity", "<sip:+14155550123@example.com>") // of a trusted trunk
		}
		s2.Reply(second, 486)
		s2.Want("ACK")
		c.AckFailure(caller.Want("486"))
	}, `{ id: s1, uri: "sip:203.0.113.1:5060;transport=udp", priority: 1 }`,
		`{ id: s1, uri: "sip:203.0.113.1:5060;transport=udp", priority: 1, egress: { headers_strip: [ "X-Region" ], headers_add: { X-From: "acme edge" } } }`)
}
