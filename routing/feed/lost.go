package feed

import (
	"context"
	"fmt"
	"strconv"

	"github.com/speakops/sipedge/routing"
)

// Lost is a record that the table keeps although the store, emptied or rolled
// back, has forgotten it or the last write to it.
type Lost struct {
	Number  routing.Number // with the revision that was forgotten
	Deleted bool           // what was forgotten is its deletion; Number has only number and revision
}

// LostRecords is at most limit of what the store has lost, as Feed.Lost, with
// all that Store.Reapply needs to write it again.
func (f *Feed) LostRecords(limit int) []Lost {
	some := f.Lost(limit)
	records := make([]Lost, 0, len(some))
	for _, n := range some {
		if got, ok := f.table.Get(n); ok {
			records = append(records, Lost{Number: got})
		} else if revision := f.table.Revision(n); revision != 0 {
			records = append(records, Lost{routing.Number{PublicNumber: n, Revision: revision}, true})
		}
	}
	return records
}

// Overruled is the outcome of a Reapply that came too late: the store holds a
// write at least as new as the one it had lost. Nothing was written.
const Overruled Outcome = "overruled"

// Reapply writes what the store has lost, as it was, its routing_authority too:
// that is no edit, since every edge has been following it. The new revision is
// above the lost one, so each edge takes it. When the store meanwhile holds
// something newer, that stays and the outcome is Overruled; so several edges'
// lists may be applied in any order, and more than once.
//
// operation and errors are those of Put.
func (s *Store) Reapply(ctx context.Context, operation string, lost Lost) (Result, error) {
	n := lost.Number
	if n.Revision == 0 {
		return Result{}, &FieldError{fieldRevision, "is missing; only what was once stored can be applied again"}
	}
	c := &change{verb: "restore", number: n.PublicNumber, operation: operation, expect: Expect(n.Revision)}
	if lost.Deleted {
		c.verb = "bury"
		return s.write(ctx, c)
	}
	for i := range vocabulary {
		f := &vocabulary[i]
		value := f.show(&n)
		if err := f.read(&routing.Number{}, value); err != nil {
			return Result{}, &FieldError{f.name, err.Error()}
		}
		c.set = append(c.set, f.name, value)
	}
	if err := n.Override.Check(); err != nil {
		return Result{}, &FieldError{fieldOverride, err.Error()}
	}
	c.state = n.PortingState.String()
	return s.write(ctx, c)
}

// ReapplyAll applies a whole list again and counts the outcomes. Operations are
// named by number and lost revision, so that doing it twice is doing it once.
// The first error ends it.
func (s *Store) ReapplyAll(ctx context.Context, all []Lost) (map[Outcome]int, error) {
	counts := make(map[Outcome]int)
	for i := range all {
		n := &all[i].Number
		r, err := s.Reapply(ctx, "reapply-"+strconv.FormatUint(n.Revision, 10), all[i])
		if err != nil {
			return counts, fmt.Errorf("after %d of %d: %w", i, len(all), err)
		}
		counts[r.Outcome]++
	}
	return counts, nil
}
