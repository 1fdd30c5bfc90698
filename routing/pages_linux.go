package routing

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

const hugePage = 2 << 20

// together asks for large pages beneath a large array: without them every
// lookup in a table of millions waits a second time, for the address of the
// page. It is advice: when it is not taken, nothing is but slower.
func together(all []bucket) {
	size := uintptr(len(all)) * unsafe.Sizeof(bucket{})
	if size < 2*hugePage {
		return
	}
	from := uintptr(unsafe.Pointer(unsafe.SliceData(all)))
	skip := -from & (hugePage - 1)
	size = (size - skip) &^ (hugePage - 1)
	if size == 0 {
		return
	}
	pages := unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(all)), skip)), size)
	if unix.Madvise(pages, unix.MADV_HUGEPAGE) == nil {
		_ = unix.Madvise(pages, unix.MADV_COLLAPSE) // at once, where memory was in use before
	}
}
