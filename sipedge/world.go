package sipedge

import (
	"bytes"
	"net/netip"
	"strings"
	"time"

	"github.com/gaissmai/bart"

	"github.com/speakops/sipedge/configs"
	"github.com/speakops/sipedge/ratelimit"
	"github.com/speakops/sipedge/routing"
	"github.com/speakops/sipedge/routing/e164"
	"github.com/speakops/sipedge/sipedge/call"
	"github.com/speakops/sipedge/sipedge/challenge"
	"github.com/speakops/sipedge/sipedge/gateway"
	"github.com/speakops/sipedge/sipedge/message"
	"github.com/speakops/sipedge/sipedge/message/token"
	"github.com/speakops/sipedge/sipedge/observe"
	"github.com/speakops/sipedge/sipedge/observe/ladder"
	"github.com/speakops/sipedge/sipedge/profile"
	"github.com/speakops/sipedge/sipedge/testline"
	"github.com/speakops/sipedge/sipedge/transport"
)

// world is one configuration, compiled: everything a step may ask about trunks,
// routes and listeners. It is immutable; a reload makes a new one and swaps the
// pointer, while calls keep what they pinned.
type world struct {
	config      *configs.Edge
	edgeHash    uint32
	listeners   []listener
	trunks      []*trunk
	trunkByHash map[uint32]*trunk
	sources     *bart.Table[[]*claim]
	byName      []*claim // trunks known by certificate
	// byCertificate says that a certificate makes a difference for some trunk.
	byCertificate bool
	routes        map[routing.RouteID]*route
	routeByHash   map[uint32]*route
	gateways      []*hop
	lines         *route // that serves test lines called by name, nil for none
	set           *gateway.Set
	ring          *token.Ring
	generic       *profile.Profile
	upstreamTLS   *transport.TLSTarget
	former        *bart.Table[time.Time] // sources of trunks lately removed: in-dialog traffic only

	maxDuration time.Duration
	setup       time.Duration
	maxInflight int
	maxHeld     int
	reinvite    call.Rules
	routing     routing.World
}

// listener is one socket as it is written into headers.
type listener struct {
	name        string
	hash        uint32
	proto       transport.Proto
	addr        netip.AddrPort
	viaPrefix   []byte // "SIP/2.0/UDP host:port;branch="
	routeTail   []byte // "@host:port;lr>" or "@host:port;transport=tcp;lr>"
	contactTail []byte // "@host:port>" or "@host:port;transport=tcp>"
	host        []byte
	port        uint16
	shown       netip.AddrPort // the address ladders and captures give it
}

// trunk is who may send us calls.
type trunk struct {
	id           routing.TrunkID
	hash         uint32
	profile      *profile.Profile
	plan         e164.Plan
	limits       *ratelimit.Limiter
	hide         bool
	anchor       bool // its media runs through this edge, unless the route says otherwise
	nat          bool
	sessionTimer bool // insert
	identity     bool
	routingNum   bool
	override     bool
	psap         bool
	diagnostics  bool
	trace        bool
	sources      []netip.Prefix
	stripIn      *message.HeaderSet // from requests on their way to a gateway
	stripOut     *message.HeaderSet // from what leaves towards the trunk
	stats        *observe.Trunk
	realm        string
	user         *challenge.User // nil: it needs no password
	anywhere     bool            // one of its sources is wide
	actor        ladder.Actor
}

// claim is one way a trunk may be recognised.
type claim struct {
	trunk    *trunk
	port     uint16 // 0: any
	listener int    // -1: any
	subject  string // "": none needed
	streams  bool   // only over connections: the source is wide
}

// route is a route with what carrying a call over it takes.
type route struct {
	routing.Route
	hash     uint32
	rules    call.Rules
	rescues  *ratelimit.Bucket // of calls it lets go to the other side; nil: none
	reaping  call.Rules        // the same, for trunks whose profile has late answers ended
	listener int               // -1: by protocol
	media    string            // anchor, direct, or "" as the trunk says
	hops     []*hop
	line     *hop          // of a route that answers itself, nil for gateways
	lineIs   testline.Line // what answers numbers that lead there
}

// hop is one gateway as calls see it.
type hop struct {
	index  int
	id     routing.GatewayID
	route  *route
	uri    string // host:port;params for the Request-URI
	format e164.Format
	add    []byte
	secret bool // there is one in add
	trace  bool
	strip  map[manner]*message.HeaderSet // only where the gateway strips headers of its own
	stats  *observe.Gateway
	actor  ladder.Actor
}

// manner is what of a trunk decides which headers of its requests pass: thousands
// of trunks have a few.
type manner struct {
	profile  *profile.Profile
	identity bool
}

