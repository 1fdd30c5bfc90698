package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/speakops/sipedge/sipedge/admin"
)

// fleet is a porting desk with one order and one cutover, and two edges, one of
// which may be missing. It keeps the rules that people meet: another person's
// approval of the very digest, void after an edit.
type fleet struct {
	mu        sync.Mutex
	plan      uint64
	author    string
	phase     string
	approvals []admin.Approval
	digestOf  map[string]string // by person and action, what he approved
	missing   bool
	off       bool
	empty     bool
	acks      string
	log       []admin.JournalEntry
	broken    bool
	told      string
}

func newFleet() *fleet {
	return &fleet{plan: 1, author: "anna", phase: "planned", digestOf: map[string]string{}, empty: true}
}

func (f *fleet) resources() []admin.Resource {
	return []admin.Resource{admin.OrdersBy(f), admin.CutoversOf(f), admin.CutoversBy(f), admin.FleetOf(f), admin.JournalOf(f)}
}

func (f *fleet) note(kind, who string, fields ...string) {
	e := admin.JournalEntry{ID: fmt.Sprintf("1-%d", len(f.log)+1), At: began.Add(time.Duration(len(f.log)) * time.Second), Kind: kind, Who: who, Cutover: "c-7", Hash: fmt.Sprintf("%040x", len(f.log))}
	for i := 0; i < len(fields); i += 2 {
		e.Fields = append(e.Fields, admin.JournalField{Name: fields[i], Value: fields[i+1]})
	}
	f.log = append(f.log, e)
}

func (f *fleet) order() admin.Order {
	due := began.Add(time.Hour)
	return admin.Order{Order: "o-1007", Kind: "port_in", NumberType: "local", Count: 10, Scope: "full", LosingProvider: "north", GainingProvider: "speakops",
		CustomerAssignment: "cust-1", PortingState: "foc_confirmed", Validation: "validated", LOA: "1", FOC: "2", Due: &due, Cutover: "c-7", Phase: f.phase, Revision: 3,
		Exceptions: []admin.OrderException{{Kind: "jeopardy", Side: "losing", Reason: "late by a day", Since: began}}}
}

func (f *fleet) Orders(context.Context) ([]admin.Order, error) { return []admin.Order{f.order()}, nil }

func (f *fleet) Order(_ context.Context, id string) (admin.Order, error) {
	if id != "o-1007" {
		return admin.Order{}, admin.NewProblem(404, "order_unknown", "there is no order %s; cutoverctl orders lists them", id)
	}
	o := f.order()
	o.Document = json.RawMessage(`{"id":"o-1007"}`)
	return o, nil
}

func (f *fleet) Plan(ctx context.Context, by admin.Person, file admin.PlanFile) (admin.Planned, error) {
	f.mu.Lock()
	f.told = file.Text
	if !file.DryRun {
		f.plan, f.author = f.plan+1, by.Name
	}
	f.mu.Unlock()
	o, c := f.order(), f.cutover()
	l, err := f.Lint(ctx, "c-7")
	return admin.Planned{Order: &o, Cutover: &c, Lint: l, DryRun: file.DryRun}, err
}

func (f *fleet) Tell(_ context.Context, by admin.Person, _ string, event json.RawMessage) (admin.Order, error) {
	f.told = string(event)
	return f.order(), nil
}

func (f *fleet) cutover() admin.Cutover {
	f.mu.Lock()
	defer f.mu.Unlock()
	flip := began.Add(time.Hour)
	c := admin.Cutover{Cutover: "c-7", Order: "o-1007", Count: 10, Purpose: "port_in", Mode: "scheduled", Phase: f.phase, Open: began, Close: began.Add(2 * time.Hour),
		At: &flip, AtSaid: "2026-03-01T05:00 America/Chicago (2026-03-01T11:00:00Z)", Holder: "legacy", Plan: f.plan, Author: f.author}
	for _, a := range f.approvals {
		if f.digestOf[a.By+a.Action] != f.digest(a.Action) {
			a.Void = "the plan was edited"
		}
		c.Approvals = append(c.Approvals, a)
	}
	switch f.phase {
	case "arming":
		c.Pending = &admin.Pending{RevisionRef: admin.RevisionRef{ID: "r8", Number: 8}, Proposer: "anna", Deadline: began.Add(5 * time.Second), Differs: flip, Waiting: []string{"edge-2~9x4c"}}
	case "armed", "flipped":
		c.Revision = &admin.RevisionRef{ID: "r8", Number: 8, Since: began}
		c.Steps = []admin.StepOf{{At: flip, Authority: "speakops"}}
	}
	if f.phase == "flipped" {
		c.Holder, c.Steps[0].At = "speakops", began.Add(-90*time.Second)
		c.FirstCall = &admin.FirstCall{Edge: "edge-1~7k2m", At: began.Add(-90*time.Second + 4*time.Millisecond), Call: "010203ab"}
	}
	return c
}

