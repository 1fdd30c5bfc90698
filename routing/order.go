package routing

import "math"

// OrderOf is the order in which a call tries the gateways of one route: alive
// ones first, by priority, and among equals by weighted chance in the manner of
// RFC 2782, with draw as the only source of it. Weight 0 comes after every
// other weight of its priority. Dark gateways follow in the same order, so that
// calls still try them when nothing else is left. At most MaxAttempts are named.
func OrderOf(gateways []Gateway, draw uint64, alive func(index int) bool) (o Order) {
	o.sort(gateways, draw, healthFunc(alive))
	return o
}

type health interface{ Alive(gateway int) bool }

type healthFunc func(int) bool

func (f healthFunc) Alive(gateway int) bool { return f == nil || f(gateway) }

// sort fills the zero Order. It keeps the best MaxAttempts by insertion: routes
// are short, and nothing is allocated.
func (o *Order) sort(gateways []Gateway, draw uint64, of health) {
	var ranks [MaxAttempts]rank
	weighed := false // among equals the shortest waiting time is the highest draw
	for i := range gateways {
		weighed = weighed || max(gateways[i].Weight, 1) != max(gateways[0].Weight, 1)
	}
	kept := 0
	for i := range gateways {
		if i > math.MaxUint16 {
			break
		}
		g := &gateways[i]
		r := rank{dark: !of.Alive(g.Index), priority: g.Priority, last: g.Weight <= 0}
		if len(gateways) > 1 {
			r.chance = chance(draw, i, g.Weight, weighed)
		}
		at := kept
		for at > 0 && r.before(&ranks[at-1]) {
			at--
			if at+1 < MaxAttempts {
				ranks[at+1], o.At[at+1] = ranks[at], o.At[at]
			}
		}
		if at == MaxAttempts {
			continue
		}
		ranks[at], o.At[at] = r, uint16(i)
		kept = min(kept+1, MaxAttempts)
	}
	o.N = uint8(kept)
}

type rank struct {
	dark     bool
	last     bool
	priority int
	chance   float64
}

func (r *rank) before(s *rank) bool {
	switch {
	case r.dark != s.dark:
		return s.dark
	case r.priority != s.priority:
		return r.priority < s.priority
	case r.last != s.last:
		return s.last
	}
	return r.chance < s.chance
}

// chance is an exponential waiting time with the weight as its rate. Who waits
// least goes first; the order that results has the distribution of RFC 2782's
// repeated draws without replacement, in one pass. Where all weights are the
// same a logarithm would not change the order.
func chance(draw uint64, i, weight int, weighed bool) float64 {
	x := mix(draw + uint64(i+1)*0x9E3779B97F4A7C15)
	u := (float64(x>>11) + 0.5) / (1 << 53)
	if !weighed {
		return -u
	}
	return -math.Log(u) / float64(max(weight, 1))
}

// mix is the finaliser of splitmix64: every bit of x moves every bit of the result.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xBF58476D1CE4E5B9
	x = (x ^ x>>27) * 0x94D049BB133111EB
	return x ^ x>>31
}
