// Package health answers: is this next hop worth a call?
//
// A Gateway is the health of one gateway: that of each of its resolved
// addresses, and what they add up to. It learns from probes, which ask on
// purpose, and from calls, which found out the hard way and weigh more. It is
// quiet: instants come in as arguments, changes go out as values, and nothing
// here sends a probe or waits.
package health

import (
	"net/netip"
	"time"
)

// State is what is believed about an address or a gateway.
type State uint8

const (
	Unknown State = iota // nothing is held against it: calls try it
	Up                   // it answered
	Dark                 // calls step around it while anything else is left
)

// String is the word used in logs, metrics and the admin API.
func (s State) String() string {
	switch s {
	case Up:
		return "up"
	case Dark:
		return "dark"
	}
	return "unknown"
}

// Reason is one stable word for why a state was taken.
type Reason string

const (
	New              Reason = "new"                // seen for the first time
	ProbeAnswered    Reason = "probe_answered"     // anything but 408 and 503
	ProbeSilent      Reason = "probe_silent"       // no response in time, or the transport failed
	ProbeRefused     Reason = "probe_refused"      // 408 or 503
	CallAnswered     Reason = "call_answered"      // a call got a response that proves life
	CallSilent       Reason = "call_silent"        // no response at all to a call
	CallStalled      Reason = "call_stalled"       // only 100 until the progress timer
	CallUnavailable  Reason = "call_unavailable"   // 503 to a call
	CallUnreachable  Reason = "call_unreachable"   // refused by the network: ICMP, TCP reset, TLS handshake
	RetryAfter       Reason = "retry_after"        // 503 to a call with Retry-After
	RetryAfterPassed Reason = "retry_after_passed" // the time the gateway itself named is over
	TriedAgain       Reason = "tried_again"        // dark long enough, and nothing probes it
	ProbingOff       Reason = "probing_off"        // probes were switched off by a reload
	NoAddress        Reason = "no_address"         // its name has no usable address
	AddressFound     Reason = "address_found"      // its name has an address again
)

// Bounds of darkness caused by calls.
const (
	MaxRetryAfter = 5 * time.Minute  // a longer Retry-After is cut to this
	FirstHold     = 30 * time.Second // a second fall by calls in a row; the next ones double it
	MaxHold       = 5 * time.Minute
	FaultMemory   = time.Minute      // a call's fault counts this long after the last one
	Steady        = 10 * time.Minute // so long up, and earlier falls are forgotten
)

// How much one finding weighs against Settings.Fall.
const (
	probeWeight = 1
	stallWeight = 1
	callWeight  = 2
)

// Addr names one resolved address of a gateway. Proto is the transport, as
// numbered by whoever asks; here it only tells addresses apart.
type Addr struct {
	Proto uint8
	At    netip.AddrPort
}

// Settings of one gateway.
type Settings struct {
	Probed bool // probes are sent; without them darkness ends by time alone
	Fall   int  // weight of findings in a row that makes an address dark (3)
	Rise   int  // answered probes in a row that bring it back (2)
}

func (s Settings) withDefaults() Settings {
	if s.Fall < 1 {
		s.Fall = 3
	}
	if s.Rise < 1 {
		s.Rise = 2
	}
	return s
}

// Event is something learned about a gateway: Probed, Called, Found, Lost,
// Configured or Tick.
type Event interface{ event() }

// Probed is the outcome of one probe. Code is its final response, 0 when none
// came or the transport failed.
type Probed struct {
	Addr Addr
	Code int
}

// Called is what one attempt of a call found out about an address.
type Called struct {
	Addr    Addr
	Outcome Outcome
}

// Outcome of one attempt of a call.
type Outcome struct {
	Result     Result
	RetryAfter time.Duration // of a 503, 0 when absent
	Sent       time.Time     // when the attempt began; a success older than the fall proves nothing. Zero: now
}

// Result is the kind of an Outcome.
type Result uint8

const (
	Answered    Result = iota // a provisional above 100 or a final other than 408 and 503
	Unavailable               // 503
	Silent                    // nothing at all until the no_answer timer
	Stalled                   // only 100 until the progress timer
	Unreachable               // the transport failed
)

// Found says at which addresses a gateway lives now, in place of those before.
type Found struct{ Addrs []Addr }

// Lost says that a gateway's name has, authoritatively, no address.
type Lost struct{}

// Configured replaces the settings.
type Configured struct{ Settings Settings }

// Tick lets time pass; Gateway.Wake says when one is due.
type Tick struct{}

func (Probed) event()     {}
func (Called) event()     {}
func (Found) event()      {}
func (Lost) event()       {}
func (Configured) event() {}
func (Tick) event()       {}

// Change is one change of state. Addr is the zero Addr when the gateway as a
// whole changed and has not exactly one address.
type Change struct {
	Addr     Addr
	Whole    bool // the gateway, and not one of its several addresses
	From, To State
	Reason   Reason
	At       time.Time
}

// Proves says whether a final response to a probe proves life: anything but
// 408, which any proxy on the way says for the dead, and 503.
func Proves(code int) bool { return code != 0 && code != 408 && code != 503 }

// Judge reads a response to a call: Answered above 100, Unavailable for 503.
// says is false for what proves nothing: 100, which a proxy says before it has
// asked anyone, and 408, which it says for the dead.
func Judge(code int) (r Result, says bool) {
	switch {
	case code == 503:
		return Unavailable, true
	case code <= 100 || code == 408:
		return Answered, false
	}
	return Answered, true
}
