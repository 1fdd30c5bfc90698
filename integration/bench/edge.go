package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/speakops/sipedge/integration/bench/site"
)

type transports struct {
	Systems []string      `default:"floor,edge" enum:"floor,edge" help:"Which: ${enum}."`
	By      []string      `default:"udp,tcp,tls" enum:"udp,tcp,tls" help:"Which transports, the first being the measure: ${enum}."`
	Rate    int           `default:"1000" help:"Calls per second."`
	For     time.Duration `default:"10s" help:"Length of each."`
}

// Run prints what a call costs behind each transport, over UDP's cost: of the
// edge, and of a program that moves the same bytes and does nothing else.
func (t *transports) Run(ctx context.Context, b *bench) error {
	systems := map[string]func(transport string) site.System{
		"edge": func(by string) site.System {
			return site.Edge("edge-"+by, "trunk by "+by, b.edge, site.Settings{Transport: by})
		},
		"floor": func(by string) site.System { return site.Floor(b.floor, by) },
	}
	for _, name := range t.Systems {
		first := 0.0
		for _, transport := range t.By {
			rung, err := b.one(ctx, systems[name](transport),
				site.Load{Rate: t.Rate, Calls: int(t.For.Seconds() * float64(t.Rate)), Hold: 50 * time.Millisecond, Transport: transport})
			if err != nil {
				return err
			}
			if first == 0 {
				first = rung.CPU()
			}
			fmt.Printf("%-5s %-4s %6d calls/s  failed %d  %.1f us/call  %.2f of %s\n", name, transport, t.Rate, rung.Failed, rung.CPU(), rung.CPU()/first, t.By[0])
		}
	}
	return nil
}

// one starts an edge, warms it up and drives one load, and meanwhile does what is
// to be done beside it.
func (b *bench) one(ctx context.Context, sys site.System, l site.Load, beside ...func()) (site.Rung, error) {
	note("%s: %s", sys.Name, sys.Note)
	r, err := b.Start(ctx, sys)
	if err != nil {
		return site.Rung{}, err
	}
	defer r.Stop()
	warm := l
	warm.Rate, warm.Calls, warm.Probes = min(l.Rate, 500), min(l.Rate, 1000), 0
	if _, err := r.Drive(ctx, warm); err != nil {
		return site.Rung{}, err
	}
	var others sync.WaitGroup
	defer others.Wait()
	for _, f := range beside {
		others.Go(f)
	}
	rung, err := r.Drive(ctx, l)
	note("%s", line(rung))
	return rung, err
}

type memory struct {
	Rate  int           `default:"3000" help:"Calls per second."`
	For   time.Duration `default:"60s" help:"Time at the rate before each reading."`
	Bound int64         `default:"128" help:"MB that may be held at each reading; 0: no bound."`
}

// Run reads the edge's memory twice, at the end of each stretch.
func (m *memory) Run(ctx context.Context, b *bench) error {
	r, err := b.Start(ctx, site.Edge("edge", "memory at a steady rate", b.edge, site.Settings{}))
	if err != nil {
		return err
	}
	defer r.Stop()
	var beyond error
	for i := range 2 {
		note("%d calls/s for %v", m.Rate, m.For)
		rung, err := r.Drive(ctx, site.Load{Rate: m.Rate, Calls: m.Rate * int(m.For.Seconds()), Hold: 50 * time.Millisecond, Probes: 100})
		if err != nil {
			return err
		}
		fmt.Printf("after %v at %d calls/s: %.0f MB, failed %d, 180 p99 %.2f ms, p99.9 %.2f ms, 100 p99 %.2f ms\n", time.Duration(i+1)*m.For, m.Rate,
			float64(rung.Memory)/1e6, rung.Failed, rung.Ringing.P99, rung.Ringing.P999, rung.Trying.P99)
		if m.Bound > 0 && rung.Memory > m.Bound*1_000_000 {
			beyond = errors.Join(beyond, fmt.Errorf("%.0f MB after %v, more than %d", float64(rung.Memory)/1e6, time.Duration(i+1)*m.For, m.Bound))
		}
	}
	return beyond
}

type hold struct {
	Calls int           `default:"50000" help:"Calls held at once."`
	Rate  int           `default:"1000" help:"Calls per second while they are set up."`
	For   time.Duration `default:"40s" help:"How long they are held once all stand."`
}

// Run sets up calls, holds them, and divides what the edge's memory grew by.
func (h *hold) Run(ctx context.Context, b *bench) error {
	r, err := b.Start(ctx, site.Edge("edge", "calls held", b.edge, site.Settings{}))
	if err != nil {
		return err
	}
	defer r.Stop()
	if _, err := r.Drive(ctx, site.Load{Rate: 500, Calls: 1000, Hold: 50 * time.Millisecond}); err != nil {
		return err
	}
	setup := time.Duration(h.Calls) * time.Second / time.Duration(h.Rate)
	before := r.Memory()
	type answer struct {
		rung site.Rung
		err  error
	}
	done := make(chan answer, 1)
	go func() {
		// All of them last until the last has been held long enough.
		rung, err := r.Drive(ctx, site.Load{Rate: h.Rate, Calls: h.Calls, Hold: setup + h.For, Open: h.Calls + 1000})
		done <- answer{rung, err}
	}()
	note("setting up %d calls at %d/s", h.Calls, h.Rate)
	// The transactions of the last ones are forgotten 32 s later (RFC 6026, timer L).
	select {
	case <-time.After(setup + h.For - 3*time.Second):
	case a := <-done:
		return errors.Join(fmt.Errorf("the calls ended early: %d of %d failed", a.rung.Failed, h.Calls), a.err)
	}
	held := r.Memory()
	fmt.Printf("%d calls held: %.0f MB, %.0f MB before: %.0f bytes a call\n", h.Calls, float64(held)/1e6, float64(before)/1e6, float64(held-before)/float64(h.Calls))
	note("waiting for their end")
	a := <-done
	fmt.Printf("after their end: %.0f MB, failed %d\n", float64(r.Memory())/1e6, a.rung.Failed)
	return a.err
}
