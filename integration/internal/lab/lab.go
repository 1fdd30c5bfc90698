// Package lab answers: what does the real program do between real peers?
//
// A Lab is one laboratory bench: the built sipedge with a configuration of its
// own, a redis-server, SIPp gateways and SIPp callers, all on free ports of the
// loopback. Every process has a deadline, dies with the test, and leaves its
// log in the report of a failed test.
package lab

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Lab is one bench. It belongs to one test.
type Lab struct {
	T     testing.TB
	Dir   string // all files of this bench
	Redis *Redis
	Place Place // of the edge; its gateways and callers stand where the test does

	ports map[string]int // by the port that integration/lab.yaml writes
	yaml  string
	key   string
	more  []string      // variables of what is started
	shown []string      // logs to show when the test fails
	runs  *atomic.Int64 // files of processes so far, all views of the bench together
}

// Ports that lab.yaml writes, and what stands there.
var written = map[string]string{
	"5060": "edge", "8080": "admin", "6379": "redis",
	"5070": "legacy-a", "5071": "legacy-b", "5080": "speakops-a", "5081": "speakops-b",
}

// New makes a bench with a Redis of its own and the numbers of
// integration/sipp/numbers.csv to import. Each edit replaces a text of
// integration/lab.yaml, which must stand there exactly once.
func New(t testing.TB, edits ...Edit) *Lab {
	t.Helper()
	return NewOn(t, NewRedis(t), edits...)
}

// NewOn is New on a Redis that is there already.
func NewOn(t testing.TB, redis *Redis, edits ...Edit) *Lab {
	t.Helper()
	l := &Lab{T: t, Dir: t.TempDir(), Redis: redis, ports: map[string]int{}, key: "laboratory key of 32 bytes, fix.", runs: new(atomic.Int64)}
	for port := range written {
		l.ports[port] = FreePort(t)
	}
	l.ports["6379"] = l.Redis.Port
	l.yaml = readAll(filepath.Join(Root(), "integration", "lab.yaml"))
	for _, e := range edits {
		l.Edit(e.Old, e.New)
	}
	t.Cleanup(l.report)
	return l
}

// Beside is another bench for an edge of the same fleet: the same Redis, gateways
// and binary, its own files and ports.
func (l *Lab) Beside() *Lab {
	l.T.Helper()
	other := *l
	other.Dir, other.ports = l.T.TempDir(), maps.Clone(l.ports)
	for _, written := range []string{"5060", "8080"} {
		other.ports[written] = FreePort(l.T)
	}
	other.shown = nil
	l.T.Cleanup(other.report)
	return &other
}

// For is the same bench as seen by a subtest: what fails there fails the subtest.
func (l *Lab) For(t testing.TB) *Lab {
	sub := *l
	sub.T = t
	return &sub
}

// Edit is one change to the configuration text.
type Edit struct{ Old, New string }

// Edit changes the configuration of edges started or reloaded from now on.
func (l *Lab) Edit(old, text string) {
	l.T.Helper()
	if n := strings.Count(l.yaml, old); n != 1 {
		l.T.Fatalf("lab: %q stands %d times in the configuration, not once", old, n)
	}
	l.yaml = strings.Replace(l.yaml, old, text, 1)
}

// Port is the port in use here for one that lab.yaml writes, such as "5060".
func (l *Lab) Port(written string) int { return l.ports[written] }

// GatewayPort is the port of a gateway by its id.
func (l *Lab) GatewayPort(id string) int {
	for port, name := range written {
		if name == id {
			return l.ports[port]
		}
	}
	l.T.Fatalf("lab: no gateway %s in lab.yaml", id)
	return 0
}

// config is the configuration text with this bench's ports and folder.
func (l *Lab) config(dataDir string) string {
	pairs := []string{"/tmp/sipedge-lab", dataDir}
	for port, free := range l.ports {
		pairs = append(pairs, ":"+port, fmt.Sprintf(":%d", free))
	}
	return strings.NewReplacer(pairs...).Replace(l.yaml)
}

func (l *Lab) file(name string) string { return filepath.Join(l.Dir, name) }

func (l *Lab) show(file string) { l.shown = append(l.shown, file) }

// report attaches the logs of a failed test, the end of each.
func (l *Lab) report() {
	if !l.T.Failed() {
		return
	}
	const most = 6000
	for _, name := range l.shown {
		text := readAll(name)
		if text == "" {
			continue
		}
		if len(text) > most {
			text = "...\n" + text[len(text)-most:]
		}
		l.T.Logf("---- %s\n%s", filepath.Base(name), text)
	}
}

// Root is the folder of go.mod.
var Root = sync.OnceValue(func() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..", "..")
})

// Run runs sipedge with arguments to its end and returns its output and exit
// code; it fails the test after 30 s.
func (l *Lab) Run(args ...string) (output string, code int) {
	l.T.Helper()
	p := l.Begin(args...)
	code, ended := p.Wait(30 * time.Second)
	if !ended {
		l.T.Fatalf("lab: sipedge %s did not end within 30 s\n%s", strings.Join(args, " "), p.Text())
	}
	return p.Text(), code
}

// Begin runs sipedge with arguments and does not wait for it.
func (l *Lab) Begin(args ...string) *Process {
	l.T.Helper()
	out := l.file(fmt.Sprintf("sipedge-%d.log", l.runs.Add(1)))
	return start(l.T, "sipedge "+args[0], Root(), out, l.env(), append([]string{l.binary(sipedge)}, args...)...)
}

func (l *Lab) binary(command string) string {
	l.T.Helper()
	at, err := binary(command)
	if err != nil {
		l.T.Fatal(err)
	}
	return at
}

// SetKey gives edges started from now on another token key, of 32 characters.
func (l *Lab) SetKey(key string) { l.key = key }

// SetEnv gives programs started from now on these variables too, as NAME=VALUE.
func (l *Lab) SetEnv(more ...string) { l.more = more }

func (l *Lab) env() []string { return append([]string{"SIPEDGE_LAB_KEY=" + l.key}, l.more...) }

// Import imports integration/sipp/numbers.csv into the bench's Redis.
func (l *Lab) Import() {
	l.T.Helper()
	l.ImportFile(filepath.Join(Root(), "integration", "sipp", "numbers.csv"))
}

// ImportFile imports number records.
func (l *Lab) ImportFile(csv string) {
	l.T.Helper()
	out, code := l.Run("numbers", "import", "--config", l.WriteConfig("edge"), csv)
	if code != 0 {
		l.T.Fatalf("lab: numbers import: exit code %d\n%s", code, out)
	}
}

// WriteConfig writes the configuration of the edge of that name and returns the file.
func (l *Lab) WriteConfig(name string) string {
	l.T.Helper()
	file := l.file(name + ".yaml")
	data := l.file(name + ".data")
	if err := os.MkdirAll(data, 0o755); err != nil {
		l.T.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(l.config(data)), 0o644); err != nil {
		l.T.Fatal(err)
	}
	return file
}
