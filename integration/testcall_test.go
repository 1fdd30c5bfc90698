package integration

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/speakops/sipedge/integration/internal/lab"
	"github.com/speakops/sipedge/sipedge/admin"
	"github.com/speakops/sipedge/sipedge/testcall"
)

// testcallTo runs cutoverctl testcall through the bench's edge and reads its
// report.
func testcallTo(l *lab.Lab, number string, args ...string) (r testcall.Report, text string, code int) {
	l.T.Helper()
	args = append([]string{"testcall", number, "--via", fmt.Sprintf("127.0.0.1:%d", l.Port("5060")), "--json"}, args...)
	text, code = l.Cutoverctl(args...)
	if start := strings.Index(text, "{"); start >= 0 {
		if err := json.Unmarshal([]byte(text[start:]), &r); err != nil {
			l.T.Fatalf("%v\n%s", err, text)
		}
	}
	return r, text, code
}

// SIPp sends every packet back: the test caller hears its own tone and digits
// through the relay, both ways whole, and is told what was decided.
func TestTestcallHearsItself(t *testing.T) {
	t.Parallel()
	l, _ := lab.Open(t, anchorEdits...)
	for _, transport := range []string{"udp", "tcp"} {
		t.Run(transport, func(t *testing.T) {
			l := l.For(t)
			gateway := l.Gateway("legacy-a", "uas_echo", 1, "-rtp_echo")
			r, text, code := testcallTo(l, legacyNumber, "--transport", transport, "--talk", "4s", "--dtmf", "159#D", "--max-jitter", "1s",
				"--expect-echo", "--expect-dtmf", "--expect-side", "legacy", "--expect-gateway", "legacy-a", "--expect-because", "port_pending")
			if code != 0 {
				t.Fatalf("exit code %d\n%s", code, text)
			}
			gateway.Passed()
			m := r.Media
			if m.Heard.Packets < 150 || m.Heard.Lost != 0 || m.Heard.MOS < 3 || m.Echo.Marks < 2 || m.DTMF.Told != "159#D" {
				t.Errorf("%s", text)
			}
			if r.Decision.Call == "" || r.Decision.Route != "legacy-main" || r.HungUpBy != "caller" || r.PostDialDelay <= 0 || r.Setup < r.PostDialDelay {
				t.Errorf("%s", text)
			}
			if drawn, code := l.Cutoverctl("ladder", r.Decision.Call); code != 0 || !strings.Contains(drawn, "INVITE "+legacyNumber) {
				t.Errorf("the ladder of %s: exit code %d\n%s", r.Decision.Call, code, drawn)
			}
		})
	}
}

// What a script is told by the exit code, and a person in words.
func TestTestcallTellsWhatWentWrong(t *testing.T) {
	t.Parallel()
	l, edge := lab.Open(t, anchorEdits...)
	speakops := l.Gateway("speakops-a", "uas_answered", 1)
	dead := fmt.Sprintf("127.0.0.1:%d", lab.FreePort(t))
	for _, c := range []struct {
		name, number string
		args         []string
		code         int
		says         string
	}{
		{"not ours", "+12125559999", nil, 1, "number_unknown"},
		{"not ours, as it should be", "+12125559999", []string{"--expect-code", "404", "--expect-side", "none", "--expect-because", "number_unknown"}, 0, `"passed": true`},
		{"forced to a side that sends no media", legacyNumber, []string{"--override", "speakops", "--expect-side", "speakops", "--talk", "2500ms"}, 6, "one-way audio: nothing was heard"},
		{"nobody there", legacyNumber, []string{"--via", dead, "--transport", "tcp"}, 3, "cannot be reached"},
		{"silence", legacyNumber, []string{"--via", dead, "--ring", "300ms"}, 3, "had said nothing at all"},
		{"no such codec", legacyNumber, []string{"--codec", "G729"}, 2, "PCMU"},
		{"no such digit", legacyNumber, []string{"--dtmf", "12x"}, 2, "no digit of a telephone"},
		{"certificates without TLS", legacyNumber, []string{"--server-name", "edge"}, 2, "--transport tls"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, text, code := testcallTo(l.For(t), c.number, c.args...)
			if code != c.code || !strings.Contains(text, c.says) {
				t.Errorf("exit code %d, not %d, or not %q in\n%s", code, c.code, c.says, text)
			}
		})
	}
	speakops.Passed()
	if _, body := edge.Get("/metrics"); !strings.Contains(body, `sipedge_media_one_way_total{not_heard="callee",trunk="qa"} 1`) || edge.Metric("sipedge_media_one_way_total") != 1 {
		t.Errorf("the edge counts one-way audio otherwise:\n%s", body)
	}
}

