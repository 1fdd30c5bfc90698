package ladder

import "slices"

// keeping is what of a call has left the ring and was worth keeping.
type keeping struct {
	stays   bool    // as long as there is room: it is open, failed or a test
	queued  bool    // stands in one of the queues of calls with something saved
	tracked bool    // stands among those with entries in the ring that are not saved
	passed  bool    // stands among those that were not wanted when their oldest entry left the ring
	number  uint64  // among the finished calls of its trunk
	among   *lately // these; nil: it has not finished
	saved   []byte  // heads, each with its text behind it, oldest first
}

// keep decides which calls stay when the ring comes round.
type keep struct {
	perTrunk int
	limit    int // bytes
	kept     int // of them in use
	trunks   map[string]*lately
	plain    []ref // calls with something saved, oldest first: those that go first when there is no room
	special  []ref // failed and test calls
	buffers  [][]byte
	tracked  queue // by their oldest entries
	passed   queue // by the ends of their latest entries, or about
	heads    [][]byte
}

// track is a call, and a position it waits for.
type track struct {
	c  *talk
	at uint64
}

// queue is calls in the order of their positions.
type queue struct {
	list []track
	gone int
}

func (q *queue) push(one track) {
	if q.gone > 64 && 2*q.gone > len(q.list) {
		n := copy(q.list, q.list[q.gone:])
		clear(q.list[n:])
		q.list, q.gone = q.list[:n], 0
	}
	q.list = append(q.list, one)
}

// before says whether there is one with a position before another.
func (q *queue) before(at uint64) bool { return q.gone < len(q.list) && q.list[q.gone].at < at }

func (q *queue) pop() (one track) {
	one, q.list[q.gone] = q.list[q.gone], one
	q.gone++
	return one
}

// lately is the last finished calls of one trunk.
type lately struct {
	n    uint64
	last []ref
}

// ref names a call that may have been forgotten since: its talk is used again.
type ref struct {
	c  *talk
	id id
}

func (r ref) gone() bool { return r.c == nil || r.c.id != r.id }

func (k *keep) init(perTrunk, limit int) {
	k.perTrunk, k.limit, k.trunks = perTrunk, limit, map[string]*lately{}
}

// maxTrunks bounds the trunks whose last calls are kept; further ones share.
const maxTrunks = 1024

func (k *keep) latelyOf(trunk string) *lately {
	l := k.trunks[trunk]
	if l == nil && len(k.trunks) >= maxTrunks {
		trunk = ""
		l = k.trunks[""]
	}
	if l == nil {
		l = &lately{last: make([]ref, k.perTrunk)}
		k.trunks[trunk] = l
	}
	return l
}

// list is the name of the trunk's calls; what it was refused at the door stands
// apart, so that a flood of it does not push the calls out.
func (c *talk) list() string {
	if c.state == Refused {
		return c.start.Trunk + " refused"
	}
	return c.start.Trunk
}

func (c *talk) special() bool { return c.state == Failed || c.start.Test }

// finished makes a call one of the last of its trunk, in the place of an older one.
func (t *Tape) finished(c *talk) {
	l := t.latelyOf(c.list())
	at := &l.last[l.n%uint64(len(l.last))]
	old := *at
	l.n++
	c.number, c.among = l.n, l
	*at = ref{c, c.id}
	if !old.gone() && old.c != c && !t.wanted(old.c) {
		t.release(old.c)
	}
}

// wanted says whether a call is to be kept when its messages leave the ring.
func (t *Tape) wanted(c *talk) bool {
	return c.stays || c.among != nil && c.among.n-c.number < uint64(t.perTrunk)
}

// leave is told up to which position entries leave the ring. Calls are looked at
// once each, in the order of their oldest entries: one that is wanted is saved with
// all it has in the ring, one that is not goes with its last entry.
func (t *Tape) leave(to uint64) {
	if t.tail != nil {
		t.tail.leaving(&t.ring, to)
	}
	for t.tracked.before(to) {
		c := t.tracked.pop().c
		if c.tracked = false; t.wanted(c) {
			t.save(c)
			continue
		}
		c.passed = true
		t.passed.push(track{c, c.last})
	}
	for t.passed.before(to + 1) {
		c := t.passed.pop().c
		if c.last > to { // it went on
			t.passed.push(track{c, c.last})
			continue
		}
		if c.passed = false; len(c.saved) == 0 {
			t.forget(c)
		}
	}
}

