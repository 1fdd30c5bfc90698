package main

import (
	"context"
	"io"
	"net/netip"

	"golang.org/x/sync/errgroup"

	"github.com/speakops/sipedge/cmd/sipedge/internal/demo"
	"github.com/speakops/sipedge/routing/e164"
	"github.com/speakops/sipedge/sipedge"
	"github.com/speakops/sipedge/sipedge/admin/client"
)

// show is the demo while it runs: its edges, and what happens with them.
type show struct {
	*devCmd
	house   *house
	board   *demo.Board
	log     io.Writer
	traffic *demo.Traffic // nil without a cutover
}

// run starts the edges, the first before the others because it begins the chain
// that they join, and attends until ctx ends or one of them does.
func (v *show) run(ctx context.Context) error {
	ctx, end := context.WithCancel(ctx)
	defer end()
	if err := v.callers(); err != nil {
		return err
	}
	ready := make([]chan struct{}, len(v.house.sites))
	var g errgroup.Group
	for i, site := range v.house.sites {
		cfg, err := site.Config()
		if err != nil {
			return err
		}
		ready[i] = make(chan struct{})
		h := hooks{fleeting: true, cdrs: v.board, ready: func(*sipedge.Edge) { close(ready[i]) }, onCall: func(c sipedge.CallLine) {
			v.board.Decided(site.ID, c)
			if v.traffic != nil {
				v.traffic.Decided(site.ID, c)
			}
		}}
		g.Go(func() error {
			defer end()
			if i > 0 && !came(ctx, ready[0]) {
				return nil
			}
			return v.bound(serve(ctx, cfg, v.log, h))
		})
	}
	g.Go(func() error {
		defer end()
		for _, one := range ready {
			if !came(ctx, one) {
				return nil
			}
		}
		return v.attend(ctx)
	})
	return g.Wait()
}

// came waits for something; false when the demo ends before.
func came(ctx context.Context, something <-chan struct{}) bool {
	select {
	case <-something:
		return true
	case <-ctx.Done():
		return false
	}
}

// demoCaller calls the numbers that change hands.
const demoCaller = "+12025550198"

func (v *show) callers() (err error) {
	if v.house.cutting == nil {
		return nil
	}
	t := &demo.Traffic{}
	if t.From, err = e164.Parse(demoCaller); err != nil {
		return err
	}
	for _, n := range v.house.cutting {
		number, err := e164.Parse(n.PublicNumber)
		if err != nil {
			return err
		}
		t.Numbers = append(t.Numbers, number)
	}
	for _, s := range v.house.sites {
		t.Edges = append(t.Edges, s.Listen)
	}
	v.traffic, v.board.Demo = t, demoCaller
	return nil
}

func (v *show) introduction() demo.Introduction {
	return demo.Introduction{Sites: v.house.sites, Numbers: v.house.numbers, Cutting: v.house.cutting, In: v.Cutover, Kept: v.Data, Tokens: v.house.tokens}
}

// evening lets the numbers change hands while calls run, and stays until ctx ends.
// A cutover that cannot be shown is said; the edges go on.
func (v *show) evening(ctx context.Context) {
	if v.traffic == nil {
		<-ctx.Done()
		return
	}
	var g errgroup.Group
	g.Go(func() error { v.traffic.Run(ctx); return nil })
	if err := v.cutover(ctx); err != nil && ctx.Err() == nil {
		v.board.Say("the cutover cannot be shown: " + err.Error())
	}
	<-ctx.Done()
	_ = g.Wait()
}

func (v *show) cutover(ctx context.Context) error {
	ask := func(who string, at netip.AddrPort) (*client.Client, error) {
		return client.New(client.Options{Edge: "http://" + at.String(), Token: v.house.tokens[who]})
	}
	sites := v.house.sites
	anna, err := ask(demo.Anna, sites[0].Admin)
	if err != nil {
		return err
	}
	defer anna.Close()
	bo, err := ask(demo.Bo, sites[len(sites)-1].Admin)
	if err != nil {
		return err
	}
	defer bo.Close()
	c := &demo.Cutover{Board: v.board, Anna: anna, Bo: bo, Numbers: v.house.cutting, Edges: len(sites), In: v.Cutover}
	at, err := c.Arm(ctx)
	if err != nil {
		return err
	}
	v.traffic.Expect(at)
	c.Watch(ctx, at, v.traffic)
	return nil
}
