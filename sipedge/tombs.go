package sipedge

import "github.com/speakops/sipedge/sipedge/call"

// tombs remembers finished server transactions for the 32 s in which their
// retransmissions may still come (RFC 3261 timers I and J, RFC 6026 timer L). A
// tomb is all that is left of most calls in memory: what is retransmitted to it
// is absorbed, or answered anew with the same status.
type tombs struct {
	at    map[uint64]tomb
	order []burial // a ring: oldest at first
	first int
	count int
}

// maxTombs bounds a shard's tombs, some 60 MB; beyond it the oldest is forgotten
// early, and what is still sent again to it is taken for new.
const maxTombs = 1 << 20

type tomb struct {
	id       uint64
	until    call.Instant
	code     uint16 // answer to a retransmission, 0 to absorb it
	answered bool   // an INVITE, with a 2xx: an ACK may be the callee's
}

type burial struct {
	key   uint64
	until call.Instant
}

// bury remembers a transaction; an older tomb under the same key is replaced.
func (t *tombs) bury(key uint64, b tomb, until call.Instant) {
	switch {
	case t.count == maxTombs:
		t.forget()
	case t.count == len(t.order):
		t.grow()
	}
	b.until = until
	t.order[(t.first+t.count)%len(t.order)] = burial{key, until}
	t.count++
	t.at[key] = b
}

func (t *tombs) grow() {
	bigger := make([]burial, max(64, 2*len(t.order)))
	for i := range t.count {
		bigger[i] = t.order[(t.first+i)%len(t.order)]
	}
	t.order, t.first = bigger, 0
}

// sweep forgets what is over; a few at a time keeps every step short.
func (t *tombs) sweep(now call.Instant) {
	for n := 0; n < 64 && t.count > 0 && t.order[t.first].until <= now; n++ {
		t.forget()
	}
}

// forget drops the oldest burial, and its tomb unless it was dug anew since.
func (t *tombs) forget() {
	b := t.order[t.first]
	if t.at[b.key].until <= b.until {
		delete(t.at, b.key)
	}
	t.first = (t.first + 1) % len(t.order)
	t.count--
}

// next is when sweep has something to do.
func (t *tombs) next() call.Instant {
	if t.count == 0 {
		return call.Never
	}
	return t.order[t.first].until
}
