package records

import (
	"net/netip"
	"time"

	"github.com/speakops/sipedge/routing"
	"github.com/speakops/sipedge/routing/e164"
)

// Side is who ended a call.
type Side string

// The sides. An unanswered call that failed was ended by the callee's side.
const (
	ByCaller Side = "caller"
	ByCallee Side = "callee"
	ByEdge   Side = "edge" // a limit of time, an operator, a lost record
)

// Attempt is one gateway tried.
type Attempt struct {
	Gateway routing.GatewayID
	Address netip.AddrPort
	After   time.Duration // from the arrival of the INVITE to the start of this attempt
	Took    time.Duration // from there to its end
	Code    int           // final response, 0 when none came
	Result  string        // one word: answered, busy, no_progress, ...
}

// CDR is one call from INVITE to hang-up. There is one per Call, but for a call
// that ended at another edge than answered it: that one writes what the route
// token knows, ByToken, and the one that answered, if it lives and the call was
// not ended there too, writes its own when it gives the call up. Both have the
// Call; the end of the first is the true one. Zero fields are left out of the line.
type CDR struct {
	Call      CallID
	SIPCallID []byte
	CallKey   []byte

	Trunk   routing.TrunkID
	Source  netip.AddrPort
	Route   routing.RouteID
	Gateway routing.GatewayID // the one that answered, or the last one tried

	PublicNumber e164.Number
	Caller       e164.Number

	RoutingAuthority       routing.RoutingAuthority
	PortingState           routing.PortingState
	CurrentServingProvider routing.ProviderID
	UnderlyingCarrier      routing.CarrierID
	CustomerAssignment     routing.CustomerID
	Because                routing.Because
	Revision               uint64
	Interval               routing.Interval // store time of the decision

	Outcome string // answered, or why not
	Code    int    // final response sent to the trunk

	Invited  time.Time
	Ringing  time.Time // first 18x relayed
	Answered time.Time
	Ended    time.Time
	HungUpBy Side
	Cause    int // Q.850 cause of the hang-up or the refusal, 0 when none was given

	Attempts  []Attempt
	Media     []Stream // of an anchored call
	Readopted bool     // taken over from the journal by a restarted edge
	ByToken   bool     // all this edge knows is the route token: another one answered
}

// AppendCDR appends one line. duration_ms counts from answer to end and is
// there, as 0, for calls that were never answered.
func (e *Encoder) AppendCDR(dst []byte, c *CDR) []byte {
	o := object{b: dst}
	o.open("cdr")
	o.text("edge", e.Edge)
	o.call("call", c.Call)
	o.wire("sip_call_id", c.SIPCallID)
	o.wire("call_key", c.CallKey)
	o.text("trunk", string(c.Trunk))
	o.addr("source", c.Source)
	o.text("route", string(c.Route))
	o.text("gateway", string(c.Gateway))
	o.number("public_number", c.PublicNumber, e)
	o.number("caller", c.Caller, e)
	o.text("routing_authority", c.RoutingAuthority.String())
	o.text("porting_state", c.PortingState.String())
	o.text("current_serving_provider", string(c.CurrentServingProvider))
	o.text("underlying_carrier", string(c.UnderlyingCarrier))
	o.text("customer_assignment", string(c.CustomerAssignment))
	o.text("because", string(c.Because))
	if c.Revision != 0 {
		o.uint("revision", c.Revision)
	}
	o.exact("earliest", c.Interval.Earliest)
	o.exact("latest", c.Interval.Latest)
	o.text("outcome", c.Outcome)
	o.count("code", c.Code)
	o.times(c)
	o.text("hung_up_by", string(c.HungUpBy))
	o.count("cause", c.Cause)
	o.attempts(c.Attempts)
	o.streams(c.Media)
	o.flag("readopted", c.Readopted)
	o.flag("by_token", c.ByToken)
	return o.close()
}

func (o *object) times(c *CDR) {
	o.time("invited", c.Invited)
	o.time("ringing", c.Ringing)
	o.time("answered", c.Answered)
	o.time("ended", c.Ended)
	if !c.Ringing.IsZero() {
		o.millis("post_dial_delay_ms", c.Ringing.Sub(c.Invited))
	}
	var duration time.Duration
	if !c.Answered.IsZero() {
		o.millis("setup_ms", c.Answered.Sub(c.Invited))
		// A call taken over after a restart has times of two clocks.
		duration = max(0, c.Ended.Sub(c.Answered))
	}
	o.millis("duration_ms", duration)
}

func (o *object) attempts(list []Attempt) {
	if len(list) == 0 {
		return
	}
	o.key("attempts")
	o.b = append(o.b, '[')
	for i := range list {
		a := &list[i]
		if i > 0 {
			o.b = append(o.b, ',')
		}
		o.b, o.more = append(o.b, '{'), false
		o.text("gateway", string(a.Gateway))
		o.addr("address", a.Address)
		o.millis("after_ms", a.After)
		o.millis("took_ms", a.Took)
		o.count("code", a.Code)
		o.text("result", a.Result)
		o.b, o.more = append(o.b, '}'), true
	}
	o.b = append(o.b, ']')
}
