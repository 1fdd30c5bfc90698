package main

import (
	"context"
	"strings"

	"github.com/speakops/sipedge/sipedge/admin"
)

type lintCmd struct {
	Cutover     string   `arg:"" placeholder:"CUTOVER"`
	Acknowledge []string `placeholder:"WARNING,..." help:"Take these warnings upon yourself, by name."`
	Because     string   `placeholder:"REASON" help:"Why; with --acknowledge."`
}

// Run shows what is to be put right; anything that blocks ends with exit code 1.
func (c *lintCmd) Run(ctx context.Context, d *desk) error {
	edge, err := d.edge()
	if err != nil {
		return err
	}
	var l admin.Lint
	if len(c.Acknowledge) > 0 {
		l, err = edge.Acknowledge(ctx, c.Cutover, admin.Acknowledgement{Warnings: c.Acknowledge, Because: c.Because})
	} else {
		l, err = edge.Lint(ctx, c.Cutover)
	}
	if err != nil {
		return err
	}
	return blocked(d.show(l, func(p *paper) { drawLint(p, &l) }), &l)
}

func drawLint(p *paper, l *admin.Lint) {
	if len(l.Findings) == 0 {
		p.line("%s", p.in(good, "nothing to put right"))
		return
	}
	p.line("")
	for _, f := range l.Findings {
		s := bad
		if f.Severity == "warning" {
			s = wary
		}
		if f.Acknowledged != "" {
			s = faint
		}
		where := strings.TrimSpace(f.Where + " " + strings.Join(f.Numbers, " "))
		if f.Count > len(f.Numbers) {
			where += " and " + count(f.Count-len(f.Numbers), "more number")
		}
		p.line("%s  %s  %s", p.in(s, f.Severity), p.in(bold, f.Name), p.in(faint, where))
		p.line("  %s; %s", p.in(plain, f.Text), p.in(plain, f.Do))
		if f.Acknowledged != "" {
			p.line("  acknowledged by %s", p.in(plain, f.Acknowledged))
		}
	}
	if l.Blocking > 0 {
		p.line("%s", p.in(bad, count(l.Blocking, "finding")+" must be put right or acknowledged by name"))
	}
}
