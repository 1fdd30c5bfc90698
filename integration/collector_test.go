//go:build collector

package integration

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/speakops/sipedge/integration/internal/lab"
	"github.com/speakops/sipedge/sipedge/observe/ladder"
)

// otelCollector is the OpenTelemetry Collector, as testdata/collector builds it.
type otelCollector struct {
	grpc, http string
	said       string // file
}

func newCollector(t *testing.T) *otelCollector {
	dir := t.TempDir()
	program := filepath.Join(dir, "collector")
	build := exec.Command("go", "build", "-o", program, ".")
	build.Dir = filepath.Join("testdata", "collector")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	c := &otelCollector{fmt.Sprintf("127.0.0.1:%d", lab.FreePort(t)), fmt.Sprintf("127.0.0.1:%d", lab.FreePort(t)), filepath.Join(dir, "said")}
	said, err := os.Create(c.said)
	if err != nil {
		t.Fatal(err)
	}
	const way = "--set=receivers.otlp.protocols.%s.endpoint=%s"
	cmd := exec.Command(program, fmt.Sprintf(way, "grpc", c.grpc), fmt.Sprintf(way, "http", c.http))
	cmd.Stdout, cmd.Stderr = said, said
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(c.text(t))
		}
	})
	for _, at := range []string{c.grpc, c.http} {
		lab.Until(t, 20*time.Second, "the Collector to listen", func() bool {
			conn, err := net.Dial("tcp", at)
			if err == nil {
				conn.Close()
			}
			return err == nil
		})
	}
	return c
}

func (c *otelCollector) text(t *testing.T) string { return string(readFile(t, c.said)) }

// span is one as the Collector shows it: by "Trace ID", "Parent ID", "ID", "Kind",
// "Status code", and the names of its attributes.
type span map[string]string

// spans are those of one trace, by the gateway they are about; the call's own is "".
func (c *otelCollector) spans(t *testing.T, trace string) map[string]span {
	byGateway := map[string]span{}
	parts := strings.Split(c.text(t), "\nSpan #")
	for _, part := range parts[min(1, len(parts)):] {
		one := span{}
		for line := range strings.Lines(part) {
			line, attribute := strings.CutPrefix(strings.TrimSpace(line), "-> ")
			name, value, _ := strings.Cut(line, ":")
			if value = strings.TrimSpace(value); attribute {
				_, value, _ = strings.Cut(strings.TrimSuffix(value, ")"), "(") // Str(legacy-a)
			}
			one[strings.TrimSpace(name)] = value
		}
		if one["Trace ID"] != trace {
			continue
		}
		if one["Kind"] == "Server" {
			byGateway[""] = one
		} else {
			byGateway[one["gateway"]] = one
		}
	}
	return byGateway
}

// A tracing backend that is not ours gets a span for each call and a child for each
// gateway tried, over gRPC and over HTTP, on the trace that the log's line and
// cutoverctl name. Of the calls that are not sampled those that failed are there.
func TestCollectorReadsTraces(t *testing.T) {
	c := newCollector(t)
	for _, sample := range []int{1, 0} {
		t.Run(fmt.Sprintf("sample=%d", sample), func(t *testing.T) {
			endpoint := c.grpc
			if sample == 0 {
				endpoint = "http://" + c.http
			}
			l := lab.New(t, lab.Edit{Old: "telemetry:\n", New: fmt.Sprintf("telemetry:\n  otlp: { endpoint: %q, sample: %d }\n", endpoint, sample)})
			token := admitted(l, map[string]string{"anna": "viewer"})["anna"]
			l.Import()
			edge := l.Serve("edge")
			play := func(caller string, gateways map[string]string) (one ladder.Call) {
				t.Helper()
				var all []*lab.Sipp
				for id, scenario := range gateways {
					all = append(all, l.Gateway(id, scenario, 1))
				}
				l.Call(caller, legacyNumber, "legacy-b").Passed()
				for _, g := range all {
					g.Passed()
				}
				out, code := l.CutoverctlAs(token, "calls", "--json", "--limit", "1")
				var list struct{ Calls []ladder.Call }
				if err := json.Unmarshal([]byte(out), &list); err != nil || code != 0 || len(list.Calls) != 1 {
					t.Fatalf("cutoverctl calls: exit code %d, %v\n%s", code, err, out)
				}
				return list.Calls[0]
			}

			answered := play("uac_failover", map[string]string{"legacy-a": "uas_unavailable", "legacy-b": "uas_answered"})
			failed := play("uac_gateways_failed", map[string]string{"legacy-a": "uas_unavailable", "legacy-b": "uas_unavailable"})
			lab.Until(t, 20*time.Second, "spans of the call that failed", func() bool { return len(c.spans(t, failed.TraceID)) == 3 })
			if sample == 1 {
				lab.Until(t, 20*time.Second, "spans of the call that was answered", func() bool { return len(c.spans(t, answered.TraceID)) == 3 })
				judge(t, edge, &answered, c.spans(t, answered.TraceID), "503", "200")
			} else if got := c.spans(t, answered.TraceID); len(got) != 0 {
				t.Errorf("spans of a call that went well and is not sampled: %v", got)
			}
			judge(t, edge, &failed, c.spans(t, failed.TraceID), "503", "503")
		})
	}
}

// judge holds the spans of a call that two gateways were tried for against what
// cutoverctl says of it, and against the log's line.
func judge(t *testing.T, edge *lab.Edge, call *ladder.Call, spans map[string]span, codes ...string) {
	t.Helper()
	root := spans[""]
	for name, want := range map[string]string{
		"Parent ID": "", "call": call.Call, "trunk": "qa", "route": call.Route, "because": call.Because, "revision": fmt.Sprint(call.Revision),
		"gateway": call.Gateway, "code": fmt.Sprint(call.Code), "outcome": call.Outcome,
	} {
		if root[name] != want || want == "" && name != "Parent ID" {
			t.Errorf("the call's span says %s=%q, cutoverctl %q", name, root[name], want)
		}
	}
	for i, gateway := range []string{"legacy-a", "legacy-b"} {
		if one := spans[gateway]; one["Parent ID"] != root["ID"] || one["code"] != codes[i] || one["because"] != call.Because {
			t.Errorf("%s has the span %v", gateway, one)
		}
	}
	line := fmt.Sprintf(`"trace_id":"%s","span_id":"%s"`, call.TraceID, root["ID"])
	if text := edge.Text(); strings.Count(text, line) != 1 {
		t.Errorf("no line of the log has %s:\n%s", line, text)
	}
}
