package sipedge

import (
	"encoding/binary"
	"hash/maphash"

	"github.com/speakops/sipedge/sipedge/call"
	"github.com/speakops/sipedge/sipedge/message"
	"github.com/speakops/sipedge/sipedge/transport"
)

// transaction is what a shard owns: an invite or an exchange.
type transaction interface {
	head() *txHead
	// expire lets the transaction's timers run.
	expire(s *shard, now call.Instant)
	// broken tells that a flow its requests left by is gone.
	broken(s *shard, f transport.Flow, now call.Instant)
	// gone gives its places and buffers back.
	gone(s *shard)
}

// txHead is what every transaction has: how it is found, when it is due, and
// where its responses go.
type txHead struct {
	key  uint64 // what its request, ACK and CANCEL have in common
	id   uint64 // branch and sent-by, which tell it from its neighbours under the key
	next transaction
	due  call.Instant
	pos  int32 // in the heap, -1 when not
	dead bool

	flow transport.Flow
	via  uint16 // port of the caller's Via, for a connection that must be made anew
	last []byte // the last response sent, to be sent again
}

func (h *txHead) head() *txHead { return h }

// tag classes for the two hashes below.
const (
	classInvite = 1 // INVITE, its ACK and its CANCEL
	classOther  = 2
)

// txKey hashes what a request has in common with the ACK and the CANCEL that
// belong to it and with its merged copies (RFC 3261 8.2.2.2): Call-ID, From tag
// and CSeq. Seeds are drawn at start, so nobody can choose colliding calls.
func (s *shard) txKey(m *message.Message) uint64 {
	b := append(s.scratch[:0], m.CallID...)
	b = append(append(b, 0), m.FromTag...)
	b = binary.LittleEndian.AppendUint32(append(b, 0), m.CSeq)
	switch m.Method {
	case message.INVITE, message.ACK, message.CANCEL:
		b = append(b, classInvite)
	default:
		b = append(append(b, classOther), m.MethodName...)
	}
	s.scratch = b[:0]
	return maphash.Bytes(s.seed, b)
}

var cookie = []byte("z9hG4bK")

// txID hashes what tells one transaction from another under the same key:
// branch and sent-by (section 17.2.3), or for a peer of RFC 2543 the whole Via.
func (s *shard) txID(v *message.Via) uint64 {
	if len(v.Branch) <= len(cookie) || string(v.Branch[:len(cookie)]) != string(cookie) {
		return maphash.Bytes(s.seed, v.Value)
	}
	b := append(s.scratch[:0], v.Branch...)
	b = append(append(b, 0), v.SentBy...)
	s.scratch = b[:0]
	return maphash.Bytes(s.seed, b)
}

// find is the transaction with this key and id, nil for none.
func (s *shard) find(key, id uint64) transaction {
	for tx := s.servers[key]; tx != nil; tx = tx.head().next {
		if tx.head().id == id {
			return tx
		}
	}
	return nil
}

// adopt makes tx findable.
func (s *shard) adopt(tx transaction, key, id uint64, f transport.Flow) {
	h := tx.head()
	h.key, h.id, h.flow, h.pos, h.due = key, id, f, -1, call.Never
	h.next = s.servers[key]
	s.servers[key] = tx
}

// drop forgets tx: its key, its timers, its branches and buffers.
func (s *shard) drop(tx transaction) {
	h := tx.head()
	if h.dead {
		return
	}
	h.dead = true
	s.timers.remove(tx)
	if first := s.servers[h.key]; first == tx {
		if h.next == nil {
			delete(s.servers, h.key)
		} else {
			s.servers[h.key] = h.next
		}
	} else {
		for t := first; t != nil; t = t.head().next {
			if t.head().next == tx {
				t.head().next = h.next
				break
			}
		}
	}
	h.next = nil
	s.free(h.last)
	h.last = nil
	tx.gone(s)
}

// client is one of our client transactions: where its responses belong.
type client struct {
	tx  transaction
	leg int
}
