package demo

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"

	"github.com/speakops/sipedge/sipedge/testcall"
)

// talk is one call at a gateway, from its INVITE to its BYE.
type talk struct {
	g       *Gateway
	key     string
	invite  *sip.Request // our copy, with our tag in To
	speaker *speaker

	up       context.Context // ends with the call
	end      context.CancelFunc
	acked    chan struct{}
	ackOnce  sync.Once
	mu       sync.Mutex
	answered bool
	version  int // of our SDP
}

func (t *talk) isUp() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.answered
}

// acknowledged takes an ACK; after an offer of ours it holds the answer.
func (t *talk) acknowledged(sdp []byte) {
	t.ackOnce.Do(func() { close(t.acked) })
	t.mu.Lock()
	defer t.mu.Unlock()
	if m, err := readSDP(sdp); err == nil && t.answered {
		t.speaker.aim(m)
	}
}

// keyOf names the dialog of a request by Call-ID and our tag; Call-ID alone
// could be two branches of one forked call.
func keyOf(req *sip.Request) string {
	return req.CallID().Value() + " " + tag(req.To().Params)
}

func (g *Gateway) find(req *sip.Request) *talk {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.talks[keyOf(req)]
}

// invite takes a call. It stays until the transaction needs nothing more from
// us: over TCP, sipgo forgets a transaction whose handler has returned.
func (g *Gateway) invite(req *sip.Request, tx sip.ServerTransaction) {
	if tag(req.To().Params) != "" {
		g.reinvite(req, tx)
		return
	}
	canceled, cancel := context.WithCancel(g.leaving)
	defer cancel()
	if !tx.OnCancel(func(*sip.Request) { cancel() }) {
		return
	}
	t := g.begin(req)
	if t == nil {
		g.respond(req, tx, 503, "Service Unavailable")
		g.wait(tx)
		return
	}
	defer g.wait(tx)
	_ = tx.Respond(g.response(t.invite, 100, "Trying", nil))
	if !t.ring(canceled, tx) {
		t.end()
		return
	}
	t.answer(tx)
}

// wait stays until the transaction is over or the gateway closes.
func (g *Gateway) wait(tx sip.ServerTransaction) {
	select {
	case <-tx.Done():
	case <-g.leaving.Done():
	}
}

// begin opens a talk, nil when there are too many.
func (g *Gateway) begin(req *sip.Request) *talk {
	own := req.Clone() // sipgo still reads the original
	own.To().Params.Add("tag", sip.GenerateTagN(12))
	t := &talk{g: g, key: keyOf(own), invite: own, acked: make(chan struct{})}
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.talks) >= maxTalks || g.leaving.Err() != nil {
		return nil
	}
	t.up, t.end = context.WithCancel(context.Background())
	g.talks[t.key] = t
	context.AfterFunc(t.up, func() {
		g.mu.Lock()
		delete(g.talks, t.key)
		g.mu.Unlock()
	})
	return t
}

// ring does what the number's manner says; false when there is nothing to answer.
func (t *talk) ring(canceled context.Context, tx sip.ServerTransaction) bool {
	g := t.g
	manner := g.manner(g.name, t.invite.Recipient.User)
	final := func(code int, reason string) bool {
		_ = tx.Respond(g.response(t.invite, code, reason, nil))
		return false
	}
	if manner == Fails {
		return final(500, "Server Internal Error")
	}
	if !pause(canceled, ringsAfter) {
		return t.gone(final)
	}
	if manner == Busy {
		return final(486, "Busy Here")
	}
	_ = tx.Respond(g.response(t.invite, 180, "Ringing", nil))
	if manner == Rings {
		<-canceled.Done()
		return t.gone(final)
	}
	if !pause(canceled, answersAfter-ringsAfter) {
		return t.gone(final)
	}
	return true
}

// gone ends a call that rings no more: to a CANCEL sipgo has given the 487.
func (t *talk) gone(final func(int, string) bool) bool {
	if t.g.leaving.Err() != nil {
		return final(480, "Temporarily Unavailable")
	}
	return false
}

