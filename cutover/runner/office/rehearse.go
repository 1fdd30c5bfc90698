package office

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/speakops/sipedge/cutover"
	"github.com/speakops/sipedge/cutover/ledger"
	"github.com/speakops/sipedge/cutover/order"
	"github.com/speakops/sipedge/cutover/runner"
	"github.com/speakops/sipedge/routing"
	"github.com/speakops/sipedge/sipedge/admin"
)

// asking asks every edge to play a cutover through. It goes through the store, as
// everything else that edges tell each other: none needs another's token.
type asking struct {
	ID      string       `json:"id"`
	Cutover cutover.ID   `json:"cutover"`
	Digest  order.Digest `json:"digest"`
	At      time.Time    `json:"at"` // the flip that is played
	Asked   time.Time    `json:"asked"`
}

// stage is one edge's answer.
type stage struct {
	order.Stage
	Wrong string `json:"wrong,omitempty"` // why it could not play
}

const (
	stageWithin = 20 * time.Second
	stageEvery  = 300 * time.Millisecond
	wrongKept   = 3
)

// Rehearse implements admin.CutoverDesk.
func (f *Office) Rehearse(ctx context.Context, by admin.Person, id string) (admin.Rehearsal, error) {
	d, err := f.deal(ctx, id)
	if err != nil {
		return admin.Rehearsal{}, problem(err)
	}
	if d.status.Committed == nil || !d.status.Recovered {
		return admin.Rehearsal{}, admin.NewProblem(http.StatusConflict, "no_chain", "the fleet has no chain that decides anything; see cutoverctl store")
	}
	report, err := f.lint(ctx, d.o(), d.p())
	if err != nil {
		return admin.Rehearsal{}, problem(err)
	}
	a := asking{ID: string(runner.NewRevisionID()), Cutover: d.p().ID, Digest: order.ToArm(d.o(), d.p()).Digest(), At: d.p().WindowOpen.UTC, Asked: d.status.Now}
	if turns := d.p().Turns(); len(turns) > 0 {
		a.At = turns[len(turns)-1].At
	}
	asked, err := f.askings.write(ctx, paper[asking]{ID: a.ID, Revision: ledger.Absent}, a, ledger.Note{})
	if err != nil {
		return admin.Rehearsal{}, problem(err)
	}
	stages, silent := f.gather(ctx, &a, d)
	_ = f.askings.remove(context.WithoutCancel(ctx), asked) // an old one is not answered anyway
	r := rehearsalPaper{Rehearsal: order.Rehearsal{Digest: a.Digest, At: f.now(), By: cmp.Or(by.Name, "nobody"), Lint: report}}
	for _, s := range stages {
		r.Edges = append(r.Edges, s.Stage)
		if s.Wrong != "" {
			r.Failed = append(r.Failed, s.Edge+": "+s.Wrong)
		}
	}
	for _, m := range silent {
		r.Failed = append(r.Failed, fmt.Sprintf("%s did not take part within %s", m, stageWithin))
	}
	r.Failed = append(r.Failed, r.Failures(d.o(), d.p())...)
	return f.keepRehearsal(ctx, d, &r)
}

func (f *Office) keepRehearsal(ctx context.Context, d *deal, r *rehearsalPaper) (admin.Rehearsal, error) {
	for {
		was, err := f.rehearsals.read(ctx, string(d.p().ID))
		if err != nil {
			return admin.Rehearsal{}, problem(err)
		}
		_, err = f.rehearsals.write(ctx, was, *r, ledger.Note{Kind: "rehearsed", Who: r.By, Cutover: d.p().ID, Order: string(d.o().ID),
			Detail: detail(map[string]any{"digest": r.Digest, "failures": len(r.Failed), "edges": len(r.Edges)})})
		if conflicted(err) {
			continue
		}
		return shownRehearsal(r, d.p()), problem(err)
	}
}

func shownRehearsal(r *rehearsalPaper, p *order.Plan) admin.Rehearsal {
	out := admin.Rehearsal{Digest: string(r.Digest), At: r.At, By: r.By, Passed: len(r.Failed) == 0, Failures: r.Failed, Lint: shownLint(r.Lint, p.Acknowledged)}
	for _, e := range r.Edges {
		one := admin.RehearsalStage{Edge: e.Edge}
		for _, a := range e.Asked {
			one.Right, one.Wrong = one.Right+a.Right, one.Wrong+a.Count
		}
		for _, probe := range e.Probes {
			if !probe.Alive {
				one.Probes = append(one.Probes, string(probe.Route)+"/"+string(probe.Gateway))
			}
		}
		for _, c := range e.Calls {
			word := "ok"
			if !c.Good {
				word = c.Detail
			}
			one.Calls = append(one.Calls, c.Side.String()+": "+word)
		}
		if e.Uncalled != "" {
			one.Calls = append(one.Calls, "none: "+e.Uncalled)
		}
		out.Edges = append(out.Edges, one)
	}
	return out
}

