package sipedge

import (
	"encoding/binary"
	"net/netip"

	"github.com/speakops/sipedge/sipedge/message"
	"github.com/speakops/sipedge/sipedge/message/token"
	"github.com/speakops/sipedge/sipedge/transport"
)

// A branch of ours is the cookie and 24 bytes in base64url:
//
//	attempt 1 | listener 1 | connection 4 | loop 6 | mac 12
//
// listener and connection say where the response goes upstream; loop is what
// RFC 5393 section 4.2 wants compared; mac is a keyed hash of all of these and
// of the received branch, sent-by, source address, Call-ID and method class. A restarted edge
// makes the same branch of a retransmitted request, so a gateway sees a
// retransmission; and a response that finds no transaction is sent on only if
// the next Via proves that this edge has sent the request (section 16.11).
const (
	branchRaw  = 24
	branchLen  = len("z9hG4bK") + branchRaw*8/6
	branchMAC  = 12
	loopLen    = 6
	branchHead = branchRaw - branchMAC
)

type branch [branchLen]byte

// origin is what a branch is made of: the request as it was received.
type origin struct {
	via    *message.Via
	source netip.AddrPort
	flow   transport.Flow
	callID []byte
	class  byte
	loop   [loopLen]byte
}

// branchFor makes the branch of the given attempt.
func (s *shard) branchFor(o *origin, attempt int) (b branch, key uint64) {
	var raw [branchRaw]byte
	raw[0] = byte(attempt)
	raw[1] = o.flow.Listener
	binary.BigEndian.PutUint32(raw[2:], o.flow.Conn)
	copy(raw[6:], o.loop[:])
	mac := s.edge.world.Load().ring.Sum(s.branchText(raw[:branchHead], o.via, o.callID, o.source, o.class))
	copy(raw[branchHead:], mac[:branchMAC])
	copy(b[:], cookie)
	token.Text.Encode(b[len(cookie):], raw[:])
	return b, binary.LittleEndian.Uint64(raw[branchHead:])
}

// madeBranch says whether a branch was made, under any key we still hold, of
// the request of that Call-ID that was received with the Via below.
func (s *shard) madeBranch(raw *[branchRaw]byte, below *message.Via, callID []byte, source netip.AddrPort, class byte) bool {
	text := s.branchText(raw[:branchHead], below, callID, source, class)
	return s.edge.world.Load().ring.Made(raw[branchHead:], text)
}

func (s *shard) branchText(head []byte, received *message.Via, callID []byte, source netip.AddrPort, class byte) []byte {
	b := append(s.scratch[:0], head...)
	b = append(b, class)
	ip := source.Addr().As16()
	b = append(b, ip[:]...)
	b = append(append(b, received.Branch...), 0)
	b = append(append(b, received.SentBy...), 0)
	b = append(b, callID...)
	s.scratch = b[:0]
	return b
}

// parseBranch reads a branch of ours; ok says only that it has the form.
func parseBranch(text []byte) (raw [branchRaw]byte, key uint64, ok bool) {
	if len(text) != branchLen || string(text[:len(cookie)]) != string(cookie) {
		return raw, 0, false
	}
	if _, err := token.Text.Decode(raw[:], text[len(cookie):]); err != nil {
		return raw, 0, false
	}
	return raw, binary.LittleEndian.Uint64(raw[branchHead:]), true
}

// appendVia appends our Via value for a request that leaves by a listener.
func appendVia(dst []byte, l *listener, b *branch) []byte {
	dst = append(dst, l.viaPrefix...)
	return append(dst, b[:]...)
}

const tagLen = 12

// tagFor makes the To tag of a response of our own: a keyed hash of branch and
// Call-ID, by which the ACK of a stateless refusal is recognised and absorbed.
func (s *shard) tagFor(m *message.Message) (tag [tagLen]byte) {
	b := append(s.scratch[:0], "to-tag\x00"...)
	b = append(append(b, m.Via.Branch...), 0)
	b = append(b, m.CallID...)
	s.scratch = b[:0]
	sum := s.edge.world.Load().ring.Sum(b)
	token.Text.Encode(tag[:], sum[:tagLen*6/8])
	return tag
}

// loopOf hashes what decides where a request goes (section 16.6 step 8,
// RFC 5393): a request that comes back with the same hash is a loop, with
// another one a spiral.
func (s *shard) loopOf(m *message.Message) (l [loopLen]byte) {
	b := append(s.scratch[:0], "loop\x00"...)
	b = m.AppendLoopKey(b)
	s.scratch = b[:0]
	sum := s.edge.world.Load().ring.Sum(b)
	copy(l[:], sum[:])
	return l
}

// looped says whether a Via of ours in the request carries the same loop hash.
func (s *shard) looped(m *message.Message, l [loopLen]byte, w *world) bool {
	for value := range m.Values(message.KVia) {
		v, err := message.ParseVia(value)
		if err == nil && w.ownVia(&v) && sameLoop(v.Branch, l) {
			return true
		}
	}
	return false
}

// spiral says whether a request that is no loop has been here before: it has
// gone round on purpose and is nobody's second copy (section 16.3 step 4).
func (s *shard) spiral(m *message.Message, w *world) bool {
	for value := range m.Values(message.KVia) {
		if v, err := message.ParseVia(value); err == nil && w.ownVia(&v) {
			if _, _, ok := parseBranch(v.Branch); ok {
				return true
			}
		}
	}
	return false
}

func sameLoop(text []byte, l [loopLen]byte) bool {
	raw, _, ok := parseBranch(text)
	return ok && string(raw[6:6+loopLen]) == string(l[:])
}
