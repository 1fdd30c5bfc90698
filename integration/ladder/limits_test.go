package ladder

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/speakops/sipedge/routing"
)

func TestMaxCallDuration(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1 := h.Caller(), h.S1()
		c, invite := h.Ring(caller, s1, speakops, "Record-Route: <sip:192.0.2.100;lr>")
		s1.Reply(invite, 200, "Record-Route: <sip:203.0.113.1;lr;proxy=its>")
		c.Ack(caller.Want("200"))
		s1.Want("ACK")
		c.Inside("INFO") // CSeq 2
		s1.Reply(s1.Want("INFO"), 200)
		caller.Want("200 INFO")
		s1.Callee(invite, "INFO", 77)
		caller.Reply(caller.Want("INFO"), 200)
		s1.Want("200 INFO")

		h.Quiet(59*time.Minute, caller, s1)
		down := s1.Want("BYE")
		h.Check(down, "CSeq", "3 BYE")
		h.Check(down, "From", Header(invite, "From"))
		if tagOf(down, "To") != "s1" {
			t.Errorf("To of the callee's BYE is %s", Header(down, "To"))
		}
		h.Check(down, "Route", "<sip:203.0.113.1;lr;proxy=its>")
		up := caller.Want("BYE")
		h.Check(up, "CSeq", "78 BYE")
		if tagOf(up, "From") != "s1" || tagOf(up, "To") != c.Tag {
			t.Errorf("tags of the caller's BYE are %s, %s", Header(up, "From"), Header(up, "To"))
		}
		h.Check(up, "Route", "<sip:192.0.2.100;lr>")
		if !strings.HasPrefix(up.String(), "BYE sip:caller@192.0.2.100") {
			t.Errorf("the caller's BYE goes elsewhere:\n%s", up)
		}
		caller.Reply(up, 200)
		s1.Reply(down, 200)
		h.Quiet(40*time.Second, caller, s1)
		h.CDR(`"hung_up_by":"edge"`)
		h.Golden("max_call_duration")
	}, "defaults: {", "limits: { max_call_duration: 1h }\ndefaults: {")
}

func TestTrunkLimit(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1 := h.Caller(), h.S1()
		c, _ := h.Talk(caller, s1, speakops)
		second := caller.Invite(speakops)
		final := caller.Want("503") // without 100, stateless
		h.Check(final, "Retry-After", "")
		second.AckFailure(final)
		h.HangUp(c, s1)
		third, _ := h.Talk(caller, s1, speakops)
		h.HangUp(third, s1)
		h.Quiet(40*time.Second, caller, s1)
		h.Golden("trunk_limit")
	}, "  - id: caller\n", "  - id: caller\n    limits: { concurrent: 1 }\n")
}

func TestNumberLimit(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1, l1 := h.Caller(), h.S1(), h.L1()
		c, _ := h.Talk(caller, s1, speakops)
		second := caller.Invite(speakops)
		caller.Want("100")
		second.AckFailure(caller.Want("486"))
		other, _ := h.Talk(caller, l1, legacy) // another number is another matter
		h.HangUp(other, l1)
		h.HangUp(c, s1)
		third, _ := h.Talk(caller, s1, speakops)
		h.HangUp(third, s1)
		h.Quiet(40*time.Second, caller, s1, l1)
		h.Golden("number_limit")
	}, "defaults: {", "limits: { per_number: { cps: 20, concurrent: 1 } }\ndefaults: {")
}

