//go:build linux && (amd64 || arm64)

package media

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"github.com/pion/rtp"
	"golang.org/x/sys/unix"
)

func newWires(r *Relay) (wires, error) {
	if r.o.Net != nil {
		return &plainWires{relay: r, net: r.o.Net}, nil
	}
	n := r.o.Loops
	if n <= 0 {
		n = min(max(1, runtime.GOMAXPROCS(0)/2), 4)
	}
	k := &kernelWires{relay: r}
	for range n {
		l, err := newLoop(r)
		if err != nil {
			k.close()
			return nil, err
		}
		k.loops = append(k.loops, l)
		begun := make(chan error)
		k.running.Go(func() { l.run(begun) })
		if err := <-begun; err != nil {
			if r.o.Realtime == Must {
				k.close()
				return nil, err
			}
			r.unhurried = err
		}
	}
	if r.o.Realtime != Never && r.unhurried == nil {
		k.room(n)
	}
	return k, nil
}

// kernelWires are sockets read by a few loops, each over one epoll instance. All
// sockets of a stream belong to one loop, so a packet is read, looked at and
// sent on by one thread that hardly ever sleeps under load.
type kernelWires struct {
	relay   *Relay
	loops   []*loop
	next    atomic.Uint32
	running sync.WaitGroup
	more    int // see room
}

// processors is held while their number is changed.
var processors sync.Mutex

// room lets Go run n more threads at once. A loop that comes back from a nap waits for
// a processor of Go's like any goroutine, and where signalling has them all, priority
// with the kernel is of no use: 500 calls beside four goroutines that are busy for a
// third of the time, on two cores, had a p99 of more than 20 ms, and of 2 ms with a
// third processor.
func (k *kernelWires) room(n int) {
	processors.Lock()
	defer processors.Unlock()
	runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + n)
	k.more += n
}

func (k *kernelWires) close() {
	if k.more > 0 {
		k.room(-k.more)
	}
	for _, l := range k.loops {
		l.closed.Store(true)
	}
	k.running.Wait()
}

// open implements wires: a bound, non-blocking socket under its loop's epoll.
func (k *kernelWires) open(at netip.AddrPort, to *port) (wire, error) {
	domain := unix.AF_INET
	if at.Addr().Is6() {
		domain = unix.AF_INET6
	}
	fd, err := unix.Socket(domain, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	w := &kernelWire{fd: fd, six: domain == unix.AF_INET6, to: to}
	if err := w.bind(at); err != nil {
		unix.Close(fd)
		return nil, err
	}
	if to.stream == nil { // tried only
		return w, nil
	}
	if to.stream.loop == nil {
		to.stream.loop = k.loops[int(k.next.Add(1))%len(k.loops)]
	}
	w.loop = to.stream.loop
	if err := w.loop.add(w); err != nil {
		unix.Close(fd)
		return nil, err
	}
	return w, nil
}

// loop reads the sockets under one epoll instance.
type loop struct {
	relay  *Relay
	epoll  int
	closed atomic.Bool
	hurry  hurry                                        // the loop's own
	wires  atomic.Pointer[[]atomic.Pointer[kernelWire]] // by descriptor

	mu     sync.Mutex
	graves []*kernelWire // to be closed between two rounds
}

func newLoop(r *Relay) (*loop, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	l := &loop{relay: r, epoll: fd}
	l.wires.Store(new(make([]atomic.Pointer[kernelWire], 1024)))
	return l, nil
}

func (l *loop) add(w *kernelWire) error {
	l.mu.Lock()
	table := *l.wires.Load()
	if w.fd >= len(table) {
		bigger := make([]atomic.Pointer[kernelWire], max(2*len(table), w.fd+1))
		for i := range table {
			bigger[i].Store(table[i].Load())
		}
		table = bigger
		l.wires.Store(&bigger)
	}
	table[w.fd].Store(w)
	l.mu.Unlock()
	ev := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(w.fd)}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, w.fd, &ev))
}

// Of one round of a loop.
const (
	roundSize = 256
	// napMillis bounds how long a closed socket keeps its descriptor, and how
	// long close waits for a loop.
	napMillis = 100
	// gather is how long a loop that is busy lets packets come together: a
	// wake-up for each would cost more than its relaying. They wait for half as long
	// again: a thread takes its time to wake up.
	gather = 100 * time.Microsecond
	busy   = 4 // packets in a round from which gathering pays
)

