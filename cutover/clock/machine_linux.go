package clock

import (
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// This is the machine the program runs on.
type This struct{}

// Read reads boot and monotonic clock around the wall clock.
func (This) Read() (boot, mono time.Duration, wall time.Time) {
	var b, m unix.Timespec
	// Neither call can fail: both clocks exist since Linux 2.6.39.
	_ = unix.ClockGettime(unix.CLOCK_BOOTTIME, &b)
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &m)
	return time.Duration(b.Nano()), time.Duration(m.Nano()), time.Now()
}

// Boot is the kernel's random boot id.
func (This) Boot() string {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(id))
}

// Synchronised asks adjtimex(2).
func (This) Synchronised() bool {
	const timeError, unsynchronised = 5, 0x40 // TIME_ERROR, STA_UNSYNC
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	return err == nil && state != timeError && t.Status&unsynchronised == 0
}
