package memnet

import (
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"
)

// window is how many bytes of one direction may be under way or unread; a
// writer beyond it waits.
const window = 256 << 10

// stream is one end of a connection.
type stream struct {
	n      *Network
	local  netip.AddrPort
	remote netip.AddrPort
	other  *stream
	last   time.Time // arrival of the latest event towards this end; the network's lock
	rd, wr deadline

	readable, writable chan struct{} // hold one token after something changed for a reader, a writer

	mu     sync.Mutex
	in     []byte
	room   int   // bytes we may still send
	end    error // after in: io.EOF, or a reset
	shut   bool  // we send no more
	closed bool
}

// pair makes both ends of a connection.
func pair(n *Network, a, b netip.AddrPort) (*stream, *stream) {
	x, y := newStream(n, a, b), newStream(n, b, a)
	x.other, y.other = y, x
	return x, y
}

func newStream(n *Network, local, remote netip.AddrPort) *stream {
	return &stream{n: n, local: local, remote: remote, room: window, rd: newDeadline(), wr: newDeadline(),
		readable: make(chan struct{}, 1), writable: make(chan struct{}, 1)}
}

// tell sends an event to the other end.
func (s *stream) tell(data []byte, arrive func(*Packet)) {
	s.n.mu.Lock()
	defer s.n.mu.Unlock()
	s.n.schedule(&event{
		Packet: Packet{Network: "tcp", From: s.local, To: s.remote, Data: data, Sent: time.Now()},
		stream: s.other, arrive: arrive, quiet: data == nil,
	})
}

func (s *stream) Read(b []byte) (int, error) {
	for {
		n, err := s.take(b)
		if n > 0 || err != nil || len(b) == 0 {
			return n, err
		}
		select {
		case <-s.readable:
		case <-s.rd.done():
		}
	}
}

// take reads what is there; 0, nil means wait.
func (s *stream) take(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer func() {
		if len(s.in) > 0 || s.end != nil || s.closed {
			signal(s.readable)
		}
	}()
	switch {
	case s.closed:
		return 0, s.fail("read", net.ErrClosed)
	case s.rd.over():
		return 0, s.fail("read", os.ErrDeadlineExceeded)
	case len(s.in) == 0 && s.end == io.EOF:
		return 0, io.EOF
	case len(s.in) == 0 && s.end != nil:
		return 0, s.fail("read", s.end)
	case len(s.in) == 0:
		return 0, nil
	}
	n := copy(b, s.in)
	if s.in = s.in[n:]; len(s.in) == 0 {
		s.in = nil
	}
	s.tell(nil, func(*Packet) { s.other.allow(n) })
	return n, nil
}

func (s *stream) Write(b []byte) (int, error) {
	sent := 0
	for {
		n, err := s.put(b[sent:])
		if sent += n; err != nil || sent == len(b) {
			return sent, err
		}
		if n > 0 {
			continue
		}
		select {
		case <-s.writable:
		case <-s.wr.done():
		}
	}
}

// put sends what there is room for; 0, nil means wait.
func (s *stream) put(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer func() {
		if s.room > 0 || s.end != nil || s.closed || s.shut {
			signal(s.writable)
		}
	}()
	switch {
	case s.closed || s.shut:
		return 0, s.fail("write", net.ErrClosed)
	case s.end != nil && s.end != io.EOF:
		return 0, s.fail("write", os.NewSyscallError("write", syscall.EPIPE))
	case s.wr.over():
		return 0, s.fail("write", os.ErrDeadlineExceeded)
	case len(b) == 0:
		return 0, nil
	case s.room == 0:
		return 0, nil
	}
	n := min(len(b), s.room)
	s.room -= n
	data := append([]byte(nil), b[:n]...)
	s.tell(data, func(*Packet) { s.other.receive(data) })
	return n, nil
}

// receive takes bytes that arrived; a closed end answers with a reset.
func (s *stream) receive(data []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		s.tell(nil, func(*Packet) { s.other.finish(os.NewSyscallError("read", syscall.ECONNRESET)) })
		return
	}
	s.in = append(s.in, data...)
	s.wake()
}

// allow gives the writer here its room back.
func (s *stream) allow(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.room += n
	s.wake()
}

// finish says what follows the last byte; a reset beats an end.
func (s *stream) finish(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.end == nil || err != io.EOF {
		s.end = err
	}
	s.wake()
}

// CloseWrite says that nothing more will be written.
func (s *stream) CloseWrite() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.shut {
		return s.fail("close", net.ErrClosed)
	}
	s.shut = true
	s.tell(nil, func(*Packet) { s.other.finish(io.EOF) })
	s.wake()
	return nil
}

func (s *stream) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return s.fail("close", net.ErrClosed)
	}
	s.closed = true
	switch {
	case len(s.in) > 0:
		// As a kernel does: closing with unread bytes is a reset.
		s.tell(nil, func(*Packet) { s.other.finish(os.NewSyscallError("read", syscall.ECONNRESET)) })
	case !s.shut:
		s.tell(nil, func(*Packet) { s.other.finish(io.EOF) })
	}
	s.in = nil
	s.wake()
	return nil
}

// wake lets a reader and a writer look again. Each has its own token, and who
// ends on a lasting state (bytes left, room left, the end) puts it back.
func (s *stream) wake() {
	signal(s.readable)
	signal(s.writable)
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func (s *stream) LocalAddr() net.Addr  { return net.TCPAddrFromAddrPort(s.local) }
func (s *stream) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(s.remote) }

func (s *stream) SetReadDeadline(t time.Time) error  { s.rd.set(t); return nil }
func (s *stream) SetWriteDeadline(t time.Time) error { s.wr.set(t); return nil }
func (s *stream) SetDeadline(t time.Time) error {
	s.rd.set(t)
	s.wr.set(t)
	return nil
}

func (s *stream) fail(op string, err error) error {
	return &net.OpError{Op: op, Net: "tcp", Source: s.LocalAddr(), Addr: s.RemoteAddr(), Err: err}
}
