package main

import (
	"context"
	"fmt"

	"github.com/speakops/sipedge/sipedge/admin"
)

type limitsCmd struct {
	Offenders int `default:"5" placeholder:"N" help:"Show so many of the unknown sources that knock most."`
}

// closeToLimits is what limits prints.
type closeToLimits struct {
	admin.LimitList
	Offenders []admin.Offender `json:"offenders"`
}

// Run implements the command.
func (c *limitsCmd) Run(ctx context.Context, d *desk) error {
	edge, err := d.edge()
	if err != nil {
		return err
	}
	all, err := edge.Limits(ctx)
	if err != nil {
		return err
	}
	offenders, err := edge.Offenders(ctx)
	if err != nil {
		return err
	}
	offenders = offenders[:min(max(c.Offenders, 0), len(offenders))]
	return d.show(closeToLimits{all, offenders}, func(p *paper) {
		var rows [][]any
		for _, l := range all.Limits {
			rows = append(rows, []any{l.Trunk, used(l.Up, l.ShareConcurrent), of(l.ShareConcurrent, l.Concurrent), rateOf(l), fmt.Sprint(l.OverConcurrent), fmt.Sprint(l.OverRate)})
		}
		p.table([]string{"TRUNK", "CALLS HERE", "SHARE", "CALLS/S HERE", "REFUSED: FULL", "TOO FAST"}, rows)
		rows = [][]any{{"calls being set up", used(all.InFlight, all.MaxFlight)}, {"calls up", used(all.Dialogs, all.MaxDialogs)}, {"new calls shed", shed(all.Shed)}}
		p.table([]string{"THE EDGE", ""}, rows)
		rows = nil
		for _, o := range offenders {
			rows = append(rows, []any{o.Source, fmt.Sprint(o.Count), fmt.Sprint(o.Scans), o.Last.UTC().Format("2006-01-02 15:04:05Z")})
		}
		if len(rows) > 0 {
			p.table([]string{"UNKNOWN SOURCE", "MESSAGES", "SCANS", "LAST"}, rows)
		}
	})
}

// of is a share of a limit in words.
func of(share, limit int) string {
	switch {
	case limit == 0:
		return "no limit"
	case share == limit:
		return "all"
	}
	return fmt.Sprintf("%d of %d", share, limit)
}

func rateOf(l admin.Limit) string {
	switch {
	case l.CPS == 0:
		return "no limit"
	case l.ShareCPS == l.CPS:
		return fmt.Sprintf("%g", l.CPS)
	}
	return fmt.Sprintf("%g of %g", l.ShareCPS, l.CPS)
}

func shed(part float64) cell {
	c := cell{fmt.Sprintf("%.0f %%", 100*part), plain}
	if part > 0 {
		c.shade = bad
	}
	return c
}
