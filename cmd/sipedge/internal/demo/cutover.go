package demo

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/speakops/sipedge/sipedge/admin"
	"github.com/speakops/sipedge/sipedge/admin/client"
)

// Two people of the demo: a cutover wants both.
const (
	Anna = "ops-anna" // operator: plans and arms
	Bo   = "ops-bo"   // approver
)

// Names of the demo's order and cutover.
const (
	OrderID   = "o-demo"
	CutoverID = "c-demo"
)

// Cutover takes an order through its evening as two people would with
// cutoverctl, each at another edge, and says what happens.
type Cutover struct {
	Board   *Board
	Anna    *client.Client
	Bo      *client.Client
	Numbers []Number
	Edges   int
	In      time.Duration // from the planning to the flip
}

// patience is how long a step may wait for what edges tell each other about every
// second.
const patience = 20 * time.Second

// tries bounds how often the evening is begun anew, each time twice as far ahead:
// on a machine that is busy with something else, planning may take longer than the
// flip was ahead.
const tries = 4

// Arm plans the order, and returns the instant of its flip once every edge has it
// in its journal.
func (c *Cutover) Arm(ctx context.Context) (at time.Time, err error) {
	due := time.Time{}
	for try, in := 1, c.In; ; try, in = try+1, 2*in {
		chain, err := c.Anna.Chain(ctx)
		if err == nil {
			at = chain.Now.Add(in).Truncate(time.Second).Add(time.Second)
			if due.IsZero() {
				due = at
			}
			err = c.arm(ctx, due, at)
		}
		if err == nil || try == tries || ctx.Err() != nil {
			return at, err
		}
		c.tell("again      it took too long (%s)", err)
	}
}

// arm takes the order from a file to armed.
func (c *Cutover) arm(ctx context.Context, due, at time.Time) error {
	lint, err := c.plan(ctx, due, at)
	if err != nil {
		return err
	}
	if err := c.acknowledge(ctx, lint); err != nil {
		return err
	}
	if err := c.rehearse(ctx); err != nil {
		return err
	}
	if err := c.approve(ctx); err != nil {
		return err
	}
	p, err := c.Anna.Proposal(ctx, CutoverID, "arm", "")
	if err != nil {
		return err
	}
	if len(p.Hinders) > 0 {
		return errors.New(p.Hinders[0])
	}
	x, err := c.Anna.Act(ctx, CutoverID, "arm", admin.Acting{Digest: p.Digest, Reason: "the demo"})
	switch {
	case err != nil:
		return err
	case x.State != "committed":
		return fmt.Errorf("arming is %s: %s", x.State, x.Says)
	}
	c.tell("armed      %s has it in its journal. At %s it flips by itself: no message, no leader, and Redis may be away",
		map[bool]string{true: "the edge", false: fmt.Sprintf("each of %d edges", c.Edges)}[c.Edges == 1], at.Local().Format(time.TimeOnly))
	return nil
}

func (c *Cutover) tell(format string, args ...any) {
	c.Board.Say(c.Board.Dim(time.Now().Format(time.TimeOnly)) + "  " + c.Board.Bold(fmt.Sprintf(format, args...)))
}

// plan hands the order in, and waits until every edge's table has its numbers: what
// lint says before that is about the start of the demo.
func (c *Cutover) plan(ctx context.Context, due, at time.Time) (admin.Lint, error) {
	first, last := c.Numbers[0].PublicNumber, c.Numbers[len(c.Numbers)-1].PublicNumber
	p, err := c.Anna.Plan(ctx, admin.PlanFile{Text: planOf(first, last, due, at)})
	if err != nil {
		return admin.Lint{}, err
	}
	c.tell("planned    %s: order %s moves %d numbers, %s to %s, from legacy to speakops", Anna, OrderID, len(c.Numbers), first, last)
	lint := p.Lint
	for end := time.Now().Add(patience); ; {
		wrong := ""
		for _, f := range lint.Findings {
			if f.Severity == "error" {
				wrong = f.Name + ": " + f.Text
			}
		}
		if wrong == "" {
			return lint, nil
		}
		if time.Now().After(end) {
			return lint, errors.New("lint: " + wrong)
		}
		if !pause(ctx, 200*time.Millisecond) {
			return lint, ctx.Err()
		}
		if lint, err = c.Anna.Lint(ctx, CutoverID); err != nil {
			return lint, err
		}
	}
}

