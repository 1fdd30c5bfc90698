package gateway

import (
	"cmp"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/speakops/sipedge/sipedge/gateway/health"
	"github.com/speakops/sipedge/sipedge/gateway/locate"
	"github.com/speakops/sipedge/sipedge/transport"
)

// identity is what makes a gateway the same one after a reload.
type identity struct {
	route, id, uri string
	noIPv4, noIPv6 bool
}

func (g *Gateway) identity() identity {
	return identity{g.RouteID, g.ID, g.URI, g.NoIPv4, g.NoIPv6}
}

// member is one gateway as long as its identity stays in the configuration. Sets
// of successive configurations share it.
type member struct {
	query locate.Query
	view  atomic.Pointer[view]

	mu         sync.Mutex
	gw         *Gateway // of the configuration in force
	tls        *transport.TLSTarget
	core       *health.Gateway
	servers    []locate.Server
	flight     chan struct{} // closed when the lookup under way has ended
	nextLookup time.Time     // zero: never
	lookupErr  error         // why it has no address
	stale      error         // why its addresses are older than their records allow
	probes     map[health.Addr]*probe
	changes    []Change // not yet taken
	missed     int      // changes that made room
}

// probe is the schedule of one address.
type probe struct {
	due  time.Time
	busy bool
}

// firstProbes are spread over this time after a start or a reload.
const firstProbes = 2 * time.Second

func newMember(g *Gateway, t *transport.TLSTarget, q locate.Query, now time.Time) *member {
	m := &member{query: q, gw: g, tls: t, core: health.NewGateway(g.settings(), now), probes: map[health.Addr]*probe{}}
	m.view.Store(&view{alive: true})
	if a, ok := q.Literal(); ok {
		m.located(a, nil, now)
	} else {
		m.nextLookup = now
	}
	return m
}

// adopt takes over what a new configuration says about the same gateway.
func (m *member) adopt(g *Gateway, t *transport.TLSTarget, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	every := m.gw.Probe.Every
	m.gw, m.tls = g, t
	if g.Probe.Every != every {
		for _, p := range m.probes {
			p.due = now.Add(firstDelay(g.Probe))
		}
	}
	m.step(health.Configured{Settings: g.settings()}, "", now)
	m.publish()
}

func firstDelay(p Probe) time.Duration {
	if p.Every <= 0 {
		return 0
	}
	return rand.N(min(p.Every, firstProbes))
}

// located takes the outcome of a lookup. Only the word of a name server takes an
// address away; a lookup that failed says nothing about the addresses known.
func (m *member) located(a locate.Answer, err error, now time.Time) {
	switch {
	case err == nil:
		m.servers, m.lookupErr, m.stale = bounded(a.Servers), nil, a.Err
		m.nextLookup = a.RefreshAt
		if !a.RefreshAt.IsZero() {
			m.nextLookup = later(a.RefreshAt, now.Add(time.Second))
		}
		m.step(health.Found{Addrs: m.addresses()}, "", now)
	case errors.Is(err, locate.ErrNotFound) || len(m.servers) == 0:
		m.servers, m.lookupErr, m.stale = nil, err, nil
		m.nextLookup = now.Add(lookupAgain)
		m.step(health.Lost{}, err.Error(), now)
	default:
		m.stale = err
		m.nextLookup = now.Add(lookupAgain)
	}
	m.schedule(now)
	m.publish()
}

// bounded keeps the first MaxTargets addresses, in order of rank, each once.
func bounded(servers []locate.Server) []locate.Server {
	out := slices.Clone(servers)
	slices.SortStableFunc(out, func(a, b locate.Server) int { return cmp.Compare(a.Rank, b.Rank) })
	var seen []health.Addr
	for i := range out {
		s := &out[i]
		kept := s.Addrs[:0:0]
		for _, at := range s.Addrs {
			addr := health.Addr{Proto: uint8(s.Proto), At: at}
			if len(seen) < MaxTargets && !slices.Contains(seen, addr) {
				seen, kept = append(seen, addr), append(kept, at)
			}
		}
		s.Addrs = kept
	}
	return slices.DeleteFunc(out, func(s locate.Server) bool { return len(s.Addrs) == 0 })
}

func (m *member) addresses() []health.Addr {
	var out []health.Addr
	for _, s := range m.servers {
		for _, at := range s.Addrs {
			out = append(out, health.Addr{Proto: uint8(s.Proto), At: at})
		}
	}
	return out
}

// schedule gives new addresses a first probe and forgets those that are gone.
func (m *member) schedule(now time.Time) {
	next := map[health.Addr]*probe{}
	for _, a := range m.addresses() {
		if p := m.probes[a]; p != nil {
			next[a] = p
		} else {
			next[a] = &probe{due: now.Add(firstDelay(m.gw.Probe))}
		}
	}
	m.probes = next
}

// step tells the health core and keeps what changed for whoever takes it.
func (m *member) step(ev health.Event, detail string, now time.Time) {
	for _, c := range m.core.Step(ev, now, nil) {
		if len(m.changes) == maxChanges {
			m.changes = m.changes[1:]
			m.missed++
		}
		m.changes = append(m.changes, Change{
			RouteID: m.gw.RouteID, GatewayID: m.gw.ID, Index: m.gw.Index,
			Change: c, Detail: detail, Missed: m.missed,
		})
	}
}

// publish makes a new view of everything.
func (m *member) publish() {
	state, _, _ := m.core.State()
	v := &view{ready: len(m.servers) > 0 || m.lookupErr != nil, alive: state != health.Dark}
	known := m.core.Addresses()
	for _, s := range m.servers {
		srv := server{rank: s.Rank, weight: int(s.Weight), from: len(v.targets)}
		for _, at := range s.Addrs {
			t := Target{Proto: s.Proto, HasTCP: s.HasTCP, Addr: at, Gateway: m.gw}
			if t.Proto == transport.TLS {
				t.TLS = m.tls
			}
			k := markOf(&known[len(v.targets)])
			if !k.dark {
				srv.living = true
				v.living++
			}
			v.targets, v.marks = append(v.targets, t), append(v.marks, k)
		}
		srv.to = len(v.targets)
		v.servers = append(v.servers, srv)
	}
	m.view.Store(v)
}

// refresh publishes when health has changed what calls see.
func (m *member) refresh() {
	for i, k := range m.view.Load().marks {
		if markOf(&m.core.Addresses()[i]) != k {
			m.publish()
			return
		}
	}
}

func markOf(a *health.Address) mark { return mark{dark: a.State == health.Dark, clean: a.Clean()} }

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
