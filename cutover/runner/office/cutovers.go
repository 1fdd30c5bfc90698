package office

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/speakops/sipedge/cutover"
	"github.com/speakops/sipedge/cutover/ledger"
	"github.com/speakops/sipedge/cutover/order"
	"github.com/speakops/sipedge/routing"
	"github.com/speakops/sipedge/sipedge/admin"
)

// deal is everything on paper about one cutover, and where the chain stands.
type deal struct {
	order  paper[orderPaper]
	plan   paper[planPaper]
	status ledger.Status
}

func (d *deal) o() *order.Order { return &d.order.Value.Order }
func (d *deal) p() *order.Plan  { return &d.plan.Value.Plan }

// live is the order's part in the schedule, if it is by this plan.
func (d *deal) live() *order.Live {
	if l := d.o().Live; l != nil && l.Cutover == d.p().ID {
		return l
	}
	return nil
}

// chained is the cutover as it is committed, nil when it is not.
func (d *deal) chained() *cutover.Cutover { return d.status.Committed.Cutover(d.p().ID) }

// deal reads what there is about a cutover; the order has caught up with what
// has happened.
func (f *Office) deal(ctx context.Context, id string) (*deal, error) {
	d := &deal{}
	var err error
	if d.plan, err = f.plans.read(ctx, id); err != nil {
		return nil, err
	}
	if !d.plan.there() {
		return nil, noCutover(id)
	}
	if d.order, err = f.orders.read(ctx, string(d.p().Order)); err != nil {
		return nil, err
	}
	if !d.order.there() {
		return nil, noOrder(string(d.p().Order))
	}
	if d.status, err = f.o.Chain.Status(ctx); err != nil {
		return nil, err
	}
	return d, nil
}

// Cutovers implements admin.CutoverReader.
func (f *Office) Cutovers(ctx context.Context) ([]admin.Cutover, error) {
	plans, err := f.plans.all(ctx)
	if err != nil {
		return nil, problem(err)
	}
	out := make([]admin.Cutover, 0, len(plans))
	for i := range plans {
		one, err := f.Cutover(ctx, plans[i].ID)
		if err != nil {
			return nil, err
		}
		out = append(out, one)
	}
	rank := func(c *admin.Cutover) int {
		return slices.Index([]string{"flipped", "arming", "armed", "cancelling", "rolled_back", "planned", "cancelled", "settled"}, c.Phase)
	}
	slices.SortFunc(out, func(a, b admin.Cutover) int { return cmp.Or(rank(&a)-rank(&b), cmp.Compare(a.Cutover, b.Cutover)) })
	return out, nil
}

// Cutover implements admin.CutoverReader.
func (f *Office) Cutover(ctx context.Context, id string) (admin.Cutover, error) {
	d, err := f.deal(ctx, id)
	if err != nil {
		return admin.Cutover{}, problem(err)
	}
	c, err := f.show(ctx, d)
	return c, problem(err)
}

// shown is a cutover that may not be written down yet.
func (f *Office) shown(ctx context.Context, o *order.Order, p *paper[planPaper]) (admin.Cutover, error) {
	d := &deal{order: paper[orderPaper]{Value: orderPaper{Order: *o}}, plan: *p}
	var err error
	if d.status, err = f.o.Chain.Status(ctx); err != nil {
		return admin.Cutover{}, err
	}
	return f.show(ctx, d)
}

