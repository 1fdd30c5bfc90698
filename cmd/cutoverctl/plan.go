package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/speakops/sipedge/sipedge/admin"
)

type planCmd struct {
	File   string `arg:"" optional:"" placeholder:"FILE" help:"YAML or JSON with order, cutover or both; - is standard input. Instead of a file, the flags below write a simple one."`
	DryRun bool   `help:"Read and lint it, and keep nothing."`

	Order    string   `group:"Instead of a file" placeholder:"ID" help:"Name of the order."`
	Cutover  string   `group:"Instead of a file" placeholder:"ID" help:"Name of the cutover (that of the order)."`
	Numbers  []string `group:"Instead of a file" placeholder:"NUMBER,..." help:"In E.164, also ranges: '+12025550100 - +12025550199'."`
	From     string   `group:"Instead of a file" type:"existingfile" placeholder:"FILE" help:"Numbers from a file, one on each line."`
	Type     string   `group:"Instead of a file" enum:"local,mobile,toll_free" default:"local" help:"local, mobile or toll_free (${default})."`
	Partial  bool     `group:"Instead of a file" help:"Part of the account stays behind; then --btn matters."`
	BTN      string   `group:"Instead of a file" name:"btn" placeholder:"NUMBER" help:"Billing telephone number of the losing account."`
	Losing   string   `group:"Instead of a file" placeholder:"PROVIDER" help:"Whom the numbers leave."`
	Gaining  string   `group:"Instead of a file" placeholder:"PROVIDER" help:"Whom they go to."`
	Customer string   `group:"Instead of a file" placeholder:"CUSTOMER" help:"Whose they are."`
	Mode     string   `group:"Instead of a file" enum:"scheduled,manual,on_evidence" default:"scheduled" help:"What sets the instant: scheduled, manual, on_evidence (${default})."`
	Window   string   `group:"Instead of a file" placeholder:"OPEN/CLOSE" help:"Wall times: 2026-03-03T09:00/2026-03-03T11:00."`
	At       string   `group:"Instead of a file" placeholder:"TIME" help:"Wall time of the flip, when it is scheduled."`
	Zone     string   `group:"Instead of a file" placeholder:"ZONE" help:"Of these wall times: America/Chicago."`
	FOC      string   `group:"Instead of a file" name:"foc" placeholder:"VERSION" help:"Version of the firm order commitment the plan is made for."`
}

// Run hands a plan in and shows what the lint says.
func (c *planCmd) Run(ctx context.Context, d *desk) error {
	text, err := c.text(d)
	if err != nil {
		return badUsage{err}
	}
	edge, err := d.edge()
	if err != nil {
		return err
	}
	p, err := edge.Plan(ctx, admin.PlanFile{Text: text, DryRun: c.DryRun})
	if err != nil {
		return err
	}
	err = d.show(p, func(out *paper) {
		if p.Order != nil {
			drawOrder(out, p.Order)
		}
		if p.Cutover != nil {
			out.line("")
			drawCutover(out, p.Cutover)
		}
		drawLint(out, &p.Lint)
		if p.DryRun {
			out.line("this was a dry run, nothing was kept")
		}
	})
	return blocked(err, &p.Lint)
}

func (c *planCmd) text(d *desk) (string, error) {
	switch {
	case c.File == "" && c.Order == "":
		return "", errors.New("plan wants a FILE, or --order and what belongs to it")
	case c.File != "" && c.Order != "":
		return "", errors.New("plan takes a FILE or flags, not both")
	case c.File == "-":
		text, err := io.ReadAll(io.LimitReader(d.In, 4<<20))
		return string(text), err
	case c.File != "":
		text, err := os.ReadFile(c.File)
		return string(text), err
	}
	return c.written()
}

// written is the file that the flags stand for.
func (c *planCmd) written() (string, error) {
	numbers := c.Numbers
	if c.From != "" {
		text, err := os.ReadFile(c.From)
		if err != nil {
			return "", err
		}
		numbers = append(numbers, strings.Fields(string(text))...)
	}
	scope := "full"
	if c.Partial {
		scope = "partial"
	}
	order := map[string]any{
		"id": c.Order, "kind": "port_in", "number_type": c.Type, "numbers": numbers, "scope": scope,
		"losing_provider": c.Losing, "gaining_provider": c.Gaining, "customer_assignment": c.Customer,
	}
	if c.BTN != "" {
		order["billing_number"] = c.BTN
	}
	file := map[string]any{"order": order}
	if c.Zone != "" {
		file["zone"] = c.Zone
	}
	if c.Window != "" {
		open, shut, ok := strings.Cut(c.Window, "/")
		if !ok {
			return "", fmt.Errorf("--window: %.80q wants an opening and a closing, as in 2026-03-03T09:00/2026-03-03T11:00", c.Window)
		}
		cutover := map[string]any{"id": orElse(c.Cutover, c.Order), "order": c.Order, "purpose": "port_in", "mode": c.Mode, "window_open": open, "window_close": shut}
		for name, value := range map[string]string{"at": c.At, "foc": c.FOC} {
			if value != "" {
				cutover[name] = value
			}
		}
		file["cutover"] = cutover
	}
	text, err := json.Marshal(file)
	return string(text), err
}

// blocked turns findings that keep a plan from being armed into exit code 1.
func blocked(err error, l *admin.Lint) error {
	if err == nil && l.Blocking > 0 {
		return silent(exitFailed)
	}
	return err
}
