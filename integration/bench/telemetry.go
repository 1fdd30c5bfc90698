package main

import (
	"context"
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/speakops/sipedge/integration/bench/site"
)

type telemetry struct {
	Rate   int           `default:"2000" help:"Calls per second."`
	For    time.Duration `default:"8s" help:"Length of a turn."`
	Rounds int           `default:"3" help:"Turns of each."`
	Bound  float64       `default:"10" help:"Percent that all of it may cost; 0: no bound."`
}

// Run compares an edge that records, logs, traces and mirrors everything with
// one that does none of it, turn by turn.
func (t *telemetry) Run(ctx context.Context, b *bench) error {
	sink, err := net.ListenPacket("udp", "127.0.0.1:0") // a Homer that reads nothing
	if err != nil {
		return err
	}
	defer sink.Close()
	// Nobody listens for traces: a backend that is down must cost no more.
	on := fmt.Sprintf("telemetry:\n  log: { level: info, format: json }\n  prometheus: true\n  otlp: { endpoint: \"http://127.0.0.1:9\", sample: 0.01 }\n  hep: { address: %q }\n", sink.LocalAddr())
	off := "telemetry:\n  log: { level: error, format: json }\n  prometheus: false\n  ladders: { memory: 0 }\nrecords: { decisions: none, cdr: none }\n"
	costs := map[string][]float64{}
	turns := []string{"off", "on"}
	for range t.Rounds {
		for _, name := range turns {
			extra := map[string]string{"off": off, "on": on}[name]
			rung, err := b.one(ctx, site.Edge("edge-"+name, "telemetry "+name, b.edge, site.Settings{Extra: extra}),
				site.Load{Rate: t.Rate, Calls: int(t.For.Seconds() * float64(t.Rate)), Hold: 50 * time.Millisecond})
			if err == nil && rung.Failed > rung.Calls/100 {
				err = fmt.Errorf("telemetry %s: %d of %d calls failed: this measures nothing", name, rung.Failed, rung.Calls)
			}
			if err != nil {
				return err
			}
			costs[name] = append(costs[name], rung.XGen())
		}
		slices.Reverse(turns) // whoever goes first has the cooler machine
	}
	mid := func(v []float64) float64 { slices.Sort(v); return v[len(v)/2] }
	more := 100 * (mid(costs["on"])/mid(costs["off"]) - 1)
	fmt.Printf("x_gen: off %.3f, on %.3f: %+.1f %%\n", mid(costs["off"]), mid(costs["on"]), more)
	if t.Bound > 0 && more > t.Bound {
		return fmt.Errorf("all telemetry costs %.1f %% CPU a call, more than %.0f", more, t.Bound)
	}
	return nil
}
