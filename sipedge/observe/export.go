package observe

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/contrib/instrumentation/runtime"
	"go.opentelemetry.io/otel/attribute"
	otelprom "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/metric"
	sdk "go.opentelemetry.io/otel/sdk/metric"
)

// Sources are read when Prometheus asks; each may be nil. What they yield is
// labelled with words and configured names only.
type Sources struct {
	Drops       func(yield func(reason string, n uint64)) // messages dropped before a shard saw them
	RecordsLost func(yield func(log string, n uint64))    // lines and entries that found no room
	RecordsDown func(yield func(log string, down bool))   // the last write did not work
	Messages    func(yield func(direction, transport string, n uint64))
	Media       func(yield func(result string, n uint64)) // packets at the relay, nil without one
	MediaCalls  func() int
	MediaPorts  func() MediaPorts
	GatewayUp   func(yield func(gateway string, up bool))
	Misrouted   func() uint64                                         // INVITEs sent to a gateway of another side than was decided
	CertExpiry  func(yield func(listener string, left time.Duration)) // of the listeners' certificates
	Ready       func() bool
	Numbers     func() int           // numbers in the table
	TableAge    func() time.Duration // since the store last confirmed the table
	ClockError  func() time.Duration // half the width of the interval of store time
	Revision    func() uint64        // of the fleet's schedule that is in force here
	Serving     func() bool          // the fleet counts on this edge
	Unresolved  func() bool          // a revision is prepared whose outcome is not known here
	NextStep    func() time.Duration // until numbers change hands by the schedule in force; Never when nothing is armed
}

// Never is what NextStep says when nothing is armed; it is shown as +Inf, so that
// "less than" holds for no alarm.
const Never = time.Duration(math.MaxInt64)

// Exporter serves the metrics to Prometheus.
type Exporter struct {
	http.Handler
	provider *sdk.MeterProvider
}

// NewExporter joins Metrics, Sources, and the collectors of the Go runtime and
// the process under one handler, for GET /metrics.
// Further options, such as a reader that exports over OTLP, apply to what the
// edge counts and to what OpenTelemetry says of the Go runtime.
func NewExporter(m *Metrics, from Sources, more ...sdk.Option) (*Exporter, error) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	reader, err := otelprom.New(
		otelprom.WithRegisterer(registry),
		otelprom.WithoutScopeInfo(),
		otelprom.WithoutTargetInfo(),
		otelprom.WithProducer(&histograms{m}),
	)
	if err != nil {
		return nil, fmt.Errorf("observe: prometheus exporter: %w", err)
	}
	// The SDK would fold everything beyond 2000 series into one; the fixed sets
	// bound them here.
	provider := sdk.NewMeterProvider(append([]sdk.Option{sdk.WithReader(reader), sdk.WithCardinalityLimit(0)}, more...)...)
	if err := runtime.Start(runtime.WithMeterProvider(provider)); err != nil {
		return nil, fmt.Errorf("observe: runtime metrics: %w", err)
	}
	r := registrar{meter: provider.Meter("github.com/speakops/sipedge")}
	r.tables(m)
	r.gauges(m)
	r.sources(from)
	if r.err != nil {
		return nil, fmt.Errorf("observe: metrics: %w", r.err)
	}
	return &Exporter{
		Handler: promhttp.HandlerFor(registry, promhttp.HandlerOpts{
			// A scraper that never reads must not pile up.
			MaxRequestsInFlight: 4,
			Timeout:             10 * time.Second,
			EnableOpenMetrics:   true, // exemplars are in no other format
		}),
		provider: provider,
	}, nil
}

// Shutdown ends the provider; the handler answers with nothing from then on.
func (e *Exporter) Shutdown(ctx context.Context) error { return e.provider.Shutdown(ctx) }

// registrar makes observable instruments and keeps the first error.
type registrar struct {
	meter metric.Meter
	err   error
}

func (r *registrar) note(err error) {
	if r.err == nil {
		r.err = err
	}
}

func (r *registrar) counter(name, help string, read func(o metric.Int64Observer)) {
	_, err := r.meter.Int64ObservableCounter(name, metric.WithDescription(help),
		metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error { read(o); return nil }))
	r.note(err)
}

