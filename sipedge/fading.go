package sipedge

import "github.com/speakops/sipedge/sipedge/call"

// fading remembers keys until their time is over. Times must not run backwards
// from one note to the next, so what came first goes first: entries lie in
// chunks in the order they came, and an index of 4-byte positions finds them. A
// busy edge holds hundreds of thousands of them, so an entry costs its own size
// and some 6 bytes more, holds no pointer, and what is over is given back.
type fading[K comparable, V any] struct {
	hash   func(K) uint64
	bound  int // at so many, the oldest is forgotten early
	chunks []*[chunk]entry[K, V]
	first  uint64   // position of the oldest entry; it lies in chunks[0]
	end    uint64   // position after the newest
	index  []uint32 // positions (their low half), by hash, probed in line; 0 is free
	keys   int      // distinct ones, which the index holds
}

type entry[K comparable, V any] struct {
	key   K
	value V
	until call.Instant
}

const chunk = 512 // entries

func newFading[K comparable, V any](bound int, hash func(K) uint64) fading[K, V] {
	return fading[K, V]{hash: hash, bound: bound, first: 1, end: 1, index: make([]uint32, 64)}
}

// note remembers a value; an older one under the same key is replaced.
func (f *fading[K, V]) note(key K, value V, until call.Instant) {
	if uint32(f.end) == 0 {
		f.push(entry[K, V]{until: until}) // a position that looks like a free one
	}
	if f.len() >= f.bound {
		f.forget()
	}
	at := f.end
	f.push(entry[K, V]{key, value, until})
	if i, found := f.probe(key); found {
		f.index[i] = uint32(at)
		return
	}
	if f.keys++; 4*f.keys > 3*len(f.index) {
		f.resize(2 * len(f.index))
	}
	i, _ := f.probe(key)
	f.index[i] = uint32(at)
}

// get is the value of a key that has not been forgotten yet.
func (f *fading[K, V]) get(key K) (value V, until call.Instant, ok bool) {
	i, found := f.probe(key)
	if !found {
		return value, 0, false
	}
	e := f.at(f.position(f.index[i]))
	return e.value, e.until, true
}

// sweep forgets what is over; a few at a time keeps every step short.
func (f *fading[K, V]) sweep(now call.Instant) {
	for n := 0; n < 64 && f.len() > 0 && f.at(f.first).until <= now; n++ {
		f.forget()
	}
}

// next is when sweep has something to do.
func (f *fading[K, V]) next() call.Instant {
	if f.len() == 0 {
		return call.Never
	}
	return f.at(f.first).until
}

// len counts entries, replaced ones too.
func (f *fading[K, V]) len() int { return int(f.end - f.first) }

func (f *fading[K, V]) at(position uint64) *entry[K, V] {
	return &f.chunks[position/chunk-f.first/chunk][position%chunk]
}

// position is whole again what the index holds half of: bound is far below 2^32.
func (f *fading[K, V]) position(half uint32) uint64 {
	return f.first + uint64(half-uint32(f.first))
}

func (f *fading[K, V]) push(e entry[K, V]) {
	if len(f.chunks) == 0 || f.end%chunk == 0 {
		f.chunks = append(f.chunks, new([chunk]entry[K, V]))
	}
	f.end++
	*f.at(f.end - 1) = e
}

// forget drops the oldest entry, and its key unless it was noted anew since.
func (f *fading[K, V]) forget() {
	if i, found := f.probe(f.at(f.first).key); found && f.position(f.index[i]) == f.first {
		f.unindex(i)
	}
	f.first++
	if f.first%chunk == 0 {
		f.chunks[0] = nil
		f.chunks = f.chunks[1:]
	}
	if len(f.index) > 64 && 8*f.keys < len(f.index) {
		f.resize(len(f.index) / 2)
	}
}

// probe finds a key's place in the index: where it is, or where it would be.
func (f *fading[K, V]) probe(key K) (i int, found bool) {
	mask := len(f.index) - 1
	for i = int(f.hash(key)) & mask; f.index[i] != 0; i = (i + 1) & mask {
		if f.at(f.position(f.index[i])).key == key {
			return i, true
		}
	}
	return i, false
}

// unindex frees a place and moves up what was pushed past it, so that lines
// have no holes (Knuth, The Art of Computer Programming 6.4, algorithm R).
func (f *fading[K, V]) unindex(i int) {
	mask := len(f.index) - 1
	for j := (i + 1) & mask; f.index[j] != 0; j = (j + 1) & mask {
		home := int(f.hash(f.at(f.position(f.index[j])).key)) & mask
		if (j-home)&mask >= (j-i)&mask {
			f.index[i] = f.index[j]
			i = j
		}
	}
	f.index[i] = 0
	f.keys--
}

func (f *fading[K, V]) resize(size int) {
	old := f.index
	f.index = make([]uint32, size)
	for _, half := range old {
		if half != 0 {
			i, _ := f.probe(f.at(f.position(half)).key)
			f.index[i] = half
		}
	}
}
