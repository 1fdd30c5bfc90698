package main

import "context"

type flipCmd struct{ acting }

// Run implements the command.
func (c *flipCmd) Run(ctx context.Context, d *desk) error { return c.run(ctx, d, "flip", "") }
