package clock

import "time"

// local is one reading of this machine's clocks, in nanoseconds.
type local struct {
	boot int64 // since boot, a suspended machine's time included (CLOCK_BOOTTIME)
	mono int64 // the same, without it (CLOCK_MONOTONIC)
	wall int64 // since 1970, set by anybody
}

// tolerated is how far two clocks of one machine may drift apart between two
// samples before it means that one was set or stopped: reading them one after
// the other takes time, and more when the reader is preempted between.
const tolerated = int64(2 * time.Millisecond)

// apart is what the other clocks say passed since then beyond what the boot
// clock says: the monotonic one, and the wall clock.
func (l local) apart(then local) (mono, wall int64) {
	boot := l.boot - then.boot
	return beyond(l.mono - then.mono - boot), beyond(l.wall - then.wall - boot)
}

func beyond(d int64) int64 {
	if -tolerated <= d && d <= tolerated {
		return 0
	}
	return d
}

// Machine is where local readings come from; tests have their own.
type Machine interface {
	// Read reads all clocks at nearly one instant.
	Read() (boot, mono time.Duration, wall time.Time)
	// Boot is an id of this boot, another after each; "" when unknown.
	Boot() string
	// Synchronised says that the kernel's clock is disciplined by something.
	Synchronised() bool
}

func read(m Machine) local {
	boot, mono, wall := m.Read()
	return local{boot: int64(boot), mono: int64(mono), wall: wall.UnixNano()}
}
