package testcall

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"
)

// Quieten sets what sipgo keeps for a whole process: its log, which would talk
// between our lines, and the size at which it refuses to send a datagram. It
// must happen before the first user agent. Place does it by itself, which is too
// late in a process where others have user agents of sipgo's: there main calls it.
var Quieten = sync.OnceFunc(func() {
	sip.SetDefaultLogger(slog.New(slog.DiscardHandler))
	sip.UDPMTUSize = 65_507 + 200
})

// phone is the caller's user agent; it lives for one call.
type phone struct {
	Call
	id      string // Call-ID
	edge    netip.AddrPort
	at      netip.AddrPort // ours, of the signalling
	line    io.Closer      // the socket or connection
	ready   <-chan struct{}
	lost    <-chan struct{} // the connection is gone; nil over UDP
	tap     tap
	ua      *sipgo.UserAgent
	server  *sipgo.Server
	client  *sipgo.Client
	invite  *sip.Request
	voice   *voice
	serving sync.WaitGroup

	seq    uint32        // of our last INVITE
	forked atomic.Bool   // a second branch has answered
	hungUp chan struct{} // the other side has
	once   sync.Once
}

const defaultPort, defaultTLSPort = 5060, 5061

func pickUp(ctx context.Context, c Call) (*phone, error) {
	Quieten()
	p := &phone{Call: c, id: "testcall-" + sip.GenerateTagN(20), hungUp: make(chan struct{}), tap: tap{saw: c.Saw}}
	var err error
	if p.edge, err = resolve(ctx, c.Edge, c.Transport); err != nil {
		return nil, err
	}
	if err := p.start(ctx); err != nil {
		p.putDown()
		return nil, err
	}
	return p, nil
}

