package ledger

import (
	"context"
	"crypto/sha1" //nolint:gosec // what a script can compute; see the package's word on it
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Head names an entry of the journal by its id and hash. The zero Head is that
// of an empty journal.
type Head struct{ ID, Hash string }

func (h Head) String() string { return strings.TrimSpace(h.ID + " " + h.Hash) }

// Entry is one entry of the store's journal. Its fields are in the order in
// which they were written, kind and at first; they are what Hash was made of.
type Entry struct {
	ID       string // generation and a number within it: "3-17"
	Previous string // hash of the entry before
	Hash     string
	Fields   [][2]string
}

// Get is a field's value, "" when it is not there.
func (e *Entry) Get(name string) string {
	for _, f := range e.Fields {
		if f[0] == name {
			return f[1]
		}
	}
	return ""
}

// Kind is what happened: generation, proposed, acknowledged,
// committed, refused, aborted, declared_off, reported, recovered, adopted, or a Note's.
func (e *Entry) Kind() string { return e.Get("kind") }

// At is when, in store time.
func (e *Entry) At() time.Time { return instant(e.Get("at")) }

// Head is the entry's name and hash.
func (e *Entry) Head() Head { return Head{e.ID, e.Hash} }

// Sum is the hash that the entry should have: SHA-1 over the lengths of all
// parts, and the parts: previous hash, id, and every field's name and value.
func (e *Entry) Sum() string {
	parts := []string{e.Previous, e.ID}
	for _, f := range e.Fields {
		parts = append(parts, f[0], f[1])
	}
	lengths := make([]string, len(parts))
	for i, p := range parts {
		lengths[i] = strconv.Itoa(len(p))
	}
	h := sha1.New()
	io.WriteString(h, strings.Join(lengths, ",")+"\n")
	for _, p := range parts {
		io.WriteString(h, p)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Entries reads the journal from the entry after id on, "" for the oldest; at
// most most entries. It works before recovery: a journal is evidence.
func (l *Ledger) Entries(ctx context.Context, after string, most int) ([]Entry, error) {
	all, _, err := l.entries(ctx, after, most)
	return all, err
}

func (l *Ledger) entries(ctx context.Context, after string, most int) ([]Entry, Head, error) {
	from := "-"
	if after != "" {
		from = "(" + after
	}
	a, _, err := l.run(ctx, request{step: readStep, args: []any{from, most}})
	if err != nil {
		return nil, Head{}, err
	}
	var all []Entry
	for _, row := range a.tables["page"] {
		e, err := readEntry(row)
		if err != nil {
			return nil, Head{}, fmt.Errorf("ledger: journal: %w", err)
		}
		all = append(all, e)
	}
	return all, Head{a.text["journal_id"], a.text["journal_head"]}, nil
}

func readEntry(row any) (Entry, error) {
	pair, _ := row.([]any)
	if len(pair) != 2 {
		return Entry{}, fmt.Errorf("an entry of the stream is none: %.60q", fmt.Sprint(row))
	}
	id, _ := pair[0].(string)
	flat, _ := pair[1].([]any)
	e := Entry{ID: id}
	for i := 0; i+1 < len(flat); i += 2 {
		name, _ := flat[i].(string)
		value, _ := flat[i+1].(string)
		switch name {
		case "previous":
			e.Previous = value
		case "hash":
			e.Hash = value
		default:
			e.Fields = append(e.Fields, [2]string{name, value})
		}
	}
	return e, nil
}

// Chain checks entries one after the other. The zero Chain takes any first
// entry: an old journal is trimmed.
type Chain struct {
	Count   int  // entries checked
	First   Head // the oldest
	Head    Head // the newest
	Whole   bool // it begins with the first entry there ever was
	Breaks  []Break
	started bool
}

// Break is a place where the journal is not what was written.
type Break struct{ ID, Problem string }

func (b Break) String() string { return b.ID + ": " + b.Problem }

// maxBreaks bounds what is listed: a journal that was replaced breaks everywhere.
const maxBreaks = 100

// Add checks the next entry.
func (c *Chain) Add(e *Entry) {
	c.Count++
	generation, seq, ok := entryNumber(e.ID)
	was, before, _ := entryNumber(c.Head.ID)
	switch {
	case !ok:
		c.breaks(e, "its id is none of the journal's")
	case e.Sum() != e.Hash:
		c.breaks(e, "its text does not have its hash: it was changed")
	case !c.started:
		c.Whole = e.Previous == ""
	case e.Previous != c.Head.Hash:
		c.breaks(e, fmt.Sprintf("it does not follow %s: something in between was removed, or changed together with its hash", c.Head.ID))
	case generation == was && seq != before+1:
		c.breaks(e, fmt.Sprintf("entries between %s and it are missing", c.Head.ID))
	case generation != was && (generation < was || seq != 1 || e.Kind() != "generation"):
		c.breaks(e, "a generation does not begin like this")
	}
	if !c.started {
		c.First, c.started = e.Head(), true
	}
	c.Head = e.Head()
}

func (c *Chain) breaks(e *Entry, problem string) {
	if len(c.Breaks) < maxBreaks {
		c.Breaks = append(c.Breaks, Break{e.ID, problem})
	}
}

func entryNumber(id string) (generation, seq uint64, ok bool) {
	g, s, _ := strings.Cut(id, "-")
	generation, err := strconv.ParseUint(g, 10, 64)
	seq, also := strconv.ParseUint(s, 10, 64)
	return generation, seq, err == nil && also == nil
}

// Verified is what became of checking the store's journal.
type Verified struct {
	Chain
	Generations int
	// Lost are tails that failovers lost and edges had seen, as their recoveries
	// name them.
	Lost []Loss
}

// Loss is what a recovery found missing.
type Loss struct {
	Recovered string // entry that names it
	Kept      Head   // where the store's journal stood
	Seen      Head   // what an edge had seen beyond that
	Edge      string
}

// Verify reads the whole journal and checks that every entry has its hash and
// follows the one before, up to the head that the state names. Breaks are part
// of the answer; the error is that it could not be read.
func (l *Ledger) Verify(ctx context.Context) (Verified, error) {
	var v Verified
	seen := map[string]Head{} // edge -> what it reported to the generation under way
	for {
		entries, head, err := l.entries(ctx, v.Head.ID, 1000)
		if err != nil {
			return v, err
		}
		for i := range entries {
			e := &entries[i]
			v.Add(e)
			v.gather(e, seen)
		}
		if len(entries) > 0 {
			continue
		}
		if v.Head != head {
			v.Breaks = append(v.Breaks, Break{head.ID, "the newest entry that the state names is not the last of the journal: the tail was removed"})
		}
		return v, nil
	}
}

// gather finds what recoveries name as lost.
func (v *Verified) gather(e *Entry, seen map[string]Head) {
	switch e.Kind() {
	case "generation":
		v.Generations++
		clear(seen)
	case "reported":
		id, hash, _ := strings.Cut(e.Get("head"), " ")
		seen[e.Get("edge")] = Head{id, hash}
	case "recovered":
		id, hash, _ := strings.Cut(e.Get("store_head"), " ")
		kept := Head{id, hash}
		var edges []string
		for edge := range seen {
			edges = append(edges, edge)
		}
		slices.Sort(edges)
		for _, edge := range edges {
			if later(seen[edge].ID, kept.ID) {
				v.Lost = append(v.Lost, Loss{e.ID, kept, seen[edge], edge})
			}
		}
	}
}

// later says whether entry a was written after entry b.
func later(a, b string) bool {
	ga, sa, _ := entryNumber(a)
	gb, sb, _ := entryNumber(b)
	return ga > gb || ga == gb && sa > sb
}
