//go:build broken

package runner

import "github.com/speakops/sipedge/cutover"

// breaks are the rules that this edge does not keep (see cutover.Edge.Break).
type breaks struct {
	names []string
	clock bool // the clock of a store that was left behind is read too
}

func (b breaks) anyClock() bool { return b.clock }

// BreakClock makes a Runner that asks any store for the time, whichever
// generation this edge has promised. It comes before Run.
func (r *Runner) BreakClock() { r.breaks.clock = true }

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
