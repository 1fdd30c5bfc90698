package order

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/speakops/sipedge/routing"
)

var policy = Policy{SecondPerson: true, Life: time.Hour, RehearsalLife: 24 * time.Hour, WantsRehearsal: true}

func passed(o *Order, p *Plan, now time.Time) *Rehearsal {
	stage := Stage{Edge: "e1"}
	for _, when := range []string{"before", "at", "after"} {
		stage.Asked = append(stage.Asked, Asking{When: when, Right: len(o.Numbers)})
	}
	stage.Probes = []Probe{{"legacy-main", "l1", true, ""}}
	for _, side := range p.sides() {
		stage.Calls = append(stage.Calls, TestCall{Side: side, Good: true})
	}
	return &Rehearsal{Digest: ToArm(o, p).Digest(), At: now, By: "anna", Edges: []Stage{stage}}
}

var (
	anna = Person{"anna", Operator} // wrote the plan
	bo   = Person{"bo", Approver}
	cyd  = Person{"cyd", Operator}
)

// An approval is void after any edit whatever: of a number, a step, a paper, a
// revision.
func TestApprovalIsVoidAfterAnyEdit(t *testing.T) {
	now := at("2026-03-02T15:00:00Z")
	edits := map[string]func(*Order, *Plan){
		"a number more":       func(o *Order, p *Plan) { o.Numbers = append(Numbers{12025550099}, o.Numbers...) },
		"a number less":       func(o *Order, p *Plan) { o.Numbers = o.Numbers[1:] },
		"another number":      func(o *Order, p *Plan) { o.Numbers = Numbers{12025550100, 12025550101, 12025550103} },
		"an edit of an order": func(o *Order, p *Plan) { o.Revision++ },
		"an edit of a plan":   func(o *Order, p *Plan) { p.Revision++ },
		"another commitment":  func(o *Order, p *Plan) { o.FOC = &FOC{Version: "v2", Due: o.FOC.Due} },
		"a second later":      func(o *Order, p *Plan) { p.At.UTC = p.At.UTC.Add(time.Second) },
		"a longer window":     func(o *Order, p *Plan) { p.WindowClose.UTC = p.WindowClose.UTC.Add(time.Second) },
		"the way back":        func(o *Order, p *Plan) { p.Purpose = Return },
		"by hand":             func(o *Order, p *Plan) { p.Mode, p.At, p.OnClose = Manual, Wall{}, PageOnClose },
		"an acknowledgement":  func(o *Order, p *Plan) { p.Acknowledged = []Ack{{"no_replica", "anna", "tonight only"}} },
		"a rescue":            func(o *Order, p *Plan) { p.Rescue.EarlyDisconnect = true },
		"another cutover":     func(o *Order, p *Plan) { p.ID = "c-2" },
		"another order":       func(o *Order, p *Plan) { o.ID = "o-2" },
	}
	rapid.Check(t, func(t *rapid.T) {
		o, p := goodOrder(), goodPlan()
		approval, err := Approve(ToArm(&o, &p), bo, passed(&o, &p, now), now, policy)
		if err != nil {
			t.Fatal(err)
		}
		if err := MayAct(ToArm(&o, &p), cyd, []Approval{approval}, now, policy); err != nil {
			t.Fatal(err)
		}
		name := rapid.SampledFrom(keys(edits)).Draw(t, "edit")
		edits[name](&o, &p)
		if rapid.Bool().Draw(t, "a second one") {
			edits[rapid.SampledFrom([]string{"an edit of an order", "an edit of a plan"}).Draw(t, "edit")](&o, &p)
		}
		err = MayAct(ToArm(&o, &p), cyd, []Approval{approval}, now, policy)
		if err == nil || !strings.Contains(err.Error(), "edited since") {
			t.Fatalf("after %s: %v", name, err)
		}
	})
}

func keys(m map[string]func(*Order, *Plan)) []string {
	var all []string
	for k := range m {
		all = append(all, k)
	}
	slices.Sort(all) // a draw is the same every time
	return all
}

