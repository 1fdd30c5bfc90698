package routing

import (
	"sync"
	"sync/atomic"
)

// Table is what is believed about every public number. Reads take no lock and
// never wait; writes copy the small bucket they change. Revisions order writes:
// whatever the order of arrival, the highest revision of a number is what
// stays. The zero Table is empty and ready. A number takes 40 to 55 bytes, and
// each customer about 40 more.
type Table struct {
	terms  atomic.Pointer[terms]
	shards [shards]shard
}

const (
	shards     = 256 // writers of different shards do not meet
	bucketFull = 6   // average records per bucket before a shard gets more buckets
	firstSize  = 8   // buckets of a shard that holds anything
)

// A directory is replaced as a whole when a shard grows or moves to new terms,
// its buckets one by one when a number is written.
type directory struct {
	buckets []atomic.Pointer[bucket]
	terms   *terms
}

func newDirectory(size int, in *terms) *directory {
	return &directory{make([]atomic.Pointer[bucket], size), in}
}

// slot takes the upper half of the hash; the lowest bits chose the shard.
func (d *directory) slot(hash uint64) *atomic.Pointer[bucket] {
	return &d.buckets[(hash>>32)*uint64(len(d.buckets))>>32]
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
	return &t.shards[h%shards], h
}

func (d *directory) find(hash uint64, n PublicNumber) *record {
	if d == nil || n == 0 {
		return nil
	}
	return d.slot(hash).Load().find(n)
}

// Get is what is believed about n; false when nothing is, or it was deleted.
func (t *Table) Get(n PublicNumber) (Number, bool) {
	s, hash := t.locate(n)
	dir := s.dir.Load()
	r := dir.find(hash, n)
	if r == nil || r.dead() {
		return Number{}, false
	}
	return dir.terms.unpack(n, r).Number(), true
}

// Revision is the highest revision seen of n, that of a deletion included; 0
// when nothing was seen.
func (t *Table) Revision(n PublicNumber) uint64 {
	s, hash := t.locate(n)
	if r := s.dir.Load().find(hash, n); r != nil {
		return r.revision
	}
	return 0
}

// Put believes n from now on, unless something of the same or a later revision
// was seen already; then it answers false and changes nothing.
func (t *Table) Put(n Number) bool {
	return t.Enter(Entry{n.PublicNumber, n.Revision, Share(n), n.CustomerAssignment})
}

// Delete forgets n, under the same condition as Put. The revision stays behind
// as a tombstone, so that a write that was overtaken does not bring n back.
func (t *Table) Delete(n PublicNumber, revision uint64) bool {
	return t.Enter(Entry{PublicNumber: n, Revision: revision})
}

// Enter is Put, or Delete for a tombstone, of an Entry.
func (t *Table) Enter(e Entry) bool {
	if e.PublicNumber == 0 {
		return false
	}
	defer t.moveOn()
	s, hash := t.locate(e.PublicNumber)
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.dir.Load().find(hash, e.PublicNumber)
	if old != nil && old.revision >= e.Revision {
		return false
	}
	if old == nil {
		s.kept++
		s.makeRoom(t)
	}
	dir := s.dir.Load()
	r := dir.terms.pack(&e)
	slot := dir.slot(hash)
	at := slot.Load()
	if old == nil {
		if next := at.filled(e.PublicNumber, r); next != at {
			slot.Store(next)
		}
	} else {
		slot.Store(at.changed(e.PublicNumber, r))
		dir.terms.replaced.Add(1)
	}
	s.live.Add(liveness(&r) - liveness(old))
	return true
}

func liveness(r *record) int64 {
	if r == nil || r.dead() {
		return 0
	}
	return 1
}

// makeRoom keeps buckets short. Readers of the old directory see what was true
// when they loaded it, as they would have a moment before.
func (s *shard) makeRoom(t *Table) {
	dir := s.dir.Load()
	if dir == nil {
		s.dir.Store(newDirectory(firstSize, t.current()))
	} else if s.kept > bucketFull*len(dir.buckets) {
		s.rebuild(dir, newDirectory(len(dir.buckets)*3/2, t.current()), every)
	}
}

// current is the terms that new directories use.
func (t *Table) current() *terms {
	if now := t.terms.Load(); now != nil {
		return now
	}
	first := newTerms()
	first.settle(0)
	t.terms.CompareAndSwap(nil, first)
	return t.terms.Load()
}

// moveOn is a part of the way to new terms: every write takes one shard along
// until all are there, so that none of them waits long.
func (t *Table) moveOn() {
	now := t.current()
	if now.worn() {
		next := newTerms()
		next.behind.Store(shards)
		t.terms.CompareAndSwap(now, next)
		return
	}
	if now.behind.Load() <= 0 {
		return
	}
	left := now.behind.Add(-1)
	if left < 0 {
		return
	}
	t.shards[left].move(now)
	if left == 0 {
		now.settle(t.Len())
	}
}

func (s *shard) move(to *terms) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if dir := s.dir.Load(); dir != nil && dir.terms != to {
		s.rebuild(dir, newDirectory(len(dir.buckets), to), every)
	}
}

func every(*record) bool { return true }

// rebuild moves the records that keep wants into a new directory.
func (s *shard) rebuild(dir, next *directory, keep func(*record) bool) (moved int) {
	for n, r := range dir.all {
		if !keep(r) {
			continue
		}
		as := *r
		if dir.terms != next.terms {
			e := dir.terms.unpack(n, r)
			as = next.terms.pack(&e)
		}
		slot := next.slot(mix(uint64(n)))
		slot.Store(slot.Load().filled(n, as)) // nobody reads next yet
		moved++
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
			for j := range &b.places {
				p := &b.places[j]
				if n := p.key.Load(); n != 0 && !yield(PublicNumber(n), &p.record) {
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
	for e := range t.Entries {
		if !e.Shared.Deleted() && !yield(e.Number()) {
			return
		}
	}
}

// Entries is Range for those who want tombstones too, and no more work done
// than they need.
func (t *Table) Entries(yield func(Entry) bool) {
	for i := range t.shards {
		dir := t.shards[i].dir.Load()
		for n, r := range dir.all {
			if !yield(dir.terms.unpack(n, r)) {
				return
			}
		}
	}
}

// Reserve makes room for about n numbers at once, which saves a load that knows
// how many come the work of growing. The room stays.
func (t *Table) Reserve(n int) {
	size := n/shards/(bucketFull-1) + 1
	for i := range t.shards {
		t.shards[i].reserve(size, t.current())
	}
}

func (s *shard) reserve(size int, in *terms) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch dir := s.dir.Load(); {
	case size <= firstSize:
	case dir == nil:
		s.dir.Store(newDirectory(size, in))
	case size > len(dir.buckets):
		s.rebuild(dir, newDirectory(size, in), every)
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
	s.kept = s.rebuild(dir, newDirectory(len(dir.buckets), dir.terms), func(r *record) bool { return !old(r) })
	return kept - s.kept
}
