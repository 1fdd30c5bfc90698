package routing

import (
	"sync"
	"sync/atomic"
)

// Table is what is believed about every public number. Reads take no lock and
// never wait; writes copy the small bucket they change. Revisions order writes:
// whatever the order of arrival, the highest revision of a number is what
// stays. The zero Table is empty and ready.
type Table struct {
	shards [shards]shard
}

const (
	shards     = 256 // writers of different shards do not meet
	bucketFull = 6   // average records per bucket before a shard doubles its buckets
	firstSize  = 8   // buckets of a shard that holds anything
)

// A directory is replaced as a whole when a shard grows, its buckets one by one
// when a number is written.
type directory struct{ buckets []atomic.Pointer[bucket] }

func (d *directory) slot(hash uint64) *atomic.Pointer[bucket] {
	return &d.buckets[hash&uint64(len(d.buckets)-1)]
}

type shard struct {
	dir  atomic.Pointer[directory]
	live atomic.Int64

	mu   sync.Mutex // writers only
	kept int        // records and tombstones
}

// locate spreads numbers, which come in runs, over shards and buckets.
func (t *Table) locate(n PublicNumber) (*shard, uint64) {
	h := mix(uint64(n))
	return &t.shards[h%shards], h / shards
}

func (s *shard) find(hash uint64, n PublicNumber) *record {
	dir := s.dir.Load()
	if dir == nil || n == 0 {
		return nil
	}
	return dir.slot(hash).Load().find(n)
}

// Get is what is believed about n; false when nothing is, or it was deleted.
func (t *Table) Get(n PublicNumber) (Number, bool) {
	s, hash := t.locate(n)
	r := s.find(hash, n)
	if r == nil || r.dead() {
		return Number{}, false
	}
	return r.unpack(n), true
}

// Revision is the highest revision seen of n, that of a deletion included; 0
// when nothing was seen.
func (t *Table) Revision(n PublicNumber) uint64 {
	s, hash := t.locate(n)
	if r := s.find(hash, n); r != nil {
		return r.revision
	}
	return 0
}

// Put believes n from now on, unless something of the same or a later revision
// was seen already; then it answers false and changes nothing.
func (t *Table) Put(n Number) bool {
	if n.PublicNumber == 0 {
		return false
	}
	return t.write(n.PublicNumber, pack(n))
}

// Delete forgets n, under the same condition as Put. The revision stays behind
// as a tombstone, so that a write that was overtaken does not bring n back.
func (t *Table) Delete(n PublicNumber, revision uint64) bool {
	if n == 0 {
		return false
	}
	return t.write(n, record{revision: revision})
}

func (t *Table) write(n PublicNumber, r record) bool {
	s, hash := t.locate(n)
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.find(hash, n)
	if old != nil && old.revision >= r.revision {
		return false
	}
	change := liveness(&r) - liveness(old)
	if old == nil {
		s.kept++
		s.grow()
	}
	slot := s.dir.Load().slot(hash)
	slot.Store(slot.Load().with(n, &r))
	s.live.Add(change)
	return true
}

func liveness(r *record) int64 {
	if r == nil || r.dead() {
		return 0
	}
	return 1
}

// grow keeps buckets short. Readers of the old directory see what was true when
// they loaded it, as they would have a moment before.
func (s *shard) grow() {
	dir := s.dir.Load()
	if dir == nil {
		s.dir.Store(&directory{make([]atomic.Pointer[bucket], firstSize)})
		return
	}
	if s.kept <= bucketFull*len(dir.buckets) {
		return
	}
	s.rebuild(dir, 2*len(dir.buckets), func(*record) bool { return true })
}

// rebuild moves the records that keep wants into a new directory.
func (s *shard) rebuild(dir *directory, size int, keep func(*record) bool) (moved int) {
	next := &directory{make([]atomic.Pointer[bucket], size)}
	for n, r := range dir.all {
		if keep(r) {
			slot := next.slot(mix(uint64(n)) / shards)
			slot.Store(slot.Load().add(n, r)) // nobody reads next yet
			moved++
		}
	}
	s.dir.Store(next)
	return moved
}

// all yields every record, tombstones included.
func (d *directory) all(yield func(PublicNumber, *record) bool) {
	if d == nil {
		return
	}
	for i := range d.buckets {
		for b := d.buckets[i].Load(); b != nil; b = b.next {
			for j, n := range &b.keys {
				if n != 0 && !yield(n, &b.records[j]) {
					return
				}
			}
		}
	}
}

// Len is how many numbers the table holds, tombstones not counted.
func (t *Table) Len() int {
	var n int64
	for i := range t.shards {
		n += t.shards[i].live.Load()
	}
	return int(n)
}

// Range calls yield for every number until it answers false, in no order. What
// is written meanwhile may or may not be seen; every number is seen at most once.
func (t *Table) Range(yield func(Number) bool) {
	for i := range t.shards {
		for n, r := range t.shards[i].dir.Load().all {
			if !r.dead() && !yield(r.unpack(n)) {
				return
			}
		}
	}
}

// Sweep drops tombstones with a revision below before and says how many. It is
// safe once no write older than that can still arrive.
func (t *Table) Sweep(before uint64) int {
	swept := 0
	for i := range t.shards {
		swept += t.shards[i].sweep(before)
	}
	return swept
}

func (s *shard) sweep(before uint64) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := func(r *record) bool { return r.dead() && r.revision < before }
	dir, any := s.dir.Load(), false
	for _, r := range dir.all {
		if any = old(r); any {
			break
		}
	}
	if !any {
		return 0
	}
	kept := s.kept
	s.kept = s.rebuild(dir, len(dir.buckets), func(r *record) bool { return !old(r) })
	return kept - s.kept
}
