package testline

import (
	"strconv"

	"github.com/speakops/sipedge/sipedge/call"
	"github.com/speakops/sipedge/sipedge/media/sdp"
	"github.com/speakops/sipedge/sipedge/message"
)

// own is a request of the line's own that waits for its final response.
type own struct {
	on     bool
	method message.Method
	cseq   uint32
	giveUp call.Instant // the edge repeats it, so this is only for what never comes back
}

func (o *own) until() call.Instant {
	if !o.on {
		return call.Never
	}
	return o.giveUp
}

// send writes a request of our own.
func (c *Call) send(method message.Method, extra, body []byte, now call.Instant, out []Effect) []Effect {
	c.local++
	c.ours = own{on: true, method: method, cseq: c.local, giveUp: now + call.Instant(2*call.Lifetime)}
	return append(out, Effect{Kind: Send, Bytes: c.own(method, c.local, extra, body)})
}

func (c *Call) own(method message.Method, cseq uint32, extra, body []byte) []byte {
	r := message.Request{
		Method: method, URI: c.target, From: c.to, To: c.invite.Value(message.KFrom), CallID: c.invite.CallID, CSeq: cseq,
		Routes: c.routes, Extra: extra, Body: body,
		Via: []byte(string(c.o.Via) + ";branch=z9hG4bK" + c.o.Tag + "." + method.String() + "." + strconv.Itoa(int(cseq))),
	}
	if len(body) > 0 {
		r.ContentType = []byte("application/sdp")
	}
	return r.Append(nil)
}

// bye hangs up; text says why, if it is no plain end.
func (c *Call) bye(heard, text string, now call.Instant, out []Effect) []Effect {
	c.stage, c.answer.on = ended, false
	reason := "Reason: Q.850;cause=16\r\n"
	if text != "" {
		reason = "Reason: Q.850;cause=102;text=\"" + text + "\"\r\n"
	}
	out = append(out, Effect{Kind: Hush})
	return c.send(message.BYE, append([]byte(reason), heardLine(heard)...), nil, now, out)
}

// refresh keeps a session alive that is ours to keep (RFC 4028 section 10): by
// UPDATE, or where the caller knows none by a re-INVITE that changes nothing.
func (c *Call) refresh(now call.Instant, out []Effect) []Effect {
	c.timer.refresh = call.Never
	extra := append(c.contactLines(), c.timer.lines(true)...)
	if c.invite.HasToken(message.KAllow, "UPDATE") {
		return c.send(message.UPDATE, extra, nil, now, out)
	}
	return c.send(message.INVITE, append(extra, Allow+abilities...), c.session.again(), now, out)
}

// response takes the answer to a request of our own.
func (c *Call) response(m *message.Message, now call.Instant, out []Effect) []Effect {
	if m.Method == message.INVITE && m.Status >= 200 && m.Status < 300 && m.CSeq <= c.local {
		out = append(out, Effect{Kind: Send, Bytes: c.own(message.ACK, m.CSeq, nil, nil)})
	}
	if !c.ours.on || m.CSeq != c.ours.cseq || m.Method != c.ours.method || m.Status < 200 {
		return out
	}
	c.ours.on = false
	switch {
	case c.ours.method == message.BYE:
		return append(out, Effect{Kind: Over})
	case m.Status == 481 || m.Status == 408: // section 12.2.1.2: the dialog is gone
		return c.bye("", "session timer expired", now, out)
	case m.Status >= 300:
		return out // the timer runs on, and ends the call
	}
	c.retarget(m)
	c.timer.again(now)
	if m.Method == message.INVITE {
		if from, to, ok := sdp.Find(m.Value(message.KContentType), m.Body); ok {
			if t, err := c.session.accept(m.Body[from:to], &c.o.Policy); err == nil {
				c.terms = t
				out = append(out, Effect{Kind: Agree, Terms: t})
			}
		}
	}
	return out
}
