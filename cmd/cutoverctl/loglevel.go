package main

import (
	"context"

	"github.com/speakops/sipedge/sipedge/admin"
)

type logLevelCmd struct {
	Level string `arg:"" optional:"" enum:"debug,info,warn,error," default:"" placeholder:"LEVEL" help:"debug, info, warn or error; without it, the level is shown."`
}

// Run implements the command.
func (c *logLevelCmd) Run(ctx context.Context, d *desk) error {
	edge, err := d.edge()
	if err != nil {
		return err
	}
	var l admin.LogLevel
	if c.Level == "" {
		l, err = edge.LogLevel(ctx)
	} else {
		l, err = edge.SetLogLevel(ctx, c.Level)
	}
	if err != nil {
		return err
	}
	return d.show(l, func(p *paper) { p.line("%s", p.in(plain, l.Level)) })
}
