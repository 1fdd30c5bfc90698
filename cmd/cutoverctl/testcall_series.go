package main

import (
	"context"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/speakops/sipedge/sipedge/testcall"
)

// series is many calls, and what they came to.
type series struct {
	Calls   []tested `json:"calls"`
	Summary summary  `json:"summary"`
}

type summary struct {
	Calls   int                   `json:"calls"`
	Passed  int                   `json:"passed"`
	Failed  int                   `json:"failed"` // the call itself
	Sound   int                   `json:"failed_sound"`
	Silent  int                   `json:"unreachable"`
	Codes   map[int]int           `json:"codes"`
	Sides   map[string]int        `json:"sides,omitempty"`
	PDD     testcall.Milliseconds `json:"post_dial_delay_p50_ms"`
	PDD95   testcall.Milliseconds `json:"post_dial_delay_p95_ms"`
	Heard   uint64                `json:"packets_heard"`
	Lost    uint64                `json:"packets_lost"`
	WorstMS testcall.Milliseconds `json:"worst_jitter_ms"`
}

// series places c.Count calls, a few of them at once where --every wants it.
// Interrupted, it hangs up those under way and shows what there is.
func (c *testcallCmd) series(ctx context.Context, d *desk, call testcall.Call, asks asker) error {
	bar := d.bar(c.Count)
	var (
		mu  sync.Mutex
		all = make([]tested, 0, c.Count)
		up  sync.WaitGroup
	)
	room := make(chan struct{}, atOnceSeries)
	if c.Every <= 0 {
		room = make(chan struct{}, 1)
	}
	next := time.NewTimer(0)
	defer next.Stop()
	for range c.Count {
		select {
		case <-ctx.Done():
		case <-next.C:
		}
		select {
		case room <- struct{}{}:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			break
		}
		next.Reset(max(c.Every, time.Nanosecond))
		up.Go(func() {
			one := c.place(ctx, call, asks)
			<-room
			mu.Lock()
			defer mu.Unlock()
			all = append(all, one)
			_ = bar.Add(1) // a terminal that went away stops nothing
		})
	}
	up.Wait()
	_ = bar.Finish()
	slices.SortFunc(all, func(a, b tested) int { return a.Report.Begun.Compare(b.Report.Begun) })
	s := series{all, sum(all)}
	if err := d.show(s, func(p *paper) { drawSeries(p, &s) }); err != nil {
		return err
	}
	return s.exit()
}

// bar shows progress on a terminal and nothing elsewhere.
func (d *desk) bar(of int) *progressbar.ProgressBar {
	f, ok := d.Err.(*os.File)
	if !ok || !terminal(d.Err) || d.JSON && terminal(d.Out) {
		return progressbar.DefaultSilent(int64(of))
	}
	return progressbar.NewOptions(of, progressbar.OptionSetWriter(f), progressbar.OptionShowCount(), progressbar.OptionSetDescription("calls"),
		progressbar.OptionSetPredictTime(true), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish())
}

func sum(all []tested) summary {
	s := summary{Calls: len(all), Codes: map[int]int{}, Sides: map[string]int{}}
	var delays []testcall.Milliseconds
	for _, t := range all {
		switch code, _ := t.exit().(silent); int(code) {
		case exitOK:
			s.Passed++
		case exitUnreachable:
			s.Silent++
		case exitSound:
			s.Sound++
		default:
			s.Failed++
		}
		s.Codes[t.Code]++
		if t.Decision != nil {
			s.Sides[t.Decision.RoutingAuthority]++
		}
		if t.Code != 0 {
			delays = append(delays, t.PostDialDelay)
		}
		if m := t.Media; m != nil {
			s.Heard, s.Lost = s.Heard+m.Heard.Packets, s.Lost+m.Heard.Lost
			s.WorstMS = max(s.WorstMS, m.Heard.Jitter)
		}
	}
	if n := len(delays); n > 0 {
		slices.Sort(delays)
		s.PDD, s.PDD95 = delays[n/2], delays[n*95/100]
	}
	return s
}

// exit is the code of the worst call.
func (s *series) exit() error {
	switch x := &s.Summary; {
	case x.Silent > 0:
		return silent(exitUnreachable)
	case x.Failed > 0 || x.Calls == 0:
		return silent(exitFailed)
	case x.Sound > 0:
		return silent(exitSound)
	}
	return nil
}

func drawSeries(p *paper, s *series) {
	var rows [][]any
	for _, t := range s.Calls {
		side, gateway, heard := "", "", ""
		if d := t.Decision; d != nil {
			side, gateway = d.RoutingAuthority, d.Gateway
		}
		if m := t.Media; m != nil {
			heard = m.Heard.Jitter.String() + " jitter, " + percent(m.Heard.Loss) + " lost"
		}
		wrong := ""
		for _, w := range append(append([]string{}, t.Wrong...), t.Sounds...) {
			wrong = orElse(wrong, w)
		}
		rows = append(rows, []any{instant(t.Begun), cell{outcomeOf(&t), outcomeShade(&t)}, side, gateway, t.PostDialDelay, heard, cell{wrong, bad}})
	}
	p.table([]string{"BEGUN", "OUTCOME", "SIDE", "GATEWAY", "RANG AFTER", "HEARD", "WRONG"}, rows)
	x := &s.Summary
	shade := good
	if x.Passed < x.Calls {
		shade = bad
	}
	p.line("%s; rang after %s (median), %s (95th percentile); %d of %d packets lost", p.in(shade, count(x.Passed, "call")+" of "+count(x.Calls, "call")+" as expected"),
		x.PDD, x.PDD95, x.Lost, x.Lost+x.Heard)
}
