package demo

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"

	"github.com/speakops/sipedge/sipedge/testcall"
)

// How a gateway takes its time.
const (
	ringsAfter   = 300 * time.Millisecond  // from the INVITE to 180
	answersAfter = 1000 * time.Millisecond // from the INVITE to 200
	maxTalks     = 256                     // calls at once; more are refused with 503
)

// Gateway is a user agent that takes calls: it rings, answers and plays a tune,
// or is as unkind as its Manner for the number says.
type Gateway struct {
	name   string
	tune   []note
	manner func(gateway, dialled string) Manner

	addr    netip.AddrPort
	udp     *net.UDPConn
	tcp     *net.TCPListener
	ua      *sipgo.UserAgent
	client  *sipgo.Client
	serving sync.WaitGroup

	leaving context.Context // ends when calls shall end
	leave   context.CancelFunc

	mu     sync.Mutex
	talks  map[string]*talk // that are ringing or up, by dialog
	closed bool
	busy   sync.WaitGroup // what handlers and speakers do
}

// OpenGateway listens on one port of ip, UDP and TCP. The name says whose
// gateway it is; manner, how it treats what was dialled.
func OpenGateway(name string, ip netip.Addr, manner func(gateway, dialled string) Manner) (*Gateway, error) {
	testcall.Quieten()
	g := &Gateway{name: name, tune: speakopsTune, manner: manner, talks: map[string]*talk{}}
	if name != SpeakOpsA {
		g.tune = legacyTune
	}
	var err error
	if g.udp, g.tcp, err = bothOn(ip); err != nil {
		return nil, fmt.Errorf("demo gateway %s: %w", name, err)
	}
	g.addr = g.udp.LocalAddr().(*net.UDPAddr).AddrPort()
	if g.ua, err = sipgo.NewUA(sipgo.WithUserAgent(name)); err != nil {
		return nil, err
	}
	server, err := sipgo.NewServer(g.ua)
	if err != nil {
		return nil, err
	}
	if g.client, err = sipgo.NewClient(g.ua, sipgo.WithClientAddr(g.addr.String())); err != nil {
		return nil, err
	}
	g.leaving, g.leave = context.WithCancel(context.Background())
	g.handle(server)
	g.serving.Go(func() { _ = server.ServeUDP(g.udp) }) // ends when Close closes the sockets
	g.serving.Go(func() { _ = server.ServeTCP(g.tcp) })
	return g, nil
}

// bothOn finds a port of ip that is free for UDP and TCP.
func bothOn(ip netip.Addr) (udp *net.UDPConn, tcp *net.TCPListener, err error) {
	for range 20 {
		if tcp, err = net.ListenTCP("tcp", net.TCPAddrFromAddrPort(netip.AddrPortFrom(ip, 0))); err != nil {
			return nil, nil, err
		}
		at := tcp.Addr().(*net.TCPAddr).AddrPort()
		if udp, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(at)); err == nil {
			return udp, tcp, nil
		}
		tcp.Close()
	}
	return nil, nil, err
}

// FreePort is a port of ip that nobody listens on now, neither UDP nor TCP. It is
// taken from below the range of outgoing connections, so that none of those can
// slip in before it is listened on.
func FreePort(ip netip.Addr) (at netip.AddrPort, err error) {
	const first, ports, tries = 20000, 12000, 64
	for range tries {
		at = netip.AddrPortFrom(ip, uint16(first+rand.IntN(ports)))
		var udp, tcp io.Closer
		if udp, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(at)); err != nil {
			continue
		}
		tcp, err = net.ListenTCP("tcp", net.TCPAddrFromAddrPort(at))
		udp.Close()
		if err == nil {
			tcp.Close()
			return at, nil
		}
	}
	return at, err
}

// Name is the gateway's, and Addr where it listens.
func (g *Gateway) Name() string { return g.name }

// Addr is where the gateway listens, UDP and TCP.
func (g *Gateway) Addr() netip.AddrPort { return g.addr }

// HangUp ends every call, with BYE or a refusal, and takes no new ones. It
// waits until that is done, or ctx ends.
func (g *Gateway) HangUp(ctx context.Context) {
	g.leave()
	var all sync.WaitGroup
	g.mu.Lock()
	for _, t := range g.talks {
		all.Go(func() { t.hangUp(ctx) })
	}
	g.mu.Unlock()
	all.Wait()
}

// Close frees the sockets and waits for everything that was started.
func (g *Gateway) Close() {
	g.leave()
	g.mu.Lock()
	g.closed = true
	for _, t := range g.talks {
		t.end()
	}
	g.mu.Unlock()
	g.ua.Close()
	g.udp.Close()
	g.tcp.Close()
	g.serving.Wait()
	g.ua.Close() // once more, for connections taken in between
	g.busy.Wait()
}

// enter counts a handler in; false when the gateway is closed.
func (g *Gateway) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.closed {
		g.busy.Add(1)
	}
	return !g.closed
}

func (g *Gateway) handle(s *sipgo.Server) {
	on := func(f sipgo.RequestHandler) sipgo.RequestHandler {
		return func(req *sip.Request, tx sip.ServerTransaction) {
			if g.enter() {
				defer g.busy.Done()
				f(req, tx)
			}
		}
	}
	ok := func(req *sip.Request, tx sip.ServerTransaction) { g.respond(req, tx, 200, "OK") }
	s.OnInvite(on(g.invite))
	s.OnAck(on(func(req *sip.Request, _ sip.ServerTransaction) {
		if t := g.find(req); t != nil {
			t.acknowledged(req.Body())
		}
	}))
	s.OnBye(on(func(req *sip.Request, tx sip.ServerTransaction) {
		t := g.find(req)
		if t == nil {
			g.respond(req, tx, 481, "Call/Transaction Does Not Exist")
			return
		}
		t.hungUp() // before the answer: nobody shall hang up a call that is over
		ok(req, tx)
	}))
	s.OnOptions(on(ok))
	s.OnInfo(on(ok))
	s.OnCancel(on(func(req *sip.Request, tx sip.ServerTransaction) {
		g.respond(req, tx, 481, "Call/Transaction Does Not Exist") // sipgo answers those that match
	}))
	s.OnNoRoute(on(func(req *sip.Request, tx sip.ServerTransaction) { g.respond(req, tx, 405, "Method Not Allowed") }))
}

// respond answers with the headers that every answer of a gateway has.
func (g *Gateway) respond(req *sip.Request, tx sip.ServerTransaction, code int, reason string) {
	_ = tx.Respond(g.response(req, code, reason, nil)) // whoever asked has gone, or asks again
}

func (g *Gateway) response(req *sip.Request, code int, reason string, sdp []byte) *sip.Response {
	res := sip.NewResponseFromRequest(req, code, reason, sdp)
	res.SetDestination(req.Source()) // not where a Via claims to be
	if code > 100 {
		contact := uri("gw", g.addr)
		contact.UriParams.Add(gatewayParam, g.name)
		res.AppendHeader(&sip.ContactHeader{Address: contact})
		res.AppendHeader(sip.NewHeader("X-Gateway", g.name))
		res.AppendHeader(sip.NewHeader("Server", "sipedge-dev-"+g.name))
		res.AppendHeader(sip.NewHeader("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO"))
	}
	if sdp != nil {
		res.AppendHeader(sip.NewHeader("Content-Type", "application/sdp"))
	}
	return res
}
