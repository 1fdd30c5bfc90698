package transport

import (
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"github.com/speakops/sipedge/sipedge/message"
)

// maxUDP holds any datagram there can be, so that one too large is seen whole
// and can be answered with 513.
const maxUDP = 65536

// socket is one UDP socket: one reading goroutine with its own buffers and its
// own Message, any number of senders.
type socket struct {
	l        *Layer
	listener uint8
	msg      message.Message
	kernel   *kernelSocket  // the kernel's sockets on Linux, else nil and
	pc       net.PacketConn // package net's, or a test's
}

// addrPorts is what a PacketConn offers that spares an allocation per address.
type addrPorts interface {
	ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error)
	WriteToUDPAddrPort(b []byte, addr netip.AddrPort) (int, error)
}

func newSocket(l *Layer, listener uint8, pc net.PacketConn) (*socket, error) {
	s := &socket{l: l, listener: listener, pc: pc}
	c, ok := pc.(*net.UDPConn)
	if !ok {
		return s, nil
	}
	k, err := takeOver(c)
	if k == nil {
		return s, err
	}
	if got := k.room(); got < socketBuffer {
		l.o.Logf(int(slog.LevelWarn), "the kernel gave a small receive buffer; raise net.core.rmem_max",
			"listener", l.o.Listeners[listener].Name, "bytes", got, "wanted", socketBuffer)
	}
	s.kernel, s.pc = k, nil
	return s, nil
}

func (s *socket) close() {
	if s.kernel != nil {
		s.kernel.close()
		return
	}
	s.pc.Close()
}

func (s *socket) kernelDrops() uint32 {
	if s.kernel == nil {
		return 0
	}
	return s.kernel.drops()
}

// read takes datagrams until the Layer closes. No error of the network ends it:
// on an unbound socket they belong to something sent earlier, or pass.
func (s *socket) read() {
	wait := time.Duration(0)
	for !s.l.closing.Load() {
		err := s.readSome()
		if err == nil {
			wait = 0
			continue
		}
		if s.l.closing.Load() {
			return
		}
		s.l.counters.ReadErrors.Add(1)
		if wait == 0 {
			s.l.o.Logf(int(slog.LevelWarn), "reading datagrams failed, going on", "listener", s.l.ports[s.listener].Name, "error", err)
		}
		if errors.Is(err, net.ErrClosed) {
			return // closed by somebody else: nothing more will come
		}
		wait = min(max(2*wait, time.Millisecond), time.Second)
		s.l.pause(wait)
	}
}

// readSome reads until an error. It returns nil when the Layer closes.
func (s *socket) readSome() error {
	if s.kernel != nil {
		return s.kernel.read(func(b []byte, from netip.AddrPort, stamp int64) {
			s.l.datagram(&s.msg, s.listener, b, from, stamp)
		})
	}
	buf := make([]byte, maxUDP)
	c, direct := s.pc.(addrPorts)
	for !s.l.closing.Load() {
		if direct {
			n, from, err := c.ReadFromUDPAddrPort(buf)
			if err != nil {
				return err
			}
			s.l.datagram(&s.msg, s.listener, buf[:n], unmap(from), 0)
			continue
		}
		n, from, err := s.pc.ReadFrom(buf)
		if err != nil {
			return err
		}
		s.l.datagram(&s.msg, s.listener, buf[:n], addrPort(from), 0)
	}
	return nil
}

// send gives one datagram to the kernel, which takes it at once or not at all.
func (s *socket) send(b []byte, to netip.AddrPort) error {
	if s.kernel != nil {
		return s.kernel.send(b, to)
	}
	if c, ok := s.pc.(addrPorts); ok {
		_, err := c.WriteToUDPAddrPort(b, to)
		return err
	}
	_, err := s.pc.WriteTo(b, net.UDPAddrFromAddrPort(to))
	return err
}

// pause waits, or returns early when the Layer closes.
func (l *Layer) pause(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-l.ctx.Done():
	}
}
