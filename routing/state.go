package routing

// PortingState says how the port of a number stands in the world: at the
// carriers, at the registries, on paper. It never says who carries a call.
type PortingState uint8

const (
	// NoPort is the zero state: no port on record. Its spelling is empty.
	NoPort PortingState = iota

	// Local and mobile numbers, in the order of a port that goes well.
	Draft
	Validating
	Submitted
	FOCConfirmed
	Armed
	Activating
	PartiallyActive
	Ported
	Settled

	// Their side roads.
	Rejected
	Jeopardy
	Conflict
	CancelPending
	Cancelled
	SnapbackPending
	SnappedBack
	PortOutPending
	PortedOut

	// Toll-free numbers; Draft, Settled, CancelPending and Cancelled are shared.
	LOAReady
	ROCSubmitted
	ROCDeclined
	Released
	CPRScheduled
	CPRActive
	ROCReversed

	portingStates // how many there are
)

var stateWords = words[PortingState]{"porting_state", []string{
	NoPort: "",

	Draft: "draft", Validating: "validating", Submitted: "submitted", FOCConfirmed: "foc_confirmed",
	Armed: "armed", Activating: "activating", PartiallyActive: "partially_active", Ported: "ported", Settled: "settled",

	Rejected: "rejected", Jeopardy: "jeopardy", Conflict: "conflict",
	CancelPending: "cancel_pending", Cancelled: "cancelled",
	SnapbackPending: "snapback_pending", SnappedBack: "snapped_back",
	PortOutPending: "port_out_pending", PortedOut: "ported_out",

	LOAReady: "loa_ready", ROCSubmitted: "roc_submitted", ROCDeclined: "roc_declined", Released: "released",
	CPRScheduled: "cpr_scheduled", CPRActive: "cpr_active", ROCReversed: "roc_reversed",
}}

// trait is what a state adds to a decision it does not make.
type trait struct {
	because Because          // why, when the record's own word is followed
	expects RoutingAuthority // who usually holds the number then; none when either may
	comes   bool             // the public network brings calls for the number to us
	rescue  bool             // the losing carrier may have disconnected early
	over    bool             // nobody holding the number is how the state may end
	back    bool             // the losing carrier may still answer
}

// traits has one entry per state. A record that names an authority its state
// does not expect is followed all the same, and says so.
var traits = [portingStates]trait{
	NoPort: {because: Record},

	Draft:        {because: PortPending, expects: Legacy},
	Validating:   {because: PortPending, expects: Legacy},
	Submitted:    {because: PortPending, expects: Legacy},
	Rejected:     {because: PortPending, expects: Legacy},
	FOCConfirmed: {because: PortPending, expects: Legacy, rescue: true},
	Armed:        {because: PortPending, expects: Legacy, rescue: true},

	Activating:      {because: PortActive, expects: SpeakOps, comes: true, back: true},
	PartiallyActive: {because: PortActive, expects: SpeakOps, comes: true, back: true},
	Ported:          {because: PortActive, expects: SpeakOps, comes: true, back: true},
	Settled:         {because: Record, comes: true},

	Jeopardy:      {because: PortSuspended, expects: Legacy, rescue: true},
	Conflict:      {because: PortSuspended, expects: Legacy, rescue: true},
	CancelPending: {because: PortCancelled, expects: Legacy},
	Cancelled:     {because: PortCancelled, expects: Legacy, over: true},

	SnapbackPending: {because: SnapbackWaits, expects: SpeakOps, comes: true},
	SnappedBack:     {because: SnappedBackTo, expects: Legacy, over: true},
	PortOutPending:  {because: PortOut, expects: SpeakOps, comes: true},
	PortedOut:       {because: PortOut, expects: SpeakOps, over: true},

	LOAReady:     {because: PortPending, expects: Legacy},
	ROCSubmitted: {because: PortPending, expects: Legacy},
	ROCDeclined:  {because: PortPending, expects: Legacy},
	// Released moves control of a toll-free number, not its calls: the losing
	// side serves it until the routing record is active.
	Released:     {because: PortPending, expects: Legacy, rescue: true},
	CPRScheduled: {because: PortPending, expects: Legacy, rescue: true},
	CPRActive:    {because: PortActive, expects: SpeakOps, comes: true, back: true},
	ROCReversed:  {because: SnappedBackTo, expects: Legacy, over: true},
}

// trait of a value outside the vocabulary is that of NoPort.
func (s PortingState) trait() *trait {
	if s >= portingStates {
		s = NoPort
	}
	return &traits[s]
}

// ComesToUs says whether the public network brings calls for a number in this
// state to us, so that dialling the number there would only bring them back.
func (s PortingState) ComesToUs() bool { return s.trait().comes }
