//go:build linux && (amd64 || arm64)

package media

import (
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
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

// A thread that hardly rests is one of many for a while, and goes first again once it
// rests. Its own work is the flood here: how much another thread can send depends on
// what else the machine does.
func TestWhoHardlyRestsTakesItsTurn(t *testing.T) {
	if !mayHurry() {
		t.Log("there is nothing to give back here")
		return
	}
	var thread sync.WaitGroup
	thread.Go(func() {
		runtime.LockOSThread() // and ends with its thread
		began := time.Now()
		until := func(on bool, pause time.Duration, h *hurry) {
			for h.judge(time.Since(began)); h.on != on; h.judge(time.Since(began)) {
				if time.Since(began) > 30*time.Second {
					t.Errorf("it goes first: %v, want %v", h.on, on)
					return
				}
				time.Sleep(pause)
			}
			if a, err := unix.SchedGetAttr(0, 0); err != nil || (a.Policy == unix.SCHED_RR) != on {
				t.Errorf("the kernel's policy is %+v, %v; going first: %v", a, err, on)
			}
		}
		var h hurry
		if err := h.begin(Must); err != nil {
			t.Error(err)
			return
		}
		until(true, 0, &h)
		until(false, 0, &h) // and never a rest
		until(true, 10*time.Millisecond, &h)
		for range 30 {
			time.Sleep(10 * time.Millisecond)
			if h.judge(time.Since(began)); !h.on {
				t.Error("it rests, and does not go first")
				break
			}
		}
		h.end()
		until(false, 0, &hurry{})
	})
	thread.Wait()
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
