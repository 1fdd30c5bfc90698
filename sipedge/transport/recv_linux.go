//go:build linux && (amd64 || arm64)

package transport

import (
	"io"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// inlet reads a connection by recvmsg(2), which unlike the read of package net says
// when the bytes came: how long they lay there is how far behind this edge is.
type inlet struct {
	hdr   unix.Msghdr
	iov   unix.Iovec
	ctl   control
	n     int
	errno syscall.Errno
	recv  func(fd uintptr) bool
}

// newInlet asks for stamps; where there are none package net may as well read.
func newInlet(raw syscall.RawConn) *inlet {
	var refused error
	if err := raw.Control(func(fd uintptr) {
		refused = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)
	}); err != nil || refused != nil {
		return nil
	}
	in := &inlet{}
	in.hdr.Iov = &in.iov
	in.hdr.SetIovlen(1)
	in.hdr.Control = (*byte)(unsafe.Pointer(&in.ctl))
	in.recv = in.once
	return in
}

// once is false when the poller has to wait. Receiving never does, so Go's scheduler
// is told nothing.
func (in *inlet) once(fd uintptr) bool {
	for {
		in.hdr.SetControllen(int(unsafe.Sizeof(in.ctl)))
		n, _, errno := syscall.RawSyscall(unix.SYS_RECVMSG, fd, uintptr(unsafe.Pointer(&in.hdr)), unix.MSG_DONTWAIT)
		if errno != unix.EINTR {
			in.n, in.errno = int(n), errno
			return errno != unix.EAGAIN
		}
	}
}

func (in *inlet) read(raw syscall.RawConn, b []byte) (int, error) {
	in.iov.Base = unsafe.SliceData(b)
	in.iov.SetLen(len(b))
	err := raw.Read(in.recv)
	in.iov.Base = nil
	switch {
	case err != nil:
		return 0, err
	case in.errno != 0:
		return 0, os.NewSyscallError("recvmsg", in.errno)
	case in.n == 0:
		return 0, io.EOF
	}
	return in.n, nil
}

func (in *inlet) stamp() int64 { return in.ctl.stamp(int(in.hdr.Controllen)) }
