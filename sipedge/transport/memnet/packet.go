package memnet

import (
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"
)

const (
	maxDatagram = 65507
	maxQueued   = 8192 // datagrams a socket holds unread; more are dropped, as by a kernel
)

// packetConn is a datagram socket.
type packetConn struct {
	h     *Host
	local netip.AddrPort
	keys  []netip.AddrPort
	read  deadline

	mu     sync.Mutex
	queue  []Packet
	ready  chan struct{} // holds one token while the queue may be filled
	closed chan struct{}
}

func newPacketConn(h *Host, local netip.AddrPort, keys []netip.AddrPort) *packetConn {
	return &packetConn{h: h, local: local, keys: keys, read: newDeadline(),
		ready: make(chan struct{}, 1), closed: make(chan struct{})}
}

// ReadFromUDPAddrPort is as of *net.UDPConn.
func (c *packetConn) ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error) {
	for {
		if p, ok := c.pop(); ok {
			return copy(b, p.Data), p.From, nil
		}
		select {
		case <-c.ready:
		case <-c.closed:
			return 0, netip.AddrPort{}, c.fail("read", net.ErrClosed)
		case <-c.read.done():
			return 0, netip.AddrPort{}, c.fail("read", os.ErrDeadlineExceeded)
		}
	}
}

func (c *packetConn) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := c.ReadFromUDPAddrPort(b)
	if err != nil {
		return 0, nil, err
	}
	return n, net.UDPAddrFromAddrPort(from), nil
}

func (c *packetConn) pop() (Packet, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.queue) == 0 {
		return Packet{}, false
	}
	p := c.queue[0]
	if c.queue = c.queue[1:]; len(c.queue) > 0 {
		c.wake()
	}
	return p, true
}

// WriteToUDPAddrPort is as of *net.UDPConn. It never waits.
func (c *packetConn) WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error) {
	select {
	case <-c.closed:
		return 0, c.fail("write", net.ErrClosed)
	default:
	}
	to = netip.AddrPortFrom(to.Addr().Unmap(), to.Port())
	from, ok := c.h.source(c.local.Addr(), to.Addr())
	switch {
	case !ok:
		return 0, c.fail("write", os.NewSyscallError("sendto", syscall.ENETUNREACH))
	case len(b) > maxDatagram:
		return 0, c.fail("write", os.NewSyscallError("sendto", syscall.EMSGSIZE))
	}
	n := c.h.n
	n.mu.Lock()
	defer n.mu.Unlock()
	l := n.link(from, to.Addr())
	if l.Err != nil {
		return 0, c.fail("write", l.Err)
	}
	p := Packet{Network: "udp", From: netip.AddrPortFrom(from, c.local.Port()), To: to,
		Data: append([]byte(nil), b...), Sent: time.Now()}
	delays := n.fates(l, p)
	if len(delays) == 0 {
		n.schedule(&event{Packet: p, delay: l.Delay}) // for the taps
	}
	for i, d := range delays {
		p.Copy = i
		n.schedule(&event{Packet: p, delay: d, arrive: n.hand})
	}
	return len(b), nil
}

func (c *packetConn) WriteTo(b []byte, to net.Addr) (int, error) {
	u, ok := to.(*net.UDPAddr)
	if !ok {
		return 0, c.fail("write", &net.AddrError{Err: "not a UDP address", Addr: to.String()})
	}
	return c.WriteToUDPAddrPort(b, u.AddrPort())
}

// listening says whether a datagram to this address would be taken.
func (n *Network) listening(to netip.AddrPort) bool {
	n.mu.Lock()
	c := n.packets[to]
	n.mu.Unlock()
	if c == nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.queue) < maxQueued
}

// hand gives an arrived datagram to its socket.
func (n *Network) hand(p *Packet) {
	n.mu.Lock()
	c := n.packets[p.To]
	n.mu.Unlock()
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.queue = append(c.queue, *p)
	c.wake()
}

func (c *packetConn) wake() {
	select {
	case c.ready <- struct{}{}:
	default:
	}
}

func (c *packetConn) Close() error {
	n := c.h.n
	n.mu.Lock()
	defer n.mu.Unlock()
	select {
	case <-c.closed:
		return c.fail("close", net.ErrClosed)
	default:
	}
	close(c.closed)
	for _, k := range c.keys {
		delete(n.packets, k)
	}
	return nil
}

func (c *packetConn) LocalAddr() net.Addr                { return net.UDPAddrFromAddrPort(c.local) }
func (c *packetConn) SetDeadline(t time.Time) error      { c.read.set(t); return nil }
func (c *packetConn) SetReadDeadline(t time.Time) error  { c.read.set(t); return nil }
func (c *packetConn) SetWriteDeadline(t time.Time) error { return nil } // writes never wait

func (c *packetConn) fail(op string, err error) error {
	return &net.OpError{Op: op, Net: "udp", Source: c.LocalAddr(), Err: err}
}
