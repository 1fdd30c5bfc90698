package main

import "context"

type rollbackCmd struct{ acting }

// Run implements the command.
func (c *rollbackCmd) Run(ctx context.Context, d *desk) error { return c.run(ctx, d, "rollback", "") }
