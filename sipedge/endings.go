package sipedge

import (
	"time"

	"github.com/speakops/sipedge/sipedge/call"
)

// endings remembers calls that ended lately, so that a BYE of the other side
// that crosses on the wire does not make a second CDR.
type endings struct {
	at    map[callID]call.Instant
	order []callID
}

const (
	endingMemory = 64 * time.Second
	maxEndings   = 1 << 16
)

func (e *endings) note(id callID, now call.Instant) {
	for len(e.order) > 0 && (e.at[e.order[0]] <= now || len(e.order) >= maxEndings) {
		delete(e.at, e.order[0])
		e.order = e.order[1:]
	}
	e.at[id] = now + call.Instant(endingMemory)
	e.order = append(e.order, id)
}
