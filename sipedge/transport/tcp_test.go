package transport

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func dialTCP(t *testing.T, to netip.AddrPort) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", to.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(5 * time.Second))
	return c
}

// closed waits for the other side to close and returns what it said before.
func closed(t *testing.T, c net.Conn) string {
	t.Helper()
	b, err := io.ReadAll(c)
	if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
		t.Fatalf("not closed; it said %q", b)
	}
	return string(b)
}

func TestTCPByteByByteAndPipelined(t *testing.T) {
	r := &recorder{answer: true}
	l := start(t, Options{Listeners: listeners("tcp 127.0.0.1:0")}, r)
	c := dialTCP(t, l.Addr(0))
	msg := request("OPTIONS", 7)
	for i := range msg {
		c.Write(msg[i : i+1])
	}
	one := r.want(t, "OPTIONS")
	if one.flow.Conn == 0 || one.flow.Peer != c.LocalAddr().(*net.TCPAddr).AddrPort() || one.body != 7 {
		t.Errorf("%+v", one)
	}
	var many []byte
	for range 50 {
		many = append(many, request("INFO", 100)...)
		many = append(many, "\r\n"...)
	}
	c.Write(many)
	for range 50 {
		if s := r.want(t, "INFO"); s.flow != one.flow {
			t.Errorf("another flow: %+v", s.flow)
		}
	}
	c.(*net.TCPConn).CloseWrite()
	if got := strings.Count(closed(t, c), "SIP/2.0 200 OK\r\n"); got != 51 {
		t.Errorf("%d answers, want 51", got)
	}
	if s := r.want(t, "lost"); s.flow != one.flow || !errors.Is(s.err, io.EOF) {
		t.Errorf("lost %+v", s)
	}
	if err := l.Send(one.flow, []byte("x")); !errors.Is(err, ErrGone) {
		t.Errorf("sending on it afterwards: %v", err)
	}
	again := dialTCP(t, l.Addr(0))
	again.Write(msg)
	if s := r.want(t, "OPTIONS"); s.flow.Conn == one.flow.Conn {
		t.Error("a connection number was used twice")
	}
}

func TestTCPPing(t *testing.T) {
	r := &recorder{}
	l := start(t, Options{Listeners: listeners("tcp 127.0.0.1:0")}, r)
	c := dialTCP(t, l.Addr(0))
	for _, s := range []string{"\r\n", "\r", "\n"} {
		io.WriteString(c, s)
		time.Sleep(20 * time.Millisecond)
	}
	if got := read(t, c); got != "\r\n" {
		t.Errorf("pong %q", got)
	}
	if n := l.Counters().Pings.Load(); n != 1 {
		t.Errorf("%d pings", n)
	}
	c.Write(request("OPTIONS", 0))
	r.want(t, "OPTIONS")
}

func TestTCPBrokenFramingIsAnsweredAndClosed(t *testing.T) {
	good := string(request("OPTIONS", 0))
	for name, c := range map[string]struct{ msg, say, told string }{
		"no length":       {strings.Replace(good, "Content-Length: 0\r\n", "", 1), " 400 ", "refused 400"},
		"negative length": {strings.Replace(good, "Length: 0", "Length: -1", 1), " 400 ", "refused 400"},
		"absurd length":   {strings.Replace(good, "Length: 0", "Length: 4000000000", 1), " 400 ", "refused 400"},
		"two lengths":     {strings.Replace(good, "Content", "l: 5\r\nContent", 1), " 400 ", "refused 400"},
		"too large":       {strings.Replace(good, "Length: 0", "Length: 70000", 1), " 513 ", "refused 513"},
		"bare LF":         {strings.Replace(good, "Max-Forwards: 70", "Subject: a\nb", 1), " 400 ", "refused 400"},
		"TLS":             {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "", ""},
		"HTTP":            {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "", ""},
		"endless head":    {good[:40] + strings.Repeat("a", 70000), "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := &recorder{answer: true}
			l := start(t, Options{Listeners: listeners("tcp 127.0.0.1:0")}, r)
			conn := dialTCP(t, l.Addr(0))
			io.WriteString(conn, c.msg)
			io.WriteString(conn, good) // must not be taken for a message
			if c.told != "" {
				r.want(t, c.told)
			}
			got := closed(t, conn)
			if c.say != "" && !strings.HasPrefix(got, "SIP/2.0"+c.say) || c.say == "" && got != "" {
				t.Errorf("it said %q", got)
			}
			if s := r.want(t, "lost"); !errors.Is(s.err, ErrGarbage) {
				t.Errorf("lost: %v", s.err)
			}
		})
	}
}

