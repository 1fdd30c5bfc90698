package routing

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// Table is what is believed about every public number. Reads take no lock and
// never wait; a write puts a new record beside the one it replaces. Revisions order writes:
// whatever the order of arrival, the highest revision of a number is what
// stays. The zero Table is empty and ready. A number takes 40 to 55 bytes, outside of
// the heap when there are many (GOMEMLIMIT does not see those), and each customer
// about 40 more.
type Table struct {
	terms  atomic.Pointer[terms]
	shards [shards]shard
}

const (
	shards    = 32 // writers of different shards do not meet; more would tear large pages apart
	firstSize = 8  // buckets of a shard that holds anything
)

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

// Get is what is believed about n; false when nothing is, or it was deleted.
func (t *Table) Get(n PublicNumber) (Number, bool) {
	s, hash := t.locate(n)
	dir := s.dir.Load()
	r, ok := dir.find(hash, n)
	if !ok || r.dead() {
		return Number{}, false
	}
	return dir.terms.unpack(n, r).Number(), true
}

// Brief is Get for those who need little of it.
func (t *Table) Brief(n PublicNumber) (Brief, bool) {
	s, hash := t.locate(n)
	dir := s.dir.Load()
	r, ok := dir.find(hash, n)
	if !ok || r.dead() {
		return Brief{}, false
	}
	return Brief{uint64(n) | uint64(r.label), r.revision, r.said, dir.terms}, true
}

// Revision is the highest revision seen of n, that of a deletion included; 0
// when nothing was seen.
func (t *Table) Revision(n PublicNumber) uint64 {
	s, hash := t.locate(n)
	r, _ := s.dir.Load().find(hash, n)
	return r.revision
}

// Ahead looks at where n stands, or will, and takes nothing from it. Who writes
// thousands of numbers and asks Ahead about all of them first waits for memory
// once, and not for each.
func (t *Table) Ahead(n PublicNumber) {
	s, hash := t.locate(n)
	if dir := s.dir.Load(); dir != nil {
		dir.first(hash).state.Load()
		runtime.KeepAlive(dir)
	}
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
	_, ok := t.Replace(e)
	return ok
}

// Replace is Enter, and tells the revision of the number in whose place e came;
// 0 when there was none, or only a tombstone.
func (t *Table) Replace(e Entry) (live uint64, ok bool) {
	if e.PublicNumber == 0 || e.PublicNumber > keyMask {
		return 0, false
	}
	defer t.moveOn()
	s, hash := t.locate(e.PublicNumber)
	s.mu.Lock()
	defer s.mu.Unlock()
	dir := s.dir.Load()
	old, had := dir.find(hash, e.PublicNumber)
	if had && old.revision >= e.Revision {
		return 0, false
	}
	if dir == nil {
		dir = newDirectory(firstSize, t.current())
		s.dir.Store(dir)
	}
	r := dir.terms.pack(&e)
	for !dir.write(hash, e.PublicNumber, r) {
		s.rebuild(dir, len(dir.buckets)*4/3, t.current(), every)
		dir = s.dir.Load()
		r = dir.terms.pack(&e)
	}
	if had {
		dir.terms.replaced.Add(1)
	} else {
		s.kept++
	}
	s.live.Add(liveness(r) - liveness(old))
	if !old.dead() {
		live = old.revision
	}
	return live, true
}

func liveness(r record) int64 {
	if r.dead() {
		return 0
	}
	return 1
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
		s.rebuild(dir, len(dir.buckets), to, every)
	}
}

func every(record) bool { return true }

// rebuild moves the records that keep wants into a new directory of that many
// buckets, or of more when some would find no room. Readers of the old one see
// what was true when they loaded it, as they would have a moment before.
func (s *shard) rebuild(dir *directory, size int, in *terms, keep func(record) bool) (moved int) {
	for ; ; size = size*4/3 + 1 {
		if next, moved := dir.moved(size, in, keep); next != nil {
			s.dir.Store(next)
			return moved
		}
	}
}

func (d *directory) moved(size int, in *terms, keep func(record) bool) (next *directory, moved int) {
	next = newDirectory(size, in)
	for n, r := range d.all {
		if !keep(r) {
			continue
		}
		if d.terms != in {
			e := d.terms.unpack(n, r)
			r = in.pack(&e)
		}
		if !next.write(mix(uint64(n)), n, r) {
			return nil, 0
		}
		moved++
	}
	return next, moved
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
	size := n*reservedBuckets/reservedNumbers/shards + 1
	for i := range t.shards {
		t.shards[i].reserve(size, t.current())
	}
}

// So many buckets for so many numbers that the reserve of buckets lasts.
const reservedBuckets, reservedNumbers = 4, 5

func (s *shard) reserve(size int, in *terms) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch dir := s.dir.Load(); {
	case size <= firstSize:
	case dir == nil:
		s.dir.Store(newDirectory(size, in))
	case size > len(dir.buckets):
		s.rebuild(dir, size, in, every)
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
	old := func(r record) bool { return r.dead() && r.revision < before }
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
	s.kept = s.rebuild(dir, len(dir.buckets), dir.terms, func(r record) bool { return !old(r) })
	return kept - s.kept
}
