package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
)

// Connect returns a flow to a peer over TCP or TLS from a listener of that
// protocol, reusing a live connection (to the same address and TLS target) or
// beginning to dial; it never blocks, and messages sent meanwhile wait in the
// queue. A failed dial is reported by Sink.Lost. Connections a peer opened are
// not reused for requests (RFC 5923 5): its Flow is for what belongs to it.
func (l *Layer) Connect(p Proto, listener uint8, to netip.AddrPort, t *TLSTarget) (Flow, error) {
	switch {
	case int(listener) >= len(l.ports) || l.ports[listener].Proto != p || p == UDP:
		return Flow{}, fmt.Errorf("transport: listener %d does not speak %s", listener, p)
	case !to.Addr().IsValid() || to.Port() == 0:
		return Flow{}, fmt.Errorf("transport: no address to connect to (%s)", to)
	case p == TLS && (t == nil || t.Config == nil):
		return Flow{}, errors.New("transport: TLS needs a TLSTarget")
	case p == TCP:
		t = nil
	}
	to = unmap(to)
	k := peerKey{proto: p, listener: listener, to: to, target: t}
	c, fresh, err := l.conns.reuse(k, l.o.MaxConns, func() *conn {
		return &conn{l: l, opened: true, key: k, flow: Flow{Proto: p, Listener: listener, Peer: to}}
	})
	if err != nil {
		return Flow{}, err
	}
	if fresh {
		l.counters.Opened.Add(1)
		l.counters.ConnsOut.Add(1)
		go l.dialed(c)
	}
	return c.flow, nil
}

// Accepted is the flow of the connection that a peer has opened from exactly this
// address. A dialog's requests may go back over it: behind that port nobody
// else listens, and a new connection to it would reach nobody.
func (l *Layer) Accepted(p Proto, from netip.AddrPort) (Flow, bool) {
	if c := l.conns.acceptedFrom(remote{p, unmap(from)}); c != nil {
		return c.flow, true
	}
	return Flow{}, false
}

// Withdraw gives up a connection that is not made yet: what waits for it never
// leaves, and Sink.Lost follows when the dialer has ended. It is false when it
// comes too late, over UDP always.
func (l *Layer) Withdraw(f Flow) bool {
	if f.Proto == UDP {
		return false
	}
	c := l.conns.get(f.Conn)
	if c == nil {
		return true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gone == nil && c.nc == nil {
		c.gone = ErrWithdrawn
	}
	return c.gone != nil
}

// dialed is the whole life of a connection of ours.
func (l *Layer) dialed(c *conn) {
	defer l.wg.Done()
	defer l.counters.ConnsOut.Add(-1)
	w, t, err := l.dial(c)
	if err == nil {
		err = c.up(w, t)
	}
	if err != nil {
		l.counters.DialFailed.Add(1)
		c.end(fmt.Errorf("transport: connect to %s over %s: %w", c.flow.Peer, c.flow.Proto, err))
		l.conns.remove(c)
		c.lost()
		return
	}
	c.serve()
}

// up makes the connection one that can be sent on. What has waited goes first, and
// nobody overtakes it: whatever is sent meanwhile waits behind it. The error is
// that of an end meanwhile.
func (c *conn) up(w *wire, t *tls.Conn) error {
	w.live = true
	nc := net.Conn(w)
	if t != nil {
		nc = t
	}
	for {
		waiting, err := c.opens(nc, w)
		if err == nil && waiting != nil {
			_, err = nc.Write(waiting)
		}
		if err != nil {
			w.Close()
			return err
		}
		if waiting == nil {
			return nil
		}
	}
}

// opens is up's step: what waits, or nil when nothing does and nc is open to all.
func (c *conn) opens(nc net.Conn, w *wire) (waiting []byte, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gone != nil {
		return nil, c.gone
	}
	c.nc, c.wire = nc, w
	if waiting, c.waiting = c.waiting, nil; waiting == nil {
		c.into = nc
	}
	return waiting, nil
}

// dial connects, and shakes hands where TLS is spoken, within DialTimeout.
func (l *Layer) dial(c *conn) (*wire, *tls.Conn, error) {
	ctx, cancel := context.WithTimeout(l.ctx, l.o.DialTimeout)
	defer cancel()
	p := &l.ports[c.flow.Listener]
	from := p.bound.Addr()
	if from.IsUnspecified() {
		from = netip.Addr{}
	}
	nc, err := l.net(1).Dial(ctx, "tcp", from, c.flow.Peer)
	if err != nil {
		return nil, nil, err
	}
	w := newWire(c, nc)
	if c.flow.Proto == TCP {
		return w, nil, nil
	}
	t := tls.Client(w, clientConfig(c.key.target.Config, c.flow.Peer))
	if err = t.HandshakeContext(ctx); err == nil {
		err = secure(t.ConnectionState())
	}
	if err != nil {
		nc.Close()
		return nil, nil, err
	}
	return w, t, nil
}

// clientConfig expects somebody in particular: with no name given, the address.
func clientConfig(c *tls.Config, to netip.AddrPort) *tls.Config {
	c = atLeast12(c)
	if c.ServerName == "" && !c.InsecureSkipVerify {
		c = c.Clone()
		c.ServerName = to.Addr().WithZone("").String()
	}
	return c
}
