package transport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/speakops/sipedge/sipedge/message"
)

// Layer is the set of sockets of one edge. All methods may be called from any
// goroutine, also from inside the Sink.
type Layer struct {
	o        Options
	sink     Sink
	counters Counters
	ports    []port

	ctx     context.Context // ends when the Layer closes
	cancel  context.CancelFunc
	wg      sync.WaitGroup // every reader, writer, dialer
	closing atomic.Bool
	serving atomic.Bool
	pool    sync.Pool // *message.Message for connections

	conns connTable
}

// port is one bound listener: sockets for UDP, a net.Listener for the rest.
type port struct {
	Listener
	bound   netip.AddrPort
	sockets []*socket
	accept  net.Listener
}

// Open binds every listener or none; an error names the listener and what to do
// (a port in use says so in one sentence).
func Open(ctx context.Context, o Options, sink Sink) (*Layer, error) {
	l := &Layer{o: o.withDefaults(), sink: sink}
	l.pool.New = func() any { return new(message.Message) }
	l.conns.init()
	l.ctx, l.cancel = context.WithCancel(context.Background())
	if len(o.Listeners) > 256 {
		return nil, fmt.Errorf("transport: %d listeners; at most 256 are possible", len(o.Listeners))
	}
	for i := range o.Listeners {
		p, err := l.bind(ctx, i)
		if err != nil {
			l.closeSockets()
			l.cancel()
			return nil, bindError(o.Listeners[i], err)
		}
		l.ports = append(l.ports, p)
	}
	return l, nil
}

// Serve reads until ctx ends or Close is called, and returns after every reader
// and writer has ended. What was queued on connections gets a second to leave.
// It is called once.
func (l *Layer) Serve(ctx context.Context) error {
	l.serving.Store(true)
	for i := range l.ports {
		for _, s := range l.ports[i].sockets {
			l.wg.Go(s.read)
		}
		if l.ports[i].accept != nil {
			l.wg.Go(func() { l.acceptLoop(uint8(i)) })
		}
	}
	select {
	case <-ctx.Done():
	case <-l.ctx.Done():
	}
	l.Close()
	l.conns.stop()
	l.closeSockets()
	l.wg.Wait()
	return nil
}

// Close begins to end the Layer and returns at once: no new datagrams and
// connections are taken, Serve winds up and returns. Without Serve it closes
// the sockets itself.
func (l *Layer) Close() error {
	l.closing.Store(true)
	l.cancel()
	l.closeListeners() // before any connection ends, whose peer would only come back
	if !l.serving.Load() {
		l.conns.stop()
		l.closeSockets()
	}
	return nil
}

// Addr is the bound address of a listener (port 0 resolved), the zero AddrPort
// when there is none of that index.
func (l *Layer) Addr(listener int) netip.AddrPort {
	if listener < 0 || listener >= len(l.ports) {
		return netip.AddrPort{}
	}
	return l.ports[listener].bound
}

// Counters are the Layer's own; read them, do not write.
func (l *Layer) Counters() *Counters { return &l.counters }

// KernelDrops is how many datagrams the kernel threw away because a listener's
// sockets were not read fast enough (SO_MEMINFO; 0 where the system has no such thing).
func (l *Layer) KernelDrops(listener int) uint64 {
	var n uint64
	if listener >= 0 && listener < len(l.ports) {
		for _, s := range l.ports[listener].sockets {
			n += uint64(s.kernelDrops())
		}
	}
	return n
}

// Send sends one message on a flow; it never blocks. b is not kept. A datagram
// the kernel does not take is its error (EMSGSIZE when too long for UDP), a full
// queue ErrFull; a connection that is gone is ErrGone.
func (l *Layer) Send(f Flow, b []byte) error {
	var err error
	if f.Proto == UDP {
		err = l.sendDatagram(f, b)
	} else if c := l.conns.get(f.Conn); c != nil {
		err = c.send(b)
	} else {
		err = ErrGone
	}
	if err == nil {
		l.counters.Sent[f.Proto].Add(1)
	}
	return err
}

// Names are the SIP domains that the TLS client certificate on a flow proves
// (RFC 5922 section 7.1); nil when there are none.
func (l *Layer) Names(f Flow) []string {
	if c := l.conns.get(f.Conn); c != nil {
		return c.names
	}
	return nil
}

func (l *Layer) sendDatagram(f Flow, b []byte) error {
	if int(f.Listener) >= len(l.ports) || len(l.ports[f.Listener].sockets) == 0 {
		return fmt.Errorf("transport: listener %d is no UDP socket", f.Listener)
	}
	sockets := l.ports[f.Listener].sockets
	s := sockets[0]
	if n := len(sockets); n > 1 {
		s = sockets[int(f.Peer.Port())%n]
	}
	err := s.send(b, f.Peer)
	if err != nil {
		l.counters.SendErrors.Add(1)
		if errors.Is(err, net.ErrClosed) {
			return ErrClosed
		}
	}
	return err
}

func (l *Layer) closeSockets() {
	for i := range l.ports {
		for _, s := range l.ports[i].sockets {
			s.close()
		}
	}
	l.closeListeners()
}

func (l *Layer) closeListeners() {
	for i := range l.ports {
		if l.ports[i].accept != nil {
			l.ports[i].accept.Close()
		}
	}
}
