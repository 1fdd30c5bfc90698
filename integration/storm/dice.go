package storm

import "time"

// dice are drawn from a seed; whoever acts has dice of its own, so that no order
// of goroutines changes what anybody draws.
type dice struct{ state uint64 }

// diceOf are the dice of something that has a name, at an instant.
func diceOf(seed uint64, who string, more ...uint64) *dice {
	h := seed ^ 0xcbf29ce484222325
	for i := range len(who) {
		h = (h ^ uint64(who[i])) * 0x100000001b3
	}
	for _, m := range more {
		h = mixed(h ^ m)
	}
	return &dice{mixed(h)}
}

// mixed is the finaliser of SplitMix64.
func mixed(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func (d *dice) next() uint64 {
	d.state += 0x9e3779b97f4a7c15
	return mixed(d.state)
}

// below is one of 0 to n-1.
func (d *dice) below(n int) int { return int(d.next() >> 1 % uint64(n)) }

// chance is true with probability p.
func (d *dice) chance(p float64) bool { return float64(d.next()>>11)/(1<<53) < p }

// span is between from and to, to the nanosecond.
func (d *dice) span(from, to time.Duration) time.Duration {
	if to <= from {
		return from
	}
	return from + time.Duration(d.next()>>1%uint64(to-from))
}

// either is between -most and most.
func (d *dice) either(most time.Duration) time.Duration { return d.span(-most, most) }
