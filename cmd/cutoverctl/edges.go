package main

import (
	"context"
	"fmt"
	"time"

	"github.com/speakops/sipedge/sipedge/admin"
	"github.com/speakops/sipedge/sipedge/admin/client"
)

// edgesCmd groups what concerns the fleet.
type edgesCmd struct {
	List       edgesListCmd  `cmd:"" default:"1" help:"Every edge of the fleet, by its last heartbeat."`
	Each       edgesEachCmd  `cmd:"" help:"Ask every edge of the configuration by itself."`
	DeclareOff declareOffCmd `cmd:"" help:"Declare that an edge is stopped for good."`
}

type edgesListCmd struct{}

// Run shows the fleet as one edge sees it.
func (c *edgesListCmd) Run(ctx context.Context, d *desk) error {
	edge, err := d.edge()
	if err != nil {
		return err
	}
	all, err := edge.Edges(ctx)
	if err != nil {
		return err
	}
	now := storeTime(ctx, edge)
	return d.show(admin.FleetList{Edges: all}, func(p *paper) { drawFleet(p, all, now) })
}

// storeTime is the clock that heartbeats go by; ours when it cannot be had.
func storeTime(ctx context.Context, edge *client.Client) time.Time {
	chain, err := edge.Chain(ctx)
	if err != nil || chain.Now.IsZero() {
		return time.Now()
	}
	return chain.Now
}

func drawFleet(p *paper, all []admin.FleetEdge, now time.Time) {
	var rows [][]any
	for _, e := range all {
		revision := fmt.Sprint(e.Committed)
		if e.Prepared != 0 {
			revision += fmt.Sprintf(" (%d unresolved)", e.Prepared)
		}
		rows = append(rows, []any{e.Edge, standing(&e), seen(e.Heartbeat, now), seconds(e.ClockError), seconds(e.TableAge), revision, acknowledged(&e), e.Dialogs, perSecond(&e)})
	}
	p.table([]string{"EDGE", "STATE", "SEEN", "CLOCK ERROR", "TABLE AGE", "REVISION", "PENDING", "DIALOGS", "LEGACY/SPEAKOPS/REFUSED PER S"}, rows)
}

func standing(e *admin.FleetEdge) cell {
	switch {
	case e.Off:
		return cell{"declared off", faint}
	case !e.Member:
		return cell{"no member", wary}
	case !e.Ready:
		return cell{"not ready: " + e.Because, bad}
	}
	return cell{"ready", good}
}

// aliveFor is how old a heartbeat may be before it is worth a colour.
const aliveFor = 5 * time.Second

func seen(at *time.Time, now time.Time) cell {
	if at == nil {
		return cell{"never", bad}
	}
	age := max(0, now.Sub(*at))
	c := cell{ago(age.Round(100 * time.Millisecond).Seconds()), plain}
	if age > aliveFor {
		c.shade = bad
	}
	return c
}

func acknowledged(e *admin.FleetEdge) cell {
	switch {
	case e.Acked == nil:
		return cell{}
	case *e.Acked:
		return cell{"acknowledged", good}
	}
	return cell{"waits", wary}
}

func perSecond(e *admin.FleetEdge) string {
	return fmt.Sprintf("%.1f / %.1f / %.1f", e.Legacy, e.SpeakOps, e.Refused)
}

type declareOffCmd struct {
	Edge    string `arg:"" placeholder:"EDGE" help:"Its identity, as edges shows it: edge-2~9x4c."`
	Reason  string `required:"" placeholder:"REASON" help:"For the journal."`
	Stopped moment `placeholder:"TIME" help:"It takes no calls since then: RFC 3339, or so long ago (-10m)."`
	Yes     bool   `short:"y" help:"Do not ask. It is asked twice."`
}

// Run asks twice: a running edge that is declared off goes on carrying calls by
// a timeline that nobody follows any more.
func (c *declareOffCmd) Run(ctx context.Context, d *desk) error {
	edge, err := d.edge()
	if err != nil {
		return err
	}
	now := storeTime(ctx, edge)
	stopped, err := c.Stopped.in(now)
	if err != nil {
		return badUsage{err}
	}
	if !c.Yes {
		all, err := edge.Edges(ctx)
		if err != nil {
			return err
		}
		drawFleet(&paper{out: d.Err, colour: d.colours()}, all, now)
	}
	if err := d.sure(c.Yes, "Is "+c.Edge+" really stopped, or its address withdrawn?"); err != nil {
		return err
	}
	if err := d.sure(c.Yes, "This is never taken back. Declare "+c.Edge+" off?"); err != nil {
		return err
	}
	if err := edge.DeclareOff(ctx, c.Edge, admin.DeclaringOff{Reason: c.Reason, Stopped: stopped, Confirm: c.Edge}); err != nil {
		return err
	}
	return d.show(admin.DeclaredOff{Edge: c.Edge, Off: true}, func(p *paper) { p.line("%s is declared off", p.in(plain, c.Edge)) })
}
