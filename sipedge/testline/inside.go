package testline

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/speakops/sipedge/sipedge/call"
	"github.com/speakops/sipedge/sipedge/media/sdp"
	"github.com/speakops/sipedge/sipedge/message"
)

// Allow lists what a line understands.
const Allow = "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE, INFO\r\n"

const abilities = "Accept: application/sdp\r\nSupported: 100rel, timer\r\n"

// request takes what the caller sends inside of the dialog, and CANCEL.
func (c *Call) request(ev Event, now call.Instant, out []Effect) []Effect {
	m := ev.Message
	switch m.Method {
	case message.ACK:
		return c.acknowledged(ev, now, out)
	case message.CANCEL:
		out = c.say(out, m, 200, nil, nil)
		if c.stage == setup && m.CSeq == c.invite.CSeq {
			return c.refuse(487, nil, now, out)
		}
		return out
	}
	switch {
	case string(m.ToTag) != c.o.Tag:
		return c.say(out, m, 481, nil, nil)
	case c.stage == ended && m.Method == message.BYE:
		return c.say(out, m, 200, nil, nil) // it has crossed ours
	case c.stage == ended:
		return c.say(out, m, 481, nil, nil)
	}
	if m.CSeq <= c.remote {
		return c.say(out, m, 500, nil, nil) // section 12.2.2
	}
	c.remote = m.CSeq
	if code, extra := c.unfit(m); code != 0 {
		return c.say(out, m, code, extra, nil)
	}
	switch m.Method {
	case message.BYE:
		return c.hungUp(ev, now, out)
	case message.INVITE:
		return c.reinvite(m, now, out)
	case message.UPDATE:
		return c.update(m, now, out)
	case message.PRACK:
		return c.pracked(m, now, out)
	case message.OPTIONS:
		return c.say(out, m, 200, []byte(Allow+abilities), nil)
	case message.INFO:
		return c.say(out, m, 200, nil, nil)
	}
	return c.say(out, m, 405, []byte(Allow), nil)
}

// unfit is what makes a request impossible to serve (sections 8.2.2.3, 8.2.3;
// RFC 4028 section 9), code 0 for nothing.
func (c *Call) unfit(m *message.Message) (code int, extra []byte) {
	var unknown []string
	for tag := range m.Values(message.KRequire) {
		if s := string(tag); !strings.EqualFold(s, "100rel") && !strings.EqualFold(s, "timer") {
			unknown = append(unknown, s)
		}
	}
	if len(unknown) > 0 {
		return 420, []byte("Unsupported: " + strings.Join(unknown, ", ") + "\r\n")
	}
	if m.Has(message.KContentEncoding) && !bytes.EqualFold(m.Value(message.KContentEncoding), []byte("identity")) {
		return 415, []byte("Accept-Encoding: identity\r\n")
	}
	if len(m.Body) > 0 && (m.Method == message.INVITE || m.Method == message.UPDATE || m.Method == message.PRACK) {
		if _, _, ok := sdp.Find(m.Value(message.KContentType), m.Body); !ok {
			return 415, []byte("Accept: application/sdp\r\n")
		}
	}
	if m.Method == message.INVITE || m.Method == message.UPDATE {
		if every := seconds(m.Value(message.KSessionExpires)); every > 0 && every < minSession {
			return 422, []byte("Min-SE: " + strconv.Itoa(int(minSession.Seconds())) + "\r\n")
		}
	}
	return 0, nil
}

// acknowledged takes the ACK of a 2xx, and with it the answer to an offer of ours.
func (c *Call) acknowledged(ev Event, now call.Instant, out []Effect) []Effect {
	m := ev.Message
	if c.stage != up || !c.answer.on || m.CSeq != c.invite.CSeq {
		return out
	}
	c.answer.on = false
	if !c.offered {
		return out
	}
	agreed, out := c.answered(m, out)
	if !agreed {
		return c.bye(ev.Heard, "no answer to our offer", now, out)
	}
	return out
}

// answered takes the caller's answer to an offer of ours.
func (c *Call) answered(m *message.Message, out []Effect) (ok bool, _ []Effect) {
	c.offered = false
	from, to, ok := sdp.Find(m.Value(message.KContentType), m.Body)
	if !ok {
		return false, out
	}
	t, err := c.session.accept(m.Body[from:to], &c.o.Policy)
	if err != nil {
		return false, out
	}
	c.terms, c.settled = t, true
	if c.stage == up || c.line.Content == Announce {
		out = append(out, Effect{Kind: Agree, Terms: t})
	}
	return true, out
}

