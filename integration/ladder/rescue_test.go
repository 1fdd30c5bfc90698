package ladder

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/speakops/sipedge/routing"
	windows "github.com/speakops/sipedge/sipedge/observe/ladder"
)

// pending is a number that the losing carrier still serves, or should.
const pending = "12025550150"

// rescues makes edits that let a route of two-gateways.yaml be rescued.
func rescues(authority, how string, more ...string) []string {
	at := "    authority: " + authority + "\n"
	return append([]string{at, at + "    rescue: " + how + "\n"}, more...)
}

func (h *H) pending(state routing.PortingState) {
	h.Number(routing.Number{PublicNumber: 12025550150, RoutingAuthority: routing.Legacy, PortingState: state, CustomerAssignment: "acme"})
}

func (h *H) ported() {
	h.Number(routing.Number{PublicNumber: 12025550150, RoutingAuthority: routing.SpeakOps, PortingState: routing.Activating, CustomerAssignment: "acme"})
}

// refuses lets each gateway in turn say its code.
func (h *H) refuses(code int, first *Actor, more ...*Actor) {
	h.T.Helper()
	for _, a := range append([]*Actor{first}, more...) {
		a.Reply(a.Want("INVITE"), code)
		a.Want("ACK")
	}
}

// The losing carrier has let go too soon: every gateway of it was asked, and says
// that there is no such number.
func TestEarlyDisconnectIsRescued(t *testing.T) {
	Run(t, func(h *H) {
		h.pending(routing.FOCConfirmed)
		caller, l1, l2, s1 := h.Caller(), h.L1(), h.Who("l2", "198.51.100.2:5060"), h.S1()
		c := caller.Invite(pending)
		caller.Want("100")
		h.refuses(404, l1)
		h.refuses(410, l2)
		invite := s1.Want("INVITE")
		s1.Reply(invite, 180)
		ringing := caller.Want("180")
		if told := Header(ringing, decision); !strings.HasPrefix(told, "speakops;because=rescue_early_disconnect;route=speakops-main;gateway=s1") {
			t.Errorf("the trunk is told %q", told)
		}
		s1.Reply(invite, 200)
		c.Ack(caller.Want("200"))
		s1.Want("ACK")
		h.HangUp(c, s1)
		h.Decision(`"routing_authority":"legacy"`, `"because":"port_pending"`, `"gateways":["l1","l2"]`)
		h.CDR(`"routing_authority":"speakops"`, `"because":"rescue_early_disconnect"`, `"route":"speakops-main"`, `"gateway":"s1"`,
			`"gateway":"l1"`, `"code":404`, `"gateway":"l2"`, `"code":410`)
		h.Quiet(40*time.Second, caller, l1, l2, s1)
		h.Golden("early_disconnect_is_rescued")
		h.noted("route speakops route=speakops-main via=s1,s2 revision=946684800000003 because=rescue_early_disconnect")
		if calls, _ := h.Ladders.List(windows.Filter{Because: "rescue_early_disconnect", Limit: 9}); len(calls) != 1 {
			t.Errorf("cutoverctl calls finds %d of them", len(calls))
		}
	}, rescues("legacy", "{ cps: 5 }")...)
}

// Beyond the rate of the route the caller hears what the carrier says.
func TestRescuesAreRateCapped(t *testing.T) {
	Run(t, func(h *H) {
		h.pending(routing.FOCConfirmed)
		caller, l1, l2, s1 := h.Caller(), h.L1(), h.Who("l2", "198.51.100.2:5060"), h.S1()
		call := func(want string) {
			t.Helper()
			c := caller.Invite(pending)
			caller.Want("100")
			h.refuses(404, l1, l2)
			if want == "486" {
				h.refuses(486, s1)
			}
			c.AckFailure(caller.Want(want))
			s1.Silent()
		}
		call("486")
		h.CDR(`"routing_authority":"speakops"`, `"because":"rescue_early_disconnect"`, `"outcome":"busy"`)
		call("486")
		call("404")
		if err := h.Edge.Reload(load(t, rescues("legacy", "{ cps: 0.1, burst: 3 }"))); err != nil {
			t.Fatal(err)
		}
		call("486") // there is room for one more now
		call("404")
		h.After(11 * time.Second)
		call("486")
	}, rescues("legacy", "{ cps: 0.1, burst: 2 }")...)
}

