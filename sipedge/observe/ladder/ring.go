package ladder

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
	"time"
)

// An entry of the ring is a head of fixed width and the bytes of one message or
// note. Heads lie apart, one behind the other. Texts do not wrap: what is left at the
// end of theirs is skipped.
const (
	atText     = 0  // position of its text
	atTime     = 8  // since the Store's epoch, in nanoseconds
	atCall     = 16 // 12 bytes
	atKind     = 28
	atProto    = 29
	atListener = 30
	atFlags    = 31
	atLen      = 32 // of the text
	atBack     = 36 // how many heads ago the call's entry before this one was; 0 for none
	atAddr     = 40 // 16 bytes
	atPort     = 56
	atActor    = 58
	headLen    = 64

	// maxText is how much of one message is kept; a longer one is cut and says so.
	// A datagram holds little more, and a HEP packet no more.
	maxText = 60000
	// smallest is a ring that is one: it takes some of the longest messages.
	smallest = 4 * maxText
)

// Kinds of entries.
const (
	kindIn = iota
	kindOut
	kindNote
)

// Flags of an entry.
const (
	flagCut   = 1 << iota
	flagPlain // Redact would change nothing in its text
)

var le = binary.LittleEndian

// ring is a circle of entries; positions only grow, and the place of one in memory
// is its remainder. Everything in it is plain bytes outside of the Go heap where
// the system allows that: it is no work for the collector.
type ring struct {
	heads, texts []byte
	places       uint64   // for heads, a power of two
	step         int      // so many entries leave together: two to the power of it
	marks        []uint64 // where the text of the first one of each step begins
	first, next  uint64   // positions of the heads that are in it
	written      uint64   // where the next text begins
	place        int      // of that in texts
}

// divide gives one part in eight or less of some memory to heads, the rest to texts.
func (r *ring) divide(mem []byte) {
	r.places = 1 << (bits.Len(uint(len(mem)/8/headLen)) - 1)
	r.heads, r.texts = mem[:r.places*headLen], mem[r.places*headLen:]
	r.marks = make([]uint64, min(r.places, 256))
	r.step = bits.Len64(r.places/uint64(len(r.marks))) - 1
}

// room makes place for an entry with a text of n bytes and says where; gone is told
// up to which position entries must go for it. Nobody need look at them: they were
// written long ago, and are far from the processor. Neither are heads read that were
// written just now, nor is anything divided.
func (r *ring) room(n int, gone func(to uint64)) (at uint64, text []byte) {
	if left := len(r.texts) - r.place; left < n {
		r.written += uint64(left)
		r.place = 0
	}
	up := r.written + uint64(n)
	if to := r.first; r.crowded(to, up) {
		for r.crowded(to, up) {
			to += 1 << r.step
		}
		gone(min(to, r.next))
		r.first, r.next = to, max(to, r.next)
	}
	at = r.next
	if at&(1<<r.step-1) == 0 {
		*r.mark(at) = r.written
	}
	h := r.head(at)
	le.PutUint64(h[atText:], r.written)
	le.PutUint32(h[atLen:], uint32(n))
	text = r.texts[r.place : r.place+n]
	r.next++
	r.written = up
	r.place += n
	return at, text
}

// crowded says whether there is no room for one entry more, whose text reaches up,
// while those from first on stay; that is the beginning of a step.
func (r *ring) crowded(first, up uint64) bool {
	return first < r.next && (r.next-first >= r.places || *r.mark(first)+uint64(len(r.texts)) < up)
}

func (r *ring) mark(at uint64) *uint64 { return &r.marks[at>>r.step&uint64(len(r.marks)-1)] }

// head and text are those of the entry at a position, which must be in the ring.
func (r *ring) head(at uint64) []byte {
	place := at & (r.places - 1) * headLen
	return r.heads[place : place+headLen : place+headLen]
}

func (r *ring) text(head []byte) []byte {
	at := le.Uint64(head[atText:]) % uint64(len(r.texts))
	return r.texts[at : at+uint64(le.Uint32(head[atLen:]))]
}

func putHead(e []byte, call id, kind uint8, at time.Duration, back uint32) {
	le.PutUint64(e[atTime:], uint64(at))
	copy(e[atCall:], call[:])
	e[atKind], e[atFlags] = kind, 0
	le.PutUint32(e[atBack:], back)
}

func putWay(e []byte, m *Message) {
	e[atProto], e[atListener] = m.Proto, m.Listener
	addr := m.Peer.Addr().As16()
	copy(e[atAddr:], addr[:])
	le.PutUint16(e[atPort:], m.Peer.Port())
	le.PutUint16(e[atActor:], uint16(m.Actor))
}

// noWay is putWay for a note.
func noWay(e []byte) { clear(e[atAddr : atActor+2]) }

func entryCall(e []byte) id { return id(e[atCall : atCall+12]) }

func entryPeer(e []byte) netip.AddrPort {
	addr := netip.AddrFrom16([16]byte(e[atAddr : atAddr+16]))
	return netip.AddrPortFrom(addr.Unmap(), le.Uint16(e[atPort:]))
}
