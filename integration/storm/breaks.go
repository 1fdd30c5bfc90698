package storm

import (
	"github.com/speakops/sipedge/routing"
)

// breaks are the rules that are not kept, for evenings that must go wrong. The
// zero value keeps them all.
type breaks struct {
	any   bool     // what is held or sent elsewhere is not looked at
	rules []string // by an edge, see cutover.Edge.Break
	store []string // by the store, see ledger.Ledger.Break

	point  bool // 9: decide by a clock without error
	old    bool // 9: the prepared revision is not looked at
	new    bool // 9: it is believed
	order  bool // 9: the revisions are looked at before the clock
	always bool // 12: calls are taken before a body contains this edge
	lie    bool // 5: operators declare off what still runs
	hasty  bool // 2: records are written before a cutover is over
	evict  bool // 1: operators remove what still runs
	counts bool // 1: ids are counted, not drawn
	boots  bool // clock: another boot has the same id
	lists  bool // 8: lists are written, and not forced to the disk
	zombie bool // clock: a store that was left behind is asked for the time
	unset  bool // clock: what the store's clock was before it was set is forgotten at once
	drift  int  // clock: the assumed drift in parts per million, when it is less than there is
}

// interval is what is decided by.
func (b *breaks) interval(at routing.Interval) routing.Interval {
	if b.point {
		return routing.Exactly(at.Mid())
	}
	return at
}

// schedules is what the revisions say, to whoever does not keep rule 9.
func (b *breaks) schedules(w *routing.World) {
	if !b.old && !b.new {
		return
	}
	asked := w.Schedules
	w.Schedules = func(n routing.PublicNumber) (routing.Schedule, bool) {
		s, live := asked(n)
		if b.new && s.Open {
			s.Committed = s.Prepared
		}
		s.Open = false
		return s, live
	}
}
