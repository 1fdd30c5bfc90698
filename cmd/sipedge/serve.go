package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"golang.org/x/sync/errgroup"

	"github.com/speakops/sipedge/configs"
	"github.com/speakops/sipedge/ratelimit/shared"
	"github.com/speakops/sipedge/routing"
	"github.com/speakops/sipedge/routing/feed"
	"github.com/speakops/sipedge/sipedge"
	"github.com/speakops/sipedge/sipedge/admin"
	"github.com/speakops/sipedge/sipedge/gateway/locate"
	"github.com/speakops/sipedge/sipedge/observe"
)

// serveCmd runs one edge until SIGTERM or SIGINT, then drains it.
type serveCmd struct {
	Config string `required:"" short:"c" type:"path" placeholder:"FILE" help:"The edge's YAML file."`
}

// Run implements the command.
func (c *serveCmd) Run(ctx context.Context, s streams) error {
	cfg, _, err := load(c.Config, s.Err)
	if err != nil {
		return err
	}
	if cfg.Redis.Mode == "embedded" {
		return badConfig{fmt.Errorf("%s: redis.mode: embedded is for sipedge dev; serve wants standalone, sentinel or cluster", c.Config)}
	}
	if err := lendKey(cfg); err != nil {
		return err
	}
	again := func() (*configs.Edge, error) {
		next, _, err := load(c.Config, io.Discard)
		if err == nil && len(next.Edge.TokenKeys) == 0 {
			next.Edge.TokenKeys = cfg.Edge.TokenKeys
		}
		return next, err
	}
	return serve(ctx, cfg, s.Err, hooks{reload: again})
}

// lendKey gives an edge without token_keys one that lives as long as it does.
func lendKey(cfg *configs.Edge) error {
	if len(cfg.Edge.TokenKeys) > 0 {
		return nil
	}
	var key [32]byte
	if _, err := rand.Read(key[:]); err != nil {
		return err
	}
	cfg.Edge.TokenKeys = []configs.Secret{configs.NewSecret(hex.EncodeToString(key[:]))}
	return nil
}

// hooks are what dev adds to the recipe.
type hooks struct {
	reload func() (*configs.Edge, error) // on SIGHUP and by the API; nil: never
	onCall func(sipedge.CallLine)        // told of every decision
	cdrs   sipedge.Lines                 // told of every CDR, beside the file
	ready  func(*sipedge.Edge)           // called once the edge serves

	fleeting bool // the store is gone when this ends, so no snapshot of it is worth keeping
}

// serve is the recipe: everyone meets here. Each part is started before what
// needs it, and stopped after.
func serve(ctx context.Context, cfg *configs.Edge, logTo io.Writer, h hooks) error {
	tuneMemory()
	redis.SetLogger(&logging.VoidLogger{}) // what it has to say comes back as errors
	log, level, err := newLog(cfg, logTo)
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
	keep := filepath.Join(cfg.Edge.DataDir, "numbers")
	if h.fleeting {
		keep = ""
	}
	follow, err := feed.New(rdb, cfg.Redis.Prefix, table, feed.Options{
		Log: log, Freshness: fresh, SnapshotDir: keep, SnapshotEvery: cfg.Numbers.SnapshotEvery,
	})
	if err != nil {
		return badConfig{err}
	}
	desk, err := openDesk(cfg, h.cdrs)
	if err != nil {
		return err
	}
	defer desk.close(log)
	restored := follow.Restore() // the journal's lock keeps other edges out of data_dir
	fleet, err := openFleet(cfg, rdb, table, log)
	if err != nil {
		return err
	}
	defer fleet.Close()
	resolver := locate.New(locate.Options{})
	defer resolver.Close()

	metrics := observe.NewMetrics(sipedge.Words())
	views, err := openWindows(ctx, cfg, rdb, metrics, runtime.GOMAXPROCS(0), log)
	if err != nil {
		return err
	}
	parts := sipedge.Parts{
		Config: cfg, Table: table, Freshness: fresh, Finder: follow, Clock: fleet.clock, Log: log,
		Locator: resolver, Keeper: desk.journal, Adopted: desk.adopted, Metrics: metrics,
		Encoder: desk.encoder, Decisions: desk.decisions, CDRs: desk.cdrs, OnCall: fleet.telling(h.onCall),
		Schedules: fleet.Schedule, Serves: fleet.Serves,
	}
	views.into(&parts, cfg)
	edge, err := sipedge.New(parts)
	if err != nil {
		return err
	}
	fleet.edge.Store(edge)
	shares, err := shared.New(rdb, cfg.Redis.Prefix, cfg.Edge.ID, shared.Options{Log: log})
	if err != nil {
		return badConfig{err}
	}
	r := &reloader{edge: edge, load: h.reload, log: log}
	r.calls.cfg.Store(cfg)
	bus := admin.NewBus()
	writer, done, err := openWriter(cfg)
	if err != nil {
		return badConfig{err}
	}
	defer done()
	front, err := openOffice(cfg, fleet, edge, table, writer, bus, &r.calls, log)
	if err != nil {
		return badConfig{err}
	}
	windows, err := openAdmin(ctx, cfg, edge, fleet, desk, views, r, log,
		append(front.Resources(), admin.LevelOf(level), admin.EventsOf(bus), admin.NumbersIn(table, numbersBy(writer)), admin.LostIn(follow, reapplierBy(writer)))...)
	if err != nil {
		return err
	}
	r.tokens = windows.SetTokens

	began := time.Now()
	inner, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	g, inner := errgroup.WithContext(inner)
	g.Go(func() error { return quietly(windows.Serve(inner)) })
	g.Go(func() error { return quietly(follow.Follow(inner)) })
	g.Go(func() error { return fleet.Run(inner) })
	g.Go(func() error { return front.Run(inner) })
	g.Go(func() error { return r.obey(inner) })
	g.Go(func() error { return shares.Run(inner, edge.Doors) })
	serving, leave := context.WithCancel(ctx)
	defer leave()
	g.Go(func() error { return handOver(inner, edge, leave) })
	views.run(inner, g)
	g.Go(func() error { return desk.watch(inner, log) })
	g.Go(func() error {
		defer stop() // the rest goes on until the last call is through
		if restored && feed.Reach(ctx, rdb, awayPatience/4) != nil {
			log.Warn("redis is away: serving the numbers that were on disk", "numbers", table.Len(), "age", follow.Age().Round(time.Second))
		} else if loading(ctx, follow, log) && table.Len() == 0 {
			log.Warn("there are no numbers: every call is refused as number_unknown; import them, or correct redis.prefix", "prefix", cfg.Redis.Prefix)
		}
		if serves, why := joining(fleet.Runner, began, ctx.Done()); !serves && ctx.Err() == nil {
			log.Warn("not a member of the fleet yet: calls are refused with 503 until it is", "why", why)
		}
		_ = shares.Report(ctx, edge.Doors()) // what it could not learn it says itself
		if err := edge.Open(ctx); err != nil {
			return err
		}
		log.Info("serving", "listeners", len(cfg.SIP.Listen), "trunks", len(cfg.Trunks), "routes", len(cfg.Routes), "numbers", table.Len())
		if h.ready != nil {
			h.ready(edge)
		}
		return edge.Serve(serving)
	})
	err = g.Wait()
	log.Info("stopped")
	return err
}

