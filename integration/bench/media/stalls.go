//go:build linux && (amd64 || arm64)

package main

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// stalls notices when a processor stands still: on a virtual machine its host may
// run somebody else on it for milliseconds, and that is not told as stolen time
// everywhere. One thread for each processor goes before all others and should wake
// up every millisecond; when it is late, nobody can have run in time.
type stalls struct {
	begun time.Time
	slots []atomic.Bool // in which a processor stood still
	stop  atomic.Bool
	done  sync.WaitGroup
}

const (
	slot    = 10 * time.Millisecond // what is judged as a whole
	standby = time.Millisecond
	// late is a wake-up from which a packet may have waited for longer than a relay
	// should make it wait.
	late = 500 * time.Microsecond
)

// watchStalls begins to watch for so long; the watch ends with close.
func watchStalls(long time.Duration) *stalls {
	s := &stalls{begun: time.Now(), slots: make([]atomic.Bool, int(long/slot)+2)}
	for cpu := range runtime.NumCPU() {
		s.done.Go(func() {
			runtime.LockOSThread() // and ends with its thread
			var set unix.CPUSet
			set.Set(cpu)
			if unix.SchedSetaffinity(0, &set) != nil {
				return
			}
			punctual(2)
			for !s.stop.Load() {
				before := time.Now()
				sleep(standby)
				if now := time.Now(); now.Sub(before)-standby > late {
					s.mark(before.Add(standby), now)
				}
			}
		})
	}
	return s
}

// mark spoils the slots of a stall, and the next one: what has piled up meanwhile
// is worked off there.
func (s *stalls) mark(from, to time.Time) {
	for i := s.slot(from); i <= s.slot(to)+1 && i < len(s.slots); i++ {
		s.slots[i].Store(true)
	}
}

// slot is that of an instant.
func (s *stalls) slot(at time.Time) int {
	return min(max(int(at.Sub(s.begun)/slot), 0), len(s.slots)-1)
}

func (s *stalls) close() {
	s.stop.Store(true)
	s.done.Wait()
}