func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// answer picks up: 200 with SDP until the ACK is there, and music.
func (t *talk) answer(tx sip.ServerTransaction) {
	g := t.g
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(g.addr.Addr(), 0)))
	if err != nil {
		g.respond(t.invite, tx, 500, "Server Internal Error")
		t.end()
		return
	}
	t.mu.Lock()
	t.speaker = &speaker{conn: conn}
	t.mu.Unlock()
	context.AfterFunc(t.up, func() { conn.Close() })
	sdp, err := t.describe(t.invite.Body())
	if err != nil {
		g.respond(t.invite, tx, 488, "Not Acceptable Here")
		t.end()
		return
	}
	t.mu.Lock()
	t.answered = true
	t.mu.Unlock()
	if g.enter() {
		go func() {
			defer g.busy.Done()
			t.speaker.play(t.up, g.tune)
		}()
	}
	// A call that is answered while the gateway leaves was not among those that
	// HangUp found up.
	if !t.repeat(tx, g.response(t.invite, 200, "OK", sdp)) || g.leaving.Err() != nil {
		t.hangUp(context.Background())
	}
}

// describe answers an offer, or makes one when there is none.
func (t *talk) describe(offer []byte) ([]byte, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.version++
	at := t.speaker.conn.LocalAddr().(*net.UDPAddr).AddrPort()
	if len(offer) == 0 {
		return writeSDP(at, t.version, nil), nil
	}
	m, err := readSDP(offer)
	if err != nil {
		return nil, err
	}
	t.speaker.aim(m)
	return writeSDP(at, t.version, &m), nil
}

// repeat sends a 200 until its ACK comes (RFC 3261 section 13.3.1.4); false when
// none does, and the call must be given up.
func (t *talk) repeat(tx sip.ServerTransaction, ok *sip.Response) bool {
	deadline := time.NewTimer(64 * sip.T1)
	defer deadline.Stop()
	for again := sip.T1; ; again = min(2*again, sip.T2) {
		_ = tx.Respond(ok)
		timer := time.NewTimer(again)
		select {
		case <-t.acked:
			timer.Stop()
			return true
		case <-t.up.Done():
			timer.Stop()
			return true
		case <-deadline.C:
			timer.Stop()
			return false
		case <-timer.C:
		}
	}
}

// reinvite agrees to whatever a call under way is changed to.
func (g *Gateway) reinvite(req *sip.Request, tx sip.ServerTransaction) {
	t := g.find(req)
	if t == nil || !t.isUp() {
		g.respond(req, tx, 481, "Call/Transaction Does Not Exist")
		g.wait(tx)
		return
	}
	sdp, err := t.describe(req.Body())
	if err != nil {
		g.respond(req, tx, 488, "Not Acceptable Here")
	} else {
		_ = tx.Respond(g.response(req, 200, "OK", sdp))
	}
	g.wait(tx)
}

// hungUp ends a call that the other side has ended.
func (t *talk) hungUp() {
	t.mu.Lock()
	t.answered = false
	t.mu.Unlock()
	t.end()
}

// hangUp ends an answered call with BYE and waits for its answer, at most until
// ctx ends; a call that still rings is ended by its own handler.
func (t *talk) hangUp(ctx context.Context) {
	t.mu.Lock()
	answered := t.answered
	t.answered = false // one BYE is enough
	t.mu.Unlock()
	contact := t.invite.Contact()
	if !answered || contact == nil {
		return
	}
	defer t.end()
	ctx, stop := context.WithTimeout(ctx, 2*time.Second)
	defer stop()
	_, _ = t.g.client.Do(ctx, t.bye(contact), sipgo.ClientRequestAddVia) // gone is gone
}

func (t *talk) bye(contact *sip.ContactHeader) *sip.Request {
	inv := t.invite
	bye := sip.NewRequest(sip.BYE, *contact.Address.Clone())
	from := sip.FromHeader{DisplayName: inv.To().DisplayName, Address: inv.To().Address, Params: inv.To().Params}
	to := sip.ToHeader{DisplayName: inv.From().DisplayName, Address: inv.From().Address, Params: inv.From().Params}
	hops := sip.MaxForwardsHeader(70)
	for _, h := range testcall.Routes(inv.GetHeaders("Record-Route"), false) {
		bye.AppendHeader(h)
	}
	for _, h := range []sip.Header{&hops, &from, &to, sip.HeaderClone(inv.CallID()), &sip.CSeqHeader{SeqNo: 1, MethodName: sip.BYE}} {
		bye.AppendHeader(h)
	}
	bye.SetBody(nil)
	bye.SetTransport(inv.Transport())
	bye.SetDestination(inv.Source())
	if inv.Transport() == "UDP" {
		bye.Laddr = addr(t.g.addr)
	}
	return bye
}
