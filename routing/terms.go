package routing

import (
	"strings"
	"sync"
	"sync/atomic"
)

// terms is what the records of a table say, each thing once. It only grows, so
// that an index never means two things; when much of it may be said by nobody
// any more, the shards move, one at a time, to new terms, and the old ones go
// with the last directory that uses them. Readers take no lock.
type terms struct {
	shared    list[Shared]
	customers list[CustomerID]

	replaced atomic.Int64 // records since the last settling, each of which may have left terms behind
	behind   atomic.Int64 // shards still to be looked at: they may use older terms

	mu       sync.Mutex // writers only
	sharedAt map[Shared]uint32
	names    names
	settled  atomic.Int64 // size when all shards had moved
	room     atomic.Int64 // by how much it may have grown since; 0: they are still moving
}

func newTerms() *terms {
	t := &terms{sharedAt: make(map[Shared]uint32)}
	t.shared.add(Shared{})
	t.customers.add("")
	return t
}

func (t *terms) size() int64 { return t.shared.size.Load() + t.customers.size.Load() }

// settle sets how much may be said by nobody before the shards move on: often
// enough to bound it, and seldom enough to cost little.
func (t *terms) settle(records int) {
	size := t.size()
	t.settled.Store(size)
	t.replaced.Store(0)
	t.room.Store(max(size, int64(records)/8, 64))
}

func (t *terms) worn() bool {
	room := t.room.Load()
	return room > 0 && t.replaced.Load() > room && t.size() > t.settled.Load()+room
}

func (t *terms) pack(e *Entry) record {
	if e.Shared.Deleted() {
		return record{revision: e.Revision}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	at, ok := t.sharedAt[e.Shared]
	if !ok {
		at = t.shared.add(e.Shared)
		t.sharedAt[e.Shared] = at
	}
	customer := uint32(0)
	if e.Customer != "" {
		customer = t.names.index(&t.customers, e.Customer)
	}
	return record{e.Revision, say(at, customer), e.label()}
}

func (t *terms) unpack(n PublicNumber, r record) Entry {
	return Entry{n, r.revision, t.shared.at(r.said.shared()), t.customers.at(r.said.customer())}
}

// list grows at its end while others read, a page at a time. An index is handed
// out, in a record that is published after it, only once the list holds it.
type list[T any] struct {
	pages atomic.Pointer[[]*[pageSize]T]
	size  atomic.Int64
}

const pageSize = 1024

func (l *list[T]) at(i uint32) T { return (*l.pages.Load())[i/pageSize][i%pageSize] }

func (l *list[T]) add(v T) uint32 {
	at := l.size.Load()
	if at%pageSize == 0 {
		var pages []*[pageSize]T
		if now := l.pages.Load(); now != nil {
			pages = *now
		}
		pages = append(pages, new([pageSize]T)) // readers of the shorter slice do not look that far
		l.pages.Store(&pages)
	}
	(*l.pages.Load())[at/pageSize][at%pageSize] = v
	l.size.Store(at + 1)
	return uint32(at)
}

// names finds the index of a customer, of which there may be as many as there
// are numbers: four to eleven bytes for each, and its text in a block with others.
type names struct {
	slots []uint32 // open addressing; 0 is free, and the index of ""
	used  int
	text  strings.Builder
}

const textBlock = 32 << 10

func (m *names) index(in *list[CustomerID], c CustomerID) uint32 {
	if 4*m.used >= 3*len(m.slots) {
		m.grow(in)
	}
	slot := m.slot(in, c)
	if at := m.slots[slot]; at != 0 {
		return at
	}
	at := in.add(m.copied(c))
	m.slots[slot] = at
	m.used++
	return at
}

// slot is where c is, or where it belongs.
func (m *names) slot(in *list[CustomerID], c CustomerID) uint64 {
	mask := uint64(len(m.slots) - 1)
	for i := spread(c) & mask; ; i = (i + 1) & mask {
		if at := m.slots[i]; at == 0 || in.at(at) == c {
			return i
		}
	}
}

func (m *names) grow(in *list[CustomerID]) {
	m.slots = make([]uint32, max(16, 2*len(m.slots)))
	for at := int64(1); at < in.size.Load(); at++ {
		m.slots[m.slot(in, in.at(uint32(at)))] = uint32(at)
	}
}

// copied puts c beside others. A block that is full is left to those in it.
func (m *names) copied(c CustomerID) CustomerID {
	if m.text.Cap()-m.text.Len() < len(c) {
		m.text = strings.Builder{}
		m.text.Grow(max(min(textBlock, 16*m.used), len(c)))
	}
	from := m.text.Len()
	m.text.WriteString(string(c))
	return CustomerID(m.text.String()[from:])
}

// spread is FNV-1a, mixed.
func spread(c CustomerID) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(c) {
		h = (h ^ uint64(c[i])) * 1099511628211
	}
	return mix(h)
}
