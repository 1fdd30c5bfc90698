package hep

import (
	"syscall"

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