// resolve finds the edge. An edge is called at an address; who wants SRV asks
// for it beforehand.
func resolve(ctx context.Context, edge string, t Transport) (at netip.AddrPort, err error) {
	port := defaultPort
	if t == TLS {
		port = defaultTLSPort
	}
	host, service, err := net.SplitHostPort(edge)
	if err != nil {
		host, service = edge, strconv.Itoa(port)
	}
	n, err := strconv.ParseUint(service, 10, 16)
	if err != nil || n == 0 {
		return at, fmt.Errorf("%q names no port: write host:port", edge)
	}
	host = trimBrackets(host)
	if a, err := netip.ParseAddr(host); err == nil {
		return netip.AddrPortFrom(a, uint16(n)), nil
	}
	all, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil || len(all) == 0 {
		return at, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	return netip.AddrPortFrom(all[0].Unmap(), uint16(n)), nil
}

func trimBrackets(host string) string {
	if len(host) > 2 && host[0] == '[' && host[len(host)-1] == ']' {
		return host[1 : len(host)-1]
	}
	return host
}

func (p *phone) start(ctx context.Context) (err error) {
	if p.ua, err = sipgo.NewUA(sipgo.WithUserAgent(agentName)); err != nil {
		return err
	}
	if p.server, err = sipgo.NewServer(p.ua); err != nil {
		return err
	}
	p.handle()
	if p.Transport == UDP {
		err = p.open()
	} else {
		err = p.connect(ctx)
	}
	if err != nil {
		return err
	}
	if p.client, err = sipgo.NewClient(p.ua, sipgo.WithClientAddr(p.at.String())); err != nil {
		return err
	}
	select {
	case <-p.ready: // before that, sipgo would open a second socket of the same address
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

const agentName = "sipedge-testcall"

// open makes the UDP socket that everything is sent from and comes to.
func (p *phone) open() error {
	local := p.Local
	if !local.IsValid() {
		route, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(p.edge)) // sends nothing
		if err != nil {
			return fmt.Errorf("%w: %w", ErrUnreachable, err)
		}
		local = route.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap()
		route.Close()
	}
	conn, err := net.ListenPacket("udp", netip.AddrPortFrom(local, 0).String())
	if err != nil {
		return err
	}
	w := &datagrams{PacketConn: conn, tap: &p.tap, read: make(chan struct{})}
	p.line, p.ready, p.at = w, w.read, conn.LocalAddr().(*net.UDPAddr).AddrPort()
	if p.voice, err = newVoice(p.Sound, p.at.Addr()); err != nil {
		return err
	}
	p.serving.Go(func() { _ = p.server.ServeUDP(w) })
	return nil
}

// connect makes the connection, and its handshake, before sipgo gets it: so a
// wrong certificate is told as what it is.
func (p *phone) connect(ctx context.Context) error {
	d := net.Dialer{Timeout: 10 * time.Second}
	if p.Local.IsValid() {
		d.LocalAddr = &net.TCPAddr{IP: p.Local.AsSlice()}
	}
	conn, err := d.DialContext(ctx, "tcp", p.edge.String())
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	serve := p.server.ServeTCP
	if p.Transport == TLS {
		serve = p.server.ServeTLS
		secure := tls.Client(conn, p.tlsConfig())
		if err := secure.HandshakeContext(ctx); err != nil {
			conn.Close()
			return fmt.Errorf("%w: TLS with %s: %w", ErrUnreachable, p.Edge, err)
		}
		conn = secure
	}
	s := newStream(conn, &p.tap)
	l := newOnce(s)
	p.line, p.ready, p.lost, p.at = closers{l, s}, l.taken, s.gone, conn.LocalAddr().(*net.TCPAddr).AddrPort()
	if p.voice, err = newVoice(p.Sound, p.at.Addr()); err != nil {
		return err
	}
	p.serving.Go(func() { _ = serve(l) })
	return nil
}

func (p *phone) tlsConfig() *tls.Config {
	c := &tls.Config{}
	if p.TLS != nil {
		c = p.TLS.Clone()
	}
	if c.ServerName == "" {
		host, _, err := net.SplitHostPort(p.Edge)
		if err != nil {
			host = p.Edge
		}
		c.ServerName = trimBrackets(host)
	}
	return c
}

type closers []io.Closer

// Close implements io.Closer.
func (all closers) Close() error {
	var errs []error
	for _, c := range all {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

func (p *phone) putDown() {
	if p.voice != nil {
		p.voice.close()
	}
	if p.ua != nil {
		p.ua.Close()
	}
	if p.line != nil {
		p.line.Close()
	}
	p.serving.Wait()
}

// handle takes what the other side asks for during the call.
func (p *phone) handle() {
	answer := func(req *sip.Request, tx sip.ServerTransaction, code int, reason string, body []byte) {
		res := sip.NewResponseFromRequest(req, code, reason, body)
		res.SetDestination(req.Source())
		if body != nil {
			res.AppendHeader(sip.NewHeader("Content-Type", "application/sdp"))
			res.AppendHeader(&sip.ContactHeader{Address: p.uri(p.From, p.at)})
		}
		_ = tx.Respond(res) // whoever asked has gone, or asks again
	}
	ok := func(req *sip.Request, tx sip.ServerTransaction) { answer(req, tx, 200, "OK", nil) }
	// within is for requests of this call; nobody else has any business here.
	within := func(f sipgo.RequestHandler) sipgo.RequestHandler {
		return func(req *sip.Request, tx sip.ServerTransaction) {
			if id := req.CallID(); id == nil || id.Value() != p.id {
				answer(req, tx, 481, "Call/Transaction Does Not Exist", nil)
				return
			}
			f(req, tx)
		}
	}
	p.server.OnBye(within(func(req *sip.Request, tx sip.ServerTransaction) {
		ok(req, tx)
		p.once.Do(func() { close(p.hungUp) })
	}))
	offered := func(req *sip.Request, tx sip.ServerTransaction) {
		body, err := p.voice.answer(req.Body())
		if err != nil {
			answer(req, tx, 488, "Not Acceptable Here", nil)
			return
		}
		answer(req, tx, 200, "OK", body)
	}
	p.server.OnInvite(within(offered))
	p.server.OnUpdate(within(func(req *sip.Request, tx sip.ServerTransaction) {
		if len(req.Body()) == 0 {
			ok(req, tx) // a session timer's
			return
		}
		offered(req, tx)
	}))
	p.server.OnAck(func(req *sip.Request, _ sip.ServerTransaction) {
		if id := req.CallID(); id != nil && id.Value() == p.id {
			p.voice.agree(req.Body())
		}
	})
	p.server.OnOptions(ok)
	p.server.OnInfo(ok)
	p.server.OnNotify(ok)
	p.server.OnNoRoute(func(req *sip.Request, tx sip.ServerTransaction) { answer(req, tx, 405, "Method Not Allowed", nil) })
}