// An edge with all hands full refuses new calls before anything else, with a time
// to come back; what belongs to a call goes on, and so does an emergency service
// that calls back.
func TestOverload(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1 := h.Caller(), h.S1()
		c, _ := h.Talk(caller, s1, speakops)
		ringing, invite := h.Ring(caller, s1, speakops) // the one place
		told := map[string]bool{}
		for range 20 {
			refused := caller.Invite(speakops)
			final := caller.Want("503") // no 100 before it
			h.Check(final, "Reason", `Q.850;cause=42;text="overload"`)
			told[Header(final, "Retry-After")] = true
			refused.AckFailure(final)
		}
		for after := range told {
			if n, _ := strconv.Atoi(after); n < 5 || n > 10 {
				t.Errorf("Retry-After %q, want 5 to 10", after)
			}
		}
		if len(told) < 2 {
			t.Errorf("everybody is told to come back in the same second: %v", told)
		}
		ringing.Again()
		caller.Want("180") // a call in progress is not refused, however often it is asked for
		c.Inside("INFO")
		s1.Reply(s1.Want("INFO"), 200)
		caller.Want("200 INFO")
		psap := caller.Invite(speakops, "Priority: psap-callback")
		caller.Want("100")
		back := s1.Want("INVITE")
		s1.Reply(back, 486)
		s1.Want("ACK")
		psap.AckFailure(caller.Want("486"))
		s1.Reply(invite, 486)
		s1.Want("ACK")
		ringing.AckFailure(caller.Want("486"))
		next, _ := h.Talk(caller, s1, speakops)
		h.HangUp(next, s1)
		h.HangUp(c, s1)
	}, "defaults: {", "limits: { overload: { max_inflight: 1 } }\ndefaults: {", "test_override: true,", "test_override: true, psap_callback: true,")
}

// A peer that offers overload control is told in every response how things are.
func TestOverloadControlIsOffered(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1 := h.Caller(), h.S1()
		c := caller.Invite(speakops)
		caller.Want("100")
		s1.Reply(s1.Want("INVITE"), 486)
		s1.Want("ACK")
		final := caller.Want("486")
		if strings.Contains(Header(final, "Via"), "oc") {
			t.Errorf("nobody asked: %s", Header(final, "Via"))
		}
		c.AckFailure(final)
		for offered, want := range map[string]string{
			`;oc;oc-algo="loss"`:       `;oc=0;oc-algo="loss";oc-validity=0;oc-seq=`,
			`;oc;oc-algo="rate"`:       `;oc=0;oc-algo="rate";oc-validity=0;oc-seq=`,
			`;oc;rport;oc-algo="loss"`: `;oc=0;oc-algo="loss";oc-validity=0;oc-seq=`,
		} {
			caller.calls++
			text := strings.Replace(c.Invite, ";branch=", fmt.Sprintf("%s;branch=z9hG4bKoc%d", offered, caller.calls), 1)
			caller.SendRaw(strings.ReplaceAll(text, c.ID, fmt.Sprintf("oc-%d", caller.calls)))
			wait()
			trying := caller.Want("100")
			invite := s1.Want("INVITE")
			if strings.Contains(Header(invite, "Via"), "oc=") {
				t.Errorf("the gateway was told of the caller's load: %s", Header(invite, "Via"))
			}
			s1.Reply(invite, 486)
			s1.Want("ACK")
			for _, m := range []sip.Message{trying, caller.Want("486")} {
				if via := headersOf(m, "Via")[0]; !strings.Contains(via, want) || strings.Contains(via, ";oc;") {
					t.Errorf("offered %s: Via is %s, want %s", offered, via, want)
				}
			}
		}
	})
}

// One caller may not take what all have; callers without a number are not one.
func TestCallerLimit(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1, l1 := h.Caller(), h.S1(), h.L1()
		c, _ := h.Talk(caller, s1, speakops)
		second := caller.Invite(legacy)
		caller.Want("100")
		final := caller.Want("486")
		h.Check(final, "Reason", `Q.850;cause=17;text="caller_limit"`)
		second.AckFailure(final)
		h.Crash() // its place is taken over with the dialog
		h.Start()
		third := caller.Invite(legacy)
		caller.Want("100")
		third.AckFailure(caller.Want("486"))
		h.HangUp(c, s1)
		fourth, _ := h.Talk(caller, l1, legacy)
		h.HangUp(fourth, l1)
	}, "defaults: {", "limits: { per_caller: { concurrent: 1 } }\ndefaults: {")
}

