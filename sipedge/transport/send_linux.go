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

// None of the system calls here waits, so none of them tells Go's scheduler that
// it might: a send takes as long as it takes a loopback to deliver, and a thread
// that is in a system call for so long loses its processor (runtime.sysmon) and
// has to find another one.

// send gives b to the kernel at once or returns why not: EAGAIN when the send
// buffer is full, EMSGSIZE beyond 65507 bytes.
func (k *kernelSocket) send(b []byte, to netip.AddrPort) error {
	var name unix.RawSockaddrInet6
	size := address(&name, to, k.six)
	if size == 0 {
		return &net.AddrError{Err: "not reachable from a socket of this family", Addr: to.String()}
	}
	if !k.enter() {
		return net.ErrClosed
	}
	defer k.leave()
	for try := 0; ; try++ {
		_, _, errno := syscall.RawSyscall6(unix.SYS_SENDTO, uintptr(k.fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)),
			unix.MSG_DONTWAIT, uintptr(unsafe.Pointer(&name)), size)
		switch {
		case errno == 0:
			return nil
		case try == 0 && (errno == unix.ECONNREFUSED || errno == unix.EINTR):
			// A pending ICMP error belongs to an earlier datagram; asking for it
			// cleared it, and this one has not been sent.
		default:
			return errno
		}
	}
}

// address writes to as the socket's family wants it and returns its size, 0 when
// that family cannot reach it.
func address(name *unix.RawSockaddrInet6, to netip.AddrPort, six bool) uintptr {
	a := to.Addr()
	switch {
	case !a.IsValid(), !six && !a.Is4() && !a.Is4In6():
		return 0
	case !six:
		four := (*unix.RawSockaddrInet4)(unsafe.Pointer(name))
		*four = unix.RawSockaddrInet4{Family: unix.AF_INET, Port: swap(to.Port()), Addr: a.As4()}
		return unix.SizeofSockaddrInet4
	}
	*name = unix.RawSockaddrInet6{Family: unix.AF_INET6, Port: swap(to.Port()), Addr: a.As16()}
	if z := a.Zone(); z != "" {
		name.Scope_id = scope(z)
	}
	return unix.SizeofSockaddrInet6
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
