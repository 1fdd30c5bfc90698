package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/speakops/sipedge/sipedge/admin"
)

type cutoversCmd struct {
	Cutover string `arg:"" optional:"" placeholder:"CUTOVER" help:"One of them, in full."`
}

// Run implements the command.
func (c *cutoversCmd) Run(ctx context.Context, d *desk) error {
	edge, err := d.edge()
	if err != nil {
		return err
	}
	if c.Cutover != "" {
		one, err := edge.Cutover(ctx, c.Cutover)
		if err != nil {
			return err
		}
		return d.show(one, func(p *paper) { drawCutover(p, &one) })
	}
	all, err := edge.Cutovers(ctx)
	if err != nil {
		return err
	}
	return d.show(admin.CutoverList{Cutovers: all}, func(p *paper) {
		var rows [][]any
		for _, x := range all {
			rows = append(rows, []any{x.Cutover, x.Order, shadedPhase(x.Phase), x.Count, x.Holder, x.Mode, flipAt(&x), waiting(x.Pending)})
		}
		p.table([]string{"CUTOVER", "ORDER", "PHASE", "NUMBERS", "HOLDER", "MODE", "FLIP", "WAITS FOR"}, rows)
	})
}

func flipAt(x *admin.Cutover) string {
	if x.At == nil {
		return ""
	}
	return instant(*x.At)
}

func waiting(p *admin.Pending) string {
	if p == nil {
		return ""
	}
	return strings.Join(p.Waiting, " ")
}

func shadedPhase(phase string) cell {
	switch phase {
	case "armed", "flipped", "settled":
		return cell{phase, good}
	case "arming", "cancelling":
		return cell{phase, wary}
	case "rolled_back":
		return cell{phase, bad}
	}
	return cell{phase, plain}
}

func drawCutover(p *paper, x *admin.Cutover) {
	at := flipAt(x)
	if x.AtSaid != "" {
		at = x.AtSaid
	}
	revision := ""
	if x.Revision != nil {
		revision = drawRevision(x.Revision)
	}
	p.pairs("cutover", cell{x.Cutover, bold}, "order", x.Order, "phase", shadedPhase(x.Phase), "numbers", count(x.Count, "number"),
		"purpose", x.Purpose, "mode", x.Mode, "window", instant(x.Open)+" to "+instant(x.Close), "flip", at,
		"holder now", cell{x.Holder, bold}, "plan", "edit "+drawCount(x.Plan)+", by "+orElse(x.Author, "nobody"), "revision", revision)
	for _, s := range x.Steps {
		p.line("  from %s  %s", instant(s.At), p.in(bold, s.Authority))
	}
	if w := x.Pending; w != nil {
		p.line("%s", p.in(wary, "pending "+drawRevision(&w.RevisionRef)+" by "+w.Proposer+", until "+instant(w.Deadline)+", waits for "+strings.Join(w.Waiting, " ")))
	}
	for _, a := range x.Approvals {
		if a.Void != "" {
			p.line("%s", p.in(faint, a.Action+" approved by "+a.By+" at "+instant(a.At)+", void: "+a.Void))
			continue
		}
		p.line("%s", p.in(good, a.Action+" approved by "+a.By+" at "+instant(a.At)+", until "+instant(a.Expires)))
	}
	if x.Rehearsed != nil {
		p.line("rehearsed at %s", instant(*x.Rehearsed))
	}
	if f := x.FirstCall; f != nil {
		p.line("%s", p.in(good, "first call on the new side: "+instant(f.At)+" on "+f.Edge+" ("+f.Call+")"))
	}
}

func drawRevision(r *admin.RevisionRef) string {
	text := "revision " + drawCount(r.Number) + " (" + r.ID + ")"
	if !r.Since.IsZero() {
		text += " since " + instant(r.Since)
	}
	return text
}

func drawCount[T uint64 | int](n T) string {
	return fmt.Sprint(n)
}
