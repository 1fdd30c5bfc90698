package records

import (
	"encoding/binary"
	"math"
	"net/netip"
	"time"

	"github.com/speakops/sipedge/routing"
	"github.com/speakops/sipedge/routing/e164"
)

// The layout of an encoded Dialog: a head of fixed width, big endian, then texts
// with their lengths. What changes while a call is up (the CSeq numbers) lies in
// the head and is patched in place. Version 1 ended before the account (see
// account.go) and is still read; version 3 has the media behind it. A call without
// anchored media is written as version 2, for a program that knows no other.
const (
	dialogVersion = 2
	withMedia     = 3

	atVersion   = 0
	atFlags     = 1 // 1: cut
	atAuthority = 2
	atState     = 3
	atHeld      = 4
	atProtos    = 5 // caller's in the low half, callee's in the high half
	atCall      = 6
	atNumber    = 18
	atCaller    = 26
	atRevision  = 34
	atInvited   = 42 // microseconds since 1970, 0 for never
	atRinging   = 50
	atAnswered  = 58
	atExpires   = 66
	atCSeqs     = 74 // caller's, callee's
	headLen     = 82
)

// Append appends the encoded record, at most MaxDialog bytes. When it does not
// fit whole, the list of attempts is left out, then what only a BYE needs (see
// Cut), before ErrTooLarge.
func (d *Dialog) Append(dst []byte) ([]byte, error) {
	for _, less := range [...]struct{ cut, bare bool }{{d.Cut, false}, {d.Cut, true}, {true, true}} {
		if out := d.append(dst, less.cut, less.bare); len(out)-len(dst) <= MaxDialog {
			return out, nil
		}
	}
	return dst, ErrTooLarge
}

func (d *Dialog) append(dst []byte, cut, bare bool) []byte {
	var head [headLen]byte
	head[atVersion] = dialogVersion
	if len(d.Media) > 0 {
		head[atVersion] = withMedia
	}
	if cut {
		head[atFlags] = 1
	}
	head[atAuthority] = byte(d.Authority)
	head[atState] = byte(d.PortingState)
	head[atHeld] = byte(d.Held)
	head[atProtos] = d.Caller.Flow.Proto&15 | d.Callee.Flow.Proto<<4
	copy(head[atCall:], d.Call[:])
	be := binary.BigEndian
	be.PutUint64(head[atNumber:], uint64(d.PublicNumber))
	be.PutUint64(head[atCaller:], uint64(d.CallerNumber))
	be.PutUint64(head[atRevision:], d.Revision)
	be.PutUint64(head[atInvited:], micros(d.Invited))
	be.PutUint64(head[atRinging:], micros(d.Ringing))
	be.PutUint64(head[atAnswered:], micros(d.Answered))
	be.PutUint64(head[atExpires:], micros(d.Expires))
	be.PutUint32(head[atCSeqs:], d.Caller.CSeq)
	be.PutUint32(head[atCSeqs+4:], d.Callee.CSeq)
	dst = append(dst, head[:]...)

	dst = field(dst, string(d.Trunk))
	dst = field(dst, string(d.Route))
	dst = field(dst, string(d.Gateway))
	dst = field(dst, string(d.Because))
	dst = field(dst, d.SIPCallID)
	dst = d.Caller.names(dst)
	dst = d.Callee.names(dst)
	if !cut {
		for _, text := range [...][]byte{d.From, d.To, d.Caller.Contact, d.Caller.Routes, d.Callee.Contact, d.Callee.Routes} {
			dst = field(dst, text)
		}
	}
	dst = d.account(dst, bare)
	if len(d.Media) > 0 {
		dst = field(dst, d.Media)
	}
	return dst
}

func (e *End) names(dst []byte) []byte {
	dst = field(dst, e.Tag)
	dst = field(dst, e.Flow.Listener)
	var room [64]byte // an IPv6 address, its zone (an interface name) and a port
	peer, _ := e.Flow.Peer.AppendBinary(room[:0])
	return field(dst, peer)
}

