package ladder

import (
	"regexp"
	"strings"
	"testing"
)

const decision = "X-SpeakOps-Decision"

// A trunk trusted with diagnostics is told where its call went, and why, from the
// first ring on; a gateway cannot say it in the edge's place.
func TestDecisionIsTold(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1, s2 := h.Caller(), h.S1(), h.S2()
		told := func(code, want string) {
			t.Helper()
			m := caller.Want(code)
			if got := Header(m, decision); !regexp.MustCompile("^" + want + ";call=[0-9a-f]{24}$").MatchString(got) {
				t.Errorf("%s tells %q, not %s", code, got, want)
			}
			if n := strings.Count(m.String(), decision); n > 1 {
				t.Errorf("%s tells it %d times", code, n)
			}
		}
		c := caller.Invite(speakops)
		caller.Want("100")
		first := s1.Want("INVITE")
		s1.Reply(first, 503)
		s1.Want("ACK")
		second := s2.Want("INVITE")
		s2.Reply(second, 180, decision+": legacy;because=liar")
		told("180", `speakops;because=record;route=speakops-main;gateway=s2(;revision=\d+)?`)
		s2.Reply(second, 200)
		told("200", `speakops;because=record;route=speakops-main;gateway=s2(;revision=\d+)?`)
		_ = c

		busy := caller.Invite(speakops)
		caller.Want("100")
		invite := s1.Want("INVITE")
		s1.Reply(invite, 486)
		s1.Want("ACK")
		told("486", `speakops;because=record;route=speakops-main;gateway=s1(;revision=\d+)?`)
		_ = busy
	})
}

func TestDecisionIsNotToldToEverybody(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1 := h.Caller(), h.S1()
		h.Talk(caller, s1, speakops)
		caller.Invite(speakops)
		caller.Want("100")
		s1.Reply(s1.Want("INVITE"), 486)
		s1.Want("ACK")
		if m := caller.Want("486"); Header(m, decision) != "" {
			t.Errorf("a trunk without diagnostics is told\n%s", m)
		}
	}, ", diagnostics: true", "")
}
