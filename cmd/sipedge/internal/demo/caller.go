package demo

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"

	"github.com/speakops/sipedge/routing/e164"
)

// Call is one call to place.
type Call struct {
	From, To e164.Number
	Via      netip.AddrPort // the edge, over UDP
	Override string         // legacy, speakops, or "" to let the edge decide
	Talk     time.Duration  // from the answer to BYE
	Saw      func(Rung)     // told of every message, from several goroutines
}

// Result is what came of a call.
type Result struct {
	Code    int    // final response; 0 when none came
	Phrase  string // its reason phrase
	Reason  string // its Reason header, "" without one
	Gateway string // that answered, when it says so
	Heard   int    // packets of audio
}

// Answered says whether somebody picked up.
func (r Result) Answered() bool { return r.Code/100 == 2 }

// How long the caller waits for what must come.
const (
	byeWithin    = 4 * time.Second
	cancelWithin = 8 * time.Second
	givenUp      = 500 * time.Millisecond // for a sign of life once ctx has ended
)

// Place calls, listens for c.Talk, and hangs up. When ctx ends while it rings,
// the call is cancelled; while it is up, hung up. The error says that no final
// response came.
func Place(ctx context.Context, c Call) (Result, error) {
	p, err := pickUp(c)
	if err != nil {
		return Result{}, fmt.Errorf("demo caller: %w", err)
	}
	defer p.putDown()
	return p.call(ctx)
}

// phone is the caller's user agent; it lives for one call.
type phone struct {
	Call
	sip     *wire
	rtp     net.PacketConn
	at      netip.AddrPort
	ua      *sipgo.UserAgent
	client  *sipgo.Client
	invite  *sip.Request
	heard   atomic.Int64
	hungUp  chan struct{} // the other side has
	once    sync.Once
	serving sync.WaitGroup
}

func pickUp(c Call) (*phone, error) {
	quieten()
	p := &phone{Call: c, hungUp: make(chan struct{})}
	local := netip.AddrPortFrom(c.Via.Addr(), 0).String() // the edge is on this machine
	conn, err := net.ListenPacket("udp", local)
	if err != nil {
		return nil, err
	}
	p.sip, p.at = &wire{PacketConn: conn, saw: c.Saw, read: make(chan struct{})}, conn.LocalAddr().(*net.UDPAddr).AddrPort()
	if p.rtp, err = net.ListenPacket("udp", local); err != nil {
		conn.Close()
		return nil, err
	}
	if err := p.start(); err != nil {
		p.putDown()
		return nil, err
	}
	return p, nil
}

func (p *phone) start() (err error) {
	if p.ua, err = sipgo.NewUA(sipgo.WithUserAgent("sipedge-dev")); err != nil {
		return err
	}
	server, err := sipgo.NewServer(p.ua)
	if err != nil {
		return err
	}
	if p.client, err = sipgo.NewClient(p.ua, sipgo.WithClientAddr(p.at.String())); err != nil {
		return err
	}
	server.OnBye(func(req *sip.Request, tx sip.ServerTransaction) {
		_ = tx.Respond(sip.NewResponseFromRequest(req, 200, "OK", nil))
		p.once.Do(func() { close(p.hungUp) })
	})
	p.serving.Go(func() { _ = server.ServeUDP(p.sip) })
	p.serving.Go(p.listen)
	<-p.sip.read // before that, sipgo would open a second socket of the same address
	return nil
}

// listen counts what is heard.
func (p *phone) listen() {
	b := make([]byte, 2048)
	for {
		if _, _, err := p.rtp.ReadFrom(b); err != nil {
			return
		}
		p.heard.Add(1)
	}
}

func (p *phone) putDown() {
	if p.ua != nil {
		p.ua.Close()
	}
	p.sip.Close()
	p.rtp.Close()
	p.serving.Wait()
}

func (p *phone) call(ctx context.Context) (Result, error) {
	p.invite = p.newInvite()
	tx, err := p.client.TransactionRequest(context.WithoutCancel(ctx), p.invite)
	if err != nil {
		return Result{}, fmt.Errorf("calling %s: %w", p.To, err)
	}
	defer tx.Terminate()
	res, err := p.await(ctx, tx)
	if err != nil {
		return Result{}, fmt.Errorf("calling %s: %w", p.To, err)
	}
	r := Result{Code: res.StatusCode, Phrase: res.Reason}
	if h := res.GetHeader("Reason"); h != nil {
		r.Reason = h.Value()
	}
	if !res.IsSuccess() {
		return r, nil
	}
	if contact := res.Contact(); contact != nil {
		r.Gateway, _ = contact.Address.UriParams.Get("gw")
	}
	err = p.talk(ctx, tx, res)
	r.Heard = int(p.heard.Load())
	return r, err
}