func TestWhoMayDoWhat(t *testing.T) {
	now := at("2026-03-02T15:00:00Z")
	o, p := goodOrder(), goodPlan()
	arm, good := ToArm(&o, &p), passed(&o, &p, now)
	back := ToRollBack(&o, &p, "r7")
	old := *good
	old.At = now.Add(-25 * time.Hour)
	other := *good
	other.Digest = "x"
	failed := *passed(&o, &p, now)
	failed.Edges = []Stage{failed.Edges[0]}
	failed.Edges[0].Calls = failed.Edges[0].Calls[:1]
	for _, c := range []struct {
		what     string
		proposal Proposal
		by       Person
		r        *Rehearsal
		want     string
	}{
		{"an approver", arm, bo, good, ""},
		{"an operator", arm, cyd, good, "role approver"},
		{"a viewer", arm, Person{"vi", Viewer}, good, "role approver"},
		{"the author", arm, Person{"anna", Approver}, good, "a second person"},
		{"nobody", arm, Person{"", Approver}, good, "may not approve"},
		{"no rehearsal", arm, bo, nil, "nothing was rehearsed"},
		{"an old one", arm, bo, &old, "is older than"},
		{"another one", arm, bo, &other, "rehearse again"},
		{"one that failed", arm, bo, &failed, "no test call went to speakops"},
		{"a rollback needs none", back, bo, nil, ""},
	} {
		_, err := Approve(c.proposal, c.by, c.r, now, policy)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", c.what, err, c.want)
		}
	}
	word, _ := Approve(arm, bo, good, now, policy)
	rollback, _ := Approve(back, bo, nil, now, policy)
	if arm.Digest() == back.Digest() || back.Digest() == ToRollBack(&o, &p, "r8").Digest() {
		t.Error("what replaces another revision is another proposal")
	}
	forged := word
	forged.By = cyd
	for _, c := range []struct {
		what      string
		proposal  Proposal
		by        Person
		approvals []Approval
		at        time.Time
		want      string
	}{
		{"an operator", arm, cyd, []Approval{word}, now, ""},
		{"the author", arm, anna, []Approval{word}, now, ""},
		{"the approver alone", arm, bo, []Approval{word}, now, "it takes two"},
		{"a viewer", arm, Person{"vi", Viewer}, []Approval{word}, now, "may only look"},
		{"nobody approved", arm, cyd, nil, now, "nobody approved it"},
		{"no approver's word", arm, cyd, []Approval{forged}, now, "may not approve"},
		{"too late", arm, cyd, []Approval{word}, now.Add(time.Hour), "expired"},
		{"before it was given", arm, cyd, []Approval{word}, now.Add(-time.Second), "expired"},
		{"a word for something else", back, cyd, []Approval{word}, now, "it is for arm"},
		{"a rollback", back, cyd, []Approval{word, rollback}, now, ""},
	} {
		err := MayAct(c.proposal, c.by, c.approvals, c.at, policy)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", c.what, err, c.want)
		}
	}
	alone := policy
	alone.SecondPerson = false
	if err := MayAct(arm, anna, nil, now, alone); err != nil {
		t.Error(err)
	}
}

func TestRehearsalsFail(t *testing.T) {
	now := at("2026-03-02T15:00:00Z")
	for want, spoil := range map[string]func(*Rehearsal){
		"no edge took part":                       func(r *Rehearsal) { r.Edges = nil },
		"e1: at T, 2 of 3 numbers were asked":     func(r *Rehearsal) { r.Edges[0].Asked[1].Right = 2 },
		"e1: before T, +12025550100: route wrong": func(r *Rehearsal) { r.Edges[0].Asked[0].Wrong = []WrongDecision{{12025550100, "route wrong"}} },
		"e1: was not asked about after T":         func(r *Rehearsal) { r.Edges[0].Asked = r.Edges[0].Asked[:2] },
		"e1: gateway l1 of route legacy-main: 408": func(r *Rehearsal) {
			r.Edges[0].Probes[0] = Probe{"legacy-main", "l1", false, "408"}
		},
		"e1: test call to speakops: 404": func(r *Rehearsal) { r.Edges[0].Calls[1] = TestCall{routing.SpeakOps, false, "404"} },
		"warning no_replica: x; y": func(r *Rehearsal) {
			r.Lint.Findings = []Finding{{Name: "no_replica", Severity: Warning, Text: "x", Do: "y"}}
		},
	} {
		o, p := goodOrder(), goodPlan()
		r := passed(&o, &p, now)
		if failed := r.Failures(&o, &p); len(failed) > 0 {
			t.Fatal(failed)
		}
		spoil(r)
		if failed := r.Failures(&o, &p); len(failed) == 0 || failed[0] != want {
			t.Errorf("%q, want %q", failed, want)
		}
	}
}

func TestEdits(t *testing.T) {
	o := goodOrder()
	next := o
	next.Numbers = next.Numbers[:2]
	edited, err := o.Edit(next)
	if err != nil || edited.Revision != 2 || len(edited.Numbers) != 2 {
		t.Fatal(edited, err)
	}
	if _, err := edited.Edit(next); err == nil || !strings.Contains(err.Error(), "somebody edited it meanwhile") {
		t.Error(err)
	}
	claims := edited
	claims.Standing = Standing{PortingState: routing.Settled}
	if again, err := edited.Edit(claims); err != nil || again.PortingState != routing.FOCConfirmed {
		t.Error("an edit claims a state", again.PortingState, err)
	}
	wrong := edited
	wrong.Numbers = nil
	if _, err := edited.Edit(wrong); err == nil {
		t.Error("an order without numbers")
	}
	live := edited
	live.Live = &Live{Cutover: "c-1", Purpose: Arrive, Phase: Arming, Revision: "r1"}
	if _, err := live.Edit(edited); err == nil || !strings.Contains(err.Error(), "cancel it first") {
		t.Error(err)
	}
	p := goodPlan()
	if _, err := p.Edit(p, "bo", live.Live); err == nil || !strings.Contains(err.Error(), "move or cancel") {
		t.Error(err)
	}
	if q, err := p.Edit(p, "bo", nil); err != nil || q.Revision != 2 || q.Author != "bo" {
		t.Error(q, err)
	}
}