// run reads until the loop is closed. It says first whether it has the priority that
// it is to have; without one that it must have it does not begin.
func (l *loop) run(begun chan<- error) {
	defer unix.Close(l.epoll)
	runtime.LockOSThread() // until both end
	defer l.hurry.end()
	err := l.hurry.begin(l.relay.o.Realtime)
	begun <- err
	if err != nil && l.relay.o.Realtime == Must {
		return
	}
	events := make([]unix.EpollEvent, roundSize)
	buf := make([]byte, maxPacket)
	var h rtp.Header
	for !l.closed.Load() {
		l.bury()
		l.hurry.judge(l.relay.now())
		n, errno := epollWait(l.epoll, events, napMillis)
		if errno != 0 && errno != unix.EINTR {
			panic("media: epoll_wait: " + errno.Error()) // a descriptor of ours is wrong
		}
		table := *l.wires.Load()
		for i := range n {
			w := table[events[i].Fd].Load()
			if w == nil {
				continue
			}
			if size, from, ok := w.receive(buf); ok {
				w.to.arrived(buf[:size], from, l.relay.now(), &h)
			}
		}
		if n >= busy {
			pause(gather)
		}
	}
	l.bury()
}

// bury closes what was given up since the last round. Nobody else closes: a
// descriptor is not given to another file while this loop may still read it.
func (l *loop) bury() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.graves) == 0 {
		return
	}
	table := *l.wires.Load()
	for _, w := range l.graves {
		table[w.fd].Store(nil)
		unix.Close(w.fd)
	}
	clear(l.graves)
	l.graves = l.graves[:0]
}

// epollWait looks first without leaving the scheduler, and waits only when there
// is nothing.
func epollWait(fd int, events []unix.EpollEvent, millis int) (int, syscall.Errno) {
	at := uintptr(unsafe.Pointer(&events[0]))
	n, _, errno := syscall.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(fd), at, uintptr(len(events)), 0, 0, 0)
	if errno != 0 || n > 0 {
		return count(n, errno), errno
	}
	n, _, errno = syscall.Syscall6(unix.SYS_EPOLL_PWAIT, uintptr(fd), uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), uintptr(millis), 0, 0)
	return count(n, errno), errno
}

func count(n uintptr, errno syscall.Errno) int {
	if errno != 0 {
		return 0
	}
	return int(n)
}

func pause(d time.Duration) {
	ts := unix.NsecToTimespec(int64(d))
	syscall.Syscall(unix.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&ts)), 0, 0)
}

// kernelWire is one UDP socket.
type kernelWire struct {
	fd     int
	six    bool
	to     *port
	loop   *loop
	at     netip.AddrPort
	aimed  bool
	closed bool
	name   unix.RawSockaddrInet6 // of the datagram at hand; the loop's alone
}

// Of the sockets. The receive buffer holds about two seconds of G.711, which is
// more than anybody wants to hear late; the kernel's default would do for eight.
const (
	socketBuffer = 64 << 10
	expedited    = 0xb8 // DSCP EF (RFC 3246): voice goes first where the network looks
)

func (w *kernelWire) bind(at netip.AddrPort) error {
	_ = unix.SetsockoptInt(w.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, socketBuffer)
	_ = unix.SetsockoptInt(w.fd, unix.SOL_SOCKET, unix.SO_SNDBUF, socketBuffer)
	var sa unix.Sockaddr
	if w.six {
		_ = unix.SetsockoptInt(w.fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1)
		_ = unix.SetsockoptInt(w.fd, unix.IPPROTO_IPV6, unix.IPV6_TCLASS, expedited)
		_ = unix.SetsockoptInt(w.fd, unix.IPPROTO_IPV6, unix.IPV6_MTU_DISCOVER, unix.IPV6_PMTUDISC_DONT)
		sa = &unix.SockaddrInet6{Port: int(at.Port()), Addr: at.Addr().As16()}
	} else {
		_ = unix.SetsockoptInt(w.fd, unix.IPPROTO_IP, unix.IP_TOS, expedited)
		_ = unix.SetsockoptInt(w.fd, unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_DONT)
		sa = &unix.SockaddrInet4{Port: int(at.Port()), Addr: at.Addr().As4()}
	}
	if err := unix.Bind(w.fd, sa); err != nil {
		return fmt.Errorf("bind %s: %w", at, err)
	}
	w.at = at
	return nil
}

