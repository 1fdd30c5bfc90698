package clock

import "time"

// track is one belief about a store's clock: at local reading ref it shows a
// time between lo and hi. Times are nanoseconds since 1970, local readings
// nanoseconds since boot.
type track struct{ ref, lo, hi int64 }

// at is the track moved on to local reading m, wider by what two clocks may
// drift apart meanwhile, in parts per billion.
func (t track) at(m, drift int64) track {
	passed := max(m-t.ref, 0)
	slip := slipped(passed, drift)
	return track{ref: m, lo: t.lo + passed - slip, hi: t.hi + passed + slip}
}

// slipped is passed times drift, rounded up, without overflow for a century.
func slipped(passed, drift int64) int64 {
	const billion = 1_000_000_000
	return passed/billion*drift + (passed%billion*drift+billion-1)/billion
}

// meet is what two beliefs about one clock, of the same reading, leave of each
// other; false when they contradict.
func (t track) meet(o track) (track, bool) {
	both := track{ref: t.ref, lo: max(t.lo, o.lo), hi: min(t.hi, o.hi)}
	return both, both.lo <= both.hi
}

// hull covers both.
func (t track) hull(o track) track {
	return track{ref: t.ref, lo: min(t.lo, o.lo), hi: max(t.hi, o.hi)}
}

// widened covers a local clock that may be off by jump, in either direction.
func (t track) widened(jump int64) track {
	return track{ref: t.ref, lo: t.lo + min(jump, 0), hi: t.hi + max(jump, 0)}
}

// Reading is one answer of the store: its TIME, read at some point between
// asking and hearing.
type Reading struct {
	Store time.Time
	// Epoch names the clock that was read: another one after a failover or a
	// restart of the store.
	Epoch string
	// Settled says that every edge of the fleet has read that clock, and that it is
	// past all that any of them may have answered by another: the store's generation
	// is recovered, which takes a report of each member; an edge reads the clock
	// before it reports, and reports the latest its interval reaches. A store
	// without a chain has nobody to wait for and is always settled.
	Settled bool
	// Everybody is what the store has shown to every edge of the fleet: the least of
	// what each of them has read last (see Status.Shown), the zero time while one of
	// them has not said. Until it lies beyond all that a clock can have shown before
	// it was set, somebody may go by the old setting.
	Everybody time.Time
}

// heard is the track a reading proves, at the local reading it was heard. TIME
// counts whole microseconds, so up to one more may have passed; and a machine
// that was paused meanwhile has waited longer than its boot clock says.
func (r Reading) heard(asked, heard local, drift int64) track {
	s := r.Store.UnixNano()
	mono, wall := heard.apart(asked)
	trip := max(heard.boot-asked.boot, 0) + max(mono, wall, 0)
	return track{ref: heard.boot, lo: s, hi: s + trip + slipped(trip, drift) + int64(time.Microsecond)}
}
