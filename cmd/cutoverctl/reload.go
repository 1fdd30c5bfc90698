package main

import (
	"context"

	"github.com/speakops/sipedge/sipedge/admin"
)

type reloadCmd struct{}

// Run lets the edge read its configuration; what is wrong with it is listed.
func (c *reloadCmd) Run(ctx context.Context, d *desk) error {
	edge, err := d.edge()
	if err != nil {
		return err
	}
	if err := edge.Reload(ctx); err != nil {
		return err
	}
	return d.show(admin.Reloaded{Reloaded: true}, func(p *paper) { p.line("%s: the configuration was read and is in force", p.in(plain, edge.Edge())) })
}