// gather waits for the stages of all live members.
func (f *Office) gather(ctx context.Context, a *asking, d *deal) (got []stage, silent []cutover.MemberID) {
	ctx, cancel := context.WithTimeout(ctx, stageWithin)
	defer cancel()
	for _, m := range d.status.Committed.Members {
		if !has(d.status.Off, m) {
			silent = append(silent, m)
		}
	}
	for len(silent) > 0 {
		silent = slices.DeleteFunc(silent, func(m cutover.MemberID) bool {
			p, err := f.stages.read(ctx, a.ID+"/"+string(m))
			if err != nil || !p.there() {
				return false
			}
			got = append(got, p.Value)
			_ = f.stages.remove(ctx, p)
			return true
		})
		if len(silent) > 0 && !pause(ctx, 50*time.Millisecond) {
			break
		}
	}
	slices.SortFunc(got, func(a, b stage) int { return cmp.Compare(a.Edge, b.Edge) })
	return got, silent
}

// answerAskings plays what other edges ask for, until ctx ends.
func (f *Office) answerAskings(ctx context.Context) error {
	done := map[string]bool{}
	for pause(ctx, stageEvery) {
		all, err := f.askings.all(ctx)
		if err != nil {
			continue // the store is away; who asked will notice
		}
		if len(done) > 1000 {
			clear(done)
		}
		for _, p := range all {
			if age := f.now().Sub(p.Value.Asked); done[p.ID] || age > 2*stageWithin {
				if age > time.Hour {
					_ = f.askings.remove(ctx, p) // whoever asked is gone
				}
				continue
			}
			done[p.ID] = true
			s := f.play(ctx, &p.Value)
			id := p.ID + "/" + string(f.o.Runner.Self())
			_, err := f.stages.write(ctx, paper[stage]{ID: id, Revision: ledger.Any}, s, ledger.Note{})
			f.said.once(f.log, "answering a rehearsal", err)
		}
	}
	return nil
}

// played is this edge's world in which the planned timeline is in force.
type played struct {
	*routing.World
	at routing.Interval
}

// Stale is for now: how old the table will be at the flip is nobody's to say.
func (v played) Stale(routing.Interval) bool { return v.World.Stale(v.at) }

// play decides every number of a cutover around its flip.
func (f *Office) play(ctx context.Context, a *asking) stage {
	s := stage{Stage: order.Stage{Edge: string(f.o.Runner.Self())}}
	d, err := f.deal(ctx, string(a.Cutover))
	if err != nil {
		s.Wrong = err.Error()
		return s
	}
	if order.ToArm(d.o(), d.p()).Digest() != a.Digest {
		s.Wrong = "the plan was edited meanwhile"
		return s
	}
	o, p := d.o(), d.p()
	line, err := routing.NewTimeline(0, p.Purpose.From(), routing.Turn{At: a.At, Authority: p.Purpose.To()})
	if err != nil {
		s.Wrong = err.Error()
		return s
	}
	w := f.o.World()
	w.Schedules = func(n routing.PublicNumber) (routing.Schedule, bool) {
		return routing.Schedule{Committed: &line}, o.Numbers.Has(n)
	}
	view := played{&w, f.o.Clock.Now()}
	used := map[*routing.Route]bool{}
	askings := order.Askings(p, a.At)
	for _, when := range []string{"before", "at", "after"} {
		s.Asked = append(s.Asked, ask(view, o, when, askings[when].At, askings[when].Holder, used))
	}
	for r := range used {
		for _, g := range r.Gateways {
			probe := order.Probe{Route: r.ID, Gateway: g.ID, Alive: w.Health == nil || w.Health(g.Index)}
			if !probe.Alive {
				probe.Detail = "does not answer"
			}
			s.Probes = append(s.Probes, probe)
		}
	}
	slices.SortFunc(s.Probes, func(a, b order.Probe) int {
		return cmp.Or(cmp.Compare(a.Route, b.Route), cmp.Compare(a.Gateway, b.Gateway))
	})
	f.call(ctx, o, p, &s)
	return s
}

// call places the tagged calls, where this edge can.
func (f *Office) call(ctx context.Context, o *order.Order, p *order.Plan, s *stage) {
	if f.o.TestCall == nil {
		s.Uncalled = "this build places no test calls; place one to each side by hand"
		return
	}
	for _, side := range []routing.RoutingAuthority{p.Purpose.From(), p.Purpose.To()} {
		if side == routing.AuthorityNone {
			continue
		}
		one, err := f.o.TestCall(ctx, o.Numbers[0], side)
		if err != nil {
			s.Uncalled = err.Error()
			return
		}
		s.Calls = append(s.Calls, one)
	}
}

// ask decides every number at one instant. used collects the routes taken.
func ask(view routing.View, o *order.Order, when string, at time.Time, holder routing.RoutingAuthority, used map[*routing.Route]bool) order.Asking {
	out := order.Asking{When: when}
	for _, n := range o.Numbers {
		d := routing.Decide(view, routing.Around(at, 0), routing.Call{To: n})
		switch {
		case d.Kind == routing.KindRoute && d.Authority == holder:
			used[d.Route] = true
			out.Right++
			continue
		case d.Kind == routing.KindRefuse && holder == routing.AuthorityNone:
			out.Right++
			continue
		}
		if out.Count++; len(out.Wrong) < wrongKept {
			out.Wrong = append(out.Wrong, order.WrongDecision{PublicNumber: n, Decision: d.String()})
		}
	}
	return out
}
