package routing

import "sync/atomic"

// bucket holds a few records, and the keys of all of them in one cache line
// before any of the records. A free slot is filled in place: the record first,
// then its key, so that who finds the key finds the record. A record that is
// there never changes; another one takes its place in a copy of the bucket.
// What does not fit goes before, into a new bucket. A nil bucket is empty.
type bucket struct {
	next    *bucket
	keys    [bucketSlots]atomic.Uint64 // 0 is a free slot; there is no number 0
	records [bucketSlots]record
}

const bucketSlots = 7

func (b *bucket) find(n PublicNumber) *record {
	for ; b != nil; b = b.next {
		for i := range &b.keys {
			if b.keys[i].Load() == uint64(n) {
				return &b.records[i]
			}
		}
	}
	return nil
}

// filled is b with a record whose key is not there yet. Slots of the first
// bucket are filled up; those behind it have been.
func (b *bucket) filled(n PublicNumber, r record) *bucket {
	if b != nil {
		for i := range &b.keys {
			if b.keys[i].Load() == 0 {
				b.records[i] = r
				b.keys[i].Store(uint64(n))
				return b
			}
		}
	}
	next := &bucket{next: b}
	next.records[0] = r
	next.keys[0].Store(uint64(n))
	return next
}

// changed is a copy of b in which r stands for n, which is there. What lies
// behind the change is shared.
func (b *bucket) changed(n PublicNumber, r record) *bucket {
	next := &bucket{next: b.next, records: b.records}
	here := false
	for i := range &b.keys {
		key := b.keys[i].Load()
		if key == uint64(n) {
			next.records[i], here = r, true
		}
		next.keys[i].Store(key)
	}
	if !here {
		next.next = b.next.changed(n, r)
	}
	return next
}
