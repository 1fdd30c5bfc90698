package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/speakops/sipedge/routing"
	"github.com/speakops/sipedge/routing/feed"
)

type exportCmd struct {
	File string `arg:"" optional:"" default:"-" placeholder:"FILE" help:"Where to: CSV, or JSON Lines if it ends in .jsonl; - is standard output. A file is replaced only when all of it is written."`
	RedisFlags
	JSON      bool `name:"json" help:"JSON Lines on standard output."`
	Revisions bool `help:"Add the column revision: such a row, imported, is refused if its record has changed since; and reapply brings it back into a Redis that has lost it."`
}

// Run writes every live record. Records that cannot be read are named, the
// others written, and the exit code is 3.
func (c *exportCmd) Run(ctx context.Context, s streams) error {
	store, done, err := c.open(ctx, s)
	if err != nil {
		return err
	}
	defer done()
	if c.File == "-" {
		name := "stdout.csv"
		if c.JSON {
			name = "stdout.jsonl"
		}
		_, err := c.write(ctx, s, store, s.Out, name)
		return err
	}
	began := time.Now()
	temporary, err := os.CreateTemp(filepath.Dir(c.File), ".export-*")
	if err != nil {
		return badConfig{fmt.Errorf("%s: cannot be written: %w", c.File, err)}
	}
	defer os.Remove(temporary.Name()) // gone already when all went well
	rows, unreadable := c.write(ctx, s, store, temporary, c.File)
	var partial *partialError
	if unreadable != nil && !errors.As(unreadable, &partial) {
		_ = temporary.Close()
		return unreadable
	}
	if err := errors.Join(temporary.Close(), os.Rename(temporary.Name(), c.File)); err != nil {
		return fmt.Errorf("%s: cannot be written: %w", c.File, err)
	}
	if _, err := fmt.Fprintf(s.Out, "%s: %s in %s\n", c.File, count(rows, "number"), time.Since(began).Round(time.Millisecond)); err != nil {
		return err
	}
	return unreadable
}

// partialError says that some records are missing from what was written.
type partialError struct{ records int }

func (e *partialError) Error() string {
	return count(e.records, "record") + " cannot be read, see above; all others were written"
}

func (c *exportCmd) write(ctx context.Context, s streams, store *feed.Store, to io.Writer, name string) (rows int, err error) {
	w, err := feed.NewRowWriter(to, name, c.Revisions)
	if err != nil {
		return 0, err
	}
	var bad unreadable
	bar := newBar(-1, s.Err)
	err = store.Each(ctx, func(n *routing.Number) error {
		rows++
		bar.add(1)
		return w.Write(n)
	}, bad.add)
	bar.end()
	bad.tell(s)
	if err = errors.Join(err, w.Flush()); err != nil {
		return rows, fmt.Errorf("%w; the export is not complete", err)
	}
	return rows, bad.err()
}

// unreadable gathers records that cannot be read.
type unreadable struct {
	first []error
	all   int
}

func (u *unreadable) add(err error) {
	u.all++
	if len(u.first) < maxRefusals {
		u.first = append(u.first, err)
	}
}

func (u *unreadable) tell(s streams) {
	for _, err := range u.first {
		fmt.Fprintln(s.Err, err)
	}
	if more := u.all - len(u.first); more > 0 {
		fmt.Fprintf(s.Err, "and %d more cannot be read\n", more)
	}
}

func (u *unreadable) err() error {
	if u.all == 0 {
		return nil
	}
	return &partialError{u.all}
}