// save copies what a call has in the ring to what is kept of it.
func (t *Tape) save(c *talk) {
	t.heads = t.heads[:0]
	for head := range t.latest(c) {
		t.heads = append(t.heads, head)
	}
	if c.saved == nil {
		c.saved = t.buffer()
	}
	was := len(c.saved)
	for _, head := range slices.Backward(t.heads) {
		c.saved = append(append(c.saved, head...), t.ring.text(head)...)
	}
	c.from = c.last
	t.kept += len(c.saved) - was
	t.enqueue(c)
	for t.kept > t.limit && t.dropOne() {
	}
}

// savedOne takes the first entry off those that were saved.
func savedOne(saved []byte) (head, text, rest []byte) {
	head, rest = saved[:headLen], saved[headLen:]
	n := le.Uint32(head[atLen:])
	return head, rest[:n], rest[n:]
}

func (t *Tape) enqueue(c *talk) {
	if c.queued {
		return
	}
	c.queued = true
	if c.special() {
		t.special = append(t.special, ref{c, c.id})
	} else {
		t.plain = append(t.plain, ref{c, c.id})
	}
}

// dropOne lets the call go that is least worth its memory: the oldest that went
// well or is still open, else the oldest that failed.
func (t *Tape) dropOne() bool {
	for len(t.plain) > 0 {
		r := t.plain[0]
		t.plain = t.plain[1:]
		switch {
		case r.gone() || len(r.c.saved) == 0:
		case r.c.special(): // it has failed meanwhile
			t.special = append(t.special, r)
		default:
			t.drop(r.c)
			return true
		}
	}
	for len(t.special) > 0 {
		r := t.special[0]
		t.special = t.special[1:]
		if !r.gone() && len(r.c.saved) > 0 {
			t.drop(r.c)
			return true
		}
	}
	return false
}

// lost is how many entries of a call had no room.
func (t *Tape) lost(c *talk) (n int) {
	n = int(c.entries)
	for rest := c.saved; len(rest) > 0; n-- {
		_, _, rest = savedOne(rest)
	}
	for range t.latest(c) {
		n--
	}
	return n
}

// drop takes from a call what was saved of it.
func (t *Tape) drop(c *talk) {
	t.stats.Cut++
	t.release(c)
}

// release gives back what is saved of a call, and forgets it if that was all.
func (t *Tape) release(c *talk) {
	t.kept -= len(c.saved)
	if cap(c.saved) <= maxBuffer && len(t.buffers) < maxBuffers {
		t.buffers = append(t.buffers, c.saved[:0])
	}
	c.saved, c.queued = nil, false
	if !c.tracked && !c.passed {
		t.forget(c)
	}
}

// Buffers that calls were saved in are used again: when everything is kept, such
// as the calls of a test trunk, one is let go for each that comes.
const (
	maxBuffer  = 16 << 10
	maxBuffers = 256
)

func (t *Tape) buffer() []byte {
	if n := len(t.buffers); n > 0 {
		b := t.buffers[n-1]
		t.buffers = t.buffers[:n-1]
		return b
	}
	return make([]byte, 0, maxBuffer/2)
}

func (t *Tape) forget(c *talk) {
	if c == t.busy {
		return
	}
	if k := key(c.id); t.calls[k] == c {
		delete(t.calls, k)
	}
	*c = talk{}
	t.spare = append(t.spare, c)
	// What is gone must not fill the queues.
	if n := len(t.plain); n > 64 && n > 4*len(t.calls) {
		t.plain = slices.DeleteFunc(t.plain, ref.gone)
		t.special = slices.DeleteFunc(t.special, ref.gone)
	}
}
