package order

import (
	"fmt"
	"time"

	"github.com/speakops/sipedge/cutover"
	"github.com/speakops/sipedge/routing"
)

// Plan is a cutover as people mean it: who gets the numbers of an order, in
// which window, and what sets the instant.
type Plan struct {
	ID       cutover.ID `json:"id"`
	Order    ID         `json:"order"`
	Revision uint64     `json:"revision"` // counts the edits
	Author   string     `json:"author"`   // of the last edit; somebody else approves
	Purpose  Purpose    `json:"purpose"`
	Mode     Mode       `json:"mode"`
	// FOC is the version of the commitment this plan was made for.
	FOC string `json:"foc,omitempty"`

	// Every flip lies in [WindowOpen, WindowClose].
	WindowOpen  Wall `json:"window_open"`
	WindowClose Wall `json:"window_close"`
	At          Wall `json:"at,omitzero"` // T; scheduled only
	// OnClose is for the modes without a T: what happens when the window ends.
	OnClose  OnClose `json:"on_close,omitempty"`
	Evidence *Rules  `json:"evidence,omitempty"` // on_evidence only

	Rollback     Rollback `json:"rollback,omitzero"`
	Rescue       Rescue   `json:"rescue,omitzero"`
	Acknowledged []Ack    `json:"acknowledged,omitempty"`
}

// Rollback is the way back, decided before anybody needs it.
type Rollback struct {
	Within Span   `json:"within,omitzero"` // how long after the flip the old side is kept ready
	When   string `json:"when,omitempty"`  // what must be seen to go back
	By     string `json:"by,omitempty"`    // who decides
}

// Rescue says which exceptions to "only the holder carries a call" the desk
// counts on. The routes' own settings allow them; here they are checked.
type Rescue struct {
	EarlyDisconnect  bool `json:"early_disconnect,omitempty"`
	FallbackAfterCut bool `json:"fallback_after_cut,omitempty"`
}

// Ack is a warning somebody takes upon themselves, by its name.
type Ack struct {
	Warning string `json:"warning"`
	By      string `json:"by"`
	Because string `json:"because"`
}

// From is who holds the numbers before the flip.
func (p *Purpose) From() routing.RoutingAuthority {
	if *p == Arrive {
		return routing.Legacy
	}
	return routing.SpeakOps
}

// To is who holds them afterwards.
func (p *Purpose) To() routing.RoutingAuthority {
	switch *p {
	case Arrive:
		return routing.SpeakOps
	case Return:
		return routing.Legacy
	}
	return routing.AuthorityNone
}

// Turns is the schedule to arm. A plan without a T that must flip when its
// window closes is armed with that flip: should nobody be there to move it
// forward, it needs nobody.
func (p *Plan) Turns() []routing.Turn {
	switch {
	case p.Mode == Scheduled:
		return []routing.Turn{{At: p.At.UTC, Authority: p.Purpose.To()}}
	case p.OnClose == FlipOnClose:
		return []routing.Turn{{At: p.WindowClose.UTC, Authority: p.Purpose.To()}}
	}
	return nil
}

// Cutover is the plan as a part of a revision: list and count are those of the
// order's numbers.
func (p *Plan) Cutover(list cutover.ListID, count int) cutover.Cutover {
	return cutover.Cutover{ID: p.ID, List: list, Count: count, First: p.Purpose.From(), Turns: p.Turns()}
}

// OutsideWindow is a refused instant of a flip.
type OutsideWindow struct {
	At   time.Time
	Plan cutover.ID
	Open Wall
	Shut Wall
}

func (e *OutsideWindow) Error() string {
	return fmt.Sprintf("cutover %s: %s lies outside the window from %s to %s; choose an instant inside it, or plan another window",
		e.Plan, e.At.UTC().Format(time.RFC3339Nano), e.Open, e.Shut)
}

// FlipAt is the turn of a flip at an instant: "flip now" at store time plus
// lead, a move, an accepted evidence. The error is an *OutsideWindow.
func (p *Plan) FlipAt(at time.Time) (routing.Turn, error) {
	at = at.UTC().Truncate(time.Microsecond)
	if at.Before(p.WindowOpen.UTC) || at.After(p.WindowClose.UTC) {
		return routing.Turn{}, &OutsideWindow{at, p.ID, p.WindowOpen, p.WindowClose}
	}
	return routing.Turn{At: at, Authority: p.Purpose.To()}, nil
}

// walls are the times of a plan, by their keys.
func (p *Plan) walls() map[string]*Wall {
	return map[string]*Wall{"window_open": &p.WindowOpen, "window_close": &p.WindowClose, "at": &p.At}
}
