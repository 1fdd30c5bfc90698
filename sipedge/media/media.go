// Package media answers: how do the packets of a call get from one end to the
// other without either seeing where the other is?
//
// A Session anchors one call: it rewrites its offers and answers so that each
// end sends to ports of this edge, and joins the ports once an answer has
// passed. A Relay owns the ports of all sessions, the sockets behind them and
// the few goroutines that read them; on Linux those are epoll loops, because a
// goroutine per socket costs twice the CPU per packet (see BenchmarkRelay).
//
// What protects a call: a port takes packets from nobody before an answer, then
// from the signalled address alone (behind NAT, from the first valid packet
// inside a short window), and stays locked to that source until the next offer
// and answer. Ports are random and rest after use.
package media

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/speakops/sipedge/sipedge/media/quality"
	"github.com/speakops/sipedge/sipedge/transport"
)

// Options of a Relay; zero values mean the defaults in parentheses.
type Options struct {
	V4, V6      netip.Addr    // written into SDP; at least one
	Bind        netip.Addr    // where sockets of its family are bound instead (V4 or V6 itself)
	First, Last uint16        // ports, both used; pairs begin at even ones
	Inactivity  time.Duration // without a packet where both ends are to send (60 s)
	Window      time.Duration // in which the first valid packet of an end behind NAT is believed (5 s)
	Rest        time.Duration // of a pair before it is used again (20 s)
	Loops       int           // reading goroutines (one for two cores, at most 4)
	Realtime    Realtime      // (if it is allowed)

	Net     transport.Net // (the kernel's)
	OnEvent func(Event)   // told from the relay's own goroutine; it may call back

	Panicked func(p any, stack []byte) // told of a packet that made the relay panic and was lost (nobody)
}

// Realtime says whether the reading goroutines go before all other work of the host.
type Realtime uint8

const (
	IfAllowed Realtime = iota
	Must               // Open fails where it is not allowed
	Never
)

// Event is something a session's streams have shown.
type Event struct {
	Session *Session
	Kind    EventKind
	Not     quality.End   // OneWay, Heard: who is not heard, or is heard again
	For     time.Duration // how long that had been so, or how long nothing came
}

// EventKind is what has happened.
type EventKind uint8

const (
	OneWay EventKind = iota // one end talks, the other one is not heard
	Heard                   // it is heard again
	Idle                    // nothing came for Options.Inactivity; told once
)

// Errors a caller can act on.
var (
	ErrNoPorts = errors.New("media: no free ports; widen media.ports, or lower the trunks' limits.concurrent")
	ErrClosed  = errors.New("media: relay is closed")
)

// Relay owns the media ports of one edge.
type Relay struct {
	o     Options
	epoch time.Time
	pool  *pool
	wires wires

	Counters  Counters
	unhurried error // why the loops have no real-time priority; set by Open

	mu       sync.Mutex
	sessions map[*Session]struct{}
	closed   bool

	stop   context.CancelFunc
	done   chan struct{}
	voices sync.WaitGroup // of lines
}

// Counters of packets since the start.
type Counters struct {
	Relayed    atomic.Uint64 // packets sent on
	Bytes      atomic.Uint64 // of these
	Stranger   atomic.Uint64 // from a source that is not the end's
	Unanswered atomic.Uint64 // came before an answer
	Malformed  atomic.Uint64 // were neither RTP nor RTCP where these were agreed on
	Nowhere    atomic.Uint64 // the other end has no address yet, or is on hold
	Unsent     atomic.Uint64 // the network did not take
	NoPorts    atomic.Uint64 // offers for which there were no ports
	Panics     atomic.Uint64 // packets that made the relay panic, and were lost
	OneWay     [2]atomic.Uint64
	Idle       atomic.Uint64
}