// await is the final response. A CANCEL waits for the first provisional one
// (RFC 3261 section 9.1).
func (p *phone) await(ctx context.Context, tx sip.ClientTransaction) (*sip.Response, error) {
	give := ctx.Done()
	provisional, canceled := false, false
	var late, silent <-chan time.Time
	for {
		if canceled && provisional && late == nil {
			late = time.After(cancelWithin)
			p.cancel(ctx)
		}
		select {
		case res := <-tx.Responses():
			if !res.IsProvisional() {
				return res, nil
			}
			provisional, silent = true, nil
		case <-give:
			give, canceled = nil, true
			if !provisional {
				silent = time.After(givenUp)
			}
		case <-silent:
			return nil, fmt.Errorf("given up: %s has not answered", p.Via)
		case <-late:
			return nil, fmt.Errorf("no final response within %s of the CANCEL", cancelWithin)
		case <-tx.Done():
			return nil, fmt.Errorf("no answer from %s: nothing seems to take SIP over UDP there", p.Via)
		}
	}
}

func (p *phone) talk(ctx context.Context, tx sip.ClientTransaction, ok *sip.Response) error {
	ack := func() {
		_ = p.client.WriteRequest(p.within(sip.ACK, p.invite.CSeq().SeqNo, ok), sipgo.ClientRequestAddVia) // the next 200 gets another
	}
	tx.OnRetransmission(func(*sip.Response) { ack() })
	ack()
	timer := time.NewTimer(p.Talk)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	case <-p.hungUp:
		return nil
	}
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), byeWithin)
	defer stop()
	res, err := p.client.Do(ctx, p.within(sip.BYE, p.invite.CSeq().SeqNo+1, ok), sipgo.ClientRequestAddVia)
	switch {
	case err != nil:
		return fmt.Errorf("no answer to BYE: %w", err)
	case !res.IsSuccess():
		return fmt.Errorf("BYE was answered with %d %s", res.StatusCode, res.Reason)
	}
	return nil
}

func (p *phone) newInvite() *sip.Request {
	req := sip.NewRequest(sip.INVITE, uri(p.To.String(), p.Via))
	from := sip.FromHeader{DisplayName: "sipedge dev", Address: uri(p.From.String(), p.at)}
	from.Params.Add("tag", sip.GenerateTagN(12))
	id := sip.CallIDHeader(sip.GenerateTagN(20))
	hops := sip.MaxForwardsHeader(70)
	for _, h := range []sip.Header{
		&from, &sip.ToHeader{Address: uri(p.To.String(), p.Via)}, &id, &hops,
		&sip.CSeqHeader{SeqNo: 1 + rand.Uint32N(1000), MethodName: sip.INVITE},
		&sip.ContactHeader{Address: uri(p.From.String(), p.at)},
		sip.NewHeader("User-Agent", "sipedge-dev"), sip.NewHeader("Allow", "INVITE, ACK, CANCEL, BYE"),
		sip.NewHeader("Content-Type", "application/sdp"),
	} {
		req.AppendHeader(h)
	}
	if p.Override != "" {
		req.AppendHeader(sip.NewHeader("X-SpeakOps-Route", p.Override))
	}
	req.SetBody(writeSDP(p.rtp.LocalAddr().(*net.UDPAddr).AddrPort(), 1, nil))
	return p.bound(req)
}

// bound sends a request from our one socket to the edge.
func (p *phone) bound(req *sip.Request) *sip.Request {
	req.SetTransport("UDP")
	req.SetDestination(p.Via.String())
	req.Laddr = addr(p.at)
	return req
}

// cancel takes the INVITE back. It has the Via of the INVITE alone, by which it
// is matched.
func (p *phone) cancel(ctx context.Context) {
	inv := p.invite
	req := sip.NewRequest(sip.CANCEL, *inv.Recipient.Clone())
	hops := sip.MaxForwardsHeader(70)
	for _, h := range []sip.Header{
		sip.HeaderClone(inv.Via()), sip.HeaderClone(inv.From()), sip.HeaderClone(inv.To()), sip.HeaderClone(inv.CallID()), &hops,
		&sip.CSeqHeader{SeqNo: inv.CSeq().SeqNo, MethodName: sip.CANCEL}, sip.NewHeader("Reason", `SIP;cause=487;text="caller gave up"`),
	} {
		req.AppendHeader(h)
	}
	req.SetBody(nil)
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), cancelWithin)
	p.serving.Go(func() {
		defer stop()
		_, _ = p.client.Do(ctx, p.bound(req), func(*sipgo.Client, *sip.Request) error { return nil }) // the INVITE's final tells
	})
}

// within is a request inside the dialog that a 2xx has made (RFC 3261 section
// 12.2.1.1).
func (p *phone) within(method sip.RequestMethod, seq uint32, ok *sip.Response) *sip.Request {
	target := p.invite.Recipient
	if contact := ok.Contact(); contact != nil {
		target = contact.Address
	}
	req := sip.NewRequest(method, *target.Clone())
	for _, h := range routes(ok.GetHeaders("Record-Route"), true) {
		req.AppendHeader(h)
	}
	hops := sip.MaxForwardsHeader(70)
	for _, h := range []sip.Header{
		&hops, sip.HeaderClone(p.invite.From()), sip.HeaderClone(ok.To()), sip.HeaderClone(p.invite.CallID()),
		&sip.CSeqHeader{SeqNo: seq, MethodName: method},
	} {
		req.AppendHeader(h)
	}
	req.SetBody(nil)
	return p.bound(req)
}
