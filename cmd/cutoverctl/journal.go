package main

import (
	"context"
	"strings"

	"github.com/speakops/sipedge/sipedge/admin"
)

// journalCmd groups what concerns the journal.
type journalCmd struct {
	Show   journalShowCmd   `cmd:"" default:"withargs" help:"Every step of every cutover, the oldest first."`
	Verify journalVerifyCmd `cmd:"" help:"Check every hash. Exit code 1 when something is missing or was changed."`
	Export journalExportCmd `cmd:"" help:"Write it down with the numbers it speaks of, for sipedge audit."`
}

type journalShowCmd struct {
	Cutover string `placeholder:"CUTOVER" help:"Only what concerns this one."`
	After   string `placeholder:"ID" help:"Begin behind this entry."`
	Limit   int    `default:"1000" placeholder:"N" help:"At most so many entries; 0 is all (${default})."`
}

// Run asks page by page.
func (c *journalShowCmd) Run(ctx context.Context, d *desk) error {
	edge, err := d.edge()
	if err != nil {
		return err
	}
	out := admin.JournalPage{Entries: []admin.JournalEntry{}, Next: c.After}
	for more := true; more; more = out.Next != "" && (c.Limit == 0 || len(out.Entries) < c.Limit) {
		page, err := edge.Journal(ctx, out.Next, 500)
		if err != nil {
			return err
		}
		for _, e := range page.Entries {
			if c.Cutover == "" || e.Cutover == c.Cutover {
				out.Entries = append(out.Entries, e)
			}
		}
		out.Next = page.Next
	}
	if c.Limit > 0 && len(out.Entries) > c.Limit {
		out.Entries = out.Entries[:c.Limit]
		out.Next = out.Entries[c.Limit-1].ID
	}
	return d.show(out, func(p *paper) {
		var rows [][]any
		for _, e := range out.Entries {
			rows = append(rows, []any{e.ID, instant(e.At), cell{e.Kind, bold}, e.Cutover, e.Who, details(&e)})
		}
		p.table([]string{"ENTRY", "STORE TIME", "KIND", "CUTOVER", "WHO", "WHAT"}, rows)
		if out.Next != "" {
			p.line("%s", p.in(faint, "there may be more: --after "+out.Next))
		}
	})
}

// details is what an entry says beside its columns.
func details(e *admin.JournalEntry) string {
	var all []string
	for _, f := range e.Fields {
		switch f.Name {
		case "kind", "at", "who", "cutover":
		default:
			if len(f.Value) > 60 {
				f.Value = f.Value[:60] + "..."
			}
			all = append(all, f.Name+"="+f.Value)
		}
	}
	return strings.Join(all, " ")
}

type journalVerifyCmd struct{}

// Run implements the command.
func (c *journalVerifyCmd) Run(ctx context.Context, d *desk) error {
	edge, err := d.edge()
	if err != nil {
		return err
	}
	v, err := edge.VerifyJournal(ctx)
	if err != nil {
		return err
	}
	err = d.show(v, func(p *paper) {
		p.line("%d entries from %s to %s, %s", v.Count, p.in(plain, v.First), p.in(plain, v.Head), count(v.Generations, "generation"))
		p.line("head %s", p.in(faint, v.HeadHash))
		for _, b := range v.Breaks {
			p.line("%s", p.in(bad, "broken: "+b))
		}
		for _, l := range v.Lost {
			p.line("%s", p.in(wary, "lost by a failover: "+l))
		}
		switch {
		case len(v.Breaks) > 0:
		case v.Whole:
			p.line("%s", p.in(good, "whole: every entry has its hash and follows the one before"))
		default:
			p.line("%s", p.in(wary, "sound, but the oldest entries were trimmed: earlier ones are in the edges' own journals"))
		}
	})
	if err == nil && len(v.Breaks) > 0 {
		return silent(exitFailed)
	}
	return err
}
