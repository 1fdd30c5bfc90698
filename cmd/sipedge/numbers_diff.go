package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/speakops/sipedge/routing/feed"
)

// maxDifferences bounds what is printed; all are counted.
const maxDifferences = 1000

type diffCmd struct {
	File string `arg:"" placeholder:"FILE" help:"CSV or JSON Lines, as for import. A field it does not have is not compared."`
	RedisFlags
}

// Run prints a line for each difference: + only in the file, - only in the
// store, ~ in both. Differences end with exit code 3.
func (c *diffCmd) Run(ctx context.Context, s streams) error {
	name := nameOf(c.File)
	rows, _, err := readRows(c.File, name)
	if err != nil {
		return err
	}
	store, done, err := c.open(ctx, s)
	if err != nil {
		return err
	}
	defer done()
	all, err := compare(ctx, s, store, rows, true)
	if err != nil {
		return err
	}
	if err := printDifferences(s, all); err != nil {
		return err
	}
	if len(all) == 0 {
		_, err := fmt.Fprintf(s.Out, "%s: %s, and the store says the same\n", name, count(len(rows), "number"))
		return err
	}
	return fmt.Errorf("%s: %s", name, count(len(all), "difference"))
}

func nameOf(path string) string {
	if path == "-" {
		return "stdin"
	}
	return path
}

func compare(ctx context.Context, s streams, store *feed.Store, rows []feed.Row, bothWays bool) ([]feed.Difference, error) {
	var bad unreadable
	bar := newBar(len(rows), s.Err)
	all, err := store.Diff(ctx, rows, bothWays, bad.add, bar.add)
	bar.end()
	bad.tell(s)
	if err != nil {
		return nil, fmt.Errorf("%w; nothing was written", err)
	}
	if bad.all > 0 {
		return nil, fmt.Errorf("%s cannot be read; nothing was written", count(bad.all, "record"))
	}
	return all, nil
}

func printDifferences(s streams, all []feed.Difference) error {
	for i := range all {
		if i == maxDifferences {
			fmt.Fprintf(s.Out, "and %d more\n", len(all)-maxDifferences)
			break
		}
		if _, err := fmt.Fprintln(s.Out, &all[i]); err != nil {
			return err
		}
	}
	return nil
}

type reconcileCmd struct {
	File string `arg:"" placeholder:"FILE" help:"CSV or JSON Lines, as for import."`
	RedisFlags
	Delete bool `help:"Delete numbers that the file does not have. Without it they are left alone and counted."`
	DryRun bool `help:"Print the differences and what would be refused, and write nothing."`
}

// Run compares, then writes what differs, each record only if it is still the
// one that was compared. routing_authority is never changed here.
func (c *reconcileCmd) Run(ctx context.Context, s streams) error {
	name := nameOf(c.File)
	rows, _, err := readRows(c.File, name)
	if err != nil {
		return err
	}
	store, done, err := c.open(ctx, s)
	if err != nil {
		return err
	}
	defer done()
	all, err := compare(ctx, s, store, rows, true)
	if err != nil {
		return err
	}
	if c.DryRun {
		if err := printDifferences(s, all); err != nil {
			return err
		}
	}
	var writes []feed.Row
	var extra []feed.Difference
	for i := range all {
		if row, ok := all[i].Write(); ok {
			writes = append(writes, row)
		} else {
			extra = append(extra, all[i])
		}
	}
	began := time.Now()
	bar := newBar(len(writes), s.Err)
	sum, err := store.Import(ctx, writes, feed.ImportOptions{DryRun: c.DryRun, Progress: bar.add})
	bar.end()
	sum.Unchanged += len(rows) - len(writes)
	err = reportImport(s, name, len(rows), sum, err, time.Since(began), c.DryRun)
	return errors.Join(err, c.settle(ctx, s, store, name, extra))
}

// settle deals with numbers that only the store has.
func (c *reconcileCmd) settle(ctx context.Context, s streams, store *feed.Store, name string, extra []feed.Difference) error {
	switch {
	case len(extra) == 0:
		return nil
	case !c.Delete:
		_, err := fmt.Fprintf(s.Out, "%s: %s in the store that the file does not have; left alone, --delete would delete\n", name, count(len(extra), "number"))
		return err
	case c.DryRun:
		_, err := fmt.Fprintf(s.Out, "%s: %s would be deleted\n", name, count(len(extra), "number"))
		return err
	}
	operation, deleted, refused := "reconcile-"+rand.Text(), 0, 0
	bar := newBar(len(extra), s.Err)
	defer bar.end()
	for _, d := range extra {
		var conflict *feed.ConflictError
		_, err := store.Delete(ctx, operation, d.Number, feed.Expect(d.Revision))
		switch {
		case err == nil:
			deleted++
		case errors.As(err, &conflict):
			refused++
			fmt.Fprintln(s.Err, err)
		default:
			return fmt.Errorf("%w; %d of %d were deleted, do it again for the rest", err, deleted, len(extra))
		}
		bar.add(1)
	}
	if _, err := fmt.Fprintf(s.Out, "%s: %d deleted\n", name, deleted); err != nil || refused == 0 {
		return err
	}
	return fmt.Errorf("%s: %s not deleted", name, count(refused, "number"))
}
