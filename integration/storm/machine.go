package storm

import (
	"fmt"
	"sync"
	"time"
)

// machine is what an edge runs on: its clocks drift, its wall clock is set by
// others, and a boot starts them anew. The bubble's clock is the true one.
type machine struct {
	name string

	mu     sync.Mutex
	boots  int
	booted time.Time
	drift  int64 // parts per million
	wall   time.Duration
	asleep time.Duration // what the monotonic clock has not counted
	since  time.Time     // asleep since; zero when awake
	unsure bool          // its kernel says that it is not synchronised
	liar   bool          // broken: every boot has the same id
	blind  bool          // no battery keeps its wall clock: every boot begins in 1970
}

func (m *machine) boot() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.boots++
	m.booted, m.asleep, m.since = time.Now(), 0, time.Time{}
	if m.blind {
		m.wall = time.Unix(0, 0).Sub(m.booted)
	}
}

// Read implements clock.Machine.
func (m *machine) Read() (boot, mono time.Duration, wall time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	boot = drifted(now.Sub(m.booted), m.drift)
	mono = boot - m.asleep
	if !m.since.IsZero() {
		mono -= now.Sub(m.since)
	}
	return boot, mono, m.booted.Add(boot + m.wall)
}

// Boot implements clock.Machine.
func (m *machine) Boot() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.liar {
		return m.name
	}
	return fmt.Sprint(m.name, "-", m.boots)
}

// Synchronised implements clock.Machine.
func (m *machine) Synchronised() bool { return !m.unsure }

// set steps the wall clock.
func (m *machine) set(by time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.wall += by
}

// sleeps suspends the machine, and wakes it.
func (m *machine) sleeps(yes bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch now := time.Now(); {
	case yes && m.since.IsZero():
		m.since = now
	case !yes && !m.since.IsZero():
		m.asleep += now.Sub(m.since)
		m.since = time.Time{}
	}
}

func (m *machine) sleeping() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return !m.since.IsZero()
}

func drifted(d time.Duration, ppm int64) time.Duration {
	return d + d/1_000_000*time.Duration(ppm)
}
