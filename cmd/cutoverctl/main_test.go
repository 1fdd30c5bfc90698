package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/speakops/sipedge/routing"
	"github.com/speakops/sipedge/sipedge/admin"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestMain(m *testing.M) {
	for _, name := range []string{"CUTOVERCTL_EDGE", "CUTOVERCTL_TOKEN", "CUTOVERCTL_CONFIG", "NO_COLOR"} {
		os.Unsetenv(name)
	}
	os.Setenv("XDG_CONFIG_HOME", "/nonexistent")
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/charmbracelet/bubbletea.Tick.func1")) // a tick ends by itself, after its time
}

var began = time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)

// house stands behind the API of a test's edge.
type house struct {
	report admin.Report
	broken error
	level  slog.LevelVar
	about  atomic.Pointer[time.Time] // what explain was asked last
}

func (h *house) Health() admin.Report { return h.report }
func (h *house) Reload(context.Context) error {
	return h.broken
}

func (h *house) Status() admin.Status {
	return admin.Status{Edge: "edge-1", Version: "1.2.3", Started: began, InFlight: 3, Held: 1, Dialogs: 200, Numbers: 1000, TableAge: 0.5, ClockError: 0.001,
		Listeners: []admin.Listener{{Name: "outside-udp", Transport: "udp", Address: "0.0.0.0:5060", Advertise: "203.0.113.10:5060"}}}
}

func (h *house) Gateways() []admin.Gateway {
	return []admin.Gateway{
		{Gateway: "lg1", Route: "legacy-main", State: "dark", Because: "probe", Detail: "3 of 3 unanswered\x1b[2J", Since: &began, Priority: 1, Weight: 50},
		{Gateway: "so1", Route: "speakops-main", State: "up", Addresses: []string{"tcp:10.20.0.5:5060"}, Priority: 1},
	}
}

func (h *house) Trunks() []admin.Trunk {
	return []admin.Trunk{
		{Trunk: "twilio-us", Profile: "twilio", Sources: []string{"54.172.60.0/30"}, Up: 1900, Concurrent: 2000, CPS: 100, Burst: 200},
		{Trunk: "qa", Profile: "generic", TLSSubject: "qa.example.com"},
	}
}

func (h *house) Limits() admin.LimitList {
	return admin.LimitList{InFlight: 3, MaxFlight: 20000, Shed: 0.12, Dialogs: 200, MaxDialogs: 200_000, Limits: []admin.Limit{
		{Trunk: "twilio-us", CPS: 100, Concurrent: 2000, Shared: true, ShareCPS: 41.5, ShareConcurrent: 700, Up: 690, Asked: 9000, OverRate: 12},
		{Trunk: "qa"},
	}}
}

func (h *house) WorstOffenders() []admin.Offender {
	return []admin.Offender{{Source: "198.51.100.7", Count: 120_000, Scans: 119_000, First: began, Last: began}}
}

const (
	viewer   = "sipedge_viewer_token_of_the_tests_1"
	operator = "sipedge_operator_token_of_the_tests"
)

// open is an edge whose API has these resources beside the usual ones.
func open(t *testing.T, h *house, more ...admin.Resource) (url string) {
	t.Helper()
	s, err := admin.Open(t.Context(), admin.Options{
		Address: "127.0.0.1:0",
		Tokens:  []admin.Token{{Name: "viv", Role: admin.Viewer, Hash: admin.Hash(viewer)}, {Name: "anna", Role: admin.Operator, Hash: admin.Hash(operator)}, {Name: "bo", Role: admin.Approver, Hash: admin.Hash(approver)}},
	}, admin.Parts{Health: h, Resources: append(more,
		admin.StatusOf(h), admin.GatewaysOf(h), admin.TrunksOf(h), admin.LimitsOf(h), admin.OffendersOf(h), admin.LevelOf(&h.level), admin.ReloadBy(h))})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return "http://" + s.Addr().String()
}

// call runs a command line with buffers in the place of a terminal.
func call(t *testing.T, args ...string) (code int, out, err string) { return answering(t, "", args...) }

func answering(t *testing.T, in string, args ...string) (code int, out, err string) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(t.Context(), args, streams{strings.NewReader(in), &o, &e})
	return code, o.String(), e.String()
}

var ports = regexp.MustCompile(`127\.0\.0\.1:\d+`)

