package sipedge

import (
	"hash/maphash"
	"time"

	"github.com/speakops/sipedge/sipedge/call"
)

// endings remembers calls that ended lately, so that a BYE of the other side
// that crosses on the wire does not make a second CDR.
type endings struct{ fading[callID, struct{}] }

const (
	endingMemory = 64 * time.Second
	maxEndings   = 1 << 16
)

func newEndings(seed maphash.Seed) endings {
	return endings{newFading[callID, struct{}](maxEndings, func(id callID) uint64 { return maphash.Comparable(seed, id) })}
}

func (e *endings) note(id callID, now call.Instant) {
	e.sweep(now)
	e.fading.note(id, struct{}{}, now+call.Instant(endingMemory))
}

// lately says whether a call has ended not long ago.
func (e *endings) lately(id callID, now call.Instant) bool {
	_, until, ok := e.get(id)
	return ok && until > now
}
