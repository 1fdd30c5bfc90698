package main

import (
	"context"
	"strings"

	"github.com/speakops/sipedge/sipedge/admin"
)

// storeCmd groups what concerns the shared store.
type storeCmd struct {
	Status storeStatusCmd `cmd:"" default:"1" help:"Where the chain of revisions stands."`
	Init   storeInitCmd   `cmd:"" help:"Begin a chain on a store that never had one."`
}

type storeStatusCmd struct{}

// Run implements the command.
func (c *storeStatusCmd) Run(ctx context.Context, d *desk) error {
	edge, err := d.edge()
	if err != nil {
		return err
	}
	x, err := edge.Chain(ctx)
	if err != nil {
		return err
	}
	return d.show(x, func(p *paper) { drawChain(p, &x) })
}

func drawChain(p *paper, x *admin.Chain) {
	state := cell{"recovered", good}
	switch {
	case x.Empty:
		state = cell{"empty; if there never was a chain: cutoverctl store init", wary}
	case !x.Recovered:
		state = cell{"not recovered: nothing is decided", bad}
	}
	committed := "none"
	if x.Committed != nil {
		committed = drawRevision(x.Committed)
	}
	p.pairs("chain", state, "generation", x.Generation, "store time", instant(x.Now), "committed", committed, "replicas", x.Replicas)
	if w := x.Pending; w != nil {
		p.line("%s", p.in(wary, "pending "+drawRevision(&w.RevisionRef)+" by "+w.Proposer+", until "+instant(w.Deadline)+", waits for "+join(w.Waiting)))
	}
	for _, b := range x.Blocked {
		p.line("%s", p.in(bad, b))
	}
}

func join(all []string) string { return strings.Join(all, " ") }

type storeInitCmd struct {
	Reason string `required:"" placeholder:"REASON" help:"For the journal."`
	Yes    bool   `short:"y" help:"Do not ask."`
}

// Run shows where the chain stands and asks before a new one begins.
func (c *storeInitCmd) Run(ctx context.Context, d *desk) error {
	edge, err := d.edge()
	if err != nil {
		return err
	}
	x, err := edge.Chain(ctx)
	if err != nil {
		return err
	}
	if !c.Yes {
		drawChain(&paper{out: d.Err, colour: d.colours()}, &x)
	}
	if err := d.sure(c.Yes, "Begin a new chain? If this store has lost one, edges may then disagree about who holds a number."); err != nil {
		return err
	}
	if x, err = edge.InitChain(ctx, admin.Starting{Reason: c.Reason, Confirm: true}); err != nil {
		return err
	}
	return d.show(x, func(p *paper) { drawChain(p, &x) })
}
