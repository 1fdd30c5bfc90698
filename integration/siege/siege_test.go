package siege

import (
	"cmp"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/speakops/sipedge/integration/internal/lab"
)

func TestMain(m *testing.M) { lab.Main(m) }

const (
	flooded  = "+12025559999"         // the number an upstream's mistake floods
	slack    = 96 << 20               // of memory, during an attack and after it
	fullLoad = 5 * time.Second        // below which percentiles say nothing
	longRun  = 15 * time.Second       // from which times are asserted
	floor    = 10                     // ms: what a machine with two cores and a SIPp on it makes of any percentile
	neighbor = "127.0.0.3"            // a trunk whose calls are no good
	attacker = "127.0.0.2"            // nobody
	numbers  = 500                    // the trusted calls spread over
	settle   = 500 * time.Millisecond // between an attack and the look at what it left
)

// lasts is how long each attack lasts.
func lasts(t *testing.T) time.Duration {
	t.Helper()
	text := cmp.Or(os.Getenv("SIEGE_TIME"), "5s")
	d, err := time.ParseDuration(text)
	if err != nil || d < fullLoad {
		t.Fatalf("SIEGE_TIME=%q: want a time such as 15s, %v at least", text, fullLoad)
	}
	return d
}

// share is the part of the full load that is played: all of it, or a tenth where
// other tests need the machine as well.
func (f *field) share(full int) int {
	if f.gentle {
		return full / 10
	}
	return full
}

// rate is how many trusted calls there are a second.
func (f *field) rate() int { return f.share(500) }

// field is an edge with a trusted trunk, a neighbour, and strangers around it.
type field struct {
	*lab.Lab
	edge *lab.Edge
	csv  string
	d    time.Duration
	tls  int

	gentle bool // a tenth of everything, and no word about time
}

const legacy = "      - { id: legacy-b, uri: \"sip:127.0.0.1:5071\", priority: 2 }\n"

func besieged(t *testing.T, f *field) *field {
	t.Helper()
	f.Lab = lab.New(t,
		lab.Edit{Old: `    sources: [ "127.0.0.0/8" ]`, New: `    sources: [ "127.0.0.1" ]`},
		lab.Edit{Old: "routes:\n", New: "  - { id: neighbor, profile: generic, sources: [ \"" + neighbor + "\" ], default_country: US, trust: { test_override: true } }\nroutes:\n"},
		lab.Edit{Old: "defaults: {", New: "  - { id: lines, authority: speakops, builtin: testline }\ndefaults: {"},
		lab.Edit{Old: "admin:\n", New: "media: { address: \"127.0.0.1\", ports: 31000-31099 }\n\nadmin:\n"},
		lab.Edit{Old: "per_number: { cps: 0, concurrent: 0 }", New: "per_number: { cps: 50, concurrent: 50 }"},
		lab.Edit{Old: "per_source: { cps: 0 }", New: "per_source: { cps: 50 }"},
		lab.Edit{Old: "level: info", New: "level: warn"},
		// Patience with a SIPp that shares two cores with everybody.
		lab.Edit{Old: legacy + "    no_answer: 1s\n    progress: 2s\n", New: legacy + "    no_answer: 20s\n    progress: 21s\n    failover_budget: 30s\n"})
	f.tls = lab.FreePort(t)
	cert, key := certificate(t, f.Dir)
	f.Edit("    - { name: tcp, ", fmt.Sprintf(
		"    - { name: tls, transport: tls, address: \"127.0.0.1:%d\", cert: %s, key: \"file:%s\" }\n    - { name: tcp, ", f.tls, cert, key))
	f.write(t)
	f.edge = f.Serve("edge")
	f.Gateway("legacy-a", "uas_answered", 0, "-r", "1", "-timeout", "600s")
	return f
}

// write imports the numbers and lists the calls.
func (f *field) write(t *testing.T) {
	t.Helper()
	var rows, calls strings.Builder
	rows.WriteString("public_number,number_type,porting_state,routing_authority,current_serving_provider,losing_provider,underlying_carrier,customer_assignment,lrn\n")
	calls.WriteString("SEQUENTIAL\n")
	for i := range numbers {
		n := fmt.Sprintf("+1202556%04d", i)
		fmt.Fprintf(&rows, "%s,local,draft,legacy,northern,,northern-lec,,\n", n)
		fmt.Fprintf(&calls, "%s;legacy-a\n", n)
	}
	fmt.Fprintf(&rows, "%s,local,draft,legacy,northern,,northern-lec,,\n", flooded)
	f.csv = filepath.Join(f.Dir, "siege.csv")
	for name, text := range map[string]string{f.csv: calls.String(), filepath.Join(f.Dir, "numbers.csv"): rows.String()} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	f.ImportFile(filepath.Join(f.Dir, "numbers.csv"))
}

