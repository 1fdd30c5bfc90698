package office

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/speakops/sipedge/cutover"
	"github.com/speakops/sipedge/cutover/ledger"
	"github.com/speakops/sipedge/cutover/order"
	"github.com/speakops/sipedge/routing"
	"github.com/speakops/sipedge/routing/feed"
)

// settlingPaper is how far the folding of a cutover is.
type settlingPaper struct {
	Last      time.Time                `json:"last"` // its last step: another one means another folding
	Authority routing.RoutingAuthority `json:"routing_authority"`
	Folded    time.Time                `json:"folded"` // store time
	Replicas  int                      `json:"replicas"`
	Written   int                      `json:"written"`
	Gone      int                      `json:"gone,omitempty"`
}

const (
	settlerName  = "settler"
	spreadWithin = 2 * time.Second
)

// settler writes number records: the states that orders have reached, and the
// authority of cutovers that are over. It runs where records may be written, and
// on one edge at a time.
func (f *Office) settler(ctx context.Context) error {
	defer f.release(settlerName)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-f.wake:
		case <-time.After(f.o.Every):
		}
		if f.committed() != nil && f.holds(ctx, settlerName) {
			f.said.once(f.log, "settling", f.settle(ctx))
		}
	}
}

func (f *Office) settle(ctx context.Context) error {
	all, err := f.orders.all(ctx)
	if err != nil {
		return err
	}
	var failed []error
	for i := range all {
		if len(all[i].Value.Owed) > 0 {
			failed = append(failed, f.pay(ctx, all[i]))
		}
		if o := &all[i].Value.Order; settleable(o) {
			failed = append(failed, f.fold(ctx, o))
		}
	}
	return errors.Join(failed...)
}

// settleable says that nobody expects another step of an order's cutover. One
// that was rolled back is still wanted while the world routes the numbers to us.
func settleable(o *order.Order) bool {
	switch live := o.Live; {
	case live == nil:
		return false
	case live.Phase == order.RolledBack:
		return !o.PortingState.ComesToUs() || o.PortingState == routing.SnapbackPending || o.PortingState == routing.SnappedBack
	case live.Phase != order.Flipped:
		return false
	case live.Purpose == order.Arrive:
		return o.PortingState == routing.Ported || o.PortingState == routing.CPRActive
	case live.Purpose == order.Return:
		return o.PortingState == routing.SnappedBack || o.PortingState == routing.ROCReversed
	}
	return o.PortingState == routing.PortedOut
}

// pay writes the states that an order owes its records, one step after the
// other. A record that is further already stays.
func (f *Office) pay(ctx context.Context, p paper[orderPaper]) error {
	refused, first := 0, ""
	for i, path := range p.Value.Owed {
		for at := 1; at < len(path); at++ {
			n, why, err := f.states(ctx, &p.Value.Order, path[at], path[at+1:], p.Value.Owed[i+1:])
			if err != nil {
				return err
			}
			if refused += n; first == "" {
				first = why
			}
		}
	}
	note := ledger.Note{}
	if refused > 0 {
		note = ledger.Note{Kind: "states_not_written", Who: clerkName, Order: p.ID, Detail: detail(map[string]any{"numbers": refused, "first": first})}
		f.log.Warn("cutover office: the records of some numbers do not take their porting_state", "order", p.ID, "numbers", refused, "first", first)
	}
	for paid := len(p.Value.Owed); ; {
		value := orderPaper{Order: p.Value.Order, Owed: p.Value.Owed[paid:]}
		_, err := f.orders.write(ctx, p, value, note)
		if !conflicted(err) {
			return err
		}
		// Whoever was faster has added to what is owed, and taken nothing away.
		if p, err = f.orders.read(ctx, p.ID); err != nil || len(p.Value.Owed) < paid {
			return err
		}
	}
}

// states writes one state. later are those that come after it.
func (f *Office) states(ctx context.Context, o *order.Order, to routing.PortingState, rest []routing.PortingState, later [][]routing.PortingState) (refused int, first string, err error) {
	further := map[string]bool{to.String(): true}
	for _, path := range append([][]routing.PortingState{rest}, later...) {
		for _, st := range path {
			further[st.String()] = true
		}
	}
	var behind []routing.PublicNumber
	for _, n := range o.Numbers {
		if r, ok := f.o.Table.Get(n); ok && r.PortingState != to { // the usual repeat costs nothing
			behind = append(behind, n)
		}
	}
	sum, err := f.o.Writer.Advance(ctx, behind, to)
	for _, r := range sum.Refused {
		var step *feed.TransitionError
		if errors.As(r.Err, &step) && further[step.From] {
			continue
		}
		if refused++; first == "" {
			first = r.Err.Error()
		}
	}
	return refused, first, err
}