// acknowledge takes lint's warnings upon anna, by name.
func (c *Cutover) acknowledge(ctx context.Context, lint admin.Lint) error {
	var names []string
	for _, f := range lint.Findings {
		if f.Acknowledged == "" {
			names = append(names, f.Name)
		}
	}
	if len(names) == 0 {
		c.tell("lint       nothing to put right")
		return nil
	}
	if _, err := c.Anna.Acknowledge(ctx, CutoverID, admin.Acknowledgement{Warnings: names, Because: "a demo"}); err != nil {
		return err
	}
	c.tell("lint       no error; %s takes upon herself: %s", Anna, strings.Join(names, ", "))
	return nil
}

func (c *Cutover) rehearse(ctx context.Context) error {
	r, err := c.Anna.Rehearse(ctx, CutoverID)
	if err != nil {
		return err
	}
	if !r.Passed {
		return errors.New("rehearsal: " + strings.Join(r.Failures, "; "))
	}
	right := 0
	for _, e := range r.Edges {
		right += e.Right
	}
	c.tell("rehearsed  a second before the flip, at it and after it, on every edge: %d answers, all as planned", right)
	return nil
}

func (c *Cutover) approve(ctx context.Context) error {
	p, err := c.Bo.Proposal(ctx, CutoverID, "arm", "")
	if err != nil {
		return err
	}
	if _, err := c.Bo.Approve(ctx, CutoverID, admin.Approving{Action: "arm", Digest: p.Digest}); err != nil {
		return err
	}
	c.tell("approved   by %s, at another edge: exactly what has the digest %.12s", Bo, p.Digest)
	return nil
}

// settles is how long after the flip its figures are told: by then the calls
// around it have ended.
const settles = around + 3*time.Second

// Watch counts down to the flip, and tells what came of it.
func (c *Cutover) Watch(ctx context.Context, at time.Time, t *Traffic) {
	for _, left := range []time.Duration{30 * time.Second, 10 * time.Second, 3 * time.Second} {
		if time.Until(at) > left {
			if !pause(ctx, time.Until(at)-left) {
				return
			}
			c.tell("flips in   %s", left)
		}
	}
	if !pause(ctx, time.Until(at)) {
		return
	}
	c.tell("now        %d numbers belong to speakops", len(c.Numbers))
	if !pause(ctx, settles) {
		return
	}
	c.tell("flipped    %s", t.Verdict())
	c.Board.Say(c.Board.Dim("          calls go on, now and then; take it back with the two commands above, and watch again"))
}

// planOf is a file as `cutoverctl plan` takes it.
func planOf(first, last string, due, at time.Time) string {
	wall := func(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05") }
	return strings.NewReplacer("ORDER", OrderID, "CUTOVER", CutoverID, "FIRST", first, "LAST", last, "SIGNED", due.Add(-48*time.Hour).UTC().Format(time.RFC3339),
		"OPEN", wall(due.Add(-time.Minute)), "CLOSE", wall(due.Add(2*time.Hour)), "DUE", wall(due), "INSTANT", wall(at), "BO", Bo).Replace(plan)
}

const plan = `
zone: UTC
order:
  id: ORDER
  kind: port_in
  number_type: local
  numbers: [ "FIRST - LAST" ]
  scope: full
  losing_provider: northern
  gaining_provider: speakops
  customer_assignment: globex
  checklist: { e911: done, cnam: done, messaging: not_needed, directory: done, forwarding: done }
  account_validation: { state: validated }
  loa: { version: "1", signed: "SIGNED" }
  foc: { version: "1", due: "DUE" }
cutover:
  id: CUTOVER
  purpose: port_in
  mode: scheduled
  window_open: "OPEN"
  window_close: "CLOSE"
  at: "INSTANT"
  rollback: { when: "calls fail on the new side", by: BO, within: 1h }
`
