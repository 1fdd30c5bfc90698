package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/speakops/sipedge/sipedge/admin"
	"github.com/speakops/sipedge/sipedge/admin/client"
)

// acting is what every command that changes a timeline has in common: it shows
// what would change, asks, and asks the edge for exactly that.
type acting struct {
	Cutover string `arg:"" placeholder:"CUTOVER"`
	Reason  string `placeholder:"REASON" help:"For the journal."`
	Yes     bool   `short:"y" help:"Do not ask."`
}

// run carries an action out; at is that of a move.
func (c *acting) run(ctx context.Context, d *desk, action, at string) error {
	edge, err := d.edge()
	if err != nil {
		return err
	}
	p, err := c.propose(ctx, d, edge, action, at)
	if err != nil {
		return err
	}
	question := fmt.Sprintf("%s %s for %s?", strings.ToUpper(action[:1])+action[1:], p.Cutover, count(p.Count, "number"))
	if err := d.sure(c.Yes, question); err != nil {
		return err
	}
	as := admin.Acting{Digest: p.Digest, Reason: c.Reason}
	var x admin.Changed
	if action == "move" {
		x, err = edge.Move(ctx, c.Cutover, admin.Moving{Acting: as, At: at})
	} else {
		x, err = edge.Act(ctx, c.Cutover, action, as)
	}
	if err != nil {
		return err
	}
	if err := d.show(x, func(p *paper) { drawChanged(p, &x) }); err != nil {
		return err
	}
	if x.State != "committed" {
		return silent(exitConflict)
	}
	return nil
}

// propose shows what would change, on the side of the screen that is no output.
func (c *acting) propose(ctx context.Context, d *desk, edge *client.Client, action, at string) (admin.Proposal, error) {
	p, err := edge.Proposal(ctx, c.Cutover, action, at)
	if err != nil {
		return p, err
	}
	if !c.Yes || len(p.Hinders) > 0 {
		drawProposal(&paper{out: d.Err, colour: d.colours()}, &p)
	}
	if len(p.Hinders) > 0 {
		return p, silent(exitConflict)
	}
	return p, nil
}

func drawProposal(p *paper, x *admin.Proposal) {
	p.line("%s %s: %s, %s -> %s", p.in(bold, x.Action), p.in(bold, x.Cutover), count(x.Count, "number"), p.in(plain, x.From), p.in(bold, x.To))
	more := ""
	if x.Count > len(x.Numbers) {
		more = fmt.Sprintf(" and %d more", x.Count-len(x.Numbers))
	}
	p.line("  %s%s", p.in(faint, strings.Join(x.Numbers, " ")), more)
	for _, s := range x.Steps {
		p.line("  from %s  %s", instant(s.At), p.in(bold, s.Authority))
	}
	if x.Earliest != "" {
		p.line("  takes force %s", p.in(plain, x.Earliest))
	}
	for _, s := range x.Says {
		p.line("  %s", p.in(plain, s))
	}
	p.line("  digest %s", p.in(faint, x.Digest))
	for _, h := range x.Hinders {
		p.line("%s", p.in(bad, "hindered: "+h))
	}
}

func drawChanged(p *paper, x *admin.Changed) {
	s := map[string]shade{"committed": good, "waiting": wary, "aborted": bad}[x.State]
	p.line("%s  %s", p.in(s, x.State), p.in(plain, x.Says))
	for _, m := range x.Missing {
		last := "never seen"
		if m.Heartbeat != nil {
			last = "last seen " + instant(*m.Heartbeat)
		}
		p.line("%s", p.in(wary, "  "+m.Edge+": "+last+" "+m.Because))
		if m.Because == "" {
			p.line("    if it is really stopped: cutoverctl edges declare-off %s", p.in(plain, m.Edge))
		}
	}
	if x.Replicas != "" {
		p.line("  copied to %s replicas", p.in(plain, x.Replicas))
	}
	p.line("")
	drawCutover(p, &x.Cutover)
}
