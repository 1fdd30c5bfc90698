package gateway

import (
	"cmp"
	"context"
	"net/netip"
	"time"

	"github.com/speakops/sipedge/sipedge/gateway/health"
	"github.com/speakops/sipedge/sipedge/transport"
)

// Set is the gateways of one configuration, by Gateway.Index. It stays usable
// after a newer one is installed: calls that began with it end with it.
type Set struct {
	keeper   *Keeper
	gateways []*Gateway
	tls      []*transport.TLSTarget
	members  []*member
}

// Len is the number of gateways; valid indexes are below it.
func (s *Set) Len() int { return len(s.members) }

// Gateway is one gateway as configured. It is not to be changed.
func (s *Set) Gateway(index int) *Gateway { return s.gateways[index] }

// Targets appends the addresses of a gateway in the order to try them, at most
// MaxTargets: by priority, drawn by weight, dark ones left out unless all are.
// ready is false when its name was never looked up to the end, which Resolve
// does; ready without any target means that there is none, and why is Resolve's
// to say. It takes no lock, and allocates only when dst is too short.
func (s *Set) Targets(index int, dst []Target) (targets []Target, ready bool) {
	v := s.members[index].view.Load()
	return v.append(dst, s.keeper.opts.Draw), v.ready
}

// Alive says whether a gateway is worth a call before others; see health. It
// takes no lock.
func (s *Set) Alive(index int) bool { return s.members[index].view.Load().alive }

// Resolve waits until the addresses of a gateway are known, at most
// locate.CallWait. It returns at once when a lookup has ended, and then says why
// there is no address. It blocks: never call it from a shard.
func (s *Set) Resolve(ctx context.Context, index int) error {
	m := s.members[index]
	v := m.view.Load()
	if v.ready && len(v.targets) > 0 {
		return nil
	}
	return s.keeper.await(ctx, m)
}

// Report tells what an attempt of a call found out about an address. An address
// that is no longer the gateway's is passed over, and so is TCP tried in place
// of UDP for size. It takes no lock when it is no news.
func (s *Set) Report(index int, p transport.Proto, at netip.AddrPort, o health.Outcome) {
	m := s.members[index]
	v := m.view.Load()
	i := v.find(p, at)
	if i < 0 || o.Result == health.Answered && v.marks[i].clean {
		return
	}
	s.keeper.called(m, health.Called{Addr: addrOf(&v.targets[i]), Outcome: o})
}

// Owns says whether an address is that of a gateway of the installed
// configuration, or was within FormerFor: in-dialog traffic and responses may
// come from it. It takes no lock.
func (s *Set) Owns(addr netip.Addr) bool { return s.keeper.Owns(addr) }

// Former says whether an address was a gateway's within FormerFor and is no more.
func (s *Set) Former(addr netip.Addr) bool { return s.keeper.Former(addr) }

// RouteOwns is Owns for the gateways of one route.
func (s *Set) RouteOwns(route string, addr netip.Addr) bool { return s.keeper.RouteOwns(route, addr) }

// Missing says why a gateway has no address, "" while it has one.
func (s *Set) Missing(index int) string {
	m := s.members[index]
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.lookupErr == nil || len(m.core.Addresses()) > 0 {
		return ""
	}
	return m.lookupErr.Error()
}

// State is one address of one gateway, for people.
type State struct {
	Gateway, Route, Authority string

	Proto   transport.Proto
	Address netip.AddrPort // the zero value when its name has none
	Up      bool           // calls use it: it is not dark
	State   health.State
	Since   time.Time // of State
	Reason  health.Reason
	Detail  string // why there is no address, or none fresh

	LastProbe time.Time // when the latest probe was judged; zero before the first
	LastCode  int       // of that probe; 0 when it was not answered
}

// States lists every address of every gateway, in order of index and preference.
func (s *Set) States() []State {
	var out []State
	for i, m := range s.members {
		out = m.states(s.gateways[i], out)
	}
	return out
}

func (m *member) states(g *Gateway, out []State) []State {
	m.mu.Lock()
	defer m.mu.Unlock()
	row := State{Gateway: g.ID, Route: g.RouteID, Authority: g.Authority}
	if err := cmp.Or(m.lookupErr, m.stale); err != nil {
		row.Detail = err.Error()
	}
	for _, a := range m.core.Addresses() {
		row.Proto, row.Address = transport.Proto(a.Addr.Proto), a.Addr.At
		row.State, row.Up, row.Since, row.Reason = a.State, a.State != health.Dark, a.Since, a.Reason
		row.LastProbe, row.LastCode = a.LastProbe, a.LastCode
		out = append(out, row)
	}
	if len(m.core.Addresses()) > 0 {
		return out
	}
	row.State, row.Reason, row.Since = m.core.State()
	row.Up = row.State != health.Dark
	return append(out, row)
}
