package office

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/speakops/sipedge/cutover"
	"github.com/speakops/sipedge/cutover/ledger"
	"github.com/speakops/sipedge/cutover/order"
	"github.com/speakops/sipedge/cutover/runner"
)

// disarm carries out the cancellation an order wishes for. Doing it twice does
// no harm; until the fleet has answered, the order says cancelling.
func (f *Office) disarm(ctx context.Context, who string, o *order.Order, because string) (order.Order, error) {
	live := *o.Live
	ctx, cancel := context.WithTimeout(ctx, actWithin)
	defer cancel()
	d, err := f.deal(ctx, string(live.Cutover))
	if err != nil {
		return *o, err
	}
	s, err := f.o.Chain.Status(ctx, live.Revision)
	if err != nil {
		return *o, nil
	}
	if s.Pending != nil && s.Pending.ID == live.Revision {
		if _, err := f.o.Chain.Abort(ctx, s.Generation, live.Revision, cmp.Or(who, "office"), ledger.ByOperator, because); err == nil {
			s.Aborted = append(s.Aborted, live.Revision)
		}
	}
	if slices.Contains(s.Aborted, live.Revision) {
		next, _, err := f.step(ctx, who, string(o.ID), order.ArmFailed{Revision: live.Revision, Reason: because})
		return next, err
	}
	d.status = s
	rev := s.Committed.ID
	if !nothingAhead(d, f.now()) {
		rev = runner.NewRevisionID()
		_, err = f.o.Runner.Cancel(runner.Named(ctx, rev), cmp.Or(who, "office"), live.Cutover)
	}
	var ev order.Event = order.CutoverCancelled{Revision: rev, Cancels: live.Revision}
	var unconfirmed *runner.UnconfirmedError
	switch {
	case errors.As(err, &unconfirmed), err != nil && unanswered(err):
		return *o, nil // the clerk asks again
	case err != nil:
		ev = order.CancelFailed{Reason: fmt.Sprintf("%.900s", err)}
	}
	next, _, serr := f.step(context.WithoutCancel(ctx), who, string(o.ID), ev)
	if serr == nil && err == nil {
		f.ended(context.WithoutCancel(ctx), cmp.Or(who, "office"), d)
	}
	return next, serr
}

// ended marks a plan as cancelled, and takes what nobody needs any more out of the
// schedule, so that its numbers are free.
func (f *Office) ended(ctx context.Context, who string, d *deal) {
	if live := d.live(); live != nil && live.Before != nil {
		return // its earlier steps stand
	}
	plan, err := f.plans.read(ctx, string(d.p().ID))
	if err == nil && plan.there() && plan.Value.Ended == "" {
		value := plan.Value
		value.Ended = "cancelled"
		_, err = f.plans.write(ctx, plan, value, ledger.Note{})
	}
	f.said.once(f.log, "marking a cancelled cutover", err)
	f.drop(ctx, who, d.p().ID)
}

// drop takes a cutover without any step out of the schedule.
func (f *Office) drop(ctx context.Context, who string, id cutover.ID) {
	s, err := f.o.Chain.Status(ctx)
	if err != nil {
		return
	}
	if cc := s.Committed.Cutover(id); cc != nil && len(cc.Turns) == 0 {
		_, err := f.o.Runner.Settle(ctx, who, id)
		f.said.once(f.log, "dropping cutover "+string(id), err)
	}
}