func (f *Office) show(ctx context.Context, d *deal) (admin.Cutover, error) {
	o, p, now := d.o(), d.p(), d.status.Now
	c := admin.Cutover{
		Cutover: string(p.ID), Order: string(p.Order), Count: len(o.Numbers), Purpose: string(p.Purpose), Mode: string(p.Mode),
		Phase: f.phase(d), Open: p.WindowOpen.UTC, Close: p.WindowClose.UTC, Holder: f.holder(d, now).String(), Plan: p.Revision, Author: p.Author,
		Steps: []admin.StepOf{},
	}
	if !p.At.IsZero() {
		at := p.At.UTC
		c.At, c.AtSaid = &at, p.At.String()
	}
	if cc := d.chained(); cc != nil {
		c.Steps = steps(cc.Turns)
		if n := len(cc.Turns); n > 0 && !cc.Turns[n-1].At.Equal(p.At.UTC) {
			at := cc.Turns[n-1].At.UTC()
			c.At, c.AtSaid = &at, ""
		}
		c.Revision = &admin.RevisionRef{ID: string(d.status.Committed.ID), Number: d.status.Committed.Number, Since: d.status.Since}
	}
	c.Pending = d.pending()
	if first, ok := f.told.firstCall(p.ID); ok {
		c.FirstCall = &first
	}
	given, err := f.approvals.read(ctx, string(p.ID))
	if err != nil {
		return c, err
	}
	for _, a := range given.Value.Given {
		c.Approvals = append(c.Approvals, admin.Approval{Action: string(a.Action), By: a.By.Name, At: a.At, Expires: a.Expires, Void: a.Void(d.proposal(a.Action), now)})
	}
	r, err := f.rehearsals.read(ctx, string(p.ID))
	if err == nil && r.there() && len(r.Value.Failed) == 0 && r.Value.Digest == order.ToArm(o, p).Digest() {
		at := r.Value.At
		c.Rehearsed = &at
	}
	return c, err
}

// proposal is what an approval of that action speaks of.
func (d *deal) proposal(a order.Action) order.Proposal {
	if a == order.RollbackAction {
		return order.ToRollBack(d.o(), d.p(), d.replaces())
	}
	return order.ToArm(d.o(), d.p())
}

// replaces is the revision that the next step is to replace.
func (d *deal) replaces() cutover.RevisionID {
	if l := d.live(); l != nil {
		return l.Revision
	}
	return ""
}

// pending is the proposal that speaks of this cutover otherwise than what is committed.
func (d *deal) pending() *admin.Pending {
	s := &d.status
	if s.Pending == nil {
		return nil
	}
	was, next := d.chained(), s.Pending.Cutover(d.p().ID)
	if was == nil && next == nil || was != nil && next != nil && slices.Equal(was.Turns, next.Turns) {
		return nil
	}
	return shownPending(s)
}

func shownPending(s *ledger.Status) *admin.Pending {
	return &admin.Pending{RevisionRef: admin.RevisionRef{ID: string(s.Pending.ID), Number: s.Pending.Number, Since: s.Proposed},
		Proposer: s.Proposer, Deadline: s.Deadline, Differs: s.Differs, Waiting: names(s.Waiting)}
}

func names(all []cutover.MemberID) []string {
	var out []string
	for _, m := range all {
		out = append(out, string(m))
	}
	return out
}

func steps(turns []routing.Turn) []admin.StepOf {
	out := make([]admin.StepOf, len(turns))
	for i, t := range turns {
		out[i] = admin.StepOf{At: t.At.UTC(), Authority: t.Authority.String()}
	}
	return out
}

// holder is who has the numbers at an instant.
func (f *Office) holder(d *deal, at time.Time) routing.RoutingAuthority {
	if cc := d.chained(); cc != nil {
		return cc.At(at)
	}
	if n := d.o().Numbers; len(n) > 0 {
		if r, ok := f.o.Table.Get(n[0]); ok {
			return r.RoutingAuthority
		}
	}
	return d.p().Purpose.From()
}

// phase is how far a cutover is: by the order, and by the instants that are
// behind although nobody has written it down yet.
func (f *Office) phase(d *deal) string {
	live := d.live()
	if live == nil {
		return cmp.Or(d.plan.Value.Ended, "planned")
	}
	cc := d.chained()
	switch holder := f.holder(d, d.status.Now); {
	case cc == nil:
	case (live.Phase == order.Armed || live.Phase == order.Cancelling) && holder == d.p().Purpose.To():
		return string(order.Flipped)
	case live.Phase == order.Flipped && holder != d.p().Purpose.To():
		return string(order.RolledBack)
	}
	return string(live.Phase)
}

// Lint implements admin.CutoverReader.
func (f *Office) Lint(ctx context.Context, id string) (admin.Lint, error) {
	d, err := f.deal(ctx, id)
	if err != nil {
		return admin.Lint{}, problem(err)
	}
	r, err := f.lint(ctx, d.o(), d.p())
	return shownLint(r, d.p().Acknowledged), problem(err)
}
