//go:build !linux

package clock

import "time"

// This is the machine the program runs on. Without a boot clock a suspension
// shows only by the wall clock, and nothing is resumed after a restart.
type This struct{}

var started = time.Now()

// Read counts from the start of the process.
func (This) Read() (boot, mono time.Duration, wall time.Time) {
	now := time.Now()
	return now.Sub(started), now.Sub(started), now
}

// Boot is not known.
func (This) Boot() string { return "" }

// Synchronised is not known.
func (This) Synchronised() bool { return false }
