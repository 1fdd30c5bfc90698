//go:build linux && (amd64 || arm64)

package transport

import (
	"net"
	"net/netip"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// sender is one sendto under way. They are pooled, because the closure that
// RawConn.Control wants would otherwise be made for every datagram.
type sender struct {
	b     []byte
	name  unix.RawSockaddrInet6
	size  uintptr
	errno syscall.Errno
	call  func(fd uintptr)
}

func newSender() *sender {
	sd := &sender{}
	sd.call = func(fd uintptr) {
		var p unsafe.Pointer
		if len(sd.b) > 0 {
			p = unsafe.Pointer(&sd.b[0])
		}
		for range 2 {
			_, _, sd.errno = unix.Syscall6(unix.SYS_SENDTO, fd, uintptr(p), uintptr(len(sd.b)), unix.MSG_DONTWAIT,
				uintptr(unsafe.Pointer(&sd.name)), sd.size)
			// A pending ICMP error belongs to an earlier datagram; asking for it
			// clears it, and this one has not been sent.
			if sd.errno != unix.ECONNREFUSED && sd.errno != unix.EINTR {
				return
			}
		}
	}
	return sd
}

// send gives b to the kernel at once or returns why not: EAGAIN when the send
// buffer is full, EMSGSIZE beyond 65507 bytes.
func (bt *batch) send(b []byte, to netip.AddrPort) error {
	sd := bt.senders.Get().(*sender)
	if !sd.address(to, bt.six) {
		bt.senders.Put(sd)
		return &net.AddrError{Err: "not reachable from a socket of this family", Addr: to.String()}
	}
	sd.b = b
	err := bt.rc.Control(sd.call)
	errno := sd.errno
	sd.b = nil
	bt.senders.Put(sd)
	if err == nil && errno != 0 {
		return errno
	}
	return err
}

// address writes to as the socket's family wants it.
func (sd *sender) address(to netip.AddrPort, six bool) bool {
	a := to.Addr()
	if !six {
		if !a.Is4() && !a.Is4In6() {
			return false
		}
		four := (*unix.RawSockaddrInet4)(unsafe.Pointer(&sd.name))
		*four = unix.RawSockaddrInet4{Family: unix.AF_INET, Port: swap(to.Port()), Addr: a.As4()}
		sd.size = unix.SizeofSockaddrInet4
		return true
	}
	if !a.IsValid() {
		return false
	}
	sd.name = unix.RawSockaddrInet6{Family: unix.AF_INET6, Port: swap(to.Port()), Addr: a.As16()}
	sd.size = unix.SizeofSockaddrInet6
	if z := a.Zone(); z != "" {
		sd.name.Scope_id = scope(z)
	}
	return true
}

// scope is the index of a zone, given as a number (as source does) or a name.
func scope(zone string) uint32 {
	if n, err := strconv.ParseUint(zone, 10, 32); err == nil {
		return uint32(n)
	}
	if i, err := net.InterfaceByName(zone); err == nil {
		return uint32(i.Index)
	}
	return 0
}
