//go:build linux && (amd64 || arm64)

package media

import (
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// With real-time priority the loops' threads have it and no others, and they are gone
// with the relay; where it is not allowed, a relay that must have it does not open, and
// another one says so.
func TestRealtimeIsOfTheLoopsAlone(t *testing.T) {
	o := Options{V4: home, First: 40000, Last: 40099, Loops: 2}
	processors := runtime.GOMAXPROCS(0)
	threads := func(want Realtime, n int) (r *Relay, err error) {
		t.Helper()
		o.Realtime = want
		if r, err = Open(o); err == nil {
			t.Cleanup(r.Close)
		}
		if got := realtimeThreads(t); got != n {
			t.Errorf("%d threads have real-time priority, want %d", got, n)
		}
		if got := runtime.GOMAXPROCS(0); got != processors+n {
			t.Errorf("%d processors with %d such threads, %d without", got, n, processors)
		}
		return r, err
	}
	never, err := threads(Never, 0)
	if err != nil || never.Unhurried() != nil {
		t.Fatalf("%v, %v", err, never.Unhurried())
	}
	if !mayHurry() {
		for _, want := range []Realtime{Must, IfAllowed} {
			r, err := threads(want, 0)
			if want == IfAllowed && err == nil {
				err = r.Unhurried()
			}
			if err == nil || !strings.Contains(err.Error(), "media.realtime") || !strings.Contains(err.Error(), "LimitRTPRIO") {
				t.Errorf("not allowed, without saying what to do: %v", err)
			}
		}
		return
	}
	for i, want := range []Realtime{Must, IfAllowed} {
		r, err := threads(want, 2)
		if err != nil || r.Unhurried() != nil {
			t.Fatalf("%d: %v, %v", i, err, r.Unhurried())
		}
		r.Close()
		untilRealtime(t, 0)
		if got := runtime.GOMAXPROCS(0); got != processors {
			t.Errorf("%d processors are left, there were %d", got, processors)
		}
	}
}

// A loop that is flooded is one of many threads for a while, and goes first again once
// the flood is over.
func TestAFloodedLoopTakesItsTurn(t *testing.T) {
	r := lab(t, func(o *Options) { o.Loops = 1 })
	if !mayHurry() {
		t.Logf("there is nothing to give back here: %v", r.Unhurried())
		return
	}
	untilRealtime(t, 1)
	s, a, b := session(t, r, false), newPhone(t), newPhone(t)
	toA, toB := talk(t, s, a, b, true)
	a.says("me", toA)
	b.hears("me", toB)
	var flood sync.WaitGroup
	var over atomic.Bool
	for range 2 {
		packet := a.packet("me again")
		flood.Go(func() {
			for !over.Load() {
				_, _ = a.WriteToUDPAddrPort(packet, netip.AddrPortFrom(home, toA))
			}
		})
	}
	untilRealtime(t, 0)
	over.Store(true)
	flood.Wait()
	untilRealtime(t, 1)
}

// mayHurry says whether this process may have real-time priority.
func mayHurry() (may bool) {
	var tried sync.WaitGroup
	tried.Go(func() {
		runtime.LockOSThread() // and ends with its thread
		var h hurry
		may = h.begin(Must) == nil
		h.end()
	})
	tried.Wait()
	return may
}

func untilRealtime(t *testing.T, n int) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); realtimeThreads(t) != n; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d threads have real-time priority, want %d", realtimeThreads(t), n)
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
