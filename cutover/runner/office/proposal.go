package office

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/speakops/sipedge/cutover/order"
	"github.com/speakops/sipedge/routing"
	"github.com/speakops/sipedge/sipedge/admin"
)

// Actions, beside those that are approved.
const (
	cancelAction order.Action = "cancel"
	moveAction   order.Action = "move"
	flipAction   order.Action = "flip"
)

// firstNumbers is how many numbers a proposal lists.
const firstNumbers = 5

// Proposal implements admin.CutoverReader.
func (f *Office) Proposal(ctx context.Context, id, action, at string) (admin.Proposal, error) {
	d, err := f.deal(ctx, id)
	if err != nil {
		return admin.Proposal{}, problem(err)
	}
	if err := f.catchUp(ctx, d); err != nil {
		return admin.Proposal{}, problem(err)
	}
	p, err := f.propose(d, order.Action(action), at)
	if err != nil {
		return admin.Proposal{}, problem(err)
	}
	out := admin.Proposal{
		Cutover: id, Action: action, Digest: string(p.Digest()), Count: len(d.o().Numbers), From: f.holder(d, d.status.Now).String(),
		To: d.p().Purpose.To().String(), Steps: []admin.StepOf{},
	}
	for _, n := range d.o().Numbers[:min(firstNumbers, len(d.o().Numbers))] {
		out.Numbers = append(out.Numbers, n.String())
	}
	if n := len(p.Turns); n > 0 {
		out.To = p.Turns[n-1].Authority.String()
		if !p.Turns[n-1].At.IsZero() {
			out.Steps = steps(p.Turns)
		} else if d.status.Committed != nil {
			out.Earliest = d.status.Committed.Fleet.Lead.String() + " after it is accepted"
		}
	}
	if p.Action == cancelAction {
		out.To = out.From
	}
	out.Says = f.saysOf(d, &p)
	out.Hinders, err = f.hinders(ctx, d, &p, person(admin.Asker(ctx)))
	return out, problem(err)
}

func person(p admin.Person) order.Person {
	return order.Person{Name: p.Name, Role: order.Role(p.Role.String())}
}

// propose is what an action would come to now.
func (f *Office) propose(d *deal, action order.Action, at string) (order.Proposal, error) {
	p := order.Proposal{Action: action, Order: d.o(), Plan: d.p(), Replace: d.replaces()}
	switch action {
	case order.ArmAction, order.RollbackAction:
		return d.proposal(action), nil
	case cancelAction:
	case flipAction:
		p.Turns = []routing.Turn{{Authority: d.p().Purpose.To()}}
	case moveAction:
		when, err := instantOf(at, d.p())
		if err != nil {
			return p, err
		}
		turn, err := d.p().FlipAt(when)
		if err != nil {
			return p, err
		}
		p.Turns = []routing.Turn{turn}
	default:
		return p, admin.NewProblem(http.StatusUnprocessableEntity, "invalid", "%.40q is no action", action)
	}
	return p, nil
}

// instantOf reads an instant, or a wall time; one without a zone is by the
// plan's.
func instantOf(text string, p *order.Plan) (time.Time, error) {
	if at, err := time.Parse(time.RFC3339Nano, strings.TrimSpace(text)); err == nil {
		return at.UTC(), nil
	}
	w, err := order.ParseWall(text)
	if err != nil {
		return time.Time{}, err
	}
	if w.Zone == "" {
		w.Zone = p.WindowOpen.Zone
	}
	w, err = w.Resolve(time.LoadLocation)
	return w.UTC, err
}

// saysOf words a proposal for whoever is asked to agree to it.
func (f *Office) saysOf(d *deal, p *order.Proposal) []string {
	o, plan := d.o(), d.p()
	says := []string{fmt.Sprintf("order %s: %d numbers from %s to %s", o.ID, len(o.Numbers), o.LosingProvider, o.GainingProvider)}
	switch p.Action {
	case order.ArmAction:
		switch turns := plan.Turns(); {
		case len(turns) == 0:
			says = append(says, fmt.Sprintf("it flips when %s, between %s and %s", map[order.Mode]string{order.Manual: "somebody says so", order.OnEvidence: "the evidence says so"}[plan.Mode], plan.WindowOpen, plan.WindowClose))
		case plan.Mode == order.Scheduled:
			says = append(says, "it flips at "+plan.At.String())
		default:
			says = append(says, "it flips at the latest when its window closes, "+plan.WindowClose.String())
		}
	case cancelAction:
		says = append(says, "the flip that lies ahead does not happen")
	case order.RollbackAction:
		says = append(says, "calls go back to "+p.Turns[0].Authority.String()+"; dialogs that are up stay where they are")
	}
	return says
}

// hinders is everything that keeps a proposal from being carried out now by
// that person.
func (f *Office) hinders(ctx context.Context, d *deal, p *order.Proposal, by order.Person) ([]string, error) {
	var out []string
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	live := d.live()
	switch p.Action {
	case order.ArmAction:
		if err := d.o().MayArm(d.p().ID, d.p().Purpose, d.p().FOC); err != nil {
			add("%s", err)
		}
		r, err := f.lint(ctx, d.o(), d.p())
		if err != nil {
			return nil, err
		}
		for _, x := range r.Blocking(d.p().Acknowledged) {
			add("%s", x)
		}
	case order.RollbackAction:
		if live == nil || live.Phase != order.Flipped {
			add("cutover %s is %s; only what has flipped is rolled back", d.p().ID, f.phase(d))
		}
	case cancelAction, moveAction, flipAction:
		if live == nil || live.Phase != order.Armed && !(p.Action == cancelAction && live.Phase == order.Cancelling) {
			add("cutover %s is %s, not armed", d.p().ID, f.phase(d))
		}
		if p.Action == flipAction && d.status.Committed != nil {
			if _, err := d.p().FlipAt(d.status.Now.Add(d.status.Committed.Fleet.Lead)); err != nil {
				add("%s", err)
			}
		}
	}
	if p.Action == order.ArmAction || p.Action == order.RollbackAction {
		given, err := f.approvals.read(ctx, string(d.p().ID))
		if err != nil {
			return nil, err
		}
		if err := order.MayAct(*p, by, given.Value.Given, d.status.Now, f.policy); err != nil {
			add("%s", err)
		}
	}
	silent, err := f.silent(ctx, d)
	if err == nil && p.Action != order.ArmAction { // there lint has said it
		out = append(out, silent...)
	}
	return out, err
}

// silent names members without which nothing can be agreed.
func (f *Office) silent(ctx context.Context, d *deal) ([]string, error) {
	if !d.status.Recovered || d.status.Committed == nil {
		return []string{"the store is not recovered, or has no chain: cutoverctl store"}, nil
	}
	beats, err := f.o.Runner.Fleet(ctx)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, m := range d.status.Committed.Members {
		if has(d.status.Off, m) {
			continue
		}
		last := time.Time{}
		for i := range beats {
			if beats[i].Edge == m {
				last = beats[i].At
			}
		}
		if d.status.Now.Sub(last) > missing {
			out = append(out, fmt.Sprintf("edge %s is missing, last heard of at %s: start it, or, when it is really stopped, cutoverctl edges declare-off %s", m, last.UTC().Format(time.RFC3339), m))
		}
	}
	slices.Sort(out)
	return out, nil
}
