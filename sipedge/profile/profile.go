// Package profile answers: how does this trunk's provider speak, and what will
// it make of what we say?
//
// One code means opposite things to different upstreams: what one takes for a
// last word makes another try its next route. So the edge thinks in outcomes,
// and a Profile compiles an Outcome to the code which that provider's failover
// logic understands. It also knows where the provider puts the called number,
// and which headers may cross the border. A Profile is immutable; the package
// is quiet.
package profile

import (
	"fmt"
	"slices"
	"time"

	"github.com/speakops/sipedge/sipedge/message"
)

// Late says what becomes of a 2xx from another gateway after the first one.
type Late uint8

const (
	// LateForward hands every 2xx to the caller, as RFC 3261 section 16.7 asks.
	LateForward Late = iota
	// LateAckBye acknowledges it and hangs up: a carrier's switch knows one
	// callee per call and leaves the second one in silence.
	LateAckBye
)

// Spec is a profile as written; New compiles it.
type Spec struct {
	Name         string
	Called       []Place // where the called number is, the first that names one
	NumberFormat Format
	KeepFinals   bool  // a gateway's finals keep their codes, as far as the rules allow
	RetriesOn    []int // finals after which this upstream tries another route, as far as known
	Late         Late
	MergeKey     string // header that is equal in two deliveries of one call; "" for none

	// Names of headers that do not pass; a * at the end matches a prefix.
	StripUntrusted []string // from requests of a trunk whose identity is not trusted
	StripTrusted   []string // from requests of a trunk whose identity is
	StripGateway   []string // towards gateways, in either case
	StripUpstream  []string // from everything sent towards the trunk

	Answers map[Outcome]Answer // for each Outcome but Relayed
}

// Profile is compiled and ready for calls; it is safe for concurrent use.
type Profile struct {
	Name     string
	Late     Late
	MergeKey string

	called    []Place
	format    Format
	keep      bool
	retriesOn []int
	answers   [outcomes]Answer

	untrusted, trusted []string
	upstreamNames      []string
	upstream           *message.HeaderSet
	inward             [2]*message.HeaderSet // by trust
}

// Fault is one thing wrong with a Spec; Field is its place in the written form.
type Fault struct{ Field, Problem, Remedy string }

// New compiles a Spec. All its faults come back at once, and then no Profile.
func New(s Spec) (*Profile, []Fault) {
	faults := check(s)
	if len(faults) > 0 {
		return nil, faults
	}
	p := &Profile{
		Name: s.Name, Late: s.Late, MergeKey: s.MergeKey,
		called: slices.Clone(s.Called), format: s.NumberFormat, keep: s.KeepFinals, retriesOn: slices.Clone(s.RetriesOn),
	}
	for o, a := range s.Answers {
		if a.Reason == "" {
			a.Reason = Phrase(a.Code)
		}
		p.answers[o] = a
	}
	p.compileHeaders(s)
	return p, nil
}

// Final is the response an outcome becomes towards this trunk. Relayed has
// none: its Answer is zero.
func (p *Profile) Final(o Outcome) Answer {
	if o >= outcomes {
		o = GatewaysFailed
	}
	return p.answers[o]
}

// Translate says what a gateway's final (300 to 699) becomes towards the trunk.
// With relay the gateway's own response goes on, code and headers; without it
// the Answer is ours and nothing of the gateway's is seen.
func (p *Profile) Translate(code int) (answer Answer, relay bool) {
	o := OutcomeOf(code)
	own := Answer{Code: code, Reason: Phrase(code), Cause: p.answers[o].Cause}
	switch {
	case never(code):
		return p.answers[GatewaysFailed], false
	case o == Relayed:
		return own, true
	case p.keep && !(o.userLevel() && slices.Contains(p.retriesOn, code)):
		return own, true
	case p.answers[o].Code == code:
		return p.answers[o], true
	}
	return p.answers[o], false
}

// never: redirects are not followed for strangers' sake (our routes say where
// calls go), challenges are not the caller's to answer, and one gateway's 503
// is its own trouble (RFC 3261 section 16.7 step 6).
func never(code int) bool {
	return code < 400 || code == 401 || code == 407 || code == 503 || code > 699
}

// RetriesOn says whether this upstream is known to try another route after a code.
func (p *Profile) RetriesOn(code int) bool { return slices.Contains(p.retriesOn, code) }

func check(s Spec) []Fault {
	var faults []Fault
	add := func(field, problem, remedy string) { faults = append(faults, Fault{field, problem, remedy}) }
	if len(s.Called) == 0 {
		add("called", "names no place of the called number", "write called: [ request_uri ]")
	}
	for i, pl := range s.Called {
		if pl >= places {
			add(fmt.Sprintf("called[%d]", i), "is not a place", "use a place the edge knows")
		}
	}
	for o := range Relayed {
		faults = append(faults, checkAnswer(s, o)...)
	}
	return faults
}

func checkAnswer(s Spec, o Outcome) (faults []Fault) {
	field := "outcomes." + o.String()
	add := func(leaf, problem, remedy string) {
		faults = append(faults, Fault{field + leaf, problem, remedy})
	}
	a, ok := s.Answers[o]
	switch {
	case !ok:
		add("", "has no code", "write { code: ... }")
		return faults
	case a.Code < 400 || a.Code > 699:
		add(".code", fmt.Sprintf("%d is not a failure response", a.Code), "write a code from 400 to 699")
	case a.Code == 401 || a.Code == 407:
		add(".code", fmt.Sprintf("%d asks the upstream for a password", a.Code), "write another code")
	case o.userLevel() && slices.Contains(s.RetriesOn, a.Code):
		add(".code", fmt.Sprintf("this upstream tries another route after %d (retries_on), and the callee would be rung twice", a.Code),
			"write a code that is not in retries_on")
	}
	if a.RetryAfter != 0 && !o.wholeEdge() {
		add(".retry_after", "a peer may stop using the whole edge on Retry-After", "remove it; only overload and draining may have one")
	}
	if a.RetryAfter < 0 || a.RetryAfter > time.Hour || a.RetryAfter%time.Second != 0 {
		add(".retry_after", fmt.Sprintf("%s is not a number of seconds up to an hour", a.RetryAfter), "write whole seconds, such as 5s")
	}
	if a.Cause < 0 || a.Cause > 127 {
		add(".cause", fmt.Sprintf("%d is not a Q.850 cause", a.Cause), "write a number from 1 to 127, or 0 for none")
	}
	for i := range len(a.Reason) {
		if a.Reason[i] < ' ' || a.Reason[i] == 0x7f {
			add(".reason", "holds a line end or another control character", "write plain words")
			break
		}
	}
	return faults
}
