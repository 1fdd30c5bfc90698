package routing

import "sync/atomic"

// bucket holds a few records. A free place is filled in place: the record
// first, then its key, so that who finds the key finds the record. A record
// that is there never changes; another one takes its place in a copy of the
// bucket. What does not fit goes before, into a new bucket. A nil bucket is
// empty.
type bucket struct {
	next   *bucket
	places [bucketPlaces]place
	_      [16]byte // to whole cache lines
}

// place has key and record side by side: the processor fetches all lines of a
// bucket at once while it compares keys, and waits for memory once, not twice.
type place struct {
	key atomic.Uint64 // 0 is free; there is no number 0
	record
}

const bucketPlaces = 7

func (b *bucket) find(n PublicNumber) *record {
	for ; b != nil; b = b.next {
		for i := range &b.places {
			if p := &b.places[i]; p.key.Load() == uint64(n) {
				return &p.record
			}
		}
	}
	return nil
}

// filled is b with a record whose key is not there yet. Places of the first
// bucket are filled up; those behind it have been.
func (b *bucket) filled(n PublicNumber, r record) *bucket {
	if b != nil {
		for i := range &b.places {
			if p := &b.places[i]; p.key.Load() == 0 {
				p.record = r
				p.key.Store(uint64(n))
				return b
			}
		}
	}
	next := &bucket{next: b}
	next.places[0].record = r
	next.places[0].key.Store(uint64(n))
	return next
}

// changed is a copy of b in which r stands for n, which is there. What lies
// behind the change is shared.
func (b *bucket) changed(n PublicNumber, r record) *bucket {
	next := &bucket{next: b.next}
	here := false
	for i := range &b.places {
		from, to := &b.places[i], &next.places[i]
		key := from.key.Load()
		to.record = from.record
		if key == uint64(n) {
			to.record, here = r, true
		}
		to.key.Store(key)
	}
	if !here {
		next.next = b.next.changed(n, r)
	}
	return next
}
