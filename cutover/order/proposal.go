package order

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/speakops/sipedge/cutover"
	"github.com/speakops/sipedge/routing"
)

// Digest is the SHA-256, in hex, of what people agreed on.
type Digest string

// Proposal is an action on an order, complete: whoever approves it approves
// these numbers, these steps and these revisions, and nothing else.
type Proposal struct {
	Action  Action
	Order   *Order
	Plan    *Plan
	Turns   []routing.Turn     // what the revision will say; empty for an arming without a T
	Replace cutover.RevisionID // the committed revision a rollback replaces
}

// ToArm is the proposal to arm a plan.
func ToArm(o *Order, p *Plan) Proposal {
	return Proposal{Action: ArmAction, Order: o, Plan: p, Turns: p.Turns()}
}

// ToRollBack is the proposal to give the numbers back to whom they came from,
// as soon as a revision above replace can. Its instant is the store's to find,
// and is not part of it.
func ToRollBack(o *Order, p *Plan, replace cutover.RevisionID) Proposal {
	return Proposal{Action: RollbackAction, Order: o, Plan: p, Turns: []routing.Turn{{Authority: p.Purpose.From()}}, Replace: replace}
}

// Digest is the same only for the same action, numbers, papers, plan and
// revisions.
func (p Proposal) Digest() Digest {
	type step struct {
		At time.Time                `json:"at,omitzero"`
		To routing.RoutingAuthority `json:"to"`
	}
	body := struct {
		Action   Action             `json:"action"`
		Order    ID                 `json:"order"`
		Edited   uint64             `json:"order_revision"`
		FOC      string             `json:"foc"`
		Count    int                `json:"count"`
		Numbers  string             `json:"numbers"`
		Plan     *Plan              `json:"plan"`
		Steps    []step             `json:"steps"`
		Replaces cutover.RevisionID `json:"replaces,omitempty"`
	}{Action: p.Action, Order: p.Order.ID, Edited: p.Order.Revision, Count: len(p.Order.Numbers), Numbers: p.Order.Numbers.digest(), Plan: p.Plan, Replaces: p.Replace}
	if p.Order.FOC != nil {
		body.FOC = p.Order.FOC.Version
	}
	for _, turn := range p.Turns {
		body.Steps = append(body.Steps, step{turn.At.UTC(), turn.Authority})
	}
	text, err := json.Marshal(body)
	if err != nil {
		panic("order: a proposal outside the vocabulary: " + err.Error())
	}
	sum := sha256.Sum256(text)
	return Digest(hex.EncodeToString(sum[:]))
}

// digest is of the numbers, one to a line.
func (l Numbers) digest() string {
	h := sha256.New()
	room := make([]byte, 0, 4096)
	for _, n := range l {
		if len(room) > 4000 {
			h.Write(room)
			room = room[:0]
		}
		room = append(n.Append(room), '\n')
	}
	h.Write(room)
	return hex.EncodeToString(h.Sum(nil))
}

// Person is somebody who acts, by the name of the token used.
type Person struct {
	Name string `json:"name"`
	Role Role   `json:"role"`
}

func (p Person) may(wanted Role) bool {
	rank := []Role{Viewer, Operator, Approver}
	return p.Name != "" && slices.Index(rank, p.Role) >= slices.Index(rank, wanted)
}

// Approval is a person's word, good for one proposal until it expires or is edited.
type Approval struct {
	Digest  Digest    `json:"digest"`
	Action  Action    `json:"action"`
	By      Person    `json:"by"`
	At      time.Time `json:"at,omitzero"`
	Expires time.Time `json:"expires,omitzero"`
}

// Policy is what the house wants of an approval.
type Policy struct {
	SecondPerson   bool          // two different people for arm and rollback
	Life           time.Duration // of an approval
	RehearsalLife  time.Duration // how old a rehearsal may be when it is approved
	WantsRehearsal bool
}

// Disapproved is a refused approval or action.
type Disapproved struct {
	Action Action
	Reason string
}

func (e *Disapproved) Error() string { return string(e.Action) + ": " + e.Reason }

