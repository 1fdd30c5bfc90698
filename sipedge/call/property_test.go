package call

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// owner plays a shard that grants everything, and keeps its own, simpler book of
// what a call may ask for.
type owner struct {
	t     *rapid.T
	c     Call
	now   Instant
	rules Rules

	canceled, alerted, announced bool
	finals, answers              int
	branches                     []outcomeOf
	gone                         bool
	asked                        bool // for a rescue
	own                          int  // branches before it
	targets                      []Target
	then                         []Event // answers to what the call has asked for
}

// outcomeOf is what one branch has seen.
type outcomeOf struct {
	began                                                    Instant
	code                                                     int // its first final, while it was waited for
	provisional, inTime, final, answered, broken, cancelSent bool
}

func (o *owner) step(ev Event) {
	if o.gone {
		return
	}
	for _, e := range o.c.Step(ev, o.now, nil) {
		o.grant(e)
	}
	for len(o.then) > 0 {
		next := o.then[0]
		o.then = o.then[1:]
		o.step(next)
	}
}

func (o *owner) grant(e Effect) {
	t := o.t
	if o.gone {
		t.Fatalf("%s after gone", e.word())
	}
	switch e.Kind {
	case Attempt:
		switch {
		case o.canceled:
			t.Fatalf("an attempt after CANCEL")
		case o.finals+o.answers > 0:
			t.Fatalf("an attempt after a final response")
		case o.alerted && !(o.rules.AfterAnnouncement && o.announced):
			t.Fatalf("an attempt after a relayed 18x")
		case e.Branch != len(o.branches):
			t.Fatalf("branch %d after %d", e.Branch, len(o.branches))
		}
		o.branches = append(o.branches, outcomeOf{began: o.now})
	case Relay:
		if e.Branch < o.own && o.reached() {
			t.Fatalf("branch %d is relayed, and the call is the other side's", e.Branch)
		}
		if e.Code >= 200 {
			if o.finals > 0 && !o.rules.InDialog {
				t.Fatalf("a 2xx after a failure")
			}
			o.answers++
			return
		}
		if o.finals+o.answers > 0 {
			t.Fatalf("a provisional after a final response")
		}
		if e.Code == 100 {
			t.Fatalf("a 100 travels on")
		}
		o.announced = e.Code == 183 && (o.announced || !o.alerted)
		o.alerted = true
	case Finish:
		if o.finals++; o.finals > 1 || o.answers > 0 {
			t.Fatalf("%d failures and %d answers", o.finals, o.answers)
		}
	case SendCancel:
		b := &o.branches[e.Branch]
		if b.cancelSent || b.final || !b.provisional {
			t.Fatalf("CANCEL of branch %d, which is %+v", e.Branch, *b)
		}
		b.cancelSent = true
	case RepeatCancel:
		if !o.branches[e.Branch].cancelSent {
			t.Fatalf("a CANCEL repeated that was never sent")
		}
	case Repeat:
		if b := o.branches[e.Branch]; b.provisional || b.final {
			t.Fatalf("an INVITE repeated after %+v", b)
		}
	case SendAck:
		if !o.branches[e.Branch].final {
			t.Fatalf("an ACK of nothing")
		}
	case Rescue:
		switch {
		case o.asked || o.canceled || o.finals+o.answers > 0:
			t.Fatalf("a rescue when it is too late")
		case o.alerted && !(o.rules.AfterAnnouncement && o.announced):
			t.Fatalf("a rescue after a relayed 18x")
		}
		o.rescue()
	case Resend:
		if o.answers > 0 && o.finals == 0 {
			t.Fatalf("a response of ours repeated after an answer")
		}
	case Gone:
		o.gone = true
	}
}

// rescue answers a call that asks for the other side.
func (o *owner) rescue() {
	o.asked, o.own = true, len(o.branches)
	for i, b := range o.branches {
		if b.code != 0 && !o.rules.RescueOn.Has(b.code) && !b.cancelSent {
			o.t.Fatalf("a rescue although gateway %d said %d", i, b.code)
		}
	}
	ev := Event{Kind: Forgo}
	if rapid.Bool().Draw(o.t, "rescued") {
		ev = Event{Kind: Carry, Rules: &o.rules, Targets: append(o.targets, Target{Gateway: 9}, Target{Gateway: 9}, Target{Gateway: 10})}
	}
	o.then = append(o.then, ev)
}

// reached says whether the other side was asked.
func (o *owner) reached() bool { return o.asked && len(o.branches) > o.own }

// pass lets time pass, timer by timer. A timer that does not move on is a loop
// that would burn a core.
func (o *owner) pass(until Instant) {
	for rings := 0; o.c.Next() <= until && !o.gone; rings++ {
		next := o.c.Next()
		if next < o.now {
			o.t.Fatalf("a timer in the past: %s at %s", time.Duration(next), time.Duration(o.now))
		}
		o.now = next
		o.step(Event{Kind: Tick})
		if o.c.Next() <= o.now && !o.gone {
			o.t.Fatalf("the timer at %s is not over after it rang", time.Duration(o.now))
		}
		if rings > 1000 {
			o.t.Fatalf("a thousand timers rang")
		}
	}
	o.now = max(o.now, until)
}

