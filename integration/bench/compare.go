package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/speakops/sipedge/integration/bench/site"
)

type compare struct {
	Systems []string      `default:"kamailio-table,kamailio-redis,edge,floor" help:"Which, in the order of their turns: ${enum}." enum:"kamailio-table,kamailio-redis,kamailio-duties,edge,floor"`
	Ladder  []int         `default:"1000,2000,3000,5000,8000" help:"Calls per second."`
	For     time.Duration `default:"10s" help:"Length of a rung."`
	Rounds  int           `default:"1" help:"Turns of each system."`
	Hold    time.Duration `default:"50ms" help:"Between ACK and BYE."`
	Probes  float64       `default:"100" help:"Latency probes per second beside the load."`
	Save    string        `help:"Folder for compare.json, compare.md and compare.svg."`
	Settle  time.Duration `default:"3s" help:"Pause before each rung."`
}

// Results are the figures of one run.
type Results struct {
	Machine string      `json:"machine"`
	Numbers int         `json:"numbers"`
	Rungs   []site.Rung `json:"rungs"`
}

// Run visits the systems in turn, round by round, and prints a table.
func (c *compare) Run(ctx context.Context, b *bench) error {
	out := Results{Machine: machineLine(), Numbers: len(b.Numbers)}
	all := site.Systems(b.edge, b.floor)
	for round := range c.Rounds {
		for _, name := range c.Systems {
			i := slices.IndexFunc(all, func(s site.System) bool { return s.Name == name })
			rungs, err := c.visit(ctx, b, all[i], round)
			if err != nil {
				return err
			}
			out.Rungs = append(out.Rungs, rungs...)
		}
	}
	text := table(out, all)
	fmt.Print(text)
	if c.Save == "" {
		return nil
	}
	record, err := json.MarshalIndent(out, "", " ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(c.Save, 0o755); err != nil {
		return err
	}
	for name, content := range map[string][]byte{"compare.json": append(record, '\n'), "compare.md": []byte(text), "compare.svg": plot(out)} {
		if err := os.WriteFile(filepath.Join(c.Save, name), content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// visit is one turn of one system.
func (c *compare) visit(ctx context.Context, b *bench, sys site.System, round int) ([]site.Rung, error) {
	note("%s, round %d: %s", sys.Name, round+1, sys.Note)
	r, err := b.Start(ctx, sys)
	if err != nil {
		return nil, err
	}
	defer r.Stop()
	if _, err := r.Drive(ctx, site.Load{Rate: 200, Calls: 400, Hold: c.Hold}); err != nil { // to warm up
		return nil, err
	}
	var rungs []site.Rung
	for _, rate := range c.Ladder {
		time.Sleep(c.Settle)
		rung, err := r.Drive(ctx, site.Load{Rate: rate, Calls: int(c.For.Seconds() * float64(rate)), Hold: c.Hold, Probes: c.Probes})
		if err != nil {
			return nil, err
		}
		note("%s", line(rung))
		rungs = append(rungs, rung)
		if rung.Failed > rung.Calls/20 {
			break // higher rates would say nothing
		}
	}
	return rungs, nil
}

func line(r site.Rung) string {
	mark := ""
	if r.Noisy() {
		mark = fmt.Sprintf(" (others used %.0f %% of the machine)", 100*r.Foreign)
	}
	return fmt.Sprintf("%-15s %5d/s  failed %d  misrouted %d  retransmitted %d  %.1f us/call  x_gen %.2f  %.0f MB  180 after p50 %.2f p99 %.2f ms%s",
		r.System, r.Rate, r.Failed, r.Misrouted, r.Retransmissions, r.CPU(), r.XGen(), float64(r.Memory)/1e6, r.Ringing.P50, r.Ringing.P99, mark)
}
