package sipedge

import (
	"bytes"
	"cmp"
	"crypto/tls"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/gaissmai/bart"

	"github.com/speakops/sipedge/configs"
	"github.com/speakops/sipedge/ratelimit"
	"github.com/speakops/sipedge/routing"
	"github.com/speakops/sipedge/routing/e164"
	"github.com/speakops/sipedge/sipedge/call"
	"github.com/speakops/sipedge/sipedge/gateway"
	"github.com/speakops/sipedge/sipedge/message"
	"github.com/speakops/sipedge/sipedge/message/token"
	"github.com/speakops/sipedge/sipedge/observe/ladder"
	"github.com/speakops/sipedge/sipedge/profile"
	"github.com/speakops/sipedge/sipedge/testline"
	"github.com/speakops/sipedge/sipedge/transport"
)

// FormerFor is how long the sources of a trunk that a reload has removed may
// still send in-dialog requests.
const FormerFor = time.Hour

// compile makes a world of a configuration. Limits, health and addresses of
// what was there before live on in it.
func (e *Edge) compile(c *configs.Edge, before *world) (*world, error) {
	w := &world{
		config:   c,
		edgeHash: token.ID(c.Edge.ID), trunkByHash: map[uint32]*trunk{}, sources: new(bart.Table[[]*claim]),
		routes: map[routing.RouteID]*route{}, routeByHash: map[uint32]*route{}, former: new(bart.Table[time.Time]),
		maxDuration: c.Limits.MaxCallDuration, setup: c.Limits.SetupDeadline,
		maxInflight: c.Limits.Overload.MaxInflight, maxHeld: c.Clock.MaxHeld,
		reinvite:    call.Rules{InDialog: true},
		upstreamTLS: &transport.TLSTarget{Config: &tls.Config{MinVersion: tls.VersionTLS12}},
	}
	keys, err := c.Edge.Keys()
	if err != nil {
		return nil, err
	}
	if w.ring, err = token.NewRing(keys...); err != nil {
		return nil, err
	}
	profiles, err := c.CompileProfiles()
	if err != nil {
		return nil, err
	}
	if w.generic, err = genericProfile(c, profiles); err != nil {
		return nil, err
	}
	w.addListeners(c)
	if err := w.addTrunks(c, profiles, before, e); err != nil {
		return nil, err
	}
	list, err := w.addRoutes(c, before, e)
	if err != nil {
		return nil, err
	}
	if w.set, err = e.gateways.Compile(list); err != nil {
		return nil, err
	}
	w.gatherFormer(before)
	w.study(c, e)
	return w, nil
}

func genericProfile(c *configs.Edge, compiled map[string]*profile.Profile) (*profile.Profile, error) {
	if p := compiled["generic"]; p != nil {
		return p, nil
	}
	written, _ := c.Profile("generic")
	return configs.CompileProfile(written)
}

func (w *world) addListeners(c *configs.Edge) {
	for _, l := range c.SIP.Listen {
		host, port := splitAdvertise(l)
		one := listener{
			name: l.Name, hash: token.ID(l.Name), proto: protoNamed(l.Transport), addr: l.Address,
			host: []byte(strings.Trim(host, "[]")), port: port, shown: shownAddr(l),
		}
		at := fmt.Sprintf("%s:%d", host, port)
		one.viaPrefix = []byte("SIP/2.0/" + strings.ToUpper(l.Transport) + " " + at + ";branch=")
		param := ""
		if one.proto != transport.UDP {
			param = ";transport=" + strings.ToLower(l.Transport)
		}
		one.routeTail = []byte("@" + at + param + ";lr>")
		one.contactTail = []byte("@" + at + param + ">")
		w.listeners = append(w.listeners, one)
	}
}

// shownAddr is the address of a listener in captures: the advertised one, where
// the socket listens on all.
func shownAddr(l configs.Listener) netip.AddrPort {
	if at, err := netip.ParseAddrPort(l.Advertise); err == nil && l.Address.Addr().IsUnspecified() {
		return at
	}
	return l.Address
}