func newLog(cfg *configs.Edge, to io.Writer) (*slog.Logger, *slog.LevelVar, error) {
	c := cfg.Telemetry.Log
	at, err := observe.ParseLevel(c.Level)
	if err != nil {
		return nil, nil, err
	}
	level := new(slog.LevelVar)
	level.Set(at)
	log, err := observe.NewLogger(to, observe.LogOptions{Level: level, Format: c.Format, MaskNumbers: c.MaskNumbers, Edge: cfg.Edge.ID})
	return log, level, err
}

// How long the sockets stay closed for the first load: an upstream that finds
// nobody tries elsewhere at once. After that they open and say 503, not ready,
// until the numbers are there. With numbers from disk there is nothing to wait
// for once the store is known to be away.
const (
	loadPatience = 15 * time.Second
	awayPatience = 2 * time.Second
)

func loading(ctx context.Context, f *feed.Feed, log *slog.Logger) (loaded bool) {
	patience, cancel := context.WithTimeout(ctx, loadPatience)
	defer cancel()
	deadline := time.Now().Add(awayPatience)
	for {
		turn, done := context.WithTimeout(patience, awayPatience/4)
		err := f.Wait(turn)
		done()
		switch away := f.Stats().Away; {
		case err == nil || ctx.Err() != nil:
			return err == nil
		case away != nil && time.Now().After(deadline):
			return false // the feed has said so
		case patience.Err() != nil && f.FreshAt().IsZero():
			log.Warn("numbers are not loaded yet: until they are, each call's number is looked up in redis by itself", "waited", loadPatience)
			return false
		case patience.Err() != nil:
			log.Warn("numbers are served as they were on disk until the store has been read", "waited", loadPatience)
			return false
		}
	}
}

// percentOfHeap is how much garbage may lie beside what lives. The call path makes
// little, and what an edge holds (numbers, calls at rest, limits) has hardly a
// pointer in it: a collection costs some milliseconds, and memory much more.
const percentOfHeap = 50

// tuneMemory sets it; GOGC in the environment wins.
func tuneMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(percentOfHeap)
	}
}

func quietly(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// reloader puts a new configuration into force: as a whole, or not at all.
type reloader struct {
	edge *sipedge.Edge
	load func() (*configs.Edge, error)
	log  *slog.Logger

	tokens func([]admin.Token) error // of the admin API
	calls  rehearser
}

// Reload implements admin.Reloader.
func (r *reloader) Reload(context.Context) error {
	if r.load == nil {
		return errors.New("this edge has no configuration file to read again")
	}
	cfg, err := r.load()
	if err == nil {
		err = r.edge.Reload(cfg)
	}
	if err == nil {
		err = r.welcome(cfg)
	}
	if err != nil {
		r.log.Error("reload refused, the old configuration stays", "error", err)
		return err
	}
	r.calls.cfg.Store(cfg)
	r.log.Info("reloaded", "trunks", len(cfg.Trunks), "routes", len(cfg.Routes))
	return nil
}

// welcome lets the tokens of cfg in and no others. A configuration that was
// loaded holds none that could be refused.
func (r *reloader) welcome(cfg *configs.Edge) error {
	tokens, err := tokensOf(cfg)
	if err == nil {
		err = r.tokens(tokens)
	}
	return err
}

// handOver ends this run on SIGUSR2 for the next one: dialogs and the ports of
// their media are left in the journal, and taken over by whoever starts then.
func handOver(ctx context.Context, edge *sipedge.Edge, leave func()) error {
	usr2 := make(chan os.Signal, 1)
	signal.Notify(usr2, syscall.SIGUSR2)
	defer signal.Stop(usr2)
	select {
	case <-ctx.Done():
	case <-usr2:
		edge.HandOver()
		leave()
	}
	return nil
}

// obey reloads on SIGHUP; what went wrong is in the log.
func (r *reloader) obey(ctx context.Context) error {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-hup:
			_ = r.Reload(ctx)
		}
	}
}