// golden compares with a file of testdata, whatever port there was.
func golden(t *testing.T, name, got string) {
	t.Helper()
	got = ports.ReplaceAllString(got, "127.0.0.1:PORT")
	file := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s (go test -update writes it anew)\n--- got\n%s--- want\n%s", file, got, want)
	}
}

func TestWhatCommandsPrint(t *testing.T) {
	h := &house{report: admin.Report{Degraded: []admin.Reason{{Because: "route_dark", Detail: "no gateway of route legacy-main is alive"}}}}
	url := open(t, h)
	for _, c := range []struct{ name, line string }{
		{"status", "status"}, {"status-json", "status --json"}, {"edges", "edges each"}, {"trunks", "trunks"}, {"limits", "limits"}, {"gateways", "gateways"},
		{"gateways-colour", "gateways --color always"}, {"log-level", "log-level"}, {"log-level-set", "log-level debug"}, {"reload", "reload"},
	} {
		code, out, errs := call(t, append(strings.Fields(c.line), "--edge", url, "--token", operator)...)
		if code != exitOK || errs != "" {
			t.Errorf("%s: %d %s", c.line, code, errs)
		}
		golden(t, c.name, out)
	}
	if h.level.Level() != slog.LevelDebug {
		t.Errorf("the level is %v", &h.level)
	}
}

func TestExitCodes(t *testing.T) {
	h := &house{broken: errors.Join(errors.New("edge.yaml:3: unknown key"), errors.New("edge.yaml:9: no such profile"))}
	url := open(t, h)
	for _, c := range []struct {
		line string
		code int
		says string
	}{
		{"status --token " + viewer, exitOK, ""},
		{"reload --token " + operator, exitFailed, "the old one stays in force"},
		{"reload --token " + operator, exitFailed, "\n  edge.yaml:9: no such profile\n"},
		{"reload --token " + viewer, exitForbidden, "viv is viewer; this needs operator"},
		{"status", exitForbidden, "send a token"},
		{"status --token wrong", exitForbidden, "not known here"},
		{"status --edge http://127.0.0.1:1", exitUnreachable, "connection refused; see whether the edge runs"},
		{"status --edge ftp://x", exitUsage, "https://host:port"},
		{"status --edge http://192.0.2.1:8080 --token x", exitUsage, "in the clear"},
		{"log-level loud", exitUsage, "log-level --help"},
		{"statsu", exitUsage, "see cutoverctl --help"},
		{"status --config /nonexistent/x.yaml", exitUsage, "no such file"},
	} {
		args := strings.Fields(c.line)
		if !strings.Contains(c.line, "--edge") {
			args = append(args, "--edge", url)
		}
		code, out, errs := call(t, args...)
		if code != c.code || !strings.Contains(errs, c.says) || code != exitOK && out != "" {
			t.Errorf("%s: %d %s%s, want %d", c.line, code, out, errs, c.code)
		}
	}
	if code, out, _ := call(t, "--help"); code != exitOK || !strings.Contains(out, "3 an edge gives no answer") || !strings.Contains(out, "${EDGE_TOKEN}") {
		t.Errorf("--help: %d\n%s", code, out)
	}
}