// splitAdvertise is the host and port written into headers; an IPv6 host keeps its brackets.
func splitAdvertise(l configs.Listener) (string, uint16) {
	text := l.Advertise
	if text == "" {
		text = l.Address.String()
	}
	if at, err := netip.ParseAddrPort(text); err == nil {
		if at.Addr().Is6() {
			return "[" + at.Addr().String() + "]", at.Port()
		}
		return at.Addr().String(), at.Port()
	}
	host, port, found := strings.Cut(text, ":")
	if n := atoi(port); found && n > 0 {
		return host, uint16(n)
	}
	return host, l.Address.Port()
}

func atoi(s string) (n int) {
	for _, c := range s {
		if c < '0' || c > '9' || n > 65535 {
			return 0
		}
		n = n*10 + int(c-'0')
	}
	return n
}

func protoNamed(s string) transport.Proto {
	switch strings.ToLower(s) {
	case "tcp":
		return transport.TCP
	case "tls":
		return transport.TLS
	}
	return transport.UDP
}

func (w *world) addTrunks(c *configs.Edge, profiles map[string]*profile.Profile, before *world, e *Edge) error {
	for _, t := range c.Trunks {
		plan, ok := e164.PlanFor(t.DefaultCountry)
		if !ok && t.DefaultCountry != "" {
			return fmt.Errorf("trunk %s: no numbering plan for country %q", t.ID, t.DefaultCountry)
		}
		p := profiles[t.Profile]
		one := &trunk{
			id: routing.TrunkID(t.ID), hash: token.ID(t.ID), profile: p, plan: plan,
			hide: t.Hide, anchor: t.Media == "anchor", nat: t.NAT, sessionTimer: t.SessionTimer == "insert",
			identity: t.Trust.Identity, routingNum: t.Trust.RoutingNumber, override: t.Trust.TestOverride,
			psap: t.Trust.PSAPCallback, diagnostics: t.Trust.Diagnostics, trace: t.Trust.Trace,
			stripIn: p.Inward(t.Trust.Identity, traced...), stripOut: p.Upstream(),
			limits: keepLimits(before, t), stats: e.metrics.Trunk(routing.TrunkID(t.ID)), actor: e.actor(t.ID),
		}
		if one.realm, one.user = proofOf(t); one.user != nil {
			one.stripIn = p.Inward(t.Trust.Identity, forUs...)
		}
		if one.hide {
			one.stripOut = p.Upstream(hiddenHeaders...)
		}
		at := w.listenerByName(t.Listener)
		for _, src := range t.Sources {
			one.sources = append(one.sources, src.Prefix)
			claims, _ := w.sources.Get(src.Prefix)
			one.anywhere = one.anywhere || one.user != nil && configs.Wide(src.Prefix)
			w.sources.Insert(src.Prefix, append(slices.Clone(claims), &claim{one, src.Port, at, t.TLSSubject, t.Digest != nil && configs.Wide(src.Prefix)}))
		}
		w.byCertificate = w.byCertificate || t.TLSSubject != ""
		if len(t.Sources) == 0 && t.TLSSubject != "" {
			w.byName = append(w.byName, &claim{one, 0, at, t.TLSSubject, false})
		}
		w.trunks = append(w.trunks, one)
		w.trunkByHash[one.hash] = one
	}
	return nil
}

// hiddenHeaders tell about the inside, whatever the profile says.
var hiddenHeaders = []string{"Server", "User-Agent", "Warning", "Organization", "Alert-Info", "Call-Info", "Error-Info", "Reply-To",
	"P-Asserted-Identity", "P-Called-Party-ID", "P-Associated-URI", "Remote-Party-ID", "Diversion", "History-Info", "X-*"}

// keepLimits carries a trunk's counts over a reload. The new limits are not in
// force yet: the configuration may be refused for something further down.
func keepLimits(before *world, t configs.Trunk) *ratelimit.Limiter {
	if old := before.trunk(token.ID(t.ID)); old != nil {
		return old.limits
	}
	return ratelimit.NewLimiter(trunkLimits(t), time.Now())
}

func trunkLimits(t configs.Trunk) ratelimit.Limits {
	return ratelimit.Limits{CPS: t.Limits.CPS, Burst: t.Limits.Burst, Concurrent: t.Limits.Concurrent}
}

