// Package observe answers: what does the edge show of itself, and under which
// name?
//
// Every log key and every metric name is in this package and nowhere else. It
// makes the logger, masks numbers in it, and holds the Metrics that the edge
// counts in: plain padded atomics on the call path, read by OpenTelemetry when
// Prometheus asks. A public number is never a label.
package observe

import "runtime/debug"

// Log keys: the vocabulary, as in records, configs and the store.
const (
	KeyEdge                   = "edge"
	KeyCall                   = "call"
	KeySIPCallID              = "sip_call_id"
	KeyTrunk                  = "trunk"
	KeySource                 = "source"
	KeyListener               = "listener"
	KeyTransport              = "transport"
	KeyPublicNumber           = "public_number"
	KeyCaller                 = "caller"
	KeyDialled                = "dialled"
	KeyDecision               = "decision"
	KeyRoutingAuthority       = "routing_authority"
	KeyPortingState           = "porting_state"
	KeyCurrentServingProvider = "current_serving_provider"
	KeyUnderlyingCarrier      = "underlying_carrier"
	KeyCustomerAssignment     = "customer_assignment"
	KeyRevision               = "revision"
	KeyBecause                = "because"
	KeyIntent                 = "intent"
	KeyOutcome                = "outcome"
	KeyCode                   = "code"
	KeyRoute                  = "route"
	KeyGateway                = "gateway"
	KeyAddress                = "address"
	KeyMethod                 = "method"
	KeyReason                 = "reason"
	KeyState                  = "state"
	KeyError                  = "error"
	KeyPanic                  = "panic"
	KeyStack                  = "stack"
	KeyFile                   = "file"
	KeyCount                  = "count"
	KeyDuration               = "duration"
	KeySuppressed             = "suppressed" // equal lines left out since the last one
	KeyActor                  = "actor"      // whose token an admin request carried
	KeyPath                   = "path"
	KeyTraceID                = "trace_id"
	KeySpanID                 = "span_id"
	KeyResult                 = "result"             // of an attempt at a gateway
	KeyPostDialDelay          = "post_dial_delay_ms" // INVITE to the first 18x relayed
	KeyHeld                   = "held_ms"            // for the clock
)

// Version is that of the module this program was built from.
func Version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}

// maskedKeys are the keys whose values are numbers of people.
var maskedKeys = map[string]bool{KeyPublicNumber: true, KeyCaller: true, KeyDialled: true}
