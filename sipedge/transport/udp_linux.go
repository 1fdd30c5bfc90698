//go:build linux && (amd64 || arm64)

package transport

import (
	"net"
	"net/netip"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// batchSize is how many datagrams one system call takes at most.
	batchSize = 16
	// nap is how long a reader sleeps at most before it looks whether the Layer
	// closes; shutdown(2) usually wakes it at once.
	nap = 250 * time.Millisecond
)

// kernelSocket is a UDP socket in blocking mode, out of sight of Go's poller: one
// thread sleeps in recvmmsg. At 18,000 datagrams a second that costs a tenth less
// CPU than the poller (BenchmarkServerCPU, layer against poller), which takes up
// to three system calls per wake-up; the scheduler takes the sleeper's P back as
// from any blocking call, so timers and connections do not wait for it. Sends never
// wait and take no lock.
type kernelSocket struct {
	fd     int
	six    bool         // AF_INET6: IPv4 addresses are mapped
	refs   atomic.Int64 // readers and senders inside, and one for being open
	closed atomic.Bool

	msgs  [batchSize]mmsghdr
	iovs  [batchSize]unix.Iovec
	names [batchSize]unix.RawSockaddrInet6 // large enough for both families
	bufs  []byte
	ctls  [batchSize]control
}

// control receives the one control message that is asked for: when the kernel
// got the datagram, or the last bytes of a stream (SO_TIMESTAMPNS).
type control struct {
	hdr  unix.Cmsghdr
	time unix.Timespec
}

// mmsghdr is struct mmsghdr of recvmmsg(2).
type mmsghdr struct {
	hdr unix.Msghdr
	len uint32
	_   uint32
}

// takeOver makes a kernelSocket of c, which is closed: a duplicate descriptor
// keeps the port, and the poller forgets the original.
func takeOver(c *net.UDPConn) (*kernelSocket, error) {
	rc, err := c.SyscallConn()
	if err != nil {
		return nil, err
	}
	k := &kernelSocket{fd: -1, bufs: make([]byte, batchSize*maxUDP)}
	k.refs.Store(1)
	var failed error
	err = rc.Control(func(fd uintptr) { k.fd, failed = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0) })
	if err == nil {
		err = failed
	}
	if err == nil {
		c.Close()
		err = k.tune()
	}
	if err != nil {
		return nil, err
	}
	for i := range k.msgs {
		k.iovs[i].Base = &k.bufs[i*maxUDP]
		k.iovs[i].SetLen(maxUDP)
		h := &k.msgs[i].hdr
		h.Iov = &k.iovs[i]
		h.SetIovlen(1)
		h.Name = (*byte)(unsafe.Pointer(&k.names[i]))
		h.Control = (*byte)(unsafe.Pointer(&k.ctls[i]))
	}
	return k, nil
}

// tune sets the socket's options.
func (k *kernelSocket) tune() error {
	domain, err := unix.GetsockoptInt(k.fd, unix.SOL_SOCKET, unix.SO_DOMAIN)
	if err != nil {
		return err
	}
	k.six = domain == unix.AF_INET6
	if unix.SetsockoptInt(k.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, socketBuffer) != nil {
		unix.SetsockoptInt(k.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, socketBuffer)
	}
	if unix.SetsockoptInt(k.fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, socketBuffer) != nil {
		unix.SetsockoptInt(k.fd, unix.SOL_SOCKET, unix.SO_SNDBUF, socketBuffer)
	}
	// Don't-fragment off: a path that lost its ICMP would swallow every large
	// INVITE.
	if k.six {
		unix.SetsockoptInt(k.fd, unix.IPPROTO_IPV6, unix.IPV6_MTU_DISCOVER, unix.IPV6_PMTUDISC_DONT)
	}
	unix.SetsockoptInt(k.fd, unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_DONT)
	// Without stamps the edge only does not know how long datagrams wait.
	unix.SetsockoptInt(k.fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)
	tv := unix.NsecToTimeval(int64(nap))
	if err := unix.SetsockoptTimeval(k.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv); err != nil {
		return err
	}
	return unix.SetNonblock(k.fd, false)
}

// room is the receive buffer in bytes of payload (the kernel counts double).
func (k *kernelSocket) room() int {
	n, _ := unix.GetsockoptInt(k.fd, unix.SOL_SOCKET, unix.SO_RCVBUF)
	return n / 2
}

