package office

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/speakops/sipedge/cutover"
	"github.com/speakops/sipedge/cutover/ledger"
	"github.com/speakops/sipedge/cutover/order"
	"github.com/speakops/sipedge/cutover/runner"
	"github.com/speakops/sipedge/sipedge/admin"
)

// actWithin bounds the waiting for the fleet's agreement.
const actWithin = 20 * time.Second

// agreed reads a cutover, and holds the digest that was read against what the
// action would come to now, and whatever hinders it.
func (f *Office) agreed(ctx context.Context, by admin.Person, id string, action order.Action, a admin.Acting, at string) (*deal, order.Proposal, error) {
	d, err := f.deal(ctx, id)
	if err == nil {
		err = f.catchUp(ctx, d)
	}
	if err != nil {
		return nil, order.Proposal{}, err
	}
	p, err := f.propose(d, action, at)
	if err != nil {
		return nil, p, err
	}
	if string(p.Digest()) != a.Digest {
		return nil, p, admin.NewProblem(http.StatusConflict, "conflict", "what you read is not what it is by now (the digest is %s); read the proposal again", p.Digest())
	}
	why, err := f.hinders(ctx, d, &p, person(by))
	if err == nil && len(why) > 0 {
		all := make([]error, len(why))
		for i := range why {
			all[i] = errors.New(why[i])
		}
		err = admin.NewProblem(http.StatusConflict, "hindered", "%s: %s", action, why[0]).Listing(errors.Join(all...))
	}
	return d, p, err
}

// note writes into the journal who asked for what, before it is done.
func (f *Office) note(ctx context.Context, by admin.Person, d *deal, action order.Action, digest order.Digest, reason string, id cutover.RevisionID) error {
	_, err := f.o.Chain.Note(ctx, "act/"+string(id), ledger.Note{Kind: "asked", Who: by.Name, Cutover: d.p().ID, Order: string(d.o().ID),
		Detail: detail(map[string]any{"action": action, "digest": digest, "reason": reason, "revision": id})})
	return err
}

// Arm implements admin.CutoverDesk.
func (f *Office) Arm(ctx context.Context, by admin.Person, id string, a admin.Acting) (admin.Changed, error) {
	ctx, cancel := context.WithTimeout(ctx, actWithin)
	defer cancel()
	d, p, err := f.agreed(ctx, by, id, order.ArmAction, a, "")
	if err != nil {
		return admin.Changed{}, problem(err)
	}
	list, err := cutover.NewList(d.o().Numbers)
	if err != nil {
		return admin.Changed{}, problem(err)
	}
	rev := runner.NewRevisionID()
	if err := f.note(ctx, by, d, p.Action, p.Digest(), a.Reason, rev); err != nil {
		return admin.Changed{}, problem(err)
	}
	if err := f.begin(ctx, d); err != nil {
		return admin.Changed{}, problem(err)
	}
	started := order.ArmStarted{Cutover: d.p().ID, Revision: rev, Purpose: d.p().Purpose, FOC: d.p().FOC}
	if _, _, err := f.step(ctx, by.Name, string(d.o().ID), started); err != nil {
		return admin.Changed{}, problem(err)
	}
	change, err := f.o.Runner.Begins(runner.Named(ctx, rev), by.Name, d.p().Cutover(list.ID(), list.Len()), list)
	return f.became(ctx, by, d, change, err, rev,
		order.ArmCommitted{Revision: rev}, func(why string) order.Event { return order.ArmFailed{Revision: rev, Reason: why} })
}

// begin takes back that a cutover has ended before.
func (f *Office) begin(ctx context.Context, d *deal) error {
	if d.plan.Value.Ended == "" {
		return nil
	}
	value := d.plan.Value
	value.Ended = ""
	next, err := f.plans.write(ctx, d.plan, value, ledger.Note{})
	d.plan = next
	return err
}

// Cancel implements admin.CutoverDesk.
func (f *Office) Cancel(ctx context.Context, by admin.Person, id string, a admin.Acting) (admin.Changed, error) {
	ctx, cancel := context.WithTimeout(ctx, actWithin)
	defer cancel()
	d, p, err := f.agreed(ctx, by, id, cancelAction, a, "")
	if err != nil {
		return admin.Changed{}, problem(err)
	}
	rev := runner.NewRevisionID()
	if err := f.note(ctx, by, d, p.Action, p.Digest(), a.Reason, rev); err != nil {
		return admin.Changed{}, problem(err)
	}
	if nothingAhead(d, f.now()) {
		return f.became(ctx, by, d, nil, nil, d.status.Committed.ID, order.CutoverCancelled{Revision: d.status.Committed.ID, Cancels: d.replaces()}, nil)
	}
	change, err := f.o.Runner.Cancel(runner.Named(ctx, rev), by.Name, d.p().ID)
	return f.became(ctx, by, d, change, err, rev, order.CutoverCancelled{Revision: rev, Cancels: d.replaces()}, nil)
}

