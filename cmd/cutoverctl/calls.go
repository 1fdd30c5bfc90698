package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/speakops/sipedge/sipedge/observe/ladder"
)

type callsCmd struct {
	Number  string `short:"n" placeholder:"NUMBER" help:"Public number or caller: the whole with +, or its last digits."`
	Trunk   string `placeholder:"TRUNK" help:"That sent the call."`
	Gateway string `placeholder:"GATEWAY" help:"That answered, or was tried last."`
	Route   string `placeholder:"ROUTE"`
	Code    string `placeholder:"CODE" help:"Final response: 486, or 4xx."`
	Because string `placeholder:"WORD" help:"Why it was decided as it was."`
	Outcome string `placeholder:"WORD" help:"What became of it."`
	State   string `placeholder:"STATE" enum:"open,answered,ended,failed,refused," default:"" help:"open, answered, ended, failed, refused."`
	Failed  bool   `short:"x" help:"Only failed and refused ones."`
	Test    bool   `help:"Only calls of test trunks."`
	Since   moment `placeholder:"TIME" help:"Begun at this instant (RFC 3339) or later, or so long ago (10m or -10m)."`
	Until   moment `placeholder:"TIME" help:"Begun before it."`
	Limit   int    `default:"100" placeholder:"N" help:"At most so many, the latest (${default})."`
	Follow  bool   `short:"f" help:"Go on with calls as they come, until interrupted."`
}

// Help implements kong.HelpProvider.
func (callsCmd) Help() string {
	return "An edge keeps the messages of calls in memory: the last ones of each trunk, those in progress, and all that failed or came from a test trunk, as long as there is room."
}

// Run implements the command.
func (c *callsCmd) Run(ctx context.Context, d *desk) error {
	query, err := c.query(time.Now())
	if err != nil {
		return badUsage{err}
	}
	edge, err := d.edge()
	if err != nil {
		return err
	}
	if c.Follow {
		return c.follow(ctx, d, query, edge.FollowCalls)
	}
	list, err := edge.Calls(ctx, query)
	if err != nil {
		return err
	}
	return d.show(list, func(p *paper) {
		var rows [][]any
		for i := range list.Calls {
			rows = append(rows, callRow(&list.Calls[i]))
		}
		p.table(callHead, rows)
		if list.More > 0 {
			p.line("%d more fit; ask with a larger --limit, or more exactly", list.More)
		}
		if list.Kept.Cut > 0 {
			p.line("%d ladders had no room and lost messages: telemetry.ladders.memory", list.Kept.Cut)
		}
	})
}

func (c *callsCmd) query(now time.Time) (url.Values, error) {
	q := url.Values{"limit": {strconv.Itoa(c.Limit)}}
	for name, value := range map[string]string{
		"number": c.Number, "trunk": c.Trunk, "gateway": c.Gateway, "route": c.Route, "code": c.Code, "because": c.Because, "outcome": c.Outcome, "state": c.State,
	} {
		if value != "" {
			q.Set(name, value)
		}
	}
	for name, yes := range map[string]bool{"failed": c.Failed, "test": c.Test} {
		if yes {
			q.Set(name, "true")
		}
	}
	for name, value := range map[string]moment{"since": c.Since, "until": c.Until} {
		if value == "" {
			continue
		}
		at, err := value.past(now)
		if err != nil {
			return nil, fmt.Errorf("--%s: %w", name, err)
		}
		q.Set(name, at.UTC().Format(time.RFC3339Nano))
	}
	return q, nil
}

var callHead = []string{"CALL", "BEGUN", "TRUNK", "CALLER", "NUMBER", "STATE", "CODE", "ROUTE", "GATEWAY", "BECAUSE", "WHAT BECAME OF IT"}

func callRow(c *ladder.Call) []any {
	code := ""
	if c.Code != 0 {
		code = strconv.Itoa(c.Code)
	}
	became := c.Outcome
	if c.Reason != "" {
		became = c.Reason
	}
	return []any{
		c.Call, instant(c.Begun), c.Trunk, c.Caller, c.PublicNumber, callState(c), code, c.Route, c.Gateway, c.Because, became,
	}
}

func callState(c *ladder.Call) cell {
	switch c.State {
	case ladder.Failed, ladder.Refused:
		return cell{string(c.State), bad}
	case ladder.Open:
		return cell{string(c.State), wary}
	}
	return cell{string(c.State), good}
}

// follow writes a line for every call that ends its setup.
func (c *callsCmd) follow(ctx context.Context, d *desk, query url.Values, calls func(context.Context, url.Values, func(ladder.Call, uint64) error) error) error {
	err := calls(ctx, query, func(one ladder.Call, missed uint64) error {
		if d.JSON {
			return json.NewEncoder(d.Out).Encode(one)
		}
		if missed > 0 {
			fmt.Fprintf(d.Out, "... %d calls came too fast\n", missed)
		}
		row := callRow(&one)
		_, err := fmt.Fprintf(d.Out, "%s  %s  %s  %s -> %s  %s %s  %s %s  %s  %s\n", row[0], row[1], row[2], orElse(one.Caller, "anonymous"), orElse(one.PublicNumber, "no number"),
			one.State, row[6], one.Route, one.Gateway, one.Because, printable(row[10].(string)))
		return err
	})
	if ctx.Err() != nil {
		return nil // it was interrupted, as it is meant to be
	}
	return err
}
