package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/speakops/sipedge/integration/bench/site"
)

type overload struct {
	Share  float64       `default:"0.2" help:"Of one processor that the edge gets, so that callers on this machine can overload it."`
	First  float64       `default:"250" help:"Calls per second of the first step; each further one is a quarter more, until no more are answered."`
	For    time.Duration `default:"6s" help:"Length of each step."`
	Twice  time.Duration `default:"12s" help:"Length of each stretch at twice the capacity."`
	Ignore float64       `default:"0.80" help:"Of the peak that must be answered where callers ignore the edge."`
	Obey   float64       `default:"0.95" help:"Of the peak that must be answered where callers speak RFC 7339 or 7415."`
}

// Run finds the highest rate at which calls are answered, and then wants twice as
// many: of callers that ignore the edge, and of callers that heed what it says.
func (o *overload) Run(ctx context.Context, b *bench) error {
	r, err := b.Start(ctx, site.Edge("edge", "too many calls", b.edge, site.Settings{QueueDelay: 20 * time.Millisecond}))
	if err != nil {
		return err
	}
	defer r.Stop()
	undo, err := r.Throttle(o.Share)
	if err != nil {
		return err
	}
	defer undo()
	peak, err := o.peak(ctx, r)
	if err != nil {
		return err
	}
	fmt.Printf("peak: %.0f calls answered a second with %.0f %% of a processor\n", peak, 100*o.Share)
	var short error
	for _, obey := range []string{"", "loss", "rate"} {
		t, err := r.Face(ctx, site.Crowd{Rate: 2 * peak, For: o.Twice, Settle: o.Twice / 3, Obey: obey})
		if err != nil {
			return err
		}
		got := t.Goodput() / peak
		fmt.Printf("twice that, callers that %-12s %.0f answered a second: %.0f %% of the peak; %d kept back, %d refused at %.2f datagrams each, %d lost, %d repeated, 180 p99 %.0f ms, Retry-After %s\n",
			map[string]string{"": "ignore it:", "loss": "obey (loss):", "rate": "obey (rate):"}[obey], t.Goodput(), 100*got, t.Kept, t.Refused, t.Frames(), t.Lost, t.Repeated, t.Ringing.P99, spread(t.RetryAfters))
		want := o.Obey
		if obey == "" {
			want = o.Ignore
		}
		if got < want {
			short = errors.Join(short, fmt.Errorf("callers that obey %q: %.2f of the peak, want %.2f", obey, got, want))
		}
		if t.Frames() > 3.001 {
			short = errors.Join(short, fmt.Errorf("a refusal costs %.2f datagrams, want 3 at most", t.Frames()))
		}
		time.Sleep(3 * time.Second) // until nothing of it is left
	}
	return short
}

// peak raises the rate until fewer calls are answered than before.
func (o *overload) peak(ctx context.Context, r *site.Running) (peak float64, err error) {
	worse := 0
	for rate := o.First; worse < 2 && rate < 50_000; rate *= 1.25 {
		t, err := r.Face(ctx, site.Crowd{Rate: rate, For: o.For, Settle: o.For / 3})
		if err != nil {
			return 0, err
		}
		note("%.0f calls/s wanted: %.0f answered, %d refused, %d lost, 180 p99 %.0f ms", rate, t.Goodput(), t.Refused, t.Lost, t.Ringing.P99)
		if worse++; t.Goodput() > peak*1.02 {
			peak, worse = t.Goodput(), 0
		}
	}
	return peak, nil
}

// spread is the least and the most of the seconds that refused callers were told.
func spread(told map[string]int) string {
	least, most := 0, 0
	for text := range told {
		n, err := strconv.Atoi(text)
		if err != nil {
			return fmt.Sprintf("%q", text)
		}
		if least == 0 || n < least {
			least = n
		}
		most = max(most, n)
	}
	return fmt.Sprintf("%d to %d s", least, most)
}
