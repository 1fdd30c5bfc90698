package main

import (
	"context"
	"strings"

	"github.com/speakops/sipedge/sipedge/admin"
)

type gatewaysCmd struct{}

// Run implements the command.
func (c *gatewaysCmd) Run(ctx context.Context, d *desk) error {
	edge, err := d.edge()
	if err != nil {
		return err
	}
	all, err := edge.Gateways(ctx)
	if err != nil {
		return err
	}
	return d.show(admin.GatewayList{Gateways: all}, func(p *paper) {
		var rows [][]any
		for _, g := range all {
			since := ""
			if g.Since != nil && !g.Since.IsZero() {
				since = instant(*g.Since)
			}
			why := strings.TrimSpace(g.Because + " " + g.Detail)
			rows = append(rows, []any{g.Route, g.Gateway, life(g.State), g.Priority, g.Weight, since, strings.Join(g.Addresses, " "), why})
		}
		p.table([]string{"ROUTE", "GATEWAY", "STATE", "PRIO", "WEIGHT", "SINCE", "ADDRESSES", "BECAUSE"}, rows)
	})
}

func life(state string) cell {
	switch state {
	case "up":
		return cell{state, good}
	case "dark":
		return cell{state, bad}
	}
	return cell{state, wary}
}