// An exception is for what it was named for, and for nothing else.
func TestNoRescue(t *testing.T) {
	allowed := rescues("legacy", "{ cps: 5 }")
	for _, c := range []struct {
		name  string
		state routing.PortingState
		code  int
		edits []string
	}{
		{"not allowed", routing.FOCConfirmed, 404, nil},
		{"no date yet", routing.Submitted, 404, allowed},
		{"a code that was left out", routing.FOCConfirmed, 410, rescues("legacy", "{ cps: 5, on: [ 404 ] }")},
		{"the callee is busy", routing.FOCConfirmed, 486, allowed},
		{"the carrier is down", routing.FOCConfirmed, 503, allowed},
	} {
		t.Run(c.name, func(t *testing.T) {
			Run(t, func(h *H) {
				h.pending(c.state)
				caller, l1, l2, s1 := h.Caller(), h.L1(), h.Who("l2", "198.51.100.2:5060"), h.S1()
				caller.Invite(pending)
				caller.Want("100")
				h.refuses(c.code, l1)
				if c.code == 503 {
					h.refuses(c.code, l2)
				}
				h.After(time.Second)
				h.Quiet(time.Minute, s1, l2)
				h.CDR(`"routing_authority":"legacy"`, `"because":"port_pending"`)
			}, c.edits...)
		})
	}
}

// A gateway without an address was not asked, and one on the other side cannot be.
func TestRescueWantsAddresses(t *testing.T) {
	for name, edit := range map[string][]string{
		"not every gateway of its own route could be asked":        {"sip:198.51.100.2:5060", "sip:l2.example.com:5060"},
		"no gateway there has an address, or no test line is free": {"sip:203.0.113.1:5060", "sip:s1.example.com:5060", "sip:203.0.113.2:5060", "sip:s2.example.com:5060"},
	} {
		t.Run(name, func(t *testing.T) {
			Run(t, func(h *H) {
				h.pending(routing.FOCConfirmed)
				caller, l1, l2, s1 := h.Caller(), h.L1(), h.Who("l2", "198.51.100.2:5060"), h.S1()
				c := caller.Invite(pending)
				caller.Want("100")
				h.refuses(404, l1)
				if strings.Contains(edit[0], "203.") {
					h.refuses(404, l2)
				}
				c.AckFailure(caller.Want("404"))
				h.Quiet(time.Minute, s1, l2)
				h.noted("no rescue_early_disconnect by route speakops-main: " + name)
			}, rescues("legacy", "{ cps: 5 }", edit...)...)
		})
	}
}

// A test line may be the other side: an announcement is better than nothing.
func TestRescueToATestLine(t *testing.T) {
	runLine(t, func(s *lineScene) {
		s.Number(routing.Number{PublicNumber: 12025550150, RoutingAuthority: routing.Legacy, PortingState: routing.Released,
			CustomerAssignment: "acme", SpeakOpsRoute: "line-echo"})
		l1, l2 := s.L1(), s.Who("l2", "198.51.100.2:5060")
		c := s.caller.InviteWith(pending, s.phone.SDP())
		s.caller.Want("100")
		s.refuses(410, l1, l2)
		ok := s.caller.Want("200")
		s.phone.Told(ok)
		c.Ack(ok)
		s.phone.Says("hello")
		s.phone.Hears("hello")
		s.hangUp(c)
		s.CDR(`"routing_authority":"speakops"`, `"because":"rescue_early_disconnect"`, `"route":"line-echo"`)
	}, rescues("legacy", "{ cps: 5 }")...)
}

// SpeakOps is down after the cut, and the losing carrier still answers. A gateway
// of ours that wakes up late has its answer ended: the call is the other side's.
func TestFallbackAfterCut(t *testing.T) {
	Run(t, func(h *H) {
		h.ported()
		caller, l1, s1, s2 := h.Caller(), h.L1(), h.S1(), h.S2()
		c := caller.Invite(pending)
		caller.Want("100")
		h.refuses(503, s1)
		late := s2.Want("INVITE")
		s2.Want("INVITE")
		s2.Want("INVITE")
		invite := l1.Want("INVITE")
		l1.Reply(invite, 180)
		caller.Want("180")
		s2.Reply(late, 200)
		s2.Want("ACK")
		s2.Reply(s2.Want("BYE"), 200)
		caller.Silent()
		l1.Reply(invite, 200)
		c.Ack(caller.Want("200"))
		l1.Want("ACK")
		h.HangUp(c, l1)
		h.CDR(`"routing_authority":"legacy"`, `"because":"fallback_after_cut"`, `"route":"legacy-main"`, `"gateway":"l1"`)
		h.Quiet(40*time.Second, caller, l1, s1, s2)
		h.Golden("fallback_after_cut")
	}, rescues("speakops", "{ cps: 5 }")...)
}

