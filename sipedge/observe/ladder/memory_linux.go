package ladder

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// memory is n bytes outside of the Go heap, which are given back with their owner.
func memory[T any](owner *T, n int) []byte {
	b, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return make([]byte, n)
	}
	// The ring is written from end to end, over and over: large pages spare most of
	// the faults and translations. Where there are none, it does without.
	_ = unix.Madvise(b, unix.MADV_HUGEPAGE)
	// And the first call that touches one need not wait until two megabytes are zeroed.
	_ = unix.Madvise(b, unix.MADV_POPULATE_WRITE)
	runtime.AddCleanup(owner, func(b []byte) { _ = unix.Munmap(b) }, b)
	return b
}