// nothingAhead says that a cutover is armed without an instant.
func nothingAhead(d *deal, now time.Time) bool {
	cc := d.chained()
	return cc == nil || cc.Final() == cc.At(now) && cc.At(now) == d.p().Purpose.From()
}

// Move implements admin.CutoverDesk.
func (f *Office) Move(ctx context.Context, by admin.Person, id string, m admin.Moving) (admin.Changed, error) {
	return f.turn(ctx, by, id, moveAction, m.Acting, m.At)
}

// Flip implements admin.CutoverDesk.
func (f *Office) Flip(ctx context.Context, by admin.Person, id string, a admin.Acting) (admin.Changed, error) {
	return f.turn(ctx, by, id, flipAction, a, "")
}

// Rollback implements admin.CutoverDesk.
func (f *Office) Rollback(ctx context.Context, by admin.Person, id string, a admin.Acting) (admin.Changed, error) {
	return f.turn(ctx, by, id, order.RollbackAction, a, "")
}

// turn gives an armed or flipped cutover its next step.
func (f *Office) turn(ctx context.Context, by admin.Person, id string, action order.Action, a admin.Acting, at string) (admin.Changed, error) {
	ctx, cancel := context.WithTimeout(ctx, actWithin)
	defer cancel()
	d, p, err := f.agreed(ctx, by, id, action, a, at)
	if err != nil {
		return admin.Changed{}, problem(err)
	}
	rev := runner.NewRevisionID()
	if err := f.note(ctx, by, d, p.Action, p.Digest(), a.Reason, rev); err != nil {
		return admin.Changed{}, problem(err)
	}
	to := p.Turns[0]
	change, err := f.o.Runner.Turn(runner.Named(ctx, rev), by.Name, string(action), d.p().ID, to.Authority, to.At)
	var done order.Event
	if action != order.RollbackAction { // the order hears of that when its instant is behind
		done = order.ArmCommitted{Revision: rev}
	}
	return f.became(ctx, by, d, change, err, rev, done, nil)
}

// became writes down what came of a change, and tells the person. What is not
// known yet the clerk writes down later.
func (f *Office) became(ctx context.Context, by admin.Person, d *deal, change *runner.Change, err error, rev cutover.RevisionID, done order.Event, failed func(string) order.Event) (admin.Changed, error) {
	out := admin.Changed{State: "committed", Revision: admin.RevisionRef{ID: string(rev)}, Says: "every live edge has it in its journal; Redis is no longer needed"}
	if change != nil {
		out.Revision.Number = change.Revision.Number
		out.Says += "; " + outlook(change.Revision.Cutover(d.p().ID), f.now())
		if change.Spread != nil {
			out.Replicas = change.Spread.String()
		}
		for _, m := range change.Missing {
			out.Missing = append(out.Missing, admin.Missing{Edge: string(m)})
		}
	}
	var rejected *runner.NotAcceptedError
	var unconfirmed *runner.UnconfirmedError
	var ev order.Event
	switch {
	case err == nil:
		ev = done
	case errors.As(err, &rejected):
		out.State, out.Says = "aborted", rejected.Error()
		for _, s := range rejected.Silent {
			one := admin.Missing{Edge: string(s.Edge), Because: s.Why}
			if !s.Last.IsZero() {
				one.Heartbeat = &s.Last
			}
			out.Missing = append(out.Missing, one)
		}
	case errors.As(err, &unconfirmed), unanswered(err):
		out.State, out.Says = "waiting", err.Error()
	default:
		out.State = "refused"
	}
	if (out.State == "aborted" || out.State == "refused") && failed != nil {
		ev = failed(err.Error())
	}
	// The fleet has decided; that must be written down though the person hangs up.
	writing, cancel := context.WithTimeout(context.WithoutCancel(ctx), actWithin)
	defer cancel()
	if ev != nil {
		if _, _, werr := f.step(writing, by.Name, string(d.o().ID), ev); werr != nil {
			f.log.Warn("cutover office: what became of a change is not written down yet; the clerk will", "cutover", d.p().ID, "error", werr)
		}
	}
	if out.State == "refused" {
		return out, refuse(err)
	}
	if _, gone := ev.(order.CutoverCancelled); gone {
		f.ended(writing, by.Name, d)
	}
	c, serr := f.Cutover(writing, string(d.p().ID))
	out.Cutover = c
	return out, serr
}

// outlook is what a committed timeline holds for its numbers, for people. The
// instant from which it differs from the one before is no help to them: a flip that
// is moved away differs from when it would have been.
func outlook(c *cutover.Cutover, now time.Time) string {
	switch {
	case c == nil || len(c.Turns) == 0 || !c.Last().After(now):
		return "no step lies ahead"
	default:
		return fmt.Sprintf("%s holds the numbers from %s on", c.Final(), c.Last().UTC().Format("2006-01-02T15:04:05.000Z07:00"))
	}
}

// unanswered says that the store may or may not have done what it was asked.
func unanswered(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) || away(err)
}