func (r *registrar) gauge(name, help string, read func(o metric.Int64Observer)) {
	_, err := r.meter.Int64ObservableGauge(name, metric.WithDescription(help),
		metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error { read(o); return nil }))
	r.note(err)
}

func (r *registrar) seconds(name, help string, read func() time.Duration) {
	if read == nil {
		return
	}
	_, err := r.meter.Float64ObservableGauge(name, metric.WithDescription(help), metric.WithUnit("s"),
		metric.WithFloat64Callback(func(_ context.Context, o metric.Float64Observer) error {
			if d := read(); d != Never {
				o.Observe(d.Seconds())
			} else {
				o.Observe(math.Inf(1))
			}
			return nil
		}))
	r.note(err)
}

func (r *registrar) wholeTable(name, help string, t *Table, nameLabel, wordLabel string) {
	r.rows(name, help, t.all, nameLabel, wordLabel)
}

func (r *registrar) table(name, help string, t *Table, nameLabel, wordLabel string) {
	r.rows(name, help, t.each, nameLabel, wordLabel)
}

func (r *registrar) rows(name, help string, rows func(func(name, word string, n uint64)), nameLabel, wordLabel string) {
	r.counter(name, help, func(o metric.Int64Observer) {
		rows(func(name, word string, n uint64) {
			o.Observe(int64(n), metric.WithAttributes(attribute.String(nameLabel, name), attribute.String(wordLabel, word)))
		})
	})
}

func (r *registrar) tables(m *Metrics) {
	r.table(nameCalls, "INVITEs decided, by trunk and reason.", m.calls, KeyTrunk, KeyBecause)
	r.table(nameRefusals, "Calls refused, by trunk and outcome.", m.refusals, KeyTrunk, KeyOutcome)
	r.table(nameAnswers, "Final responses to INVITEs, by trunk and code.", m.answers, KeyTrunk, KeyCode)
	r.table(nameAttempts, "Attempts at gateways, by gateway and result.", m.attempts, KeyGateway, labelResult)
	// Shown at zero too: an alarm on growth needs the series before the first one.
	r.wholeTable(nameOneWay, "Anchored calls in which an end was not heard while the other one talked, by trunk and who was not heard.", m.oneWay, KeyTrunk, labelNotHeard)
	r.wholeTable(nameRescues, "Calls whose own side failed as an exception is for, by the exception and what became of them.", m.rescues, KeyBecause, labelResult)
	r.table(nameStreams, "Directions of finished audio streams, by trunk and how they sounded.", m.sound, KeyTrunk, labelSound)
	r.table(nameHeard, "Packets of finished audio streams, by trunk and what became of them.", m.heard, KeyTrunk, labelResult)
	// Panics are shown at zero too: an alarm on their rate needs the series to
	// be there before the first one.
	r.counter(namePanics, "Panics caught, by the place that caught them.", func(o metric.Int64Observer) {
		for i, where := range m.panics.table.words {
			o.Observe(int64(m.panics.n[i].Value()), metric.WithAttributes(attribute.String(labelWhere, where)))
		}
	})
}

func (r *registrar) gauges(m *Metrics) {
	for _, g := range []struct {
		name, help string
		from       *Gauge
	}{
		{nameInFlight, "INVITEs without a final answer.", &m.InFlight},
		{nameHeld, "INVITEs waiting for the clock, or for a number to be looked up.", &m.Held},
		{nameDialogs, "Calls that are up.", &m.Dialogs},
	} {
		r.gauge(g.name, g.help, func(o metric.Int64Observer) { o.Observe(g.from.Value()) })
	}
}

