package ladder

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/speakops/sipedge/sipedge/message"
)

// Whatever stands in a message that was read: Plain says so only of one in which
// Redact finds nothing, and of every one without a word of a secret.
func TestPlainIsWhatRedactLeaves(t *testing.T) {
	heads := []string{
		"Authorization: Digest username=\"a\", response=\"b\"", "authorization : Digest q", "Authorization:\r\n Digest y",
		"PROXY-Authorization: Digest z", "Authentication-Info: rspauth=\"c\"", "proxy-authentication-info: nextnonce=\"d\"",
		"X-Authorization: Digest no", "Allow: INVITE", "P-Asserted-Identity: <sip:+12025550143@edge>", "Authorizations: Digest no",
		"Subject: Authorization: Digest no", "X-Note: one\r\n Authorization: Digest no", "a: *;audio", "k: timer", "WWW-Authenticate: Digest nonce=\"no\"",
	}
	bodies := []string{
		"a=crypto:1 AES_CM_128 inline:e", "A=Crypto:1 AES", "a=ice-pwd:f", "k=clear:g", "K=prompt:h",
		"v=0", "a=rtpmap:0 PCMU/8000", "a=cryptic:no", "a=ice-ufrag:no", "kk=no", " a=crypto:no", "Authorization: Digest no", "", "a=crypto", "m=audio 4000 RTP/AVP 0",
	}
	r, plain, m := rand.New(rand.NewPCG(1, 2)), 0, new(message.Message)
	for n := range 20_000 {
		pick := func(list []string, secrets int, end string) (b strings.Builder) {
			for range r.IntN(5) {
				at := secrets + r.IntN(len(list)-secrets)
				if r.IntN(8) == 0 {
					at = r.IntN(secrets)
				}
				b.WriteString(list[at] + end)
			}
			return b
		}
		end := []string{"\r\n", "\n"}[r.IntN(2)]
		head, body := pick(heads, 6, "\r\n"), pick(bodies, 5, end)
		length := body.Len()
		if r.IntN(4) == 0 { // what is not counted is shown all the same
			length = r.IntN(length + 1)
		}
		raw := []byte(fmt.Sprintf("INVITE sip:+12025550143@edge SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK%d\r\nFrom: <sip:a@b>;tag=1\r\n"+
			"To: <sip:c@d>\r\nCall-ID: %d\r\nCSeq: 1 INVITE\r\n%sContent-Length: %d\r\n\r\n%s", n, n, head.String(), length, body.String()))
		if err := m.Parse(raw); err != nil {
			t.Fatalf("%v\n%s", err, raw)
		}
		shown := bytes.Clone(m.Raw)
		Redact(shown)
		switch same := bytes.Equal(shown, m.Raw); {
		case Plain(m) && !same:
			t.Fatalf("called plain, but\n%s\nis shown as\n%s", m.Raw, shown)
		case Plain(m):
			plain++
		case same:
			t.Fatalf("not called plain, but nothing is to be hidden in\n%s", m.Raw)
		}
	}
	if plain < 5000 || plain > 15_000 {
		t.Errorf("%d of 20000 were plain: half of the rule was hardly tried", plain)
	}
}

// A message that the parser refuses it need not have read to its end.
func TestWhatIsRefusedIsNotCalledPlain(t *testing.T) {
	m := new(message.Message)
	for _, rest := range []string{"Authorization: Digest response=\"a\"", "no header\r\nAuthorization: Digest response=\"a\"\r\n\r\n", "Subject: nothing hidden"} {
		raw := "INVITE sip:+12025550143@edge SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n" +
			"To: <sip:c@d>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n" + rest
		if err := m.Parse([]byte(raw)); err == nil {
			t.Fatalf("read:\n%s", raw)
		}
		if Plain(m) {
			t.Errorf("called plain:\n%s", raw)
		}
	}
}

// What leaves is made of what came: a call in which a secret came, or the edge put one
// of its own, is looked at from then on, and so is one whose beginning nobody knows.
func TestSecretsGuardTheirCall(t *testing.T) {
	for _, c := range []struct {
		what string
		do   func(tape *Tape, call id)
		want string // of a message that comes and one that leaves: p for plain
	}{
		{"nothing", func(*Tape, id) {}, "pp"},
		{"a secret came", func(tape *Tape, call id) { tape.Message(call, &Message{Peer: caller, Raw: []byte("x")}) }, "p-"},
		{"a secret left", func(tape *Tape, call id) { tape.Message(call, &Message{Peer: caller, Out: true, Raw: []byte("x")}) }, "p-"},
		{"one of the edge's", func(tape *Tape, call id) { tape.Guard(call) }, "p-"},
		{"another call's", func(tape *Tape, _ id) {
			tape.Begin(name(2), Start{})
			tape.Message(name(2), &Message{Peer: caller, Raw: []byte("x")})
		}, "pp"},
	} {
		for _, known := range []bool{true, false} {
			s := New(Options{Epoch: epoch})
			tape, tail, got := s.Tape(0), s.Tail(), ""
			if known {
				tape.Begin(name(1), Start{})
			}
			c.do(tape, name(1))
			tail.Skip()
			for _, out := range []bool{false, true} {
				tape.Message(name(1), &Message{Peer: caller, Out: out, Raw: []byte("y"), Plain: true})
			}
			tail.Take(0, 1<<20, func(m *Taken) { got += map[bool]string{true: "p", false: "-"}[m.Plain] })
			if want := map[bool]string{true: c.want, false: "p-"}[known]; got != want {
				t.Errorf("%s, call known %v: %q, want %q", c.what, known, got, want)
			}
		}
	}
}
