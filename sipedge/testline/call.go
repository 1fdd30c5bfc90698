package testline

import (
	"strconv"
	"time"

	"github.com/speakops/sipedge/sipedge/call"
	"github.com/speakops/sipedge/sipedge/media/sdp"
	"github.com/speakops/sipedge/sipedge/message"
)

// Options are what the edge knows of a call to a line and the line does not.
type Options struct {
	Place   Place // of its media; zero: there are no ports for it
	Policy  sdp.Policy
	Contact []byte // a name-addr at which the line is reached
	Via     []byte // of requests of its own, without a branch
	Tag     string // of its dialog, random
	Session uint64 // of its descriptions, random
}

// EventKind says what happened to a Call.
type EventKind uint8

const (
	Tick     EventKind = iota // Next has come
	Request                   // Message came inside of the dialog, or belongs to its INVITE
	Response                  // Message answers a request of the line's own
	Drain                     // the edge ends: hang up
)

// Event is one thing that happened. Heard is what the line has heard so far, for
// whoever hangs up to read; "" for nothing.
type Event struct {
	Kind    EventKind
	Message *message.Message
	Heard   string
}

// EffectKind says what is to be done.
type EffectKind uint8

const (
	Send  EffectKind = iota // Bytes, to the caller
	Agree                   // Terms are in force, and the line may be heard
	Hush                    // release the media: the call is over
	Over                    // nothing is left: forget it
)

// Effect is a wish; the edge grants it.
type Effect struct {
	Kind  EffectKind
	Bytes []byte
	Terms Terms
}

// Call is one call to a line. It is of one INVITE and the dialog that may come
// of it; messages reach it in order and lose nothing, because the edge that
// carries them is a stateful proxy in the same process. Only what travels from
// end to end is repeated here: a 2xx until its ACK, a reliable provisional until
// its PRACK.
type Call struct {
	line Line
	o    Options
	session

	invite  message.Message // as it came; a re-INVITE takes its place
	to      []byte          // our own To value, tag and all
	target  []byte          // where the caller is reached
	routes  [][]byte
	remote  uint32 // highest CSeq of the caller
	local   uint32 // of ours
	stage   stage
	offered bool // we have made an offer and wait for the answer
	settled bool // an offer has been answered
	body    []byte
	terms   Terms

	speak    call.Instant // when it answers, refuses, or says again that it rings
	due      call.Instant // when it answers or refuses
	hangUp   call.Instant
	answer   resend // the 2xx that waits for its ACK
	reliable resend // the provisional that waits for its PRACK
	rseq     uint32
	prack    bool // provisionals are to be reliable
	timer    timer
	ours     own
}

type stage uint8

const (
	setup stage = iota // no final response yet
	up
	ended // BYE, or a failure
)

// resend is a response that is repeated until the caller says that it came.
type resend struct {
	on    bool
	bytes []byte
	at    call.Instant
	every time.Duration
	until call.Instant
}

func (r *resend) start(b []byte, now call.Instant) {
	*r = resend{on: true, bytes: b, every: call.T1, at: now + call.Instant(call.T1), until: now + call.Instant(call.Lifetime)}
}

func (r *resend) next() call.Instant {
	if !r.on {
		return call.Never
	}
	return min(r.at, r.until)
}

// Begin takes the INVITE of a call to a line.
func Begin(l Line, o Options, m *message.Message, now call.Instant, out []Effect) (*Call, []Effect) {
	c := &Call{
		line: l, o: o, session: session{place: o.Place, id: o.Session},
		speak: call.Never, due: call.Never, hangUp: call.Never, remote: m.CSeq,
	}
	c.timer.off()
	m.CopyTo(&c.invite)
	c.to = append(append(append([]byte(nil), m.Value(message.KTo)...), ";tag="...), o.Tag...)
	for v := range c.invite.Values(message.KRecordRoute) {
		c.routes = append(c.routes, v)
	}
	c.retarget(&c.invite)
	if code, extra := c.unfit(&c.invite); code != 0 {
		return c, c.refuse(code, extra, now, out)
	}
	if c.line.Talks() {
		var code int
		if code, out = c.offer(out); code != 0 {
			return c, c.refuse(code, nil, now, out)
		}
	}
	c.timer.read(&c.invite, now)
	c.prack = c.invite.HasToken(message.KRequire, "100rel") || c.line.Content == Announce && c.invite.HasToken(message.KSupported, "100rel")
	return c, c.ring(now, out)
}

// offer takes the SDP of the INVITE in hand, or makes an offer in its place;
// code is 0 when that went well.
func (c *Call) offer(out []Effect) (code int, _ []Effect) {
	if !c.place.Addr.IsValid() {
		return 500, out
	}
	from, to, ok := sdp.Find(c.invite.Value(message.KContentType), c.invite.Body)
	if !ok {
		b, err := c.session.offer()
		if err != nil {
			return 500, out
		}
		c.body, c.offered = b, true
		return 0, out
	}
	b, t, err := c.session.answer(c.invite.Body[from:to], &c.o.Policy)
	if err != nil {
		return 488, out
	}
	c.body, c.terms, c.settled = b, t, true
	return 0, out
}

// ring says what is to be said before the final response, if that is not said at
// once.
func (c *Call) ring(now call.Instant, out []Effect) []Effect {
	wait := c.line.AnswerAfter
	early := c.line.Content == Announce
	if early && wait == 0 {
		wait = announcement
	}
	c.due = now + call.Instant(wait)
	if c.line.Rings {
		c.due = call.Never
	}
	c.speak = min(c.due, now+call.Instant(again))
	switch {
	case early:
		if c.settled {
			out = append(out, Effect{Kind: Agree, Terms: c.terms})
		}
		return c.provisional(183, c.body, now, out)
	case wait > 0 || c.line.Rings || c.prack:
		return c.provisional(180, nil, now, out)
	}
	return c.tick(Event{}, now, out)
}

