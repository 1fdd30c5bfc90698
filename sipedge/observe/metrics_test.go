package observe

import (
	"context"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	otlp "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	"google.golang.org/protobuf/proto"

	"github.com/speakops/sipedge/routing"
	"go.uber.org/goleak"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newMetrics() *Metrics {
	return NewMetrics(Words{
		Because:  []routing.Because{routing.Cut, routing.BeforeCut},
		Outcomes: []string{"not_ours", "busy"},
		Results:  []string{"answered", "failed"},
		Panics:   []string{"shard"},
		Rescues:  []string{"taken", "over_rate"},
	})
}

func scrape(t *testing.T, m *Metrics, from Sources) string {
	t.Helper()
	e, err := NewExporter(m, from)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Shutdown(context.Background())
	w := httptest.NewRecorder()
	e.ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	body, _ := io.ReadAll(w.Result().Body)
	if w.Code != 200 {
		t.Fatalf("%d: %s", w.Code, body)
	}
	return string(body)
}

// ours leaves out help, types, and what the Go runtime says.
func ours(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "sipedge_") {
			b.WriteString(line)
		}
	}
	return b.String()
}

func TestMetricsGolden(t *testing.T) {
	m := newMetrics()
	trunk := m.Trunk("twilio-us")
	trunk.Decided(routing.Cut)
	trunk.Decided(routing.Cut)
	m.Trunk("qa").Decided("from \"the\" wire\n")
	trunk.Refused("not_ours")
	for _, code := range []int{200, 404, 418, 699, 0, 70000, -1} {
		trunk.Answered(code)
	}
	m.Gateway("lg1").Attempted("failed")
	m.Panicked("shard")
	m.InFlight.Add(3)
	m.InFlight.Add(-1)
	m.Held.Set(7)
	m.SetupTime.Observe(20 * time.Millisecond)
	m.SetupTime.Observe(5 * time.Second)
	m.SetupTime.Observe(time.Hour)
	m.PostDialDelay.Observe(-time.Second)
	got := ours(scrape(t, m, Sources{
		Drops:       func(yield func(string, uint64)) { yield("stranger", 9) },
		RecordsLost: func(yield func(string, uint64)) { yield("cdr", 0) },
		Messages:    func(yield func(string, string, uint64)) { yield("in", "udp", 6) },
		GatewayUp:   func(yield func(string, bool)) { yield("lg1", true); yield("lg2", false) },
		Ready:       func() bool { return true },
		Misrouted:   func() uint64 { return 0 },
		CertExpiry:  func(yield func(string, time.Duration)) { yield("outside-tls", 30*24*time.Hour) },
		Numbers:     func() int { return 10_000_000 },
		TableAge:    func() time.Duration { return 1500 * time.Millisecond },
		ClockError:  func() time.Duration { return 250 * time.Microsecond },
		Revision:    func() uint64 { return 42 },
		Serving:     func() bool { return true },
		Unresolved:  func() bool { return false },
		NextStep:    func() time.Duration { return Never },
		RecordsDown: func(yield func(string, bool)) { yield("cdr", true) },
	}))
	const file = "testdata/metrics.txt"
	if *update {
		os.WriteFile(file, []byte(got), 0o644)
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// A time that has a trace can be looked up: the format that carries exemplars is
// spoken to those who ask for it.
func TestExemplars(t *testing.T) {
	m := newMetrics()
	m.PostDialDelay.ObserveTraced(30*time.Millisecond, &[16]byte{0xab, 0xcd})
	e, err := NewExporter(m, Sources{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Shutdown(context.Background())
	w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/metrics", nil)
	r.Header.Set("Accept", "application/openmetrics-text; version=1.0.0")
	e.ServeHTTP(w, r)
	for line := range strings.Lines(w.Body.String()) {
		if strings.HasPrefix(line, `sipedge_post_dial_delay_seconds_bucket{le="0.05"} 1 # {`) && strings.Contains(line, `trace_id="abcd0000000000000000000000000000"`) {
			return
		}
	}
	t.Errorf("no exemplar in\n%s", ours(w.Body.String()))
}

// What Prometheus is shown goes to an OTLP backend too.
func TestMetricsOverOTLP(t *testing.T) {
	var mu sync.Mutex
	var body []byte
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if b, _ := io.ReadAll(r.Body); r.URL.Path == "/v1/metrics" {
			body = b
		}
	}))
	defer backend.Close()
	m := newMetrics()
	m.SetupTime.Observe(time.Second)
	more, err := OverOTLP(context.Background(), backend.URL, "edge-1", time.Hour, m)
	if err != nil {
		t.Fatal(err)
	}
	e, err := NewExporter(m, Sources{Numbers: func() int { return 7 }}, more...)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Shutdown(context.Background()); err != nil { // which pushes once more
		t.Fatal(err)
	}
	var request otlp.ExportMetricsServiceRequest
	if err := proto.Unmarshal(body, &request); err != nil {
		t.Fatal(err)
	}
	text := request.String()
	for _, want := range []string{"sipedge.numbers", "sipedge.setup.time", "go.goroutine.count", "edge-1"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in %s", want, text)
		}
	}
}

