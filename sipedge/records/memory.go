package records

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Memory is a Keeper without a disk: it outlives an edge in a test, not a
// process. The zero Memory is empty and ready.
type Memory struct {
	mu   sync.Mutex
	kept map[CallID][]byte
}

// Answered implements Keeper.
func (m *Memory) Answered(d *Dialog) error {
	encoded, err := d.Append(nil)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.kept == nil {
		m.kept = make(map[CallID][]byte)
	}
	m.kept[d.Call] = encoded
	return nil
}

// Ended implements Keeper.
func (m *Memory) Ended(call CallID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.kept, call)
}

// Close implements Keeper; what is kept stays.
func (m *Memory) Close(context.Context) error { return nil }

// Live is what OpenJournal would return at now, in order of CallID.
func (m *Memory) Live(now time.Time) []Dialog {
	m.mu.Lock()
	defer m.mu.Unlock()
	live := make([]Dialog, 0, len(m.kept))
	for _, encoded := range m.kept {
		var d Dialog
		if d.Decode(slices.Clone(encoded)) == nil && d.Expires.After(now) {
			live = append(live, d)
		}
	}
	slices.SortFunc(live, func(a, b Dialog) int { return slices.Compare(a.Call[:], b.Call[:]) })
	return live
}
