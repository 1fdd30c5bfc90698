package spans

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdk "go.opentelemetry.io/otel/sdk/trace"

	"github.com/speakops/sipedge/sipedge/observe"
)

// Options of an Exporter; zero values mean the defaults in parentheses.
type Options struct {
	Endpoint   string // host:port over gRPC, http:// or https:// over HTTP
	Edge       string
	Mask       bool          // of public numbers and callers only the ends are exported
	PerSecond  int           // failed calls exported although they were not sampled (100)
	Queue      int           // calls waiting (2048)
	Log        *slog.Logger  // told when the backend goes away and comes back (discarded)
	RetryFor   time.Duration // how long one batch is tried (30 s)
	FlushEvery time.Duration // longest wait of a call for others (1 s)
}

// Exporter turns finished calls into spans.
type Exporter struct {
	o    Options
	out  sdk.SpanExporter
	make *maker
	wake chan struct{}

	mu      sync.Mutex
	ring    []Call
	first   int
	waiting int
	second  int64
	tail    int
	stats   Stats
}

// Stats is what an Exporter tells about itself.
type Stats struct {
	Exported uint64 // spans
	Lost     uint64 // calls that found no room, or whose batch the backend did not take
	Beyond   uint64 // failed calls that were not sampled and over PerSecond
	Error    string // of the last batch, empty while it works
}

// New makes an Exporter; it connects when there is something to send.
func New(ctx context.Context, o Options) (*Exporter, error) {
	if o.PerSecond <= 0 {
		o.PerSecond = 100
	}
	if o.Queue <= 0 {
		o.Queue = 2048
	}
	if o.RetryFor <= 0 {
		o.RetryFor = 30 * time.Second
	}
	if o.FlushEvery <= 0 {
		o.FlushEvery = time.Second
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	out, err := client(ctx, &o)
	if err != nil {
		return nil, fmt.Errorf("spans: otlp exporter for %s: %w", o.Endpoint, err)
	}
	return &Exporter{o: o, out: out, make: newMaker(o.Edge, o.Mask), wake: make(chan struct{}, 1), ring: make([]Call, o.Queue)}, nil
}

const timeout = 10 * time.Second

func client(ctx context.Context, o *Options) (sdk.SpanExporter, error) {
	if u, err := url.Parse(o.Endpoint); strings.Contains(o.Endpoint, "://") && err == nil {
		options := []otlptracehttp.Option{
			otlptracehttp.WithEndpoint(u.Host), otlptracehttp.WithTimeout(timeout),
			otlptracehttp.WithRetry(otlptracehttp.RetryConfig{Enabled: true, InitialInterval: time.Second, MaxInterval: 5 * time.Second, MaxElapsedTime: o.RetryFor}),
		}
		if u.Scheme == "http" {
			options = append(options, otlptracehttp.WithInsecure())
		}
		if path := strings.TrimSuffix(u.Path, "/"); path != "" {
			options = append(options, otlptracehttp.WithURLPath(path+"/v1/traces"))
		}
		return otlptrace.New(ctx, otlptracehttp.NewClient(options...))
	}
	return otlptrace.New(ctx, otlptracegrpc.NewClient(
		otlptracegrpc.WithEndpoint(o.Endpoint), otlptracegrpc.WithInsecure(), otlptracegrpc.WithTimeout(timeout),
		otlptracegrpc.WithRetry(otlptracegrpc.RetryConfig{Enabled: true, InitialInterval: time.Second, MaxInterval: 5 * time.Second, MaxElapsedTime: o.RetryFor}),
	))
}

// Finished takes one call; it copies and never blocks. A call that was not
// sampled is taken only when it failed, and only so many a second.
func (e *Exporter) Finished(c *Call) {
	if !c.Sampled && !c.Failed {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if !c.Sampled {
		if now := c.Ended.Unix(); now != e.second {
			e.second, e.tail = now, 0
		}
		if e.tail++; e.tail > e.o.PerSecond {
			e.stats.Beyond++
			return
		}
	}
	if e.waiting == len(e.ring) {
		e.stats.Lost++
		return
	}
	e.ring[(e.first+e.waiting)%len(e.ring)] = *c
	e.waiting++
	if e.waiting == 1 || e.waiting == len(e.ring)/4 {
		select {
		case e.wake <- struct{}{}:
		default:
		}
	}
}

// Stats is a snapshot of the counters.
func (e *Exporter) Stats() Stats {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.stats
}

// batchSize bounds the calls of one export.
const batchSize = 256

// Run exports until ctx ends, then what waits, for at most three seconds.
func (e *Exporter) Run(ctx context.Context) error {
	for {
		select {
		case <-e.wake:
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
			defer cancel()
			e.drain(last)
			return e.out.Shutdown(last)
		}
		linger := time.NewTimer(e.o.FlushEvery)
		select {
		case <-linger.C:
		case <-e.wake:
		case <-ctx.Done():
		}
		linger.Stop()
		e.drain(ctx)
	}
}

func (e *Exporter) drain(ctx context.Context) {
	for ctx.Err() == nil {
		batch := e.take()
		if len(batch) == 0 {
			return
		}
		list := e.make.spans(batch)
		err := e.out.ExportSpans(ctx, list)
		e.note(len(batch), len(list), err)
	}
}

func (e *Exporter) take() []Call {
	e.mu.Lock()
	defer e.mu.Unlock()
	batch := make([]Call, min(e.waiting, batchSize))
	for i := range batch {
		at := (e.first + i) % len(e.ring)
		batch[i], e.ring[at] = e.ring[at], Call{}
	}
	e.first = (e.first + len(batch)) % len(e.ring)
	e.waiting -= len(batch)
	return batch
}

func (e *Exporter) note(calls, spans int, err error) {
	e.mu.Lock()
	was := e.stats.Error
	if err != nil {
		e.stats.Lost += uint64(calls)
		e.stats.Error = err.Error()
	} else {
		e.stats.Exported += uint64(spans)
		e.stats.Error = ""
	}
	e.mu.Unlock()
	switch {
	case err != nil && was == "":
		e.o.Log.Warn("spans are not taken by the backend; calls go on, spans are counted as lost", "endpoint", e.o.Endpoint, observe.KeyError, err)
	case err == nil && was != "":
		e.o.Log.Info("spans are taken by the backend again", "endpoint", e.o.Endpoint)
	}
}