func TestEdgesOfTheConfiguration(t *testing.T) {
	one, two := open(t, &house{}), open(t, &house{report: admin.Report{Reasons: []admin.Reason{{Because: "table_not_loaded"}}}})
	file := filepath.Join(t.TempDir(), "cutoverctl.yaml")
	write := func(mode os.FileMode, text string) {
		if err := os.WriteFile(file, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		os.Chmod(file, mode)
	}
	t.Setenv("TOKEN_TWO", operator)
	os.WriteFile(filepath.Join(filepath.Dir(file), "one.token"), []byte(viewer+"\n"), 0o600)
	write(0o644, "default: two\nedges:\n  - { name: one, url: \""+one+"\", token: \"file:one.token\" }\n"+
		"  - { name: two, url: \""+two+"\", token: \"${TOKEN_TWO}\" }\n  - { name: gone, url: \"http://127.0.0.1:1\" }\n")
	code, out, errs := call(t, "edges", "each", "--config", file)
	if code != exitUnreachable || errs != "" {
		t.Errorf("%d %s", code, errs)
	}
	golden(t, "edges-of-three", out)
	if code, _, errs := call(t, "log-level", "info", "--config", file); code != exitOK {
		t.Errorf("the default edge: %d %s", code, errs)
	}
	if code, _, _ := call(t, "log-level", "info", "--config", file, "--edge", "one"); code != exitForbidden {
		t.Errorf("an edge by name: %d", code)
	}
	for text, says := range map[string]string{
		"edges: [ { name: one, url: x, token: " + viewer + " } ]": "others can read this file",
		"edge: []":                 "field edge not found",
		"default: none":            "none is no edge",
		"edges: [ { name: one } ]": "a name and a url",
		"edges: [ { name: a, url: x }, { name: a, url: y } ]": "there twice",
	} {
		write(0o644, text)
		if code, _, errs := call(t, "edges", "each", "--config", file); code != exitUsage || !strings.Contains(errs, says) {
			t.Errorf("%s: %d %s", text, code, errs)
		}
	}
}

// Tab completion knows commands and flags, from the command line itself.
func TestCompletion(t *testing.T) {
	t.Setenv("COMP_LINE", "cutoverctl sta")
	if code, out, _ := call(t); code != exitOK || strings.TrimSpace(out) != "status" {
		t.Errorf("%d %q", code, out)
	}
	t.Setenv("COMP_LINE", "cutoverctl status --js")
	if _, out, _ := call(t); strings.TrimSpace(out) != "--json" {
		t.Errorf("%q", out)
	}
}

func TestAskingBeforeSomethingHappens(t *testing.T) {
	for in, want := range map[string]error{"y\n": nil, "YES\n": nil, "n\n": silent(exitFailed), "\n": silent(exitFailed), "": silent(exitFailed)} {
		var e bytes.Buffer
		d := &desk{streams: streams{strings.NewReader(in), nil, &e}}
		if err := d.sure(false, "Flip 3 numbers?"); err != want || !strings.HasPrefix(e.String(), "Flip 3 numbers? [y/N] ") {
			t.Errorf("%q: %v, %s", in, err, &e)
		}
	}
	if err := (&desk{}).sure(true, "?"); err != nil {
		t.Error(err)
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	if err := (&desk{streams: streams{In: null}}).sure(false, "Flip?"); codeOf(err) != exitUsage {
		t.Errorf("with nobody there: %v", err)
	}
}

// Explain knows two calls; the number 1 cannot be read.
func (h *house) Explain(q admin.Question) (admin.Explanation, error) {
	if q.Number == "1" {
		return admin.Explanation{}, admin.NewProblem(422, "not_a_number", "number: write it in E.164")
	}
	h.about.Store(&q.At)
	x := admin.Explanation{
		Edge: "edge-1", PublicNumber: q.Number, At: began, ClockError: 0.00025, Trunk: q.Trunk, Kind: "route", Authority: "legacy", Because: "before_cut",
		Decision: "route legacy via=lg1,lg2 because=before_cut", Otherwise: "the cutover moved, flipped now or cancelled",
		Steps:    []admin.ExplainStep{{Rule: "call", Says: q.Number + " on trunk \"" + q.Trunk + "\""}, {Rule: "timeline", Says: "revision 7: legacy until 10:30 then speakops; now legacy"}},
		Turnings: []admin.ExplainTurns{{At: began.Add(30 * time.Minute), Decision: "route speakops via=so1 because=cut"}},
	}
	if !q.At.IsZero() && q.At.After(began.Add(30*time.Minute)) {
		x.Authority, x.Because, x.Decision, x.Turnings = "speakops", "cut", x.Turnings[0].Decision, []admin.ExplainTurns{}
	}
	return x, nil
}

func TestExplain(t *testing.T) {
	var asked house
	url := open(t, &house{}, admin.ExplainBy(&asked))
	file := func(name, text string) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	explain := func(want int, says string, args ...string) string {
		t.Helper()
		code, out, errs := call(t, append([]string{"explain", "--edge", url, "--token", viewer}, args...)...)
		if code != want || !strings.Contains(errs, says) {
			t.Errorf("%q: %d %s%s", args, code, out, errs)
		}
		return out
	}
	golden(t, "explain", explain(exitOK, "", "+12025550143", "--trunk", "qa", "--at", "2026-03-01T10:00:00Z"))
	golden(t, "explain-after", explain(exitOK, "", "+12025550143", "--at", "2026-03-01T11:00:00Z", "--json"))
	golden(t, "explain-file", explain(exitOK, "", "--file", file("calls.jsonl",
		`{"schema":1,"kind":"decision","at":"2026-03-01T10:00:01Z","public_number":"+12025550143","trunk":"qa","routing_authority":"legacy","because":"before_cut"}
{"schema":1,"kind":"cdr","public_number":"+12025550143"}
{"schema":1,"kind":"decision","at":"2026-03-01T10:45:00Z","public_number":"+12025550143","trunk":"qa","routing_authority":"legacy","because":"before_cut"}
{"kind":"decision","public_number":"+12025550143","trunk":"qa","because":"over_cps"}
{"kind":"decision","dialled":"1","trunk":"qa","routing_authority":"none","because":"not_a_number"}
`)))
	golden(t, "explain-csv", explain(exitOK, "", "--trunk", "qa", "--file", file("calls.csv", "number,at\n+12025550143,\n+12025550144,2026-03-01T11:00:00Z\n")))
	explain(exitUsage, "wants a NUMBER")
	explain(exitUsage, "no instant", "+12025550143", "--at", "tomorrow")
	explain(exitUsage, "--json is no time", "+12025550143", "--at", "--json")
	explain(exitUsage, "a time is missing", "+12025550143", "--at")
	for _, span := range []time.Duration{-time.Hour, time.Hour} {
		text := fmt.Sprintf("%+dm", int(span.Minutes()))
		explain(exitOK, "", "+12025550143", "--at", text)
		if at := *asked.about.Load(); time.Until(at.Add(-span)).Abs() > 10*time.Minute {
			t.Errorf("--at %s asks about %v", text, at)
		}
	}
	explain(exitUsage, `column "colour"`, "--file", file("calls.csv", "number,colour\n+1,red\n"))
	explain(exitUsage, ":1: ", "--file", file("calls.jsonl", "nonsense\n"))
	explain(exitFailed, "write it in E.164", "1")
}

func TestInstants(t *testing.T) {
	for text, want := range map[moment]time.Time{"": {}, "+90m": began.Add(90 * time.Minute), "-10s": began.Add(-10 * time.Second), "2026-03-01T11:00:00+01:00": began} {
		if got, err := text.in(began); err != nil || !got.Equal(want) {
			t.Errorf("%q: %v %v", text, got, err)
		}
	}
	for text, want := range map[moment]time.Duration{"10m": -10 * time.Minute, "-10m": -10 * time.Minute, "+10m": 10 * time.Minute, "2026-03-01T10:00:00Z": 0} {
		if got, err := text.past(began); err != nil || !got.Equal(began.Add(want)) {
			t.Errorf("%q in the past: %v %v", text, got, err)
		}
	}
}

func TestNumbers(t *testing.T) {
	table := new(routing.Table)
	for i := range 1500 {
		table.Put(routing.Number{PublicNumber: routing.PublicNumber(12025550000 + i), RoutingAuthority: routing.Legacy, PortingState: routing.Armed, CustomerAssignment: "cust-1", Revision: 1,
			Override: routing.Override{Kind: routing.Block, From: began, Until: began.Add(time.Hour), Reason: "fraud", Author: "bo"}})
	}
	url := open(t, &house{}, admin.NumbersIn(table, nil))
	numbers := func(want int, says string, args ...string) string {
		t.Helper()
		code, out, errs := call(t, append([]string{"numbers", "--edge", url, "--token", operator}, args...)...)
		if code != want || !strings.Contains(errs, says) {
			t.Errorf("%q: %d %s%s", args, code, out, errs)
		}
		return out
	}
	golden(t, "numbers-get", numbers(exitOK, "", "get", "+12025550143"))
	golden(t, "numbers-list", numbers(exitOK, "", "list", "--limit", "3"))
	if out := numbers(exitOK, "", "list", "--limit", "0"); strings.Count(out, "\n") != 1501 {
		t.Errorf("all of 1500: %d lines", strings.Count(out, "\n"))
	}
	if out := numbers(exitFailed, "+19995550143", "get", "+12025550143", "+19995550143"); !strings.Contains(out, "+12025550143") {
		t.Errorf("one of two: %s", out)
	}
	numbers(exitForbidden, "redis.writer", "set", "+12025550143", "lrn=")
	numbers(exitForbidden, "redis.writer", "delete", "+12025550143", "--yes")
	numbers(exitUsage, "FIELD=VALUE", "set", "+12025550143", "lrn")
}
