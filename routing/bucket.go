package routing

import (
	"runtime"
	"sync/atomic"
)

// A bucket is one cache line, so that most numbers are found with one wait for
// memory. It is read without a lock while the one writer of its shard changes
// it: a record is never changed where it stands. The new one goes to a free
// place, its key last, and only then the old place is given up, so that who looks
// through the whole chain finds one of them. When it finds both, the later
// revision counts, and nobody ever goes back.
//
// A place that was given up may soon hold another record, under the eyes of a
// reader. The state of the first bucket counts what the writer does, by which the
// reader notices and looks again; that happens only when a writer has got on with
// its work, so nobody waits for anybody. While it says that nobody writes, each
// number stands in one place, and who has found it need not look further.
type bucket struct {
	state  atomic.Uint64 // upper half: phases of writing in this chain, so far; lower half: where it goes on in the spill, 0 nowhere
	places [bucketPlaces]place
	_      uint64 // to a whole cache line
}

// place is free while its key is 0; there is no number 0.
type place struct {
	key      atomic.Uint64 // and the label
	revision atomic.Uint64
	said     atomic.Uint64
}

const (
	bucketPlaces = 2
	spillShare   = 6 // one bucket in reserve for so many, for those that are full

	phase  = 1 << 32 // a record that replaces another is put down in the first, which is given up in the second; two more make it even
	phases = 4
)

// still says that no record of the chain is being replaced.
func still(state uint64) bool { return state/phase%phases == 0 }

// A directory is replaced as a whole when a shard grows or moves to new terms.
// No pointer is in its buckets, which lie outside of the heap when they are many.
// They are there for as long as the directory is: who reads a bucket keeps it
// alive until it has read.
type directory struct {
	buckets []bucket
	spill   []bucket // what full buckets go on in
	spilt   uint32   // how many of those are in use; the writer's
	terms   *terms
}

// mapped is bytes of buckets outside of the heap, those included whose directory is
// not read any more and was not given back yet.
var mapped atomic.Int64

func newDirectory(size int, in *terms) *directory {
	n := size + size/spillShare + 1
	all, pages := outside(n)
	if all == nil {
		all = make([]bucket, n)
	}
	d := &directory{buckets: all[:size:size], spill: all[size:], terms: in}
	if pages != nil {
		runtime.AddCleanup(d, giveBack, pages)
	}
	return d
}

// first takes the upper half of the hash; the lowest bits chose the shard.
func (d *directory) first(hash uint64) *bucket {
	return &d.buckets[(hash>>32)*uint64(len(d.buckets))>>32]
}

func (d *directory) next(state uint64) *bucket {
	if at := uint32(state); at != 0 {
		return &d.spill[at-1]
	}
	return nil
}

// find is what is recorded of n; false when nothing is. Most numbers stand in
// their first bucket while nobody writes there. Which of its two places it is
// cannot be foreseen, so both are read and one is chosen without a branch: the
// processor goes on with the call while it still waits for the memory.
func (d *directory) find(hash uint64, n PublicNumber) (r record, ok bool) {
	if d == nil || n == 0 || n > keyMask {
		return record{}, false
	}
	first := d.first(hash)
	state := first.state.Load()
	p, q := &first.places[0], &first.places[1]
	key, other := p.key.Load(), q.key.Load()
	revision, otherRevision := p.revision.Load(), q.revision.Load()
	says, otherSays := p.said.Load(), q.said.Load()
	if other&keyMask == uint64(n) {
		key = other
	}
	if key == other {
		revision = otherRevision
	}
	if key == other {
		says = otherSays
	}
	if key&keyMask == uint64(n) && still(state) && first.state.Load()/phase == state/phase {
		runtime.KeepAlive(d)
		return record{revision, said(says), label(key &^ keyMask)}, true
	}
	return d.search(first, n)
}

// search is find through the whole chain, whoever writes meanwhile.
func (d *directory) search(first *bucket, n PublicNumber) (r record, ok bool) {
	for {
		r, ok = record{}, false
		before := first.state.Load()
		for b, state := first, before; ; state = b.state.Load() {
			for i := range &b.places {
				p := &b.places[i]
				key := p.key.Load()
				if key&keyMask != uint64(n) {
					continue
				}
				if revision := p.revision.Load(); !ok || revision > r.revision {
					r, ok = record{revision, said(p.said.Load()), label(key &^ keyMask)}, true
				}
			}
			if ok && still(before) {
				break
			}
			if b = d.next(state); b == nil {
				break
			}
		}
		if first.state.Load()/phase == before/phase {
			runtime.KeepAlive(d)
			return r, ok
		}
	}
}

// write puts r in the place of what is recorded of n. It is the writer's alone,
// and answers false, with nothing changed, when there is no room.
func (d *directory) write(hash uint64, n PublicNumber, r record) bool {
	first := d.first(hash)
	var old, free *place
	last := first
	for b := first; b != nil; b = d.next(b.state.Load()) {
		last = b
		for i := range &b.places {
			switch p := &b.places[i]; p.key.Load() & keyMask {
			case uint64(n):
				old = p
			case 0:
				if free == nil {
					free = p
				}
			}
		}
	}
	if free == nil {
		if int(d.spilt) == len(d.spill) {
			return false
		}
		free = &d.spill[d.spilt].places[0]
		d.spilt++
		last.state.Store(last.state.Load()&^uint64(phase-1) | uint64(d.spilt))
	}
	if old != nil {
		first.state.Add(phase) // from here on there are two of them
	}
	free.revision.Store(r.revision)
	free.said.Store(uint64(r.said))
	free.key.Store(uint64(n) | uint64(r.label))
	if old != nil {
		// Before it, for who looked in vain for the new one and now comes too late for
		// the old; after it, for who still reads what will soon be overwritten.
		first.state.Add(phase)
		old.key.Store(0)
		first.state.Add(2 * phase)
	}
	return true
}

// all yields every record, tombstones included, each number once: a chain is
// read as a whole before any of it is told.
func (d *directory) all(yield func(PublicNumber, record) bool) {
	if d == nil {
		return
	}
	var chain []found
	for i := range d.buckets {
		chain = d.chain(&d.buckets[i], chain[:0])
		for _, f := range chain {
			if !yield(f.number, f.record) {
				return
			}
		}
	}
	runtime.KeepAlive(d)
}

type found struct {
	number PublicNumber
	record record
}

func (d *directory) chain(first *bucket, chain []found) []found {
	for {
		before := first.state.Load()
		for b, state := first, before; ; state = b.state.Load() {
			for i := range &b.places {
				p := &b.places[i]
				if key := p.key.Load(); key != 0 {
					r := record{p.revision.Load(), said(p.said.Load()), label(key &^ keyMask)}
					chain = latest(chain, found{PublicNumber(key & keyMask), r})
				}
			}
			if b = d.next(state); b == nil {
				break
			}
		}
		if first.state.Load()/phase == before/phase {
			return chain
		}
		chain = chain[:0]
	}
}

// latest adds a record, unless a later one of the same number is there.
func latest(chain []found, f found) []found {
	for i := range chain {
		if chain[i].number == f.number {
			if f.record.revision > chain[i].record.revision {
				chain[i] = f
			}
			return chain
		}
	}
	return append(chain, f)
}