func field[T ~string | ~[]byte](dst []byte, s T) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

func micros(t time.Time) uint64 {
	if t.IsZero() {
		return 0
	}
	return uint64(t.UnixMicro())
}

func instant(b []byte) time.Time {
	us := binary.BigEndian.Uint64(b)
	if us == 0 || us > math.MaxInt64 {
		return time.Time{}
	}
	return time.UnixMicro(int64(us)).UTC()
}

// Decode reads an encoded record. Byte slices of d point into b; unknown
// versions and bytes left over are ErrBadDialog.
func (d *Dialog) Decode(b []byte) error {
	if len(b) < headLen || len(b) > MaxDialog || b[atVersion] == 0 || b[atVersion] > withMedia || b[atFlags] > 1 {
		return ErrBadDialog
	}
	be := binary.BigEndian
	*d = Dialog{
		Call:         CallID(b[atCall:]),
		Authority:    routing.RoutingAuthority(b[atAuthority]),
		PortingState: routing.PortingState(b[atState]),
		Held:         Held(b[atHeld]),
		Cut:          b[atFlags] == 1,
		PublicNumber: e164.Number(be.Uint64(b[atNumber:])),
		CallerNumber: e164.Number(be.Uint64(b[atCaller:])),
		Revision:     be.Uint64(b[atRevision:]),
		Invited:      instant(b[atInvited:]),
		Ringing:      instant(b[atRinging:]),
		Answered:     instant(b[atAnswered:]),
		Expires:      instant(b[atExpires:]),
	}
	d.Caller.CSeq, d.Callee.CSeq = be.Uint32(b[atCSeqs:]), be.Uint32(b[atCSeqs+4:])
	d.Caller.Flow.Proto, d.Callee.Flow.Proto = b[atProtos]&15, b[atProtos]>>4

	r := fields{rest: b[headLen:]}
	d.Trunk = routing.TrunkID(r.next())
	d.Route = routing.RouteID(r.next())
	d.Gateway = routing.GatewayID(r.next())
	d.Because = routing.Because(r.next())
	d.SIPCallID = r.next()
	d.Caller.readNames(&r)
	d.Callee.readNames(&r)
	if !d.Cut {
		for _, text := range [...]*[]byte{&d.From, &d.To, &d.Caller.Contact, &d.Caller.Routes, &d.Callee.Contact, &d.Callee.Routes} {
			*text = r.next()
		}
	}
	if b[atVersion] > 1 {
		d.readAccount(&r)
	}
	if b[atVersion] == withMedia {
		d.Media = r.next()
		r.bad = r.bad || d.Media == nil
	}
	if r.bad || len(r.rest) > 0 {
		*d = Dialog{}
		return ErrBadDialog
	}
	return nil
}

func (e *End) readNames(r *fields) {
	e.Tag = r.next()
	e.Flow.Listener = string(r.next())
	if peer := r.next(); len(peer) > 0 && e.Flow.Peer.UnmarshalBinary(peer) != nil {
		r.bad = true
	}
	if !e.Flow.Peer.Addr().IsValid() {
		e.Flow.Peer = netip.AddrPort{} // a port alone is no peer
	}
}

// fields reads what field wrote; after the first mistake it yields nothing more.
type fields struct {
	rest []byte
	bad  bool
}

func (r *fields) next() []byte {
	n, width := binary.Uvarint(r.rest)
	if r.bad || width <= 0 || n > uint64(len(r.rest)-width) {
		r.bad = true
		return nil
	}
	text := r.rest[width : width+int(n) : width+int(n)]
	r.rest = r.rest[width+int(n):]
	if len(text) == 0 {
		return nil
	}
	return text
}

// PatchCSeqs writes the CSeq numbers of both sides into an encoded record, as
// they change with every request inside the dialog.
func PatchCSeqs(encoded []byte, caller, callee uint32) {
	binary.BigEndian.PutUint32(encoded[atCSeqs:], caller)
	binary.BigEndian.PutUint32(encoded[atCSeqs+4:], callee)
}