// A fault that leaves the framing alone costs only its own message.
func TestTCPRefusalKeepsTheConnection(t *testing.T) {
	r := &recorder{answer: true}
	l := start(t, Options{Listeners: listeners("tcp 127.0.0.1:0")}, r)
	c := dialTCP(t, l.Addr(0))
	io.WriteString(c, strings.Replace(string(request("OPTIONS", 9)), "CSeq", "To: <sip:x@y>\r\nCSeq", 1))
	r.want(t, "refused 400")
	c.Write(request("OPTIONS", 0))
	r.want(t, "OPTIONS")
}

func TestTCPLargeMessage(t *testing.T) {
	r := &recorder{answer: true}
	l := start(t, Options{Listeners: listeners("tcp 127.0.0.1:0")}, r)
	c := dialTCP(t, l.Addr(0))
	head := len(request("INFO", 10000)) - 10000
	for range 3 {
		c.Write(request("INFO", 65535-head))
		if s := r.want(t, "INFO"); s.body != 65535-head {
			t.Errorf("body of %d bytes", s.body)
		}
	}
	big := request("INFO", 200000)
	flow := Flow{}
	c2 := dialTCP(t, l.Addr(0))
	c2.Write(request("OPTIONS", 0))
	flow = r.want(t, "OPTIONS").flow
	if err := l.Send(flow, big); err != nil {
		t.Fatal(err)
	}
	if n, err := io.CopyN(io.Discard, c2, int64(len(big))); err != nil {
		t.Errorf("%d bytes came: %v", n, err)
	}
}

func TestTCPSlowlorisAndIdle(t *testing.T) {
	r := &recorder{}
	l := start(t, Options{Listeners: listeners("tcp 127.0.0.1:0"), ReadTimeout: 300 * time.Millisecond}, r)
	slow := dialTCP(t, l.Addr(0))
	began := time.Now()
	go func() {
		for _, b := range request("OPTIONS", 0) { // a byte now and then would keep an idle timer happy
			if _, err := slow.Write([]byte{b}); err != nil {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
	}()
	if s := r.want(t, "lost"); !errors.Is(s.err, ErrSlow) || l.Counters().Slow.Load() != 1 {
		t.Errorf("slow: %v after %v, %d counted", s.err, time.Since(began), l.Counters().Slow.Load())
	}
	slow.Close()

	r = &recorder{}
	l = start(t, Options{Listeners: listeners("tcp 127.0.0.1:0"), IdleTimeout: 200 * time.Millisecond}, r)
	idle := dialTCP(t, l.Addr(0))
	idle.Write(request("OPTIONS", 0))
	r.want(t, "OPTIONS")
	if s := r.want(t, "lost"); !errors.Is(s.err, ErrIdle) || l.Counters().Idle.Load() != 1 {
		t.Errorf("idle: %v, %d counted", s.err, l.Counters().Idle.Load())
	}
}

func TestTCPCapsAndStrangers(t *testing.T) {
	var known atomic.Bool
	known.Store(true)
	r := &recorder{standing: func(Flow, []string) Standing {
		if known.Load() {
			return Trunk
		}
		return Stranger
	}}
	l := start(t, Options{Listeners: listeners("tcp 127.0.0.1:0"), PerSourceConns: 3}, r)
	var conns []net.Conn
	for range 3 {
		c := dialTCP(t, l.Addr(0))
		c.Write(request("OPTIONS", 0))
		r.want(t, "OPTIONS")
		conns = append(conns, c)
	}
	if got := closed(t, dialTCP(t, l.Addr(0))); got != "" {
		t.Errorf("one too many heard %q", got)
	}
	if n := l.Counters().ConnsRefused.Load(); n != 1 {
		t.Errorf("%d refused", n)
	}
	conns[0].Close()
	r.want(t, "lost")
	known.Store(false)
	if got := closed(t, dialTCP(t, l.Addr(0))); got != "" {
		t.Errorf("a stranger heard %q", got)
	}
	r.silent(t, 50*time.Millisecond) // a stranger's connection never was one
	if n := l.Counters().Strangers.Load(); n != 1 {
		t.Errorf("%d strangers", n)
	}
}

func TestTCPSlowReaderIsClosedNotWaitedFor(t *testing.T) {
	r := &recorder{}
	l := start(t, Options{Listeners: listeners("tcp 127.0.0.1:0"), WriteTimeout: 300 * time.Millisecond, QueueBytes: 1 << 20}, r)
	c := dialTCP(t, l.Addr(0))
	c.Write(request("OPTIONS", 0))
	f := r.want(t, "OPTIONS").flow
	var err error
	for began := time.Now(); !errors.Is(err, ErrGone); err = l.Send(f, make([]byte, 64<<10)) {
		if errors.Is(err, ErrFull) {
			time.Sleep(time.Millisecond)
		}
		if time.Since(began) > 5*time.Second {
			t.Fatal("a peer that reads nothing was kept")
		}
	}
	if s := r.want(t, "lost"); s.err == nil || l.Counters().QueueFull.Load() == 0 {
		t.Errorf("lost: %v", s.err)
	}
}
