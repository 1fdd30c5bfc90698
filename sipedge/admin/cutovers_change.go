package admin

import (
	"context"
	"net/http"
	"time"
)

// CutoverDesk changes cutovers. Every change of a timeline is a revision that all
// members must prepare; the answer comes when that is decided, or says what it
// waits for. Errors of its methods: *Problem.
type CutoverDesk interface {
	// Acknowledge takes warnings of the lint upon a person, by their names.
	Acknowledge(ctx context.Context, by Person, id string, a Acknowledgement) (Lint, error)
	// Rehearse lints, asks every edge's Decide about every number around the flip,
	// probes, and places a tagged call per side; the result is kept.
	Rehearse(ctx context.Context, by Person, id string) (Rehearsal, error)
	// Approve gives a person's word for exactly the proposal of that digest.
	Approve(ctx context.Context, by Person, id string, a Approving) (Cutover, error)
	// Arm and Rollback want an approval of another person for that very digest.
	Arm(ctx context.Context, by Person, id string, a Acting) (Changed, error)
	Rollback(ctx context.Context, by Person, id string, a Acting) (Changed, error)
	Cancel(ctx context.Context, by Person, id string, a Acting) (Changed, error)
	Move(ctx context.Context, by Person, id string, a Moving) (Changed, error)
	Flip(ctx context.Context, by Person, id string, a Acting) (Changed, error)
}

// Acknowledgement takes warnings upon a person.
type Acknowledgement struct {
	Warnings []string `json:"warnings" minItems:"1" maxItems:"64" nullable:"false" doc:"By name."`
	Because  string   `json:"because" minLength:"1" maxLength:"256"`
}

// Approving is a person's word for an action.
type Approving struct {
	Action string `json:"action" enum:"arm,rollback"`
	Digest string `json:"digest" minLength:"64" maxLength:"64" doc:"Of the proposal as it was read: what is approved is that and nothing else."`
}

// Acting asks for an action as its proposal was read.
type Acting struct {
	Digest string `json:"digest" minLength:"64" maxLength:"64" doc:"Of the proposal as it was read; when it is another by now, nothing is done."`
	Reason string `json:"reason,omitempty" maxLength:"256" doc:"For the journal."`
}

// Moving asks for another instant.
type Moving struct {
	Acting
	At string `json:"at" minLength:"1" maxLength:"100" doc:"An instant, or a wall time and its zone." example:"2026-03-03 10:00 America/Chicago"`
}

// Changed is what became of a change.
type Changed struct {
	Cutover  Cutover     `json:"cutover"`
	State    string      `json:"state" enum:"committed,waiting,aborted" doc:"committed: every live member has it journaled, and Redis is no longer needed; waiting: it is not decided yet; aborted: the old timeline stands."`
	Revision RevisionRef `json:"revision"`
	Says     string      `json:"says" doc:"For people."`
	Missing  []Missing   `json:"missing,omitempty" doc:"Who has not acknowledged."`
	Replicas string      `json:"replicas,omitempty" doc:"How far the store has copied it, such as 1 of 2."`
}

// Missing is an edge that a change waits for, or failed by.
type Missing struct {
	Edge      string     `json:"edge"`
	Because   string     `json:"because,omitempty" doc:"Why it refused."`
	Heartbeat *time.Time `json:"heartbeat,omitempty" doc:"Its last sign of life."`
}

// Rehearsal is how one went.
type Rehearsal struct {
	Digest   string           `json:"digest" doc:"Of the proposal it is good for."`
	At       time.Time        `json:"at"`
	By       string           `json:"by"`
	Passed   bool             `json:"passed"`
	Failures []string         `json:"failures" nullable:"false"`
	Lint     Lint             `json:"lint"`
	Edges    []RehearsalStage `json:"edges" nullable:"false"`
}

// RehearsalStage is one edge's part.
type RehearsalStage struct {
	Edge   string   `json:"edge"`
	Right  int      `json:"right" doc:"Answers as planned, of all numbers at T-1s, T and T+1s."`
	Wrong  int      `json:"wrong"`
	Probes []string `json:"probes,omitempty" doc:"Gateways that did not answer."`
	Calls  []string `json:"calls,omitempty" doc:"How the test calls went."`
}

type changing[T any] struct {
	CutoverPath
	Body T
}

// CutoversBy lets people change cutovers.
func CutoversBy(d CutoverDesk) Resource {
	const path = "/v1/cutovers/{cutover}/"
	op := func(verb, summary, text string) Op {
		return Op{ID: verb + "-cutover", Method: http.MethodPost, Path: path + verb, Tag: "cutovers", Errors: []int{404, 409, 422, 503},
			Summary: summary, Text: text, Within: 45 * time.Second}
	}
	return func(a *API) {
		handle(a, op("acknowledge", "Take warnings of the lint upon oneself, by name", ""),
			func(ctx context.Context, in *changing[Acknowledgement]) (Lint, error) {
				l, err := d.Acknowledge(ctx, Asker(ctx), in.Cutover, in.Body)
				l.Findings = some(l.Findings)
				return l, err
			})
		rehearse := op("rehearse", "Lint, ask every edge about every number, probe, and place a test call per side", "An approval to arm wants its result.")
		rehearse.Within = 2 * time.Minute
		handle(a, rehearse, func(ctx context.Context, in *CutoverPath) (Rehearsal, error) {
			r, err := d.Rehearse(ctx, Asker(ctx), in.Cutover)
			r.Failures, r.Edges, r.Lint.Findings = some(r.Failures), some(r.Edges), some(r.Lint.Findings)
			return r, err
		})
		approve := op("approve", "Approve an action, as its proposal reads", "For approvers, and not for the author of the plan. It expires, and an edit voids it.")
		approve.Role = Approver
		handle(a, approve, func(ctx context.Context, in *changing[Approving]) (Cutover, error) {
			c, err := d.Approve(ctx, Asker(ctx), in.Cutover, in.Body)
			c.Steps = some(c.Steps)
			return c, err
		})
		for _, one := range []struct {
			verb, summary, text string
			do                  func(CutoverDesk, context.Context, Person, string, Acting) (Changed, error)
		}{
			{"arm", "Let it flip by itself", "Wants an approval of another person. It is armed once every live member has journaled it.", CutoverDesk.Arm},
			{"cancel", "Take it off the schedule", "", CutoverDesk.Cancel},
			{"flip", "Flip now: as soon as every edge can know", "", CutoverDesk.Flip},
			{"rollback", "Give the numbers back, as soon as every edge can know", "Wants an approval of another person.", CutoverDesk.Rollback},
		} {
			handle(a, op(one.verb, one.summary, one.text), func(ctx context.Context, in *changing[Acting]) (Changed, error) {
				return whole(one.do(d, ctx, Asker(ctx), in.Cutover, in.Body))
			})
		}
		handle(a, op("move", "Flip at another instant", ""), func(ctx context.Context, in *changing[Moving]) (Changed, error) {
			return whole(d.Move(ctx, Asker(ctx), in.Cutover, in.Body))
		})
	}
}

// whole leaves no list null.
func whole(c Changed, err error) (Changed, error) {
	c.Cutover.Steps = some(c.Cutover.Steps)
	return c, err
}
