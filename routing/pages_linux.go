package routing

import (
	"runtime"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A collector lets garbage grow with what lives. Were ten million numbers in its
// heap, calls would make 300 MB of it between two collections and each of them
// work in memory that no cache has seen for a minute, which costs a fifth of a
// call. Large directories therefore lie outside: the heap is what it is with a
// thousand numbers.
const (
	outsideFrom = 1 << 20 // bytes of a directory; smaller ones are nothing to a heap
	hugePage    = 2 << 20
	idleOutside = 64 << 20 // so much may be mapped before a collection looks for what nobody reads any more
)

// fresh is how much of what is mapped came since a collection was last asked for.
var fresh atomic.Int64

// outside is room for n buckets, all free, that the collector knows nothing of;
// nil when that is too few to bother, or the kernel gives none. It lasts until
// giveBack.
func outside(n int) (all []bucket, pages []byte) {
	size := n * int(unsafe.Sizeof(bucket{}))
	if size < outsideFrom {
		return nil, nil
	}
	pages, err := unix.Mmap(-1, 0, size+hugePage, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return nil, nil
	}
	// Without large pages every lookup in a table of millions waits a second time,
	// for the address of the page. What is left of the last one is not asked for:
	// 32 shards would waste a page each. It is advice, and what is not touched is
	// not there.
	skip := int(-uintptr(unsafe.Pointer(&pages[0])) & (hugePage - 1))
	if large := size &^ (hugePage - 1); large > 0 {
		_ = unix.Madvise(pages[skip:skip+large], unix.MADV_HUGEPAGE)
	}
	// The heap grows too little by a directory to bring about the collection that
	// would find the one before it.
	if total := mapped.Add(int64(size)); fresh.Add(int64(size)) > max(total/4, idleOutside) {
		fresh.Store(0)
		go runtime.GC()
	}
	return unsafe.Slice((*bucket)(unsafe.Pointer(&pages[skip])), n), pages
}

func giveBack(pages []byte) {
	mapped.Add(hugePage - int64(len(pages)))
	_ = unix.Munmap(pages) // of a mapping that is there
}
