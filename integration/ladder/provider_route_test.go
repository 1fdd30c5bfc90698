package ladder

import (
	"slices"
	"strings"
	"testing"
)

// RFC 3261 section 16.6 step 6: a next hop whose Record-Route has no lr is a
// strict router. It wants to find itself in the Request-URI, and the target at
// the end of the Routes.
func TestProviderStrictRouter(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1 := h.Caller(), h.S1()
		text := strings.Replace(providerInvite(t, "twilio"), "192.0.2.100:5060;r2=on;lr", "192.0.2.100:5060;r2=on", 1)
		raw := h.raw(caller)
		invite := h.offerRaw(caller, s1, text)
		s1.Reply(invite, 200)
		caller.Want("200")
		s1.Callee(invite, "BYE", 1)
		request := caller.Want("BYE")
		bye := cut(raw("BYE"))
		if want := "BYE sip:192.0.2.100:5060;r2=on;ftag=48120973_6772d868_7a1b SIP/2.0"; bye.start != want {
			t.Errorf("%q, want %q", bye.start, want)
		}
		routes := strings.ReplaceAll(strings.Join(bye.named("Route"), ", "), "Route: ", "")
		if want := "<sip:172.25.60.2:5060;r2=on;lr;ftag=48120973_6772d868_7a1b>, <sip:+14155550123@172.25.60.118:5060;transport=udp>"; routes != want {
			t.Errorf("Route %q, want %q", routes, want)
		}
		caller.Reply(request, 200)
		s1.Want("200 BYE")
	}, trunk("twilio", "US", believed)...)
}

// Over TCP the provider calls from a port of the moment; requests of the callee
// go to the one it has written into Record-Route, and nowhere else.
func TestProviderCalleeHangsUpOverTCP(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1 := h.WhoTCP("caller", "192.0.2.100:5060"), h.S1()
		text := strings.NewReplacer("SIP/2.0/UDP 192.0.2.100", "SIP/2.0/TCP 192.0.2.100", "192.0.2.100:5060;r2=on", "192.0.2.100:5060;transport=tcp;r2=on").
			Replace(providerInvite(t, "twilio"))
		invite := h.offerRaw(caller, s1, text)
		s1.Reply(invite, 200)
		caller.Want("200")
		s1.Callee(invite, "BYE", 1)
		bye := caller.Want("BYE")
		h.Check(bye, "Route", "<sip:192.0.2.100:5060;transport=tcp;r2=on;lr;ftag=48120973_6772d868_7a1b>")
		caller.Reply(bye, 200)
		s1.Want("200 BYE")
	}, trunk("twilio", "US", believed)...)
}

// The second signalling address of a trunk may be the one in its Record-Route;
// an address that is nobody's gets nothing.
func TestProviderRecordRouteElsewhere(t *testing.T) {
	Run(t, func(h *H) {
		caller, second, s1 := h.Caller(), h.Who("second", "192.0.2.101:5060"), h.S1()
		text := strings.Replace(providerInvite(t, "telnyx"), "<sip:192.0.2.100;lr", "<sip:192.0.2.101;lr", 1)
		invite := h.offerRaw(caller, s1, text)
		s1.Reply(invite, 200)
		caller.Want("200")
		s1.Callee(invite, "BYE", 1)
		second.Reply(second.Want("BYE"), 200)
		s1.Want("200 BYE")
		caller.Silent()
	}, trunk("telnyx", "US", believed)...)
	Run(t, func(h *H) {
		caller, s1 := h.Caller(), h.S1()
		text := strings.Replace(providerInvite(t, "telnyx"), "<sip:192.0.2.100;lr", "<sip:192.0.2.99;lr", 1)
		invite := h.offerRaw(caller, s1, text)
		s1.Reply(invite, 200)
		caller.Want("200")
		s1.Callee(invite, "BYE", 1)
		s1.Want("403 BYE")
		caller.Silent()
	}, trunk("telnyx", "US", believed)...)
}

// What the caller's side sends later is judged like its INVITE.
func TestProviderHeadersInsideTheDialog(t *testing.T) {
	for trust, gone := range map[string][]string{believed: {"X-Telnyx-Session"}, stranger: {"X-Telnyx-Session", "X-Twilio-CallSid", "P-Asserted-Identity", "Identity"}} {
		Run(t, func(h *H) {
			caller, s1 := h.Caller(), h.S1()
			raw := h.raw(s1)
			c, _ := h.Talk(caller, s1, speakops)
			lines := []string{"X-Telnyx-Session: 1", "X-Twilio-CallSid: CA1", "P-Asserted-Identity: <tel:+14155550123>", "Identity:  a.b.c;info=<https://x.example>;alg=ES256", "Subject: s", "X-SpeakOps-Route: legacy"}
			c.Inside("INFO", lines...)
			s1.Reply(s1.Want("INFO"), 200)
			caller.Want("200 INFO")
			got := cut(raw("INFO"))
			for _, line := range lines {
				name, _, _ := strings.Cut(line, ":")
				want := !slices.Contains(gone, name) && !strings.HasPrefix(name, "X-SpeakOps")
				if slices.Contains(got.fields, line) != want {
					t.Errorf("%s: %q passes: %v", trust, line, !want)
				}
			}
			h.HangUp(c, s1)
		}, trunk("twilio", "US", trust)...)
	}
}

// A gateway that records itself twice, as one with two interfaces does, is
// passed twice, hidden or not, and also where its first hop routes strictly.
func TestProviderGatewayRecordsItselfTwice(t *testing.T) {
	const near, far = "<sip:203.0.113.1;r2=on;lr>", "<sip:10.9.9.9;r2=on;lr>"
	for _, c := range []struct{ name, near, uri, route string }{
		{"loose", near, "sip:s1@203.0.113.1:5060", near + ", " + far},
		{"strict", "<sip:203.0.113.1;r2=on>", "sip:203.0.113.1;r2=on", far + ", <sip:s1@203.0.113.1:5060>"},
	} {
		for _, hide := range []string{"", "    hide: true\n    media: anchor\n"} {
			t.Run(c.name+" "+strings.TrimSpace(hide), func(t *testing.T) {
				Run(t, func(h *H) {
					caller, s1 := h.Caller(), h.S1()
					raw := h.raw(s1)
					c1, invite := h.Offer(caller, s1, speakops)
					record := "Record-Route: " + far + ", " + c.near
					s1.Reply(invite, 180, record)
					caller.Want("180")
					s1.Reply(invite, 200, record)
					c1.Ack(caller.Want("200"))
					s1.Want("ACK")
					c1.Inside("BYE")
					bye := s1.Want("BYE")
					for _, method := range []string{"ACK", "BYE"} {
						got := cut(raw(method))
						routes := strings.ReplaceAll(strings.Join(got.named("Route"), ", "), "Route: ", "")
						if got.start != method+" "+c.uri+" SIP/2.0" || routes != c.route {
							t.Errorf("%s by %s\nwant %s by %s", got.start, routes, c.uri, c.route)
						}
					}
					s1.Reply(bye, 200)
					caller.Want("200 BYE")
				}, "  - id: caller\n", "  - id: caller\n"+hide)
			})
		}
	}
}
