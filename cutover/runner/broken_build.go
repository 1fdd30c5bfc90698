//go:build broken

package runner

import "github.com/speakops/sipedge/cutover"

// breaks are the rules that this edge does not keep (see cutover.Edge.Break).
type breaks struct {
	names  []string
	zombie bool // the clock of a store that was left behind is read too
	hasty  bool // what a clock was before it was set is of no interest to anybody
}

func (b breaks) anyClock() bool { return b.zombie }
func (b breaks) alone() bool    { return b.hasty }

// BreakClock makes a Runner that asks any store for the time, whichever generation
// this edge has promised, or one that forgets at once what the store's clock was
// before it was set. It comes before Run.
func (r *Runner) BreakClock(zombie, hasty bool) { r.breaks.zombie, r.breaks.hasty = zombie, hasty }

func (b breaks) edge(e cutover.Edge) cutover.Edge {
	e, _ = e.Break(b.names...)
	return e
}

// Break makes a Runner whose edge does not keep the named rules, for simulations
// that are to go red. It exists in builds with the tag broken only, and comes
// before Run.
func (r *Runner) Break(names ...string) error {
	if _, err := r.edge.Break(names...); err != nil {
		return err
	}
	r.breaks.names = names
	r.take(r.edge)
	return nil
}
