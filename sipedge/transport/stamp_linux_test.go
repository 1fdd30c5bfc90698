//go:build linux && (amd64 || arm64)

package transport

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/speakops/sipedge/sipedge/message"
)

// held is a connection whose writes, but the first, wait for release.
type held struct {
	net.Conn
	begun   bool
	waiting []byte
}

func (h *held) Write(b []byte) (int, error) {
	if !h.begun { // the hello; the handshake needs an answer to it
		h.begun = true
		return h.Conn.Write(b)
	}
	h.waiting = append(h.waiting, b...)
	return len(b), nil
}

// SetWriteDeadline is for who writes at once.
func (h *held) SetWriteDeadline(time.Time) error { return nil }

// release sends what has waited, in pieces of at most size bytes.
func (h *held) release(size int) {
	for len(h.waiting) > 0 {
		n := min(size, len(h.waiting))
		h.Conn.Write(h.waiting[:n])
		h.waiting = h.waiting[n:]
	}
}

// A request that comes in one piece with the end of the handshake lies in TLS, and the
// kernel has nothing to tell of it; one that comes in crumbs makes no record for long.
func TestTLSIsReadHoweverItComes(t *testing.T) {
	ca := newCA(t)
	ls := listeners("tls 127.0.0.1:0")
	ls[0].TLS = mutual(t, ca)
	r := &recorder{answer: true}
	l := start(t, Options{Listeners: ls}, r)
	h := &held{Conn: dialTCP(t, l.Addr(0))}
	c := tls.Client(h, &tls.Config{RootCAs: ca.pool, ServerName: "edge.example.com", MinVersion: tls.VersionTLS13})
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	c.Write(request("OPTIONS", 0))
	c.Write(request("INFO", 7))
	h.release(1 << 16)
	r.want(t, "OPTIONS")
	r.want(t, "INFO")
	c.Write(request("MESSAGE", 300))
	h.release(1)
	if s := r.want(t, "MESSAGE"); s.body != 300 {
		t.Errorf("a body of %d bytes", s.body)
	}
	c.Write(request("BYE", 0))
	c.CloseWrite()
	h.release(7)
	r.want(t, "BYE")
	if got := strings.Count(closed(t, c), "SIP/2.0 200 OK\r\n"); got != 4 {
		t.Errorf("%d answers, want 4", got)
	}
	if s := r.want(t, "lost"); !errors.Is(s.err, io.EOF) {
		t.Errorf("lost: %v", s.err)
	}
}

// The overload control must hear how long messages wait in the kernel, on
// connections as on datagrams.
func TestMessagesOfConnectionsTellHowLongTheyWaited(t *testing.T) {
	ca := newCA(t)
	for _, proto := range []Proto{TCP, TLS} {
		var longest atomic.Int64
		busy := make(chan struct{})
		r := &recorder{receive: func(_ Flow, m *message.Message) {
			if m.Method == message.BYE {
				<-busy // and so is the reader
			}
		}}
		ls := listeners(proto.String() + " 127.0.0.1:0")
		if proto == TLS {
			ls[0].TLS = mutual(t, ca)
		}
		waited := func(d time.Duration, _ time.Time) { longest.Store(max(longest.Load(), int64(d))) }
		l := start(t, Options{Listeners: ls, Waited: waited}, r)
		c := dialTCP(t, l.Addr(0))
		if proto == TLS {
			c = tls.Client(c, &tls.Config{RootCAs: ca.pool, ServerName: "edge.example.com"})
		}
		c.Write(request("OPTIONS", 0))
		r.want(t, "OPTIONS")
		c.Write(request("BYE", 0))
		time.Sleep(50 * time.Millisecond)
		c.Write(request("INFO", 0))
		time.Sleep(200 * time.Millisecond)
		close(busy)
		r.want(t, "BYE")
		r.want(t, "INFO")
		if d := time.Duration(longest.Load()); d < 100*time.Millisecond {
			t.Errorf("%s: at most %v, though one lay there for 200 ms", proto, d)
		}
	}
}
