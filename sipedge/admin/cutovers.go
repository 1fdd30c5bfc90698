package admin

import (
	"context"
	"net/http"
	"time"
)

// CutoverReader shows cutovers. Errors of its methods: *Problem.
type CutoverReader interface {
	Cutovers(context.Context) ([]Cutover, error)
	Cutover(ctx context.Context, id string) (Cutover, error)
	// Proposal is what an action (arm, cancel, move, flip, rollback) would change
	// now, at is for a move; nothing is changed.
	Proposal(ctx context.Context, id, action string, at string) (Proposal, error)
	Lint(ctx context.Context, id string) (Lint, error)
}

// Cutover is a planned change of routing authority, and how far it is.
type Cutover struct {
	Cutover   string       `json:"cutover" example:"c-7"`
	Order     string       `json:"order"`
	Count     int          `json:"count" doc:"Numbers that change hands."`
	Purpose   string       `json:"purpose" enum:"port_in,snapback,port_out"`
	Mode      string       `json:"mode" enum:"scheduled,manual,on_evidence"`
	Phase     string       `json:"phase" enum:"planned,arming,armed,cancelling,cancelled,flipped,rolled_back,settled"`
	Open      time.Time    `json:"window_open"`
	Close     time.Time    `json:"window_close"`
	At        *time.Time   `json:"at,omitempty" doc:"The instant of the flip, where it is fixed."`
	AtSaid    string       `json:"at_said,omitempty" doc:"As the one who planned it said it: wall time and zone."`
	Holder    string       `json:"routing_authority" doc:"Of its numbers, now."`
	Steps     []StepOf     `json:"steps" nullable:"false" doc:"Who holds the numbers from when on, by the committed revision."`
	Plan      uint64       `json:"plan_revision" doc:"Counts the edits of the plan."`
	Author    string       `json:"author" doc:"Of the last edit; somebody else approves."`
	Approvals []Approval   `json:"approvals,omitempty"`
	Revision  *RevisionRef `json:"revision,omitempty" doc:"Committed, and speaking of this cutover."`
	Pending   *Pending     `json:"pending,omitempty" doc:"Proposed, and speaking of this cutover."`
	FirstCall *FirstCall   `json:"first_call,omitempty" doc:"The first one that the new side took."`
	Rehearsed *time.Time   `json:"rehearsed,omitempty" doc:"The last rehearsal that passed, of the plan as it is."`
}

// StepOf is one step of a timeline.
type StepOf struct {
	At        time.Time `json:"at"`
	Authority string    `json:"routing_authority"`
}

// RevisionRef names a revision of the fleet's schedule.
type RevisionRef struct {
	ID     string    `json:"id"`
	Number uint64    `json:"number"`
	Since  time.Time `json:"since,omitzero" doc:"When it was committed."`
}

// Pending is a revision that waits for its members.
type Pending struct {
	RevisionRef
	Proposer string    `json:"proposer"`
	Deadline time.Time `json:"deadline" doc:"Without all of them by then it is aborted."`
	Differs  time.Time `json:"differs,omitzero" doc:"The first instant at which an answer changes."`
	Waiting  []string  `json:"waiting,omitempty" doc:"Edges that have not acknowledged it."`
}

// Approval is one person's word for an action.
type Approval struct {
	Action  string    `json:"action" enum:"arm,rollback"`
	By      string    `json:"by"`
	At      time.Time `json:"at"`
	Expires time.Time `json:"expires"`
	Void    string    `json:"void,omitempty" doc:"Why it is not good any more."`
}

// FirstCall is the first call on the new side.
type FirstCall struct {
	Edge string    `json:"edge"`
	At   time.Time `json:"at"`
	Call string    `json:"call"`
}

