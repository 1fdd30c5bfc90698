package transport

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/speakops/sipedge/sipedge/message"
	"github.com/speakops/sipedge/sipedge/transport/memnet"
)

func TestConnectReusesItsOwnOnly(t *testing.T) {
	gateway := &recorder{answer: true}
	far := start(t, Options{Listeners: listeners("tcp 127.0.0.1:0")}, gateway)
	r := &recorder{}
	l := start(t, Options{Listeners: listeners("tcp 127.0.0.1:0", "udp 127.0.0.1:0")}, r)
	f, err := l.Connect(TCP, 0, far.Addr(0), nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 { // the first waits for the connection
		if err := l.Send(f, request("OPTIONS", 0)); err != nil {
			t.Fatal(err)
		}
		if s := r.want(t, "200"); s.flow != f {
			t.Errorf("answer on %+v, want %+v", s.flow, f)
		}
		if again, _ := l.Connect(TCP, 0, far.Addr(0), nil); again != f {
			t.Errorf("not reused: %+v", again)
		}
	}
	// The gateway's own requests do not go over a connection it did not open.
	back := gateway.want(t, "OPTIONS").flow
	if g, err := far.Connect(TCP, 0, back.Peer, nil); err != nil || g == back {
		t.Errorf("a peer's connection was taken for a request: %+v, %v", g, err)
	}
	if _, err := l.Connect(UDP, 1, far.Addr(0), nil); err == nil {
		t.Error("UDP was connected")
	}
	if _, err := l.Connect(TCP, 1, far.Addr(0), nil); err == nil {
		t.Error("a UDP listener connected over TCP")
	}
	far.Close()
	if s := r.want(t, "lost"); s.flow != f {
		t.Errorf("lost %+v", s.flow)
	}
	if again, _ := l.Connect(TCP, 0, far.Addr(0), nil); again.Conn == f.Conn {
		t.Error("a dead connection was reused")
	}
	if s := r.want(t, "lost"); !errors.Is(s.err, syscall.ECONNREFUSED) || !strings.Contains(s.err.Error(), far.Addr(0).String()) {
		t.Errorf("lost: %v", s.err)
	}
}

// bubble serves a layer on a host of n inside a synctest bubble.
func bubble(t *testing.T, n *memnet.Network, host string, r *recorder, o Options, specs ...string) *Layer {
	t.Helper()
	o.Net, o.Listeners = n.Host(netip.MustParseAddr(host)), listeners(specs...)
	return start(t, o, r)
}

// The timeouts of the defaults, to the second, and the whole layer at rest in a
// bubble.
func TestTimeoutsInMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		r := &recorder{answer: true, ch: make(chan seen, 100)}
		l := bubble(t, n, "192.0.2.10", r, Options{}, "udp 192.0.2.10:5060", "tcp 192.0.2.10:5060")
		caller := n.Host(netip.MustParseAddr("192.0.2.1"))
		u, _ := caller.ListenPacket(t.Context(), "udp", netip.MustParseAddrPort("192.0.2.1:5060"))
		defer u.Close()
		u.WriteTo(request("OPTIONS", 0), net.UDPAddrFromAddrPort(l.Addr(0)))
		buf := make([]byte, 2000)
		if k, _, err := u.ReadFrom(buf); err != nil || !strings.HasPrefix(string(buf[:k]), "SIP/2.0 200 OK") {
			t.Errorf("%q, %v", buf[:k], err)
		}
		(<-r.ch).check(t, "OPTIONS", nil)

		began := time.Now()
		mute, _ := caller.Dial(t.Context(), "tcp", netip.Addr{}, l.Addr(1))
		defer mute.Close()
		(<-r.ch).check(t, "lost", ErrIdle)
		since(t, "until the first message", began, 15*time.Second)

		began = time.Now()
		slow, _ := caller.Dial(t.Context(), "tcp", netip.Addr{}, l.Addr(1))
		defer slow.Close()
		slow.Write(request("OPTIONS", 0))
		(<-r.ch).check(t, "OPTIONS", nil)
		time.Sleep(time.Minute)
		began = time.Now()
		half := request("OPTIONS", 0)[:50]
		for range 3 {
			slow.Write(half[:1])
			time.Sleep(4 * time.Second)
		}
		(<-r.ch).check(t, "lost", ErrSlow)
		since(t, "from the first byte of a message", began, 15*time.Second)

		quiet, _ := caller.Dial(t.Context(), "tcp", netip.Addr{}, l.Addr(1))
		defer quiet.Close()
		quiet.Write(request("OPTIONS", 0))
		(<-r.ch).check(t, "OPTIONS", nil)
		time.Sleep(9 * time.Minute)
		quiet.Write([]byte("\r\n\r\n")) // life, as RFC 5626 has it
		began = time.Now()
		(<-r.ch).check(t, "lost", ErrIdle)
		since(t, "from a ping", began, 10*time.Minute)

		began = time.Now()
		f, err := l.Connect(TCP, 1, netip.MustParseAddrPort("192.0.2.99:5060"), nil)
		if err != nil || l.Send(f, []byte("lost")) != nil {
			t.Fatal(err)
		}
		(<-r.ch).check(t, "lost", context.DeadlineExceeded)
		since(t, "to give up a dial", began, 3*time.Second)
		l.Close()
		synctest.Wait()
	})
}