// again is how often a provisional is said again, so that no proxy takes the
// call for dead (RFC 3261 section 13.3.1.1).
const again = time.Minute

// provisional sends an 18x, reliably where the caller wants that (RFC 3262): then
// the first one carries our part of offer and answer, if there is one.
func (c *Call) provisional(code int, body []byte, now call.Instant, out []Effect) []Effect {
	extra := c.dialogLines(&c.invite)
	if !c.prack || c.reliable.on {
		if c.offered {
			body = nil // an offer travels reliably or not at all
		}
		return append(out, Effect{Kind: Send, Bytes: c.reply(&c.invite, code, extra, body)})
	}
	if c.rseq == 0 {
		body = c.body
	}
	c.rseq++
	extra = append(extra, "Require: 100rel\r\nRSeq: "+strconv.Itoa(int(c.rseq))+"\r\n"...)
	b := c.reply(&c.invite, code, extra, body)
	c.reliable.start(b, now)
	return append(out, Effect{Kind: Send, Bytes: b})
}

// Next is the earliest instant at which Step wants a Tick.
func (c *Call) Next() call.Instant {
	next := c.ours.until()
	switch c.stage {
	case setup:
		next = min(next, c.speak, c.reliable.next())
	case up:
		next = min(next, c.hangUp, c.answer.next(), c.timer.next())
	}
	return next
}

// Step takes one event and appends what is owed.
func (c *Call) Step(ev Event, now call.Instant, out []Effect) []Effect {
	switch ev.Kind {
	case Tick:
		return c.tick(ev, now, out)
	case Request:
		return c.request(ev, now, out)
	case Response:
		return c.response(ev.Message, now, out)
	case Drain:
		switch c.stage {
		case setup:
			return c.refuse(480, nil, now, out)
		case up:
			return c.bye(ev.Heard, "line closed: the edge is being stopped", now, out)
		}
	}
	return out
}

func (c *Call) tick(ev Event, now call.Instant, out []Effect) []Effect {
	if c.ours.on && now >= c.ours.until() {
		c.ours.on = false
		if c.stage == ended {
			return append(out, Effect{Kind: Over})
		}
	}
	switch c.stage {
	case setup:
		return c.tickSetup(now, out)
	case up:
		return c.tickUp(ev, now, out)
	}
	return out
}

func (c *Call) tickSetup(now call.Instant, out []Effect) []Effect {
	if c.reliable.on {
		if now >= c.reliable.until {
			return c.refuse(500, nil, now, out) // RFC 3262 section 3: a 5xx when no PRACK comes
		}
		return c.repeat(&c.reliable, 0, now, out) // and no 2xx before it
	}
	switch {
	case now >= c.due && c.line.Code != 0:
		return c.refuse(c.line.Code, nil, now, out)
	case now >= c.due:
		return c.pickUp(now, out)
	case now >= c.speak:
		c.speak = min(c.due, now+call.Instant(again))
		if c.line.Content == Announce {
			return c.provisional(183, c.body, now, out)
		}
		return c.provisional(180, nil, now, out)
	}
	return out
}

// pickUp sends the 2xx (section 13.3.1.4).
func (c *Call) pickUp(now call.Instant, out []Effect) []Effect {
	c.stage = up
	body := c.body
	if c.rseq > 0 {
		body = nil // it went with the reliable provisional
	}
	longest := c.line.HangUpAfter
	if longest == 0 {
		longest = Longest
	}
	c.hangUp = now + call.Instant(longest)
	c.timer.again(now)
	if c.settled {
		out = append(out, Effect{Kind: Agree, Terms: c.terms})
	}
	return c.accept2xx(body, now, out)
}

// accept2xx answers the INVITE in hand with 200 until its ACK comes.
func (c *Call) accept2xx(body []byte, now call.Instant, out []Effect) []Effect {
	b := c.reply(&c.invite, 200, append(c.dialogLines(&c.invite), c.timer.lines(false)...), body)
	c.answer.start(b, now)
	return append(out, Effect{Kind: Send, Bytes: b})
}

func (c *Call) tickUp(ev Event, now call.Instant, out []Effect) []Effect {
	switch {
	case c.answer.on && now >= c.answer.until:
		return c.bye(ev.Heard, "no ACK", now, out)
	case now >= c.hangUp:
		return c.bye(ev.Heard, "", now, out)
	case c.timer.expired(now):
		return c.bye(ev.Heard, "session timer expired", now, out)
	case c.answer.on && now >= c.answer.at:
		return c.repeat(&c.answer, call.T2, now, out)
	case c.timer.mine && now >= c.timer.refresh && !c.ours.on && !c.answer.on && !c.offered:
		return c.refresh(now, out)
	}
	return out
}

func (c *Call) repeat(r *resend, longest time.Duration, now call.Instant, out []Effect) []Effect {
	if now < r.at {
		return out
	}
	r.every *= 2
	if longest > 0 {
		r.every = min(r.every, longest)
	}
	r.at = now + call.Instant(r.every)
	return append(out, Effect{Kind: Send, Bytes: r.bytes})
}

// refuse is the final response of a call that is not answered.
func (c *Call) refuse(code int, extra []byte, now call.Instant, out []Effect) []Effect {
	if c.stage != setup {
		return out
	}
	c.stage = ended
	c.reliable.on = false
	out = append(out, Effect{Kind: Hush}, Effect{Kind: Send, Bytes: c.reply(&c.invite, code, extra, nil)})
	return append(out, Effect{Kind: Over})
}
