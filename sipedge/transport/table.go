package transport

import (
	"math"
	"net/netip"
	"sync"
)

// connTable holds the connections: by number for sending, by destination for
// reuse, by source for the caps. A connection of a peer counts from accept on
// and has a number only once its standing is known.
type connTable struct {
	mu       sync.RWMutex
	byNumber map[uint32]*conn
	byPeer   map[peerKey]*conn // those we opened; RFC 5923: never a peer's
	theirs   map[remote]*conn  // those peers opened, by exactly where from
	sources  map[netip.Addr]int
	accepted int // connections of peers
	unproven int // of these, standing not yet known
	opened   int
	last     uint32
	stopped  bool
}

// peerKey is what a request needs of a connection it may share.
type peerKey struct {
	proto    Proto
	listener uint8
	to       netip.AddrPort
	target   *TLSTarget
}

// remote is the far end of a connection that its peer has opened.
type remote struct {
	proto Proto
	peer  netip.AddrPort
}

func (t *connTable) init() {
	t.theirs = map[remote]*conn{}
	t.byNumber = map[uint32]*conn{}
	t.byPeer = map[peerKey]*conn{}
	t.sources = map[netip.Addr]int{}
}

func (t *connTable) get(number uint32) *conn {
	if number == 0 {
		return nil
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.byNumber[number]
}

// enter counts a connection of a peer in, false when there are too many. At
// most half of all may be strangers for all we know, so that those in the middle
// of a handshake cannot keep known trunks out.
func (t *connTable) enter(source netip.Addr, perSource, total int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.stopped || t.accepted >= total || t.unproven >= (total+1)/2 || t.sources[source] >= perSource {
		return false
	}
	t.accepted++
	t.unproven++
	t.sources[source]++
	return true
}

// leave reverses enter; proven says whether number was called in between.
func (t *connTable) leave(source netip.Addr, proven bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.accepted--
	if !proven {
		t.unproven--
	}
	if t.sources[source]--; t.sources[source] <= 0 {
		delete(t.sources, source)
	}
}

// prove gives a peer's connection its number, once its standing is known.
func (t *connTable) prove(c *conn) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.number(c) {
		return false
	}
	t.unproven--
	t.theirs[remote{c.flow.Proto, c.flow.Peer}] = c
	return true
}

// acceptedFrom is the live connection that a peer opened from exactly this address.
func (t *connTable) acceptedFrom(r remote) *conn {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.theirs[r]
}

// number gives the next number. They are never reused, so that a message for a
// connection of yesterday cannot go out on another's; after 2^32 there are no more.
func (t *connTable) number(c *conn) bool {
	if t.stopped || t.last == math.MaxUint32 {
		return false
	}
	t.last++
	c.flow.Conn = t.last
	t.byNumber[t.last] = c
	return true
}

// reuse returns the live connection for k, or enters make's.
func (t *connTable) reuse(k peerKey, total int, make func() *conn) (c *conn, fresh bool, err error) {
	t.mu.RLock()
	c, stopped := t.byPeer[k], t.stopped
	t.mu.RUnlock()
	if c != nil {
		return c, false, nil
	}
	if stopped {
		return nil, false, ErrClosed
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if c = t.byPeer[k]; c != nil {
		return c, false, nil
	}
	if t.opened >= total {
		return nil, false, ErrLimit
	}
	c = make()
	if !t.number(c) {
		return nil, false, ErrClosed
	}
	t.opened++
	t.byPeer[k] = c
	c.l.wg.Add(1) // under the lock: stop comes before Serve waits
	return c, true, nil
}

// remove forgets a numbered connection; Sends find it gone from now on.
func (t *connTable) remove(c *conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.byNumber, c.flow.Conn)
	if r := (remote{c.flow.Proto, c.flow.Peer}); !c.opened && t.theirs[r] == c {
		delete(t.theirs, r)
	}
	if c.opened {
		t.opened--
		if t.byPeer[c.key] == c {
			delete(t.byPeer, c.key)
		}
	}
}

// stop lets nothing more in and ends what is there.
func (t *connTable) stop() {
	t.mu.Lock()
	t.stopped = true
	all := make([]*conn, 0, len(t.byNumber))
	for _, c := range t.byNumber {
		all = append(all, c)
	}
	t.mu.Unlock()
	for _, c := range all {
		c.end(ErrClosed)
	}
}
