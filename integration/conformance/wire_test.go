package conformance

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// letter is one message as it came, and the way back to where it came from.
type letter struct {
	msg
	back func(text string)
	from string
}

// end is one place of ours: a UDP socket, a connection, or a listener.
type end struct {
	proto string // as in a Via
	addr  string // host:port as in a Via
	write func(text string)
	close func()

	mu    sync.Mutex
	boxes map[string]chan letter
	pongs int
	gone  chan struct{} // closed when a caller's connection ended
}

func newEnd(proto string, at net.Addr) *end {
	return &end{proto: proto, addr: at.String(), boxes: map[string]chan letter{}}
}

// host and port are the parts of addr.
func (e *end) host() string { h, _, _ := net.SplitHostPort(e.addr); return h }
func (e *end) port() string { _, p, _ := net.SplitHostPort(e.addr); return p }

// uriTail is host, port and transport as a Contact says them.
func (e *end) uriTail() string {
	if e.proto == "UDP" {
		return e.addr
	}
	return e.addr + ";transport=" + strings.ToLower(e.proto)
}

// box holds what came for one Call-ID, in order.
func (e *end) box(callID string) chan letter {
	e.mu.Lock()
	defer e.mu.Unlock()
	b := e.boxes[callID]
	if b == nil {
		b = make(chan letter, 256)
		e.boxes[callID] = b
	}
	return b
}

func (e *end) deliver(l letter) {
	select {
	case e.box(l.callID()) <- l:
	default: // nobody asks for so many
	}
}

// listenUDP opens a UDP socket; what it writes of its own accord goes to edge.
func listenUDP(t testing.TB, at, edge string) *end {
	t.Helper()
	to := net.UDPAddrFromAddrPort(netip.MustParseAddrPort(edge))
	c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort(at)))
	if err != nil {
		t.Fatal(err)
	}
	e := newEnd("UDP", c.LocalAddr())
	e.write = func(text string) { c.WriteToUDP([]byte(text), to) }
	e.close = func() { c.Close() }
	t.Cleanup(e.close)
	go func() {
		buf := make([]byte, 1<<16)
		for {
			n, from, err := c.ReadFromUDP(buf)
			if err != nil {
				return
			}
			e.deliver(letter{read(string(buf[:n])), func(text string) { c.WriteToUDP([]byte(text), from) }, from.String()})
		}
	}()
	return e
}

// overConn is an end on a connection that is already there.
func overConn(t testing.TB, proto string, c net.Conn) *end {
	e := newEnd(proto, c.LocalAddr())
	e.write = func(text string) { io.WriteString(c, text) }
	e.close = func() { c.Close() }
	t.Cleanup(e.close)
	e.gone = make(chan struct{})
	go func() {
		e.readStream(c)
		close(e.gone)
	}()
	return e
}

// dial opens a TCP connection to the edge from an address of ours.
func dial(t testing.TB, from, edge string) *end {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	c, err := d.Dial("tcp", edge)
	if err != nil {
		t.Fatal(err)
	}
	return overConn(t, "TCP", c)
}

// listenTCP takes connections, with TLS when conf is given. What it writes of
// its own accord goes out on the latest connection.
func listenTCP(t testing.TB, at string, conf *tls.Config) *end {
	t.Helper()
	l, err := net.Listen("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	proto := "TCP"
	if conf != nil {
		l, proto = tls.NewListener(l, conf), "TLS"
	}
	e := newEnd(proto, l.Addr())
	t.Cleanup(func() { l.Close() })
	var mu sync.Mutex
	var latest net.Conn
	e.write = func(text string) {
		mu.Lock()
		defer mu.Unlock()
		if latest != nil {
			io.WriteString(latest, text)
		}
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { c.Close() })
			mu.Lock()
			latest = c
			mu.Unlock()
			go e.readStream(c)
		}
	}()
	return e
}

// readStream cuts messages out of a stream by Content-Length (section 18.3).
func (e *end) readStream(c net.Conn) {
	r := bufio.NewReaderSize(c, 1<<16)
	for {
		var head strings.Builder
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			if head.Len() == 0 && line == "\r\n" {
				e.mu.Lock()
				e.pongs++
				e.mu.Unlock()
				continue
			}
			head.WriteString(line)
			if line == "\r\n" {
				break
			}
		}
		n, _ := strconv.Atoi(read(head.String()).one("content-length"))
		body := make([]byte, n)
		if _, err := io.ReadFull(r, body); err != nil {
			return
		}
		e.deliver(letter{read(head.String() + string(body)), func(text string) { io.WriteString(c, text) }, c.RemoteAddr().String()})
	}
}
