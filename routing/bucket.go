package routing

// bucket holds a few records, and the keys of all of them in one cache line
// before any of the records. Once published it is immutable; the next bucket
// takes what does not fit. A nil bucket is empty.
type bucket struct {
	keys    [bucketSlots]PublicNumber // 0 is a free slot; there is no number 0
	next    *bucket
	records [bucketSlots]record
}

const bucketSlots = 7

func (b *bucket) find(n PublicNumber) *record {
	for ; b != nil; b = b.next {
		for i := range &b.keys {
			if b.keys[i] == n {
				return &b.records[i]
			}
		}
	}
	return nil
}

// with is a copy of b in which r stands for n. What lies behind the change is shared.
func (b *bucket) with(n PublicNumber, r *record) *bucket {
	if b.find(n) == nil {
		return b.copied().add(n, r)
	}
	next := b.copied()
	for i := range &next.keys {
		if next.keys[i] == n {
			next.records[i] = *r
			return next
		}
	}
	next.next = b.next.with(n, r)
	return next
}

func (b *bucket) copied() *bucket {
	if b == nil {
		return nil
	}
	next := *b
	return &next
}

// add puts a key that is not there into a bucket that is not published yet.
func (b *bucket) add(n PublicNumber, r *record) *bucket {
	if b != nil {
		for i := range &b.keys {
			if b.keys[i] == 0 {
				b.keys[i], b.records[i] = n, *r
				return b
			}
		}
	}
	next := &bucket{next: b}
	next.keys[0], next.records[0] = n, *r
	return next
}