// A series: every call has a line, and the summary adds up.
func TestTestcallSeries(t *testing.T) {
	t.Parallel()
	l, _ := lab.Open(t, anchorEdits...)
	gateway := l.Gateway("legacy-a", "uas_echo", 6, "-rtp_echo")
	text, code := l.Cutoverctl("testcall", legacyNumber, "--via", fmt.Sprintf("127.0.0.1:%d", l.Port("5060")), "--json",
		"--count", "6", "--every", "100ms", "--talk", "1200ms", "--expect-echo", "--max-jitter", "1s")
	var s struct {
		Calls   []testcall.Report
		Summary struct{ Calls, Passed int }
	}
	if err := json.Unmarshal([]byte(text), &s); err != nil || code != 0 {
		t.Fatalf("exit code %d, %v\n%s", code, err, text)
	}
	gateway.Passed()
	if len(s.Calls) != 6 || s.Summary.Calls != 6 || s.Summary.Passed != 6 {
		t.Errorf("%s", text)
	}
	for i, a := range s.Calls {
		for _, b := range s.Calls[i+1:] {
			if a.CallID == b.CallID {
				t.Errorf("two calls were %s", a.CallID)
			}
		}
	}
}

// TLS with certificates of both sides, and SRTP through the relay: the caller
// opens with the key of the answer what SIPp has sent back untouched.
func TestTestcallOverTLSWithSRTP(t *testing.T) {
	t.Parallel()
	l := lab.New(t, append([]lab.Edit{{Old: `    sources: [ "127.0.0.0/8" ]`, New: "    tls_subject: carrier.example.net"}}, anchorEdits...)...)
	ca := newCA(t)
	cert, key := ca.issue(t, l.Dir, "edge.example.com")
	ours, oursKey := ca.issue(t, l.Dir, "carrier.example.net")
	root, port := l.Dir+"/ca.crt", lab.FreePort(t)
	writePEM(t, root, "CERTIFICATE", ca.der)
	l.Edit("    - { name: tcp, ", fmt.Sprintf(
		"    - { name: tls, transport: tls, address: \"127.0.0.1:%d\", cert: %s, key: \"file:%s\", client_ca: %s }\n    - { name: tcp, ", port, cert, key, root))
	l.Import()
	l.Serve("edge")
	gateway := l.Gateway("legacy-a", "uas_echo_srtp", 1, "-rtp_echo")
	secure := []string{"--via", fmt.Sprintf("127.0.0.1:%d", port), "--transport", "tls", "--local", "127.0.0.2", "--server-name", "edge.example.com", "--max-jitter", "1s"}
	known := append(secure, "--ca", root, "--cert", ours, "--key", oursKey)
	r, text, code := testcallTo(l, legacyNumber, append(known, "--srtp", "--dtmf", "42", "--expect-echo", "--expect-dtmf", "--expect-side", "legacy")...)
	if code != 0 {
		t.Fatalf("exit code %d\n%s", code, text)
	}
	gateway.Passed()
	if m := r.Media; m.Secure != "AES_CM_128_HMAC_SHA1_80" || m.Heard.Packets < 150 || m.Heard.Sealed != 0 || m.Heard.Lost != 0 {
		t.Errorf("%s", text)
	}
	if _, text, code := testcallTo(l, legacyNumber, secure...); code != 3 || !strings.Contains(text, "certificate") {
		t.Errorf("an edge that nobody vouches for: exit code %d\n%s", code, text)
	}
	stranger, strangerKey := ca.issue(t, l.Dir, "stranger.example.org")
	if _, text, code := testcallTo(l, legacyNumber, append(secure, "--ca", root, "--cert", stranger, "--key", strangerKey, "--ring", "500ms")...); code != 3 {
		t.Errorf("a certificate of no trunk: exit code %d\n%s", code, text)
	}
}

