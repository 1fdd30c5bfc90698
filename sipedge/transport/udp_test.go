package transport

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/speakops/sipedge/sipedge/message"
	"github.com/speakops/sipedge/sipedge/transport/gate"
)

func dialUDP(t *testing.T, to netip.AddrPort) *net.UDPConn {
	t.Helper()
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(to))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetReadDeadline(time.Now().Add(5 * time.Second))
	return c
}

func read(t *testing.T, c net.Conn) string {
	t.Helper()
	b := make([]byte, 70000)
	n, err := c.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(b[:n])
}

func TestUDPBothFamilies(t *testing.T) {
	r := &recorder{answer: true}
	l := start(t, Options{Listeners: listeners("udp 127.0.0.1:0", "udp [::1]:0", "udp [::]:0")}, r)
	for i, to := range []netip.AddrPort{l.Addr(0), l.Addr(1), netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), l.Addr(2).Port())} {
		c := dialUDP(t, to)
		c.Write(request("OPTIONS", 0))
		s := r.want(t, "OPTIONS")
		if want := c.LocalAddr().(*net.UDPAddr).AddrPort(); s.flow != (Flow{Proto: UDP, Listener: uint8(i), Peer: want}) {
			t.Errorf("flow %+v, want peer %v unmapped on listener %d", s.flow, want, i)
		}
		if got := read(t, c); !strings.HasPrefix(got, "SIP/2.0 200 OK\r\n") {
			t.Errorf("answer %q", got)
		}
	}
	if n := l.Counters().Received[UDP].Load(); n != 3 {
		t.Errorf("%d received, want 3", n)
	}
}

func TestUDPKeepsOrderThroughManyBatches(t *testing.T) {
	var got []byte
	r := &recorder{receive: func(f Flow, m *message.Message) { got = append(got, m.Body...) }}
	l := start(t, Options{Listeners: listeners("udp 127.0.0.1:0")}, r)
	c := dialUDP(t, l.Addr(0))
	msg := request("INFO", 1)
	var want []byte
	for i := range 1000 {
		msg[len(msg)-1] = byte(i)
		want = append(want, byte(i))
		c.Write(msg)
	}
	for range 1000 {
		r.want(t, "INFO")
	}
	if !bytes.Equal(got, want) {
		t.Error("messages of one source came in another order")
	}
}

func TestUDPSeveralSocketsShareAPort(t *testing.T) {
	r := &recorder{answer: true}
	ls := listeners("udp 127.0.0.1:0")
	ls[0].Sockets = 3
	l := start(t, Options{Listeners: ls}, r)
	for range 20 {
		c := dialUDP(t, l.Addr(0))
		c.Write(request("OPTIONS", 0))
		r.want(t, "OPTIONS")
		read(t, c) // a connected socket takes answers from the shared port only
	}
	ls[0].Address = l.Addr(0)
	if _, err := Open(t.Context(), Options{Listeners: ls}, r); err == nil || !strings.Contains(err.Error(), "port is in use") {
		t.Errorf("a second edge on a shared port: %v", err)
	}
}

func TestUDPSizes(t *testing.T) {
	r := &recorder{answer: true}
	l := start(t, Options{Listeners: listeners("udp 127.0.0.1:0")}, r)
	c := dialUDP(t, l.Addr(0))
	head := len(request("INFO", 10000)) - 10000
	c.Write(request("INFO", 16384-head))
	if s := r.want(t, "INFO"); s.body != 16384-head {
		t.Errorf("body of %d bytes", s.body)
	}
	read(t, c)
	for _, n := range []int{16385 - head, 65000} {
		c.Write(request("INFO", n))
		r.want(t, "refused 513")
		if got := read(t, c); !strings.HasPrefix(got, "SIP/2.0 513 ") {
			t.Errorf("answer %q", got)
		}
	}
	c.Write(bytes.Repeat([]byte("x"), 20000))
	c.Write(request("INFO", 0))
	r.want(t, "INFO") // the large garbage drew nothing
	if err := l.Send(Flow{Peer: c.LocalAddr().(*net.UDPAddr).AddrPort()}, make([]byte, 65508)); !errors.Is(err, syscall.EMSGSIZE) {
		t.Errorf("65508 bytes: %v, want EMSGSIZE", err)
	}
	if err := l.Send(Flow{Peer: netip.MustParseAddrPort("[::1]:9")}, []byte("x")); err == nil {
		t.Error("an IPv4 socket sent to IPv6")
	}
	if err := l.Send(Flow{Peer: c.LocalAddr().(*net.UDPAddr).AddrPort()}, bytes.Repeat([]byte("y"), 60000)); err != nil {
		t.Errorf("60000 bytes: %v", err)
	}
}

