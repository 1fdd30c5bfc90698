package ladder

import (
	"testing"
	"time"
)

const (
	speakops = "+12025550143"
	legacy   = "+12025550100"
)

func TestBasicCall(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1 := h.Caller(), h.S1()
		c := caller.Invite(speakops)
		caller.Want("100")
		req := s1.Want("INVITE " + speakops)
		h.After(20 * time.Millisecond)
		s1.Reply(req, 180)
		caller.Want("180")
		h.After(time.Second)
		s1.Reply(req, 200)
		ok := caller.Want("200")
		c.Ack(ok)
		s1.Want("ACK")
		h.After(10 * time.Second)
		c.Inside("BYE")
		bye := s1.Want("BYE")
		s1.Reply(bye, 200)
		caller.Want("200 BYE")
		h.After(40 * time.Second)
		caller.Silent()
		s1.Silent()
		h.Golden("basic")
	})
}

func TestBusy(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1 := h.Caller(), h.S1()
		c := caller.Invite(speakops)
		caller.Want("100")
		req := s1.Want("INVITE")
		s1.Reply(req, 180)
		caller.Want("180")
		s1.Reply(req, 486)
		s1.Want("ACK")
		c.AckFailure(caller.Want("486"))
		h.After(40 * time.Second)
		caller.Silent()
		s1.Silent()
		h.Golden("busy")
	})
}
