//go:build linux && (amd64 || arm64)

// Package atonce answers: what does the kernel take of these bytes right now?
package atonce

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Write gives the kernel what it takes of b without waiting, and says how much that
// is. Why it took no more the next ordinary write will tell. It waits for nothing, so
// it does not tell Go's scheduler that it might: a thread that is in a system call for
// longer than 20 us loses its processor, and has to find another one.
func Write(raw syscall.RawConn, b []byte) (n int) {
	if raw == nil || len(b) == 0 {
		return 0
	}
	_ = raw.Write(func(fd uintptr) bool {
		took, _, errno := syscall.RawSyscall6(unix.SYS_SENDTO, fd, uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)),
			unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
		if errno == 0 {
			n = int(took)
		}
		return true
	})
	return n
}