// fold writes the authority that a finished cutover ended with into the records,
// waits for the replicas, reads everything again when the grace is over, and
// then drops the timeline. Each step can be done twice.
func (f *Office) fold(ctx context.Context, o *order.Order) error {
	d, err := f.deal(ctx, string(o.Live.Cutover))
	if err != nil {
		return err
	}
	cc := d.chained()
	if cc == nil || !f.certainly(cc.Last()) || d.status.Pending != nil {
		return nil
	}
	p, err := f.settlings.read(ctx, string(cc.ID))
	switch {
	case err != nil:
		return err
	case !p.there() || !p.Value.Last.Equal(cc.Last()):
		return f.foldIn(ctx, d, p)
	case f.now().Before(p.Value.Folded.Add(f.o.SettleGrace)):
		return nil
	}
	if wrong, first, err := f.reread(ctx, o, cc); err != nil {
		return err
	} else if wrong > 0 {
		_, err := f.o.Chain.Note(ctx, "", ledger.Note{Kind: "folding_lost", Who: clerkName, Cutover: cc.ID, Order: string(o.ID), Detail: detail(map[string]any{"numbers": wrong, "first": first})})
		return errors.Join(err, f.settlings.remove(ctx, p)) // once more, from the beginning
	}
	dropping, cancel := context.WithTimeout(ctx, actWithin)
	defer cancel()
	if _, err := f.o.Runner.Settle(dropping, clerkName, cc.ID); err != nil {
		return fmt.Errorf("cutover %s is folded into the records, and its timeline stays: %w", cc.ID, err)
	}
	return nil // the clerk tells the order
}

func (f *Office) foldIn(ctx context.Context, d *deal, p paper[settlingPaper]) error {
	cc, o := d.chained(), d.o()
	serving := o.LosingProvider
	if cc.Final() == d.p().Purpose.To() && d.p().Purpose != order.Return {
		serving = o.GainingProvider
	}
	name := fmt.Sprintf("settle/%s/%d", cc.ID, cc.Last().UnixMicro())
	done, err := f.o.Writer.Settle(ctx, name, o.Numbers, cc.Final(), serving)
	if err != nil {
		return err
	}
	if len(done.Refused) > 0 {
		return fmt.Errorf("cutover %s: %d records were not taken: %w", cc.ID, len(done.Refused), done.Refused[0].Err)
	}
	have, connected, err := f.o.Writer.Spread(ctx, o.Numbers, spreadWithin)
	if err != nil {
		return err
	}
	if have < connected {
		return fmt.Errorf("cutover %s is folded into the records, and %d of %d replicas do not have that yet", cc.ID, connected-have, connected)
	}
	value := settlingPaper{Last: cc.Last(), Authority: cc.Final(), Folded: f.now(), Replicas: have, Written: done.Written, Gone: done.Gone}
	_, err = f.settlings.write(ctx, p, value, ledger.Note{Kind: "folded", Who: clerkName, Cutover: cc.ID, Order: string(o.ID), Detail: detail(value)})
	return err
}

// reread asks the store itself for every record.
func (f *Office) reread(ctx context.Context, o *order.Order, cc *cutover.Cutover) (wrong int, first string, err error) {
	err = f.o.Writer.Holders(ctx, o.Numbers, func(n routing.PublicNumber, holder routing.RoutingAuthority) {
		if holder == cc.Final() {
			return
		}
		if wrong++; first == "" {
			first = fmt.Sprintf("%s is recorded as %s", n, holder)
		}
	})
	return wrong, first, err
}

// closes marks a plan as settled.
func (f *Office) closes(ctx context.Context, d *deal) {
	plan, err := f.plans.read(ctx, string(d.p().ID))
	if err == nil && plan.there() {
		value := plan.Value
		value.Ended = "settled"
		_, err = f.plans.write(ctx, plan, value, ledger.Note{})
	}
	f.said.once(f.log, "marking a settled cutover", err)
}
