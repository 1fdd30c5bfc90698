package ladder

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/textproto"
	"strconv"
	"strings"
	"sync"
)

// stream is the wire of an actor over TCP: it dials the edge when it has
// something to say and no connection, and answers on the one last heard.
type stream struct {
	mu     sync.Mutex
	listen net.Listener
	conns  []net.Conn
}

// WhoTCP makes an actor at an address, over TCP.
func (h *H) WhoTCP(name, addr string) *Actor {
	h.T.Helper()
	a := h.actor(name, addr, "TCP")
	listen, err := h.Net.Host(a.Addr.Addr()).Listen(context.Background(), "tcp", a.Addr)
	if err != nil {
		h.T.Fatal(err)
	}
	w := &stream{listen: listen}
	a.wire = w
	go func() {
		for {
			c, err := listen.Accept()
			if err != nil {
				return
			}
			w.keep(c)
			go w.read(a, c)
		}
	}()
	return a
}

func (w *stream) keep(c net.Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.conns = append(w.conns, c)
}

func (w *stream) last() net.Conn {
	w.mu.Lock()
	defer w.mu.Unlock()
	if n := len(w.conns); n > 0 {
		return w.conns[n-1]
	}
	return nil
}

// Hang closes the actor's connections; the next message opens a new one.
func (a *Actor) Hang() {
	w := a.wire.(*stream)
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.conns {
		c.Close()
	}
	w.conns = nil
}

func (w *stream) close() {
	w.listen.Close()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.conns {
		c.Close()
	}
}

func (w *stream) send(a *Actor, text string) error {
	c := w.last()
	if c == nil {
		var err error
		if c, err = a.h.Net.Host(a.Addr.Addr()).Dial(context.Background(), "tcp", a.Addr.Addr(), a.Edge); err != nil {
			return err
		}
		w.keep(c)
		go w.read(a, c)
	}
	_, err := io.WriteString(c, text)
	return err
}

// read cuts a stream into messages by their Content-Length (RFC 3261 section 18.3).
func (w *stream) read(a *Actor, c net.Conn) {
	r := bufio.NewReader(c)
	for {
		head, length := "", 0
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			if head == "" && line == "\r\n" {
				continue // a keep-alive between messages
			}
			head += line
			if line == "\r\n" {
				break
			}
			if name, value, _ := strings.Cut(line, ":"); textproto.CanonicalMIMEHeaderKey(name) == "Content-Length" {
				length, _ = strconv.Atoi(strings.TrimSpace(value))
			}
		}
		body := make([]byte, length)
		if _, err := io.ReadFull(r, body); err != nil {
			return
		}
		a.got(append([]byte(head), body...))
	}
}
