package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os/signal"
	"syscall"
	"time"

	"github.com/speakops/sipedge/cmd/sipedge/internal/demo"
	"github.com/speakops/sipedge/routing/e164"
	"github.com/speakops/sipedge/sipedge/transport"
)

// devCmd runs an edge with everything it needs, for the first call of a
// newcomer, or places that call itself.
type devCmd struct {
	Listen   netip.AddrPort `default:"127.0.0.1:5060" placeholder:"ADDR:PORT" help:"Where the edge takes calls, UDP and TCP; port 0 finds a free one (${default})."`
	Admin    netip.AddrPort `placeholder:"ADDR:PORT" help:"Where /readyz and the rest of the admin API are (127.0.0.1:8080 if it is free)."`
	Data     string         `type:"path" placeholder:"DIR" help:"Keep records and journals here; otherwise they go with the edges."`
	Call     string         `placeholder:"NUMBER" help:"Place a call to this number, show its messages, and end: exit code 0 when it was answered."`
	From     string         `default:"+12025550199" placeholder:"NUMBER" help:"The caller of --call (${default})."`
	Override string         `enum:"legacy,speakops," default:"" placeholder:"SIDE" help:"Force --call to legacy or speakops, by X-SpeakOps-Route."`
	Talk     time.Duration  `default:"1s" placeholder:"TIME" help:"How long --call lasts once it is answered (${default})."`
	Via      netip.AddrPort `placeholder:"ADDR:PORT" help:"Place --call through an edge that runs already, such as another sipedge dev."`
	Edges    int            `default:"3" placeholder:"N" help:"How many edges, 1 to 5; the others listen on the next ports that are free (${default}; --call needs one)."`
	Cutover  time.Duration  `default:"1m" placeholder:"TIME" help:"Let ten numbers change hands so long after the start, with calls running through it; 0 for no cutover (${default})."`

	call demo.Call
}

// shortest is what planning, rehearsing and arming a cutover may take.
const shortest = 5 * time.Second

// Help implements kong's second paragraph.
func (c *devCmd) Help() string {
	return `Nothing is needed but this program: edges, an embedded Redis, gateways that answer, numbers to dial and people to plan
a cutover all run in this one process, on addresses of this machine, and are gone when it ends.

Without --call it shows what a fleet is for: three edges take calls, two people take a port order of ten numbers through
plan, lint, rehearsal, approval and arming, and a minute after the start the numbers go from legacy to SpeakOps at one
instant on all three, under calls. The lines it prints say who carried which call and why (before_cut, cut); cutoverctl
shows the same live, and takes it back.

  sipedge dev                              watch a cutover; dial the numbers it lists
  sipedge dev --cutover 15s                the same for the impatient
  sipedge dev --edges 1 --cutover 0        one edge to dial, nothing else happens
  sipedge dev --data /tmp/dev              keep what the edges write; then: sipedge audit /tmp/dev
  sipedge dev --call +12025550100          place one call, show its messages, and end`
}

// Validate implements kong's check of a command line.
func (c *devCmd) Validate() error {
	ip := c.Listen.Addr()
	switch {
	case ip.IsUnspecified():
		return fmt.Errorf("--listen: %s is every address and none to answer to; name one, such as 127.0.0.1:%d", ip, c.Listen.Port())
	case c.Via.IsValid() && c.Call == "":
		return errors.New("--via is for a call; add --call NUMBER")
	case c.Override != "" && c.Call == "":
		return errors.New("--override is for a call; add --call NUMBER")
	case c.Talk < 0 || c.Talk > time.Hour:
		return fmt.Errorf("--talk: %s is no length for a call; write a time up to 1h, such as 2s", c.Talk)
	case c.Edges < 1 || c.Edges > maxEdges:
		return fmt.Errorf("--edges: %d is not between 1 and %d", c.Edges, maxEdges)
	case c.Cutover != 0 && (c.Cutover < shortest || c.Cutover > time.Hour):
		return fmt.Errorf("--cutover: %s is too short or too long; write a time from %s to 1h, or 0 for no cutover", c.Cutover, shortest)
	case c.Call == "":
		return nil
	}
	c.Edges, c.Cutover = 1, 0
	var err error
	if c.call.To, err = e164.Parse(c.Call); err != nil {
		return fmt.Errorf("--call: %q is no number in E.164; write a plus and the country code, such as +12025550100", c.Call)
	}
	if c.call.From, err = e164.Parse(c.From); err != nil {
		return fmt.Errorf("--from: %q is no number in E.164; write a plus and the country code, such as +12025550199", c.From)
	}
	c.call.Override, c.call.Talk, c.call.Via = c.Override, c.Talk, c.Via
	return nil
}

// Run implements the command.
func (c *devCmd) Run(ctx context.Context, s streams) error {
	// A terminal that is closed shall not leave an edge behind.
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGHUP)
	defer stop()
	board := demo.NewBoard(s.Out)
	defer board.Close()
	if c.Via.IsValid() {
		return c.place(ctx, board, nil)
	}
	house := &house{numbers: demo.Numbers()}
	defer house.close()
	if c.Cutover > 0 {
		house.cutting = demo.Cutting()
	}
	if err := c.furnish(ctx, house); err != nil {
		return err
	}
	board.Edges = c.Edges > 1
	show := &show{devCmd: c, house: house, board: board, log: s.Err}
	return show.run(ctx)
}

// attend is what happens while one edge serves: the one call, or whatever is
// dialled until Ctrl-C. Calls that are up then are hung up by the gateways, so
// that the edges have drained at once.
func (v *show) attend(ctx context.Context) (err error) {
	if v.Call != "" {
		v.call.Via = v.house.sites[0].Listen
		err = v.place(ctx, v.board, v.house.numbers)
	} else {
		v.board.Say(v.board.Introduce(v.introduction()))
		v.evening(ctx)
		v.board.Say("\nending: calls that are up are hung up")
	}
	v.house.hangUp()
	return err
}

// place calls, and shows how it went.
func (c *devCmd) place(ctx context.Context, board *demo.Board, numbers []demo.Number) error {
	board.Climb()
	board.Say(board.Preface(c.call, numbers))
	c.call.Saw = board.Saw
	result, err := demo.Place(ctx, c.call)
	switch {
	case err != nil:
		return err
	case !result.Answered():
		why := ""
		if result.Reason != "" {
			why = "; Reason: " + result.Reason
		}
		return fmt.Errorf("%s was not answered: %d %s%s", c.call.To, result.Code, result.Phrase, why)
	}
	board.Say(board.Conclude(result))
	return nil
}

// bound turns a port that is taken into a sentence about our own flags.
func (c *devCmd) bound(err error) error {
	var bind *transport.BindError
	if !errors.As(err, &bind) || !errors.Is(err, syscall.EADDRINUSE) {
		return err
	}
	at := bind.Listener.Address
	hint := netip.AddrPortFrom(at.Addr(), at.Port()+10)
	if c.Call != "" {
		return fmt.Errorf("%s (%s) is in use; if a sipedge dev runs there, call through it with --via %s, else listen elsewhere with --listen %s", at, bind.Listener.Proto, at, hint)
	}
	return fmt.Errorf("%s (%s) is in use by another program; stop it, or listen elsewhere with --listen %s", at, bind.Listener.Proto, hint)
}