// Approve gives a person's approval of a proposal. An arming needs a rehearsal
// of exactly this proposal that passed, and whose warnings the plan
// acknowledges. The error is a *Disapproved.
func Approve(p Proposal, by Person, rehearsal *Rehearsal, now time.Time, policy Policy) (Approval, error) {
	digest := p.Digest()
	no := func(format string, args ...any) (Approval, error) {
		return Approval{}, &Disapproved{p.Action, fmt.Sprintf(format, args...)}
	}
	switch {
	case !by.may(Approver):
		return no("%s may not approve; ask somebody with the role approver", by.Name)
	case policy.SecondPerson && by.Name == p.Plan.Author:
		return no("%s wrote this plan; a second person approves it", by.Name)
	}
	if p.Action == ArmAction && policy.WantsRehearsal {
		switch {
		case rehearsal == nil:
			return no("nothing was rehearsed; run cutoverctl rehearse %s", p.Plan.ID)
		case rehearsal.Digest != digest:
			return no("the rehearsal was of another plan, list or commitment; rehearse again")
		case now.Sub(rehearsal.At) > policy.RehearsalLife || rehearsal.At.After(now):
			return no("the rehearsal of %s is older than %s; rehearse again", rehearsal.At.UTC().Format(time.RFC3339), policy.RehearsalLife)
		}
		if failed := rehearsal.Failures(p.Order, p.Plan); len(failed) > 0 {
			return no("the rehearsal did not pass: %s", failed[0])
		}
	}
	return Approval{digest, p.Action, by, now.UTC(), now.Add(policy.Life).UTC()}, nil
}

// Void says why an approval is not one of this proposal at this instant, "" when it is.
func (a Approval) Void(p Proposal, now time.Time) string {
	switch {
	case a.Action != p.Action:
		return fmt.Sprintf("it is for %s", a.Action)
	case a.Digest != p.Digest():
		return "numbers, steps or commitment were edited since"
	case !now.Before(a.Expires) || now.Before(a.At):
		return "it expired at " + a.Expires.UTC().Format(time.RFC3339)
	}
	return ""
}

// MayAct says what keeps a person from carrying a proposal out now; nil when
// nothing does. The error is a *Disapproved.
func MayAct(p Proposal, by Person, approvals []Approval, now time.Time, policy Policy) error {
	no := func(format string, args ...any) error { return &Disapproved{p.Action, fmt.Sprintf(format, args...)} }
	if !by.may(Operator) {
		return no("%s may only look; ask somebody with the role operator", by.Name)
	}
	if !policy.SecondPerson {
		return nil
	}
	why := "nobody approved it; ask a second person with the role approver"
	for _, a := range approvals {
		switch void := a.Void(p, now); {
		case void != "":
			why = fmt.Sprintf("the approval of %s is void: %s", a.By.Name, void)
		case !a.By.may(Approver):
			why = fmt.Sprintf("%s may not approve", a.By.Name)
		case a.By.Name == by.Name || a.By.Name == p.Plan.Author:
			why = fmt.Sprintf("%s approved it and is the same person that plans or acts; it takes two", a.By.Name)
		default:
			return nil
		}
	}
	return no("%s", why)
}

// Edit takes over what people may edit of an order: everything above its
// standing. Approvals are void from then on, for they name the old revision.
func (o Order) Edit(next Order) (Order, error) {
	switch {
	case next.ID != o.ID:
		return o, &Refused{o.ID, "edit", "an order keeps its id; make another one"}
	case next.Revision != o.Revision:
		return o, &Refused{o.ID, "edit", fmt.Sprintf("somebody edited it meanwhile: it is at revision %d, not %d; read it again", o.Revision, next.Revision)}
	case o.Live != nil:
		return o, &Refused{o.ID, "edit", fmt.Sprintf("cutover %s is %s; cancel it first, and settle what has flipped", o.Live.Cutover, o.Live.Phase)}
	}
	next.Standing, next.Revision = o.Standing, o.Revision+1
	if err := next.Check(); err != nil {
		return o, err
	}
	return next, nil
}

// Edit takes over an edited plan from its author. live is the order's cutover:
// an armed plan is not edited but moved or cancelled, by a revision.
func (p Plan) Edit(next Plan, author string, live *Live) (Plan, error) {
	switch {
	case next.ID != p.ID || next.Order != p.Order:
		return p, &Refused{p.Order, "edit", "a plan keeps its id and its order; make another one"}
	case next.Revision != p.Revision:
		return p, &Refused{p.Order, "edit", fmt.Sprintf("somebody edited it meanwhile: it is at revision %d, not %d; read it again", p.Revision, next.Revision)}
	case live.flips() && live.Cutover == p.ID:
		return p, &Refused{p.Order, "edit", fmt.Sprintf("cutover %s is %s; move or cancel it", p.ID, live.Phase)}
	}
	next.Revision, next.Author = p.Revision+1, author
	if err := next.Check(); err != nil {
		return p, err
	}
	return next, nil
}
