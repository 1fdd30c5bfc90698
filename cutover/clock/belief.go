package clock

import "time"

// belief is all an edge holds possible about store time, and immutable: the
// clock it follows, and those it followed before and may not forget yet.
type belief struct {
	now    track
	epoch  string
	heard  local // when the last sample was heard
	shown  int64 // by the store, in the last sample; 0 when it is from another life
	set    bool  // resumed: a clock that was set is covered in it
	former []former
}

// former is a clock that was followed before another took its place. Other
// edges may follow it still, and answers were given by it. So the interval
// covers both, until every edge knows the new clock and the new clock is
// certainly past whatever the old one can have shown by then; from there on no
// answer given by the old one can lie ahead of one given by the new.
type former struct {
	track   track
	stepped bool  // the clock of one epoch was set, and no generation tells who knows
	shown   int64 // the most it can have shown when it was replaced
	passed  int64 // what it showed at most when every edge knew; 0 until then
}

// maxFormer bounds the clocks covered at once; the oldest are covered as one.
const maxFormer = 4

// hear takes a sample. jump is how far two clocks that disagree lie apart, 0
// when the sample fits what was believed.
// nil says that nothing is known yet.
func (b *belief) hear(r Reading, asked, heard local, drift int64) (next *belief, jump time.Duration) {
	sample := r.heard(asked, heard, drift)
	next = &belief{now: sample, epoch: r.Epoch, heard: heard, shown: r.Store.UnixNano()}
	if b == nil {
		// Whoever comes up after a failover does not know the clock before, by which
		// others still answer, or have answered what the new one has not reached.
		if !r.Settled {
			return nil, 0
		}
		return next, 0
	}
	for _, f := range b.former {
		f.track = f.track.at(heard.boot, drift)
		next.former = append(next.former, f)
	}
	old := b.reckoned(heard, drift)
	both, agree := old.meet(sample)
	if agree && r.Epoch == b.epoch {
		next.now = both
	} else {
		// Another clock that happens to agree is still another clock: what it says
		// must not narrow what is known of the first.
		next.former = append(next.former, former{track: old, stepped: r.Epoch == b.epoch || b.set, shown: old.hi})
	}
	if !agree {
		jump = apart(old, sample)
	}
	next.forget(r)
	return next, jump
}

// reckoned is the followed clock at a local instant, by dead reckoning since the
// last sample. Where the machine's clocks disagree about how long that was (it
// was paused, or its wall clock was set), the track covers what each of them says.
func (b *belief) reckoned(at local, drift int64) track {
	t := b.now.at(at.boot, drift)
	mono, wall := at.apart(b.heard)
	return t.widened(mono).hull(t.widened(wall))
}

// covers is everything store time may be at a local instant.
func (b *belief) covers(at local, drift int64) track {
	t := b.reckoned(at, drift)
	for _, f := range b.former {
		t = t.hull(f.track.at(at.boot, drift))
	}
	return t
}

// forget drops the former clocks that nobody follows and no answer was given by.
// A clock that was set may be followed by whoever has read nothing since that it
// cannot have shown before: an edge that is cut off counts on by the old setting,
// for hours, and is no wider for it than by drift.
func (b *belief) forget(r Reading) {
	kept := b.former[:0]
	for _, f := range b.former {
		known := r.Settled && !f.stepped || f.stepped && r.Everybody.UnixNano() > f.shown
		if f.passed == 0 && known {
			f.passed = f.track.hi
		}
		if f.passed == 0 || b.now.lo <= f.passed {
			kept = append(kept, f)
		}
	}
	for len(kept) > maxFormer {
		one, two := kept[0], kept[1]
		two.track = two.track.hull(one.track)
		two.stepped = two.stepped || one.stepped
		two.shown = max(two.shown, one.shown)
		two.passed = 0
		kept[1], kept = two, kept[1:]
	}
	b.former = kept
}

// apart is how far b lies beyond a, or before it.
func apart(a, b track) time.Duration {
	if b.lo > a.hi {
		return time.Duration(b.lo - a.hi)
	}
	return time.Duration(b.hi - a.lo)
}
