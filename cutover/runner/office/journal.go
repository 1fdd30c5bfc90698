package office

import (
	"context"
	"fmt"

	"github.com/speakops/sipedge/cutover/ledger"
	"github.com/speakops/sipedge/sipedge/admin"
)

// Entries implements admin.Journal.
func (f *Office) Entries(ctx context.Context, after string, most int) ([]admin.JournalEntry, error) {
	all, err := f.o.Chain.Entries(ctx, after, most)
	out := make([]admin.JournalEntry, len(all))
	for i := range all {
		out[i] = shownEntry(&all[i])
	}
	return out, problem(err)
}

func shownEntry(e *ledger.Entry) admin.JournalEntry {
	out := admin.JournalEntry{ID: e.ID, At: e.At().UTC(), Kind: e.Kind(), Who: e.Get("who"), Cutover: e.Get("cutover"), Order: e.Get("order"),
		Fields: []admin.JournalField{}, Previous: e.Previous, Hash: e.Hash}
	for _, f := range e.Fields {
		out.Fields = append(out.Fields, admin.JournalField{Name: f[0], Value: f[1]})
	}
	return out
}

// Verify implements admin.Journal.
func (f *Office) Verify(ctx context.Context) (admin.JournalVerdict, error) {
	v, err := f.o.Chain.Verify(ctx)
	if err != nil {
		return admin.JournalVerdict{}, problem(err)
	}
	out := admin.JournalVerdict{Whole: v.Whole && len(v.Breaks) == 0, Count: v.Count, Generations: v.Generations, First: v.First.ID, Head: v.Head.ID, HeadHash: v.Head.Hash}
	for _, b := range v.Breaks {
		out.Breaks = append(out.Breaks, b.String())
	}
	for _, l := range v.Lost {
		out.Lost = append(out.Lost, fmt.Sprintf("%s had seen up to %s, and the store came back with %s (%s)", l.Edge, l.Seen.ID, l.Kept.ID, l.Recovered))
	}
	return out, nil
}