// A trunk with a password: with it the call goes through, and without it the
// report says what is missing.
func TestTestcallWithAPassword(t *testing.T) {
	t.Parallel()
	const password = "a secret of the laboratory"
	l, _ := lab.Open(t,
		lab.Edit{Old: `    sources: [ "127.0.0.0/8" ]`, New: `    sources: [ "127.0.0.2" ]`},
		lab.Edit{Old: "    session_timer: transparent\n", New: "    session_timer: transparent\n    digest: { username: carrier, password: \"" + password + "\", realm: lab }\n"})
	gateway := l.Gateway("legacy-a", "uas_busy", 1)
	if _, text, code := testcallTo(l, legacyNumber, "--local", "127.0.0.2", "--user", "carrier", "--password", password, "--expect-code", "486", "--expect-gateway", "legacy-a"); code != 0 {
		t.Errorf("exit code %d\n%s", code, text)
	}
	gateway.Passed()
	for _, args := range [][]string{nil, {"--user", "carrier", "--password", "another"}} {
		if r, text, code := testcallTo(l, legacyNumber, append(args, "--local", "127.0.0.2")...); code != 1 || r.Code/100 != 4 || r.Answered() {
			t.Errorf("%v: exit code %d\n%s", args, code, text)
		}
	}
}

// A rehearsal on three edges: each calls both sides through its own listener and
// hears itself; once a side has nobody to answer, the rehearsal fails.
func TestRehearsalCallsBothSides(t *testing.T) {
	t.Parallel()
	p := openParty(t, 1, append([]lab.Edit{{Old: "settle_grace: 1s }", New: "settle_grace: 1s, test_trunk: qa }"}}, anchorEdits...)...)
	legacy := p.labs[0].Gateway("legacy-a", "uas_echo", 6, "-rtp_echo")
	speakops := p.labs[0].Gateway("speakops-a", "uas_echo", 3, "-rtp_echo")
	p.does(anna, 0, 1, "plan", p.plan(time.Now().Add(2*time.Hour)))
	p.acknowledge()
	first := p.does(anna, 1, 0, "rehearse", "c-7")
	if strings.Count(first, "legacy: ok") != 3 || strings.Count(first, "speakops: ok") != 3 {
		t.Errorf("%s", first)
	}
	speakops.Passed()
	second := p.does(anna, 2, 1, "rehearse", "c-7")
	if strings.Count(second, "legacy: ok") != 3 || strings.Count(second, "speakops: ok") != 0 || !strings.Contains(second, "test call to speakops") {
		t.Errorf("%s", second)
	}
	legacy.Passed()
}

