package ladder

import (
	"net/netip"
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
	// Hurry has something in it when a quarter of a ring waits to be taken.
	Hurry <-chan struct{}

	store *Store
	tapes []cursor
	one   Taken
}

// cursor is how far a Tail has come on one tape, whose lock it is under.
type cursor struct {
	at          uint64 // position of what comes next
	waiting     int    // messages from there on
	lost        int    // that the ring took back untaken
	wake, hurry chan<- struct{}
}

// Tail is the one Tail of a Store. It is asked for before anything is written.
func (s *Store) Tail() *Tail {
	wake, hurry := make(chan struct{}, 1), make(chan struct{}, 1)
	l := &Tail{Wake: wake, Hurry: hurry, store: s, tapes: make([]cursor, len(s.tapes))}
	for i, t := range s.tapes {
		l.tapes[i] = cursor{wake: wake, hurry: hurry}
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
	if r.head-c.at > uint64(len(r.mem)/4) {
		signal(c.hurry)
	}
}

func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// passing is told of every entry that leaves the ring.
func (c *cursor) passing(position uint64, entry []byte) {
	if position >= c.at && entry[atKind] != kindNote {
		c.waiting--
		c.lost++
	}
}

// Taken is a message as a Tail gives it out; Raw is the ring's.
type Taken struct {
	Call  records.CallID
	Wall  time.Time // of this edge
	Local netip.AddrPort
	Message
}

// Take gives out messages of the i-th tape that were not taken yet, in the order
// they were written and until they are about so many bytes, and says how many
// there were and how many were lost before them. The tape is locked meanwhile:
// give must not wait for anything.
func (l *Tail) Take(i, bytes int, give func(m *Taken)) (n, lost int) {
	t, c, m := l.store.tapes[i], &l.tapes[i], &l.one
	sockets := l.store.sockets()
	t.mu.Lock()
	defer t.mu.Unlock()
	lost, c.lost = c.lost, 0
	c.at = max(c.at, t.ring.tail)
	for until := c.at + uint64(bytes); c.waiting > 0 && (n == 0 || c.at < until); {
		e := t.ring.next(&c.at)
		if e[atKind] == kindNote {
			continue
		}
		*m = Taken{Call: entryCall(e), Message: Message{
			At: time.Duration(le.Uint64(e[atTime:])), Out: e[atKind] == kindOut, Proto: e[atProto], Listener: e[atListener],
			Peer: entryPeer(e), Actor: Actor(le.Uint16(e[atActor:])), Raw: entryText(e),
		}}
		m.Wall = t.wall(m.At)
		if int(m.Listener) < len(sockets) {
			m.Local = sockets[m.Listener].Local
		}
		give(m)
		c.waiting--
		n++
	}
	return n, lost
}

// Skip takes all that waits on every tape for lost, and says how much it was.
func (l *Tail) Skip() (lost int) {
	for i, t := range l.store.tapes {
		c := &l.tapes[i]
		t.mu.Lock()
		lost += c.lost + c.waiting
		c.at, c.lost, c.waiting = t.ring.head, 0, 0
		t.mu.Unlock()
	}
	return lost
}

// Tapes is how many there are to take from.
func (l *Tail) Tapes() int { return len(l.tapes) }
