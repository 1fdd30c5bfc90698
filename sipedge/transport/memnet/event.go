package memnet

import (
	"container/heap"
	"time"
)

// event is something under way: a datagram, bytes of a stream, or a word
// between the two ends of a stream.
type event struct {
	Packet
	seq    uint64
	delay  time.Duration
	stream *stream         // the end it travels to, nil for datagrams
	arrive func(p *Packet) // called in order, without the network's lock
	quiet  bool            // not for taps
}

// events is a heap by instant, sender, receiver and order of sending.
type events []*event

func (q events) Len() int      { return len(q) }
func (q events) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q events) Less(i, j int) bool {
	a, b := q[i], q[j]
	if c := a.Arrives.Compare(b.Arrives); c != 0 {
		return c < 0
	}
	if c := a.From.Compare(b.From); c != 0 {
		return c < 0
	}
	if c := a.To.Compare(b.To); c != 0 {
		return c < 0
	}
	return a.seq < b.seq
}
func (q *events) Push(x any) { *q = append(*q, x.(*event)) }
func (q *events) Pop() any {
	old := *q
	e := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	return e
}

// schedule puts e on its way. Called with mu held.
func (n *Network) schedule(e *event) {
	now := time.Now()
	if e.stream != nil {
		l := n.link(e.From.Addr(), e.To.Addr())
		if l.Down {
			n.held = append(n.held, e)
			return
		}
		e.delay = n.delay(l, e.From.Addr(), e.To.Addr())
	}
	e.Arrives = now.Add(max(e.delay, Instant))
	if e.stream != nil {
		// Bytes of a stream do not overtake each other.
		if e.Arrives.Before(e.stream.last) {
			e.Arrives = e.stream.last
		}
		e.stream.last = e.Arrives
	}
	n.seq++
	e.seq = n.seq
	heap.Push(&n.queue, e)
	time.AfterFunc(e.Arrives.Sub(now), n.run)
}

// run delivers everything that is due.
func (n *Network) run() {
	n.running.Lock()
	defer n.running.Unlock()
	for {
		e := n.due(time.Now())
		if e == nil {
			return
		}
		if e.arrive == nil {
			e.Lost = true
		}
		if e.stream == nil && !e.Lost {
			e.Lost = !n.listening(e.To)
		}
		if !e.quiet {
			for _, tap := range n.taps {
				tap(e.Packet)
			}
		}
		if e.arrive != nil && !e.Lost {
			e.arrive(&e.Packet)
		}
	}
}

func (n *Network) due(now time.Time) *event {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.queue) == 0 || n.queue[0].Arrives.After(now) {
		return nil
	}
	return heap.Pop(&n.queue).(*event)
}
