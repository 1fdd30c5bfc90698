package ratelimit

import (
	"math"
	"sync"

	"github.com/speakops/sipedge/routing/e164"
)

// stripe is one lock's part of a Numbers: slots in one array, found through
// chains by hash, and the idle ones (no call up) linked in a ring from the most
// to the least recently used. Everything is an index into slots, so the
// collector has nothing to walk. The arrays double with the numbers that are
// dialled, up to the bound: an edge that serves a few pays for a few.
type stripe struct {
	mu    sync.Mutex
	heads []int32 // first slot of a chain, or none; a power of two of them
	slots []slot  // those that were ever claimed; evicted ones are claimed again at once
	bound int
	idle  ring
}

type slot struct {
	number e164.Number
	full   int64 // as Bucket.full
	up     int32
	chain  int32 // next slot of the same chain, or none
	newer  int32 // neighbours in the idle ring
	older  int32
}

// ring is a list of slots by index.
type ring struct{ newest, oldest int32 }

const none = int32(-1)

func (s *stripe) init(bound int) {
	s.bound = bound
	s.idle = ring{none, none}
	s.chainAnew(1)
}

// chainAnew lets every chain begin at one of so many heads.
func (s *stripe) chainAnew(heads int) {
	s.heads = make([]int32, heads)
	for i := range s.heads {
		s.heads[i] = none
	}
	for i := range s.slots {
		head := s.head(mix(uint64(s.slots[i].number)))
		s.slots[i].chain = *head
		*head = int32(i)
	}
}

// head skips the bits that chose the stripe.
func (s *stripe) head(hash uint64) *int32 {
	return &s.heads[(hash/stripes)&uint64(len(s.heads)-1)]
}

func (s *stripe) find(number e164.Number, hash uint64) int32 {
	for i := *s.head(hash); i != none; i = s.slots[i].chain {
		if s.slots[i].number == number {
			return i
		}
	}
	return none
}

// claim gives a number a slot: a fresh one, or that of the number idle for
// longest. What that number had spent of its bucket is forgotten, which matters
// only when more numbers than the table holds are dialled within one burst.
// A number with calls up is never evicted; none means that all have.
func (s *stripe) claim(number e164.Number, hash uint64) int32 {
	i := int32(len(s.slots))
	switch {
	case len(s.slots) < s.bound:
		s.grow()
	case s.idle.oldest == none:
		return none
	default:
		i = s.idle.oldest
		s.unlinkIdle(i)
		s.unchain(i)
	}
	head := s.head(hash)
	s.slots[i] = slot{number: number, full: math.MinInt64 / 2, chain: *head, newer: none, older: none}
	*head = i
	s.linkIdle(i)
	return i
}

// grow adds a slot at the end, which belongs to no chain yet.
func (s *stripe) grow() {
	if len(s.slots) == cap(s.slots) {
		bigger := make([]slot, len(s.slots), min(max(64, 2*len(s.slots)), s.bound))
		copy(bigger, s.slots)
		s.slots = bigger
	}
	if len(s.slots) == len(s.heads) {
		s.chainAnew(2 * len(s.heads))
	}
	s.slots = s.slots[:len(s.slots)+1]
}

func (s *stripe) unchain(i int32) {
	at := s.head(mix(uint64(s.slots[i].number)))
	for *at != i {
		at = &s.slots[*at].chain
	}
	*at = s.slots[i].chain
}

// admit decides for one call; at is nanoseconds after the start of the table.
func (s *stripe) admit(i int32, at int64, limits numberLimits) Verdict {
	n := &s.slots[i]
	if limits.concurrent > 0 && n.up >= limits.concurrent {
		return OverConcurrent
	}
	if limits.pace != nil {
		next, ok := limits.pace.take(n.full, at)
		if !ok {
			s.touch(i)
			return OverRate
		}
		n.full = next
	}
	if n.up == 0 {
		s.unlinkIdle(i)
	}
	n.up++
	return Admitted
}

// leave counts one call down; a number without calls becomes the newest idle one.
func (s *stripe) leave(i int32) {
	n := &s.slots[i]
	if n.up == 0 {
		return // a Leave too many, absorbed as in Gate
	}
	n.up--
	if n.up == 0 {
		s.linkIdle(i)
	}
}

// touch keeps a number that is being flooded from growing old: evicted, it
// would come back with a full bucket.
func (s *stripe) touch(i int32) {
	if s.slots[i].up == 0 && s.idle.newest != i {
		s.unlinkIdle(i)
		s.linkIdle(i)
	}
}

func (s *stripe) linkIdle(i int32) {
	n := &s.slots[i]
	n.newer, n.older = none, s.idle.newest
	if n.older != none {
		s.slots[n.older].newer = i
	} else {
		s.idle.oldest = i
	}
	s.idle.newest = i
}

func (s *stripe) unlinkIdle(i int32) {
	n := &s.slots[i]
	if n.newer != none {
		s.slots[n.newer].older = n.older
	} else {
		s.idle.newest = n.older
	}
	if n.older != none {
		s.slots[n.older].newer = n.newer
	} else {
		s.idle.oldest = n.newer
	}
	n.newer, n.older = none, none
}