func (w *world) trunk(hash uint32) *trunk {
	if w == nil {
		return nil
	}
	return w.trunkByHash[hash]
}

// keepRescues carries what a route has spent of its rescues over a reload.
func keepRescues(before *world, r configs.Route) *ratelimit.Bucket {
	if r.Rescue.CPS == 0 {
		return nil
	}
	if before != nil {
		if old := before.routes[routing.RouteID(r.ID)]; old != nil && old.rescues != nil {
			return old.rescues
		}
	}
	return ratelimit.NewBucket(r.Rescue.CPS, r.Rescue.Burst, time.Now())
}

func (w *world) addRoutes(c *configs.Edge, before *world, e *Edge) (list []gateway.Gateway, err error) {
	for _, r := range c.Routes {
		one := &route{
			hash: token.ID(r.ID), listener: w.listenerByName(r.Listener), media: r.Media,
			rules: call.Rules{
				NoAnswer: r.NoAnswer, Progress: r.Progress, Ring: r.RingTimeout, Budget: r.FailoverBudget,
				Setup: c.Limits.SetupDeadline, FailoverOn: call.NewCodes(r.FailoverOn...),
				AfterAnnouncement: r.FailoverAfterProgress == "announcement",
				RescueOn:          call.NewCodes(r.RescueOn()...), RescueSilent: r.Authority == "speakops",
			},
		}
		one.reaping = one.rules
		one.reaping.ReapLate = true
		one.ID, one.Builtin, one.Rescue = routing.RouteID(r.ID), r.Builtin, r.Rescue.CPS > 0
		one.rescues = keepRescues(before, r)
		if err := one.Authority.UnmarshalText([]byte(r.Authority)); err != nil {
			return nil, fmt.Errorf("route %s: %w", r.ID, err)
		}
		if r.Target != "" {
			if err := one.Target.UnmarshalText([]byte(r.Target)); err != nil {
				return nil, fmt.Errorf("route %s: %w", r.ID, err)
			}
		}
		if err := w.answering(one, r.Line, e); err != nil {
			return nil, fmt.Errorf("route %s: %w", r.ID, err)
		}
		for _, g := range r.Gateways {
			h, described, err := w.hop(one, r, g, len(list), e)
			if err != nil {
				return nil, fmt.Errorf("route %s: gateway %s: %w", r.ID, g.ID, err)
			}
			list = append(list, described)
			one.hops = append(one.hops, h)
			one.Gateways = append(one.Gateways, routing.Gateway{ID: h.id, Index: h.index, Priority: g.Priority, Weight: g.Weight})
			w.gateways = append(w.gateways, h)
		}
		w.routes[one.ID] = one
		w.routeByHash[one.hash] = one
	}
	return list, nil
}

// answering makes a test line of a route that is one.
func (w *world) answering(r *route, line string, e *Edge) (err error) {
	if r.Builtin == "" {
		return nil
	}
	if r.lineIs, err = testline.Parse(cmp.Or(line, "milliwatt")); err != nil {
		return err
	}
	r.line = &hop{index: -1, id: lineGateway, route: r, stats: e.metrics.Gateway(lineGateway), actor: e.actor(string(lineGateway))}
	// A line takes the time it is told to; the setup deadline is patience enough.
	r.rules.NoAnswer, r.rules.Progress, r.rules.Ring = 0, 0, 0
	r.reaping = r.rules
	r.reaping.ReapLate = true
	if w.lines == nil {
		w.lines = r
	}
	return nil
}

