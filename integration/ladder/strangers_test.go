package ladder

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// answersTo sends a message so many times at one instant, each under another
// Call-ID, and counts what comes back.
func (a *Actor) answersTo(text string, n int) (answers int) {
	for i := range n {
		a.SendRaw(strings.ReplaceAll(text, "FLOOD", fmt.Sprintf("flood%d-%d", i, time.Now().UnixNano())))
		synctest.Wait()
		time.Sleep(time.Microsecond)
		synctest.Wait()
		for {
			select {
			case <-a.inbox:
				answers++
				continue
			default:
			}
			break
		}
	}
	return answers
}

const roamers = "trunks:\n  - { id: roaming, sources: [ \"0.0.0.0/0\" ], default_country: US, digest: { username: acme, password: secret } }\n"

// What is broken is answered with 400, but not without end: an address can be
// forged, and its owner must not get the answers of a flood. Good calls of that
// very address are none the worse for it.
func TestBrokenFloodIsAnsweredForAWhile(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1 := h.Caller(), h.S1()
		c := caller.call(speakops)
		broken := strings.ReplaceAll(strings.Replace(c.Invite, "Max-Forwards: 70\r\n", "Max-Forwards: 70\r\nMax-Forwards: 70\r\n", 1), c.ID, "FLOOD")
		if n := caller.answersTo(broken, 30); n != 20 {
			t.Errorf("%d of 30 broken messages were answered, want the burst of 20", n)
		}
		ok, _ := h.Talk(caller, s1, speakops)
		h.HangUp(ok, s1)
		h.After(10 * time.Second)
		if n := caller.answersTo(broken, 1); n != 1 {
			t.Error("after ten seconds of peace a broken message is not answered any more")
		}
		for _, line := range []string{"reason=bad_request", `detail="Max-Forwards is given twice"`, "reason=per_source"} {
			if !strings.Contains(h.Log.String(), line) {
				t.Errorf("no %s in the log:\n%s", line, h.Log)
			}
		}
	}, "defaults: {", "limits: { per_source: { cps: 10 } }\ndefaults: {")
}

// Where anybody may try a password, nobody hears more than so many answers to
// what proves nothing, whatever it is; who has proven himself begins anew.
func TestNobodyInParticularIsAnsweredForAWhile(t *testing.T) {
	for name, change := range map[string]func(invite string) string{
		"challenges": func(invite string) string { return invite },
		"methods":    func(invite string) string { return strings.ReplaceAll(invite, "INVITE", "SUBSCRIBE") },
		"dialogs": func(invite string) string {
			head, rest, _ := strings.Cut(strings.ReplaceAll(invite, "INVITE", "BYE"), "\r\nTo: ")
			to, rest, _ := strings.Cut(rest, "\r\n")
			return head + "\r\nTo: " + to + ";tag=guess\r\n" + rest
		},
		"schemes": func(invite string) string { return strings.Replace(invite, "INVITE sip:", "INVITE im:", 1) },
	} {
		Run(t, func(h *H) {
			tcp, s1 := h.WhoTCP("stream", "100.64.0.9:5070"), h.S1()
			c := tcp.call(speakops)
			if n := tcp.answersTo(change(strings.ReplaceAll(c.Invite, c.ID, "FLOOD")), 30); n != 20 {
				t.Errorf(name+": %d of 30 were answered, want the burst of 20", n)
			}
			h.After(time.Second)
			c = tcp.Invite(speakops)
			asked := tcp.Want("407")
			c.AckFailure(asked)
			tcp.SendRaw(prove(t, c, challenges(asked)[0], "secret", 1))
			tcp.Want("100")
			s1.Reply(s1.Want("INVITE"), 486)
			s1.Want("ACK")
			c.AckFailure(tcp.Want("486"))
			c = tcp.call(speakops)
			if n := tcp.answersTo(change(strings.ReplaceAll(c.Invite, c.ID, "FLOOD")), 15); n != 15 {
				t.Errorf(name+": %d of 15 were answered to one who has proven himself", n)
			}
		}, "trunks:\n", roamers, "defaults: {", "limits: { per_source: { cps: 10 } }\ndefaults: {")
	}
}

// A trunk whose address is not configured hears nothing; the log says once in a
// while who it was, and what a trunk sends that is no SIP is counted as its own.
func TestWhatIsDroppedIsLogged(t *testing.T) {
	Run(t, func(h *H) {
		stranger, caller := h.Who("stranger", "192.0.2.66:5060"), h.Caller()
		for range 50 {
			stranger.Invite(speakops)
		}
		caller.SendRaw(strings.Repeat("\x80voice", 30))
		h.Quiet(time.Second, stranger, caller)
		if n := strings.Count(h.Log.String(), "source=192.0.2.66:5060"); n != 1 {
			t.Errorf("%d lines about fifty messages of a stranger:\n%s", n, h.Log)
		}
		if !strings.Contains(h.Log.String(), "trunk=caller reason=noise source=192.0.2.100:5060 detail=not_sip") {
			t.Errorf("nothing about a trunk's noise:\n%s", h.Log)
		}
	})
}
