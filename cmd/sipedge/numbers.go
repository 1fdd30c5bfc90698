package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/speakops/sipedge/routing/feed"
)

// NumbersCmd groups what is done to number records.
type NumbersCmd struct {
	Import    importCmd    `cmd:"" help:"Write number records from a file into Redis. All rows are checked before the first is written."`
	Export    exportCmd    `cmd:"" help:"Write every number record of Redis to a file, or to standard output, in the form import reads."`
	Diff      diffCmd      `cmd:"" help:"Compare a file with Redis, both ways, and change nothing. Exit code 3 when they differ."`
	Reconcile reconcileCmd `cmd:"" help:"Make Redis say what a file says; what someone else changes meanwhile is refused, not overwritten."`
	List      listCmd      `cmd:"" help:"Print number records of Redis, a line each, those that match."`
	Watch     watchCmd     `cmd:"" help:"Print every change to number records as it happens."`
	Get       getCmd       `cmd:"" help:"Print number records of Redis, one JSON object each."`
	Set       setCmd       `cmd:"" help:"Set fields of one number record."`
	Delete    deleteCmd    `cmd:"" help:"Delete number records."`
	Reapply   reapplyCmd   `cmd:"" help:"Write again what Redis has lost: rows with the revision that was lost. What Redis holds that is newer stays."`
}

type importCmd struct {
	File string `arg:"" placeholder:"FILE" help:"CSV whose first line names the columns (public_number and routing_authority at least), or JSON Lines if it ends in .jsonl; - reads CSV from standard input."`
	RedisFlags
	DryRun  bool   `help:"Print what would change and what would be refused, and write nothing."`
	Restart bool   `help:"Begin anew, where an import of this file was interrupted. Without it that one goes on: its note lies beside the file as FILE.importing."`
	Report  string `placeholder:"FILE" help:"Write every mistake and every refusal to this file too, as CSV: line, column, found, expected. At most 10000."`
}

// Bounds of one import.
const (
	reachWithin = 8 * time.Second
	maxRefusals = 100     // printed; all are counted
	maxImport   = 1 << 30 // bytes of a file; it is held in memory while it is checked
)

// Run reads and checks the whole file, then writes it. A file with mistakes ends
// with exit code 1 and nothing written; a store that is away or refuses rows,
// with 3. What others write meanwhile is not overwritten. Interrupted, the same
// command goes on.
func (c *importCmd) Run(ctx context.Context, s streams) error {
	name := nameOf(c.File)
	rows, sum, err := readRows(c.File, name)
	if err != nil {
		return errors.Join(err, writeReport(c.Report, mistakesIn(err)))
	}
	store, done, err := c.open(ctx, s)
	if err != nil {
		return err
	}
	defer done()
	begun, err := c.begin(ctx, s, store, sum)
	if err != nil {
		return err
	}
	if c.DryRun {
		differences, err := compare(ctx, s, store, rows, false)
		if err != nil {
			return err
		}
		if err := printDifferences(s, differences); err != nil {
			return err
		}
	}
	bar := newBar(len(rows), s.Err)
	began := time.Now()
	told, err := store.Import(ctx, rows, feed.ImportOptions{Operation: begun.Operation, Since: begun.Since, DryRun: c.DryRun, Progress: bar.add})
	bar.end()
	if err == nil {
		c.ended()
	}
	err = reportImport(s, name, len(rows), told, err, time.Since(began), c.DryRun)
	return errors.Join(err, writeReport(c.Report, refusedIn(told.Refused)))
}

// readRows is a file's rows, at least one, and its SHA-256; every mistake in it
// comes back as one error.
func readRows(path, name string) (rows []feed.Row, sum string, err error) {
	in := os.Stdin
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, "", badConfig{fmt.Errorf("%s: cannot be read: %w; nothing was written", name, err)}
		}
		defer f.Close()
		in = f
	}
	limited := &io.LimitedReader{R: in, N: maxImport + 1}
	digest := sha256.New()
	rows, err = feed.ReadRows(io.TeeReader(limited, digest), name)
	var mistakes *feed.RowErrors
	switch {
	case limited.N == 0:
		return nil, "", badConfig{fmt.Errorf("%s: is larger than %d MiB; split it; nothing was written", name, maxImport>>20)}
	case errors.As(err, &mistakes):
		return nil, "", badConfig{fmt.Errorf("%w\n%s: %s; nothing was written", err, name, count(len(mistakes.All)+mistakes.More, "mistake"))}
	case err != nil:
		return nil, "", badConfig{fmt.Errorf("cannot be read: %w; nothing was written", err)}
	case len(rows) == 0:
		return nil, "", badConfig{fmt.Errorf("%s: holds no numbers, only the names of columns; nothing was written", name)}
	}
	return rows, hex.EncodeToString(digest.Sum(nil)), nil
}

// reportImport prints refused rows and one summary line.
func reportImport(s streams, name string, rows int, sum feed.Summary, failed error, took time.Duration, dry bool) error {
	for i, r := range sum.Refused {
		if i == maxRefusals {
			fmt.Fprintf(s.Err, "%s: and %d more were refused\n", name, len(sum.Refused)-maxRefusals)
			break
		}
		fmt.Fprintf(s.Err, "%s:%d: %v\n", name, r.Line, r.Err)
	}
	line := fmt.Sprintf("%s: %d created, %d unchanged, %d updated, %d refused", name, sum.Created, sum.Unchanged, sum.Updated, len(sum.Refused))
	switch {
	case dry:
		line += "; this was a dry run, nothing was written"
	case failed == nil && sum.Unchanged == rows:
		line += "; the store said all that already, nothing was written"
	default:
		line += fmt.Sprintf(" in %s", took.Round(time.Millisecond))
	}
	if _, err := fmt.Fprintln(s.Out, line); err != nil {
		return err
	}
	switch {
	case failed != nil:
		return fmt.Errorf("%w; %d of %d rows were answered, the others may or may not be written: the same command goes on with it", failed, sum.Rows(), rows)
	case len(sum.Refused) > 0:
		return fmt.Errorf("%s: %s refused", name, wereRefused(len(sum.Refused), dry))
	}
	return nil
}

func wereRefused(n int, dry bool) string {
	if dry {
		return count(n, "row") + " would be"
	}
	if n == 1 {
		return "1 row was"
	}
	return fmt.Sprintf("%d rows were", n)
}
