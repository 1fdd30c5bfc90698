package routing

import "time"

// Exactly is the interval of a clock without error.
func Exactly(t time.Time) Interval { return Interval{Earliest: t, Latest: t} }

// Around is the interval of a clock that reads t and may be wrong by err either way.
func Around(t time.Time, err time.Duration) Interval {
	return Interval{Earliest: t.Add(-err), Latest: t.Add(err)}
}

// Before says that the true instant is before t for certain.
func (i Interval) Before(t time.Time) bool { return i.Latest.Before(t) }

// After says that the true instant is t or later for certain: what takes force
// at t is in force at t.
func (i Interval) After(t time.Time) bool { return !i.Earliest.Before(t) }

// Straddles says that the true instant may lie on either side of t.
func (i Interval) Straddles(t time.Time) bool { return !i.Before(t) && !i.After(t) }

// Width is how much the clock does not know, twice its error.
func (i Interval) Width() time.Duration { return i.Latest.Sub(i.Earliest) }

// Mid is what the clock reads.
func (i Interval) Mid() time.Time { return i.Earliest.Add(i.Width() / 2) }

// certainFrom is the reading of this clock, its error unchanged, from which on
// t is behind it for certain.
func (i Interval) certainFrom(t time.Time) time.Time {
	return t.Add(i.Width() - i.Width()/2)
}