func (w *world) hop(r *route, rc configs.Route, g configs.Gateway, index int, e *Edge) (*hop, gateway.Gateway, error) {
	h := &hop{index: index, id: routing.GatewayID(g.ID), route: r, stats: e.metrics.Gateway(routing.GatewayID(g.ID)), actor: e.actor(g.ID)}
	var err error
	if h.format, err = e164.ParseFormat(g.Egress.NumberFormat); err != nil {
		return nil, gateway.Gateway{}, err
	}
	_, rest, _ := strings.Cut(g.URI, ":")
	h.uri, h.trace = rest, g.Egress.Trace
	for _, name := range slices.Sorted(maps.Keys(g.Egress.HeadersAdd)) {
		h.add = append(h.add, name+": "+g.Egress.HeadersAdd[name]+"\r\n"...)
	}
	shown := bytes.Clone(h.add)
	ladder.Redact(shown)
	h.secret = !bytes.Equal(shown, h.add)
	if len(g.Egress.HeadersStrip) > 0 {
		h.strip = map[manner]*message.HeaderSet{}
		for _, t := range w.trunks {
			if h.strip[t.manner()] != nil {
				continue
			}
			h.strip[t.manner()] = t.profile.Inward(t.identity, append(slices.Clone(g.Egress.HeadersStrip), forUs...)...)
		}
	}
	described := gateway.Gateway{
		ID: g.ID, RouteID: rc.ID, Authority: rc.Authority, Index: index, URI: g.URI, Listener: rc.Listener,
	}
	if rc.Probe.Method != "" && !strings.EqualFold(rc.Probe.Method, "none") {
		described.Probe = gateway.Probe{Every: rc.Probe.Every, Fall: rc.Probe.Fall, Rise: rc.Probe.Rise}
	}
	described.TLS, err = clientTLS(g.Egress.TLS)
	return h, described, err
}

func clientTLS(t configs.ClientTLS) (c gateway.ClientTLS, err error) {
	c.ServerName, c.Key = t.ServerName, t.Key.Reveal()
	for _, f := range []struct {
		path string
		into *string
	}{{t.CA, &c.CA}, {t.Cert, &c.Cert}} {
		if f.path == "" {
			continue
		}
		b, err := os.ReadFile(f.path)
		if err != nil {
			return c, err
		}
		*f.into = string(b)
	}
	return c, nil
}

// gatherFormer remembers the sources of trunks that are gone now.
func (w *world) gatherFormer(before *world) {
	if before == nil {
		return
	}
	until := time.Now().Add(FormerFor)
	for prefix := range before.sources.All() {
		if _, still := w.sources.Get(prefix); !still {
			w.former.Insert(prefix, until)
		}
	}
	for prefix, t := range before.former.All() {
		if _, still := w.sources.Get(prefix); !still && time.Now().Before(t) {
			w.former.Insert(prefix, t)
		}
	}
}

func (w *world) formerSource(a netip.Addr) (time.Time, bool) {
	until, ok := w.former.Lookup(a)
	return until, ok && time.Now().Before(until)
}

// study is the view of the table that Decide gets.
func (w *world) study(c *configs.Edge, e *Edge) {
	routes := map[routing.RouteID]*routing.Route{}
	for id, r := range w.routes {
		routes[id] = &r.Route
	}
	w.routing = routing.World{
		Table: e.parts.Table, Freshness: e.parts.Freshness, MaxAge: c.Numbers.MaxStaleness, Routes: routes,
		Legacy: routes[routing.RouteID(c.Defaults.Legacy)], SpeakOps: routes[routing.RouteID(c.Defaults.SpeakOps)],
		Health: w.set.Alive, Schedules: e.parts.Schedules, HoldFor: 2 * c.Clock.MaxError,
	}
}

func (w *world) listenerByName(name string) int {
	for i := range w.listeners {
		if name != "" && w.listeners[i].name == name {
			return i
		}
	}
	return -1
}

// tlsFor is whom we expect behind a TLS address: the gateway it belongs to. A
// trunk's side is expected to be who the connection showed it to be.
func (w *world) tlsFor(at netip.AddrPort, d token.Direction) *transport.TLSTarget {
	if d == token.ToCallee {
		for _, h := range w.gateways {
			targets, _ := w.set.Targets(h.index, nil)
			for _, t := range targets {
				if t.Proto == transport.TLS && t.Addr.Addr() == at.Addr() {
					return t.TLS
				}
			}
		}
	}
	return w.upstreamTLS
}

// Headers that end at this edge: the parent of its span, and a password's proof.
var (
	traced = []string{traceparent, tracestate}
	forUs  = []string{traceparent, tracestate, "Proxy-Authorization"}
)
