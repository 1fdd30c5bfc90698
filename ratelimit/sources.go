package ratelimit

import (
	"encoding/binary"
	"net/netip"
	"sync/atomic"
	"time"
)

// SourceSlots is how many buckets a Sources has.
const SourceSlots = 1 << 16

// Sources bounds what is done per second for each source address, in a table of
// fixed size without locks. It is for answers that nobody misses, such as those to
// broken messages: addresses whose hashes meet share a bucket, so it must never
// decide about good calls. It is safe for concurrent use.
type Sources struct {
	seed  uint64
	start time.Time
	pace  atomic.Pointer[pace]
	full  []atomic.Int64 // as Bucket.full
}

// NewSources makes full buckets of cps per second; cps of 0 is no limit. seed is
// chance, so that nobody outside knows who shares a bucket with whom.
func NewSources(cps float64, seed uint64, start time.Time) *Sources {
	s := &Sources{seed: seed, start: start, full: make([]atomic.Int64, SourceSlots)}
	s.Set(cps)
	return s
}

// Set changes the rate. The burst is what two seconds of it bring.
func (s *Sources) Set(cps float64) { s.pace.Store(newPace(cps, int(min(2*cps, 1e6)))) }

// Take takes one token of a source; IPv6 ones are counted by their /64.
func (s *Sources) Take(source netip.Addr, now time.Time) bool {
	p := s.pace.Load()
	if p == nil {
		return true
	}
	// A bucket nobody has touched holds zero: it was full at the start.
	at, slot := int64(now.Sub(s.start)), s.slot(source)
	for {
		full := slot.Load()
		next, ok := p.take(full, at)
		if !ok {
			return false
		}
		if slot.CompareAndSwap(full, next) {
			return true
		}
	}
}

// Forgive fills the bucket of a source that has proven who it is.
func (s *Sources) Forgive(source netip.Addr) { s.slot(source).Store(0) }

func (s *Sources) slot(source netip.Addr) *atomic.Int64 {
	return &s.full[hashSource(source, s.seed)%SourceSlots]
}

// hashSource is a keyed hash of the network that source is at home in.
func hashSource(source netip.Addr, seed uint64) uint64 {
	ip := Home(source).As16()
	return mix(mix(binary.LittleEndian.Uint64(ip[:])^seed) ^ binary.LittleEndian.Uint64(ip[8:]))
}
