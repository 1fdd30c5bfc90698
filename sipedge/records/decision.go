package records

import (
	"net/netip"
	"time"

	"github.com/speakops/sipedge/routing"
	"github.com/speakops/sipedge/routing/e164"
)

// Decision is one INVITE server transaction: who asked for whom, what was
// answered, and everything the answer depended on. Slices are only read while
// a line is made. Zero fields are left out of the line.
type Decision struct {
	At   time.Time // when it was decided, this edge's clock
	Call CallID

	// What identifies the transaction, and what pairs a provider's retries.
	SIPCallID []byte
	Branch    []byte // of the topmost Via
	CallKey   []byte // the provider's own id of the call, as its profile finds it

	Source    netip.AddrPort
	Transport string
	Listener  string
	Trunk     routing.TrunkID

	PublicNumber e164.Number
	Dialled      []byte // as received; written only when it names no public number
	Caller       e164.Number

	// What the table believed.
	NumberType             routing.NumberType
	CurrentServingProvider routing.ProviderID
	UnderlyingCarrier      routing.CarrierID
	CustomerAssignment     routing.CustomerID

	// What an exception to "only the holder carries a call" rests on, so that an
	// audit can hold one against the other.
	Forced       routing.RoutingAuthority // the side a trusted test trunk asked for
	PSAP, Looped bool                     // an emergency call-back; our own legacy leg coming back
	Override     routing.Override         // in force, when it decided

	Interval routing.Interval // store time the decision was made in
	Held     time.Duration    // how long the INVITE waited for the clock first
	Answer   routing.Decision

	// Because stands in place of Answer's when a limit or the state of the edge
	// refused the call; Outcome and Code are what the trunk was told then.
	Because routing.Because
	Outcome string
	Code    int
}

// AppendDecision appends one line.
func (e *Encoder) AppendDecision(dst []byte, d *Decision) []byte {
	o := object{b: dst}
	o.open("decision")
	o.time("at", d.At)
	o.text("edge", e.Edge)
	o.call("call", d.Call)
	o.wire("sip_call_id", d.SIPCallID)
	o.wire("branch", d.Branch)
	o.wire("call_key", d.CallKey)
	o.text("trunk", string(d.Trunk))
	o.addr("source", d.Source)
	o.text("transport", d.Transport)
	o.text("listener", d.Listener)
	o.number("public_number", d.PublicNumber, e)
	if d.PublicNumber == 0 {
		o.dialled(d.Dialled, e)
	}
	o.number("caller", d.Caller, e)
	o.text("number_type", d.NumberType.String())
	o.text("current_serving_provider", string(d.CurrentServingProvider))
	o.text("underlying_carrier", string(d.UnderlyingCarrier))
	o.text("customer_assignment", string(d.CustomerAssignment))
	o.answer(&d.Answer, d.Because)
	o.rests(d)
	o.text("outcome", d.Outcome)
	o.count("code", d.Code)
	o.exact("earliest", d.Interval.Earliest)
	o.exact("latest", d.Interval.Latest)
	if d.Held > 0 {
		o.millis("held_ms", d.Held)
	}
	return o.close()
}

// answer writes a routing.Decision. The authority is always there, also as
// "none": that nobody may carry a call is a statement.
func (o *object) answer(a *routing.Decision, because routing.Because) {
	if because == "" {
		because = a.Because
	}
	o.text("decision", a.Kind.String())
	o.text("routing_authority", a.Authority.String())
	o.text("porting_state", a.PortingState.String())
	if a.Intent != routing.IntentNone {
		o.text("intent", a.Intent.String())
	}
	o.text("because", string(because))
	if a.Revision != 0 {
		o.uint("revision", a.Revision)
	}
	o.exact("until", a.Until)
	if a.Route == nil {
		return
	}
	o.text("route", string(a.Route.ID))
	o.key("gateways")
	o.b = append(o.b, '[')
	for i, at := range a.Order.At[:min(a.Order.N, routing.MaxAttempts)] {
		if int(at) >= len(a.Route.Gateways) {
			break
		}
		if i > 0 {
			o.b = append(o.b, ',')
		}
		o.b = appendText(o.b, string(a.Route.Gateways[at].ID))
	}
	o.b = append(o.b, ']')
}

func (o *object) rests(d *Decision) {
	if d.Forced != routing.AuthorityNone {
		o.text("forced", d.Forced.String())
	}
	o.flag("psap", d.PSAP)
	o.flag("looped", d.Looped)
	o.exact("override_from", d.Override.From)
	o.exact("override_until", d.Override.Until)
	o.text("override_author", d.Override.Author)
}

// dialled writes what could not be read as a number. Where numbers are masked,
// its digits are too, all but the last two: it may well hold one.
func (o *object) dialled(s []byte, e *Encoder) {
	if len(s) == 0 || e.Mask == nil {
		o.wire("dialled", s)
		return
	}
	var room [maxText + 1]byte // one more, so that a cut text still shows it
	masked := room[:copy(room[:], s)]
	kept := 0
	for i := len(masked) - 1; i >= 0; i-- {
		if c := masked[i]; c >= '0' && c <= '9' {
			if kept++; kept > 2 {
				masked[i] = '*'
			}
		}
	}
	o.wire("dialled", masked)
}
