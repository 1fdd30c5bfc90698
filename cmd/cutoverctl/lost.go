package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/speakops/sipedge/sipedge/admin"
)

type numbersLostCmd struct {
	Limit int  `default:"1000" placeholder:"N" help:"At most so many (${default}); all are counted."`
	Rows  bool `help:"JSON Lines with revisions, as sipedge numbers reapply reads them, for a fleet in which no edge may write."`
}

// Run lists what Redis has lost and the edge still has.
func (c *numbersLostCmd) Run(ctx context.Context, d *desk) error {
	edge, err := d.edge()
	if err != nil {
		return err
	}
	page, err := edge.LostNumbers(ctx, c.Limit)
	if err != nil {
		return err
	}
	if c.Rows {
		return c.rows(d, page.Numbers)
	}
	return d.show(page, func(p *paper) {
		rows := make([][]any, len(page.Numbers))
		for i := range page.Numbers {
			r := &page.Numbers[i]
			what := r.RoutingAuthority
			if r.Deleted {
				what = "deleted"
			}
			rows[i] = []any{r.PublicNumber, what, r.PortingState, r.CustomerAssignment, time.UnixMicro(int64(r.Revision)).UTC().Format(time.RFC3339)}
		}
		p.table([]string{"NUMBER", "AUTHORITY", "STATE", "CUSTOMER", "WRITTEN"}, rows)
		p.line("%s lost by Redis, served from memory; cutoverctl numbers reapply writes them again", count(page.Count, "record"))
	})
}

// rows writes records as files of numbers have them: every value a string.
func (c *numbersLostCmd) rows(d *desk, all []admin.LostRecord) error {
	deleted := 0
	for i := range all {
		if all[i].Deleted {
			deleted++
			continue
		}
		text, err := json.Marshal(all[i].NumberRecord)
		if err != nil {
			return err
		}
		var fields map[string]any
		if err := json.Unmarshal(text, &fields); err != nil {
			return err
		}
		fields["revision"] = fmt.Sprint(all[i].Revision)
		if text, err = json.Marshal(fields); err != nil {
			return err
		}
		if _, err := fmt.Fprintf(d.Out, "%s\n", text); err != nil {
			return err
		}
	}
	if deleted > 0 {
		fmt.Fprintf(d.Err, "%s left out: delete those numbers, or reapply by an edge with redis.writer\n", count(deleted, "deletion"))
	}
	return nil
}

type numbersReapplyCmd struct {
	Yes bool `short:"y" help:"Do not ask."`
}

// Run has the edge write again what Redis has lost, until nothing is left.
func (c *numbersReapplyCmd) Run(ctx context.Context, d *desk) error {
	edge, err := d.edge()
	if err != nil {
		return err
	}
	page, err := edge.LostNumbers(ctx, 1)
	if err != nil {
		return err
	}
	if page.Count > 0 {
		question := fmt.Sprintf("Write %s again, as this edge has been serving them? What Redis holds that is newer stays.", count(page.Count, "record"))
		if err := d.sure(c.Yes, question); err != nil {
			return err
		}
	}
	var all admin.Reapplied
	for more := page.Count > 0; more; more = all.More {
		some, err := edge.ReapplyLost(ctx)
		if err != nil {
			return err
		}
		all = admin.Reapplied{Created: all.Created + some.Created, Updated: all.Updated + some.Updated, Deleted: all.Deleted + some.Deleted,
			Absent: all.Absent + some.Absent, Overruled: all.Overruled + some.Overruled, More: some.More}
	}
	return d.show(all, func(p *paper) {
		p.line("%d created, %d updated, %d deleted, %d overruled by newer records", all.Created, all.Updated, all.Deleted, all.Overruled)
	})
}