func (w *kernelWire) local() netip.AddrPort { return w.at }

// close implements wire: the descriptor goes between two rounds of the loop.
func (w *kernelWire) close() {
	if w.closed {
		return
	}
	w.closed = true
	if w.loop == nil {
		unix.Close(w.fd)
		return
	}
	_ = unix.EpollCtl(w.loop.epoll, unix.EPOLL_CTL_DEL, w.fd, nil)
	w.loop.mu.Lock()
	w.loop.graves = append(w.loop.graves, w)
	w.loop.mu.Unlock()
}

// receive takes one datagram. A pending ICMP error counts as nothing: it belongs
// to something that was sent.
func (w *kernelWire) receive(b []byte) (n int, from netip.AddrPort, ok bool) {
	size := uint32(unix.SizeofSockaddrInet6)
	got, _, errno := syscall.RawSyscall6(unix.SYS_RECVFROM, uintptr(w.fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)),
		unix.MSG_DONTWAIT, uintptr(unsafe.Pointer(&w.name)), uintptr(unsafe.Pointer(&size)))
	if errno != 0 {
		return 0, netip.AddrPort{}, false
	}
	if w.name.Family == unix.AF_INET {
		four := (*unix.RawSockaddrInet4)(unsafe.Pointer(&w.name))
		return int(got), netip.AddrPortFrom(netip.AddrFrom4(four.Addr), swap(four.Port)), true
	}
	return int(got), netip.AddrPortFrom(netip.AddrFrom16(w.name.Addr).Unmap(), swap(w.name.Port)), true
}

// swap turns the network's byte order; both architectures are little-endian.
func swap(p uint16) uint16 { return p<<8 | p>>8 }

var errFamily = errors.New("address of another family than the socket's")

func (w *kernelWire) send(b []byte, to netip.AddrPort) error {
	var name unix.RawSockaddrInet6
	size := uintptr(0)
	if !w.aimed {
		if size = sockaddr(&name, to, w.six); size == 0 {
			return errFamily
		}
	}
	for try := 0; ; try++ {
		at := unsafe.Pointer(&name)
		if size == 0 {
			at = nil
		}
		_, _, errno := syscall.RawSyscall6(unix.SYS_SENDTO, uintptr(w.fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)),
			unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, uintptr(at), size)
		switch {
		case errno == 0:
			return nil
		case try == 0 && (errno == unix.ECONNREFUSED || errno == unix.EINTR):
			// A pending ICMP error belongs to an earlier packet; asking for it
			// cleared it, and this one has not been sent.
		default:
			return errno
		}
	}
}

func sockaddr(name *unix.RawSockaddrInet6, to netip.AddrPort, six bool) uintptr {
	a := to.Addr()
	switch {
	case six && a.Is6():
		*name = unix.RawSockaddrInet6{Family: unix.AF_INET6, Port: swap(to.Port()), Addr: a.As16()}
		return unix.SizeofSockaddrInet6
	case !six && a.Is4():
		four := (*unix.RawSockaddrInet4)(unsafe.Pointer(name))
		*four = unix.RawSockaddrInet4{Family: unix.AF_INET, Port: swap(to.Port()), Addr: a.As4()}
		return unix.SizeofSockaddrInet4
	}
	return 0
}

// aim implements wire by connect(2): the kernel drops strangers before they cost
// anything, answers them as a closed port does, and need not look the route up
// for every packet.
func (w *kernelWire) aim(at netip.AddrPort) {
	if w.closed {
		return
	}
	var name unix.RawSockaddrInet6
	size := sockaddr(&name, at, w.six)
	if size == 0 {
		if !w.aimed {
			return
		}
		name.Family = unix.AF_UNSPEC
		size = unix.SizeofSockaddrInet6
	}
	_, _, errno := syscall.RawSyscall(unix.SYS_CONNECT, uintptr(w.fd), uintptr(unsafe.Pointer(&name)), size)
	w.aimed = errno == 0 && name.Family != unix.AF_UNSPEC
}
