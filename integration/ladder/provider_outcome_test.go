package ladder

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/speakops/sipedge/configs"
)

// ending is one way a call may end without an answer.
type ending struct {
	outcome string
	cause   int
	text    string // for everybody
	because string // for trunks trusted with diagnostics
	play    func(h *H, caller, s1 *Actor) sip.Message
	edits   []string
}

var endings = []ending{
	// The gateway's own 486 goes on as it is, without a word of ours.
	{outcome: "busy", play: func(h *H, caller, s1 *Actor) sip.Message {
		return h.declined(caller, s1, 486)
	}},
	{outcome: "absent", play: func(h *H, caller, s1 *Actor) sip.Message {
		return h.declined(caller, s1, 480)
	}},
	{outcome: "no_answer", cause: 19, text: "No answer from user", because: "no_answer", play: func(h *H, caller, s1 *Actor) sip.Message {
		c, invite := h.Ring(caller, s1, speakops)
		s1.Reply(s1.Want("CANCEL"), 200)
		s1.Reply(invite, 487)
		s1.Want("ACK")
		return acked(c)
	}},
	{outcome: "not_ours", cause: 1, text: "Unallocated number", because: "number_unknown", play: func(h *H, caller, s1 *Actor) sip.Message {
		c := caller.Invite("+12025550177")
		caller.Want("100")
		return acked(c)
	}},
	{outcome: "retry_elsewhere", cause: 41, text: "Temporary failure", because: "table_stale", play: func(h *H, caller, s1 *Actor) sip.Message {
		h.After(time.Hour) // nobody confirms the table
		c := caller.Invite("+12025550177")
		caller.Want("100")
		return acked(c)
	}},
	{outcome: "trunk_limit", cause: 34, text: "No circuit/channel available", because: "over_concurrent", play: func(h *H, caller, s1 *Actor) sip.Message {
		_, invite := h.Ring(caller, s1, speakops)
		final := acked(caller.Invite(speakops))
		s1.Reply(invite, 486)
		return final
	}, edits: []string{"    sources:", "    limits: { concurrent: 1 }\n    sources:"}},
	{outcome: "draining", cause: 41, text: "Temporary failure", because: "draining", play: func(h *H, caller, s1 *Actor) sip.Message {
		_, invite := h.Ring(caller, s1, speakops)
		h.stop()
		wait()
		final := acked(caller.Invite(speakops))
		s1.Reply(invite, 486)
		return final
	}},
	{outcome: "gateways_failed", cause: 38, text: "Network out of order", because: "gateways_failed", play: func(h *H, caller, s1 *Actor) sip.Message {
		s2 := h.S2()
		c, invite := h.Offer(caller, s1, speakops)
		s1.Reply(invite, 503, "Retry-After: 60")
		s2.Reply(s2.Want("INVITE"), 503)
		return acked(c)
	}},
}

// codes are what each provider's failover logic must hear, in the order of endings.
var codes = map[string][]int{
	"generic":   {486, 480, 480, 404, 503, 503, 503, 500},
	"twilio":    {486, 480, 480, 404, 503, 503, 503, 503},
	"bandwidth": {486, 480, 480, 404, 503, 503, 503, 503},
	"plivo":     {486, 480, 480, 404, 503, 503, 503, 503},
	"vonage":    {486, 480, 480, 404, 503, 503, 503, 503},
	// 480 makes it try its next route, 603 never.
	"telnyx": {486, 603, 603, 404, 480, 480, 503, 503},
}

func TestProviderOutcomes(t *testing.T) {
	for _, name := range configs.ShippedProfiles() {
		want := codes[name]
		if len(want) != len(endings) {
			t.Errorf("no codes for profile %s", name)
			continue
		}
		for i, e := range endings {
			for _, told := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s %s diagnostics=%v", name, e.outcome, told), func(t *testing.T) {
					Run(t, func(h *H) {
						final := e.play(h, h.Caller(), h.S1())
						if got := final.(*sip.Response).StatusCode; got != want[i] {
							t.Errorf("%d, want %d", got, want[i])
						}
						h.Check(final, "Reason", e.reason(told, want[i]))
						if after, _ := strconv.Atoi(Header(final, "Retry-After")); e.outcome != "draining" {
							h.Check(final, "Retry-After", "")
						} else if after < 30 || after > 60 { // told the same second, all would come back at once
							t.Errorf("Retry-After is %d, want 30 to 60", after)
						}
					}, trunk(name, "US", fmt.Sprintf("identity: true, diagnostics: %v", told), e.edits...)...)
				})
			}
		}
	}
}

// reason is the Reason header of such an end; a final that is the gateway's own
// has none of ours.
func (e *ending) reason(told bool, code int) string {
	text, cause := e.text, e.cause
	if told {
		text = e.because
	}
	if e.outcome == "absent" && code != 480 { // said in other words, so said by us
		cause, text = 19, "No answer from user"
		if told {
			text = "no_answer"
		}
	}
	if cause == 0 {
		return ""
	}
	return fmt.Sprintf(`Q.850;cause=%d;text="%s"`, cause, text)
}

// declined is a call that the gateway answers with this code.
func (h *H) declined(caller, s1 *Actor, code int) sip.Message {
	c, invite := h.Offer(caller, s1, speakops)
	s1.Reply(invite, code)
	s1.Want("ACK")
	return acked(c)
}

// acked is the final response of a call, acknowledged.
func acked(c *Call) sip.Message {
	c.A.h.T.Helper()
	for {
		m := c.A.Next()
		if m == nil {
			c.A.h.T.Fatal("no final response came")
		}
		if res, ok := m.(*sip.Response); ok && res.StatusCode >= 300 {
			c.AckFailure(res)
			return res
		}
	}
}
