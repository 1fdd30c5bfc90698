package order

import (
	"time"

	"github.com/speakops/sipedge/cutover"
	"github.com/speakops/sipedge/routing"
)

// Event is something that came true: the world's word about the port, or the
// fleet's about the cutover.
type Event interface{ event() }

// The world's events.
type (
	// Advanced is an ordinary step of the port. States that rest on a fact (an
	// exception, a commitment, a flip) have an event of their own and are refused here.
	Advanced struct {
		To routing.PortingState `json:"to"`
	}
	// AccountChecked is the losing provider's answer about the account.
	AccountChecked struct {
		State  ValidationState `json:"state,omitempty"`
		Detail string          `json:"detail,omitempty"`
	}
	// LOASigned brings the letter of authorisation, or a newer version of it.
	LOASigned struct {
		LOA LOA `json:"loa"`
	}
	// FOCReceived brings the firm order commitment. A version that was not there
	// before disarms what was armed on another.
	FOCReceived struct {
		FOC FOC `json:"foc"`
	}
	// ExceptionRaised freezes the order, and disarms it.
	ExceptionRaised struct {
		Exception Exception `json:"exception"`
	}
	// ExceptionCleared lifts jeopardy or conflict. A rejection is answered by a
	// supplement: Advanced to submitted, or roc_submitted.
	ExceptionCleared struct {
		Kind   ExceptionKind `json:"kind,omitempty"`
		Side   Side          `json:"side,omitempty"` // who lifts it
		Reason string        `json:"reason"`
	}
	// CancelAsked, CancelWithdrawn and CancelConfirmed are about the whole port.
	CancelAsked struct {
		By     string `json:"by"`
		Reason string `json:"reason"`
	}
	CancelWithdrawn struct{}
	CancelConfirmed struct{}
	// ActivationSeen is the registry's or the provider's word that numbers moved;
	// none listed means all of them.
	ActivationSeen struct {
		Numbers Numbers `json:"numbers,omitempty"`
	}
	// SnapbackAsked begins the way back of an activated port.
	SnapbackAsked struct {
		By     string `json:"by"`
		Reason string `json:"reason"`
	}
)

// The fleet's events. Each names the revision it is about, so that one that
// comes twice, or late, is not taken for another.
type (
	// ArmStarted says that a revision with this order's step was proposed.
	ArmStarted struct {
		Cutover  cutover.ID         `json:"cutover"`
		Revision cutover.RevisionID `json:"revision"`
		Purpose  Purpose            `json:"purpose,omitempty"`
		FOC      string             `json:"foc,omitempty"`
	}
	// ArmFailed says that that revision was aborted.
	ArmFailed struct {
		Revision cutover.RevisionID `json:"revision"`
		Reason   string             `json:"reason"`
	}
	// ArmCommitted says that every live member has journaled the commit. With
	// another revision than the armed one, it is a move.
	ArmCommitted struct {
		Revision cutover.RevisionID `json:"revision"`
	}
	// CutoverCancelled says that a revision is committed in which the step of the
	// one it Cancels is not taken any more.
	CutoverCancelled struct {
		Revision cutover.RevisionID `json:"revision"`
		Cancels  cutover.RevisionID `json:"cancels"`
	}
	// CancelFailed says that it is not, and that the old timeline stands.
	CancelFailed struct {
		Reason string `json:"reason"`
	}
	// CutoverFlipped says that the step of that revision is behind for certain.
	CutoverFlipped struct {
		Revision cutover.RevisionID `json:"revision"`
		At       time.Time          `json:"at,omitzero"`
	}
	// CutoverRolledBack says that a step back, in place of the revision it Replaces,
	// is behind for certain. It changes who carries calls, not how the port stands
	// in the world.
	CutoverRolledBack struct {
		Revision cutover.RevisionID `json:"revision"`
		Replaces cutover.RevisionID `json:"replaces"`
		At       time.Time          `json:"at,omitzero"`
	}
	// CutoverSettled says that authority is in the number records and the timeline gone.
	CutoverSettled struct{}
)

func (Advanced) event()          {}
func (AccountChecked) event()    {}
func (LOASigned) event()         {}
func (FOCReceived) event()       {}
func (ExceptionRaised) event()   {}
func (ExceptionCleared) event()  {}
func (CancelAsked) event()       {}
func (CancelWithdrawn) event()   {}
func (CancelConfirmed) event()   {}
func (ActivationSeen) event()    {}
func (SnapbackAsked) event()     {}
func (ArmStarted) event()        {}
func (ArmFailed) event()         {}
func (ArmCommitted) event()      {}
func (CutoverCancelled) event()  {}
func (CancelFailed) event()      {}
func (CutoverFlipped) event()    {}
func (CutoverRolledBack) event() {}
func (CutoverSettled) event()    {}

// Effect is a wish, granted in the order given after the order itself was stored.
type Effect interface{ effect() }

type (
	// CancelCutover wants the armed (or proposed) revision cancelled before
	// anything else becomes of the order. The answer is CutoverCancelled,
	// CancelFailed, or CutoverFlipped when it came too late. It is asked again
	// until answered: granting it twice must do no harm.
	CancelCutover struct {
		Cutover cutover.ID
		Because string
	}
	// SetState wants porting_state written into number records. Path begins with
	// the state before; each step of it is legal, and the last is what to write.
	// None listed means every number of the order.
	SetState struct {
		Numbers Numbers
		Path    []routing.PortingState
	}
	// Tell wants people and webhooks told; What is one stable word.
	Tell struct {
		What string
		Text string
	}
	// Page is a Tell that cannot wait for anybody to look.
	Page struct {
		What string
		Text string
	}
)

func (CancelCutover) effect() {}
func (SetState) effect()      {}
func (Tell) effect()          {}
func (Page) effect()          {}

// Refused is an event an order does not take: nothing changed.
type Refused struct {
	Order  ID
	Event  string
	Reason string // what is wrong, and what would be right
}

func (e *Refused) Error() string {
	return "order " + string(e.Order) + ": " + e.Event + ": " + e.Reason
}
