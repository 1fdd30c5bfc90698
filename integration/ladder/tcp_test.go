package ladder

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/speakops/sipedge/sipedge/transport/memnet"
)

// tcpGateways are SpeakOps' gateways over TCP.
var tcpGateways = []string{"203.0.113.1:5060;transport=udp", "203.0.113.1:5060;transport=tcp", "203.0.113.2:5060;transport=udp", "203.0.113.2:5060;transport=tcp"}

func TestTCPCallerToUDPGateway(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1 := h.WhoTCP("caller", "192.0.2.100:5060"), h.S1()
		c, invite := h.Ring(caller, s1, speakops)
		if rr := headersOf(invite, "Record-Route"); len(rr) != 2 || !strings.Contains(rr[1], "transport=tcp") || strings.Contains(rr[0], "transport") {
			t.Errorf("Record-Route is %q, want UDP towards the gateway above TCP towards the caller (RFC 5658)", rr)
		}
		s1.Reply(invite, 200)
		c.Ack(caller.Want("200"))
		h.Check(s1.Want("ACK"), "Route", "")
		s1.Callee(invite, "INFO", 1)
		caller.Reply(caller.Want("INFO"), 200)
		s1.Want("200 INFO")
		bye := c.InsideText("BYE")
		caller.SendRaw(bye)
		s1.Want("BYE")
		s1.Want("BYE") // from TCP to UDP: our own timer E, not the caller's
		s1.Reply(s1.Want("BYE"), 200)
		caller.Want("200 BYE")
		h.Quiet(40*time.Second, caller, s1)
		h.Golden("tcp_caller_to_udp_gateway")
	})
}

func TestUDPCallerToTCPGateway(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1 := h.Caller(), h.WhoTCP("s1", "203.0.113.1:5060")
		c, invite := h.Talk(caller, s1, speakops)
		if rr := headersOf(invite, "Record-Route"); len(rr) != 2 || !strings.Contains(rr[0], "transport=tcp") || strings.Contains(rr[1], "transport") {
			t.Errorf("Record-Route is %q, want TCP towards the gateway above UDP towards the caller (RFC 5658)", rr)
		}
		s1.Callee(invite, "INFO", 1)
		caller.Reply(caller.Want("INFO"), 200)
		s1.Want("200 INFO")
		h.HangUp(c, s1)
		h.Quiet(20*time.Second, caller, s1)
		h.Golden("udp_caller_to_tcp_gateway")
	}, tcpGateways...)
}

func TestTCPFailureIsNotRepeated(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1 := h.WhoTCP("caller", "192.0.2.100:5060"), h.WhoTCP("s1", "203.0.113.1:5060")
		_, invite := h.Ring(caller, s1, speakops)
		s1.Reply(invite, 486)
		s1.Want("ACK")
		caller.Want("486")
		h.Quiet(20*time.Second, caller, s1) // no timer G on a reliable transport
		h.Golden("tcp_failure_is_not_repeated")
	}, tcpGateways...)
}

func TestTCPGatewayRefusesConnections(t *testing.T) {
	Run(t, func(h *H) {
		// s1 is there, and listens on UDP only: connection refused, the next at once.
		caller, _, s2 := h.Caller(), h.S1(), h.WhoTCP("s2", "203.0.113.2:5060")
		c, invite := h.Offer(caller, s2, speakops)
		s2.Reply(invite, 200)
		c.Ack(caller.Want("200"))
		s2.Want("ACK")
		h.HangUp(c, s2)
		h.Quiet(20*time.Second, caller, s2)
		h.Golden("tcp_gateway_refuses_connections")
	}, tcpGateways...)
}

func TestTCPCallerConnectsAnew(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1 := h.WhoTCP("caller", "192.0.2.100:5060"), h.S1()
		c, invite := h.Ring(caller, s1, speakops)
		caller.Hang() // its connection is gone while it rings
		h.After(time.Second)
		s1.Reply(invite, 200) // section 18.2.2: a new one, to the sent-by port
		c.Ack(caller.Want("200"))
		s1.Want("ACK")
		h.HangUp(c, s1)
		h.Quiet(20*time.Second, caller, s1)
		h.Golden("tcp_caller_connects_anew")
	})
}

