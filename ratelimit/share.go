package ratelimit

import (
	"cmp"
	"slices"
)

// Stake is what one edge holds and wants of one limit that several edges share.
// Everything is counted in whole units: calls, or thousandths of a call per second.
type Stake struct {
	Held    int64 // the share in force there, as it said last
	Offered int64 // the share it was given last; in force there or about to be
	Demand  int64 // what it could use now
	Up      int64 // what is in use there and cannot be taken back: calls that are up
}

// claim is what must be thought spent: an answer may be lost on its way, so a
// share that was lowered counts in full until its edge has said that it is.
func (s *Stake) claim() int64 { return max(s.Held, s.Offered, s.Up) }

// Offer is the share of limit that stakes[me] may have now. The sum of all
// claims never exceeds the limit by an Offer; so neither do the shares in force,
// whichever messages are lost.
//
// Whoever wants less than an even share gets what it wants, the others share
// the rest evenly (max-min fairness), and what nobody wants is divided evenly
// too, so that a first call finds room everywhere. A share moves in three
// reports: the giver learns of it, confirms it, and the taker gets it.
//
// settling says that this record of stakes is new: edges that hold shares may
// not have spoken yet. Nobody's share grows then, and an edge that holds nothing
// gets half of what seems free.
func Offer(limit int64, stakes []Stake, me int, settling bool) int64 {
	room := limit
	for i := range stakes {
		if i != me {
			room -= stakes[i].claim()
		}
	}
	offer := min(target(limit, stakes, me), max(room, 0))
	if settling {
		most := stakes[me].Held
		if most <= 0 {
			most = max(room, 0) / 2
		}
		offer = min(offer, most)
	}
	return offer
}

// target is the fair share of stakes[me].
func target(limit int64, stakes []Stake, me int) int64 {
	order := make([]int, len(stakes))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(stakes[a].Demand, stakes[b].Demand) })
	mine, left, n := int64(0), limit, int64(len(stakes))
	for at, i := range order {
		give := max(min(stakes[i].Demand, left/(n-int64(at))), 0)
		left -= give
		if i == me {
			mine = give
		}
	}
	mine += left / n
	if int64(me) < left%n {
		mine++
	}
	return mine
}

// Share is the part of a trunk's limits that this edge may spend.
type Share struct {
	Rate       int64 // thousandths of a call per second
	Concurrent int64 // calls
}

// Lend puts a share of the limits in force instead of the whole. Tokens that
// were left in the bucket stay, and none come out of nothing: a share that grew
// begins with what it had, so all edges together never admit more than
// cps * t + burst + one call per edge in any time t (the last for rounding up).
func (d *Limiter) Lend(s Share, now Instant) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.share = &s
	d.enforce(now)
}

// Unlend puts the whole limits in force again.
func (d *Limiter) Unlend(now Instant) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.share = nil
	d.enforce(now)
}

// Lent is the share in force, false when the whole limits are.
func (d *Limiter) Lent() (Share, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.share == nil {
		return Share{}, false
	}
	return *d.share, true
}

// enforce makes bucket and gate follow limits and share.
func (d *Limiter) enforce(now Instant) {
	l := d.limits
	if d.share == nil {
		d.bucket.set(newPace(l.CPS, l.Burst), now)
		d.gate.Set(l.Concurrent)
		return
	}
	d.bucket.set(sharedPace(l, d.share.Rate), now)
	if l.Concurrent > 0 {
		d.gate.Lend(int(d.share.Concurrent))
	} else {
		d.gate.Set(0)
	}
}

// sharedPace is the pace of a part of the limits: the burst shrinks with it, to
// one call at least.
func sharedPace(l Limits, rate int64) *pace {
	whole := newPace(l.CPS, l.Burst)
	if whole == nil {
		return nil
	}
	if rate <= 0 {
		return &pace{closed: true}
	}
	cps := float64(rate) / 1000
	burst := float64(whole.ahead/whole.interval+1) * min(cps/l.CPS, 1)
	return newPace(cps, max(1, int(burst)))
}