func (r *registrar) sources(from Sources) {
	if from.Drops != nil {
		r.labelled(nameDrops, "Messages dropped before they were handled, by reason.", KeyReason, from.Drops)
	}
	if from.RecordsLost != nil {
		r.labelled(nameRecordsLost, "Records that found no room, by log.", labelLog, from.RecordsLost)
	}
	if from.RecordsDown != nil {
		r.gauge(nameRecordsDown, "1 while records cannot be written, by log.", func(o metric.Int64Observer) {
			from.RecordsDown(func(log string, down bool) {
				o.Observe(oneIf(down), metric.WithAttributes(attribute.String(labelLog, log)))
			})
		})
	}
	r.media(from)
	if from.Messages != nil {
		r.counter(nameMessages, "SIP messages, by direction and transport.", func(o metric.Int64Observer) {
			from.Messages(func(direction, transport string, n uint64) {
				o.Observe(int64(n), metric.WithAttributes(attribute.String(labelDirection, direction), attribute.String(KeyTransport, transport)))
			})
		})
	}
	if from.GatewayUp != nil {
		r.gauge(nameGatewayUp, "1 while a gateway is taken for alive.", func(o metric.Int64Observer) {
			from.GatewayUp(func(gateway string, up bool) {
				o.Observe(oneIf(up), metric.WithAttributes(attribute.String(KeyGateway, gateway)))
			})
		})
	}
	if from.Misrouted != nil {
		r.counter(nameMisrouted, "INVITEs sent to a gateway of another side than was decided; there is no way for it to count.", func(o metric.Int64Observer) {
			o.Observe(int64(from.Misrouted()))
		})
	}
	if from.CertExpiry != nil {
		_, err := r.meter.Float64ObservableGauge(nameCertExpiry, metric.WithDescription("Time until a listener's certificate is no longer valid."), metric.WithUnit("s"),
			metric.WithFloat64Callback(func(_ context.Context, o metric.Float64Observer) error {
				from.CertExpiry(func(listener string, left time.Duration) {
					o.Observe(left.Seconds(), metric.WithAttributes(attribute.String(labelListener, listener)))
				})
				return nil
			}))
		r.note(err)
	}
	if from.Ready != nil {
		r.gauge(nameReady, "1 while /readyz answers 200.", func(o metric.Int64Observer) { o.Observe(oneIf(from.Ready())) })
	}
	if from.Numbers != nil {
		r.gauge(nameNumbers, "Numbers in the table.", func(o metric.Int64Observer) { o.Observe(int64(from.Numbers())) })
	}
	if from.Revision != nil {
		r.gauge(nameRevision, "Revision of the fleet's schedule in force on this edge.", func(o metric.Int64Observer) { o.Observe(int64(from.Revision())) })
	}
	if from.Serving != nil {
		r.gauge(nameServing, "1 while the fleet counts on this edge.", func(o metric.Int64Observer) { o.Observe(oneIf(from.Serving())) })
	}
	if from.Unresolved != nil {
		r.gauge(nameUnresolved, "1 while a revision is prepared here whose outcome is not known.", func(o metric.Int64Observer) { o.Observe(oneIf(from.Unresolved())) })
	}
	r.seconds(nameNextStep, "Time until numbers change hands by the schedule in force; +Inf when nothing is armed.", from.NextStep)
	r.seconds(nameTableAge, "Time since the store last confirmed the table.", from.TableAge)
	r.seconds(nameClockError, "Half the width of the interval of store time.", from.ClockError)
}

func (r *registrar) media(from Sources) {
	if from.Media != nil {
		r.labelled(nameMediaPackets, "Packets at the media relay, by what became of them.", labelResult, from.Media)
	}
	if from.MediaCalls != nil {
		r.gauge(nameMediaCalls, "Calls whose media runs through this edge.", func(o metric.Int64Observer) { o.Observe(int64(from.MediaCalls())) })
	}
	if from.MediaPorts != nil {
		r.gauge(nameMediaPorts, "Pairs of media ports, by state.", func(o metric.Int64Observer) {
			p := from.MediaPorts()
			for _, s := range []struct {
				state string
				n     int
			}{{"used", p.Used}, {"resting", p.Resting}, {"free", p.All - p.Used - p.Resting}} {
				o.Observe(int64(s.n), metric.WithAttributes(attribute.String(KeyState, s.state)))
			}
		})
	}
}

func (r *registrar) labelled(name, help, label string, read func(yield func(string, uint64))) {
	r.counter(name, help, func(o metric.Int64Observer) {
		read(func(word string, n uint64) {
			o.Observe(int64(n), metric.WithAttributes(attribute.String(label, word)))
		})
	})
}

func oneIf(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
