package ratelimit

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"
	"unsafe"
)

// Hundreds of thousands of forged addresses leave the table as large as it was, and the few that
// knock without end in it.
func TestOffendersOutliveAFlood(t *testing.T) {
	o := NewOffenders(7)
	now := start
	chance := rand.New(rand.NewPCG(1, 1))
	worst := netip.MustParseAddr("198.51.100.7")
	six := netip.MustParseAddr("2001:db8:1:2::9")
	before := unsafe.Sizeof(o.sets[0]) * uintptr(len(o.sets))
	for i := range 300_000 {
		now = now.Add(10 * time.Microsecond)
		var a [4]byte
		for j := range a {
			a[j] = byte(chance.Uint32())
		}
		o.Note(netip.AddrFrom4(a), false, now)
		if i%100 == 0 {
			o.Note(worst, true, now)
		}
		if i%200 == 0 {
			o.Note(six.Next(), false, now) // another host of the same subscriber
			six = six.Next()
		}
	}
	top := o.Top(2)
	if len(top) != 2 || top[0].Source != worst || top[0].Count != 3_000 || top[0].Scans != 3_000 {
		t.Fatalf("the worst are %+v", top)
	}
	if top[1].Source != netip.MustParseAddr("2001:db8:1:2::") || top[1].Count != 1_500 {
		t.Errorf("second is %+v", top[1])
	}
	if n := len(o.Top(1 << 20)); n > OffenderSlots || unsafe.Sizeof(o.sets[0])*uintptr(len(o.sets)) != before {
		t.Errorf("%d remembered", n)
	}
}

// One that has stopped makes room.
func TestOldOffendersAreForgotten(t *testing.T) {
	o := &Offenders{sets: make([]offenderSet, 1)}
	for i := range ways {
		for range 100 {
			o.Note(netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}), false, start)
		}
	}
	later := start.Add(old + time.Minute)
	o.Note(netip.MustParseAddr("192.0.2.1"), false, later)
	o.Note(netip.MustParseAddr("192.0.2.2"), false, later)
	if n := len(o.Top(100)); n != ways {
		t.Errorf("%d remembered, want %d", n, ways)
	}
	for i, e := range o.Top(100) {
		if i < ways-2 && e.Count != 100 || i >= ways-2 && e.Last != later {
			t.Errorf("%d: %+v", i, e)
		}
	}
	if n := testing.AllocsPerRun(100, func() { o.Note(netip.MustParseAddr("192.0.2.1"), false, later) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
