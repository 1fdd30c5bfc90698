package audit

import (
	"cmp"
	"slices"
	"time"

	"github.com/speakops/sipedge/routing"
)

// Flip is one instant at which numbers changed hands, and the calls nearest to it.
type Flip struct {
	Cutover string    `json:"cutover"`
	At      time.Time `json:"at"`
	To      string    `json:"to"`
	// Last is the last call on the old side, First the first on the new one, as
	// far from At as the middle of their clock intervals were; nil when none came.
	Last  *Near `json:"last,omitempty"`
	First *Near `json:"first,omitempty"`
}

// Near is a call near a flip.
type Near struct {
	Edge  string        `json:"edge"`
	Call  string        `json:"call"`
	After time.Duration `json:"after_ns"` // from the flip; negative before it
}

// truth is who held a number, by the whole journal: what its cutovers say one
// after the other.
type truth struct {
	line  routing.Timeline
	since time.Time // before, its record said
	turns []*Flip
	from  []time.Time // when each turn was agreed upon: no call can have been on its far side before
	holds []string    // who holds before each turn, and at last
}

// truths are made once for all numbers that have the same cutovers behind them.
type truths struct {
	chain *chain
	flips map[*life][]*Flip
	made  map[string]*truth
}

func (t *truths) flipsOf(l *life) []*Flip {
	if t.flips[l] == nil {
		for _, turn := range l.turns {
			t.flips[l] = append(t.flips[l], &Flip{Cutover: l.cutover, At: turn.At.Time, To: turn.Authority.String()})
		}
	}
	return t.flips[l]
}

func (t *truths) of(number string) *truth {
	lives := t.chain.lives[number]
	if len(lives) == 0 {
		return nil
	}
	key := ""
	for _, l := range lives {
		key += l.cutover + "\x00" + l.list + "\x00"
	}
	if known := t.made[key]; known != nil {
		return known
	}
	is := &truth{since: lives[0].since, holds: []string{lives[0].first.String()}}
	var turns []routing.Turn
	for _, l := range lives {
		flips := t.flipsOf(l)
		for i, turn := range l.turns {
			turns = append(turns, routing.Turn{At: turn.At.Time, Authority: turn.Authority})
			is.turns, is.from, is.holds = append(is.turns, flips[i]), append(is.from, l.agreed[i]), append(is.holds, turn.Authority.String())
		}
	}
	line, err := routing.NewTimeline(0, lives[0].first, turns...)
	if err != nil {
		return nil // a fleet that kept the protocol cannot write that; history_rewritten has it
	}
	is.line = line
	t.made[key] = is
	return is
}

// phase counts the turns behind an instant.
func (t *truth) phase(at time.Time) int {
	n, exact := slices.BinarySearchFunc(t.turns, at, func(f *Flip, at time.Time) int { return f.At.Compare(at) })
	if exact {
		n++
	}
	return n
}

// byHolder: a call is carried only by who held its number at the instant of its
// decision, by the journal: at the revision the edge decided by, and by all that
// the fleet ever agreed upon.
func (a *Auditor) byHolder() {
	if len(a.chain.entries) == 0 {
		return
	}
	lists := map[string]bool{}
	for _, l := range a.chain.all {
		if a.chain.lists[l.list] == nil && !lists[l.list] {
			lists[l.list] = true
			a.unproved("lists of numbers that no folder has: which calls they concern is not known")
		}
	}
	for _, d := range a.routed {
		if exceptions[d.Because] != nil {
			continue
		}
		t := a.known.of(d.Number)
		if timeline[d.Because] && !a.asRevised(d) || t == nil || d.Interval.Latest.Before(t.since) {
			continue
		}
		a.totals.ByHolder++
		holds, sure := t.line.During(d.Interval)
		if !sure || holds.String() != d.Authority {
			a.found("not_the_holder", []string{d.Where}, "%s was carried by %s within %s (%s), when by the journal %s held it%s", d.Number, d.Authority,
				span(d.Interval), d.Because, holds, map[bool]string{false: " until a step inside that interval"}[sure])
			continue
		}
		t.saw(d)
	}
	for _, l := range a.chain.all {
		for _, f := range a.known.flipsOf(l) {
			a.totals.Flips = append(a.totals.Flips, *f)
		}
	}
	slices.SortFunc(a.totals.Flips, func(x, y Flip) int { return cmp.Or(x.At.Compare(y.At), cmp.Compare(x.Cutover, y.Cutover)) })
}

// asRevised holds a decision against the revision it names; false when it broke
// that, or when that revision is not known.
func (a *Auditor) asRevised(d *Decision) bool {
	k := a.chain.committed[d.Revision]
	if k == nil {
		if d.Revision > a.chain.last {
			a.unproved("calls decided by a revision that is later than all in the journal")
			return false
		}
		a.found("not_committed", []string{d.Where}, "%s was decided by revision %d, which the journal never committed", d.Number, d.Revision)
		return false
	}
	b := a.chain.bodies[k.id]
	if b == nil {
		return true // the whole of the journal says
	}
	for i := range b.Schedule {
		c := &b.Schedule[i]
		if !slices.ContainsFunc(a.chain.lives[d.Number], func(l *life) bool { return l.cutover == c.ID && l.list == c.List }) {
			continue
		}
		var turns []routing.Turn
		for _, t := range c.Turns {
			turns = append(turns, routing.Turn{At: t.At.Time, Authority: t.Authority})
		}
		line, err := routing.NewTimeline(d.Revision, c.First, turns...)
		holds, sure := line.During(d.Interval)
		if err != nil || !sure || holds.String() != d.Authority {
			a.found("not_the_holder", []string{d.Where, k.Where}, "%s was carried by %s within %s, when revision %d gives it to %s", d.Number, d.Authority, span(d.Interval), d.Revision, holds)
			return false
		}
	}
	return true
}

func span(at routing.Interval) string {
	const form = "15:04:05.000000"
	return "[" + at.Earliest.UTC().Format(form) + ", " + at.Latest.UTC().Format(form) + "]"
}

// saw keeps the calls nearest to the flips.
func (t *truth) saw(d *Decision) {
	at := d.Interval.Mid()
	n := t.phase(at)
	if n > 0 {
		f := t.turns[n-1]
		if after := at.Sub(f.At); f.First == nil || after < f.First.After {
			f.First = &Near{d.Edge, d.Call, after}
		}
	}
	if n < len(t.turns) {
		f := t.turns[n]
		if after := at.Sub(f.At); f.Last == nil || after > f.Last.After {
			f.Last = &Near{d.Edge, d.Call, after}
		}
	}
}
