package integration

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/speakops/sipedge/integration/internal/lab"
)

// soakCalls is SOAK_CALLS, or what a daily run can afford.
func soakCalls(t *testing.T) int {
	t.Helper()
	text := os.Getenv("SOAK_CALLS")
	if text == "" {
		return 5000
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 100 {
		t.Fatalf("SOAK_CALLS=%q: want a number of calls, 100 or more", text)
	}
	return n
}

// TestSoak carries many calls with not one failed and nothing repeated, and then
// wants goroutines and memory back where they were.
func TestSoak(t *testing.T) {
	const rate = 200 // calls a second: on a busy machine SIPp itself is the first to be late
	calls := soakCalls(t)
	l, edge := lab.Open(t)
	run := func(n int) {
		t.Helper()
		bound := time.Duration(n)*time.Second/rate + time.Minute
		timeout := []string{"-timeout", fmt.Sprintf("%ds", int(bound.Seconds())), "-timeout_error", "-r", strconv.Itoa(rate)}
		legacy := l.Gateway("legacy-a", "uas_answered", n/2, timeout...)
		speakops := l.Gateway("speakops-a", "uas_answered", n/2, timeout...)
		caller := l.CallAt("127.0.0.1", "uac_mixed", append(timeout, "-inf", lab.Root()+"/integration/sipp/calls.csv",
			"-m", strconv.Itoa(n), "-l", "2000", "-d", "200", "-recv_timeout", "8000")...)
		for _, s := range []*lab.Sipp{caller, legacy, speakops} {
			st := s.PassedWithin(bound + 10*time.Second)
			t.Logf("%s: %+v", s.Name, st)
		}
	}

	// What the first calls leave behind for good, such as grown tables, is base.
	run(1000)
	goroutines, memory := edge.Metric("go_goroutines"), edge.RSS()
	n := calls - calls%20
	run(n)
	if got := len(edge.Decisions(1000 + n)); got != 1000+n {
		t.Errorf("%d decision lines for %d calls", got, 1000+n)
	}

	lab.Until(t, 10*time.Second, fmt.Sprintf("goroutines to come back to %.0f", goroutines), func() bool {
		return edge.Metric("go_goroutines") <= goroutines+5
	})
	// Calls are remembered for the 32 s of 64*T1 (RFC 6026, timers L and M), and
	// the heap takes a collection or two to shrink after that.
	const slack = 64 << 20
	lab.Until(t, 120*time.Second, fmt.Sprintf("memory to come back to %d MiB", (memory+slack)>>20), func() bool {
		time.Sleep(time.Second)
		return edge.RSS() <= memory+slack
	})
	t.Logf("%d calls; goroutines %.0f, then %.0f; memory %d MiB, then %d MiB", 1000+n,
		goroutines, edge.Metric("go_goroutines"), memory>>20, edge.RSS()>>20)
}
