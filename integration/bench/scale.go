package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/speakops/sipedge/integration/bench/site"
)

type scale struct {
	Rate    int           `default:"2000" help:"Calls per second."`
	For     time.Duration `default:"8s" help:"Length of each."`
	Numbers []int         `name:"sizes" default:"1000,100000,1000000,10000000" help:"Numbers in the table; ten million take some minutes to pour into Redis and to load."`
	Trunks  []int         `default:"10,1000,10000" help:"Trunks, each with two source ranges, and as many gateways."`
}

// Run prints the cost of a call as the edge's tables grow, over that of the
// smallest. The same few numbers are called from the same source each time.
func (s *scale) Run(ctx context.Context, b *bench) error {
	load := site.Load{Rate: s.Rate, Calls: int(s.For.Seconds() * float64(s.Rate)), Hold: 50 * time.Millisecond}
	print := func(what string, n int, first *float64, rung site.Rung) {
		if *first == 0 {
			*first = rung.XGen()
		}
		fmt.Printf("%9d %s: failed %d, %.1f us/call, x_gen %.2f, %.2f of the smallest\n", n, what, rung.Failed, rung.CPU(), rung.XGen(), rung.XGen()/(*first))
	}
	var first float64
	for _, n := range s.Numbers {
		rung, err := s.sized(ctx, b, n, load)
		if err != nil {
			return err
		}
		print("numbers", n, &first, rung)
	}
	first = 0
	for _, n := range s.Trunks {
		rung, err := b.one(ctx, site.Edge("edge", fmt.Sprintf("%d trunks and gateways", n), b.edge, site.Settings{Trunks: n, Gateways: n}), load)
		if err != nil {
			return err
		}
		print("trunks and gateways", n, &first, rung)
	}
	return nil
}

// sized measures at a site of its own with n numbers. Those that are called are
// imported; the others are poured into its Redis before, which is faster.
func (s *scale) sized(ctx context.Context, b *bench, n int, l site.Load) (site.Rung, error) {
	note("a store of %d numbers", n)
	called := min(n, 1000)
	other, err := site.Open(ctx, filepath.Join(b.Dir, fmt.Sprintf("numbers-%d", n)), called, called)
	if err != nil {
		return site.Rung{}, err
	}
	defer other.Close()
	if err := other.Pour(n - called); err != nil {
		return site.Rung{}, err
	}
	sized := *b
	sized.Site = other
	return sized.one(ctx, site.Edge("edge", fmt.Sprintf("%d numbers", n), b.edge, site.Settings{}), l)
}
