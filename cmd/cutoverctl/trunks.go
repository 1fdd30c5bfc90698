package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/speakops/sipedge/sipedge/admin"
)

type trunksCmd struct{}

// Run implements the command.
func (c *trunksCmd) Run(ctx context.Context, d *desk) error {
	edge, err := d.edge()
	if err != nil {
		return err
	}
	all, err := edge.Trunks(ctx)
	if err != nil {
		return err
	}
	return d.show(admin.TrunkList{Trunks: all}, func(p *paper) {
		var rows [][]any
		for _, t := range all {
			known := strings.Join(t.Sources, " ")
			if t.TLSSubject != "" {
				known = strings.TrimSpace(known + " tls:" + t.TLSSubject)
			}
			rows = append(rows, []any{t.Trunk, t.Profile, used(t.Up, t.Concurrent), rate(t), known})
		}
		p.table([]string{"TRUNK", "PROFILE", "CALLS", "CALLS/S", "KNOWN BY"}, rows)
	})
}

// used is how much of a limit is taken; at nine tenths it is worth a look.
func used(up, of int) cell {
	if of == 0 {
		return cell{fmt.Sprint(up), plain}
	}
	c := cell{fmt.Sprintf("%d of %d", up, of), plain}
	switch {
	case up >= of:
		c.shade = bad
	case up*10 >= of*9:
		c.shade = wary
	}
	return c
}

func rate(t admin.Trunk) string {
	if t.CPS == 0 {
		return "no limit"
	}
	return fmt.Sprintf("at most %g, %d at once", t.CPS, t.Burst)
}