// trusted carries the trusted trunk's calls for the time of an attack and returns
// the 99th percentile of INVITE to 180 in ms, as the end of SIPp's range.
func (f *field) trusted(t *testing.T) int {
	t.Helper()
	n := int(f.d.Seconds() * float64(f.rate()))
	s := f.For(t).CallAt("127.0.0.1", "uac_siege", "-inf", f.csv, "-r", strconv.Itoa(f.rate()), "-m", strconv.Itoa(n), "-d", "50", "-l", "4000",
		"-timeout", fmt.Sprintf("%ds", int(f.d.Seconds())+40), "-timeout_error", "-recv_timeout", "8000")
	defer func() {
		if t.Failed() {
			text, _ := os.ReadFile(s.Err)
			t.Logf("%.2000s\n%.2000s", text, f.edge.Text())
		}
	}()
	st := s.PassedWithin(f.d + 50*time.Second)
	if st.Calls != n || st.Failed != 0 {
		t.Fatalf("%+v of %d calls", st, n)
	}
	return percentile(t, s.Stats, n)
}

// percentile reads the ranges of SIPp's statistics.
func percentile(t *testing.T, file string, n int) int {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	names, values := strings.Split(lines[0], ";"), strings.Split(lines[len(lines)-1], ";")
	seen := 0
	for i, name := range names {
		bound, found := strings.CutPrefix(name, "ResponseTimeRepartition1_<")
		if !found || i >= len(values) {
			continue
		}
		count, _ := strconv.Atoi(values[i])
		if seen += count; seen*100 >= n*99 {
			ms, _ := strconv.Atoi(bound)
			return ms
		}
	}
	if seen == 0 {
		t.Fatalf("no ranges in %s", lines[0])
	}
	return 1 << 20
}

// TestSiege is the whole of it.
func TestSiege(t *testing.T) {
	f := besieged(t, &field{d: lasts(t)})
	f.trusted(t) // what first calls leave for good is base
	alone := f.trusted(t)
	base := f.edge.RSS()
	t.Logf("alone: p99 below %d ms, memory %d MiB", alone, base>>20)
	for _, a := range attacks() {
		t.Run(a.name, func(t *testing.T) {
			var sent atomic.Int64
			stop := make(chan struct{})
			done := make(chan struct{})
			go func() {
				defer close(done)
				a.run(f, stop, &sent)
			}()
			p99 := f.trusted(t)
			most := f.edge.RSS()
			close(stop)
			<-done
			time.Sleep(settle)
			t.Logf("%d sent (%.0f a second): trusted calls p99 below %d ms (alone %d), memory %d MiB (base %d), dropped %s",
				sent.Load(), float64(sent.Load())/f.d.Seconds(), p99, alone, most>>20, base>>20, f.dropped(t, a.counts))
			if sent.Load() == 0 {
				t.Error("the attack sent nothing")
			}
			if most > base+slack {
				t.Errorf("memory went from %d to %d MiB", base>>20, most>>20)
			}
			if f.d >= longRun && p99 > 2*max(alone, floor) {
				t.Errorf("p99 went from %d to %d ms", alone, p99)
			}
		})
	}
	lab.Until(t, 60*time.Second, "descriptors and memory to come back", func() bool {
		return f.edge.RSS() <= base+slack && descriptors(f.edge.PID()) < 60
	})
	f.trusted(t)
}

func descriptors(pid int) int {
	entries, _ := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	return len(entries)
}

// dropped is what the edge counted under some words since its start.
func (f *field) dropped(t *testing.T, words []string) string {
	t.Helper()
	_, body := f.edge.Get("/metrics")
	var out []string
	for line := range strings.Lines(body) {
		for _, w := range words {
			if strings.Contains(line, w) && !strings.HasPrefix(line, "#") {
				out = append(out, strings.TrimSpace(line[strings.IndexByte(line, '{'):]))
			}
		}
	}
	if len(words) > 0 && len(out) == 0 {
		t.Errorf("nothing is counted as %v", words)
	}
	return strings.Join(out, " ")
}

func (f *field) addr() *net.UDPAddr {
	return &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: f.Port("5060")}
}