// A call whose BYE was lost holds its place until nobody has refreshed its
// session, not until the longest call is over.
func TestLostByeIsFoundByTheSessionTimer(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1 := h.Caller(), h.S1()
		c, invite := h.Offer(caller, s1, speakops, "Supported: timer", "Session-Expires: 600")
		s1.Reply(invite, 200, "Session-Expires: 600;refresher=uac", "Require: timer")
		c.Ack(caller.Want("200"))
		s1.Want("ACK")
		h.Quiet(9*time.Minute, caller, s1)
		c.Inside("UPDATE", "Session-Expires: 600;refresher=uac", "Supported: timer")
		s1.Reply(s1.Want("UPDATE"), 200, "Session-Expires: 600;refresher=uac")
		caller.Want("200 UPDATE")
		h.Quiet(9*time.Minute, caller, s1) // the refresh counts
		c.Inside("INVITE", "Session-Expires: 600;refresher=uac", "Supported: timer")
		caller.Want("100")
		s1.Reply(s1.Want("INVITE"), 200, "Session-Expires: 600;refresher=uac")
		c.Ack(caller.Want("200"))
		s1.Want("ACK")
		h.Quiet(9*time.Minute, caller, s1)
		full := caller.Invite(speakops)
		full.AckFailure(caller.Want("503")) // the call counts
		h.After(100 * time.Second)          // the session and its grace are over
		down := s1.Want("BYE")
		h.Check(down, "Reason", `Q.850;cause=102;text="session timer expired"`)
		s1.Reply(down, 200)
		caller.Reply(caller.Want("BYE"), 200)
		h.CDR(`"hung_up_by":"edge"`)
		next, _ := h.Talk(caller, s1, speakops)
		h.HangUp(next, s1)
	}, "  - id: caller\n", "  - id: caller\n    session_timer: insert\n    limits: { concurrent: 1 }\n")
}

// Where nobody agreed on a timer, nobody is hung up for it.
func TestNoSessionTimerNoHangUp(t *testing.T) {
	for _, mode := range []string{"insert", "transparent"} {
		Run(t, func(h *H) {
			caller, s1 := h.Caller(), h.S1()
			c, _ := h.Talk(caller, s1, speakops)
			h.Quiet(3*time.Hour, caller, s1)
			h.HangUp(c, s1)
		}, "  - id: caller\n", "  - id: caller\n    session_timer: "+mode+"\n")
	}
}

const noOverride = "test_override: false"

func TestBoomerang(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1, l1 := h.Caller(), h.S1(), h.L1()
		h.Number(routing.Number{PublicNumber: 12025550100, RoutingAuthority: routing.Legacy, PortingState: routing.Draft, CustomerAssignment: "acme"})
		first, invite := h.Offer(caller, l1, legacy)
		l1.Reply(invite, 100)
		// The legacy network sends the call back through the public network: a
		// new INVITE of the trunk with the same two numbers.
		back := caller.Invite(legacy)
		caller.Want("100")
		round := s1.Want("INVITE")
		s1.Reply(round, 180)
		caller.Want("180")
		l1.Reply(invite, 180)
		caller.Want("180")
		s1.Reply(round, 200)
		back.Ack(caller.Want("200"))
		s1.Want("ACK")
		l1.Reply(invite, 200)
		first.Ack(caller.Want("200"))
		l1.Want("ACK")
		h.HangUp(first, l1)
		h.HangUp(back, s1)
		h.Quiet(40*time.Second, caller, s1, l1)
		redial, _ := h.Talk(caller, l1, legacy) // no leg is open: no loop
		h.HangUp(redial, l1)
		h.Golden("boomerang")
	}, "test_override: true", noOverride)
}

func TestBoomerangOfNobody(t *testing.T) {
	Run(t, func(h *H) {
		caller, l1 := h.Caller(), h.L1()
		first, invite := h.Offer(caller, l1, legacy)
		l1.Reply(invite, 100)
		back := caller.Invite(legacy)
		caller.Want("100")
		back.AckFailure(caller.Want("482"))
		l1.Reply(invite, 486)
		l1.Want("ACK")
		first.AckFailure(caller.Want("486"))
		h.Quiet(40*time.Second, caller, l1)
		h.Golden("boomerang_of_nobody")
	}, "test_override: true", noOverride)
}
