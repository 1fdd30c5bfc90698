package office

import (
	"context"
	"net/http"
	"slices"

	"github.com/speakops/sipedge/cutover/ledger"
	"github.com/speakops/sipedge/cutover/order"
	"github.com/speakops/sipedge/sipedge/admin"
)

// Acknowledge implements admin.CutoverDesk.
func (f *Office) Acknowledge(ctx context.Context, by admin.Person, id string, a admin.Acknowledgement) (admin.Lint, error) {
	d, err := f.deal(ctx, id)
	if err != nil {
		return admin.Lint{}, problem(err)
	}
	next := d.plan.Value
	next.Plan.Acknowledged = slices.Clone(d.p().Acknowledged)
	for _, name := range a.Warnings {
		next.Plan.Acknowledged = slices.DeleteFunc(next.Plan.Acknowledged, func(x order.Ack) bool { return x.Warning == name })
		next.Plan.Acknowledged = append(next.Plan.Acknowledged, order.Ack{Warning: name, By: by.Name, Because: a.Because})
	}
	if next.Plan, err = d.p().Edit(next.Plan, d.p().Author, d.o().Live); err != nil {
		return admin.Lint{}, problem(err)
	}
	if d.plan, err = f.plans.write(ctx, d.plan, next, ledger.Note{Kind: "acknowledged_warnings", Who: by.Name, Cutover: d.p().ID, Order: string(d.o().ID),
		Detail: detail(map[string]any{"warnings": a.Warnings, "because": a.Because})}); err != nil {
		return admin.Lint{}, problem(err)
	}
	r, err := f.lint(ctx, d.o(), d.p())
	return shownLint(r, d.p().Acknowledged), problem(err)
}

// Approve implements admin.CutoverDesk.
func (f *Office) Approve(ctx context.Context, by admin.Person, id string, a admin.Approving) (admin.Cutover, error) {
	d, err := f.deal(ctx, id)
	if err == nil {
		err = f.catchUp(ctx, d)
	}
	if err != nil {
		return admin.Cutover{}, problem(err)
	}
	p := d.proposal(order.Action(a.Action))
	if string(p.Digest()) != a.Digest {
		return admin.Cutover{}, admin.NewProblem(http.StatusConflict, "conflict", "what you read is not what it is by now (the digest is %s); read the proposal again", p.Digest())
	}
	if p.Action == order.RollbackAction && (d.live() == nil || d.live().Phase != order.Flipped) {
		return admin.Cutover{}, admin.NewProblem(http.StatusConflict, "refused", "cutover %s is %s; only what has flipped is rolled back", id, f.phase(d))
	}
	r, err := f.rehearsals.read(ctx, id)
	if err != nil {
		return admin.Cutover{}, problem(err)
	}
	var rehearsed *order.Rehearsal
	if r.there() {
		rehearsed = &r.Value.Rehearsal
	}
	approval, err := order.Approve(p, person(by), rehearsed, d.status.Now, f.policy)
	if err != nil {
		return admin.Cutover{}, problem(err)
	}
	for {
		given, err := f.approvals.read(ctx, id)
		if err != nil {
			return admin.Cutover{}, problem(err)
		}
		all := append(slices.Clone(given.Value.Given), approval)
		_, err = f.approvals.write(ctx, given, approvalPaper{all[max(0, len(all)-maxApprovals):]}, ledger.Note{Kind: "approved", Who: by.Name, Cutover: d.p().ID,
			Order: string(d.o().ID), Detail: detail(map[string]any{"action": a.Action, "digest": a.Digest, "expires": approval.Expires})})
		if conflicted(err) {
			continue
		}
		if err != nil {
			return admin.Cutover{}, problem(err)
		}
		return f.Cutover(ctx, id)
	}
}
