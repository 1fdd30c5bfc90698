package main

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/speakops/sipedge/integration/bench/site"
)

type scale struct {
	Rate    int           `default:"2000" help:"Calls per second."`
	For     time.Duration `default:"8s" help:"Length of each."`
	Rounds  int           `default:"3" help:"Turns of each size of the table; the median counts."`
	Numbers []int         `name:"sizes" default:"1000,100000,1000000,10000000" help:"Numbers in the table, 1000 at least; ten million take some minutes to pour into Redis and to load."`
	Trunks  []int         `default:"10,1000,10000" help:"Trunks, each with two source ranges, and as many gateways."`
}

// Run prints the cost of a call as the edge's tables grow, over that of the
// smallest.
func (s *scale) Run(ctx context.Context, b *bench) error {
	load := site.Load{Rate: s.Rate, Calls: int(s.For.Seconds() * float64(s.Rate)), Hold: 50 * time.Millisecond}
	if err := s.numbers(ctx, b, load); err != nil {
		return err
	}
	first := 0.0
	for _, n := range s.Trunks {
		rung, err := b.one(ctx, site.Edge("edge", fmt.Sprintf("%d trunks and gateways", n), b.edge, site.Settings{Trunks: n, Gateways: n}), load)
		if err != nil {
			return err
		}
		first = grown("trunks and gateways", n, first, []site.Rung{rung})
	}
	return nil
}

// numbers lets edges with tables of different sizes stand beside each other and
// take turns: what one of them finds in the machine's caches and memory the
// others find too, so that what differs is the table's.
func (s *scale) numbers(ctx context.Context, b *bench, load site.Load) error {
	edges := make([]*site.Running, len(s.Numbers))
	for i, n := range s.Numbers {
		other, err := s.open(ctx, b, n)
		if err != nil {
			return err
		}
		defer other.Close()
		if edges[i], err = other.Start(ctx, site.Edge(fmt.Sprint(n), "that many numbers", b.edge, site.Settings{})); err != nil {
			return err
		}
		defer edges[i].Stop()
		if _, err := edges[i].Drive(ctx, load); err != nil { // to warm up
			return err
		}
	}
	rungs := make([][]site.Rung, len(edges))
	for range max(1, s.Rounds) {
		for i, edge := range edges {
			rung, err := edge.Drive(ctx, load)
			if err != nil {
				return err
			}
			note("%s", line(rung))
			rungs[i] = append(rungs[i], rung)
		}
	}
	first := 0.0
	for i, n := range s.Numbers {
		first = grown("numbers", n, first, rungs[i])
	}
	return nil
}

// open opens a site with n numbers, half of which are called, at most 100,000.
// Those are imported when its edge starts; the others are poured into its Redis
// before, which is faster, and say more. With few that are called the same caller
// would call one again before it answers, which is a loop to an edge.
func (s *scale) open(ctx context.Context, b *bench, n int) (*site.Site, error) {
	note("a store of %d numbers", n)
	called := min(n/2, 100_000)
	other, err := site.Open(ctx, filepath.Join(b.Dir, fmt.Sprintf("numbers-%d", n)), called, called)
	if err != nil {
		return nil, err
	}
	if err := other.Pour(n - called); err != nil {
		other.Close()
		return nil, err
	}
	return other, nil
}

// grown prints what calls cost, by the median of the rungs, over what they cost
// first; first is 0 the first time.
func grown(what string, n int, first float64, rungs []site.Rung) float64 {
	slices.SortFunc(rungs, func(a, b site.Rung) int { return cmp.Compare(a.XGen(), b.XGen()) })
	failed := int64(0)
	for _, r := range rungs {
		failed += r.Failed
	}
	median := rungs[len(rungs)/2]
	if first == 0 {
		first = median.XGen()
	}
	fmt.Printf("%9d %s: failed %d, %.1f us/call, x_gen %.2f, %.2f of the smallest\n", n, what, failed, median.CPU(), median.XGen(), median.XGen()/first)
	return first
}