// Open makes a relay. It binds nothing yet, but tries one port, so that a wrong
// address is known at the start and not with the first call.
func Open(o Options) (*Relay, error) {
	o = o.withDefaults()
	if !o.V4.IsValid() && !o.V6.IsValid() {
		return nil, errors.New("media: no address; write media.address")
	}
	r := &Relay{o: o, epoch: time.Now(), sessions: map[*Session]struct{}{}, done: make(chan struct{})}
	r.pool = newPool(o.First, o.Last, o.Rest)
	if r.pool.size() == 0 {
		return nil, fmt.Errorf("media: no pair of an even and an odd port in %d-%d", o.First, o.Last)
	}
	var err error
	if r.wires, err = newWires(r); err != nil {
		return nil, fmt.Errorf("media: %w", err)
	}
	for _, a := range [...]netip.Addr{o.V4, o.V6} {
		if !a.IsValid() {
			continue
		}
		if err := r.try(a); err != nil {
			r.wires.close()
			return nil, err
		}
	}
	ctx, stop := context.WithCancel(context.Background())
	r.stop = stop
	go r.look(ctx)
	return r, nil
}

func (o Options) withDefaults() Options {
	if o.Inactivity <= 0 {
		o.Inactivity = time.Minute
	}
	if o.Window <= 0 {
		o.Window = 5 * time.Second
	}
	if o.Rest <= 0 {
		o.Rest = 20 * time.Second
	}
	if o.OnEvent == nil {
		o.OnEvent = func(Event) {}
	}
	if o.Panicked == nil {
		o.Panicked = func(any, []byte) {}
	}
	return o
}

// try binds a port of an address and lets it go.
func (r *Relay) try(a netip.Addr) error {
	w, err := r.trial(a)
	if err != nil {
		return fmt.Errorf("media: cannot use %s: %w; media.address must be an address of this host, or media.bind one behind which it is", r.local(a), err)
	}
	w.close()
	return nil
}

// trial is a port to try an address with; what comes to it finds a stream that is
// closed.
func (r *Relay) trial(a netip.Addr) (wire, error) {
	return r.wires.open(netip.AddrPortFrom(r.local(a), 0), &port{stream: &stream{relay: r, closed: true}})
}

// local is where sockets for an address are bound.
func (r *Relay) local(a netip.Addr) netip.Addr {
	if r.o.Bind.IsValid() && r.o.Bind.Is4() == a.Is4() {
		return r.o.Bind
	}
	return a
}

// Address is what is written into SDP for a peer of the same family as to; the
// other family's where there is none.
func (r *Relay) Address(to netip.Addr) netip.Addr {
	if to.Unmap().Is4() && r.o.V4.IsValid() || !r.o.V6.IsValid() {
		return r.o.V4
	}
	return r.o.V6
}

// Own says whether media sent to an address would come back to this relay.
func (r *Relay) Own(a netip.AddrPort) bool {
	own := a.Addr() == r.o.V4 || a.Addr() == r.o.V6 || a.Addr() == r.o.Bind
	return own && a.Port() >= r.o.First && a.Port() <= r.o.Last
}

// survive lets one packet perish instead of the goroutine that reads for all calls,
// and with it the edge. It is deferred.
func (r *Relay) survive() {
	if p := recover(); p != nil {
		r.Counters.Panics.Add(1)
		r.o.Panicked(p, debug.Stack())
	}
}

// Unhurried says why packets wait their turn with other work of the host, nil where
// they do not, or are not to go first.
func (r *Relay) Unhurried() error { return r.unhurried }

// Now is the instant packets are measured with, and voices are asked to speak at.
func (r *Relay) Now() time.Duration { return r.now() }

// now is the instant packets are measured with.
func (r *Relay) now() time.Duration { return time.Since(r.epoch) }

// Sessions is how many sessions are up.
func (r *Relay) Sessions() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.sessions)
}

// Ports says how many port pairs are in use, resting, and there altogether.
func (r *Relay) Ports() (used, resting, all int) { return r.pool.counts() }

// Close ends every session and gives all ports back.
func (r *Relay) Close() {
	r.stop()
	<-r.done
	r.mu.Lock()
	r.closed = true
	var all []*Session
	for s := range r.sessions {
		all = append(all, s)
	}
	r.mu.Unlock()
	for _, s := range all {
		s.Close()
	}
	r.voices.Wait()
	r.wires.close()
}
