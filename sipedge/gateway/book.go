package gateway

import (
	"cmp"
	"net/netip"
	"slices"
	"time"
)

// FormerFor is how long an address is remembered after it was a gateway's;
// maxFormer bounds how many are, those that end soonest going first.
const (
	FormerFor = time.Hour
	maxFormer = 4096
)

// book says whose an address is. It is never changed, only replaced.
type book struct {
	until map[place]time.Time // zero: a gateway's now
	ends  time.Time           // when the next former one ends; zero is never
}

// place is an address of a route, and with route "" of any.
type place struct {
	route string
	addr  netip.Addr
}

// next is the book after a change of addresses, or when time has passed.
func (b *book) next(s *Set, now time.Time) *book {
	n := &book{until: map[place]time.Time{}}
	for i, m := range s.members {
		for _, t := range m.view.Load().targets {
			addr := t.Addr.Addr().Unmap()
			n.until[place{"", addr}] = time.Time{}
			n.until[place{s.gateways[i].RouteID, addr}] = time.Time{}
		}
	}
	var former []place
	for p, until := range b.until {
		if _, stays := n.until[p]; stays {
			continue
		}
		if until.IsZero() {
			until = now.Add(FormerFor)
		}
		if now.Before(until) {
			n.until[p] = until
			former = append(former, p)
		}
	}
	slices.SortFunc(former, func(x, y place) int {
		return cmp.Or(n.until[x].Compare(n.until[y]), cmp.Compare(x.route, y.route), x.addr.Compare(y.addr))
	})
	for len(former) > maxFormer {
		delete(n.until, former[0])
		former = former[1:]
	}
	if len(former) > 0 {
		n.ends = n.until[former[0]]
	}
	return n
}

func (b *book) has(p place) (owns, former bool) {
	until, ok := b.until[p]
	if !ok || until.IsZero() {
		return ok, false
	}
	lately := time.Now().Before(until)
	return lately, lately
}

// Owns is Set.Owns for the installed Set.
func (k *Keeper) Owns(addr netip.Addr) bool {
	owns, _ := k.book.Load().has(place{"", addr.Unmap()})
	return owns
}

// Former is Set.Former for the installed Set.
func (k *Keeper) Former(addr netip.Addr) bool {
	_, former := k.book.Load().has(place{"", addr.Unmap()})
	return former
}

// RouteOwns is Set.RouteOwns for the installed Set.
func (k *Keeper) RouteOwns(route string, addr netip.Addr) bool {
	owns, _ := k.book.Load().has(place{route, addr.Unmap()})
	return route != "" && owns
}
