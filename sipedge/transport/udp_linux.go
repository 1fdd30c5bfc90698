//go:build linux && (amd64 || arm64)

package transport

import (
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// batchSize is how many datagrams one system call takes at most. The first read
// after a wake-up usually finds fewer, which also says that the socket is empty:
// the read that would only return EAGAIN is spared.
const batchSize = 16

// batch reads with recvmmsg and sends with sendto, past the per-datagram work of
// package net: no lock is held against other senders, nothing ever waits.
type batch struct {
	rc      syscall.RawConn
	six     bool // an AF_INET6 socket: IPv4 addresses are mapped
	senders sync.Pool

	msgs  [batchSize]mmsghdr
	iovs  [batchSize]unix.Iovec
	names [batchSize]unix.RawSockaddrInet6 // large enough for both families
	bufs  []byte
}

// mmsghdr is struct mmsghdr of recvmmsg(2).
type mmsghdr struct {
	hdr unix.Msghdr
	len uint32
	_   uint32
}

// tune sets the socket's options and prepares the batch.
func (s *socket) tune(c *net.UDPConn) error {
	rc, err := c.SyscallConn()
	if err != nil {
		return err
	}
	bt := &batch{rc: rc, bufs: make([]byte, batchSize*maxUDP)}
	bt.senders.New = func() any { return newSender() }
	got := 0
	err = rc.Control(func(fd uintptr) {
		domain, _ := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_DOMAIN)
		bt.six = domain == unix.AF_INET6
		got = enlarge(int(fd))
		// Don't-fragment off: a path that lost its ICMP would swallow every
		// large INVITE.
		if bt.six {
			unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_MTU_DISCOVER, unix.IP_PMTUDISC_DONT)
		}
		unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_DONT)
	})
	if err != nil {
		return err
	}
	if got < socketBuffer {
		s.l.o.Logf(int(slog.LevelWarn), "the kernel gave a small receive buffer; raise net.core.rmem_max",
			"listener", s.l.o.Listeners[s.listener].Name, "bytes", got, "wanted", socketBuffer)
	}
	for i := range bt.msgs {
		bt.iovs[i].Base = &bt.bufs[i*maxUDP]
		bt.iovs[i].SetLen(maxUDP)
		h := &bt.msgs[i].hdr
		h.Iov = &bt.iovs[i]
		h.SetIovlen(1)
		h.Name = (*byte)(unsafe.Pointer(&bt.names[i]))
	}
	s.batch = bt
	return nil
}

// enlarge sets both buffers, past the system's limit where we may, and returns
// the receive buffer in bytes of payload (the kernel counts double).
func enlarge(fd int) int {
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, socketBuffer) != nil {
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, socketBuffer)
	}
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, socketBuffer) != nil {
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, socketBuffer)
	}
	n, _ := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF)
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

// read hands datagrams over until an error, nil when the Layer closes. The
// poller is edge-triggered and was armed before the first recvmmsg, so what
// comes after a short batch wakes us again.
func (bt *batch) read(s *socket) error {
	var failed syscall.Errno
	err := bt.rc.Read(func(fd uintptr) bool {
		for !s.l.closing.Load() {
			n, errno := bt.recv(fd)
			switch errno {
			case 0:
			case unix.EAGAIN:
				return false
			case unix.EINTR:
				continue
			default:
				failed = errno
				return true
			}
			for i := range n {
				s.l.datagram(&s.msg, s.listener, bt.bufs[i*maxUDP:][:bt.msgs[i].len:maxUDP], bt.source(i))
			}
			if n < batchSize {
				return false
			}
		}
		return true
	})
	if err == nil && failed != 0 {
		return failed
	}
	return err
}

// recv never waits, so the scheduler need not be told (RawSyscall).
func (bt *batch) recv(fd uintptr) (int, syscall.Errno) {
	for i := range bt.msgs {
		if h := &bt.msgs[i].hdr; h.Namelen != unix.SizeofSockaddrInet6 {
			h.Namelen = unix.SizeofSockaddrInet6
		}
	}
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&bt.msgs[0])), batchSize, unix.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

// source is where datagram i came from, IPv4 unmapped.
func (bt *batch) source(i int) netip.AddrPort {
	six := &bt.names[i]
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

// kernelDrops is the socket's SK_MEMINFO_DROPS: datagrams that found its buffer
// full, a 32-bit count that wraps.
func (s *socket) kernelDrops() (drops uint32) {
	if s.batch == nil {
		return 0
	}
	s.batch.rc.Control(func(fd uintptr) {
		var info [9]uint32
		size := uint32(unsafe.Sizeof(info))
		_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, fd, unix.SOL_SOCKET, unix.SO_MEMINFO,
			uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
		if errno == 0 && size == uint32(unsafe.Sizeof(info)) {
			drops = info[8]
		}
	})
	return drops
}
