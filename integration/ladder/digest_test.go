package ladder

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/icholy/digest"
)

// password makes the caller's trunk one that must prove itself.
func password(word string) []string {
	return []string{"    sources: [ \"192.0.2.100\", \"192.0.2.101\" ]\n",
		"    sources: [ \"192.0.2.100\", \"192.0.2.101\" ]\n    digest: { username: acme, password: \"" + word + "\" }\n"}
}

// prove is the INVITE of a call again, with credentials for a challenge.
func prove(t *testing.T, c *Call, challenge, word string, count int) string {
	t.Helper()
	chal, err := digest.ParseChallenge(challenge)
	if err != nil {
		t.Fatal(err)
	}
	uri := fmt.Sprintf("sip:%s@%s", c.Number, EdgeAddr)
	cred, err := digest.Digest(chal, digest.Options{Method: "INVITE", URI: uri, Username: "acme", Password: word, Count: count})
	if err != nil {
		t.Fatal(err)
	}
	base, _, _ := strings.Cut(c.branch, "proof")
	text := strings.Replace(c.Invite, "branch="+base, fmt.Sprintf("branch=%sproof%d", base, count), 1)
	text = strings.Replace(text, "CSeq: 1 ", fmt.Sprintf("CSeq: %d ", 1+count), 1)
	c.branch, c.cseq = fmt.Sprintf("%sproof%d", base, count), 1+count
	return strings.Replace(text, "Content-Length:", "Proxy-Authorization: "+cred.String()+"\r\nContent-Length:", 1)
}

func challenges(m sip.Message) []string { return headersOf(m, "Proxy-Authenticate") }

func TestDigestTrunk(t *testing.T) {
	for i, algorithm := range []string{"SHA-256", "MD5"} {
		Run(t, func(h *H) {
			caller, s1 := h.Caller(), h.S1()
			c := caller.Invite(speakops)
			asked := caller.Want("407")
			c.AckFailure(asked)
			all := challenges(asked)
			if len(all) != 2 || !strings.Contains(all[i], "algorithm="+algorithm) {
				t.Fatalf("challenged with %q", all)
			}
			first := prove(t, c, all[i], "secret", 1)
			caller.SendRaw(first)
			caller.Want("100")
			invite := s1.Want("INVITE")
			h.Check(invite, "Proxy-Authorization", "") // it was for us
			s1.Reply(invite, 200)
			c.Ack(caller.Want("200"))
			s1.Want("ACK")
			c.Inside("INFO") // inside the call its token is proof enough
			s1.Reply(s1.Want("INFO"), 200)
			caller.Want("200 INFO")
			h.HangUp(c, s1)

			// What was overheard is of no use: not again, not with another number.
			replay := strings.ReplaceAll(first, "branch=z9hG4bK", "branch=z9hG4bKreplay")
			caller.SendRaw(strings.ReplaceAll(replay, c.ID, "replay"))
			stale := caller.Want("407")
			if !strings.Contains(challenges(stale)[0], "stale=true") {
				t.Errorf("a replay is told %q", challenges(stale))
			}
			caller.SendRaw(strings.ReplaceAll(strings.ReplaceAll(replay, c.ID, "other"), "+12025550143", "+12025550100"))
			caller.Want("407")
			s1.Silent()
			if log := h.Log.String(); strings.Contains(log, "secret") || strings.Contains(log, "response=") {
				t.Errorf("a secret in the log:\n%s", log)
			}
		}, password("secret")...)
	}
}

