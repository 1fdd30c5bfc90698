package ladder

import (
	"fmt"
	"strings"

	"github.com/emiago/sipgo/sip"
)

// Call is one call as its caller sees it.
type Call struct {
	A      *Actor
	ID     string
	Number string
	Tag    string
	Invite string // as sent
	branch string
	cseq   int
	dialog sip.Message // the 2xx
}

// Invite calls a number; lines are added to the head of the INVITE.
func (a *Actor) Invite(number string, lines ...string) *Call {
	c := a.call(number, lines...)
	a.SendRaw(c.Invite)
	wait()
	return c
}

// call is a call whose INVITE is written and not sent.
func (a *Actor) call(number string, lines ...string) *Call {
	a.calls++
	c := &Call{
		A: a, ID: fmt.Sprintf("%s-%d@%s", a.Name, a.calls, a.Addr.Addr()), Number: number,
		Tag: fmt.Sprintf("from%d", a.calls), branch: fmt.Sprintf("z9hG4bK%s%d", a.Name, a.calls), cseq: 1,
	}
	sdp := "v=0\r\no=- 1 1 IN IP4 " + a.Addr.Addr().String() + "\r\ns=-\r\nc=IN IP4 " + a.Addr.Addr().String() + "\r\nt=0 0\r\nm=audio 20000 RTP/AVP 0\r\n"
	c.Invite = c.Text("INVITE", fmt.Sprintf("sip:%s@%s", number, EdgeAddr), c.branch, "", append(lines, "Contact: "+a.contact("caller")), sdp)
	return c
}

// contact is where the actor wants to be called.
func (a *Actor) contact(user string) string {
	if a.Via == "TCP" {
		return "<sip:" + user + "@" + a.Addr.String() + ";transport=tcp>"
	}
	return "<sip:" + user + "@" + a.Addr.String() + ">"
}

// Text writes a request of this call.
func (c *Call) Text(method, uri, branch, toTag string, lines []string, body string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s SIP/2.0\r\n", method, uri)
	fmt.Fprintf(&b, "Via: SIP/2.0/%s %s;branch=%s\r\nMax-Forwards: 70\r\n", c.A.Via, c.A.Addr, branch)
	fmt.Fprintf(&b, "From: <sip:+14155550123@%s>;tag=%s\r\n", c.A.Addr.Addr(), c.Tag)
	fmt.Fprintf(&b, "To: <sip:%s@%s>%s\r\n", c.Number, EdgeAddr, toTag)
	fmt.Fprintf(&b, "Call-ID: %s\r\nCSeq: %d %s\r\n", c.ID, c.cseq, method)
	for _, l := range lines {
		b.WriteString(l + "\r\n")
	}
	if body != "" {
		b.WriteString("Content-Type: application/sdp\r\n")
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(body), body)
	return b.String()
}

// Again sends the INVITE again, as a lost answer would make it.
func (c *Call) Again() { c.A.SendRaw(c.Invite); wait() }

// Cancel gives the call up.
func (c *Call) Cancel(lines ...string) {
	c.A.SendRaw(c.Text("CANCEL", fmt.Sprintf("sip:%s@%s", c.Number, EdgeAddr), c.branch, "", lines, ""))
	wait()
}

// AckFailure acknowledges a non-2xx final.
func (c *Call) AckFailure(m sip.Message) {
	to := ";tag=" + tagOf(m, "To")
	c.A.SendRaw(c.Text("ACK", fmt.Sprintf("sip:%s@%s", c.Number, EdgeAddr), c.branch, to, nil, ""))
	wait()
}

// Fork is the same call with the other callee whose 2xx this is.
func (c *Call) Fork(m sip.Message) *Call {
	other := *c
	other.branch += "other"
	other.dialog = m
	return &other
}

// Ack acknowledges a 2xx. The first one makes the call's dialog, whose route set
// then stays (section 12.2).
func (c *Call) Ack(m sip.Message) {
	if c.dialog == nil {
		c.dialog = m
	}
	c.A.SendRaw(c.inside("ACK", nil))
	wait()
}

// Inside sends an in-dialog request with the next CSeq.
func (c *Call) Inside(method string, lines ...string) {
	c.cseq++
	c.A.SendRaw(c.inside(method, lines))
	wait()
}

// InsideText is what Inside would send.
func (c *Call) InsideText(method string, lines ...string) string {
	c.cseq++
	return c.inside(method, lines)
}

func (c *Call) inside(method string, lines []string) string {
	return c.insideAs(method, method, lines)
}

// insideAs is an in-dialog request with the branch of another method's.
func (c *Call) insideAs(method, of string, lines []string) string {
	res := c.dialog
	uri := contactOf(res)
	rr := headersOf(res, "Record-Route")
	for i := len(rr) - 1; i >= 0; i-- {
		if !strings.Contains(rr[i], c.A.Addr.Addr().String()) { // its own proxy takes itself off
			lines = append(lines, "Route: "+rr[i])
		}
	}
	lines = append(lines, "Contact: "+c.A.contact("caller"))
	return c.Text(method, uri, fmt.Sprintf("%s%s%d", c.branch, of, c.cseq), ";tag="+tagOf(res, "To"), lines, "")
}

