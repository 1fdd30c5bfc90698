package siege

import (
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/speakops/sipedge/integration/internal/lab"
)

// gentleCalls are the trusted calls beside each attack of a gentle siege.
const gentleCalls = "20"

// TestTrustedCallsBesideAttacks is the siege on a machine that has other things to
// do: a tenth of the load, and nothing is said about time. Each attack goes on until
// the trusted trunk has had its calls, all of them, and until the edge has counted
// what it turned away.
func TestTrustedCallsBesideAttacks(t *testing.T) {
	f := besieged(t, &field{gentle: true})
	f.patient(t)
	base := f.edge.RSS()
	for _, a := range attacks() {
		t.Run(a.name, func(t *testing.T) {
			before := f.counted(a.counts)
			var sent atomic.Int64
			stop, done := make(chan struct{}), make(chan struct{})
			go func() {
				defer close(done)
				a.run(f, stop, &sent)
			}()
			defer func() { <-done }()
			defer close(stop)
			lab.Until(t, 30*time.Second, "the attack to begin", func() bool { return sent.Load() > 0 })
			f.patient(t)
			if len(a.counts) > 0 {
				lab.Until(t, 30*time.Second, "the edge to count what it turns away as "+a.counts[0], func() bool { return f.counted(a.counts) > before })
			}
			if rss := f.edge.RSS(); rss > base+slack {
				t.Errorf("memory went from %d to %d MiB", base>>20, rss>>20)
			}
		})
	}
	lab.Until(t, 60*time.Second, "the connections of attackers to be closed", func() bool { return descriptors(f.edge.PID()) < 60 })
	f.patient(t)
}

// patient carries some trusted calls by a SIPp that repeats itself for as long as
// RFC 3261 says, and wants every one of them to go as written.
func (f *field) patient(t *testing.T) {
	t.Helper()
	s := f.For(t).CallAt("127.0.0.1", "uac_siege", "-inf", f.csv, "-r", "40", "-l", "10", "-m", gentleCalls, "-d", "10",
		"-timeout", "120s", "-timeout_error")
	if st := s.PassedWithin(130 * time.Second); strconv.Itoa(st.Calls) != gentleCalls || st.Failed != 0 {
		t.Errorf("%+v of %s calls", st, gentleCalls)
	}
}

// counted sums what the edge has counted under any of some words.
func (f *field) counted(words []string) (sum float64) {
	_, body := f.edge.Get("/metrics")
	for line := range strings.Lines(body) {
		for _, w := range words {
			if strings.Contains(line, w) && !strings.HasPrefix(line, "#") {
				v, _ := strconv.ParseFloat(strings.TrimSpace(line[strings.LastIndexByte(strings.TrimSpace(line), ' '):]), 64)
				sum += v
			}
		}
	}
	return sum
}
