package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/speakops/sipedge/routing/feed"
)

// NumbersCmd groups what is done to number records.
type NumbersCmd struct {
	Import importCmd `cmd:"" help:"Write number records from a file into Redis. All rows are checked before the first is written."`
}

type importCmd struct {
	File   string `arg:"" placeholder:"FILE" help:"CSV whose first line names the columns (public_number and routing_authority at least), or JSON Lines if it ends in .jsonl; - reads CSV from standard input."`
	Config string `short:"c" type:"path" placeholder:"FILE" help:"The edge's YAML file, for its Redis." xor:"redis" required:""`
	Redis  string `placeholder:"ADDR" help:"Redis as host:port or redis://user:password@host:port/db, without a configuration." xor:"redis" required:""`
	Prefix string `default:"speakops" help:"Prefix of every key; only with --redis."`
	DryRun bool   `help:"Say what would be done, and write nothing."`
}

// Bounds of one import.
const (
	reachWithin = 8 * time.Second
	maxRefusals = 100     // printed; all are counted
	maxImport   = 1 << 30 // bytes of a file; it is held in memory while it is checked
)

// Run reads and checks the whole file, then writes it. A file with mistakes ends
// with exit code 1 and nothing written; a store that is away or refuses rows,
// with 3.
func (c *importCmd) Run(ctx context.Context, s streams) error {
	name := c.File
	if name == "-" {
		name = "stdin"
	}
	rows, err := c.read(name)
	if err != nil {
		return err
	}
	if len(rows) == 0 {
		return badConfig{fmt.Errorf("%s: holds no numbers, only the names of columns; nothing was written", name)}
	}
	redis.SetLogger(&logging.VoidLogger{}) // what goes wrong is told below, once
	options, prefix, lead, err := c.store(s)
	if err != nil {
		return err
	}
	rdb := redis.NewUniversalClient(options)
	defer rdb.Close()
	store, err := feed.NewStore(rdb, prefix, feed.StoreOptions{OverrideLead: lead})
	if err != nil {
		return badConfig{fmt.Errorf("--prefix: %w", err)}
	}
	if err := feed.Reach(ctx, rdb, reachWithin); err != nil {
		return fmt.Errorf("%w; nothing was written", err)
	}
	bar := newBar(len(rows), s.Err)
	began := time.Now()
	sum, err := store.Import(ctx, rows, feed.ImportOptions{DryRun: c.DryRun, Progress: bar.add})
	bar.end()
	return c.report(s, name, len(rows), sum, err, time.Since(began))
}

// read is the file's rows; every mistake in it comes back as one error.
func (c *importCmd) read(name string) ([]feed.Row, error) {
	in := os.Stdin
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return nil, badConfig{fmt.Errorf("%s: cannot be read: %w; nothing was written", name, err)}
		}
		defer f.Close()
		in = f
	}
	limited := &io.LimitedReader{R: in, N: maxImport + 1}
	rows, err := feed.ReadRows(limited, name)
	var mistakes *feed.RowErrors
	switch {
	case limited.N == 0:
		return nil, badConfig{fmt.Errorf("%s: is larger than %d MiB; split it; nothing was written", name, maxImport>>20)}
	case errors.As(err, &mistakes):
		return nil, badConfig{fmt.Errorf("%w\n%s: %s; nothing was written", err, name, count(len(mistakes.All)+mistakes.More, "mistake"))}
	case err != nil:
		return nil, badConfig{fmt.Errorf("cannot be read: %w; nothing was written", err)}
	}
	return rows, nil
}

// store is how to reach Redis, below which prefix, and how far ahead overrides begin.
func (c *importCmd) store(s streams) (*redis.UniversalOptions, string, time.Duration, error) {
	if c.Config == "" {
		o, err := redisAt(c.Redis)
		return o, c.Prefix, 3 * time.Second, err
	}
	edge, _, err := load(c.Config, s.Err)
	if err != nil {
		return nil, "", 0, err
	}
	if edge.Redis.Mode == "embedded" {
		return nil, "", 0, badConfig{fmt.Errorf("%s: redis.mode embedded lives only inside `sipedge dev`; name a Redis that other programs can reach", c.Config)}
	}
	o, own, err := edge.Redis.WriterOptions()
	if err == nil && !own {
		o, err = edge.Redis.Options()
	}
	return patient(o), edge.Redis.Prefix, edge.Cutover.Lead, err
}

// redisAt reads --redis.
func redisAt(address string) (*redis.UniversalOptions, error) {
	if !strings.Contains(address, "://") {
		return patient(&redis.UniversalOptions{Addrs: []string{address}}), nil
	}
	o, err := redis.ParseURL(address)
	if err != nil {
		return nil, badConfig{errors.New("--redis: is no address like 127.0.0.1:6379 or redis://user:password@host:6379/0")} // without the password in it
	}
	return patient(&redis.UniversalOptions{Addrs: []string{o.Addr}, Username: o.Username, Password: o.Password, DB: o.DB, TLSConfig: o.TLSConfig}), nil
}

// patient lets a busy store take its time over a pipeline, and a dead one be
// found out at once.
func patient(o *redis.UniversalOptions) *redis.UniversalOptions {
	if o != nil {
		o.ReadTimeout, o.DialTimeout, o.DialerRetries = 15*time.Second, 3*time.Second, 1
	}
	return o
}

// report prints refused rows and one summary line.
func (c *importCmd) report(s streams, name string, rows int, sum feed.Summary, failed error, took time.Duration) error {
	for i, r := range sum.Refused {
		if i == maxRefusals {
			fmt.Fprintf(s.Err, "%s: and %d more were refused\n", name, len(sum.Refused)-maxRefusals)
			break
		}
		fmt.Fprintf(s.Err, "%s:%d: %v\n", name, r.Line, r.Err)
	}
	line := fmt.Sprintf("%s: %d created, %d unchanged, %d updated, %d refused", name, sum.Created, sum.Unchanged, sum.Updated, len(sum.Refused))
	switch {
	case c.DryRun:
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
		return fmt.Errorf("%w; %d of %d rows were answered, the others may or may not be written: import the file again, it changes only what is missing", failed, sum.Rows(), rows)
	case len(sum.Refused) > 0:
		return fmt.Errorf("%s: %s refused", name, wereRefused(len(sum.Refused), c.DryRun))
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

// bar shows progress on a terminal and nothing elsewhere.
type bar struct{ of *progressbar.ProgressBar }

func newBar(rows int, to io.Writer) *bar {
	f, ok := to.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return &bar{}
	}
	return &bar{progressbar.NewOptions(rows, progressbar.OptionSetWriter(f), progressbar.OptionShowCount(),
		progressbar.OptionShowIts(), progressbar.OptionSetItsString("rows"), progressbar.OptionSetPredictTime(true),
		progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish())}
}

func (b *bar) add(rows int) {
	if b.of != nil {
		_ = b.of.Add(rows) // a terminal that went away stops nothing
	}
}

func (b *bar) end() {
	if b.of != nil {
		_ = b.of.Finish()
	}
}
