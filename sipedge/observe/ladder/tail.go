package ladder

import (
	"net/netip"
	"sync"
	"time"

	"github.com/speakops/sipedge/sipedge/records"
)

// Tail takes every message along that is written to the ladders of a Store, for
// somebody who shows them elsewhere. It reads what lies in the rings anyway: a
// call pays nothing more for it, and one who does not keep up loses messages,
// which are counted, when the rings come round.
type Tail struct {
	// Wake has something in it when a message was written after all were taken.
	Wake <-chan struct{}
	// Hurry has something in it when half of a ring waits to be taken.
	Hurry <-chan struct{}

	store *Store
	epoch int64 // of the store, as Taken.Nanos
	tapes []cursor
	one   Taken
}

// cursor is how far a Tail has come on one tape, whose lock it is under.
type cursor struct {
	at          uint64 // position of what comes next
	from        uint64 // of what is being given out now, until at
	waiting     int    // messages from there on
	lost        int    // that the ring took back untaken
	wake, hurry chan<- struct{}

	// giving is held while entries are given out, which is done outside of the tape's
	// lock: calls need not wait for it, unless the ring comes round to these very entries.
	giving sync.Mutex
}

// Tail is the one Tail of a Store. It is asked for before anything is written.
func (s *Store) Tail() *Tail {
	wake, hurry := make(chan struct{}, 1), make(chan struct{}, 1)
	l := &Tail{Wake: wake, Hurry: hurry, store: s, epoch: s.o.Epoch.UnixNano(), tapes: make([]cursor, len(s.tapes))}
	for i, t := range s.tapes {
		l.tapes[i].wake, l.tapes[i].hurry = wake, hurry
		t.tail = &l.tapes[i]
	}
	return l
}

// wrote is told of every message.
func (c *cursor) wrote(r *ring) {
	c.waiting++
	if c.waiting == 1 {
		signal(c.wake)
	}
	if r.next-c.at > r.places/2 || r.written-le.Uint64(r.head(max(c.at, r.first))[atText:]) > uint64(len(r.texts)/2) {
		signal(c.hurry)
	}
}

func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// leaving is told up to which position entries leave the ring.
func (c *cursor) leaving(r *ring, to uint64) {
	if c.from < c.at && c.from < to { // that may be read just now
		c.giving.Lock()
		c.giving.Unlock()
	}
	for c.at = max(c.at, r.first); c.at < to; c.at++ {
		if r.head(c.at)[atKind] != kindNote {
			c.waiting--
			c.lost++
		}
	}
	if c.from < to {
		c.from = c.at
	}
}

// Taken is a message as a Tail gives it out; Raw is the ring's.
type Taken struct {
	Call  records.CallID
	Nanos int64 // since 1970, by this edge's clock
	Local netip.AddrPort
	Message
}

// Take gives out messages of the i-th tape that were not taken yet, in the order
// they were written and until they are about so many bytes, and says how many
// there were and how many were lost before them. When the ring comes round to them,
// calls wait for give: it must not wait for anything.
func (l *Tail) Take(i, bytes int, give func(m *Taken)) (n, lost int) {
	t, c, m := l.store.tapes[i], &l.tapes[i], &l.one
	sockets := l.store.sockets()
	t.mu.Lock()
	n, lost = c.reach(&t.ring, bytes)
	from, until := c.from, c.at
	c.giving.Lock()
	t.mu.Unlock()
	defer c.giving.Unlock()
	for ; from < until; from++ {
		e := t.ring.head(from)
		if e[atKind] == kindNote {
			continue
		}
		m.Call, m.At, m.Out, m.Proto, m.Listener = entryCall(e), time.Duration(le.Uint64(e[atTime:])), e[atKind] == kindOut, e[atProto], e[atListener]
		m.Peer, m.Actor, m.Raw = entryPeer(e), Actor(le.Uint16(e[atActor:])), t.ring.text(e)
		m.Plain = e[atFlags]&flagPlain != 0
		m.Nanos, m.Local = l.epoch+int64(m.At), netip.AddrPort{}
		if int(m.Listener) < len(sockets) {
			m.Local = sockets[m.Listener].Local
		}
		give(m)
	}
	return n, lost
}

// reach goes on until about so many bytes, and says how many messages these are and
// how many were lost before them.
func (c *cursor) reach(r *ring, bytes int) (n, lost int) {
	lost, c.lost = c.lost, 0
	c.from = max(c.at, r.first)
	for c.at = c.from; n < c.waiting && bytes > 0; c.at++ {
		e := r.head(c.at)
		if bytes -= headLen; e[atKind] != kindNote {
			bytes -= int(le.Uint32(e[atLen:]))
			n++
		}
	}
	c.waiting -= n
	return n, lost
}

// Skip takes all that waits on every tape for lost, and says how much it was.
func (l *Tail) Skip() (lost int) {
	for i, t := range l.store.tapes {
		c := &l.tapes[i]
		t.mu.Lock()
		lost += c.lost + c.waiting
		c.at, c.from, c.lost, c.waiting = t.ring.next, t.ring.next, 0, 0
		t.mu.Unlock()
	}
	return lost
}

// Tapes is how many there are to take from.
func (l *Tail) Tapes() int { return len(l.tapes) }
