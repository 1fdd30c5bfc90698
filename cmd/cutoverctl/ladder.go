package main

import (
	"bytes"
	"context"
	"fmt"
	"os"

	"github.com/speakops/sipedge/sipedge/observe/ladder"
)

type ladderCmd struct {
	Call   string `arg:"" help:"The call's name, as cutoverctl calls shows it, or the beginning of it."`
	Bodies bool   `short:"b" help:"With the text of every message. Needs an operator's token."`
	Pcap   string `placeholder:"FILE" help:"Write its messages as a capture that Wireshark opens (- for standard output). Needs an operator's token."`
}

// Run implements the command.
func (c *ladderCmd) Run(ctx context.Context, d *desk) error {
	edge, err := d.edge()
	if err != nil {
		return err
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
