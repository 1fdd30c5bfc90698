package integration

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/speakops/sipedge/integration/internal/lab"
	"github.com/speakops/sipedge/sipedge/observe/ladder"
)

// Three calls end differently, and everything cutoverctl can ask about calls is
// asked: each filter, those that come while one follows, the ladder with and
// without bodies, and a capture, which tshark reads. The log has one line for each,
// that names its trace, until somebody wants fewer lines.
func TestSeeingCalls(t *testing.T) {
	t.Parallel()
	const busy, unknown, followed = "+12025550101", unknownNumber, "+12025559998"
	l := lab.New(t)
	token := admitted(l, map[string]string{"anna": "operator"})["anna"]
	l.Edit("telemetry:\n", "telemetry:\n  otlp: { endpoint: \"http://127.0.0.1:9\", sample: 1 }\n") // nobody is there
	l.Import()
	edge := l.Serve("edge")
	for number, kind := range map[string]string{legacyNumber: "answered", busy: "busy"} {
		gateway := l.Gateway("legacy-a", "uas_"+kind, 1)
		l.Call("uac_"+kind, number, "legacy-a").Passed()
		gateway.Passed()
	}
	l.Call("uac_unknown", unknown, "").Passed()
	ask := func(args ...string) string {
		t.Helper()
		out, code := l.CutoverctlAs(token, args...)
		if code != 0 {
			t.Errorf("cutoverctl %s: exit code %d\n%s", strings.Join(args, " "), code, out)
		}
		return out
	}

	all, failed := []string{legacyNumber, busy, unknown}, []string{busy, unknown}
	for _, c := range []struct {
		args string
		want []string
	}{
		{"", all}, {"--number " + busy, []string{busy}}, {"--number 50100", []string{legacyNumber}}, {"--number 0123", all}, // the caller's
		{"--trunk qa", all}, {"--trunk nobody", nil}, {"--gateway legacy-a", []string{legacyNumber, busy}}, {"--gateway legacy-b", nil},
		{"--route legacy-main", []string{legacyNumber, busy}}, {"--code 486", []string{busy}}, {"--code 4xx", failed}, {"--code 200", []string{legacyNumber}},
		{"--because number_unknown", []string{unknown}}, {"--outcome busy", []string{busy}}, {"--state ended", []string{legacyNumber}}, {"--state open", nil},
		{"--failed", failed}, {"--test", all}, {"--since 10m", all}, {"--since -10m", all}, {"--until 10m", nil}, {"--since 2100-01-01T00:00:00Z", nil}, {"--failed --code 404", []string{unknown}},
	} {
		var list struct{ Calls []ladder.Call }
		if err := json.Unmarshal([]byte(ask(strings.Fields("calls --json "+c.args)...)), &list); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, one := range list.Calls {
			got = append(got, one.PublicNumber)
		}
		if slices.Sort(got); !slices.Equal(got, c.want) {
			t.Errorf("calls %s: %v, want %v", c.args, got, c.want)
		}
	}
	if out := ask("calls", "--limit", "1"); !strings.Contains(out, unknown) || strings.Contains(out, busy) {
		t.Errorf("the latest call is\n%s", out)
	}

	var one struct{ Calls []ladder.Call }
	if err := json.Unmarshal([]byte(ask("calls", "--json", "--number", legacyNumber)), &one); err != nil || len(one.Calls) != 1 {
		t.Fatalf("%v, %+v", err, one)
	}
	lines := func(with string) (n int) {
		for line := range strings.Lines(edge.Text()) {
			if strings.Contains(line, `"msg":"decision"`) && strings.Contains(line, with) {
				n++
			}
		}
		return n
	}
	if id := one.Calls[0].TraceID; id == "" || lines(one.Calls[0].Call) != 1 || lines(`"trace_id":"`+id+`"`) != 1 {
		t.Errorf("%d lines of the call, %d of its trace %q", lines(one.Calls[0].Call), lines(id), id)
	}
	ask("log-level", "warn")
	l.Call("uac_unknown", unknown, "").Passed()
	if n := lines(unknown); n != 1 {
		t.Errorf("%d lines of two calls, the second of which nobody wanted to hear of", n)
	}

	following := l.BeginCutoverctl(token, "calls", "--follow", "--failed")
	caller := l.Peer("udp", "127.0.0.1", 0)
	lab.Until(t, 20*time.Second, "a call to be followed", func() bool {
		id := lab.Serial()
		caller.Send(caller.Request("INVITE", followed, id, ""))
		if code, answer := caller.Final(id, 2*time.Second); code == 404 {
			caller.Send(caller.Ack(answer))
		}
		return strings.Contains(following.Text(), followed)
	})
	if text := following.Text(); !strings.Contains(text, "404") || !strings.Contains(text, "number_unknown") || strings.Contains(text, legacyNumber) {
		t.Errorf("following tells\n%s", text)
	}

	plain, bodies := ask("ladder", "--number", legacyNumber), ask("ladder", "--number", legacyNumber, "--bodies")
	if !strings.Contains(plain, "because=port_pending") || strings.Contains(plain, "v=0") || !strings.Contains(bodies, "v=0") {
		t.Errorf("the ladder\n%s\nwith bodies\n%s", plain, bodies)
	}
	file := filepath.Join(l.Dir, "call.pcapng")
	ask("ladder", "--number", legacyNumber, "--pcap", file)
	out, err := exec.Command("tshark", "-r", file, "-d", fmt.Sprintf("udp.port==%d,sip", l.Port("5060")), "-T", "fields", "-e", "sip.Method", "-e", "sip.Status-Code").Output()
	var way []string
	for line := range strings.Lines(string(out)) {
		way = append(way, strings.TrimSpace(line))
	}
	if got := strings.Join(way, " "); err != nil || got != "INVITE 100 INVITE 180 180 200 200 ACK ACK BYE BYE 200 200" {
		t.Errorf("tshark reads %q, %v", got, err)
	}
}
