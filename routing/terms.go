package routing

import (
	"strings"
	"sync/atomic"
)

// terms is what the records of one directory say, each thing once. It only
// grows; what nobody says any more goes when the directory is rebuilt, so that
// an index never means two things. Readers take no lock.
type terms struct {
	shared    list[Shared]
	customers list[CustomerID]

	// For writers, under the lock of the shard.
	sharedAt map[Shared]uint32
	names    names
	most     struct{ shared, customers int } // beyond these it is time to clear up
}

func newTerms() *terms {
	t := &terms{sharedAt: make(map[Shared]uint32)}
	t.shared.add(Shared{})
	t.customers.add("")
	t.settle(0)
	return t
}

// settle sets how much may be added before the next clearing up: it comes often
// enough to bound what is kept for nobody, and seldom enough to cost little.
func (t *terms) settle(records int) {
	room := func(now int) int { return now + max(now, records/8, 64) }
	t.most.shared, t.most.customers = room(t.shared.len()), room(t.customers.len())
}

func (t *terms) full() bool {
	return t.shared.len() > t.most.shared || t.customers.len() > t.most.customers
}

func (t *terms) pack(e *Entry) record {
	r := record{revision: e.Revision}
	if e.Shared.Deleted() {
		return r
	}
	at, ok := t.sharedAt[e.Shared]
	if !ok {
		at = t.shared.add(e.Shared)
		t.sharedAt[e.Shared] = at
	}
	r.shared = at
	if e.Customer != "" {
		r.customer = t.names.index(&t.customers, e.Customer)
	}
	return r
}

func (t *terms) unpack(n PublicNumber, r *record) Entry {
	return Entry{n, r.revision, t.shared.at(r.shared), t.customers.at(r.customer)}
}

// mover says in new terms what a record says in old ones; each term is looked
// for only once.
type mover struct {
	from, to     *terms
	known, named []uint32
}

func newMover(from, to *terms) *mover {
	return &mover{from, to, make([]uint32, from.shared.len()), make([]uint32, from.customers.len())}
}

func (m *mover) moved(r *record) record {
	if r.dead() {
		return *r
	}
	shared, customer := &m.known[r.shared], &m.named[r.customer]
	if *shared == 0 || *customer == 0 && r.customer != 0 {
		e := m.from.unpack(0, r)
		n := m.to.pack(&e)
		*shared, *customer = n.shared, n.customer
	}
	return record{r.revision, *shared, *customer}
}

// list grows at its end while others read. An index is handed out, in a record
// that is published after it, only once the list holds it.
type list[T any] struct{ of atomic.Pointer[[]T] }

func (l *list[T]) at(i uint32) T { return (*l.of.Load())[i] }

func (l *list[T]) len() int {
	if of := l.of.Load(); of != nil {
		return len(*of)
	}
	return 0
}

func (l *list[T]) add(v T) uint32 {
	var of []T
	if now := l.of.Load(); now != nil {
		of = *now
	}
	of = append(of, v) // readers of the shorter slice do not look that far
	l.of.Store(&of)
	return uint32(len(of) - 1)
}

// names finds the index of a customer, of which there may be as many as there
// are numbers: four to eight bytes for each, and its text in a block with others.
type names struct {
	slots []uint32 // open addressing; 0 is free, and the index of ""
	used  int
	text  strings.Builder
}

const textBlock = 16 << 10

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
	for at := 1; at < in.len(); at++ {
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
