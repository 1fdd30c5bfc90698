package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/speakops/sipedge/cutover"
	"github.com/speakops/sipedge/cutover/order"
	"github.com/speakops/sipedge/cutover/runner"
	"github.com/speakops/sipedge/sipedge/admin/client"
)

// journalExportCmd writes what `sipedge audit` reads, for who has no edge's
// data_dir at hand.
type journalExportCmd struct {
	File string `arg:"" optional:"" type:"path" placeholder:"FILE" help:"Write there; to standard output when it is left out."`
}

// Run implements the command.
func (c *journalExportCmd) Run(ctx context.Context, d *desk) (err error) {
	edge, err := d.edge()
	if err != nil {
		return err
	}
	to := io.Writer(d.Out)
	if c.File != "" {
		f, err := os.OpenFile(c.File, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) // it names numbers and people
		if err != nil {
			return err
		}
		defer func() {
			if cerr := f.Close(); err == nil {
				err = cerr
			}
		}()
		to = f
	}
	w := bufio.NewWriter(to)
	entries, err := exportEntries(ctx, edge, w)
	if err != nil {
		return err
	}
	lists, err := exportLists(ctx, edge, w)
	if err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if c.File != "" && !d.JSON {
		fmt.Fprintf(d.Err, "%s: %d entries and %s of numbers; sipedge audit %s RECORDS... reads it\n", c.File, entries, count(lists, "list"), c.File)
	}
	return nil
}

// exportEntries writes the journal, a line for each entry, as edges keep it.
func exportEntries(ctx context.Context, edge *client.Client, w *bufio.Writer) (n int, err error) {
	lines := json.NewEncoder(w)
	for after, more := "", true; more; more = after != "" {
		page, err := edge.Journal(ctx, after, 1000)
		if err != nil {
			return n, err
		}
		for _, e := range page.Entries {
			l := runner.Line{ID: e.ID, Previous: e.Previous, Hash: e.Hash}
			for _, f := range e.Fields {
				l.Fields = append(l.Fields, [2]string{f.Name, f.Value})
			}
			if err := lines.Encode(l); err != nil {
				return n, err
			}
			n++
		}
		after = page.Next
	}
	return n, nil
}

// exportLists writes the numbers of every order: the journal itself speaks of them
// by their content's name only.
func exportLists(ctx context.Context, edge *client.Client, w *bufio.Writer) (n int, err error) {
	lines := json.NewEncoder(w)
	orders, err := edge.Orders(ctx)
	if err != nil {
		return 0, err
	}
	for _, o := range orders {
		whole, err := edge.Order(ctx, o.Order)
		if err != nil {
			return n, err
		}
		read, err := order.DecodeOrder(whole.Document, nil)
		if err != nil {
			return n, fmt.Errorf("order %s: %w", o.Order, err)
		}
		list, err := cutover.NewList(read.Numbers)
		if err != nil {
			return n, fmt.Errorf("order %s: %w", o.Order, err)
		}
		line := struct {
			List    cutover.ListID `json:"list"`
			Numbers []string       `json:"numbers"`
		}{List: list.ID()}
		for number := range list.All {
			line.Numbers = append(line.Numbers, number.String())
		}
		if err := lines.Encode(line); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}
