package routing

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func picks(gateways []Gateway, o Order) []int {
	var at []int
	for _, i := range o.At[:o.N] {
		at = append(at, int(i))
	}
	return at
}

func TestOrderHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 20).Draw(t, "gateways")
		gateways := make([]Gateway, n)
		dark := make([]bool, n)
		for i := range gateways {
			gateways[i] = Gateway{Index: i, Priority: rapid.IntRange(0, 3).Draw(t, "priority"), Weight: rapid.IntRange(-1, 3).Draw(t, "weight")}
			dark[i] = rapid.Bool().Draw(t, "dark")
		}
		draw := rapid.Uint64().Draw(t, "draw")
		alive := func(i int) bool { return !dark[i] }
		o := OrderOf(gateways, draw, alive)
		if o != OrderOf(gateways, draw, alive) {
			t.Fatal("the same draw gives another order")
		}
		got := picks(gateways, o)
		if len(got) != min(n, MaxAttempts) {
			t.Fatalf("%d of %d gateways", len(got), n)
		}
		class := func(i int) [3]int {
			c := [3]int{0, gateways[i].Priority, 0}
			if dark[i] {
				c[0] = 1
			}
			if gateways[i].Weight <= 0 {
				c[2] = 1
			}
			return c
		}
		before := func(a, b int) int { x, y := class(a), class(b); return slices.Compare(x[:], y[:]) }
		if !slices.IsSortedFunc(got, before) {
			t.Fatalf("%v is not alive, priority, weight 0 last", got)
		}
		for i := range gateways {
			if !slices.Contains(got, i) && before(i, got[len(got)-1]) < 0 {
				t.Fatalf("%d is left out and better than %d", i, got[len(got)-1])
			}
		}
		slices.Sort(got)
		if len(slices.Compact(got)) != min(n, MaxAttempts) {
			t.Fatal("a gateway is tried twice")
		}
	})
}

// The first choice follows the weights, and so does the second among the rest
// (RFC 2782: selection without replacement).
func TestOrderFollowsTheWeights(t *testing.T) {
	gateways := []Gateway{{Weight: 60}, {Weight: 30}, {Weight: 10}, {Weight: 0}}
	const calls = 60_000
	var first, second [4]float64
	for draw := range uint64(calls) {
		o := OrderOf(gateways, draw, nil)
		first[o.At[0]]++
		if o.At[0] == 0 {
			second[o.At[1]]++
		}
		if o.At[3] != 3 {
			t.Fatal("weight 0 must wait for all others")
		}
	}
	near(t, "first", first[:], []float64{.6, .3, .1, 0}, calls)
	near(t, "second after 0", second[:], []float64{0, .75, .25, 0}, first[0])
}

func near(t *testing.T, what string, got, want []float64, of float64) {
	for i := range want {
		if share := got[i] / of; math.Abs(share-want[i]) > .01 {
			t.Errorf("%s: gateway %d has %.3f, want %.2f", what, i, share, want[i])
		}
	}
}

func TestEqualZeroWeightsShare(t *testing.T) {
	gateways := []Gateway{{}, {}}
	zero := 0
	for draw := range uint64(10_000) {
		if OrderOf(gateways, draw, nil).At[0] == 0 {
			zero++
		}
	}
	if zero < 4700 || zero > 5300 {
		t.Errorf("%d of 10000", zero)
	}
}
