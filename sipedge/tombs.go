package sipedge

import "github.com/speakops/sipedge/sipedge/call"

// A tomb is all that is left of most calls in memory, for the 32 s in which their
// retransmissions may still come (RFC 3261 timers I and J, RFC 6026 timer L):
// what is sent again to a finished server transaction is absorbed, or answered
// anew with the same status.
type tomb struct {
	id       uint64
	code     uint16 // answer to a retransmission, 0 to absorb it
	answered bool   // an INVITE, with a 2xx: an ACK may be the callee's
}

// maxTombs bounds a shard's tombs, some 40 MB; beyond it the oldest is forgotten
// early, and what is still sent again to it is taken for new.
const maxTombs = 1 << 20

// tombs are found by the key of their transaction, which is a hash already.
type tombs struct{ fading[uint64, tomb] }

func newTombs() tombs {
	return tombs{newFading[uint64, tomb](maxTombs, func(key uint64) uint64 { return key })}
}

func (t *tombs) bury(key uint64, b tomb, now call.Instant) {
	t.note(key, b, now+call.Instant(call.Lifetime))
}

// of finds the tomb of a transaction by its key and its whole identity.
func (t *tombs) of(key, id uint64) (tomb, bool) {
	b, _, ok := t.get(key)
	return b, ok && b.id == id
}
