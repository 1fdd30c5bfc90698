package main

import (
	"context"

	"github.com/speakops/sipedge/sipedge/admin"
)

type statusCmd struct {
	Cutover string `arg:"" optional:"" placeholder:"CUTOVER" help:"A cutover instead of the edge; with --watch, only this one."`
	Watch   bool   `short:"w" help:"A live board: edges, acknowledgements, countdown, calls per side and second, the first call on the new side."`
}

// overview is what status shows.
type overview struct {
	admin.Status
	Ready    bool           `json:"ready"`
	Reasons  []admin.Reason `json:"reasons,omitempty"`
	Degraded []admin.Reason `json:"degraded,omitempty"`
}

// Run implements the command.
func (c *statusCmd) Run(ctx context.Context, d *desk) error {
	if c.Watch {
		return watch(ctx, d, c.Cutover)
	}
	if c.Cutover != "" {
		return (&cutoversCmd{c.Cutover}).Run(ctx, d)
	}
	edge, err := d.edge()
	if err != nil {
		return err
	}
	s, err := edge.Status(ctx)
	if err != nil {
		return err
	}
	r, err := edge.Ready(ctx)
	if err != nil {
		return err
	}
	o := overview{s, r.Ready, r.Reasons, r.Degraded}
	return d.show(o, o.draw)
}

func (o overview) draw(p *paper) {
	p.pairs("edge", cell{o.Edge, bold}, "state", o.state(), "version", o.Version, "since", instant(o.Started),
		"calls", count(o.Dialogs, "dialog")+", "+count(o.InFlight, "INVITE")+" without an answer, "+count(o.Held, "call")+" held for the clock",
		"numbers", count(o.Numbers, "number")+", confirmed "+ago(o.TableAge), "clock", "within "+seconds(o.ClockError))
	if o.RecordsLost > 0 || o.RecordsFailed != "" {
		p.pairs("records", cell{count(int(o.RecordsLost), "record") + " lost " + o.RecordsFailed, bad})
	}
	if o.Panics > 0 {
		p.pairs("panics", cell{count(int(o.Panics), "panic") + "; the log has their stacks", bad})
	}
	for _, r := range o.Reasons {
		p.line("%s", p.in(bad, r.Because+": "+orElse(r.Detail, "no detail")))
	}
	for _, r := range o.Degraded {
		p.line("%s", p.in(wary, r.Because+": "+orElse(r.Detail, "no detail")))
	}
	if len(o.Listeners) == 0 {
		return
	}
	p.line("")
	var rows [][]any
	for _, l := range o.Listeners {
		rows = append(rows, []any{l.Name, l.Transport, l.Address, orElse(l.Advertise, l.Address)})
	}
	p.table([]string{"LISTENER", "TRANSPORT", "ADDRESS", "ADVERTISED"}, rows)
}

func (o overview) state() cell { return stateOf(o.Ready, o.Draining, len(o.Degraded)) }

func stateOf(ready, draining bool, degraded int) cell {
	switch {
	case draining:
		return cell{"draining", wary}
	case !ready:
		return cell{"not ready", bad}
	case degraded > 0:
		return cell{"ready, degraded", wary}
	}
	return cell{"ready", good}
}

func ago(s float64) string {
	if text := seconds(s); text != "never" {
		return text + " ago"
	}
	return "never"
}
