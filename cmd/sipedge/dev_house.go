package main

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"github.com/speakops/sipedge/cmd/sipedge/internal/demo"
	"github.com/speakops/sipedge/configs"
	"github.com/speakops/sipedge/sipedge/admin"
)

// house is what the demo edges stand on.
type house struct {
	sites            []demo.Site
	gateways         []*demo.Gateway
	numbers, cutting []demo.Number
	tokens           map[string]string // of the people who make a cutover
	redis            *miniredis.Miniredis
	rubbish          string // a folder to remove at the end
}

// maxEdges is enough to see that they agree.
const maxEdges = 5

// furnish starts Redis and the gateways, and fills in the numbers.
func (c *devCmd) furnish(ctx context.Context, h *house) (err error) {
	h.sites = make([]demo.Site, c.Edges)
	for i := range h.sites {
		h.sites[i].ID, h.sites[i].First = fmt.Sprintf("dev-%d", i+1), i == 0
	}
	if err := c.addresses(h); err != nil {
		return err
	}
	if err := h.folders(c.Data); err != nil {
		return err
	}
	if h.redis, err = demo.OpenStore(); err != nil {
		return err
	}
	rdb := redis.NewClient(&redis.Options{Addr: h.redis.Addr()})
	defer rdb.Close()
	known := append(h.numbers[:len(h.numbers):len(h.numbers)], h.cutting...)
	if err := demo.Fill(ctx, rdb, demo.Prefix, known, time.Now()); err != nil {
		return err
	}
	for _, name := range []string{demo.LegacyA, demo.LegacyB, demo.SpeakOpsA} {
		g, err := demo.OpenGateway(name, c.Listen.Addr(), demo.MannerOf(known))
		if err != nil {
			return err
		}
		h.gateways = append(h.gateways, g)
	}
	people := h.people()
	key := demo.Key()
	for i := range h.sites {
		h.sites[i].Redis, h.sites[i].Gateways, h.sites[i].TokenKey, h.sites[i].People = h.redis.Addr(), h.gateways, key, people
	}
	return nil
}

// people are those who make a cutover; without one, everybody on this machine may
// look, and nobody needs a token.
func (h *house) people() []configs.AdminToken {
	if h.cutting == nil {
		return nil
	}
	h.tokens = map[string]string{demo.Anna: admin.NewToken(), demo.Bo: admin.NewToken()}
	return []configs.AdminToken{
		{Name: demo.Anna, Role: "operator", Hash: admin.Hash(h.tokens[demo.Anna])},
		{Name: demo.Bo, Role: "approver", Hash: admin.Hash(h.tokens[demo.Bo])},
	}
}

// preferredAdmin is where the admin API is when nobody says anything.
var preferredAdmin = netip.MustParseAddrPort("127.0.0.1:8080")

// addresses settles where the edges and their admin APIs listen.
func (c *devCmd) addresses(h *house) (err error) {
	first := &h.sites[0]
	if first.Listen = c.Listen; first.Listen.Port() == 0 {
		if first.Listen, err = demo.FreePort(c.Listen.Addr()); err != nil {
			return fmt.Errorf("--listen %s: %w", c.Listen, err)
		}
	}
	if err := c.adminOf(first); err != nil {
		return err
	}
	for i := 1; i < len(h.sites); i++ {
		before, s := &h.sites[i-1], &h.sites[i]
		if s.Listen, err = nextFree(before.Listen); err == nil {
			s.Admin, err = nextFree(before.Admin)
		}
		if err != nil {
			return fmt.Errorf("%s finds no place: %w", s.ID, err)
		}
	}
	return nil
}

// nextFree is the next port, or any where that one is taken.
func nextFree(at netip.AddrPort) (netip.AddrPort, error) {
	next := netip.AddrPortFrom(at.Addr(), at.Port()+1)
	udp, err := net.ListenPacket("udp", next.String())
	if err != nil {
		return demo.FreePort(at.Addr())
	}
	defer udp.Close()
	tcp, err := net.Listen("tcp", next.String())
	if err != nil {
		return demo.FreePort(at.Addr())
	}
	defer tcp.Close()
	return next, nil
}

func (c *devCmd) adminOf(s *demo.Site) (err error) {
	if s.Admin = c.Admin; !s.Admin.IsValid() {
		s.Admin = preferredAdmin
	}
	if s.Admin.Port() == 0 {
		s.Admin, err = demo.FreePort(s.Admin.Addr())
		return err
	}
	l, err := net.Listen("tcp", s.Admin.String())
	switch {
	case err != nil && c.Admin.IsValid():
		return fmt.Errorf("--admin %s cannot be listened on (%w); choose another address", c.Admin, err)
	case err != nil:
		s.Admin, err = demo.FreePort(preferredAdmin.Addr())
		return err
	}
	defer l.Close()
	s.Admin = l.Addr().(*net.TCPAddr).AddrPort()
	return nil
}

// folders are where edges write: below the one asked for, or one that goes at the
// end. A single edge has all of it.
func (h *house) folders(asked string) (err error) {
	root := asked
	if root == "" {
		if root, err = os.MkdirTemp("", "sipedge-dev-"); err != nil {
			return err
		}
		h.rubbish = root
	}
	for i := range h.sites {
		s := &h.sites[i]
		if s.DataDir = root; len(h.sites) > 1 {
			s.DataDir = filepath.Join(root, s.ID)
		}
		if err := os.MkdirAll(filepath.Join(s.DataDir, "records"), 0o755); err != nil {
			return err
		}
	}
	return nil
}

// hangUpWithin bounds the good-byes of the gateways.
const hangUpWithin = 3 * time.Second

func (h *house) hangUp() {
	ctx, stop := context.WithTimeout(context.Background(), hangUpWithin)
	defer stop()
	var all errgroup.Group
	for _, g := range h.gateways {
		all.Go(func() error { g.HangUp(ctx); return nil })
	}
	_ = all.Wait()
}

func (h *house) close() {
	for _, g := range h.gateways {
		g.Close()
	}
	if h.redis != nil {
		h.redis.Close()
	}
	if h.rubbish != "" {
		_ = os.RemoveAll(h.rubbish) // it is in the folder for temporary files
	}
}