// AckInside acknowledges a non-2xx final of the last re-INVITE: same branch.
func (c *Call) AckInside() {
	c.A.SendRaw(c.insideAs("ACK", "INVITE", nil))
	wait()
}

// CancelInside gives the last re-INVITE up.
func (c *Call) CancelInside() {
	c.A.SendRaw(c.insideAs("CANCEL", "INVITE", nil))
	wait()
}

// Dialog begins the callee's side or an early dialog from a response.
func (c *Call) Dialog(m sip.Message) { c.dialog = m }

// Reply answers a request as a gateway: its own tag and Contact, the SDP with a 2xx.
func (a *Actor) Reply(m sip.Message, code int, lines ...string) {
	a.ReplyTag(m, code, a.Name, lines...)
}

// ReplyTag is Reply with a To tag of one's own, as forking makes several.
func (a *Actor) ReplyTag(m sip.Message, code int, tag string, lines ...string) {
	a.SendRaw(a.ReplyText(m, code, tag, lines...))
	wait()
}

// ReplyText is what ReplyTag would send.
func (a *Actor) ReplyText(m sip.Message, code int, tag string, lines ...string) string {
	req := m.(*sip.Request)
	var b strings.Builder
	fmt.Fprintf(&b, "SIP/2.0 %d %s\r\n", code, "Answer")
	for _, l := range lines { // a proxy before the callee stands above us
		if strings.HasPrefix(l, "Record-Route:") {
			b.WriteString(l + "\r\n")
		}
	}
	for _, name := range []string{"Via", "Record-Route", "From"} {
		for _, v := range headersOf(req, name) {
			fmt.Fprintf(&b, "%s: %s\r\n", name, v)
		}
	}
	to := headersOf(req, "To")[0]
	if tagOf(req, "To") == "" && code > 100 {
		to += ";tag=" + tag
	}
	fmt.Fprintf(&b, "To: %s\r\nCall-ID: %s\r\nCSeq: %s\r\n", to, headersOf(req, "Call-ID")[0], headersOf(req, "CSeq")[0])
	for _, l := range lines {
		if !strings.HasPrefix(l, "Record-Route:") {
			b.WriteString(l + "\r\n")
		}
	}
	body := ""
	if req.IsInvite() && code < 300 && code > 100 {
		fmt.Fprintf(&b, "Contact: %s\r\n", a.contact(a.Name))
		if code >= 200 {
			body = "v=0\r\no=- 2 2 IN IP4 203.0.113.9\r\ns=-\r\nc=IN IP4 203.0.113.9\r\nt=0 0\r\nm=audio 30000 RTP/AVP 0\r\n"
			b.WriteString("Content-Type: application/sdp\r\n")
		}
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(body), body)
	return b.String()
}

// Callee sends a request of the called side in the dialog of an INVITE it got.
func (a *Actor) Callee(invite sip.Message, method string, cseq int, lines ...string) {
	a.SendRaw(a.CalleeText(invite, method, cseq, lines...))
	wait()
}

// AckInside acknowledges a non-2xx final of the callee's re-INVITE: same branch.
func (a *Actor) AckInside(invite sip.Message, cseq int) {
	a.SendRaw(a.calleeAs(invite, "ACK", "INVITE", cseq))
	wait()
}

// CalleeText is what Callee would send.
func (a *Actor) CalleeText(invite sip.Message, method string, cseq int, lines ...string) string {
	return a.calleeAs(invite, method, method, cseq, lines...)
}

func (a *Actor) calleeAs(invite sip.Message, method, of string, cseq int, lines ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s SIP/2.0\r\n", method, contactOf(invite))
	fmt.Fprintf(&b, "Via: SIP/2.0/%s %s;branch=z9hG4bK%s%s%d\r\nMax-Forwards: 70\r\n", a.Via, a.Addr, a.Name, of, cseq)
	for _, v := range headersOf(invite, "Record-Route") {
		fmt.Fprintf(&b, "Route: %s\r\n", v)
	}
	fmt.Fprintf(&b, "From: %s;tag=%s\r\n", headersOf(invite, "To")[0], a.Name)
	fmt.Fprintf(&b, "To: %s\r\n", headersOf(invite, "From")[0])
	fmt.Fprintf(&b, "Call-ID: %s\r\nCSeq: %d %s\r\n", headersOf(invite, "Call-ID")[0], cseq, method)
	for _, l := range lines {
		b.WriteString(l + "\r\n")
	}
	fmt.Fprintf(&b, "Contact: %s\r\nContent-Length: 0\r\n\r\n", a.contact(a.Name))
	return b.String()
}