func (t *trunk) manner() manner { return manner{t.profile, t.identity} }

// standing says what a source is to this configuration.
func (w *world) standing(f transport.Flow, names []string) transport.Standing {
	if w.trunkOf(f, names) != nil {
		return transport.Trunk
	}
	addr := f.Peer.Addr()
	if w.set.Owns(addr) {
		return transport.Gateway
	}
	if _, ok := w.formerSource(addr); ok {
		return transport.Gateway
	}
	return transport.Stranger
}

// trunkOf is the trunk a flow belongs to, nil for none: the most specific
// source, and among equals the one that names listener, port or certificate.
func (w *world) trunkOf(f transport.Flow, names []string) *trunk {
	best, _ := w.bestClaim(f, names)
	return best
}

// trunkNear is a trunk that a flow might be of, whatever it still has to prove.
func (w *world) trunkNear(f transport.Flow) *trunk {
	claims, _ := w.sources.Lookup(f.Peer.Addr())
	for _, c := range claims {
		if c.listener < 0 || c.listener == int(f.Listener) {
			return c.trunk
		}
	}
	return nil
}

// trunksAt are the trunks that describe a flow as well as trunkOf's: those that
// only a password tells apart.
func (w *world) trunksAt(f transport.Flow, names []string) (list []*trunk) {
	_, score := w.bestClaim(f, names)
	claims, _ := w.sources.Lookup(f.Peer.Addr())
	for _, c := range claims {
		if score >= 0 && c.fits(f, names) == score {
			list = append(list, c.trunk)
		}
	}
	return list
}

func (w *world) bestClaim(f transport.Flow, names []string) (*trunk, int) {
	var best *trunk
	score := -1
	if claims, ok := w.sources.Lookup(f.Peer.Addr()); ok {
		for _, c := range claims {
			if n := c.fits(f, names); n > score {
				best, score = c.trunk, n
			}
		}
	}
	if best == nil && len(names) > 0 {
		for _, c := range w.byName {
			if n := c.fits(f, names); n > score {
				best, score = c.trunk, n
			}
		}
	}
	return best, score
}

// fits scores how closely a claim describes a flow, -1 when it does not.
func (c *claim) fits(f transport.Flow, names []string) int {
	score := 0
	if c.streams && f.Proto == transport.UDP {
		return -1
	}
	if c.listener >= 0 {
		if int(f.Listener) != c.listener {
			return -1
		}
		score += 4
	}
	if c.port != 0 {
		if f.Peer.Port() != c.port {
			return -1
		}
		score += 2
	}
	if c.subject != "" {
		for _, n := range names {
			if strings.EqualFold(n, c.subject) {
				return score + 8
			}
		}
		return -1
	}
	return score
}

func (w *world) profileOf(t *trunk) *profile.Profile {
	if t == nil {
		return w.generic
	}
	return t.profile
}

// ownVia says whether a Via names one of our listeners.
func (w *world) ownVia(v *message.Via) bool { return w.own(v.Host, v.Port) >= 0 }

// own is the index of the listener a host and port name, -1 for none. Port 0 is
// the default of the listener's protocol.
func (w *world) own(host []byte, port uint16) int {
	for i := range w.listeners {
		l := &w.listeners[i]
		if (port == l.port || port == 0 && l.port == defaultPort(l.proto)) && bytes.EqualFold(host, l.host) {
			return i
		}
	}
	return -1
}

// listenerFor picks where a request towards a target leaves: the wanted one when
// it speaks the protocol, else the first of that protocol and address family.
func (w *world) listenerFor(wanted int, p transport.Proto, to netip.Addr) int {
	if wanted >= 0 && wanted < len(w.listeners) && w.listeners[wanted].proto == p && w.listeners[wanted].serves(to) {
		return wanted
	}
	for i := range w.listeners {
		if w.listeners[i].proto == p && w.listeners[i].serves(to) {
			return i
		}
	}
	return -1
}

func (l *listener) serves(to netip.Addr) bool { return l.addr.Addr().Is4() == to.Unmap().Is4() }

// listenerByHash finds the listener a token names.
func (w *world) listenerByHash(h uint32) int {
	for i := range w.listeners {
		if w.listeners[i].hash == h {
			return i
		}
	}
	return -1
}

func (w *world) trunkNamed(id routing.TrunkID) *trunk { return w.trunkByHash[token.ID(string(id))] }

func defaultPort(p transport.Proto) uint16 {
	if p == transport.TLS {
		return 5061
	}
	return 5060
}

func netipPort(a netip.AddrPort, port uint16) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr(), port)
}
