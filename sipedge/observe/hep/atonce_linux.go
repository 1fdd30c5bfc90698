package hep

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// unpaced takes a connection's segments off the clock: where BBR is the system's
// congestion control, each of them waits for a timer of its own, which on a short way
// costs more than the segment. Where there is no CUBIC, all stays as it is.
func unpaced(raw syscall.RawConn) {
	_ = raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptString(int(fd), unix.IPPROTO_TCP, unix.TCP_CONGESTION, "cubic")
	})
}

// atOnce gives the kernel what it takes of b without waiting, and says how much that
// is. It waits for nothing, so it does not tell Go's scheduler that it might: a thread
// that is in a system call for longer than 20 us loses its processor, and the
// watchman who takes it looks around every 20 us for a millisecond more.
func (l *line) atOnce(b []byte) (n int) {
	if l.raw == nil {
		return 0
	}
	_ = l.raw.Write(func(fd uintptr) bool {
		took, _, errno := syscall.RawSyscall6(unix.SYS_SENDTO, fd, uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)),
			unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
		if errno == 0 {
			n = int(took)
		}
		return true
	})
	return n
}
