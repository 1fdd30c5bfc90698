package ladder

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
)

func TestRestartMidDialog(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1 := h.Caller(), h.S1()
		c, invite := h.Talk(caller, s1, speakops)
		h.Crash()
		h.After(2 * time.Second)
		h.Start()
		second := caller.Invite(speakops) // the call's place in the limit was taken over
		second.AckFailure(caller.Want("503"))
		s1.Callee(invite, "INFO", 1)
		caller.Reply(caller.Want("INFO"), 200)
		s1.Want("200 INFO")
		h.HangUp(c, s1)
		third, _ := h.Talk(caller, s1, speakops)
		h.CDR(`"outcome":"answered"`, `"readopted":true`, `"public_number":"+12025550143"`, `"customer_assignment":"acme"`, `"earliest":`,
			`"attempts":[{"gateway":"s1","address":"203.0.113.1:5060","after_ms":0,"took_ms":`, `"code":200,"result":"answered"}]`)
		h.HangUp(third, s1)
		h.Quiet(40*time.Second, caller, s1)
		h.Golden("restart_mid_dialog")
	}, "  - id: caller\n", "  - id: caller\n    limits: { concurrent: 1 }\n")
}

func TestRestartThenTooLong(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1 := h.Caller(), h.S1()
		c, _ := h.Talk(caller, s1, speakops)
		for range 3 { // CSeq 2, 3, 4: nobody journals these
			c.Inside("INFO")
			s1.Reply(s1.Want("INFO"), 200)
			caller.Want("200 INFO")
		}
		h.After(50 * time.Minute)
		h.Crash()
		h.Start()
		h.After(11 * time.Minute)
		caller.Reply(caller.Want("BYE"), 200)
		bye := s1.Want("BYE")
		if n, _, _ := strings.Cut(Header(bye, "CSeq"), " "); len(n) < 2 {
			t.Errorf("CSeq %s is not surely higher than the last one: the callee would answer 500", n)
		}
		s1.Reply(bye, 200)
		h.CDR(`"hung_up_by":"edge"`, `"readopted":true`)
		h.Golden("restart_then_too_long")
	}, "defaults: {", "limits: { max_call_duration: 1h }\ndefaults: {")
}

func TestRestartMidInvite(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1 := h.Caller(), h.S1()
		c, invite := h.Ring(caller, s1, speakops)
		h.Crash()
		h.Start()
		s1.Reply(invite, 200) // finds its way by the Via alone
		ok := caller.Want("200")
		if routeToken(t, ok) == "" || routeToken(t, ok) == routeToken(t, invite) {
			t.Error("the 200 has no token for the caller")
		}
		c.Ack(ok)
		s1.Want("ACK")
		h.HangUp(c, s1)
		h.Quiet(40*time.Second, caller, s1)
		h.CDR(`"outcome":"answered"`)
		h.Golden("restart_mid_invite")
	})
}

// unacknowledged is a call whose ACK was sent to an edge that is down; now it is up
// again.
func unacknowledged(h *H) (c *Call, caller, s1 *Actor, invite sip.Message) {
	caller, s1 = h.Caller(), h.S1()
	c, invite = h.Ring(caller, s1, speakops)
	s1.Reply(invite, 200)
	ok := caller.Want("200")
	h.Crash()
	c.Ack(ok)
	h.After(2 * time.Second)
	h.Start()
	return c, caller, s1, invite
}

// The callee repeats its 200, the caller its ACK, and neither hears of the edge's end.
func TestRestartBeforeTheAck(t *testing.T) {
	Run(t, func(h *H) {
		c, caller, s1, invite := unacknowledged(h)
		s1.Reply(invite, 200)
		c.Ack(caller.Want("200"))
		s1.Want("ACK")
		h.HangUp(c, s1)
		h.Quiet(40*time.Second, caller, s1)
		h.CDR(`"outcome":"answered"`, `"readopted":true`)
		h.Golden("restart_before_the_ack")
	})
}

// A caller may hang up before anybody has heard its ACK.
func TestRestartBeforeTheAckAndABye(t *testing.T) {
	Run(t, func(h *H) {
		c, caller, s1, _ := unacknowledged(h)
		h.HangUp(c, s1)
		h.Quiet(40*time.Second, caller, s1)
		h.Golden("restart_before_the_ack_and_a_bye")
	})
}

