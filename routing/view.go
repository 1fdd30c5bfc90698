package routing

import (
	"sync/atomic"
	"time"
)

// View is what Decide asks about the world.
type View interface {
	// Brief is what is believed about n, false when nothing is.
	Brief(n PublicNumber) (Brief, bool)
	// Stale says that numbers may exist, by now, that the table has not heard of.
	Stale(at Interval) bool
	// Schedule is what the fleet's revisions say of a number, false when they say
	// nothing: its record holds.
	Schedule(n PublicNumber) (Schedule, bool)
	// Route is the route of that name, or the default of the authority when id
	// is empty; nil when there is none.
	Route(id RouteID, authority RoutingAuthority) *Route
	// Alive is the health of a gateway by its edge-wide index.
	Alive(gateway int) bool
	// MaxHold is the longest a call may be held for a clock; 0 is no bound.
	MaxHold() time.Duration
}

// World is the View of one edge: a table that changes by itself, and a
// configuration that is replaced as a whole. Its fields are set before it is
// published and left alone afterwards.
type World struct {
	Table     *Table
	Freshness *Freshness    // nil: never fresh
	MaxAge    time.Duration // how old a table may be and still say "no such number"

	Routes   map[RouteID]*Route
	Legacy   *Route // default of each authority, nil for none
	SpeakOps *Route

	// Schedules looks a number up in the revisions in force, which it loads when
	// it is called: after the clock was read (rule 9). nil: no cutover is live.
	Schedules func(PublicNumber) (Schedule, bool)
	Health    func(gateway int) bool // nil: all alive
	HoldFor   time.Duration          // see View.MaxHold
}

// Brief looks the number up in the table.
func (w *World) Brief(n PublicNumber) (Brief, bool) { return w.Table.Brief(n) }

// Stale is true before the first confirmation, and when the last one may be
// older than MaxAge.
func (w *World) Stale(at Interval) bool {
	confirmed, ok := w.Freshness.Confirmed()
	return !ok || at.Latest.Sub(confirmed) > w.MaxAge
}

// Schedule asks the revisions in force.
func (w *World) Schedule(n PublicNumber) (Schedule, bool) {
	if w.Schedules == nil {
		return Schedule{}, false
	}
	return w.Schedules(n)
}

// Route finds a route by name or default.
func (w *World) Route(id RouteID, authority RoutingAuthority) *Route {
	switch {
	case id != "":
		return w.Routes[id]
	case authority == Legacy:
		return w.Legacy
	case authority == SpeakOps:
		return w.SpeakOps
	}
	return nil
}

// Alive asks Health.
func (w *World) Alive(gateway int) bool { return w.Health == nil || w.Health(gateway) }

// MaxHold is HoldFor.
func (w *World) MaxHold() time.Duration { return w.HoldFor }

// Freshness is the last instant of store time at which the table was known to
// hold all the store held. It is safe for use by many goroutines.
type Freshness struct{ at atomic.Int64 } // nanoseconds since 1970, 0 never

// Confirm moves the instant forward; an earlier one is ignored.
func (f *Freshness) Confirm(at time.Time) {
	for {
		old := f.at.Load()
		if at.UnixNano() <= old || f.at.CompareAndSwap(old, at.UnixNano()) {
			return
		}
	}
}

// Confirmed is that instant, false when there was none yet.
func (f *Freshness) Confirmed() (time.Time, bool) {
	if f == nil {
		return time.Time{}, false
	}
	at := f.at.Load()
	return time.Unix(0, at), at != 0
}