// What the losing carrier brings back of a call that fell back to it is not sent
// there again.
func TestFallbackThatComesBack(t *testing.T) {
	Run(t, func(h *H) {
		h.ported()
		caller, l1, s1, s2 := h.Caller(), h.L1(), h.S1(), h.S2()
		caller.Invite(pending)
		caller.Want("100")
		h.refuses(503, s1, s2)
		invite := l1.Want("INVITE")
		l1.Reply(invite, 100)
		back := caller.Invite(pending)
		caller.Want("100")
		h.refuses(503, s1, s2)
		back.AckFailure(caller.Want("500"))
		l1.Reply(invite, 486)
		l1.Want("ACK")
		caller.Want("486")
		h.After(time.Second)
		l1.Silent()
	}, rescues("speakops", "{ cps: 5 }", "test_override: true, ", "")...)
}

// The exception is in the route token: the edge that ends the call knows of it.
func TestAnotherEdgeEndsARescue(t *testing.T) {
	Run(t, func(h *H) {
		const there = "192.0.2.2:5060"
		h.pending(routing.Jeopardy)
		caller, l1, l2, s1 := h.Caller(), h.L1(), h.Who("l2", "198.51.100.2:5060"), h.S1()
		c := caller.Invite(pending)
		caller.Want("100")
		h.refuses(604, l1, l2)
		s1.Reply(s1.Want("INVITE"), 200)
		c.Ack(caller.Want("200"))
		s1.Want("ACK")
		h.Crash()
		other := h.Another(there, `address: "`+there+`"`, `address: "`+there+`", advertise: "`+EdgeAddr+`"`)
		defer other.StopAlone()
		caller.Edge, s1.Edge = netip.MustParseAddrPort(there), netip.MustParseAddrPort(there)
		h.HangUp(c, s1)
		h.After(time.Second)
		other.CDR(`"by_token":true`, `"routing_authority":"speakops"`, `"because":"rescue_early_disconnect"`)
		h.Start()
	}, rescues("legacy", "{ cps: 5 }")...)
}

// An emergency service that calls back may reach either side, and the record
// says where it did.
func TestPSAPReachesTheOtherSide(t *testing.T) {
	Run(t, func(h *H) {
		caller, l1, s1, s2 := h.Caller(), h.L1(), h.S1(), h.S2()
		c := caller.Invite(speakops, "Priority: psap-callback")
		caller.Want("100")
		h.refuses(503, s1, s2)
		l1.Reply(l1.Want("INVITE"), 200)
		c.Ack(caller.Want("200"))
		l1.Want("ACK")
		h.HangUp(c, l1)
		h.After(time.Second)
		h.CDR(`"routing_authority":"legacy"`, `"because":"psap"`, `"route":"legacy-main"`)

		l2 := h.Who("l2", "198.51.100.2:5060")
		again := caller.Invite(speakops, "Priority: psap-callback")
		caller.Want("100")
		h.refuses(503, s1, s2, l1, l2)
		again.AckFailure(caller.Want("500"))
		h.Quiet(time.Minute, s1, s2, l1, l2) // each is asked once
	}, "test_override: true,", "test_override: true, psap_callback: true,")
}

// The media of a rescued call is that of its new route: anchored here, although
// the carrier's own calls are not.
func TestRescueIsAnchored(t *testing.T) {
	runAnchored(t, func(s *anchorScene) {
		s.pending(routing.Armed)
		l1, l2 := s.L1(), s.Who("l2", "198.51.100.2:5060")
		offer := s.a.SDP()
		c := s.caller.InviteWith(pending, offer)
		s.caller.Want("100")
		direct := l1.Want("INVITE")
		if !strings.HasSuffix(direct.String(), offer) {
			s.T.Errorf("the legacy route anchors:\n%s", direct)
		}
		l1.Reply(direct, 404)
		l1.Want("ACK")
		s.refuses(404, l2)
		invite := s.s1.Want("INVITE")
		if s.b.Told(invite); s.b.To.Addr().String() != "192.0.2.1" {
			s.T.Errorf("the route of SpeakOps does not anchor:\n%s", invite)
		}
		s.s1.ReplyWith(invite, 200, s.b.SDP())
		ok := s.caller.Want("200")
		s.a.Told(ok)
		c.Ack(ok)
		s.s1.Want("ACK")
		s.a.TalkTo(s.b, time.Second)
		s.HangUp(c, s.s1)
		s.free()
	}, rescues("legacy", "{ cps: 5 }\n    media: direct")...)
}
