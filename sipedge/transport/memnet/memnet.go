// Package memnet answers: what would happen on a network that we can hold in our
// hand?
//
// It is a network in memory for tests: hosts with literal addresses, datagrams
// and byte streams between them, and for each direction a delay, loss,
// duplication and a tap. Deliveries happen by time.AfterFunc and every wait is on
// a channel, so that inside a testing/synctest bubble hours cost nothing and
// the order is the same every time: what arrives at one instant arrives in the
// order of sender, receiver and sending. Make the Network inside the bubble.
package memnet

import (
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"
)

// Instant is the shortest delay. At zero, senders of one moment would race; one
// nanosecond lets a bubble come to rest between sending and delivery.
const Instant = time.Nanosecond

// Packet is one datagram, or what one Write put on a stream.
type Packet struct {
	Network  string // "udp" or "tcp"
	From, To netip.AddrPort
	Data     []byte // not to be changed
	Sent     time.Time
	Arrives  time.Time // of a lost one: when it would have
	Lost     bool      // datagrams only: by the link, or nobody listened
	Copy     int       // 1, 2, ... for duplicates
}

// Link is one direction between two hosts. The zero Link delivers everything at
// once (after Instant). Loss, duplication and Fate are for datagrams; a stream
// over a link that is Down stands still until it is up.
type Link struct {
	Delay     time.Duration
	Jitter    time.Duration // up to so much is added, evenly distributed; datagrams may overtake each other
	Loss      float64       // probability 0 to 1
	Duplicate float64       // probability 0 to 1
	Down      bool
	Err       error // what a sender of datagrams gets instead
	// Fate decides alone when set: one delay per copy that arrives, none for loss.
	Fate func(Packet) []time.Duration
}

// Network connects hosts. Its methods may be called from any goroutine.
type Network struct {
	mu        sync.Mutex
	seed      uint64
	links     map[[2]netip.Addr]Link
	dice      map[[2]netip.Addr]*rand.Rand
	packets   map[netip.AddrPort]*packetConn
	listeners map[netip.AddrPort]*listener
	queue     events
	held      []*event // of streams, until their link is up
	seq       uint64
	ports     map[netip.Addr]uint16

	running sync.Mutex // one delivery at a time, in order
	taps    []func(Packet)
}

// New makes an empty network.
func New() *Network {
	return &Network{
		links:     map[[2]netip.Addr]Link{},
		dice:      map[[2]netip.Addr]*rand.Rand{},
		packets:   map[netip.AddrPort]*packetConn{},
		listeners: map[netip.AddrPort]*listener{},
		ports:     map[netip.Addr]uint16{},
	}
}

// Seed chooses the dice of loss, duplication and jitter; each direction throws
// its own, so that traffic elsewhere changes nothing. Call it before sending.
func (n *Network) Seed(seed uint64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.seed = seed
	clear(n.dice)
}

// SetLink sets the direction from one address to another. The zero Addr means
// any: the more exact link wins, from before to.
func (n *Network) SetLink(from, to netip.Addr, l Link) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.links[[2]netip.Addr{from, to}] = l
	held := n.held
	n.held = nil
	for _, e := range held {
		n.schedule(e)
	}
}

// SetBoth sets both directions between two addresses.
func (n *Network) SetBoth(a, b netip.Addr, l Link) {
	n.SetLink(a, b, l)
	n.SetLink(b, a, l)
}

// Tap shows f every packet when it arrives, or would have: one at a time, in
// order, before its receiver sees it. f must not wait.
func (n *Network) Tap(f func(Packet)) {
	n.running.Lock()
	defer n.running.Unlock()
	n.taps = append(n.taps, f)
}

// link finds the link of a direction. Called with mu held.
func (n *Network) link(from, to netip.Addr) Link {
	any := netip.Addr{}
	for _, k := range [...][2]netip.Addr{{from, to}, {from, any}, {any, to}} {
		if l, ok := n.links[k]; ok {
			return l
		}
	}
	return n.links[[2]netip.Addr{}]
}

// die is the random source of a direction. Called with mu held.
func (n *Network) die(from, to netip.Addr) *rand.Rand {
	k := [2]netip.Addr{from, to}
	if n.dice[k] == nil {
		a, b := from.As16(), to.As16()
		s := n.seed
		for i := range a {
			s = s*1099511628211 + uint64(a[i])*257 + uint64(b[i])
		}
		n.dice[k] = rand.New(rand.NewPCG(n.seed, s))
	}
	return n.dice[k]
}

// fates are the delays of the copies of p that arrive. Called with mu held.
func (n *Network) fates(l Link, p Packet) []time.Duration {
	switch {
	case l.Down:
		return nil
	case l.Fate != nil:
		return l.Fate(p)
	}
	copies := 1
	if l.Loss > 0 || l.Duplicate > 0 {
		d := n.die(p.From.Addr(), p.To.Addr())
		if d.Float64() < l.Loss {
			return nil
		}
		if d.Float64() < l.Duplicate {
			copies = 2
		}
	}
	delays := make([]time.Duration, copies)
	for i := range delays {
		delays[i] = n.delay(l, p.From.Addr(), p.To.Addr())
	}
	return delays
}

func (n *Network) delay(l Link, from, to netip.Addr) time.Duration {
	d := l.Delay
	if l.Jitter > 0 {
		d += time.Duration(n.die(from, to).Int64N(int64(l.Jitter)))
	}
	return d
}
