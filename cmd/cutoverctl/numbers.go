package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/speakops/sipedge/sipedge/admin"
)

// numbersCmd groups what is done to number records through an edge.
type numbersCmd struct {
	Get    numbersGetCmd    `cmd:"" help:"What is believed about numbers."`
	List   numbersListCmd   `cmd:"" help:"The numbers of the edge's table, in order."`
	Set    numbersSetCmd    `cmd:"" help:"Set fields of one number's record, or make one."`
	Delete numbersDeleteCmd `cmd:"" help:"Delete a number's record."`

	Lost    numbersLostCmd    `cmd:"" help:"Records that Redis has lost, by a restart or a flush, and the edge still has."`
	Reapply numbersReapplyCmd `cmd:"" help:"Write again what Redis has lost."`
}

type numbersGetCmd struct {
	Numbers []string `arg:"" name:"number" placeholder:"NUMBER" help:"In E.164."`
	Store   bool     `help:"What the store says, and not the edge's own table."`
}

// Run shows each record; one that is not there ends with exit code 1.
func (c *numbersGetCmd) Run(ctx context.Context, d *desk) error {
	edge, err := d.edge()
	if err != nil {
		return err
	}
	var all []admin.NumberRecord
	var missing error
	for _, n := range c.Numbers {
		r, err := edge.Number(ctx, n, c.Store)
		var p *admin.Problem
		if errors.As(err, &p) && p.Because == "number_unknown" {
			missing = err
			fmt.Fprintln(d.Err, printable(p.Detail))
			continue
		}
		if err != nil {
			return err
		}
		all = append(all, r)
	}
	err = d.show(admin.NumberPage{Numbers: all}, func(p *paper) {
		for i := range all {
			if i > 0 {
				p.line("")
			}
			drawNumber(p, &all[i])
		}
	})
	if err == nil && missing != nil {
		err = silent(exitFailed)
	}
	return err
}

func drawNumber(p *paper, r *admin.NumberRecord) {
	override := ""
	if r.Override != "" {
		override = fmt.Sprintf("%s from %s until %s by %s: %s", r.Override, instant(*r.OverrideFrom), instant(*r.OverrideUntil), r.OverrideAuthor, r.OverrideReason)
	}
	p.pairs("public_number", cell{r.PublicNumber, bold}, "routing_authority", r.RoutingAuthority, "porting_state", r.PortingState, "override", cell{override, wary},
		"number_type", r.NumberType, "original_assignee", r.OriginalAssignee, "current_serving_provider", r.CurrentServingProvider,
		"losing_provider", r.LosingProvider, "underlying_carrier", r.UnderlyingCarrier, "customer_assignment", r.CustomerAssignment,
		"lrn", r.LRN, "legacy_route", r.LegacyRoute, "speakops_route", r.SpeakOpsRoute, "revision", r.Revision)
}

type numbersListCmd struct {
	Prefix    string `placeholder:"+1202" help:"Only numbers that begin so."`
	State     string `placeholder:"STATE" help:"Only numbers in this porting_state."`
	Authority string `enum:"legacy,speakops,none," default:"" placeholder:"SIDE" help:"Only numbers of legacy, speakops or none."`
	Customer  string `placeholder:"CUSTOMER" help:"Only this customer's."`
	Override  bool   `help:"Only numbers with an override."`
	Limit     int    `default:"100" placeholder:"N" help:"At most so many; 0 is all (${default})."`
}

