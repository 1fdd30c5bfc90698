// Package hep answers: how does a message of a call look to a Homer?
//
// It writes HEP version 3 (HOMER Encapsulation Protocol, the chunks of vendor 0)
// and sends it over UDP or a stream. Messages are read from the ring that ladders
// keep them in, so that a slow network, a name that does not resolve or a Homer that
// is down costs calls nothing: what the ring takes back unsent is counted.
package hep

import (
	"encoding/binary"
	"net/netip"
	"time"
)

// Packet is one message as Homer gets it.
type Packet struct {
	At       time.Time
	From, To netip.AddrPort
	TCP      bool   // else UDP
	Agent    uint32 // capture agent id
	Node     string // name of this edge
	Password string // "": none is asked for
	Call     []byte // correlation id: the same for both sides of a call
	Payload  []byte // SIP
}

// Chunk types of vendor 0.
const (
	chunkFamily      = 1
	chunkProto       = 2
	chunkSource4     = 3
	chunkTarget4     = 4
	chunkSource6     = 5
	chunkTarget6     = 6
	chunkSourcePort  = 7
	chunkTargetPort  = 8
	chunkSeconds     = 9
	chunkMicros      = 10
	chunkKind        = 11
	chunkAgent       = 12
	chunkPassword    = 14
	chunkPayload     = 15
	chunkCorrelation = 17
	chunkNode        = 19

	kindSIP   = 1
	atLength  = 4 // of the packet, in its head
	chunkHead = 6

	maxText = 255 // of a name

	// MaxPayload keeps a packet within one datagram.
	MaxPayload = 60000
)

var be = binary.BigEndian

// Append appends one packet. The payload is its last chunk; one longer than
// MaxPayload is cut.
func Append(dst []byte, p *Packet) []byte {
	from := len(dst)
	dst = append(dst, "HEP3\x00\x00"...)
	source, target := p.From.Addr().Unmap(), p.To.Addr().Unmap()
	if source.Is4() && target.Is4() {
		dst = append(chunk(dst, chunkFamily, 1), 2)
		a, b := source.As4(), target.As4()
		dst = append(chunk(dst, chunkSource4, 4), a[:]...)
		dst = append(chunk(dst, chunkTarget4, 4), b[:]...)
	} else {
		dst = append(chunk(dst, chunkFamily, 1), 10)
		a, b := source.As16(), target.As16()
		dst = append(chunk(dst, chunkSource6, 16), a[:]...)
		dst = append(chunk(dst, chunkTarget6, 16), b[:]...)
	}
	proto := byte(17)
	if p.TCP {
		proto = 6
	}
	dst = append(chunk(dst, chunkProto, 1), proto)
	dst = be.AppendUint16(chunk(dst, chunkSourcePort, 2), p.From.Port())
	dst = be.AppendUint16(chunk(dst, chunkTargetPort, 2), p.To.Port())
	dst = be.AppendUint32(chunk(dst, chunkSeconds, 4), uint32(p.At.Unix()))
	dst = be.AppendUint32(chunk(dst, chunkMicros, 4), uint32(p.At.Nanosecond()/1000))
	dst = append(chunk(dst, chunkKind, 1), kindSIP)
	dst = be.AppendUint32(chunk(dst, chunkAgent, 4), p.Agent)
	dst = text(dst, chunkNode, p.Node)
	dst = text(dst, chunkPassword, p.Password)
	dst = text(dst, chunkCorrelation, p.Call)
	payload := p.Payload[:min(len(p.Payload), MaxPayload)]
	dst = append(chunk(dst, chunkPayload, len(payload)), payload...)
	be.PutUint16(dst[from+atLength:], uint16(len(dst)-from))
	return dst
}

// chunk opens a chunk of n bytes.
func chunk(dst []byte, kind uint16, n int) []byte {
	dst = append(dst, 0, 0)
	dst = be.AppendUint16(dst, kind)
	return be.AppendUint16(dst, uint16(chunkHead+n))
}

func text[T string | []byte](dst []byte, kind uint16, s T) []byte {
	if len(s) == 0 {
		return dst
	}
	s = s[:min(len(s), maxText)]
	return append(chunk(dst, kind, len(s)), s...)
}
