package office

import (
	"context"
	"slices"
	"time"

	"github.com/speakops/sipedge/cutover"
	"github.com/speakops/sipedge/cutover/order"
)

// clerkName is who writes down what nobody in particular has done.
const clerkName = "office"

// forgotten is how long after a proposal was announced it is certain that nobody
// will still make it: whoever announces one waits for at most actWithin.
const forgotten = 2 * time.Minute

// clerk brings every order up to what the chain says, until ctx ends: the edge
// somebody asked for a change may be gone, and instants pass without anybody.
func (f *Office) clerk(ctx context.Context) error {
	const name = "clerk"
	defer f.release(name)
	for pause(ctx, f.o.Every) {
		if f.committed() == nil || !f.holds(ctx, name) {
			continue
		}
		f.said.once(f.log, "bringing orders up to date", f.round(ctx))
	}
	return nil
}

func (f *Office) round(ctx context.Context) error {
	all, err := f.orders.all(ctx)
	if err != nil {
		return err
	}
	for i := range all {
		live := all[i].Value.Order.Live
		if live == nil {
			continue
		}
		d, err := f.deal(ctx, string(live.Cutover))
		if err == nil {
			err = f.catchUp(ctx, d)
		}
		if err == nil {
			err = f.evidence(ctx, d)
		}
		if err != nil {
			return err
		}
	}
	return f.orphans(ctx, all)
}

// catchUp takes to an order what the chain and the clock say of its cutover. It
// changes d to what is written afterwards.
func (f *Office) catchUp(ctx context.Context, d *deal) error {
	for range 4 { // an arming, its flip and its rollback may all be news
		if d.live() == nil {
			return nil
		}
		if d.live().Phase == order.Cancelling {
			return f.again(ctx, d)
		}
		ev, err := f.news(ctx, d)
		if err != nil || ev == nil {
			return err
		}
		if _, err := f.tell(ctx, clerkName, string(d.o().ID), ev); err != nil {
			return err
		}
		switch ev.(type) {
		case order.CutoverCancelled:
			f.ended(ctx, clerkName, d)
		case order.CutoverSettled:
			f.closes(ctx, d)
		}
		next, err := f.deal(ctx, string(d.p().ID))
		if err != nil {
			return err
		}
		*d = *next
	}
	return nil
}

// news is what has come true of a cutover that its order does not know, nil for
// nothing.
func (f *Office) news(ctx context.Context, d *deal) (order.Event, error) {
	live, cc, to := d.live(), d.chained(), d.p().Purpose.To()
	if !d.status.Recovered || d.status.Committed == nil {
		return nil, nil // what such a store says proves nothing
	}
	var last time.Time
	if cc != nil {
		last = cc.Last()
	}
	behind := !last.IsZero() && f.certainly(last)
	switch live.Phase {
	case order.Arming:
		return f.armed(ctx, d)
	case order.Armed, order.Cancelling:
		switch {
		case behind && cc.Final() == to:
			return order.CutoverFlipped{Revision: live.Revision, At: last}, nil
		case live.Phase == order.Armed && (cc == nil || behind || cc.Turns == nil && len(d.p().Turns()) > 0):
			return order.CutoverCancelled{Revision: d.status.Committed.ID, Cancels: live.Revision}, nil
		}
	case order.Flipped:
		switch {
		case cc == nil:
			return order.CutoverSettled{}, nil
		case behind && cc.Final() != to:
			return order.CutoverRolledBack{Revision: d.status.Committed.ID, Replaces: live.Revision, At: last}, nil
		}
	case order.RolledBack:
		if cc == nil {
			return order.CutoverSettled{}, nil
		}
	}
	return nil, nil
}

// armed finds out what became of a proposal that somebody announced. Whoever
// announced it may still be at it: only a decision, or long silence, counts.
func (f *Office) armed(ctx context.Context, d *deal) (order.Event, error) {
	live := d.live()
	s, err := f.o.Chain.Status(ctx, live.Revision)
	if err != nil {
		return nil, err
	}
	committed := f.told.committed(live.Revision) || s.Committed != nil && s.Committed.ID == live.Revision
	switch {
	case slices.Contains(s.Aborted, live.Revision):
		return order.ArmFailed{Revision: live.Revision, Reason: "the revision was aborted; the journal says by whom"}, nil
	case s.Pending != nil && s.Pending.ID == live.Revision:
	case committed:
		if all, err := f.confirmed(ctx, s.Committed, s.Off); err != nil || !all {
			return nil, err
		}
		return order.ArmCommitted{Revision: live.Revision}, nil
	case s.Now.Sub(d.order.since()) > forgotten && f.told.caughtUp():
		return order.ArmFailed{Revision: live.Revision, Reason: "it was announced and never proposed"}, nil
	}
	return nil, nil
}

// confirmed says that every live member has a revision in its journal.
func (f *Office) confirmed(ctx context.Context, rev *cutover.Revision, off []cutover.MemberID) (bool, error) {
	beats, err := f.o.Runner.Fleet(ctx)
	if err != nil {
		return false, err
	}
	for _, m := range rev.Members {
		ok := has(off, m)
		for i := range beats {
			ok = ok || beats[i].Edge == m && beats[i].Number >= rev.Number
		}
		if !ok {
			return false, nil
		}
	}
	return true, nil
}

// again asks again for a cancellation that nobody has answered yet; the flip may
// have come first.
func (f *Office) again(ctx context.Context, d *deal) error {
	ev, err := f.news(ctx, d)
	if err == nil && ev != nil {
		_, err = f.tell(ctx, clerkName, string(d.o().ID), ev)
		return err
	}
	if err != nil || f.now().Sub(d.order.since()) < actWithin/4 {
		return err // somebody is at it
	}
	_, err = f.disarm(ctx, clerkName, d.o(), "asked again")
	return err
}

// orphans are cutovers without a step that no order speaks of: what is left when
// a desk was gone between cancelling and dropping.
func (f *Office) orphans(ctx context.Context, all []paper[orderPaper]) error {
	for _, cc := range f.committed().Schedule {
		if len(cc.Turns) > 0 {
			continue
		}
		p, err := f.plans.read(ctx, string(cc.ID))
		if err != nil {
			return err
		}
		wanted := slices.ContainsFunc(all, func(o paper[orderPaper]) bool {
			return o.Value.Order.Live != nil && o.Value.Order.Live.Cutover == cc.ID
		})
		if p.there() && !wanted && f.now().Sub(p.since()) > forgotten {
			f.drop(ctx, clerkName, cc.ID)
		}
	}
	return nil
}
