package health

import "time"

// Gateway is the health of one gateway. The zero Gateway is not usable;
// NewGateway makes one. It is not safe for concurrent use.
type Gateway struct {
	set    Settings
	addrs  []Address
	lost   bool // its name has no address
	state  State
	reason Reason
	since  time.Time
}

// NewGateway makes a gateway nothing is known about, not even an address.
func NewGateway(set Settings, now time.Time) *Gateway {
	return &Gateway{set: set.withDefaults(), reason: New, since: now}
}

// State is what its addresses add up to: Up when one is, Dark when all are or
// when there is none, else Unknown.
func (g *Gateway) State() (State, Reason, time.Time) { return g.state, g.reason, g.since }

// Addresses are valid until the next Step and in the order of the last Found.
func (g *Gateway) Addresses() []Address { return g.addrs }

// Step takes one event at one instant and appends the changes of state it
// caused: those of addresses first, when there are several, then the whole's.
func (g *Gateway) Step(ev Event, now time.Time, out []Change) []Change {
	why := g.reason
	switch ev := ev.(type) {
	case Found:
		g.found(ev.Addrs, now)
		why = AddressFound
	case Lost:
		g.addrs, g.lost = nil, true
		why = NoAddress
	case Configured:
		g.set = ev.Settings.withDefaults()
		out, why = g.each(out, why, func(a *Address) { a.configured(g.set, now) })
	case Probed:
		if !g.set.Probed {
			return out // asked before probing was switched off; none would ever bring it back
		}
		out, why = g.one(ev.Addr, out, why, func(a *Address) { a.probed(ev.Code, g.set, now) })
	case Called:
		out, why = g.one(ev.Addr, out, why, func(a *Address) { a.called(ev.Outcome, g.set, now) })
	case Tick:
		out, why = g.each(out, why, func(a *Address) { a.tick(g.set, now) })
	}
	return g.sum(why, now, out)
}

// Wake is the next instant at which a Tick changes something; zero is never.
func (g *Gateway) Wake() time.Time {
	var first time.Time
	for i := range g.addrs {
		at := g.addrs[i].hold
		if !at.IsZero() && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	return first
}

// found keeps what is known of addresses that stay.
func (g *Gateway) found(addrs []Addr, now time.Time) {
	next := make([]Address, 0, len(addrs))
	for _, addr := range addrs {
		a := Address{Addr: addr, Reason: New, Since: now}
		if old := g.find(addr); old != nil {
			a = *old
		}
		next = append(next, a)
	}
	g.addrs, g.lost = next, len(next) == 0
}

func (g *Gateway) find(addr Addr) *Address {
	for i := range g.addrs {
		if g.addrs[i].Addr == addr {
			return &g.addrs[i]
		}
	}
	return nil
}

func (g *Gateway) one(addr Addr, out []Change, why Reason, do func(*Address)) ([]Change, Reason) {
	if a := g.find(addr); a != nil {
		return g.watch(a, out, why, do)
	}
	return out, why // an address that is gone since
}

func (g *Gateway) each(out []Change, why Reason, do func(*Address)) ([]Change, Reason) {
	for i := range g.addrs {
		out, why = g.watch(&g.addrs[i], out, why, do)
	}
	return out, why
}

// watch does one thing to an address and notes what came of it.
func (g *Gateway) watch(a *Address, out []Change, why Reason, do func(*Address)) ([]Change, Reason) {
	from := a.State
	do(a)
	if a.State == from {
		return out, why
	}
	if len(g.addrs) > 1 {
		out = append(out, Change{Addr: a.Addr, From: from, To: a.State, Reason: a.Reason, At: a.Since})
	}
	return out, a.Reason
}

// sum adds the addresses up to the state of the whole.
func (g *Gateway) sum(why Reason, now time.Time, out []Change) []Change {
	to := g.total()
	if to == g.state {
		return out
	}
	c := Change{Whole: true, From: g.state, To: to, Reason: why, At: now}
	if len(g.addrs) == 1 {
		c.Addr = g.addrs[0].Addr
	}
	g.state, g.reason, g.since = to, why, now
	return append(out, c)
}

func (g *Gateway) total() State {
	if len(g.addrs) == 0 {
		if g.lost {
			return Dark
		}
		return Unknown
	}
	total := Dark
	for i := range g.addrs {
		switch g.addrs[i].State {
		case Up:
			return Up
		case Unknown:
			total = Unknown
		}
	}
	return total
}
