package cutover

import (
	"slices"
	"time"

	"github.com/speakops/sipedge/routing"
)

// Differs is D: the first instant at which next gives another answer than prev,
// Never when it gives the same for ever. Both answer alike at every instant
// before D: history is kept by whoever lets D lie ahead. prev is nil for the
// first revision of a chain.
//
// A cutover that begins in next is compared with its First, which the number
// records must say (see Check); one that ends in next changes nothing from
// Behind on.
func Differs(prev, next *Revision) time.Time {
	d := Never
	for i := range next.Schedule {
		c := &next.Schedule[i]
		was := prev.Cutover(c.ID)
		if was == nil {
			was = &Cutover{First: c.First}
		}
		if at, differ := split(was, c); differ && (d == Never || at.Before(d)) {
			d = at
		}
	}
	return d
}

// Behind is the instant that must lie behind for certain before next may follow
// prev: the last turn of every cutover that next drops. From then on the record
// can stand in for the timeline. The zero time when nothing is dropped.
func Behind(prev, next *Revision) time.Time {
	var last time.Time
	for _, c := range Dropped(prev, next) {
		if c.Last().After(last) {
			last = c.Last()
		}
	}
	return last
}

// Dropped are the cutovers of prev that next lives without.
func Dropped(prev, next *Revision) []Cutover { return missing(prev, next) }

// Begun are the cutovers of next that prev did not have.
func Begun(prev, next *Revision) []Cutover { return missing(next, prev) }

func missing(of, in *Revision) []Cutover {
	if of == nil {
		return nil
	}
	var all []Cutover
	for _, c := range of.Schedule {
		if in.Cutover(c.ID) == nil {
			all = append(all, c)
		}
	}
	return all
}

// split is the first instant at which two schedules of one cutover answer
// differently. Their First is the same, and every turn is to another authority.
func split(a, b *Cutover) (time.Time, bool) {
	i := 0
	for i < len(a.Turns) && i < len(b.Turns) && same(a.Turns[i], b.Turns[i]) {
		i++
	}
	switch {
	case i == len(a.Turns) && i == len(b.Turns):
		return Never, false
	case i == len(a.Turns):
		return b.Turns[i].At, true
	case i == len(b.Turns):
		return a.Turns[i].At, true
	case a.Turns[i].At.Equal(b.Turns[i].At): // to different authorities
		return a.Turns[i].At, true
	case a.Turns[i].At.Before(b.Turns[i].At):
		return a.Turns[i].At, true
	}
	return b.Turns[i].At, true
}

func same(a, b routing.Turn) bool { return a.At.Equal(b.At) && a.Authority == b.Authority }

// Floats says whether an instant of r is still to be filled in by the store:
// "flip now" and a rollback, whose instant is the store's now + lead.
func (r *Revision) Floats() bool {
	for i := range r.Schedule {
		if floats(&r.Schedule[i]) {
			return true
		}
	}
	return false
}

func floats(c *Cutover) bool { return len(c.Turns) > 0 && c.Last().IsZero() }

// Filled is r with every floating instant at d. Bodies are immutable, so that
// is a copy.
func (r *Revision) Filled(d time.Time) *Revision {
	return r.floating(func(c *Cutover) {
		c.Turns[len(c.Turns)-1].At = d
	})
}

// Room bounds the instant a floating revision may be filled with: it is D itself
// if and only if after < instant, and instant < before unless before is Never.
// Beyond those bounds the revision would give its steps another order, or would
// differ from prev before the instant.
func Room(prev, next *Revision) (after, before time.Time) {
	for i := range next.Schedule {
		c := &next.Schedule[i]
		if n := len(c.Turns); floats(c) && n > 1 && c.Turns[n-2].At.After(after) {
			after = c.Turns[n-2].At
		}
	}
	without := next.floating(func(c *Cutover) { c.Turns = c.Turns[:len(c.Turns)-1] })
	return after, Differs(prev, without)
}

func (r *Revision) floating(change func(*Cutover)) *Revision {
	copied := *r
	copied.Schedule = slices.Clone(r.Schedule)
	for i := range copied.Schedule {
		if c := &copied.Schedule[i]; floats(c) {
			c.Turns = slices.Clone(c.Turns)
			change(c)
		}
	}
	return &copied
}