// eitherWay names the gateways without a transport: UDP, and TCP at the same port.
var eitherWay = []string{"203.0.113.1:5060;transport=udp", "203.0.113.1:5060", "203.0.113.2:5060;transport=udp", "203.0.113.2:5060"}

func TestLargeInviteOverTCP(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1 := h.Caller(), h.WhoTCP("s1", "203.0.113.1:5060")
		c, invite := h.Talk(caller, s1, speakops, "Subject: "+strings.Repeat("long ", 200))
		if !strings.HasPrefix(Header(invite, "Via"), "SIP/2.0/TCP ") {
			t.Errorf("Via is %s", Header(invite, "Via"))
		}
		h.HangUp(c, s1)
		h.Quiet(20*time.Second, caller, s1)
		h.Golden("large_invite_over_tcp")
	}, eitherWay...)
}

func TestLargeInviteFallsBackToUDP(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1 := h.Caller(), h.S1() // TCP is refused
		c, invite := h.Talk(caller, s1, speakops, "Subject: "+strings.Repeat("long ", 200))
		if !strings.HasPrefix(Header(invite, "Via"), "SIP/2.0/UDP ") {
			t.Errorf("Via is %s", Header(invite, "Via"))
		}
		if rr := headersOf(invite, "Record-Route"); len(rr) != 1 {
			t.Errorf("Record-Route is %q", rr)
		}
		h.HangUp(c, s1)
		again, _ := h.Talk(caller, s1, speakops, "Subject: "+strings.Repeat("long ", 200)) // remembered
		h.HangUp(again, s1)
		h.Quiet(20*time.Second, caller, s1)
		h.Golden("large_invite_falls_back_to_udp")
	}, eitherWay...)
}

func TestLargeInviteWhereTCPIsSwallowed(t *testing.T) {
	Run(t, func(h *H) {
		caller := h.Caller()
		began := time.Now()
		c := caller.Invite(speakops, "Subject: "+strings.Repeat("long ", 200))
		caller.Want("100")
		h.After(400 * time.Millisecond) // a connection to nobody gets no answer at all
		s1 := h.S1()
		invite := s1.Want("INVITE")
		if took := time.Since(began); took > 600*time.Millisecond {
			t.Errorf("the INVITE took %s over UDP", took)
		}
		s1.Reply(invite, 486)
		s1.Want("ACK")
		c.AckFailure(caller.Want("486"))
		h.Quiet(40*time.Second, caller, s1)
		h.Golden("large_invite_where_tcp_is_swallowed")
	}, eitherWay...)
}

// Over TCP a leg is over with its final, so the call is at rest when the ACK is
// repeated: it was for the edge, the first time and again.
func TestRepeatedAckOfAFailedReinvite(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1 := h.Caller(), h.WhoTCP("s1", "203.0.113.1:5060")
		c, _ := h.Talk(caller, s1, speakops)
		c.Inside("INVITE")
		caller.Want("100")
		s1.Reply(s1.Want("INVITE"), 488)
		s1.Want("ACK")
		caller.Want("488")
		c.AckInside()
		c.AckInside()
		h.Quiet(time.Second, caller, s1)
		h.HangUp(c, s1)
		h.Quiet(40*time.Second, caller, s1)
		h.Golden("repeated_ack_of_a_failed_reinvite")
	}, tcpGateways...)
}

// A connection that comes up when the INVITE has gone over UDP carries no second one.
func TestLargeInviteIsNotSentTwice(t *testing.T) {
	Run(t, func(h *H) {
		caller, overTCP, s1 := h.Caller(), h.WhoTCP("s1tcp", "203.0.113.1:5060"), h.S1()
		defer overTCP.close() // the evening knows one actor of an address
		edge := netip.MustParseAddrPort(EdgeAddr).Addr()
		h.Net.SetLink(edge, s1.Addr.Addr(), memnet.Link{Delay: 800 * time.Millisecond})
		c := caller.Invite(speakops, "Subject: "+strings.Repeat("long ", 200))
		caller.Want("100")
		invite := s1.Want("INVITE")
		h.Net.SetLink(edge, s1.Addr.Addr(), memnet.Link{})
		s1.Reply(invite, 486)
		s1.Want("ACK")
		c.AckFailure(caller.Want("486"))
		h.Quiet(40*time.Second, caller, overTCP, s1)
	}, eitherWay...)
}
