package order

import (
	"encoding"
	"errors"
	"slices"
	"time"

	"github.com/speakops/sipedge/cutover"
	"github.com/speakops/sipedge/routing"
)

// MaxNumbers is how many numbers one order may have.
const MaxNumbers = 100_000

// ID names an order.
type ID string

// Order is a port: its numbers and papers, which people edit, and where it
// stands, which only Step moves. It is a value; a Step shares the numbers.
type Order struct {
	ID         ID                 `json:"id"`
	Kind       Kind               `json:"kind"`
	NumberType routing.NumberType `json:"number_type"`
	Numbers    Numbers            `json:"numbers"` // strictly ascending
	Scope      Scope              `json:"scope"`

	// BillingNumber is the number the losing provider's account is kept under.
	BillingNumber routing.PublicNumber `json:"billing_number,omitzero"`
	// NewBillingNumber takes its place for what stays behind, when it moves.
	NewBillingNumber routing.PublicNumber `json:"new_billing_number,omitzero"`

	LosingProvider     routing.ProviderID `json:"losing_provider"`
	GainingProvider    routing.ProviderID `json:"gaining_provider"`
	CustomerAssignment routing.CustomerID `json:"customer_assignment"`
	Checklist          Checklist          `json:"checklist,omitzero"`
	Note               string             `json:"note,omitempty"`

	// Revision counts the edits of everything above.
	Revision uint64 `json:"revision"`
	Standing
}

// Standing is where an order stands in the world. Only Step changes it.
type Standing struct {
	PortingState routing.PortingState `json:"porting_state"`
	// Previous is the state a cancellation was asked in.
	Previous   routing.PortingState `json:"previous,omitzero"`
	Validation Validation           `json:"account_validation,omitzero"`
	LOA        *LOA                 `json:"loa,omitempty"`
	FOC        *FOC                 `json:"foc,omitempty"`
	// Exceptions are the open ones, at most one of each kind. Any of them freezes
	// the order: it cannot be armed.
	Exceptions []Exception `json:"exceptions,omitempty"`
	// Cancel is an asked cancellation that is not yet a state.
	Cancel *Request `json:"cancel,omitempty"`
	Live   *Live    `json:"live,omitempty"`
	// Activated is when the first activation of these numbers was seen or forced.
	Activated time.Time `json:"activated,omitzero"`
	// Waiting is what has not been activated yet in a partially active port.
	Waiting Numbers `json:"waiting,omitempty"`
}

// Live is the order's part in the fleet's schedule.
type Live struct {
	Cutover  cutover.ID         `json:"cutover"`
	Purpose  Purpose            `json:"purpose"`
	FOC      string             `json:"foc,omitempty"` // version it was armed on
	Revision cutover.RevisionID `json:"revision"`      // proposed while arming, else committed
	Phase    Phase              `json:"phase"`
	// Before is the cutover as it stood before its next step was proposed, when it
	// has flipped already; cancelling that step leaves it so.
	Before *Live `json:"before,omitempty"`
}

// flips says that edges may be going to change the numbers' holder.
func (l *Live) flips() bool {
	return l != nil && (l.Phase == Arming || l.Phase == Armed || l.Phase == Cancelling)
}

// Validation is the losing provider's check of name, address, account and PIN.
type Validation struct {
	State  ValidationState `json:"state,omitempty"`
	At     time.Time       `json:"at,omitzero"`
	Detail string          `json:"detail,omitempty"`
}

// LOA is the customer's letter of authorisation.
type LOA struct {
	Version string    `json:"version"`
	Signed  time.Time `json:"signed,omitzero"`
	Signer  string    `json:"signer,omitempty"`
}

// FOC is the firm order commitment: the losing provider's answer, which may
// differ from what was asked and may change. Every change has another version.
type FOC struct {
	Version string `json:"version"`
	Due     Wall   `json:"due"`
	// Until is the end of the commitment's own window; zero when Due is an instant.
	Until    Wall      `json:"until,omitzero"`
	Received time.Time `json:"received,omitzero"`
}

// Exception is what the world holds against a port.
type Exception struct {
	Kind   ExceptionKind `json:"kind,omitempty"`
	Side   Side          `json:"side,omitempty"` // who raised it
	Reason string        `json:"reason"`
	Since  time.Time     `json:"since,omitzero"`
}

// Request is somebody's word, and why.
type Request struct {
	By     string    `json:"by"`
	Reason string    `json:"reason"`
	At     time.Time `json:"at,omitzero"`
}

// Checklist is what no edge carries and a port forgets easily.
type Checklist struct {
	Emergency  TaskState `json:"e911,omitempty"`       // where help is sent
	CallerName TaskState `json:"cnam,omitempty"`       // what others see when the customer calls
	Messaging  TaskState `json:"messaging,omitempty"`  // moves by an order of its own
	Directory  TaskState `json:"directory,omitempty"`  // listings
	Forwarding TaskState `json:"forwarding,omitempty"` // call forwarding set at the losing provider
}

// Numbers is a list of public numbers. The decoders accept ranges in it
// ("+12025550100 - +12025550199") and bring it into order.
type Numbers []routing.PublicNumber

// Has looks a number up in an ascending list.
func (l Numbers) Has(n routing.PublicNumber) bool {
	_, ok := slices.BinarySearch(l, n)
	return ok
}

// exception is the open exception of a kind, -1 for none.
func (s *Standing) exception(k ExceptionKind) int {
	return slices.IndexFunc(s.Exceptions, func(e Exception) bool { return e.Kind == k })
}

// Span is a length of time, written "90s", "15m" or "4h".
type Span time.Duration

var _ encoding.TextMarshaler = Span(0)

// Duration is the span as package time has it.
func (s Span) Duration() time.Duration { return time.Duration(s) }

func (s Span) String() string { return time.Duration(s).String() }

// MarshalText writes the form UnmarshalText reads.
func (s Span) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads "90s", "15m", "4h"; the error says what to write.
func (s *Span) UnmarshalText(b []byte) error {
	d, err := time.ParseDuration(string(b))
	if err != nil {
		return errors.New("not a length of time; write 90s, 15m or 4h")
	}
	*s = Span(d)
	return nil
}
