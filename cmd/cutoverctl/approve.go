package main

import (
	"context"

	"github.com/speakops/sipedge/sipedge/admin"
)

type approveCmd struct {
	Cutover string `arg:"" placeholder:"CUTOVER"`
	Action  string `enum:"arm,rollback" default:"arm" help:"What to approve: arm or rollback (${default})."`
	Digest  string `placeholder:"DIGEST" help:"Only if the proposal still has this digest, as somebody sent it to you."`
	Yes     bool   `short:"y" help:"Do not ask."`
}

// Run shows the proposal, asks, and approves what was shown.
func (c *approveCmd) Run(ctx context.Context, d *desk) error {
	edge, err := d.edge()
	if err != nil {
		return err
	}
	p, err := edge.Proposal(ctx, c.Cutover, c.Action, "")
	if err != nil {
		return err
	}
	p.Hinders = nil // they concern who acts, and say that an approval is missing
	if c.Digest != "" && c.Digest != p.Digest {
		return admin.NewProblem(409, "conflict", "the proposal has the digest %s, not %s: it was edited; read it again", p.Digest, c.Digest)
	}
	if !c.Yes {
		drawProposal(&paper{out: d.Err, colour: d.colours()}, &p)
	}
	if err := d.sure(c.Yes, "Approve exactly this?"); err != nil {
		return err
	}
	x, err := edge.Approve(ctx, c.Cutover, admin.Approving{Action: c.Action, Digest: p.Digest})
	if err != nil {
		return err
	}
	return d.show(x, func(p *paper) { drawCutover(p, &x) })
}
