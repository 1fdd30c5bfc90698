package integration

import (
	"crypto/tls"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/icholy/digest"

	"github.com/speakops/sipedge/integration/internal/lab"
)

// hangUp ends a call from the caller's side, along the routes of its 200.
func hangUp(p *lab.Peer, answer, id, target string) string {
	routes := strings.Split(lab.Header(answer, "Record-Route"), ", ")
	slices.Reverse(routes)
	bye := p.Request("BYE", legacyNumber, id, "Route: "+strings.Join(routes, ", ")+"\r\n")
	bye = strings.Replace(bye, "branch=z9hG4bK", "branch=z9hG4bKbye", 1)
	bye = strings.Replace(bye, "CSeq: 1 ", "CSeq: 2 ", 1)
	bye = strings.Replace(bye, "To: <sip:"+legacyNumber+"@127.0.0.1>", "To: "+lab.Header(answer, "To"), 1)
	_, rest, _ := strings.Cut(bye, " SIP/2.0")
	return "BYE " + target + " SIP/2.0" + rest
}

// takesCalls is a gateway that takes every call.
func takesCalls(request string) string {
	if strings.HasPrefix(request, "ACK") {
		return ""
	}
	return lab.Echo(request, "200 OK")
}

// A certificate and its key are changed on disk and read again: who connects from
// then on sees the new one, and a call on an old connection goes on and ends.
func TestCertificatesRotate(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	ca := newCA(t)
	cert, key := ca.issue(t, l.Dir, "edge.example.com")
	port := lab.FreePort(t)
	l.Edit("    - { name: tcp, ", fmt.Sprintf(
		"    - { name: tls, transport: tls, address: \"127.0.0.1:%d\", cert: %s, key: \"file:%s\" }\n    - { name: tcp, ", port, cert, key))
	l.Import()
	edge := l.Serve("edge")
	target := fmt.Sprintf("sip:127.0.0.1:%d", l.GatewayPort("legacy-a"))
	lab.NewGateway(t, l.GatewayPort("legacy-a"), takesCalls)
	dial := func() *tls.Conn {
		t.Helper()
		d := &net.Dialer{Timeout: 3 * time.Second}
		c, err := tls.DialWithDialer(d, "tcp", fmt.Sprintf("127.0.0.1:%d", port), &tls.Config{RootCAs: ca.pool(), ServerName: "edge.example.com"})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	old := dial()
	p, id := lab.NewPeer(t, old), lab.Serial()
	p.Send(strings.Replace(p.Request("INVITE", legacyNumber, id, ""), "SIP/2.0/TCP", "SIP/2.0/TLS", 1))
	code, answer := p.Final(id, 3*time.Second)
	if code != 200 {
		t.Fatalf("the call: %d\n%s", code, answer)
	}
	ca.issue(t, l.Dir, "edge.example.com") // over the old files
	edge.Reload()
	untilReloaded(t, edge, 1)
	fresh := dial()
	defer fresh.Close()
	if a, b := old.ConnectionState().PeerCertificates[0], fresh.ConnectionState().PeerCertificates[0]; a.SerialNumber.Cmp(b.SerialNumber) == 0 {
		t.Error("the old certificate is still shown")
	}
	p.Send(strings.Replace(hangUp(p, answer, id, target), "SIP/2.0/TCP", "SIP/2.0/TLS", 1))
	lab.Until(t, 3*time.Second, "the BYE of the call to be answered", func() bool {
		return slices.ContainsFunc(p.Heard(id), func(m string) bool { return strings.HasPrefix(m, "SIP/2.0 200") && strings.Contains(m, "BYE") })
	})
}

// Nothing secret leaves: not in the log at its most talkative, not in records,
// metrics or arguments. Numbers are masked where nobody has said otherwise, and
// what a peer writes stays one line.
func TestSecretsStaySecret(t *testing.T) {
	t.Parallel()
	const password, tokenKey = "pass-phrase-of-the-trunk", "laboratory key of 32 bytes, fix."
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte(password+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	l, edge := lab.Open(t,
		lab.Edit{Old: `    sources: [ "127.0.0.0/8" ]`, New: "    sources: [ \"127.0.0.0/8\" ]\n    digest: { username: acme, password: \"file:" + file + "\" }"},
		lab.Edit{Old: "level: info, format: json, mask_numbers: false", New: "level: debug, format: json"},
		lab.Edit{Old: "127.0.0.0/8", New: "127.0.0.0/24"})
	lab.NewGateway(t, l.GatewayPort("legacy-a"), takesCalls)
	p := l.Peer("udp", "127.0.0.1", 0)
	invite := func(id, more string) string { return p.Request("INVITE", legacyNumber, id, more) }
	id := lab.Serial()
	p.Send(invite(id, ""))
	code, asked := p.Final(id, 3*time.Second)
	if code != 407 {
		t.Fatalf("no challenge: %d\n%s", code, asked)
	}
	chal, err := digest.ParseChallenge(lab.Header(asked, "Proxy-Authenticate"))
	if err != nil {
		t.Fatal(err)
	}
	const hostile = "X-Evil: \x1b[2Jtext\r\nIdentity: eyJsecret.token.of.the.caller;info=<https://x>\r\n"
	talk := func(word string) (int, string) {
		cred, err := digest.Digest(chal, digest.Options{Method: "INVITE", URI: "sip:" + legacyNumber + "@127.0.0.1", Username: "acme", Password: word, Count: 1})
		if err != nil {
			t.Fatal(err)
		}
		id := lab.Serial()
		p.Send(invite(id, "Proxy-Authorization: "+cred.String()+"\r\nUser-Agent: a\"b\\c\r\nIdentity: eyJsecret.token.of.the.caller;info=<https://x>\r\n"))
		return p.Final(id, 3*time.Second)
	}
	if code, answer := talk("wrong-" + password); code != 407 {
		t.Errorf("a wrong password: %d\n%s", code, answer)
	}
	if code, answer := talk(password); code != 200 {
		t.Errorf("the right password: %d\n%s", code, answer)
	}
	p.Send(invite(lab.Serial(), hostile))
	p.Send("INVITE sip:\x00\x1b@x SIP/2.0\r\n\r\n")
	edge.Decisions(1)
	lab.Until(t, 5*time.Second, "the decision in the log", func() bool { return strings.Contains(edge.Text(), `"decision"`) })

	_, metrics := edge.Get("/metrics")
	_, limits := edge.Get("/v1/limits")
	args, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", edge.PID()))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]string{"log": edge.Text(), "metrics": metrics, "limits": limits, "arguments": string(args)}
	filepath.WalkDir(filepath.Join(l.Dir, "edge.data"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			b, _ := os.ReadFile(path)
			seen[filepath.Base(path)] = string(b)
		}
		return nil
	})
	for where, text := range seen {
		for _, secret := range []string{password, tokenKey, "eyJsecret", "response="} {
			if strings.Contains(text, secret) {
				t.Errorf("%q stands in the %s", secret, where)
			}
		}
	}
	if strings.Contains(edge.Text(), strings.TrimPrefix(legacyNumber, "+")) {
		t.Errorf("the called number stands in the log:\n%s", edge.Text())
	}
	if i := strings.IndexFunc(strings.ReplaceAll(edge.Text(), "\n", ""), func(r rune) bool { return r < ' ' || r == 0x7f }); i >= 0 {
		t.Error("a control character of the wire stands in the log")
	}
}

// Places in limits outlive a kill: what was answered a flush of the journal ago
// still counts after the restart.
func TestConcurrencySurvivesAKill(t *testing.T) {
	t.Parallel()
	l, edge := lab.Open(t, lab.Edit{Old: "    session_timer: transparent", New: "    session_timer: transparent\n    limits: { concurrent: 5 }"})
	lab.NewGateway(t, l.GatewayPort("legacy-a"), takesCalls)
	p := l.Peer("udp", "127.0.0.1", 0)
	target := fmt.Sprintf("sip:127.0.0.1:%d", l.GatewayPort("legacy-a"))
	var ids, up []string
	for range 5 {
		id := lab.Serial()
		p.Send(p.Request("INVITE", legacyNumber, id, ""))
		code, answer := p.Final(id, 3*time.Second)
		if code != 200 {
			t.Fatalf("a call within the limit: %d\n%s", code, answer)
		}
		ids, up = append(ids, id), append(up, answer)
	}
	full := func() int {
		id := lab.Serial()
		p.Send(p.Request("INVITE", legacyNumber, id, ""))
		code, answer := p.Final(id, 3*time.Second)
		p.Send(p.Ack(answer))
		return code
	}
	if code := full(); code != 503 {
		t.Errorf("the sixth call: %d, want 503", code)
	}
	time.Sleep(500 * time.Millisecond) // a flush is due every 100 ms
	edge.Kill()
	edge = l.Serve("edge")
	if code := full(); code != 503 {
		t.Errorf("the sixth call after a kill: %d, want 503", code)
	}
	if _, body := edge.Get("/v1/limits"); !strings.Contains(body, `"up":5`) {
		t.Errorf("the limits after a kill: %s", body)
	}
	p.Send(hangUp(p, up[0], ids[0], target))
	lab.Until(t, 5*time.Second, "a place to be free again", func() bool { return full() != 503 })
}
