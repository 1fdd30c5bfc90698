package runner

import (
	"sync"

	"github.com/speakops/sipedge/cutover"
)

// lineage is what the last revisions in force were, by number, as far as this edge
// has seen them: a store that was recovered knows the last one only.
type lineage struct {
	mu  sync.Mutex
	ids map[uint64]cutover.RevisionID
}

// remembered bounds it: whoever waits for a revision does so for seconds.
const remembered = 256

// note takes the revision in force. It names the one before.
func (l *lineage) note(rev *cutover.Revision) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ids[rev.Number] == rev.ID {
		return
	}
	if l.ids == nil {
		l.ids = map[uint64]cutover.RevisionID{}
	}
	l.ids[rev.Number] = rev.ID
	if rev.Previous != "" {
		l.ids[rev.Number-1] = rev.Previous
	}
	for n := range l.ids {
		if n+remembered < rev.Number {
			delete(l.ids, n)
		}
	}
}

// at is the revision of that number, "" when this edge has not seen it.
func (l *lineage) at(number uint64) cutover.RevisionID {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ids[number]
}
