package call

import "time"

// EventKind says what happened.
type EventKind uint8

const (
	Tick           EventKind = iota // Next has come
	Carry                           // the decision is a route: Targets, Rules, Rescue
	Wait                            // the decision is to hold until At
	Refuse                          // the decision is a refusal
	Again                           // the INVITE was retransmitted
	Ack                             // the ACK of our non-2xx final came
	Cancel                          // a CANCEL of the INVITE came
	Response                        // Branch answered the INVITE with Code
	CancelResponse                  // Branch answered our CANCEL
	Broken                          // Branch cannot be reached: a transport error
	Forgo                           // there is no rescue: what the gateways said stands
)

// Event is one thing that happened to a Call or an Exchange.
type Event struct {
	Kind    EventKind
	Branch  int
	Code    int
	At      Instant
	Targets []Target // kept by the Call; of a rescue, behind those it had
	Rules   *Rules   // kept by the Call
	Rescue  bool     // of Carry: an exception allows the other side, once every gateway of this one has failed
}

// EffectKind says what is to be done.
type EffectKind uint8

const (
	Decide       EffectKind = iota // the hold is over: ask for a decision again
	Attempt                        // send the INVITE to Target as Branch
	Repeat                         // send Branch's request again
	SendCancel                     // send the CANCEL of Branch
	RepeatCancel                   // send it again
	SendAck                        // ACK the non-2xx of this event on Branch; a repeated one gets the same ACK. Code is 0 when it changes nothing any more
	Relay                          // forward the response of this event to the caller
	Keep                           // keep the response of this event: it is the best so far
	Finish                         // send the final response: Ending says which; Kept means the kept response is it
	Resend                         // send our last response again
	Reap                           // ACK the 2xx of this event on Branch and end its dialog with BYE
	Rest                           // only retransmissions are left to absorb: shrink
	Gone                           // nothing is left at all
	Respond                        // Exchange: a response of our own with Code
	Rescue                         // every gateway failed as the exception is for: Carry with the other side's targets, or Forgo
)

// Effect is a wish; the owner of the call grants it.
type Effect struct {
	Kind   EffectKind
	Branch int
	Target int
	Code   int
	Ending Ending
	Kept   bool
}

// Codes is a set of status codes from 300 to 699.
type Codes [7]uint64

// NewCodes makes a set; codes outside 300 to 699 are ignored.
func NewCodes(codes ...int) (s Codes) {
	for _, c := range codes {
		if c >= 300 && c < 700 {
			s[(c-300)/64] |= 1 << ((c - 300) % 64)
		}
	}
	return s
}

// Has says whether a code is in the set.
func (s *Codes) Has(code int) bool {
	return code >= 300 && code < 700 && s[(code-300)/64]>>((code-300)%64)&1 == 1
}

// timer is a retransmission timer whose interval doubles up to a cap.
type timer struct {
	at    Instant
	every time.Duration
}

func (t *timer) start(now Instant, every time.Duration) { t.at, t.every = now.plus(every), every }
func (t *timer) stop()                                  { t.at = Never }

// ring says whether the timer has expired, and if so doubles it; cap 0 is none.
func (t *timer) ring(now Instant, longest time.Duration) bool {
	if now < t.at {
		return false
	}
	t.every *= 2
	if longest > 0 {
		t.every = min(t.every, longest)
	}
	t.at = now.plus(t.every)
	return true
}