func TestRestartAndTheInviteAgain(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1 := h.Caller(), h.S1()
		c, invite := h.Offer(caller, s1, speakops)
		h.Crash()
		h.Start()
		c.Again()
		caller.Want("100")
		again := s1.Want("INVITE")
		if topBranch(invite) != topBranch(again) {
			t.Error("the gateway would take the INVITE for a new call")
		}
		s1.Reply(again, 180)
		caller.Want("180")
		s1.Reply(again, 200)
		c.Ack(caller.Want("200"))
		s1.Want("ACK")
		h.HangUp(c, s1)
		h.Quiet(40*time.Second, caller, s1)
		h.Golden("restart_and_the_invite_again")
	})
}

const (
	firstKey  = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
	secondKey = "ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100"
)

func TestAnotherEdgeTakesTheBye(t *testing.T) {
	Run(t, func(h *H) {
		const there = "192.0.2.2:5060"
		// A site writes all its edges' addresses into one advertised name; here
		// the second edge has taken the address of the first.
		caller, s1 := h.Caller(), h.S1()
		c, _ := h.Talk(caller, s1, speakops)
		h.Crash()
		other := h.Another(there, `address: "`+there+`"`, `address: "`+there+`", advertise: "`+EdgeAddr+`"`)
		defer other.StopAlone()
		caller.Edge, s1.Edge = netip.MustParseAddrPort(there), netip.MustParseAddrPort(there)
		h.HangUp(c, s1)
		h.Quiet(time.Second, caller, s1)
		other.CDR(`"outcome":"answered"`, `"public_number":"+12025550143"`, `"hung_up_by":"caller"`, `"by_token":true`)
		h.Golden("another_edge_takes_the_bye")
		// The first edge still has the call in its journal. It cannot know better.
		h.Start()
		h.After(5 * time.Hour)
		h.CDR(`"public_number":"+12025550143"`, `"hung_up_by":"edge"`, `"readopted":true`)
	})
}

func TestKeyRotation(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1 := h.Caller(), h.S1()
		c, invite := h.Talk(caller, s1, speakops)
		rotate := func(keys string) {
			t.Helper()
			if err := h.Edge.Reload(load(t, []string{`"` + firstKey + `"`, keys})); err != nil {
				t.Fatal(err)
			}
		}
		rotate(`"` + firstKey + `", "` + secondKey + `"`) // added second everywhere,
		rotate(`"` + secondKey + `", "` + firstKey + `"`) // promoted, and kept
		s1.Callee(invite, "INFO", 1)
		caller.Reply(caller.Want("INFO"), 200)
		s1.Want("200 INFO")
		h.HangUp(c, s1)
		fresh, _ := h.Talk(caller, s1, speakops)
		rotate(`"` + secondKey + `"`) // the old one is gone
		h.HangUp(fresh, s1)
		c.Inside("INFO")
		caller.Want("481 INFO")
		h.Quiet(40*time.Second, caller, s1)
		h.Golden("key_rotation")
	})
}

func TestKeyRotationMidInvite(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1 := h.Caller(), h.S1()
		c, invite := h.Ring(caller, s1, speakops)
		if err := h.Edge.Reload(load(t, []string{`"` + firstKey + `"`, `"` + secondKey + `", "` + firstKey + `"`})); err != nil {
			t.Fatal(err)
		}
		s1.Reply(invite, 200)
		c.Ack(caller.Want("200"))
		s1.Want("ACK")
		h.After(time.Second)
		s1.Reply(invite, 200) // a copy, after the call came to rest: its Via has the old key's MAC
		c.Ack(caller.Want("200"))
		s1.Want("ACK")
		h.HangUp(c, s1)
		h.Quiet(40*time.Second, caller, s1)
		h.Golden("key_rotation_mid_invite")
	})
}

func TestRemovedTrunkFinishesItsCalls(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1 := h.Caller(), h.S1()
		c, invite := h.Talk(caller, s1, speakops)
		edited := load(t, []string{`"192.0.2.100", "192.0.2.101"`, `"192.0.2.200"`, "id: caller", "id: somebody"})
		if err := h.Edge.Reload(edited); err != nil {
			t.Fatal(err)
		}
		caller.Invite(speakops)
		caller.Want("403")
		s1.Callee(invite, "INFO", 1)
		caller.Reply(caller.Want("INFO"), 200)
		s1.Want("200 INFO")
		h.HangUp(c, s1)
		h.Quiet(40*time.Second, caller, s1)
		h.Golden("removed_trunk_finishes_its_calls")
	})
}
