package main

import "context"

type moveCmd struct {
	acting
	At string `required:"" placeholder:"TIME" help:"The new instant: 2026-03-03T10:00:00Z, or a wall time and its zone: '2026-03-03 10:00 America/Chicago'."`
}

// Run implements the command.
func (c *moveCmd) Run(ctx context.Context, d *desk) error { return c.run(ctx, d, "move", c.At) }
