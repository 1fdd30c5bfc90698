package feed

import (
	"context"
	"fmt"
	"sync"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"
)

// ImportOptions says how rows are written. The zero value means the defaults.
type ImportOptions struct {
	Operation string         // names this import, so that lost replies can be asked for again; "" draws one
	Since     uint64         // a row without a revision does not overwrite what was written after this instant of Store.Now; 0: it does
	DryRun    bool           // ask what would happen, write nothing
	Progress  func(rows int) // called now and then, from several goroutines, with rows done since the last call
	Workers   int            // pipelines at once; default 4
}

// Refusal is a row that the store would not take.
type Refusal struct {
	Line int
	Err  error // of those that Store.Put names, but *AwayError
}

// Summary counts what an import came to.
type Summary struct {
	Created, Unchanged, Updated int
	Refused                     []Refusal // in order of lines
}

// Rows is how many rows have been dealt with.
func (s *Summary) Rows() int { return s.Created + s.Unchanged + s.Updated + len(s.Refused) }

// importPage bounds the rows of one pipeline.
const importPage = 256

// Import writes rows, each by itself: a row that is refused does not keep the
// others out. The fields a row gives are set; the rest of an existing record
// stays. When an error ends the import early, the summary counts the rows that
// were answered; doing it again, with the same Operation and Since, finishes the
// rest and still finds what others wrote meanwhile.
//
// Errors: *AwayError, or the context's.
func (s *Store) Import(ctx context.Context, rows []Row, o ImportOptions) (Summary, error) {
	if o.Workers <= 0 {
		o.Workers = 4
	}
	if o.Operation == "" {
		o.Operation = NewOperation("import")
	}
	im := &importer{store: s, opts: o, verb: "put"}
	if o.DryRun {
		im.verb = "plan"
	}
	results := make([]rowResult, len(rows))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(o.Workers)
	for from := 0; from < len(rows) && ctx.Err() == nil; from += importPage {
		to := min(from+importPage, len(rows))
		g.Go(func() error { return im.write(ctx, rows[from:to], results[from:to]) })
	}
	err := g.Wait()
	return summarise(rows, results), err
}

type rowResult struct {
	done    bool
	outcome Outcome
	err     error
}

func summarise(rows []Row, results []rowResult) (sum Summary) {
	for i, r := range results {
		switch {
		case !r.done:
		case r.err != nil:
			sum.Refused = append(sum.Refused, Refusal{rows[i].Line, r.err})
		case r.outcome == Created:
			sum.Created++
		case r.outcome == Updated:
			sum.Updated++
		default:
			sum.Unchanged++
		}
	}
	return sum
}

type importer struct {
	store *Store
	opts  ImportOptions
	verb  string

	load    sync.Once
	loadErr error
}

// write sends one pipeline of script calls.
func (im *importer) write(ctx context.Context, rows []Row, results []rowResult) error {
	s := im.store
	im.load.Do(func() { im.loadErr = s.loadScript(ctx) })
	if im.loadErr != nil {
		return &AwayError{Address(s.rdb), im.loadErr}
	}
	changes := make([]*change, len(rows))
	cmds := make([]*redis.Cmd, len(rows))
	_, _ = s.rdb.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for i := range rows {
			changes[i] = rows[i].change(im.verb, im.opts.Operation)
			changes[i].since = im.opts.Since
			keys, args := s.call(changes[i])
			cmds[i] = pipe.EvalSha(ctx, putScript.Hash(), keys, args...)
		}
		return nil
	}) // every command carries its own error
	for i, cmd := range cmds {
		text, err := cmd.Text()
		if err != nil && redis.HasErrorPrefix(err, "NOSCRIPT") {
			// The script cache was flushed, or another master took over, meanwhile.
			keys, args := s.call(changes[i])
			text, err = putScript.Eval(ctx, s.rdb, keys, args...).Text()
		}
		result, err := s.understand(changes[i], text, err)
		if isAway(err) {
			return err
		}
		results[i] = rowResult{true, result.Outcome, err}
	}
	if im.opts.Progress != nil {
		im.opts.Progress(len(rows))
	}
	return nil
}

// loadScript puts the script on every master, so that a row costs its values only.
func (s *Store) loadScript(ctx context.Context) error {
	load := func(ctx context.Context, m redis.Cmdable) error { return putScript.Load(ctx, m.(redis.Scripter)).Err() }
	if err := (&source{rdb: s.rdb}).masters(ctx, load); err != nil {
		return fmt.Errorf("loading the script: %w", err)
	}
	return nil
}
