package observe

import (
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// Histogram counts durations in fixed buckets, without a lock.
type Histogram struct {
	bounds []time.Duration
	counts []atomic.Uint64          // one more than bounds: the last has no upper bound
	sum    atomic.Int64             // nanoseconds; enough for 292 years of waiting
	traced []atomic.Pointer[traced] // of each bucket the last time that has a trace
}

// The bounds are chosen where promises are made: 20 ms to the 100 Trying, the
// 3 s and 4 s after which upstreams and gateways give up, the 180 s of a setup.
var (
	setupBounds = []time.Duration{
		5 * ms, 10 * ms, 20 * ms, 50 * ms, 100 * ms, 200 * ms, 500 * ms, 1 * sec, 2 * sec, 3 * sec, 4 * sec, 6 * sec, 8 * sec,
		12 * sec, 20 * sec, 30 * sec, 60 * sec, 90 * sec, 120 * sec, 180 * sec,
	}
	queueBounds = []time.Duration{
		50 * us, 100 * us, 200 * us, 500 * us, 1 * ms, 2 * ms, 5 * ms, 10 * ms, 20 * ms, 50 * ms, 100 * ms, 200 * ms, 500 * ms, 1 * sec,
	}
)

const us, ms, sec = time.Microsecond, time.Millisecond, time.Second

func newHistogram(bounds []time.Duration) *Histogram {
	return &Histogram{bounds: bounds, counts: make([]atomic.Uint64, len(bounds)+1), traced: make([]atomic.Pointer[traced], len(bounds)+1)}
}

// traced is an exemplar: one duration whose call can be looked at.
type traced struct {
	trace [16]byte
	took  time.Duration
	at    time.Time
}

// Observe counts one duration; a negative one (two clocks) counts as zero.
func (h *Histogram) Observe(d time.Duration) { h.ObserveTraced(d, nil) }

// ObserveTraced is Observe for a duration that belongs to a trace, nil for none.
func (h *Histogram) ObserveTraced(d time.Duration, trace *[16]byte) {
	d = max(0, d)
	i := 0
	for i < len(h.bounds) && d > h.bounds[i] {
		i++
	}
	h.counts[i].Add(1)
	h.sum.Add(int64(d))
	if trace != nil {
		h.traced[i].Store(&traced{*trace, d, time.Now()})
	}
}

// Count is how many durations were observed.
func (h *Histogram) Count() (n uint64) {
	for i := range h.counts {
		n += h.counts[i].Load()
	}
	return n
}

// point is the state now. The count is the sum of the buckets read, so the two
// always agree; the sum of durations may be a few observations ahead or behind.
func (h *Histogram) point(start, now time.Time) metricdata.HistogramDataPoint[float64] {
	p := metricdata.HistogramDataPoint[float64]{StartTime: start, Time: now, Sum: time.Duration(h.sum.Load()).Seconds()}
	for _, b := range h.bounds {
		p.Bounds = append(p.Bounds, b.Seconds())
	}
	for i := range h.counts {
		n := h.counts[i].Load()
		p.BucketCounts = append(p.BucketCounts, n)
		p.Count += n
		if e := h.traced[i].Load(); e != nil {
			p.Exemplars = append(p.Exemplars, metricdata.Exemplar[float64]{Time: e.at, Value: e.took.Seconds(), TraceID: e.trace[:]})
		}
	}
	return p
}