// Run asks page by page.
func (c *numbersListCmd) Run(ctx context.Context, d *desk) error {
	edge, err := d.edge()
	if err != nil {
		return err
	}
	query := url.Values{}
	for name, value := range map[string]string{"prefix": c.Prefix, "porting_state": c.State, "routing_authority": c.Authority, "customer_assignment": c.Customer} {
		if value != "" {
			query.Set(name, value)
		}
	}
	if c.Override {
		query.Set("override", "true")
	}
	out := admin.NumberPage{Numbers: []admin.NumberRecord{}}
	for more := true; more; more = out.Next != "" && (c.Limit == 0 || len(out.Numbers) < c.Limit) {
		limit := 1000
		if c.Limit > 0 {
			limit = min(limit, c.Limit-len(out.Numbers))
		}
		query.Set("limit", strconv.Itoa(limit))
		page, err := edge.Numbers(ctx, query)
		if err != nil {
			return err
		}
		out.Numbers, out.Next = append(out.Numbers, page.Numbers...), page.Next
		query.Set("after", page.Next)
	}
	return d.show(out, func(p *paper) {
		var rows [][]any
		for _, r := range out.Numbers {
			rows = append(rows, []any{r.PublicNumber, r.RoutingAuthority, r.PortingState, cell{r.Override, wary}, r.CurrentServingProvider, r.CustomerAssignment})
		}
		p.table([]string{"PUBLIC NUMBER", "AUTHORITY", "PORTING STATE", "OVERRIDE", "PROVIDER", "CUSTOMER"}, rows)
		if out.Next != "" {
			p.line("%s", p.in(faint, "there are more; --limit 0 shows all"))
		}
	})
}

type numbersSetCmd struct {
	Number   string   `arg:"" placeholder:"NUMBER" help:"In E.164."`
	Fields   []string `arg:"" name:"field" placeholder:"FIELD=VALUE" help:"Such as legacy_route=old; without a value the field is cleared. A new number needs routing_authority."`
	Revision uint64   `placeholder:"N" help:"Only if the record is still at this revision."`
	DryRun   bool     `help:"Say what would be done, and do nothing."`
}

// Run implements the command.
func (c *numbersSetCmd) Run(ctx context.Context, d *desk) error {
	change := admin.NumberChange{Fields: map[string]string{}, DryRun: c.DryRun}
	for _, f := range c.Fields {
		name, value, ok := strings.Cut(f, "=")
		if _, twice := change.Fields[name]; !ok || twice {
			return badUsage{fmt.Errorf("%.80q: write each field once, as FIELD=VALUE", f)}
		}
		change.Fields[name] = value
	}
	edge, err := d.edge()
	if err != nil {
		return err
	}
	o, err := edge.SetNumber(ctx, c.Number, change, c.Revision)
	if err != nil {
		return err
	}
	return d.show(o, func(p *paper) { drawOutcome(p, o) })
}

func drawOutcome(p *paper, o admin.NumberOutcome) {
	end := ""
	if o.DryRun {
		end = "; this was a dry run, nothing was written"
	}
	p.line("%s: %s%s", p.in(plain, o.PublicNumber), p.in(plain, o.Outcome), end)
}

type numbersDeleteCmd struct {
	Number   string `arg:"" placeholder:"NUMBER" help:"In E.164."`
	Revision uint64 `placeholder:"N" help:"Only if the record is still at this revision."`
	Yes      bool   `short:"y" help:"Do not ask."`
}

// Run shows the record and asks, then deletes it as it was shown.
func (c *numbersDeleteCmd) Run(ctx context.Context, d *desk) error {
	edge, err := d.edge()
	if err != nil {
		return err
	}
	r, err := edge.Number(ctx, c.Number, true)
	var problem *admin.Problem
	switch {
	case errors.As(err, &problem) && problem.Because == "number_unknown":
		o := admin.NumberOutcome{PublicNumber: c.Number, Outcome: "absent"}
		return d.show(o, func(p *paper) { drawOutcome(p, o) })
	case err != nil:
		return err
	}
	if !c.Yes {
		drawNumber(&paper{out: d.Err, colour: d.colours()}, &r)
	}
	if err := d.sure(c.Yes, "Delete this record? Calls to the number are refused then."); err != nil {
		return err
	}
	if c.Revision == 0 {
		c.Revision = r.Revision
	}
	o, err := edge.DeleteNumber(ctx, r.PublicNumber, c.Revision)
	if err != nil {
		return err
	}
	return d.show(o, func(p *paper) { drawOutcome(p, o) })
}
