package ladder

import (
	"encoding/binary"
	"net/netip"
	"time"
)

// An entry of the ring is a head of fixed width and the bytes of one message or
// note. Entries do not wrap: what is left at the end of the ring is skipped.
const (
	atSize     = 0  // of the whole entry, a multiple of 8
	atLen      = 4  // of the text
	atTime     = 8  // since the Store's epoch, in nanoseconds
	atCall     = 16 // 12 bytes
	atKind     = 28
	atProto    = 29
	atListener = 30
	atFlags    = 31
	atPrev     = 32 // where the call's entry before this one begins, plus one; 0 for none
	atAddr     = 40 // 16 bytes
	atPort     = 56
	atActor    = 58
	atSlot     = 60 // of its call among the tape's, plus one; 0 for a call without a ladder
	headLen    = 64

	// maxText is how much of one message is kept; a longer one is cut and says so.
	// A datagram holds little more, and a HEP packet no more.
	maxText = 60000
)

// Kinds of entries.
const (
	kindPad = iota
	kindIn
	kindOut
	kindNote
)

const flagCut = 1

var le = binary.LittleEndian

// ring is a circle of bytes; positions only grow, and the place of one in memory
// is its remainder. Everything in it is plain bytes outside of the Go heap where
// the system allows that: it is no work for the collector.
type ring struct {
	mem        []byte
	head, tail uint64
}

func entryLen(text int) int { return (headLen + text + 7) &^ 7 }

// room makes place for an entry of n bytes at the head; gone is told of every
// entry that must go for it, oldest first.
func (r *ring) room(n int, gone func(entry []byte)) (entry []byte, at uint64) {
	size := uint64(len(r.mem))
	pos := r.head % size
	if left := size - pos; left < uint64(n) {
		r.sweep(r.head+left+uint64(n), gone)
		if left >= headLen {
			le.PutUint32(r.mem[pos+atSize:], uint32(left))
			r.mem[pos+atKind] = kindPad
		}
		r.head += left
		pos = 0
	} else {
		r.sweep(r.head+uint64(n), gone)
	}
	at = r.head
	r.head += uint64(n)
	return r.mem[pos : pos+uint64(n)], at
}

// sweep drops entries from the tail until head may reach up, and then some more:
// what they belong to is far from the processor, and is fetched side by side.
func (r *ring) sweep(up uint64, gone func(entry []byte)) {
	size := uint64(len(r.mem))
	if r.tail+size < up {
		up += size / 256
	}
	for r.tail+size < up {
		if r.tail >= r.head { // empty: nothing stands in the way
			r.tail = r.head
			return
		}
		pos := r.tail % size
		if size-pos < headLen {
			r.tail += size - pos
			continue
		}
		n := uint64(le.Uint32(r.mem[pos:]))
		if r.mem[pos+atKind] != kindPad {
			gone(r.mem[pos : pos+n])
		}
		r.tail += n
	}
}

// next is the first entry from a position on, which moves behind it. There must
// be one.
func (r *ring) next(position *uint64) []byte {
	for size := uint64(len(r.mem)); ; {
		pos := *position % size
		if left := size - pos; left < headLen {
			*position += left
			continue
		}
		n := uint64(le.Uint32(r.mem[pos:]))
		*position += n
		if r.mem[pos+atKind] != kindPad {
			return r.mem[pos : pos+n]
		}
	}
}

// at is the entry that begins at a position, nil when it is gone.
func (r *ring) at(position uint64) []byte {
	if position < r.tail || position >= r.head {
		return nil
	}
	pos := position % uint64(len(r.mem))
	return r.mem[pos : pos+uint64(le.Uint32(r.mem[pos:]))]
}

func putHead(e []byte, call id, slot uint32, kind uint8, at time.Duration, text int, prev uint64) {
	le.PutUint32(e[atSize:], uint32(len(e)))
	le.PutUint32(e[atLen:], uint32(text))
	le.PutUint64(e[atTime:], uint64(at))
	copy(e[atCall:], call[:])
	e[atKind], e[atFlags] = kind, 0
	le.PutUint64(e[atPrev:], prev)
	le.PutUint32(e[atSlot:], slot)
}

func putWay(e []byte, m *Message) {
	e[atProto], e[atListener] = m.Proto, m.Listener
	addr := m.Peer.Addr().As16()
	copy(e[atAddr:], addr[:])
	le.PutUint16(e[atPort:], m.Peer.Port())
	le.PutUint16(e[atActor:], uint16(m.Actor))
}

// noWay is putWay for a note.
func noWay(e []byte) { clear(e[atAddr:atSlot]) }

func entryCall(e []byte) id { return id(e[atCall : atCall+12]) }

func entryText(e []byte) []byte { return e[headLen : headLen+int(le.Uint32(e[atLen:]))] }

func entryPeer(e []byte) netip.AddrPort {
	addr := netip.AddrFrom16([16]byte(e[atAddr : atAddr+16]))
	return netip.AddrPortFrom(addr.Unmap(), le.Uint16(e[atPort:]))
}