func (s seen) check(t *testing.T, line string, err error) {
	t.Helper()
	if s.line != line || err != nil && !errors.Is(s.err, err) {
		t.Fatalf("the sink was told %q (%v), want %q (%v)", s.line, s.err, line, err)
	}
}

func since(t *testing.T, what string, began time.Time, want time.Duration) {
	t.Helper()
	if d := time.Since(began).Truncate(time.Millisecond); d != want {
		t.Errorf("%s it took %v, want %v", what, d, want)
	}
}

// hungry is a listener without descriptors for a while.
type hungry struct {
	net.Listener
	mu    sync.Mutex
	fails int
}

func (h *hungry) Accept() (net.Conn, error) {
	h.mu.Lock()
	h.fails--
	bad := h.fails >= 0
	h.mu.Unlock()
	if bad {
		return nil, &net.OpError{Op: "accept", Err: syscall.EMFILE}
	}
	return h.Listener.Accept()
}

// sick is a Net whose listeners fail to accept and whose sockets fail to read.
type sick struct {
	*memnet.Host
	fails int
}

func (s sick) Listen(ctx context.Context, network string, at netip.AddrPort) (net.Listener, error) {
	l, err := s.Host.Listen(ctx, network, at)
	return &hungry{Listener: l, fails: s.fails}, err
}

func (s sick) ListenPacket(ctx context.Context, network string, at netip.AddrPort) (net.PacketConn, error) {
	c, err := s.Host.ListenPacket(ctx, network, at)
	return &deaf{PacketConn: c, fails: s.fails}, err
}

type deaf struct {
	net.PacketConn
	fails int
}

func (d *deaf) ReadFrom(b []byte) (int, net.Addr, error) {
	if d.fails--; d.fails >= 0 {
		return 0, nil, &net.OpError{Op: "read", Err: syscall.ECONNREFUSED}
	}
	return d.PacketConn.ReadFrom(b)
}

func TestErrorsDoNotEndListeners(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		r := &recorder{answer: true, ch: make(chan seen, 100)}
		o := Options{Net: sick{n.Host(netip.MustParseAddr("192.0.2.10")), 30}, Listeners: listeners("udp 192.0.2.10:5060", "tcp 192.0.2.10:5060")}
		l := start(t, o, r)
		time.Sleep(time.Minute) // 30 errors with back-off
		caller := n.Host(netip.MustParseAddr("192.0.2.1"))
		u, _ := caller.ListenPacket(t.Context(), "udp", netip.MustParseAddrPort("192.0.2.1:5060"))
		defer u.Close()
		u.WriteTo(request("OPTIONS", 0), net.UDPAddrFromAddrPort(l.Addr(0)))
		(<-r.ch).check(t, "OPTIONS", nil)
		c, err := caller.Dial(t.Context(), "tcp", netip.Addr{}, l.Addr(1))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.Write(request("BYE", 0))
		(<-r.ch).check(t, "BYE", nil)
		if cs := l.Counters(); cs.ReadErrors.Load() != 30 || cs.AcceptErrors.Load() != 30 {
			t.Errorf("%d read errors, %d accept errors", cs.ReadErrors.Load(), cs.AcceptErrors.Load())
		}
		l.Close()
		synctest.Wait()
	})
}

// Closing from inside the sink, with work on every socket, ends everything.
func TestCloseFromTheSink(t *testing.T) {
	r := &recorder{}
	r.receive = func(f Flow, m *message.Message) {
		if m.Method == message.BYE {
			r.l.Send(f, m.AppendReply(nil, 200, "OK", nil, f.Peer, nil))
			r.l.Close()
		}
	}
	l := start(t, Options{Listeners: listeners("udp 127.0.0.1:0", "tcp 127.0.0.1:0")}, r)
	u := dialUDP(t, l.Addr(0))
	u.Write(request("OPTIONS", 0))
	r.want(t, "OPTIONS")
	c := dialTCP(t, l.Addr(1))
	c.Write(request("BYE", 0))
	r.want(t, "BYE")
	if got := closed(t, c); !strings.HasPrefix(got, "SIP/2.0 200 OK") {
		t.Errorf("what was queued did not leave: %q", got)
	}
	if s := r.want(t, "lost"); !errors.Is(s.err, ErrClosed) {
		t.Errorf("lost: %v", s.err)
	}
	if _, err := l.Connect(TCP, 1, netip.MustParseAddrPort("127.0.0.1:9"), nil); !errors.Is(err, ErrClosed) {
		t.Errorf("connecting afterwards: %v", err)
	}
}
