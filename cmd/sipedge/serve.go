package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"github.com/speakops/sipedge/configs"
	"github.com/speakops/sipedge/routing"
	"github.com/speakops/sipedge/routing/feed"
	"github.com/speakops/sipedge/sipedge"
	"github.com/speakops/sipedge/sipedge/gateway/locate"
	"github.com/speakops/sipedge/sipedge/observe"
	"github.com/speakops/sipedge/sipedge/records"
)

// serveCmd runs one edge until SIGTERM or SIGINT, then drains it.
type serveCmd struct {
	Config string `required:"" short:"c" type:"path" placeholder:"FILE" help:"The edge's configuration."`
}

// Run implements the command.
func (c serveCmd) Run(ctx context.Context, s streams) error {
	cfg, _, err := load(c.Config, s.Err)
	if err != nil {
		return err
	}
	return serve(ctx, cfg, s.Err, func() (*configs.Edge, error) {
		next, _, err := configs.Load(c.Config)
		return next, err
	})
}

// serve is the recipe: everyone meets here. Each part is started before what
// needs it, and stopped after.
func serve(ctx context.Context, cfg *configs.Edge, logTo io.Writer, load func() (*configs.Edge, error)) error {
	tuneMemory()
	level := new(slog.LevelVar)
	at, err := observe.ParseLevel(cfg.Telemetry.Log.Level)
	if err != nil {
		return badConfig{err}
	}
	level.Set(at)
	log, err := observe.NewLogger(logTo, observe.LogOptions{
		Level: level, Format: cfg.Telemetry.Log.Format, MaskNumbers: cfg.Telemetry.Log.MaskNumbers, Edge: cfg.Edge.ID,
	})
	if err != nil {
		return badConfig{err}
	}
	options, err := cfg.Redis.Options()
	if err != nil {
		return badConfig{err}
	}
	rdb := redis.NewUniversalClient(options)
	defer rdb.Close()

	table, fresh := new(routing.Table), new(routing.Freshness)
	follow, err := feed.New(rdb, cfg.Redis.Prefix, table, feed.Options{Log: log, Freshness: fresh})
	if err != nil {
		return badConfig{err}
	}
	inner, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	g, inner := errgroup.WithContext(inner)
	g.Go(func() error { return quietly(follow.Follow(inner)) })
	loading(ctx, follow, log)

	desk, err := openRecords(cfg)
	if err != nil {
		return err
	}
	defer desk.close(log)
	resolver := locate.New(locate.Options{})
	defer resolver.Close()

	edge, err := sipedge.New(ctx, sipedge.Parts{
		Config: cfg, Table: table, Freshness: fresh, Clock: localClock{cfg.Clock.MaxError}, Log: log,
		Locator: resolver, Keeper: desk.journal, Adopted: desk.adopted,
		Encoder: desk.encoder, Decisions: desk.decisions, CDRs: desk.cdrs,
	})
	if err != nil {
		return err
	}
	log.Info("serving", "edge", cfg.Edge.ID, "listeners", len(cfg.SIP.Listen), "trunks", len(cfg.Trunks), "routes", len(cfg.Routes))

	g.Go(func() error { return reloads(inner, edge, load, log) })
	g.Go(func() error {
		defer stop() // the rest goes on until the last call is through
		return edge.Serve(ctx)
	})
	err = g.Wait()
	log.Info("stopped", "edge", cfg.Edge.ID)
	return err
}

// loadPatience is how long the sockets stay closed for the first load: an
// upstream that finds nobody tries elsewhere at once. After that the edge opens
// them and says 503 and not ready, until the numbers are there.
const loadPatience = 15 * time.Second

func loading(ctx context.Context, f *feed.Feed, log *slog.Logger) {
	log.Info("loading numbers")
	patience, cancel := context.WithTimeout(ctx, loadPatience)
	defer cancel()
	if err := f.Wait(patience); err != nil && ctx.Err() == nil {
		log.Warn("numbers are not loaded yet: calls are refused with 503 until they are", "waited", loadPatience)
	}
}

// tuneMemory lets the heap grow before it is collected: calls are short-lived
// and their memory is reused. GOGC and GOMEMLIMIT in the environment win.
func tuneMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
}

func quietly(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// reloads obeys SIGHUP: the new configuration as a whole, or the old one.
func reloads(ctx context.Context, edge *sipedge.Edge, load func() (*configs.Edge, error), log *slog.Logger) error {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-hup:
			cfg, err := load()
			if err == nil {
				err = edge.Reload(cfg)
			}
			if err != nil {
				log.Error("reload refused, the old configuration stays", "error", err)
				continue
			}
			log.Info("reloaded", "trunks", len(cfg.Trunks), "routes", len(cfg.Routes))
		}
	}
}

// localClock is this machine's clock, believed to within max_error.
type localClock struct{ maxError time.Duration }

// Now implements sipedge.Clock.
func (c localClock) Now() routing.Interval { return routing.Around(time.Now(), c.maxError) }

// desk is what the edge writes on.
type desk struct {
	encoder         *records.Encoder
	decisions, cdrs sipedge.Lines
	logs            []*records.Log
	journal         *records.Journal
	adopted         []records.Dialog
}

func openRecords(cfg *configs.Edge) (*desk, error) {
	d := &desk{encoder: &records.Encoder{Edge: cfg.Edge.ID}}
	dir := filepath.Join(cfg.Edge.DataDir, "records")
	open := func(how, name string) (sipedge.Lines, error) {
		if how != "file" {
			return nil, nil
		}
		l, err := records.OpenLog(records.LogOptions{Dir: dir, Name: name, Edge: cfg.Edge.ID, MaxBytes: int64(cfg.Records.MaxBytes)})
		if err != nil {
			return nil, err
		}
		d.logs = append(d.logs, l)
		return l, nil
	}
	var err error
	if d.decisions, err = open(cfg.Records.Decisions, "decisions"); err != nil {
		return nil, err
	}
	if d.cdrs, err = open(cfg.Records.CDR, "cdr"); err != nil {
		return nil, err
	}
	d.journal, d.adopted, err = records.OpenJournal(filepath.Join(cfg.Edge.DataDir, "journal"), records.JournalOptions{})
	return d, err
}

// close writes what waits, for at most five seconds.
func (d *desk) close(log *slog.Logger) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	err := d.journal.Close(ctx)
	for _, l := range d.logs {
		err = errors.Join(err, l.Close(ctx))
	}
	if err != nil {
		log.Error("records are not all on disk", "error", err)
	}
}
