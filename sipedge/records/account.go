package records

import (
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/speakops/sipedge/routing"
)

// What a CDR says of a call's setup travels in the record of its dialog too, so
// that the CDR of a call that was answered, even before a restart, is complete.

// maxKept bounds the attempts a Dialog keeps: as many targets as a call may have.
const maxKept = 16

func (d *Dialog) account(dst []byte, bare bool) []byte {
	dst = field(dst, string(d.CurrentServingProvider))
	dst = field(dst, string(d.UnderlyingCarrier))
	dst = field(dst, string(d.CustomerAssignment))
	dst = binary.AppendVarint(dst, nanos(d.Interval.Earliest))
	dst = binary.AppendVarint(dst, nanos(d.Interval.Latest))
	if bare {
		return append(dst, 0)
	}
	n := min(len(d.Attempts), maxKept)
	dst = append(dst, byte(n))
	for i := range d.Attempts[:n] {
		a := &d.Attempts[i]
		dst = field(dst, string(a.Gateway))
		var room [64]byte // as in End.names
		at, _ := a.Address.AppendBinary(room[:0])
		dst = field(dst, at)
		dst = binary.AppendUvarint(dst, uint64(max(0, a.After.Microseconds())))
		dst = binary.AppendUvarint(dst, uint64(max(0, a.Took.Microseconds())))
		dst = binary.AppendUvarint(dst, uint64(max(0, a.Code)))
		dst = field(dst, a.Result)
	}
	return dst
}

func nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func (d *Dialog) readAccount(r *fields) {
	d.CurrentServingProvider = routing.ProviderID(r.next())
	d.UnderlyingCarrier = routing.CarrierID(r.next())
	d.CustomerAssignment = routing.CustomerID(r.next())
	for _, end := range [...]*time.Time{&d.Interval.Earliest, &d.Interval.Latest} {
		if ns := r.int(); ns != 0 {
			*end = time.Unix(0, ns).UTC()
		}
	}
	n := r.byte()
	if n > maxKept {
		r.bad = true
	}
	if r.bad || n == 0 {
		return
	}
	d.Attempts = make([]Attempt, n)
	for i := range d.Attempts {
		a := &d.Attempts[i]
		a.Gateway = routing.GatewayID(r.next())
		if at := r.next(); len(at) > 0 && a.Address.UnmarshalBinary(at) != nil {
			r.bad = true
		}
		if !a.Address.Addr().IsValid() {
			a.Address = netip.AddrPort{}
		}
		a.After, a.Took, a.Code = r.micros(), r.micros(), int(r.uint(700))
		a.Result = string(r.next())
	}
}

func (r *fields) int() int64 {
	v, width := binary.Varint(r.rest)
	if r.bad || width <= 0 {
		r.bad = true
		return 0
	}
	r.rest = r.rest[width:]
	return v
}

func (r *fields) uint(limit uint64) uint64 {
	v, width := binary.Uvarint(r.rest)
	if r.bad || width <= 0 || v > limit {
		r.bad = true
		return 0
	}
	r.rest = r.rest[width:]
	return v
}

// micros reads a duration of at most a year.
func (r *fields) micros() time.Duration {
	return time.Duration(r.uint(uint64((366 * 24 * time.Hour).Microseconds()))) * time.Microsecond
}

func (r *fields) byte() byte {
	if r.bad || len(r.rest) == 0 {
		r.bad = true
		return 0
	}
	b := r.rest[0]
	r.rest = r.rest[1:]
	return b
}
