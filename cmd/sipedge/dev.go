package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"github.com/speakops/sipedge/cmd/sipedge/internal/demo"
	"github.com/speakops/sipedge/routing/e164"
	"github.com/speakops/sipedge/sipedge"
	"github.com/speakops/sipedge/sipedge/transport"
)

// devCmd runs an edge with everything it needs, for the first call of a
// newcomer, or places that call itself.
type devCmd struct {
	Listen   netip.AddrPort `default:"127.0.0.1:5060" placeholder:"ADDR:PORT" help:"Where the edge takes calls, UDP and TCP; port 0 finds a free one (${default})."`
	Admin    netip.AddrPort `placeholder:"ADDR:PORT" help:"Where /readyz and the rest of the admin API are (127.0.0.1:8080 if it is free)."`
	Data     string         `type:"path" placeholder:"DIR" help:"Keep records here; otherwise they go with the edge."`
	Call     string         `placeholder:"NUMBER" help:"Place a call to this number, show its messages, and end: exit code 0 when it was answered."`
	From     string         `default:"+12025550199" placeholder:"NUMBER" help:"The caller of --call (${default})."`
	Override string         `enum:"legacy,speakops," default:"" placeholder:"SIDE" help:"Force --call to legacy or speakops, by X-SpeakOps-Route."`
	Talk     time.Duration  `default:"1s" placeholder:"TIME" help:"How long --call lasts once it is answered (${default})."`
	Via      netip.AddrPort `placeholder:"ADDR:PORT" help:"Place --call through an edge that runs already, such as another sipedge dev."`

	call demo.Call
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
	case c.Call == "":
		return nil
	}
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
	if err := c.furnish(ctx, house); err != nil {
		return err
	}
	cfg, err := house.Config()
	if err != nil {
		return err
	}

	ctx, end := context.WithCancel(ctx)
	defer end()
	ready := make(chan struct{})
	var g errgroup.Group
	g.Go(func() error {
		defer end()
		h := hooks{fleeting: true, onCall: board.Decided, cdrs: board, ready: func(*sipedge.Edge) { close(ready) }}
		return c.bound(serve(ctx, cfg, s.Err, h))
	})
	g.Go(func() error {
		defer end()
		select {
		case <-ready:
			return c.attend(ctx, board, house)
		case <-ctx.Done():
			return nil
		}
	})
	return g.Wait()
}

// attend is what happens while the edge serves: the one call, or whatever is
// dialled until Ctrl-C. Calls that are up then are hung up by the gateways, so
// that the edge has drained at once.
func (c *devCmd) attend(ctx context.Context, board *demo.Board, house *house) (err error) {
	if c.Call != "" {
		c.call.Via = house.Listen
		err = c.place(ctx, board, house.numbers)
	} else {
		board.Say(board.Introduce(house.Site, house.numbers, c.Data != ""))
		<-ctx.Done()
		board.Say("\nending: calls that are up are hung up")
	}
	house.hangUp()
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

// house is what the demo edge stands on.
type house struct {
	demo.Site
	numbers []demo.Number
	redis   *miniredis.Miniredis
	rubbish string // a folder to remove at the end
}

// furnish starts Redis and the gateways, and fills in the numbers.
func (c *devCmd) furnish(ctx context.Context, h *house) (err error) {
	if err := c.addresses(h); err != nil {
		return err
	}
	if err := h.folder(c.Data); err != nil {
		return err
	}
	if h.redis, err = demo.OpenStore(); err != nil {
		return err
	}
	h.Site.Redis = h.redis.Addr()
	rdb := redis.NewClient(&redis.Options{Addr: h.redis.Addr()})
	defer rdb.Close()
	if err := demo.Fill(ctx, rdb, demo.Prefix, h.numbers, time.Now()); err != nil {
		return err
	}
	for _, name := range []string{demo.LegacyA, demo.LegacyB, demo.SpeakOpsA} {
		g, err := demo.OpenGateway(name, h.Listen.Addr(), demo.MannerOf(h.numbers))
		if err != nil {
			return err
		}
		h.Gateways = append(h.Gateways, g)
	}
	return nil
}

// preferredAdmin is where the admin API is when nobody says anything.
var preferredAdmin = netip.MustParseAddrPort("127.0.0.1:8080")

// addresses settles where the edge and its admin API listen.
func (c *devCmd) addresses(h *house) (err error) {
	if h.Listen = c.Listen; h.Listen.Port() == 0 {
		if h.Listen, err = demo.FreePort(c.Listen.Addr()); err != nil {
			return fmt.Errorf("--listen %s: %w", c.Listen, err)
		}
	}
	if h.Admin = c.Admin; !h.Admin.IsValid() {
		h.Admin = preferredAdmin
	}
	if h.Admin.Port() == 0 {
		h.Admin, err = demo.FreePort(h.Admin.Addr())
		return err
	}
	l, err := net.Listen("tcp", h.Admin.String())
	switch {
	case err != nil && c.Admin.IsValid():
		return fmt.Errorf("--admin %s cannot be listened on (%w); choose another address", c.Admin, err)
	case err != nil:
		h.Admin, err = demo.FreePort(preferredAdmin.Addr())
		return err
	}
	defer l.Close()
	h.Admin = l.Addr().(*net.TCPAddr).AddrPort()
	return nil
}

// folder is where records go: the one asked for, or one that goes at the end.
func (h *house) folder(asked string) (err error) {
	if asked != "" {
		h.DataDir = asked
		return os.MkdirAll(filepath.Join(asked, "records"), 0o755)
	}
	h.DataDir, err = os.MkdirTemp("", "sipedge-dev-")
	h.rubbish = h.DataDir
	return err
}

// hangUpWithin bounds the good-byes of the gateways.
const hangUpWithin = 3 * time.Second

func (h *house) hangUp() {
	ctx, stop := context.WithTimeout(context.Background(), hangUpWithin)
	defer stop()
	var all errgroup.Group
	for _, g := range h.Gateways {
		all.Go(func() error { g.HangUp(ctx); return nil })
	}
	_ = all.Wait()
}

func (h *house) close() {
	for _, g := range h.Gateways {
		g.Close()
	}
	if h.redis != nil {
		h.redis.Close()
	}
	if h.rubbish != "" {
		_ = os.RemoveAll(h.rubbish) // it is in the folder for temporary files
	}
}
