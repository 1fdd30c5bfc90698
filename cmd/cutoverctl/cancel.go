package main

import "context"

type cancelCmd struct{ acting }

// Run implements the command.
func (c *cancelCmd) Run(ctx context.Context, d *desk) error { return c.run(ctx, d, "cancel", "") }