// hungUp is the caller's BYE, also of an early dialog (section 15.1.2).
func (c *Call) hungUp(ev Event, now call.Instant, out []Effect) []Effect {
	out = c.say(out, ev.Message, 200, heardLine(ev.Heard), nil)
	if c.stage == setup {
		return c.refuse(487, nil, now, out)
	}
	c.stage, c.answer.on = ended, false
	return append(out, Effect{Kind: Hush}, Effect{Kind: Over})
}

// reinvite answers an INVITE inside of the dialog: at once, a line asks nobody.
func (c *Call) reinvite(m *message.Message, now call.Instant, out []Effect) []Effect {
	switch {
	case c.ours.on && c.ours.method == message.INVITE:
		return c.say(out, m, 491, nil, nil) // section 14.2
	case c.stage == setup || c.answer.on || c.offered:
		return c.say(out, m, 500, retryLater, nil)
	}
	from, to, offers := sdp.Find(m.Value(message.KContentType), m.Body)
	var body []byte
	if offers {
		b, t, err := c.session.answer(m.Body[from:to], &c.o.Policy)
		if err != nil {
			return c.say(out, m, 488, nil, nil) // all stays as it was
		}
		body, c.terms = b, t
		out = append(out, Effect{Kind: Agree, Terms: t})
	} else {
		body, c.offered = c.session.again(), true
		if c.last == "" {
			return c.say(out, m, 488, nil, nil)
		}
	}
	m.CopyTo(&c.invite)
	c.retarget(m)
	c.timer.read(m, now)
	return c.accept2xx(body, now, out)
}

// retryLater is for a request that came before the one before was done (section
// 14.2, RFC 3311 section 5.2).
var retryLater = []byte("Retry-After: 3\r\n")

// update is an UPDATE (RFC 3311): a refresh, or an offer that is answered at once.
func (c *Call) update(m *message.Message, now call.Instant, out []Effect) []Effect {
	from, to, offers := sdp.Find(m.Value(message.KContentType), m.Body)
	var body []byte
	if offers {
		switch {
		case c.offered || c.ours.on && c.ours.method == message.INVITE:
			return c.say(out, m, 491, nil, nil)
		case !c.settled || c.stage == setup && (c.rseq == 0 || c.reliable.on):
			return c.say(out, m, 500, retryLater, nil) // its first offer is not answered yet, as far as it knows
		}
		b, t, err := c.session.answer(m.Body[from:to], &c.o.Policy)
		if err != nil {
			return c.say(out, m, 488, nil, nil)
		}
		body, c.terms = b, t
		if c.stage == up || c.line.Content == Announce {
			out = append(out, Effect{Kind: Agree, Terms: t})
		}
	}
	c.retarget(m)
	c.timer.read(m, now)
	return c.say(out, m, 200, append(c.contactLines(), c.timer.lines(false)...), body)
}

// pracked is the PRACK of a reliable provisional (RFC 3262 section 3). It may
// bring the answer to an offer of ours, or a new offer.
func (c *Call) pracked(m *message.Message, now call.Instant, out []Effect) []Effect {
	want := strconv.Itoa(int(c.rseq)) + " " + strconv.Itoa(int(c.invite.CSeq)) + " INVITE"
	if !c.reliable.on || strings.Join(strings.Fields(string(m.Value(message.KRAck))), " ") != want {
		return c.say(out, m, 481, nil, nil)
	}
	c.reliable.on = false
	var body []byte
	from, to, has := sdp.Find(m.Value(message.KContentType), m.Body)
	switch {
	case c.offered:
		var ok bool
		if ok, out = c.answered(m, out); !ok {
			out = c.say(out, m, 488, nil, nil)
			return c.refuse(488, nil, now, out)
		}
	case has:
		b, t, err := c.session.answer(m.Body[from:to], &c.o.Policy)
		if err != nil {
			return c.say(out, m, 488, nil, nil)
		}
		body, c.terms = b, t
		if c.line.Content == Announce {
			out = append(out, Effect{Kind: Agree, Terms: t})
		}
	}
	out = c.say(out, m, 200, nil, body)
	return c.tickSetup(now, out)
}

// retarget follows a target refresh (section 12.2.2).
func (c *Call) retarget(m *message.Message) {
	if na, err := message.ParseNameAddr(m.Value(message.KContact)); err == nil {
		c.target = bytes.Clone(na.URI)
	}
}
