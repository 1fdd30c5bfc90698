package records

import (
	"errors"
	"net/netip"
	"time"

	"github.com/speakops/sipedge/routing"
	"github.com/speakops/sipedge/routing/e164"
)

// MaxDialog is the most bytes one encoded Dialog takes.
const MaxDialog = 2048

// ErrTooLarge means that the parts of a dialog without which a record is of no
// use (its names) exceed MaxDialog; such a call goes unrecorded.
var ErrTooLarge = errors.New("dialog record over 2048 bytes: Call-ID, tags or configured names are too long")

// ErrBadDialog means that bytes are no encoded Dialog of a known version.
var ErrBadDialog = errors.New("not a dialog record")

// Flow is one direction's transport, by names that hold across a restart.
type Flow struct {
	Proto    uint8  // as the transport numbers them: UDP 0, TCP 1, TLS 2
	Listener string // configured name
	Peer     netip.AddrPort
}

// Held says which limits a dialog holds a place in.
type Held uint8

const (
	HeldTrunk  Held = 1 << iota // of its trunk's concurrent calls
	HeldNumber                  // of its public number's
	HeldCaller                  // of its caller's
)

// End is one side of a dialog, as a request sent to it must address it.
type End struct {
	Tag     []byte
	Contact []byte // remote target URI
	Routes  []byte // Route values towards it, comma separated, in the order of use
	CSeq    uint32 // highest CSeq number of requests from this side
	Flow    Flow
}

// Dialog is the record of one answered call. It routes nothing (the route
// tokens do); it is for accounting, limits and hang-up.
type Dialog struct {
	Call         CallID
	SIPCallID    []byte
	Trunk        routing.TrunkID
	Route        routing.RouteID
	Gateway      routing.GatewayID
	Authority    routing.RoutingAuthority
	PortingState routing.PortingState
	Because      routing.Because
	Revision     uint64
	PublicNumber e164.Number
	CallerNumber e164.Number

	From, To       []byte // header values of the INVITE and its answer, tags included
	Caller, Callee End

	// To the microsecond, this edge's clock.
	Invited  time.Time
	Ringing  time.Time
	Answered time.Time
	Expires  time.Time // the call is over by then, whatever was heard of it

	Held Held

	// For the CDR alone: what the table believed, when it was decided, and the
	// gateways tried (at most 16; none where they did not fit).
	CurrentServingProvider routing.ProviderID
	UnderlyingCarrier      routing.CarrierID
	CustomerAssignment     routing.CustomerID
	Interval               routing.Interval
	Attempts               []Attempt

	// Media is what the relay of an anchored call needs to go on after a restart,
	// in its own form; nil for none.
	Media []byte

	// Cut means that From, To, Contacts and Routes did not fit and are absent:
	// the call is accounted for, but cannot be hung up with a BYE.
	Cut bool
}
