//go:build linux && (amd64 || arm64)

package media

import (
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// With real-time priority the loops' threads have it and no others, and they are gone
// with the relay; where it is not allowed, the relay does not open without it.
func TestRealtimeIsOfTheLoopsAlone(t *testing.T) {
	if n := realtimeThreads(t); n != 0 {
		t.Fatalf("%d threads have real-time priority before", n)
	}
	r, err := Open(Options{V4: netip.MustParseAddr("127.0.0.1"), First: 40000, Last: 40099, Loops: 2, Realtime: true})
	if err != nil {
		t.Logf("refused here: %v", err)
		if !strings.Contains(err.Error(), "media.realtime") || !strings.Contains(err.Error(), "LimitRTPRIO") {
			t.Errorf("refused without saying what to do: %v", err)
		}
		if n := realtimeThreads(t); n != 0 {
			t.Errorf("refused, and %d threads have real-time priority", n)
		}
		return
	}
	if n := realtimeThreads(t); n != 2 {
		t.Errorf("%d threads of two loops have real-time priority", n)
	}
	r.Close()
	for end := time.Now().Add(10 * time.Second); realtimeThreads(t) != 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("a thread has kept real-time priority")
		}
	}
}

func realtimeThreads(t *testing.T) (n int) {
	t.Helper()
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range tasks {
		id, _ := strconv.Atoi(task.Name())
		if a, err := unix.SchedGetAttr(id, 0); err == nil && a.Policy == unix.SCHED_RR {
			n++
		}
	}
	return n
}
