package ratelimit

import (
	"cmp"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Offenders remembers which unknown sources knock most, in a table of fixed size:
// a million forged addresses push each other out, not the one that never stops.
// It counts and forbids nothing; a configured source is not among them. It is safe
// for concurrent use, and allocates nothing after construction.
type Offenders struct {
	seed uint64
	sets []offenderSet
}

// ways is how many sources share a set; OffenderSlots is how many are known at all.
const (
	ways          = 8
	OffenderSlots = 4096
)

// old is after how long without a word a source is the first to be forgotten.
const old = 10 * time.Minute

type offenderSet struct {
	mu sync.Mutex
	at [ways]Offender
}

// Offender is one source; IPv6 ones are counted by their /64.
type Offender struct {
	Source netip.Addr
	Count  uint64 // messages and connections
	Scans  uint64 // of these, of programs known to scan
	First  time.Time
	Last   time.Time
}

// NewOffenders makes an empty table; seed is chance, so that nobody outside knows
// which sources share a set.
func NewOffenders(seed uint64) *Offenders {
	return &Offenders{seed: seed, sets: make([]offenderSet, OffenderSlots/ways)}
}

// Note counts one message or connection of a source.
func (o *Offenders) Note(source netip.Addr, scan bool, now time.Time) {
	source = Home(source)
	s := &o.sets[hashSource(source, o.seed)%uint64(len(o.sets))]
	s.mu.Lock()
	defer s.mu.Unlock()
	least := 0
	for i := range s.at {
		e := &s.at[i]
		if e.Source == source {
			e.note(scan, now)
			return
		}
		if s.at[i].weight(now) < s.at[least].weight(now) {
			least = i
		}
	}
	s.at[least] = Offender{Source: source, First: now}
	s.at[least].note(scan, now)
}

func (e *Offender) note(scan bool, now time.Time) {
	e.Count++
	e.Last = now
	if scan {
		e.Scans++
	}
}

// weight is what keeps a source in its place.
func (e *Offender) weight(now time.Time) uint64 {
	if e.Count == 0 || now.Sub(e.Last) > old {
		return 0
	}
	return e.Count
}

// Home is the network that one subscriber usually has: an IPv4 address, or the /64
// of an IPv6 one.
func Home(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return a
}

// Top lists the sources that were counted most, at most n, the worst first.
func (o *Offenders) Top(n int) []Offender {
	var all []Offender
	for i := range o.sets {
		s := &o.sets[i]
		s.mu.Lock()
		for _, e := range s.at {
			if e.Count > 0 {
				all = append(all, e)
			}
		}
		s.mu.Unlock()
	}
	slices.SortFunc(all, func(a, b Offender) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), a.Source.Compare(b.Source))
	})
	return all[:min(max(n, 0), len(all))]
}
