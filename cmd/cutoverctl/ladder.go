package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"

	"github.com/speakops/sipedge/sipedge/admin/client"
	"github.com/speakops/sipedge/sipedge/observe/ladder"
)

type ladderCmd struct {
	Call   string `arg:"" optional:"" help:"The call's name, as cutoverctl calls shows it, or the beginning of it."`
	Number string `short:"n" placeholder:"NUMBER" help:"In its place: the latest call of or to this number."`
	Bodies bool   `short:"b" help:"With the text of every message. Needs an operator's token."`
	Pcap   string `placeholder:"FILE" help:"Write its messages as a capture that Wireshark opens (- for standard output). Needs an operator's token."`
}

// Run implements the command.
func (c *ladderCmd) Run(ctx context.Context, d *desk) error {
	edge, err := d.edge()
	if err != nil {
		return err
	}
	if c.Call == "" {
		if c.Call, err = c.latest(ctx, edge); err != nil {
			return err
		}
	}
	l, err := edge.Ladder(ctx, c.Call, c.Bodies || c.Pcap != "")
	if err != nil {
		return err
	}
	if c.Pcap != "" {
		return c.write(d, &l)
	}
	return d.show(l, func(p *paper) {
		var b bytes.Buffer
		_ = l.Draw(&b, c.Bodies) // a buffer takes everything
		p.write(b.String())
	})
}

// latest is the name of the latest call of a number.
func (c *ladderCmd) latest(ctx context.Context, edge *client.Client) (string, error) {
	if c.Number == "" {
		return "", badUsage{errors.New("name a call, or a number with --number; cutoverctl calls lists them")}
	}
	list, err := edge.Calls(ctx, url.Values{"number": {c.Number}, "limit": {"1"}})
	if err == nil && len(list.Calls) == 0 {
		err = fmt.Errorf("no call of %s is kept on %s", c.Number, edge.Edge())
	}
	if err != nil {
		return "", err
	}
	return list.Calls[0].Call, nil
}

func (c *ladderCmd) write(d *desk, l *ladder.Ladder) error {
	var b bytes.Buffer
	_ = ladder.Pcap(&b, *l) // a buffer takes everything
	if c.Pcap == "-" {
		_, err := d.Out.Write(b.Bytes())
		return err
	}
	if err := os.WriteFile(c.Pcap, b.Bytes(), 0o600); err != nil {
		return err
	}
	_, err := fmt.Fprintf(d.Err, "%d messages of call %s written to %s; wireshark %s, then Telephony, VoIP Calls\n", l.Messages, l.Call.Call, c.Pcap, c.Pcap)
	return err
}