func TestUDPStrangersAndNoiseGetSilence(t *testing.T) {
	var asked atomic.Int32
	r := &recorder{answer: true, standing: func(Flow, []string) Standing {
		asked.Add(1)
		return Stranger
	}}
	l := start(t, Options{Listeners: listeners("udp 127.0.0.1:0")}, r)
	stranger := dialUDP(t, l.Addr(0))
	stranger.Write(request("INVITE", 0))
	r.silent(t, 100*time.Millisecond)
	if n := l.Counters().Strangers.Load(); n != 1 {
		t.Errorf("%d strangers counted", n)
	}
	stranger.Write([]byte("\r\n\r\n"))
	stranger.Write(nil)
	r.silent(t, 50*time.Millisecond)
	if n := l.Counters().Dropped[gate.KeepAlive].Load(); n != 2 || asked.Load() != 1 {
		t.Errorf("%d keep-alives, standing asked %d times", n, asked.Load())
	}
}

func TestUDPFaultsAreCountedAndAnswered(t *testing.T) {
	r := &recorder{answer: true}
	l := start(t, Options{Listeners: listeners("udp 127.0.0.1:0")}, r)
	c := dialUDP(t, l.Addr(0))
	c.Write([]byte("\x00\x01\x00\x00stun!"))
	c.Write([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"))
	c.Write(bytes.Replace(request("OPTIONS", 0), []byte("SIP/2.0\r\nVia"), []byte("SIP/3.0\r\nVia"), 1))
	r.want(t, "refused 505")
	read(t, c)
	c.Write(bytes.Replace(request("OPTIONS", 5), []byte("Length: 5"), []byte("Length: 9"), 1))
	if s := r.want(t, "refused 400"); !strings.Contains(read(t, c), " 400 "+s.err.Error()) {
		t.Error("the reason did not reach the peer")
	}
	cs := l.Counters()
	if cs.Dropped[gate.STUN].Load() != 1 || cs.Dropped[gate.NotSIP].Load() != 1 || cs.Refused[gate.Version].Load() != 1 || cs.Refused[gate.ShortBody].Load() != 1 {
		t.Errorf("drops %v refusals %v", &cs.Dropped, &cs.Refused)
	}
}

func TestPanicCostsOneMessage(t *testing.T) {
	var mu sync.Mutex
	var logged []string
	r := &recorder{receive: func(_ Flow, m *message.Message) {
		if m.Method == message.INVITE {
			panic("a bug")
		}
	}}
	l := start(t, Options{Listeners: listeners("udp 127.0.0.1:0", "tcp 127.0.0.1:0"), Logf: func(_ int, msg string, args ...any) {
		if mu.Lock(); strings.Contains(msg, "panic") {
			logged = append(logged, args[len(args)-1].(string))
		}
		mu.Unlock()
	}}, r)
	c := dialUDP(t, l.Addr(0))
	c.Write(request("INVITE", 0))
	c.Write(request("OPTIONS", 0))
	r.want(t, "OPTIONS")
	tc := dialTCP(t, l.Addr(1))
	tc.Write(request("INVITE", 0))
	tc.Write(request("OPTIONS", 0))
	r.want(t, "OPTIONS")
	mu.Lock()
	defer mu.Unlock()
	if n := l.Counters().Panics.Load(); n != 2 || len(logged) != 2 || !strings.Contains(logged[0], "udp_test.go") {
		t.Errorf("%d panics counted, logged %q", n, logged)
	}
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	held := dialUDPListener(t)
	for _, c := range []struct{ spec, want string }{
		{"udp " + held.String(), "listener udp " + held.String() + " (udp " + held.String() + "): the port is in use"},
		{"tcp 192.0.2.77:5060", "no such address"},
		{"tls 127.0.0.1:0", "certificate"},
	} {
		_, err := Open(t.Context(), Options{Listeners: listeners("udp 127.0.0.1:0", c.spec)}, &recorder{})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.spec, err, c.want)
		}
		var b *BindError
		if !errors.As(err, &b) || b.Listener.Name != c.spec {
			t.Errorf("%s: the error does not carry its listener", c.spec)
		}
	}
}

func dialUDPListener(t *testing.T) netip.AddrPort {
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c.LocalAddr().(*net.UDPAddr).AddrPort()
}

// What the gate drops of a known source is told with its reason; keep-alives are no
// news, and strangers have an ear of their own.
func TestDropsOfTheKnownAreTold(t *testing.T) {
	told := make(chan gate.Reason, 10)
	r := &recorder{standing: func(f Flow, _ []string) Standing {
		if f.Peer.Addr() == netip.MustParseAddr("127.0.0.1") {
			return Trunk
		}
		return Stranger
	}}
	l := start(t, Options{Listeners: listeners("udp 127.0.0.1:0"), Dropped: func(_ Flow, why gate.Reason) { told <- why }}, r)
	stranger, err := net.DialUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 2)}, net.UDPAddrFromAddrPort(l.Addr(0)))
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	stranger.Write(bytes.Repeat([]byte{0x80}, 172))
	c := dialUDP(t, l.Addr(0))
	for _, b := range [][]byte{[]byte("\r\n\r\n\r\n\r\n"), bytes.Repeat([]byte{0x80}, 172), append([]byte{0, 1}, make([]byte, 18)...), request("OPTIONS", 0)} {
		c.Write(b)
	}
	r.want(t, "OPTIONS")
	if a, b := <-told, <-told; a != gate.NotSIP || b != gate.STUN || len(told) != 0 {
		t.Errorf("told of %v, %v and %d more", a, b, len(told))
	}
}
