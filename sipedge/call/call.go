// Package call answers: given what just happened, what is owed to each side of
// this call?
//
// A Call is one INVITE server transaction (RFC 3261 section 17.2.1, RFC 6026)
// with its response context (section 16) and the INVITE client transactions of
// its attempts (section 17.1.1). An Exchange is one non-INVITE request on its
// way through. Both are driven by Step: one event and an instant in, effects
// out. Nothing here sends, sets a timer, reads a clock or logs; whoever owns the
// call grants the effects and calls Step again when Next has come.
package call

import (
	"math"
	"time"
)

// Instant is a monotonic reading: the time since the edge began.
type Instant time.Duration

// Never is the instant that does not come.
const Never Instant = math.MaxInt64

func (t Instant) plus(d time.Duration) Instant { return t + Instant(d) }

// Timer values of RFC 3261 table 4.
const (
	T1 = 500 * time.Millisecond // round-trip estimate; first retransmission
	T2 = 4 * time.Second        // longest retransmission interval
	T4 = 5 * time.Second        // longest life of a message in the network

	Lifetime = 64 * T1           // timers B, D, F, H, J, L, M
	TimerC   = 185 * time.Second // section 16.6 step 11: more than three minutes
)

// Rules are what the route and the trunk's profile say about carrying a call.
// A zero duration means that timer does not exist.
type Rules struct {
	NoAnswer time.Duration // nothing at all from an address: the next one
	Progress time.Duration // only 100: the next gateway
	Ring     time.Duration // from the first 18x: CANCEL, and never another gateway
	Budget   time.Duration // the last attempt starts no later than this after the first
	Setup    time.Duration // the final response leaves no later than this after the INVITE

	FailoverOn        Codes // finals of a gateway that try the next one
	RescueOn          Codes // finals that a rescue is for: such a gateway failed as the exception says
	RescueSilent      bool  // a gateway that cannot be reached, or says nothing, failed so too
	AfterAnnouncement bool  // failover although a 183 was relayed, when nothing rang and the final is 404, 410 or 5xx
	ReapLate          bool  // a 2xx of a second gateway is ACKed and BYEd instead of forwarded
	InDialog          bool  // a re-INVITE: one target, and its final is the final
}

// Target is one address of one gateway, in the order in which they are tried.
type Target struct {
	Gateway  int  // addresses of one gateway share it
	Reliable bool // TCP or TLS: no retransmission by us
}

// State is the state of the INVITE server transaction.
type State uint8

const (
	Proceeding State = iota
	Completed        // a non-2xx final was sent, its ACK is awaited
	Confirmed        // the ACK came
	Accepted         // a 2xx was forwarded (RFC 6026)
	Terminated
)

// Ending says how a call came to its final response.
type Ending uint8

const (
	Open           Ending = iota
	Answered              // a 2xx was forwarded
	Canceled              // the caller gave up, 487
	Unanswered            // it rang, and nobody came
	GatewaysFailed        // no gateway of the route took the call
	Rejected              // a gateway's own final stands
	Refused               // the edge never tried
)

// Call is one INVITE on its way through. The zero Call is not usable; see Begin.
type Call struct {
	rules    *Rules
	targets  []Target
	branches []branch
	began    Instant

	state    State
	ending   Ending
	reliable bool // the caller's transport
	canceled bool
	rescue   bool // the other side may be asked, if every gateway fails as Rules.RescueOn has it
	alerted  bool // an 18x was relayed
	rang     bool // a 180 was relayed, or anything but an announcement
	rested   bool
	next     int // the first target not tried yet
	own      int // targets before it are those that a rescue has given up, 0 without one
	winner   int // the branch whose 2xx was forwarded, or -1
	kept     int // code of the response kept as the best, 0 for none

	hold  Instant // decide anew
	first Instant // when the first attempt began
	setup Instant
	again Instant // timer G
	every time.Duration
	end   Instant // timer H, I or L
}

// Begin makes a call of an INVITE that has just arrived; reliable says whether
// it came over TCP or TLS. setup bounds the time to the final response, 0 for
// no bound.
func (c *Call) Begin(now Instant, reliable bool, setup time.Duration) {
	branches := c.branches[:0]
	*c = Call{branches: branches, began: now, reliable: reliable, winner: -1}
	c.hold, c.again, c.end, c.setup = Never, Never, Never, Never
	if setup > 0 {
		c.setup = now.plus(setup)
	}
}

// State is the state of the server transaction.
func (c *Call) State() State { return c.state }

// Ending says how the final response came about, Open before it.
func (c *Call) Ending() Ending { return c.ending }

// Canceled says whether the caller sent CANCEL in time.
func (c *Call) Canceled() bool { return c.canceled }

// Attempts is the number of gateways' addresses tried so far.
func (c *Call) Attempts() int { return len(c.branches) }

// Target is the index of the target that branch i was sent to.
func (c *Call) Target(i int) int { return c.branches[i].target }

// Winner is the branch that answered, or -1.
func (c *Call) Winner() int { return c.winner }

// Next is the earliest instant at which Step wants a Tick.
func (c *Call) Next() Instant {
	next := min(c.hold, c.setup, c.again, c.end)
	for i := range c.branches {
		next = min(next, c.branches[i].due())
	}
	return next
}
