package memnet

import (
	"context"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"
)

const (
	backlog        = 128               // connections not yet accepted; more are refused
	connectTimeout = 127 * time.Second // without a sooner deadline, as Linux gives up
)

// listener is a listening stream socket.
type listener struct {
	n      *Network
	local  netip.AddrPort
	keys   []netip.AddrPort
	wait   chan *stream
	closed chan struct{}
	once   sync.Once
}

func newListener(n *Network, local netip.AddrPort, keys []netip.AddrPort) *listener {
	return &listener{n: n, local: local, keys: keys, wait: make(chan *stream, backlog), closed: make(chan struct{})}
}

func (l *listener) Addr() net.Addr { return net.TCPAddrFromAddrPort(l.local) }

func (l *listener) Accept() (net.Conn, error) {
	select {
	case s := <-l.wait:
		return s, nil
	case <-l.closed:
		return nil, &net.OpError{Op: "accept", Net: "tcp", Addr: l.Addr(), Err: net.ErrClosed}
	}
}

// Close resets what nobody accepted.
func (l *listener) Close() error {
	l.once.Do(func() {
		l.n.mu.Lock()
		for _, k := range l.keys {
			delete(l.n.listeners, k)
		}
		l.n.mu.Unlock()
		close(l.closed)
		for {
			select {
			case s := <-l.wait:
				s.Close()
			default:
				return
			}
		}
	})
	return nil
}

// Dial connects to a listener of any host; from may be the zero Addr. Where no
// host answers, it waits for ctx.
func (h *Host) Dial(ctx context.Context, network string, from netip.Addr, to netip.AddrPort) (net.Conn, error) {
	fail := func(err error) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: network, Addr: net.TCPAddrFromAddrPort(to), Err: err}
	}
	src, ok := h.source(from, to.Addr())
	if !ok {
		return fail(os.NewSyscallError("connect", syscall.ENETUNREACH))
	}
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	h.n.mu.Lock()
	near, far := pair(h.n, netip.AddrPortFrom(src, h.n.port(src)), to)
	h.n.mu.Unlock()
	answer := make(chan error, 1)
	near.tell(nil, func(*Packet) { far.knock(answer) })
	select {
	case err := <-answer:
		if err != nil {
			return fail(err)
		}
		return near, nil
	case <-ctx.Done():
		near.Close()
		return fail(ctx.Err())
	}
}

// knock is a connection arriving at its destination; the answer travels back. A
// host without any socket is taken for one that is not there.
func (s *stream) knock(answer chan error) {
	s.n.mu.Lock()
	l := s.n.listeners[s.local]
	there := s.n.inhabited(s.local.Addr())
	s.n.mu.Unlock()
	var err error
	switch {
	case l == nil && !there:
		return
	case l == nil || !l.offer(s):
		err = os.NewSyscallError("connect", syscall.ECONNREFUSED)
	}
	s.tell(nil, func(*Packet) { answer <- err })
}

// inhabited says whether an address has any socket. Called with mu held.
func (n *Network) inhabited(a netip.Addr) bool {
	for k := range n.packets {
		if k.Addr() == a {
			return true
		}
	}
	for k := range n.listeners {
		if k.Addr() == a {
			return true
		}
	}
	return false
}

func (l *listener) offer(s *stream) bool {
	select {
	case <-l.closed:
		return false
	default:
	}
	select {
	case l.wait <- s:
		return true
	default:
		return false
	}
}
