package admin

import (
	"cmp"
	"context"
	"net/http"
	"slices"

	"github.com/speakops/sipedge/routing/feed"
)

// LostNumbers is what the store, emptied or rolled back, has lost and this edge
// still has; *feed.Feed is one.
type LostNumbers interface {
	LostRecords(limit int) []feed.Lost
	Stats() feed.Stats
}

// Reapplier writes again what was lost; *feed.Store is one.
type Reapplier interface {
	ReapplyAll(context.Context, []feed.Lost) (map[feed.Outcome]int, error)
}

// reapplyAtOnce bounds what one request writes again, each with a round trip.
const reapplyAtOnce = 5000

// LostRecord is a record as it was before the store lost it, or its deletion.
type LostRecord struct {
	NumberRecord
	Deleted bool `json:"deleted,omitempty" doc:"What was lost is the deletion of this number."`
}

// LostPage is some of what the store has lost.
type LostPage struct {
	Count   int          `json:"count" doc:"How many there are."`
	Numbers []LostRecord `json:"numbers" nullable:"false" doc:"In order of numbers; any of them when there are more."`
}

// Reapplied counts what became of lost records.
type Reapplied struct {
	Created   int  `json:"created"`
	Updated   int  `json:"updated"`
	Deleted   int  `json:"deleted"`
	Absent    int  `json:"absent" doc:"Deletions of what is not there."`
	Overruled int  `json:"overruled" doc:"The store holds a newer record; it stays."`
	More      bool `json:"more" doc:"There were more than are written at once: ask again."`
}

type lostIn struct {
	Limit int `query:"limit" minimum:"1" maximum:"10000" default:"1000"`
}

// LostIn shows what the store has lost and, with a writer, writes it again.
func LostIn(edge LostNumbers, writer Reapplier) Resource {
	return func(a *API) {
		handle(a, Op{ID: "list-lost-numbers", Method: http.MethodGet, Path: "/v1/lost-numbers", Tag: "numbers",
			Summary: "Records that Redis has lost and this edge still has, and goes on serving"},
			func(_ context.Context, in *lostIn) (LostPage, error) { return lostPage(edge, in.Limit), nil })
		handle(a, Op{ID: "reapply-lost-numbers", Method: http.MethodPost, Path: "/v1/lost-numbers/reapply", Tag: "numbers", Errors: []int{503},
			Summary: "Write again what Redis has lost; what it holds that is newer stays",
			Text:    "Only an edge with redis.writer writes numbers. Doing it again, or on several edges, does no harm."},
			func(ctx context.Context, _ *struct{}) (Reapplied, error) { return reapply(ctx, edge, writer) })
	}
}

func lostPage(edge LostNumbers, limit int) LostPage {
	some := edge.LostRecords(limit)
	slices.SortFunc(some, func(a, b feed.Lost) int { return cmp.Compare(a.Number.PublicNumber, b.Number.PublicNumber) })
	page := LostPage{Count: max(edge.Stats().Lost, len(some)), Numbers: []LostRecord{}}
	for i := range some {
		page.Numbers = append(page.Numbers, LostRecord{recordOf(&some[i].Number), some[i].Deleted})
	}
	return page
}

func reapply(ctx context.Context, edge LostNumbers, writer Reapplier) (Reapplied, error) {
	if writer == nil {
		return Reapplied{}, notAWriter()
	}
	some := edge.LostRecords(reapplyAtOnce)
	counts, err := writer.ReapplyAll(ctx, some)
	if err != nil {
		return Reapplied{}, storeProblem(err, false)
	}
	return Reapplied{Created: counts[feed.Created], Updated: counts[feed.Updated], Deleted: counts[feed.Deleted], Absent: counts[feed.NotThere],
		Overruled: counts[feed.Overruled], More: len(some) == reapplyAtOnce}, nil
}