func (f *fleet) Cutovers(context.Context) ([]admin.Cutover, error) {
	return []admin.Cutover{f.cutover()}, nil
}

func (f *fleet) Cutover(_ context.Context, id string) (admin.Cutover, error) {
	if id != "c-7" {
		return admin.Cutover{}, admin.NewProblem(404, "cutover_unknown", "there is no cutover %s; cutoverctl cutovers lists them", id)
	}
	return f.cutover(), nil
}

func (f *fleet) digest(action string) string {
	sum := sha256.Sum256([]byte(fmt.Sprintf("%s %d", action, f.plan)))
	return hex.EncodeToString(sum[:])
}

func (f *fleet) Proposal(_ context.Context, id, action, at string) (admin.Proposal, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := admin.Proposal{Cutover: id, Action: action, Digest: f.digest(action), Count: 10, Numbers: []string{"+12025550100", "+12025550101"}, From: "legacy", To: "speakops"}
	switch action {
	case "arm":
		p.Steps = []admin.StepOf{{At: began.Add(time.Hour), Authority: "speakops"}}
	case "move":
		t, err := time.Parse(time.RFC3339, at)
		if err != nil {
			return p, admin.NewProblem(422, "invalid", "at: %s is no instant", at)
		}
		p.Steps = []admin.StepOf{{At: t, Authority: "speakops"}}
	case "flip", "rollback":
		p.Earliest = "3s after it is accepted"
	}
	if action == "rollback" {
		p.From, p.To = p.To, p.From
		p.Says = []string{"calls that are up stay where they are"}
	}
	if (action == "arm" || action == "rollback") && !f.approved(action) {
		p.Hinders = []string{"nobody has approved it; ask another person for cutoverctl approve c-7 --action " + action}
	}
	return p, nil
}

func (f *fleet) approved(action string) bool {
	for _, a := range f.approvals {
		if a.Action == action && f.digestOf[a.By+a.Action] == f.digest(action) {
			return true
		}
	}
	return false
}

func (f *fleet) Lint(context.Context, string) (admin.Lint, error) {
	l := admin.Lint{Findings: []admin.Finding{
		{Name: "no_healthy_gateway", Severity: "error", Where: "edge-2", Text: "no gateway of speakops-main is alive", Do: "look at cutoverctl gateways there"},
		{Name: "btn_in_partial_port", Severity: "warning", Text: "the billing number leaves while others stay", Do: "name a new one, or acknowledge it", Count: 1, Numbers: []string{"+12025550100"}, Acknowledged: f.acks},
	}, Blocking: 2}
	if f.acks != "" {
		l.Findings, l.Blocking = l.Findings[1:], 0
	}
	return l, nil
}

func (f *fleet) Acknowledge(ctx context.Context, by admin.Person, id string, a admin.Acknowledgement) (admin.Lint, error) {
	f.acks = by.Name + ": " + a.Because
	return f.Lint(ctx, id)
}

func (f *fleet) Rehearse(_ context.Context, by admin.Person, _ string) (admin.Rehearsal, error) {
	r := admin.Rehearsal{Digest: f.digest("arm"), At: began, By: by.Name, Passed: !f.missing, Edges: []admin.RehearsalStage{{Edge: "edge-1~7k2m", Right: 30, Calls: []string{"legacy good", "speakops good"}}}}
	if f.missing {
		r.Edges = append(r.Edges, admin.RehearsalStage{Edge: "edge-2~9x4c", Right: 20, Wrong: 10, Probes: []string{"so1"}})
		r.Failures = []string{"edge-2~9x4c would decide 10 numbers otherwise after the flip"}
	}
	return r, nil
}

func (f *fleet) Approve(_ context.Context, by admin.Person, _ string, a admin.Approving) (admin.Cutover, error) {
	if by.Role < admin.Approver {
		panic("the API lets a " + by.Role.String() + " approve")
	}
	f.mu.Lock()
	switch {
	case a.Digest != f.digest(a.Action):
		f.mu.Unlock()
		return admin.Cutover{}, admin.NewProblem(409, "conflict", "the proposal is another by now; read it again")
	case by.Name == f.author:
		f.mu.Unlock()
		return admin.Cutover{}, admin.NewProblem(403, "same_person", "%s is the author; somebody else approves", by.Name)
	}
	f.approvals = append(f.approvals, admin.Approval{Action: a.Action, By: by.Name, At: began, Expires: began.Add(time.Hour)})
	f.digestOf[by.Name+a.Action] = a.Digest
	f.note("approved", by.Name, "digest", a.Digest)
	f.mu.Unlock()
	return f.cutover(), nil
}

