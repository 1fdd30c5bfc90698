package admin

import (
	"context"
	"net/http"
	"time"
)

// Journal is every step of every cutover, as the store keeps it. Errors of its
// methods: *Problem.
type Journal interface {
	Entries(ctx context.Context, after string, most int) ([]JournalEntry, error)
	Verify(context.Context) (JournalVerdict, error)
}

// JournalEntry is one step.
type JournalEntry struct {
	ID       string         `json:"id" doc:"Generation, and a number within it." example:"3-17"`
	At       time.Time      `json:"at" doc:"Store time."`
	Kind     string         `json:"kind" example:"committed"`
	Who      string         `json:"who,omitempty"`
	Cutover  string         `json:"cutover,omitempty"`
	Order    string         `json:"order,omitempty"`
	Fields   []JournalField `json:"fields" nullable:"false" doc:"In the order that the hash covers."`
	Previous string         `json:"previous" doc:"Hash of the entry before."`
	Hash     string         `json:"hash"`
}

// JournalField is one named value.
type JournalField struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// JournalPage is a part of the journal, the oldest first.
type JournalPage struct {
	Entries []JournalEntry `json:"entries" nullable:"false"`
	Next    string         `json:"next,omitempty" doc:"There may be more: ask for those after this one."`
}

// JournalVerdict is what became of checking every hash.
type JournalVerdict struct {
	Whole       bool     `json:"whole" doc:"From the first entry there ever was, and nothing broken."`
	Count       int      `json:"count"`
	Generations int      `json:"generations"`
	First       string   `json:"first,omitempty"`
	Head        string   `json:"head,omitempty"`
	HeadHash    string   `json:"head_hash,omitempty"`
	Breaks      []string `json:"breaks" nullable:"false" doc:"Where it is not what was written."`
	Lost        []string `json:"lost" nullable:"false" doc:"What failovers lost and edges had seen."`
}

type journalIn struct {
	After string `query:"after" maxLength:"64" doc:"Begin behind this entry."`
	Limit int    `query:"limit" minimum:"1" maximum:"1000" default:"100"`
}

// JournalOf shows the journal.
func JournalOf(j Journal) Resource {
	return func(a *API) {
		handle(a, Op{ID: "list-journal", Method: http.MethodGet, Path: "/v1/journal", Tag: "journal", Errors: []int{422, 503}, Summary: "Every step of every cutover, who took it and when"},
			func(ctx context.Context, in *journalIn) (JournalPage, error) {
				all, err := j.Entries(ctx, in.After, in.Limit)
				page := JournalPage{Entries: some(all)}
				for i := range page.Entries {
					page.Entries[i].Fields = some(page.Entries[i].Fields)
				}
				if len(all) == in.Limit {
					page.Next = all[len(all)-1].ID
				}
				return page, err
			})
		handle(a, Op{ID: "verify-journal", Method: http.MethodGet, Path: "/v1/journal/verify", Tag: "journal", Errors: []int{503}, Within: time.Minute,
			Summary: "Check every hash of the journal"},
			func(ctx context.Context, _ *struct{}) (JournalVerdict, error) {
				v, err := j.Verify(ctx)
				v.Breaks, v.Lost = some(v.Breaks), some(v.Lost)
				return v, err
			})
	}
}