func TestRuntimeAndProcessAreShown(t *testing.T) {
	text := scrape(t, newMetrics(), Sources{})
	names := []string{"\ngo_goroutines ", "\ngo_memory_used_bytes{"}
	if runtime.GOOS == "linux" {
		names = append(names, "\nprocess_resident_memory_bytes ", "\nprocess_open_fds ")
	}
	for _, name := range names {
		if !strings.Contains(text, name) {
			t.Errorf("no %q", name)
		}
	}
}

// Beyond OpenTelemetry's own limit of 2000 series nothing is folded together,
// and beyond the bound of a Table everything shares one row.
func TestManySeries(t *testing.T) {
	m := newMetrics()
	for i := range 3000 {
		trunk := m.Trunk(routing.TrunkID("t" + string(rune('a'+i%26)) + strings.Repeat("x", i/26)))
		trunk.Decided(routing.Cut)
		trunk.Decided(routing.BeforeCut)
		trunk.Decided("unheard of")
	}
	text := ours(scrape(t, m, Sources{}))
	if n := strings.Count(text, "sipedge_calls_total{"); n != 3*maxRows {
		t.Errorf("%d series, want %d", n, 3*maxRows)
	}
	if !strings.Contains(text, `sipedge_calls_total{because="cut",trunk="other"} 1977`) || strings.Contains(text, "overflow") {
		t.Error("the trunks beyond the bound are not counted together")
	}
}

func TestCountingIsExactAndFree(t *testing.T) {
	m := newMetrics()
	trunk, gateway := m.Trunk("t"), m.Gateway("g")
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 10000 {
				trunk.Decided(routing.Cut)
				m.QueueDelay.Observe(time.Millisecond)
			}
		})
	}
	wg.Wait()
	if n := trunk.calls.Value("cut"); n != 40000 || m.QueueDelay.Count() != 40000 {
		t.Errorf("%d, %d", n, m.QueueDelay.Count())
	}
	if m.Trunk("t").calls != trunk.calls {
		t.Error("a trunk has two rows")
	}
	if n := testing.AllocsPerRun(1000, func() {
		trunk.Decided(routing.Cut)
		trunk.Answered(486)
		trunk.Refused("busy")
		gateway.Attempted("failed")
		m.SetupTime.Observe(time.Second)
		m.InFlight.Add(1)
	}); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

func BenchmarkCount(b *testing.B) {
	m := newMetrics()
	trunk := m.Trunk("t")
	for b.Loop() {
		trunk.Decided(routing.Cut)
		trunk.Answered(200)
		m.SetupTime.Observe(100 * time.Millisecond)
	}
}
