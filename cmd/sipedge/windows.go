package main

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	sdk "go.opentelemetry.io/otel/sdk/metric"
	"golang.org/x/sync/errgroup"

	"github.com/speakops/sipedge/configs"
	"github.com/speakops/sipedge/sipedge"
	"github.com/speakops/sipedge/sipedge/observe"
	"github.com/speakops/sipedge/sipedge/observe/hep"
	"github.com/speakops/sipedge/sipedge/observe/ladder"
	"github.com/speakops/sipedge/sipedge/observe/spans"
	"github.com/speakops/sipedge/sipedge/records/stream"
)

// windows are what others see of an edge's calls. What is not configured is nil.
type windows struct {
	tapes   *ladder.Store // what the edge writes its messages to
	ladders *ladder.Store // the same, where people may look
	homer   *hep.Sender
	spans   *spans.Exporter
	streams map[string]*stream.Stream
	log     *slog.Logger
	more    []sdk.Option // of the metrics
	metrics *observe.Exporter
}

// metricsEvery is how often metrics are pushed over OTLP.
const metricsEvery = 30 * time.Second

// openWindows makes what the configuration asks for; nothing is connected yet.
func openWindows(ctx context.Context, cfg *configs.Edge, rdb redis.Cmdable, m *observe.Metrics, shards int, log *slog.Logger) (w *windows, err error) {
	t := cfg.Telemetry
	w = &windows{log: log, streams: map[string]*stream.Stream{}}
	// In the ring a call's messages lie once. It should be over, and no longer among the
	// last of its trunk, when they leave it: what is still wanted then is copied out.
	if ring := int(t.Ladders.Memory / 4); ring > 0 {
		w.ladders = ladder.New(ladder.Options{Tapes: shards, RingBytes: ring, KeepBytes: int(t.Ladders.Memory) - ring, PerTrunk: t.Ladders.PerTrunk})
		w.tapes = w.ladders
	}
	if t.HEP.Address != "" {
		if w.tapes == nil { // nobody keeps messages: as many as wait for Homer
			w.tapes = ladder.New(ladder.Options{Tapes: shards, RingBytes: 4 << 20, KeepBytes: 1, PerTrunk: 1})
		}
		w.homer = hep.New(hep.Options{
			Address: t.HEP.Address, Agent: uint32(t.HEP.Agent), Node: cfg.Edge.ID, Password: strings.TrimSpace(t.HEP.Password.Reveal()), Tail: w.tapes.Tail(),
		})
	}
	if t.OTLP.Endpoint != "" {
		if w.spans, err = spans.New(ctx, spans.Options{Endpoint: t.OTLP.Endpoint, Edge: cfg.Edge.ID, Mask: t.Log.MaskNumbers, Log: log}); err != nil {
			return nil, badConfig{err}
		}
		if w.more, err = observe.OverOTLP(ctx, t.OTLP.Endpoint, cfg.Edge.ID, metricsEvery, m); err != nil {
			return nil, badConfig{err}
		}
	}
	if cfg.Records.RedisStream {
		for _, name := range []string{"decisions", "cdr"} {
			w.streams[name] = stream.New(rdb, stream.Options{Key: cfg.Redis.Prefix + ":records:" + name, Edge: cfg.Edge.ID})
		}
	}
	return w, nil
}

// into puts the windows into the parts of an edge. An interface that holds a nil
// pointer is not nil, so each is asked.
func (w *windows) into(p *sipedge.Parts, cfg *configs.Edge) {
	p.Ladders = w.tapes
	if w.spans != nil {
		p.Tracer, p.Sample = w.spans, cfg.Telemetry.OTLP.Sample
	}
	if s := w.streams["decisions"]; s != nil {
		p.Decisions = also(s, p.Decisions)
	}
	if s := w.streams["cdr"]; s != nil {
		p.CDRs = also(s, p.CDRs)
	}
}

// also hands lines to one more taker.
func also(one, other sipedge.Lines) sipedge.Lines {
	if other == nil {
		return one
	}
	return both{one, other}
}

// run lets them work until ctx ends.
func (w *windows) run(ctx context.Context, g *errgroup.Group) {
	if w.homer != nil {
		g.Go(func() error { return w.homer.Run(ctx) })
	}
	if w.spans != nil {
		g.Go(func() error { return quietly(w.spans.Run(ctx)) })
	}
	g.Go(func() error { // the last push of what was counted
		<-ctx.Done()
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
		defer cancel()
		if err := w.metrics.Shutdown(last); err != nil {
			w.log.Warn("the last metrics were not taken by the backend", observe.KeyError, err)
		}
		return nil
	})
	for _, s := range w.streams {
		g.Go(func() error { return s.Run(ctx) })
	}
}

// lost yields what found no room on its way to others.
func (w *windows) lost(yield func(log string, n uint64)) {
	if w.homer != nil {
		yield("hep", w.homer.Stats().Lost)
	}
	if w.spans != nil {
		st := w.spans.Stats()
		yield("spans", st.Lost)
	}
	if w.ladders != nil {
		yield("ladders", w.ladders.Stats().Cut)
	}
	for name, s := range w.streams {
		yield("redis_"+name, s.Stats().Lost)
	}
}
