package runner

import (
	"context"
	"time"

	"github.com/speakops/sipedge/cutover"
)

// stockEvery is how often an edge looks whether the store is a new one.
const stockEvery = time.Second

// stocking brings the lists of live cutovers back to a store that has lost them.
// A recovery brings back the revisions from the edges' journals, but they only
// name their lists: without them nothing could be proposed any more, and nobody
// could join, for a newcomer has no list itself.
func (r *Runner) stocking(ctx context.Context) error {
	var stocked cutover.Generation
	for sleep(ctx, stockEvery) == nil {
		v, own := r.View(), r.Pair().Committed
		if v.Err != nil || !v.Recovered || v.Generation == stocked || own == nil || v.Committed == nil || v.Committed.ID != own.ID {
			continue
		}
		if err := r.opts.Chain.Reclaim(ctx, v.Generation, own, r.paper.stock(own)); err != nil {
			if ctx.Err() == nil {
				r.said.once(r.log, "lists", err)
			}
			continue
		}
		r.said.over(r.log, "lists")
		stocked = v.Generation
	}
	return nil
}

// stock are the lists of a revision that this edge has.
func (p *paper) stock(rev *cutover.Revision) []cutover.List {
	var all []cutover.List
	for _, c := range rev.Schedule {
		if l, here := p.list(c.List); here {
			all = append(all, l)
		}
	}
	return all
}
