package main

import (
	"context"
	"time"

	"github.com/speakops/sipedge/sipedge/admin"
)

type rehearseCmd struct {
	Cutover string `arg:"" placeholder:"CUTOVER"`
}

// Run plays a cutover through; one that fails ends with exit code 1.
func (c *rehearseCmd) Run(ctx context.Context, d *desk) error {
	d.Within = max(d.Within, 2*time.Minute)
	edge, err := d.edge()
	if err != nil {
		return err
	}
	r, err := edge.Rehearse(ctx, c.Cutover)
	if err != nil {
		return err
	}
	if err := d.show(r, func(p *paper) { drawRehearsal(p, &r) }); err != nil || r.Passed {
		return err
	}
	return silent(exitFailed)
}

func drawRehearsal(p *paper, r *admin.Rehearsal) {
	var rows [][]any
	for _, e := range r.Edges {
		wrong := cell{count(e.Wrong, "answer"), plain}
		if e.Wrong > 0 {
			wrong.shade = bad
		}
		rows = append(rows, []any{e.Edge, e.Right, wrong, join(e.Probes), join(e.Calls)})
	}
	p.table([]string{"EDGE", "AS PLANNED", "OTHERWISE", "SILENT GATEWAYS", "TEST CALLS"}, rows)
	drawLint(p, &r.Lint)
	for _, f := range r.Failures {
		p.line("%s", p.in(bad, f))
	}
	if r.Passed {
		p.line("%s", p.in(good, "passed, for the proposal "+r.Digest))
	}
}
