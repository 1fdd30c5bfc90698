package profile

import "github.com/speakops/sipedge/routing"

// Outcome is what became of a call, before it has a SIP code. Every final
// response that leaves the edge is one of these first.
type Outcome uint8

const (
	NotOurs        Outcome = iota // no such number here, and the table is sure of it
	RetryElsewhere                // this edge may not know; another may
	Busy
	Declined
	NoAnswer
	Blocked
	Loop
	TrunkLimit
	NumberLimit
	Overload
	Draining
	GatewaysFailed
	Canceled // the caller gave up: 487
	Relayed  // the gateway's own answer goes on as it is; it has no code of its own
	outcomes
)

var outcomeNames = [outcomes]string{
	"not_ours", "retry_elsewhere", "busy", "declined", "no_answer", "blocked", "loop",
	"trunk_limit", "number_limit", "overload", "draining", "gateways_failed", "canceled", "relayed",
}

// String is the one word used in configs, logs and metrics.
func (o Outcome) String() string {
	if o >= outcomes {
		return "unknown"
	}
	return outcomeNames[o]
}

// ParseOutcome reads the word of an Outcome that has a code of its own.
func ParseOutcome(word string) (Outcome, bool) {
	for o, name := range outcomeNames {
		if name == word && Outcome(o) != Relayed {
			return Outcome(o), true
		}
	}
	return 0, false
}

// OutcomeNames are the words of all outcomes that have a code.
func OutcomeNames() []string { return append([]string(nil), outcomeNames[:Relayed]...) }

// userLevel outcomes are the callee's last word, or ours about this one number:
// an upstream that tried another route after them would ring somebody twice or
// get round a block.
func (o Outcome) userLevel() bool {
	switch o {
	case Busy, Declined, NoAnswer, Blocked, NumberLimit:
		return true
	}
	return false
}

// wholeEdge outcomes say something about every call, not about this one. Only
// they may carry Retry-After, on which a peer may stop using the whole server
// (RFC 3261 section 21.5.4).
func (o Outcome) wholeEdge() bool { return o == Overload || o == Draining }

// OfIntent is the outcome of a refusal by routing.
func OfIntent(i routing.Intent) Outcome {
	switch i {
	case routing.NotOurs:
		return NotOurs
	case routing.Busy:
		return Busy
	case routing.Blocked:
		return Blocked
	case routing.Loop:
		return Loop
	}
	// A refusal without a meaning must not become a lasting no.
	return RetryElsewhere
}

// OutcomeOf is what a gateway's final response (300 to 699) means.
func OutcomeOf(code int) Outcome {
	switch code {
	case 401, 407:
		// A challenge is for the edge, which has no credential: the gateway is
		// of no use to this call (and answering strangers' challenges leaks).
		return GatewaysFailed
	case 403, 433, 603:
		return Declined
	case 404, 410, 484, 604:
		return NotOurs
	case 408:
		return GatewaysFailed
	case 480:
		return NoAnswer
	case 482, 483:
		return Loop
	case 486, 600:
		return Busy
	case 487:
		return Canceled
	case 580, 606:
		// Precondition failure (RFC 3312) and a global 488: the offer's fault,
		// which only the caller can mend.
		return Relayed
	case 607, 608:
		return Blocked
	}
	switch {
	case code >= 600 && code <= 699:
		return Declined
	case code >= 500 && code <= 599, code >= 300 && code <= 399:
		return GatewaysFailed
	}
	// 415, 420, 421, 422, 488, 491 and their kin are a conversation between the
	// two ends, and their headers (Min-SE, Unsupported, Require, Accept) with
	// them; a 4xx nobody knows is worth no less than the 400 it stands for.
	return Relayed
}