// become is a change that all edges must have.
func (f *fleet) become(by admin.Person, action, phase string, a admin.Acting) (admin.Changed, error) {
	f.mu.Lock()
	if a.Digest != f.digest(action) {
		f.mu.Unlock()
		return admin.Changed{}, admin.NewProblem(409, "conflict", "the proposal is another by now; read it again")
	}
	f.note(action, by.Name, "reason", a.Reason)
	x := admin.Changed{State: "committed", Revision: admin.RevisionRef{ID: "r8", Number: 8}, Says: "every live member has it journaled; Redis is no longer needed", Replicas: "1 of 1"}
	f.phase = phase
	if f.missing && !f.off {
		f.phase = "arming"
		beat := began.Add(-time.Minute)
		x.State, x.Says, x.Missing = "waiting", "not armed yet: an edge is missing, and the old timeline stands", []admin.Missing{{Edge: "edge-2~9x4c", Heartbeat: &beat}}
	}
	f.mu.Unlock()
	x.Cutover = f.cutover()
	return x, nil
}

func (f *fleet) Arm(_ context.Context, by admin.Person, _ string, a admin.Acting) (admin.Changed, error) {
	return f.become(by, "arm", "armed", a)
}

func (f *fleet) Rollback(_ context.Context, by admin.Person, _ string, a admin.Acting) (admin.Changed, error) {
	return f.become(by, "rollback", "rolled_back", a)
}

func (f *fleet) Cancel(_ context.Context, by admin.Person, _ string, a admin.Acting) (admin.Changed, error) {
	return f.become(by, "cancel", "cancelled", a)
}

func (f *fleet) Flip(_ context.Context, by admin.Person, _ string, a admin.Acting) (admin.Changed, error) {
	return f.become(by, "flip", "flipped", a)
}

func (f *fleet) Move(_ context.Context, by admin.Person, _ string, m admin.Moving) (admin.Changed, error) {
	return f.become(by, "move", "armed", m.Acting)
}

func (f *fleet) Edges(context.Context) ([]admin.FleetEdge, error) {
	beat, old, no := began, began.Add(-time.Minute), false
	all := []admin.FleetEdge{{Edge: "edge-1~7k2m", Self: true, Member: true, Ready: true, Heartbeat: &beat, ClockError: 0.0004, TableAge: 0.2, Committed: 7, Dialogs: 120, Legacy: 12.5, SpeakOps: 0.5}}
	two := admin.FleetEdge{Edge: "edge-2~9x4c", Member: true, Ready: !f.missing, Heartbeat: &beat, ClockError: 0.0007, TableAge: 0.3, Committed: 7, Dialogs: 80, Legacy: 8, Off: f.off}
	if f.missing {
		two.Heartbeat, two.Because, two.Acked, two.Prepared = &old, "clock_too_wide", &no, 8
	}
	return append(all, two), nil
}

func (f *fleet) Chain(context.Context) (admin.Chain, error) {
	c := admin.Chain{Recovered: !f.empty, Empty: f.empty, Generation: "1~abc", Now: began}
	if !f.empty {
		c.Committed = &admin.RevisionRef{ID: "r7", Number: 7, Since: began.Add(-time.Hour)}
	}
	return c, nil
}

func (f *fleet) DeclareOff(_ context.Context, by admin.Person, edge string, d admin.DeclaringOff) error {
	if !strings.HasPrefix(edge, "edge-2") {
		return admin.NewProblem(404, "edge_unknown", "no edge %s has shown itself; cutoverctl edges lists them", edge)
	}
	f.off = true
	f.note("declared_off", by.Name, "edge", edge, "reason", d.Reason)
	return nil
}

func (f *fleet) InitChain(ctx context.Context, by admin.Person, reason string) (admin.Chain, error) {
	if !f.empty {
		return admin.Chain{}, admin.NewProblem(409, "chain_there", "this store has a chain; nothing was done")
	}
	f.empty = false
	f.note("generation", by.Name, "reason", reason)
	return f.Chain(ctx)
}

func (f *fleet) Entries(_ context.Context, after string, most int) ([]admin.JournalEntry, error) {
	from := 0
	for i, e := range f.log {
		if e.ID == after {
			from = i + 1
		}
	}
	return f.log[from:min(len(f.log), from+most)], nil
}

func (f *fleet) Verify(context.Context) (admin.JournalVerdict, error) {
	v := admin.JournalVerdict{Whole: !f.broken, Count: len(f.log), Generations: 1, First: "1-1", Head: "1-9", HeadHash: strings.Repeat("ab", 20)}
	if f.broken {
		v.Breaks = []string{"1-4: the hash is not that of what stands there"}
	}
	return v, nil
}