// Proposal is what an action would change, complete: who approves it approves
// this and nothing else.
type Proposal struct {
	Cutover  string   `json:"cutover"`
	Action   string   `json:"action"`
	Digest   string   `json:"digest" doc:"Of numbers, papers, steps and revisions; an approval is bound to it."`
	Count    int      `json:"count"`
	Numbers  []string `json:"numbers" nullable:"false" doc:"The first of them."`
	From     string   `json:"from" doc:"Who holds them now."`
	To       string   `json:"to" doc:"Who holds them afterwards."`
	Steps    []StepOf `json:"steps" nullable:"false" doc:"The timeline afterwards; empty where the store finds the instant."`
	Earliest string   `json:"earliest,omitempty" doc:"How soon it takes force, such as 3s after it is accepted."`
	Says     []string `json:"says" nullable:"false" doc:"What changes, for people."`
	Hinders  []string `json:"hinders" nullable:"false" doc:"What keeps it from being done now, and what to do about it."`
}

// Lint is what a plan looks like to a porting desk.
type Lint struct {
	Findings []Finding `json:"findings" nullable:"false"`
	Blocking int       `json:"blocking" doc:"Errors, and warnings that nobody has acknowledged by name."`
}

// Finding is one thing that was found.
type Finding struct {
	Name         string   `json:"name" doc:"Stable; a warning is acknowledged by it." example:"btn_in_partial_port"`
	Severity     string   `json:"severity" enum:"error,warning"`
	Where        string   `json:"where,omitempty"`
	Text         string   `json:"text"`
	Do           string   `json:"do"`
	Count        int      `json:"count,omitempty" doc:"Numbers concerned."`
	Numbers      []string `json:"numbers,omitempty" doc:"The first of them."`
	Acknowledged string   `json:"acknowledged,omitempty" doc:"By whom."`
}

// CutoverList is every cutover that is known.
type CutoverList struct {
	Cutovers []Cutover `json:"cutovers" nullable:"false"`
}

// CutoverPath is the cutover that a path names.
type CutoverPath struct {
	Cutover string `path:"cutover" minLength:"1" maxLength:"128" example:"c-7"`
}

// ProposalQuery asks what an action would change.
type ProposalQuery struct {
	CutoverPath
	Action string `query:"action" required:"true" enum:"arm,cancel,move,flip,rollback"`
	At     string `query:"at" maxLength:"100" doc:"Of a move: an instant, or a wall time and its zone."`
}

// CutoversOf shows cutovers, and what may be done with them.
func CutoversOf(d CutoverReader) Resource {
	tag, path := "cutovers", "/v1/cutovers/{cutover}"
	return func(a *API) {
		handle(a, Op{ID: "list-cutovers", Method: http.MethodGet, Path: "/v1/cutovers", Tag: tag, Summary: "Every cutover, live ones first"},
			func(ctx context.Context, _ *struct{}) (CutoverList, error) {
				all, err := d.Cutovers(ctx)
				for i := range all {
					all[i].Steps = some(all[i].Steps)
				}
				return CutoverList{some(all)}, err
			})
		handle(a, Op{ID: "get-cutover", Method: http.MethodGet, Path: path, Tag: tag, Errors: []int{404}, Summary: "One cutover, and how far it is"},
			func(ctx context.Context, in *CutoverPath) (Cutover, error) {
				c, err := d.Cutover(ctx, in.Cutover)
				c.Steps = some(c.Steps)
				return c, err
			})
		handle(a, Op{ID: "get-proposal", Method: http.MethodGet, Path: path + "/proposal", Tag: tag, Errors: []int{404, 409, 422},
			Summary: "What would this action change? Nothing is changed by asking"},
			func(ctx context.Context, in *ProposalQuery) (Proposal, error) {
				if (in.Action == "move") != (in.At != "") {
					return Proposal{}, NewProblem(http.StatusUnprocessableEntity, "invalid", "at belongs to a move, and a move has one")
				}
				p, err := d.Proposal(ctx, in.Cutover, in.Action, in.At)
				p.Numbers, p.Steps, p.Says, p.Hinders = some(p.Numbers), some(p.Steps), some(p.Says), some(p.Hinders)
				return p, err
			})
		handle(a, Op{ID: "lint-cutover", Method: http.MethodGet, Path: path + "/lint", Tag: tag, Errors: []int{404, 503}, Summary: "Everything that should be put right first"},
			func(ctx context.Context, in *CutoverPath) (Lint, error) {
				l, err := d.Lint(ctx, in.Cutover)
				l.Findings = some(l.Findings)
				return l, err
			})
	}
}
