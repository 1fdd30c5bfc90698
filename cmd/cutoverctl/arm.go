package main

import "context"

type armCmd struct{ acting }

// Run implements the command.
func (c *armCmd) Run(ctx context.Context, d *desk) error { return c.run(ctx, d, "arm", "") }
