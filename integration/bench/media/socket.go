//go:build linux && (amd64 || arm64)

package main

import (
	"net/netip"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// socket sends and receives for many phones, a batch with each system call.
type socket struct {
	fd      int
	at      netip.AddrPort
	out, in batch
	filled  int // of out
}

// batchSize is how many packets one system call takes at most.
const batchSize = 32

// packetSize is 20 ms of G.711 in RTP.
const packetSize = 172

// mmsghdr is what sendmmsg(2) and recvmmsg(2) want of each packet.
type mmsghdr struct {
	unix.Msghdr
	n uint32
	_ uint32
}

type batch struct {
	heads [batchSize]mmsghdr
	names [batchSize]unix.RawSockaddrInet4
	iovs  [batchSize]unix.Iovec
	bytes [batchSize][packetSize]byte
	notes [batchSize][64]byte // control messages
}

// lay points the heads at what belongs to them.
func (b *batch) lay(notes bool) {
	for i := range b.heads {
		h := &b.heads[i]
		b.iovs[i].Base = &b.bytes[i][0]
		b.iovs[i].SetLen(packetSize)
		h.Name, h.Namelen = (*byte)(unsafe.Pointer(&b.names[i])), unix.SizeofSockaddrInet4
		h.Iov = &b.iovs[i]
		h.SetIovlen(1)
		if notes {
			h.Control = &b.notes[i][0]
			h.SetControllen(len(b.notes[i]))
		}
	}
}

func openSocket() (*socket, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	s := &socket{fd: fd}
	s.out.lay(false)
	s.in.lay(true)
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 16<<20) != nil { // who is not root has what the system allows
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 16<<20)
	}
	if err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1); err == nil {
		err = unix.Bind(fd, &unix.SockaddrInet4{Addr: home.As4()})
	}
	var sa unix.Sockaddr
	if err == nil {
		sa, err = unix.Getsockname(fd)
	}
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	s.at = netip.AddrPortFrom(home, uint16(sa.(*unix.SockaddrInet4).Port))
	return s, nil
}

// slot is room for one more packet to an address; it leaves with flush.
func (s *socket) slot(to netip.AddrPort) []byte {
	i := s.filled
	s.filled++
	s.out.names[i] = unix.RawSockaddrInet4{Family: unix.AF_INET, Port: swap(to.Port()), Addr: to.Addr().As4()}
	return s.out.bytes[i][:]
}

func (s *socket) full() bool { return s.filled == batchSize }

// flush sends what was filled, and says how many packets the kernel took.
func (s *socket) flush() (sent int) {
	for sent < s.filled {
		n, _, errno := unix.RawSyscall6(unix.SYS_SENDMMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&s.out.heads[sent])), uintptr(s.filled-sent), unix.MSG_DONTWAIT, 0, 0)
		if errno != 0 {
			break
		}
		sent += int(n)
	}
	s.filled = 0
	return sent
}

// receive hands over all that has come.
func (s *socket) receive(came func(b []byte, from netip.AddrPort, at time.Time)) {
	for {
		for i := range s.in.heads {
			s.in.heads[i].SetControllen(len(s.in.notes[i]))
			s.in.heads[i].Namelen = unix.SizeofSockaddrInet4
		}
		n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&s.in.heads[0])), batchSize, unix.MSG_DONTWAIT, 0, 0)
		if errno != 0 {
			return
		}
		for i := range int(n) {
			name := &s.in.names[i]
			came(s.in.bytes[i][:s.in.heads[i].n], netip.AddrPortFrom(netip.AddrFrom4(name.Addr), swap(name.Port)), stamp(&s.in.notes[i]))
		}
		if n < batchSize {
			return // no second look: the next round comes soon
		}
	}
}

// stamp is when the kernel got a packet, out of its only control message.
func stamp(note *[64]byte) time.Time {
	ts := (*unix.Timespec)(unsafe.Pointer(&note[unix.CmsgLen(0)]))
	return time.Unix(ts.Unix())
}

// swap turns the network's byte order; both architectures are little-endian.
func swap(p uint16) uint16 { return p<<8 | p>>8 }
