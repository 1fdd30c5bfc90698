// Package token answers: was this route given out by us, for which dialog, and
// where may it lead?
//
// A token is all an edge needs to route an in-dialog request: it is encrypted
// and authenticated (SIV construction: AES-CMAC over associated data and
// plaintext gives the 12-byte tag, which is also the nonce of AES-CTR), so any
// edge holding the key continues the dialog, and nobody else can make or read one.
package token

import (
	"encoding/binary"
	"net/netip"
)

// Direction says which way a request that carries the token travels.
type Direction uint8

const (
	ToCallee Direction = iota // put into responses: the caller's requests carry it
	ToCaller                  // put into the forwarded INVITE: the callee's requests carry it
)

// Token is what is sealed. Names of trunks, routes, edges and listeners are
// 32-bit hashes of their configured ids (see ID), so that they mean the same
// after a restart and on another edge. Every Token seals to the same length.
type Token struct {
	Direction Direction
	Call      [12]byte // call id, the key of the CDR
	Edge      uint32
	Trunk     uint32
	Route     uint32
	Authority uint8
	Flags     uint8
	Revision  uint64
	In        uint32         // listener towards the caller
	Out       uint32         // listener towards the callee
	Hop       netip.AddrPort // permitted next hop; a zone is not kept, IPv4 in IPv6 comes back as IPv4
	HopProto  uint8          // below 32
	Expires   uint32         // Unix seconds
	Answered  uint32         // Unix seconds, 0 before the answer
	Number    uint64         // called number, its digits as one integer; 0 for none, and beside a hop of IPv6, which leaves no room
}

// packedSize is the length of a Token before sealing, in bytes.
const packedSize = 69

// MaxLen is the length of the text of every sealed Token, in characters.
const MaxLen = 110

// ID is the 32-bit name of a configured id (FNV-1a); never 0, which says "none".
// Configuration checks that no two ids of a kind share one.
func ID(name string) uint32 {
	h := uint32(2166136261)
	for i := range len(name) {
		h = (h ^ uint32(name[i])) * 16777619
	}
	return max(h, 1)
}

// Families of Hop in a packed token.
const (
	noHop = iota
	hop4
	hop6
)

// pack lays a Token out: one byte of direction, address family and protocol, so
// that an IPv6 hop still fits into MaxLen characters, then the rest big-endian.
// The number lies where only an IPv6 hop reaches: tokens of an edge that does not
// know of it have zeros there.
func (t *Token) pack(b *[packedSize]byte) {
	addr := t.Hop.Addr().Unmap()
	family := noHop
	switch {
	case addr.Is4():
		family = hop4
		a := addr.As4()
		copy(b[49:], a[:])
		binary.BigEndian.PutUint64(b[53:], t.Number)
	case addr.Is6():
		family = hop6
		a := addr.As16()
		copy(b[49:], a[:])
	}
	b[0] = byte(t.Direction&1) | byte(family)<<1 | t.HopProto<<3
	copy(b[1:13], t.Call[:])
	put := binary.BigEndian
	put.PutUint32(b[13:], t.Edge)
	put.PutUint32(b[17:], t.Trunk)
	put.PutUint32(b[21:], t.Route)
	b[25], b[26] = t.Authority, t.Flags
	put.PutUint64(b[27:], t.Revision)
	put.PutUint32(b[35:], t.In)
	put.PutUint32(b[39:], t.Out)
	put.PutUint32(b[43:], t.Expires)
	put.PutUint16(b[47:], t.Hop.Port())
	put.PutUint32(b[65:], t.Answered)
}

func (t *Token) unpack(b []byte) bool {
	get := binary.BigEndian
	*t = Token{
		Direction: Direction(b[0] & 1), HopProto: b[0] >> 3, Call: [12]byte(b[1:13]),
		Edge: get.Uint32(b[13:]), Trunk: get.Uint32(b[17:]), Route: get.Uint32(b[21:]),
		Authority: b[25], Flags: b[26], Revision: get.Uint64(b[27:]),
		In: get.Uint32(b[35:]), Out: get.Uint32(b[39:]),
		Expires: get.Uint32(b[43:]), Answered: get.Uint32(b[65:]),
	}
	port := get.Uint16(b[47:])
	switch b[0] >> 1 & 3 {
	case noHop:
		t.Hop = netip.AddrPortFrom(netip.Addr{}, port)
	case hop4:
		t.Hop = netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[49:53])), port)
		t.Number = get.Uint64(b[53:])
	case hop6:
		t.Hop = netip.AddrPortFrom(netip.AddrFrom16([16]byte(b[49:65])), port)
	default:
		return false
	}
	return true
}