func drawRules(t *rapid.T) Rules {
	either := func(label string, d time.Duration) time.Duration {
		return rapid.SampledFrom([]time.Duration{0, d}).Draw(t, label)
	}
	return Rules{
		NoAnswer: either("no_answer", 2*time.Second), Progress: either("progress", 4*time.Second),
		Ring: either("ring", 90*time.Second), Budget: either("budget", 8*time.Second),
		FailoverOn:        NewCodes(408, 500, 503),
		RescueOn:          rapid.SampledFrom([]Codes{NewCodes(404), NewCodes(408, 500, 503)}).Draw(t, "rescue_on"),
		RescueSilent:      rapid.Bool().Draw(t, "rescue_silent"),
		AfterAnnouncement: rapid.Bool().Draw(t, "after_announcement"),
		ReapLate:          rapid.Bool().Draw(t, "reap_late"),
		InDialog:          rapid.IntRange(0, 4).Draw(t, "in_dialog") == 0,
	}
}

func (o *owner) begin(t *rapid.T) {
	o.rules = drawRules(t)
	o.c.Begin(0, rapid.Bool().Draw(t, "reliable"), rapid.SampledFrom([]time.Duration{0, 180 * time.Second}).Draw(t, "setup"))
	n := rapid.IntRange(1, 4).Draw(t, "targets")
	if o.rules.InDialog {
		n = 1
	}
	targets := make([]Target, n)
	for i := range targets {
		targets[i] = Target{Gateway: rapid.IntRange(0, i).Draw(t, "gateway"), Reliable: rapid.Bool().Draw(t, "tcp")}
	}
	if rapid.IntRange(0, 5).Draw(t, "held") == 0 {
		o.step(Event{Kind: Wait, At: at(time.Second)})
		if rapid.Bool().Draw(t, "given_up") {
			o.canceled = true
			o.step(cancel)
		}
		o.pass(at(time.Second))
	}
	o.targets = targets
	o.step(Event{Kind: Carry, Targets: targets, Rules: &o.rules, Rescue: !o.rules.InDialog && rapid.Bool().Draw(t, "rescue")})
}

// event is one thing that may happen next.
func (o *owner) event(t *rapid.T) {
	if o.gone {
		return
	}
	switch kind := rapid.SampledFrom([]EventKind{Tick, Tick, Again, Ack, Cancel, Response, Response, Response, Response, CancelResponse, Broken}).Draw(t, "event"); kind {
	case Tick:
		o.pass(o.now + at(rapid.SampledFrom([]time.Duration{0, 300 * time.Millisecond, 2 * time.Second, 5 * time.Second, 40 * time.Second, 100 * time.Second}).Draw(t, "wait")))
	case Ack:
		if o.c.State() == Completed {
			o.step(ack)
		}
	case Again:
		o.step(again)
	case Cancel:
		o.canceled = o.canceled || o.finals+o.answers == 0
		o.step(cancel)
	default:
		o.branchEvent(t, kind)
	}
}

func (o *owner) branchEvent(t *rapid.T, kind EventKind) {
	if len(o.branches) == 0 {
		return
	}
	i := rapid.IntRange(0, len(o.branches)-1).Draw(t, "branch")
	ev := Event{Kind: kind, Branch: i}
	b := &o.branches[i]
	switch kind {
	case Response:
		ev.Code = rapid.SampledFrom([]int{100, 180, 183, 200, 302, 404, 408, 486, 487, 500, 503, 603}).Draw(t, "code")
		b.provisional = b.provisional || ev.Code < 200 && !b.final
		// After 32 s without a word (timer B) an INVITE is over, whatever comes.
		b.inTime = b.inTime || b.provisional && o.now <= b.began.plus(Lifetime)
		b.answered = b.answered || ev.Code >= 200 && ev.Code < 300
		if ev.Code >= 200 && !b.final && i == len(o.branches)-1 {
			b.code = ev.Code
		}
		b.final = b.final || ev.Code >= 200
	case CancelResponse:
		if !b.cancelSent {
			return
		}
	case Broken:
		b.broken = true
	}
	o.step(ev)
}

// Whatever happens in whatever order, a call ends, once, and leaves no phone
// ringing behind.
func TestAnyCall(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := &owner{t: t}
		o.begin(t)
		for range rapid.IntRange(0, 25).Draw(t, "events") {
			o.event(t)
		}
		last := o.now
		o.pass(last + at(TimerC+90*time.Second+5*Lifetime))
		if !o.gone {
			t.Fatalf("the call is still there %s after the last event: state %d, ending %d", time.Duration(o.now-last), o.c.State(), o.c.Ending())
		}
		if o.finals+o.answers == 0 {
			t.Fatalf("the caller was never told anything")
		}
		for i, b := range o.branches {
			if b.inTime && !b.final && !b.broken && !b.cancelSent {
				t.Fatalf("branch %d rings for ever: %+v", i, b)
			}
		}
	})
}
