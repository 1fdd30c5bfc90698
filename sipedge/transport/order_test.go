package transport

import (
	"crypto/tls"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/speakops/sipedge/sipedge/message"
)

// What is sent on one connection arrives whole, in order and once: what waits for
// the connection to be made, what the kernel takes at once, and what the writer
// carries while the peer does not read.
func TestNothingOvertakes(t *testing.T) {
	ca := newCA(t)
	for _, proto := range []Proto{TCP, TLS} {
		t.Run(proto.String(), func(t *testing.T) {
			reads := make(chan struct{})
			release := sync.OnceFunc(func() { close(reads) })
			defer release()
			far := &recorder{receive: func(Flow, *message.Message) { <-reads }}
			ls := listeners(proto.String() + " 127.0.0.1:0")
			if proto == TLS {
				ls[0].TLS = mutual(t, ca)
			}
			gateway := start(t, Options{Listeners: ls}, far)
			l := start(t, Options{Listeners: ls, QueueBytes: 1 << 18, WriteTimeout: time.Minute}, &recorder{})
			f, err := l.Connect(proto, 0, gateway.Addr(0), &TLSTarget{Config: &tls.Config{RootCAs: ca.pool}})
			if err != nil {
				t.Fatal(err)
			}
			sent, full := 0, false
			for after := 0; after < 300; {
				switch err := l.Send(f, request("INFO", sent)); {
				case err == nil:
					sent++
				case errors.Is(err, ErrFull):
					full = l.conns.get(f.Conn).made()
					time.Sleep(time.Millisecond)
				default:
					t.Fatal(err)
				}
				if full {
					release()
					after++
				}
			}
			for n := range sent {
				if s := far.next(t); s.line != "INFO" || s.body != n {
					t.Fatalf("%s of %d bytes came as message %d (%v)", s.line, s.body, n, s.err)
				}
			}
		})
	}
}

// made says that the connection is one that can be sent on.
func (c *conn) made() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.into != nil
}
