package ratelimit

import (
	"net/netip"
	"testing"
	"time"
)

// A source has its burst and then its rate, whatever others do; the hosts of one
// IPv6 subscriber are one source, and who is forgiven begins anew.
func TestSourcesHaveTheirOwnRate(t *testing.T) {
	s := NewSources(10, 7, start)
	at := func(text string) netip.Addr { return netip.MustParseAddr(text) }
	take := func(source netip.Addr, n int, now time.Time) (got int) {
		for range n {
			if s.Take(source, now) {
				got++
			}
		}
		return got
	}
	now := start.Add(time.Minute)
	loud, quiet := at("198.51.100.7"), at("198.51.100.8")
	if n := take(loud, 1000, now); n != 20 {
		t.Errorf("a burst of %d, want 20", n)
	}
	if n := take(at("::ffff:198.51.100.7"), 10, now); n != 0 {
		t.Errorf("mapped into IPv6 the same address got %d more", n)
	}
	if n := take(quiet, 5, now); n != 5 {
		t.Errorf("its neighbour got %d of 5", n)
	}
	if n := take(loud, 1000, now.Add(time.Second)); n != 10 {
		t.Errorf("%d in the second after, want 10", n)
	}
	if n := take(at("2001:db8:1:2::1"), 20, now) + take(at("2001:db8:1:2::2"), 20, now); n != 20 {
		t.Errorf("two hosts of a /64 got %d, want 20", n)
	}
	s.Forgive(loud)
	if n := take(loud, 1000, now.Add(time.Second)); n != 20 {
		t.Errorf("%d after it was forgiven, want 20", n)
	}
	s.Set(0)
	if n := take(loud, 1000, now.Add(time.Second)); n != 1000 {
		t.Errorf("%d of 1000 without a limit", n)
	}
}

// A million sources cost no memory, and leave most others their tokens when the
// second is over.
func TestSourcesAreBounded(t *testing.T) {
	s := NewSources(10, 7, start)
	now := start.Add(time.Minute)
	a := netip.MustParseAddr("2001:db8::")
	if n := testing.AllocsPerRun(1000, func() { s.Take(a, now) }); n != 0 {
		t.Errorf("%v allocations for one question", n)
	}
	from := [4]byte{10}
	for i := range 1_000_000 {
		from[1], from[2], from[3] = byte(i>>16), byte(i>>8), byte(i)
		s.Take(netip.AddrFrom4(from), now)
	}
	if len(s.full) != SourceSlots {
		t.Errorf("%d buckets", len(s.full))
	}
	if !s.Take(netip.MustParseAddr("203.0.113.9"), now.Add(2*time.Second)) {
		t.Error("two seconds after the flood a bucket is empty still")
	}
}
