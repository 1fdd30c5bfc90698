package main

import (
	"context"
	"encoding/json"
	"io"
	"os"

	"github.com/speakops/sipedge/sipedge/admin"
)

// ordersCmd groups what is done to port orders.
type ordersCmd struct {
	List ordersListCmd `cmd:"" default:"1" help:"Every port order."`
	Show ordersShowCmd `cmd:"" help:"One port order; --json shows the whole document."`
	Tell ordersTellCmd `cmd:"" help:"Tell an order what the world says."`
}

type ordersListCmd struct{}

// Run implements the command.
func (c *ordersListCmd) Run(ctx context.Context, d *desk) error {
	edge, err := d.edge()
	if err != nil {
		return err
	}
	all, err := edge.Orders(ctx)
	if err != nil {
		return err
	}
	return d.show(admin.OrderList{Orders: all}, func(p *paper) {
		var rows [][]any
		for _, o := range all {
			rows = append(rows, []any{o.Order, o.Kind, o.Count, o.LosingProvider, o.GainingProvider, stateOfOrder(&o), o.FOC, o.Cutover, o.Phase})
		}
		p.table([]string{"ORDER", "KIND", "NUMBERS", "LOSING", "GAINING", "PORTING STATE", "FOC", "CUTOVER", "PHASE"}, rows)
	})
}

func stateOfOrder(o *admin.Order) cell {
	if len(o.Exceptions) > 0 {
		return cell{o.PortingState + " (" + o.Exceptions[0].Kind + ")", bad}
	}
	return cell{o.PortingState, plain}
}

type ordersShowCmd struct {
	Order string `arg:"" placeholder:"ORDER"`
}

// Run implements the command.
func (c *ordersShowCmd) Run(ctx context.Context, d *desk) error {
	edge, err := d.edge()
	if err != nil {
		return err
	}
	o, err := edge.Order(ctx, c.Order)
	if err != nil {
		return err
	}
	return d.show(o, func(p *paper) { drawOrder(p, &o) })
}

func drawOrder(p *paper, o *admin.Order) {
	due := ""
	if o.Due != nil {
		due = instant(*o.Due)
	}
	p.pairs("order", cell{o.Order, bold}, "kind", o.Kind, "numbers", count(o.Count, o.NumberType+" number")+", "+o.Scope,
		"losing_provider", o.LosingProvider, "gaining_provider", o.GainingProvider, "customer", o.CustomerAssignment,
		"porting_state", stateOfOrder(o), "account", o.Validation, "loa", o.LOA, "foc", o.FOC, "due", due,
		"cutover", o.Cutover, "phase", shadedPhase(o.Phase), "revision", o.Revision)
	for _, e := range o.Exceptions {
		p.line("%s", p.in(bad, e.Kind+" "+e.Side+": "+e.Reason))
	}
}

type ordersTellCmd struct {
	Order string `arg:"" placeholder:"ORDER"`
	Event string `arg:"" placeholder:"JSON" help:"Such as '{\"event\":\"foc_received\", ...}'; @FILE reads a file, - standard input."`
}

// Run implements the command.
func (c *ordersTellCmd) Run(ctx context.Context, d *desk) error {
	text, err := []byte(c.Event), error(nil)
	switch {
	case c.Event == "-":
		text, err = io.ReadAll(io.LimitReader(d.In, 4<<20))
	case c.Event[:min(1, len(c.Event))] == "@":
		text, err = os.ReadFile(c.Event[1:])
	}
	if err == nil {
		err = json.Unmarshal(text, new(any))
	}
	if err != nil {
		return badUsage{err}
	}
	edge, err := d.edge()
	if err != nil {
		return err
	}
	o, err := edge.TellOrder(ctx, c.Order, text)
	if err != nil {
		return err
	}
	return d.show(o, func(p *paper) { drawOrder(p, &o) })
}