// The test caller and each test line, both as people have them: what the line is
// for is what the report says.
func TestTestcallHearsEveryLine(t *testing.T) {
	t.Parallel()
	l, edge := lab.Open(t, linesEdits...)
	t.Run("lines", func(t *testing.T) {
		for line, c := range map[string]struct {
			args []string
			good func(r *testcall.Report) bool
		}{
			"milliwatt": {[]string{"--expect-tone", "1004", "--codec", "PCMA", "--talk", "8s"}, func(r *testcall.Report) bool {
				return r.Media.Codec == "PCMA" && math.Abs(r.Media.Tone.Level) < 0.5 && r.Media.Sent.Far != nil
			}},
			"silence":  {nil, func(r *testcall.Report) bool { return r.Media.Heard.Packets > 50 && r.Media.Heard.Sound == 0 }},
			"echo":     {[]string{"--expect-echo", "--dtmf", "7", "--expect-dtmf"}, func(r *testcall.Report) bool { return r.Media.Echo.Marks > 0 }},
			"readback": {[]string{"--dtmf", "190*", "--expect-dtmf", "--talk", "5s"}, func(r *testcall.Report) bool { return r.Media.DTMF.Told == "190*" }},
			"meter":    {[]string{"--dtmf", "#", "--talk", "5s"}, func(r *testcall.Report) bool { return r.Media.DTMF.Told == "000" }},
			"announce-404": {[]string{"--expect-code", "404"}, func(r *testcall.Report) bool {
				return r.EarlyMedia && r.Media.Heard.Packets > 200 && r.Media.Heard.Sound > 0
			}},
			"ring":       {[]string{"--ring", "1s", "--expect-code", "487"}, func(r *testcall.Report) bool { return r.GaveUp && r.Media == nil }},
			"busy":       {[]string{"--expect-code", "486"}, func(r *testcall.Report) bool { return r.Media == nil }},
			"reject-603": {[]string{"--expect-code", "603"}, func(r *testcall.Report) bool { return !r.Answered() }},
			"echo.answer-after-1": {[]string{"--expect-echo"}, func(r *testcall.Report) bool {
				return time.Duration(r.Setup-r.PostDialDelay) > 900*time.Millisecond // RFC 3261: 180 first, 200 a second later
			}},
			"silence.hangup-after-1": {[]string{"--talk", "20s"}, func(r *testcall.Report) bool { return r.HungUpBy == "callee" }},
		} {
			t.Run(line, func(t *testing.T) {
				t.Parallel()
				r, text, code := testcallTo(l.For(t), line, append([]string{"--talk", "2s", "--max-jitter", "1s", "--expect-because", "test_line", "--expect-gateway", "testline"}, c.args...)...)
				if code != 0 || !c.good(&r) {
					t.Errorf("exit code %d\n%s", code, text)
				}
			})
		}
	})
	lab.Until(t, 10*time.Second, "the ports' return", func() bool {
		_, body := edge.Get("/metrics")
		return strings.Contains(body, "sipedge_media_ports{state=\"used\"} 0\n")
	})
}

// A trunk that is told nothing: with a token the admin API is asked what was
// decided, and without one the report says what is missing.
func TestTestcallAsksTheAdminAPI(t *testing.T) {
	t.Parallel()
	token := "sipedge_" + strings.Repeat("q", 43)
	l, _ := lab.Open(t,
		lab.Edit{Old: "diagnostics: true", New: "diagnostics: false"},
		lab.Edit{Old: "  listen: \"127.0.0.1:8080\"\n", New: "  listen: \"127.0.0.1:8080\"\n  tokens: [ { name: qa, role: viewer, hash: \"" + admin.Hash(token) + "\" } ]\n"})
	gateway := l.Gateway("legacy-a", "uas_busy", 2)
	args := []string{"testcall", legacyNumber, "--via", fmt.Sprintf("127.0.0.1:%d", l.Port("5060")), "--json", "--expect-code", "486", "--expect-side", "legacy", "--expect-because", "port_pending", "--expect-gateway", "legacy-a"}
	text, code := l.CutoverctlAs(token, args...)
	if code != 0 || !strings.Contains(text, `"said": "admin"`) {
		t.Errorf("exit code %d\n%s", code, text)
	}
	if text, code := l.Cutoverctl(args...); code != 1 || !strings.Contains(text, "or this command a token") {
		t.Errorf("exit code %d\n%s", code, text)
	}
	gateway.Passed()
}