// Wrong passwords and unknown users hear the same, OPTIONS are asked as well, and
// a new password from a reload holds at once, while calls go on.
func TestDigestRefusalsAndRotation(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1 := h.Caller(), h.S1()
		c := caller.Invite(speakops)
		asked := caller.Want("407")
		c.AckFailure(asked)
		caller.SendRaw(prove(t, c, challenges(asked)[0], "guess", 1))
		wrong := caller.Want("407")
		c.AckFailure(wrong)
		caller.SendRaw(strings.Replace(prove(t, c, challenges(asked)[0], "secret", 2), `username="acme"`, `username="emca"`, 1))
		unknown := caller.Want("407")
		c.AckFailure(unknown)
		if len(wrong.String()) != len(unknown.String()) {
			t.Errorf("told apart:\n%s\n%s", wrong, unknown)
		}
		caller.SendRaw(c.Text("OPTIONS", "sip:"+EdgeAddr, "z9hG4bKoptions", "", nil, ""))
		caller.Want("407 OPTIONS")

		talk := func(word string) *Call {
			t.Helper()
			c := caller.Invite(speakops)
			asked := caller.Want("407")
			c.AckFailure(asked)
			caller.SendRaw(prove(t, c, challenges(asked)[1], word, 1))
			caller.Want("100")
			s1.Reply(s1.Want("INVITE"), 200)
			c.Ack(caller.Want("200"))
			s1.Want("ACK")
			return c
		}
		old := talk("secret")
		if err := h.Edge.Reload(load(t, password("fresh"))); err != nil {
			t.Fatal(err)
		}
		again := caller.Invite(speakops)
		asked = caller.Want("407")
		again.AckFailure(asked)
		caller.SendRaw(prove(t, again, challenges(asked)[0], "secret", 1))
		again.AckFailure(caller.Want("407"))
		fresh := talk("fresh")
		h.HangUp(old, s1)
		h.HangUp(fresh, s1)
	}, password("secret")...)
}

// Whoever may come from anywhere comes by connection: a datagram's source is
// anybody's to write.
func TestDigestFromAnywhereNeedsAConnection(t *testing.T) {
	Run(t, func(h *H) {
		udp, tcp, s1 := h.Who("roamer", "100.64.0.9:5060"), h.WhoTCP("stream", "100.64.0.9:5070"), h.S1()
		udp.Invite(speakops)
		udp.Silent()
		c := tcp.Invite(speakops)
		asked := tcp.Want("407")
		c.AckFailure(asked)
		tcp.SendRaw(prove(t, c, challenges(asked)[0], "secret", 1))
		tcp.Want("100")
		s1.Reply(s1.Want("INVITE"), 486)
		s1.Want("ACK")
		c.AckFailure(tcp.Want("486"))
	}, "trunks:\n", "trunks:\n  - { id: roaming, sources: [ \"0.0.0.0/0\" ], default_country: US, digest: { username: acme, password: secret } }\n")
}

// A scanner that reached a trunk open to the world is not told that there is one:
// no challenge, and a line among the counts.
func TestScannersFromAnywhereHearNothing(t *testing.T) {
	Run(t, func(h *H) {
		tcp := h.WhoTCP("stream", "100.64.0.9:5070")
		tcp.Invite(speakops, "User-Agent: friendly-scanner")
		tcp.Silent()
		if worst := h.Edge.Offenders(1); len(worst) != 1 || worst[0].Scans != 1 || worst[0].Source.String() != "100.64.0.9" {
			t.Errorf("the offenders are %+v", worst)
		}
		h.Who("stranger", "198.51.100.77:5060").Invite(speakops)
		h.After(time.Second)
		if all := h.Edge.Offenders(10); len(all) != 2 {
			t.Errorf("a stranger is not among %+v", all)
		}
	}, "trunks:\n", "trunks:\n  - { id: roaming, sources: [ \"0.0.0.0/0\" ], default_country: US, digest: { username: acme, password: secret } }\n")
}

// Two trunks behind one address are told apart by user, and each gets its own rules.
func TestDigestTellsTrunksApart(t *testing.T) {
	edits := append(password("secret"), "trunks:\n",
		"trunks:\n  - { id: second, sources: [ \"192.0.2.100\" ], default_country: US, digest: { username: other, password: word } }\n")
	Run(t, func(h *H) {
		caller, s1 := h.Caller(), h.S1()
		c := caller.Invite(speakops)
		asked := caller.Want("407")
		c.AckFailure(asked)
		caller.SendRaw(prove(t, c, challenges(asked)[0], "secret", 1))
		caller.Want("100")
		s1.Reply(s1.Want("INVITE"), 200)
		c.Ack(caller.Want("200"))
		s1.Want("ACK")
		h.HangUp(c, s1)
		h.CDR(`"trunk":"caller"`)
	}, edits...)
}
