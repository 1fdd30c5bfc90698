package observe

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// histograms hands our buckets to the exporter: OpenTelemetry has observable
// counters and gauges, but no histogram that is read instead of written.
type histograms struct{ m *Metrics }

// Produce implements the SDK's Producer.
func (h *histograms) Produce(context.Context) ([]metricdata.ScopeMetrics, error) {
	now := time.Now()
	var out []metricdata.Metrics
	for _, x := range []struct {
		name, help string
		from       *Histogram
	}{
		{nameSetupTime, "From INVITE to its 2xx.", h.m.SetupTime},
		{namePostDialDelay, "From INVITE to the first 18x relayed.", h.m.PostDialDelay},
		{nameQueueDelay, "How long a message waited for its shard.", h.m.QueueDelay},
		{nameMediaJitter, "Mean jitter of one direction of an audio stream.", h.m.MediaJitter},
	} {
		out = append(out, metricdata.Metrics{
			Name: x.name, Description: x.help, Unit: "s",
			Data: metricdata.Histogram[float64]{
				Temporality: metricdata.CumulativeTemporality,
				DataPoints:  []metricdata.HistogramDataPoint[float64]{x.from.point(h.m.start, now)},
			},
		})
	}
	return []metricdata.ScopeMetrics{{
		Scope:   instrumentation.Scope{Name: "github.com/speakops/sipedge"},
		Metrics: out,
	}}, nil
}
