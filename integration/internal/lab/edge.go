package lab

import (
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Edge is one running sipedge serve.
type Edge struct {
	*Process
	lab  *Lab
	data string
}

// Serve imports nothing, starts the edge of that name and waits until it is
// ready. A second Serve of the same name uses the same files: a restart.
func (l *Lab) Serve(name string) *Edge {
	l.T.Helper()
	e := l.Start(name)
	e.UntilReady()
	return e
}

// Start starts the edge of that name without waiting, by way of the programs before
// it, each of which becomes the next.
func (l *Lab) Start(name string, before ...string) *Edge {
	l.T.Helper()
	log := l.file(name + ".log")
	e := &Edge{lab: l, data: l.file(name + ".data")}
	argv := slices.Concat(l.Place.Within, before, []string{l.binary(sipedge), "serve", "--config", l.WriteConfig(name)})
	e.Process = start(l.T, "sipedge serve", l.Dir, log, l.env(), argv...)
	l.show(log)
	l.T.Cleanup(func() {
		if text := readAll(log); strings.Contains(text, "panic") || strings.Contains(text, "goroutine 1 [") {
			l.T.Errorf("%s: the edge panicked\n%s", name, text)
		}
	})
	return e
}

// Open is the usual bench: numbers imported and one edge ready.
func Open(t testing.TB, edits ...Edit) (*Lab, *Edge) {
	t.Helper()
	l := New(t, edits...)
	l.Import()
	return l, l.Serve("edge")
}

// UntilReady waits for /readyz.
func (e *Edge) UntilReady() {
	e.lab.T.Helper()
	Until(e.lab.T, 60*time.Second, "the edge to be ready", func() bool {
		if e.Ended() {
			e.lab.T.Fatalf("lab: sipedge serve ended: %v\n%s", e.err, e.Text())
		}
		code, _ := e.Get("/readyz")
		return code == http.StatusOK
	})
}

var client = &http.Client{Timeout: 3 * time.Second}

// Get asks the admin listener; code 0 means that nobody answered.
func (e *Edge) Get(path string) (code int, body string) {
	resp, err := client.Get(fmt.Sprintf("http://%s:%d%s", e.lab.Place.host(), e.lab.ports["8080"], path))
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(io.LimitReader(resp.Body, 4<<20))
	return resp.StatusCode, string(b)
}

// Metric sums the samples of one metric over all labels.
func (e *Edge) Metric(name string) float64 {
	e.lab.T.Helper()
	code, body := e.Get("/metrics")
	if code != http.StatusOK {
		e.lab.T.Fatalf("lab: GET /metrics: %d %s", code, body)
	}
	sum, found := 0.0, false
	for line := range strings.Lines(body) {
		rest, ok := strings.CutPrefix(strings.TrimSpace(line), name)
		if !ok || rest == "" || rest[0] != ' ' && rest[0] != '{' {
			continue
		}
		v, err := strconv.ParseFloat(rest[strings.LastIndexByte(rest, ' ')+1:], 64)
		if err != nil {
			e.lab.T.Fatalf("lab: /metrics: %q", line)
		}
		sum, found = sum+v, true
	}
	if !found {
		e.lab.T.Fatalf("lab: /metrics has no %s", name)
	}
	return sum
}

// RSS is the resident memory in bytes.
func (e *Edge) RSS() int {
	for line := range strings.Lines(readAll(fmt.Sprintf("/proc/%d/status", e.PID()))) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, _ := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")))
			return kb << 10
		}
	}
	return 0
}

// Reload asks for a new reading of the configuration, which Edit may have changed.
func (e *Edge) Reload() {
	e.lab.T.Helper()
	e.lab.WriteConfig(strings.TrimSuffix(filepath.Base(e.data), ".data"))
	e.Signal(syscall.SIGHUP)
}

// Decision is one line of the decision log, as far as tests ask.
type Decision struct {
	Kind         string   `json:"kind"`
	PublicNumber string   `json:"public_number"`
	Decision     string   `json:"decision"`
	Authority    string   `json:"routing_authority"`
	PortingState string   `json:"porting_state"`
	Because      string   `json:"because"`
	Outcome      string   `json:"outcome"`
	Code         int      `json:"code"`
	Route        string   `json:"route"`
	Gateways     []string `json:"gateways"`
	Trunk        string   `json:"trunk"`
	Revision     uint64   `json:"revision"`
	HeldMS       float64  `json:"held_ms"`
}

// Decisions waits until the edge has written n decision lines and returns them,
// oldest first.
func (e *Edge) Decisions(n int) []Decision {
	e.lab.T.Helper()
	var got []Decision
	Until(e.lab.T, 5*time.Second+time.Duration(n)*time.Millisecond, fmt.Sprintf("%d decision lines below %s (the last count was not enough)", n, e.data), func() bool {
		got = records[Decision](e, "decision")
		return len(got) >= n
	})
	return got
}

// CDR is one call detail record, as far as tests ask.
type CDR struct {
	Kind    string `json:"kind"`
	Call    string `json:"call"`
	Gateway string `json:"gateway"`
	Code    int    `json:"code"`
}

// CDRs waits until the edge has written n of them.
func (e *Edge) CDRs(n int) []CDR {
	e.lab.T.Helper()
	var got []CDR
	Until(e.lab.T, 5*time.Second, fmt.Sprintf("%d call detail records below %s", n, e.data), func() bool {
		got = records[CDR](e, "cdr")
		return len(got) >= n
	})
	return got
}

// records reads every JSON line of a kind below the data directory.
func records[R any](e *Edge, kind string) []R {
	var all []R
	filepath.WalkDir(e.data, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil || !strings.HasPrefix(string(b), "{") {
			return nil
		}
		for line := range strings.Lines(string(b)) {
			var r R
			var of struct {
				Kind string `json:"kind"`
			}
			if json.Unmarshal([]byte(line), &of) == nil && of.Kind == kind && json.Unmarshal([]byte(line), &r) == nil {
				all = append(all, r)
			}
		}
		return nil
	})
	return all
}