func sharePort(rc syscall.RawConn) (err error) {
	if e := rc.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
	}); e != nil {
		return e
	}
	return err
}

// read hands datagrams over until an error, net.ErrClosed when it is closed.
func (k *kernelSocket) read(take func(b []byte, from netip.AddrPort, stamp int64)) error {
	if !k.enter() {
		return net.ErrClosed
	}
	defer k.leave()
	for !k.closed.Load() {
		n, errno := k.recv()
		switch errno {
		case 0:
		case unix.EAGAIN, unix.EINTR:
			continue
		default:
			return errno
		}
		for i := range n {
			take(k.bufs[i*maxUDP:][:k.msgs[i].len:maxUDP], k.source(i), k.stamp(i))
			if k.closed.Load() {
				break
			}
		}
	}
	return net.ErrClosed
}

// recv waits for one datagram and takes those behind it along.
func (k *kernelSocket) recv() (int, syscall.Errno) {
	for i := range k.msgs {
		h := &k.msgs[i].hdr
		if h.Namelen == unix.SizeofSockaddrInet6 && !k.six {
			break // never used, and those behind it neither
		}
		h.Namelen = unix.SizeofSockaddrInet6
		h.SetControllen(int(unsafe.Sizeof(control{})))
	}
	n, _, errno := syscall.Syscall6(unix.SYS_RECVMMSG, uintptr(k.fd), uintptr(unsafe.Pointer(&k.msgs[0])), batchSize, unix.MSG_WAITFORONE, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

// stamp is when the kernel got datagram i.
func (k *kernelSocket) stamp(i int) int64 { return k.ctls[i].stamp(int(k.msgs[i].hdr.Controllen)) }

// stamp reads a control message of so many bytes: when the kernel got something, in
// nanoseconds of Unix time, 0 when it does not say.
func (c *control) stamp(size int) int64 {
	if size < int(unsafe.Sizeof(*c)) || c.hdr.Level != unix.SOL_SOCKET || c.hdr.Type != unix.SO_TIMESTAMPNS {
		return 0
	}
	return c.time.Nano()
}

// source is where datagram i came from, IPv4 unmapped.
func (k *kernelSocket) source(i int) netip.AddrPort {
	six := &k.names[i]
	if six.Family == unix.AF_INET {
		four := (*unix.RawSockaddrInet4)(unsafe.Pointer(six))
		return netip.AddrPortFrom(netip.AddrFrom4(four.Addr), swap(four.Port))
	}
	a := netip.AddrFrom16(six.Addr).Unmap()
	if six.Scope_id != 0 && a.IsLinkLocalUnicast() {
		a = a.WithZone(strconv.Itoa(int(six.Scope_id)))
	}
	return netip.AddrPortFrom(a, swap(six.Port))
}

// swap turns the network's byte order; both architectures are little-endian.
func swap(p uint16) uint16 { return p<<8 | p>>8 }

// enter keeps the descriptor from being closed, and given to another file, under
// a system call.
func (k *kernelSocket) enter() bool {
	k.refs.Add(1)
	if k.closed.Load() {
		k.leave()
		return false
	}
	return true
}

func (k *kernelSocket) leave() {
	if k.refs.Add(-1) == 0 {
		unix.Close(k.fd)
	}
}

// close wakes the reader; the descriptor goes when the last one inside leaves.
func (k *kernelSocket) close() {
	if !k.closed.Swap(true) {
		unix.Shutdown(k.fd, unix.SHUT_RD) // ENOTCONN, and yet it wakes
		k.leave()
	}
}

// drops is the socket's SK_MEMINFO_DROPS: datagrams that found its buffer full,
// a 32-bit count that wraps.
func (k *kernelSocket) drops() uint32 {
	if !k.enter() {
		return 0
	}
	defer k.leave()
	var info [9]uint32
	size := uint32(unsafe.Sizeof(info))
	_, _, errno := syscall.Syscall6(unix.SYS_GETSOCKOPT, uintptr(k.fd), unix.SOL_SOCKET, unix.SO_MEMINFO,
		uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 || uintptr(size) < unsafe.Sizeof(info) {
		return 0
	}
	return info[8]
}
