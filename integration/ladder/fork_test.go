package ladder

import (
	"strings"
	"testing"
	"time"
)

// Two forks of one call are up. The second one's re-INVITE moves its own target,
// not that of the dialog which the edge would hang up.
func TestReinviteOfASecondFork(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1 := h.Caller(), h.S1()
		c, invite := h.Offer(caller, s1, speakops)
		s1.ReplyTag(invite, 200, "first")
		c.Ack(caller.Want("200"))
		s1.Want("ACK")
		s1.ReplyTag(invite, 200, "second")
		other := c.Fork(caller.Want("200"))
		other.Ack(other.dialog)
		s1.Want("ACK")
		other.Inside("INVITE")
		caller.Want("100")
		s1.SendRaw(strings.ReplaceAll(s1.ReplyText(s1.Want("INVITE"), 200, "second"), "sip:s1@", "sip:elsewhere@"))
		other.Ack(caller.Want("200"))
		s1.Want("ACK")
		h.After(time.Hour)
		if bye := s1.Want("BYE"); !strings.HasPrefix(bye.String(), "BYE sip:s1@") || tagOf(bye, "To") != "first" {
			t.Errorf("the first fork is hung up with\n%s", bye)
		}
	}, "defaults: {", "limits: { max_call_duration: 1h }\ndefaults: {")
}
