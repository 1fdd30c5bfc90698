package configs

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/speakops/sipedge/sipedge/testline"
)

func (c *checker) routes() {
	all := c.edge.Routes
	if len(all) == 0 {
		c.mistake("routes", "no route: no call could go anywhere", "add one for each authority, legacy and speakops")
	}
	ids, gateways := map[string]int{}, map[string]string{}
	for i := range all {
		path := at("routes", i)
		c.unique(under(path, "id"), "routes", all[i].ID, ids, i)
		c.route(path, &all[i])
		for j, g := range all[i].Gateways {
			id := at(under(path, "gateways"), j) + ".id"
			if first, twice := gateways[g.ID]; twice && g.ID != "" {
				c.mistake(id, fmt.Sprintf("%s is already the gateway on line %d", c.show(id, g.ID), c.lineOf(first)), "give each gateway of this edge its own id")
			} else {
				gateways[g.ID] = id
			}
		}
	}
	c.bothSides()
}

func (c *checker) route(path string, r *Route) {
	c.enum(under(path, "authority"), r.Authority, "legacy", "speakops")
	target := under(path, "target")
	if c.enum(target, r.Target, "direct_sip", "shadow_did", "rn_pinned", "pstn_same_tn") && r.Target != "direct_sip" && r.Authority == "speakops" {
		c.mistake(target, "only a legacy route has a target", "remove it")
	}
	if r.Target == "pstn_same_tn" {
		c.warn(target, "the same number dialled over the PSTN comes back to this edge once the port is active: the route is refused from activating on")
	}
	l := c.listenerRef(under(path, "listener"), r.Listener)
	if r.Builtin != "" {
		c.builtin(path, r)
		return
	}
	if r.Line != "" {
		c.mistake(under(path, "line"), "only a builtin route has a line", "add builtin: testline, or remove it")
	}
	if len(r.Gateways) == 0 {
		c.mistake(under(path, "gateways"), "no gateway", "add one, such as { id: lg1, uri: \"sip:192.0.2.20:5060\" }")
	}
	for i := range r.Gateways {
		c.gateway(at(under(path, "gateways"), i), &r.Gateways[i], l)
	}
	c.routeTimers(path, r)
	c.failover(path, r)
	c.rescue(under(path, "rescue"), r)
	c.probe(under(path, "probe"), r.Probe)
}

func (c *checker) builtin(path string, r *Route) {
	c.enum(under(path, "builtin"), r.Builtin, "testline")
	if r.Line != "" {
		if _, err := testline.Parse(r.Line); err != nil {
			c.mistake(under(path, "line"), err.Error(), "name one of them")
		}
	}
	if c.given(under(path, "rescue")) {
		c.mistake(under(path, "rescue"), "a builtin route has no gateways that could fail", "remove it")
	}
	if len(r.Gateways) > 0 {
		c.mistake(under(path, "gateways"), "a builtin route answers itself", "remove the gateways or the builtin")
	}
}

func (c *checker) routeTimers(path string, r *Route) {
	noAnswer, progress, ring, budget := under(path, "no_answer"), under(path, "progress"), under(path, "ring_timeout"), under(path, "failover_budget")
	c.positive(noAnswer, r.NoAnswer)
	c.positive(progress, r.Progress)
	c.positive(ring, r.RingTimeout)
	c.positive(budget, r.FailoverBudget)
	c.shorter(noAnswer, budget, r.NoAnswer, r.FailoverBudget, "no second gateway could ever be tried")
	c.shorter(progress, budget, r.Progress, r.FailoverBudget, "no gateway could be tried after one that only says 100")
	c.shorter(budget, "limits.setup_deadline", r.FailoverBudget, c.edge.Limits.SetupDeadline, "the call would be over before it")
	c.shorter(ring, "limits.setup_deadline", r.RingTimeout, c.edge.Limits.SetupDeadline, "the call would be over before it rings out")
}

// Finals that are the callee's own word: no other gateway may be asked then.
var userFinals = []int{486, 487, 600, 603}

func (c *checker) failover(path string, r *Route) {
	on := under(path, "failover_on")
	seen := map[int]bool{}
	for i, code := range r.FailoverOn {
		switch p := at(on, i); {
		case code < 400 || code > 699:
			c.mistake(p, fmt.Sprintf("%d is not a failure response", code), "list codes from 400 to 699")
		case slices.Contains(userFinals, code):
			c.mistake(p, fmt.Sprintf("%d is the callee's own answer and never tried elsewhere", code), "remove it")
		case seen[code]:
			c.mistake(p, fmt.Sprintf("%d is listed twice", code), "list it once")
		}
		seen[code] = true
	}
	c.enum(under(path, "failover_after_progress"), r.FailoverAfterProgress, "", "announcement")
}

// letGo are the finals that may mean that the losing carrier has let go of a number.
var letGo = []int{404, 410, 480, 604}

func (c *checker) rescue(path string, r *Route) {
	c.rate(under(path, "cps"), r.Rescue.CPS)
	c.between(under(path, "burst"), r.Rescue.Burst, 0, 100000)
	if c.given(path) && r.Rescue.CPS == 0 {
		c.mistake(path, "allows no call at all", "write how many calls a second it may take, such as cps: 5, or remove it")
	}
	for i, code := range r.Rescue.On {
		switch p := at(under(path, "on"), i); {
		case r.Authority == "legacy" && !slices.Contains(letGo, code):
			c.mistake(p, fmt.Sprintf("%d does not say that the losing carrier has let go of a number", code), "list some of 404, 410, 480 and 604")
		case r.Authority == "speakops" && code != 408 && code/100 != 5:
			c.mistake(p, fmt.Sprintf("%d does not say that SpeakOps is down", code), "list 408 and codes from 500 to 599")
		case slices.Contains(r.Rescue.On[:i], code):
			c.mistake(p, fmt.Sprintf("%d is listed twice", code), "list it once")
		}
	}
	if r.Rescue.On != nil && len(r.Rescue.On) == 0 {
		c.mistake(under(path, "on"), "no final at all", "list some, or remove it for the usual ones")
	}
}

func (c *checker) probe(path string, p Probe) {
	if !c.enum(under(path, "method"), p.Method, "OPTIONS", "none", "") || p.Method == "none" || p.Method == "" {
		return
	}
	c.positive(under(path, "every"), p.Every)
	c.between(under(path, "fall"), p.Fall, 1, 100)
	c.between(under(path, "rise"), p.Rise, 1, 100)
}

func (c *checker) gateway(path string, g *Gateway, l *Listener) {
	c.id(under(path, "id"), g.ID)
	c.between(under(path, "priority"), g.Priority, 0, 65535)
	c.between(under(path, "weight"), g.Weight, 0, 65535)
	uri := under(path, "uri")
	if g.URI == "" {
		c.mistake(uri, "is missing", `write uri: "sip:192.0.2.20:5060;transport=udp"`)
		return
	}
	hop, err := ParseHop(g.URI)
	if err != nil {
		problem, remedy, _ := strings.Cut(err.Error(), "; ")
		c.mistake(uri, c.show(uri, g.URI)+" "+problem, remedy)
		return
	}
	c.reachable(uri, hop, l)
	c.egress(under(path, "egress"), g.Egress, hop)
}

// reachable: requests leave from a listener of the hop's transport, and the
// gateway's own requests inside the call come back to it.
func (c *checker) reachable(path string, hop Hop, l *Listener) {
	switch {
	case hop.Transport == "":
	case l != nil && l.Transport != hop.Transport:
		c.mistake(path, fmt.Sprintf("wants %s, but the route's listener %s speaks %s", hop.Transport, l.Name, l.Transport), "name a listener of that transport, or none")
	case l == nil && !c.transportListens(hop.Transport):
		c.mistake(path, "wants "+hop.Transport+", but no listener speaks it", "add a "+hop.Transport+" listener: the gateway's requests inside a call come back to it")
	}
	addr, err := netip.ParseAddr(hop.Host)
	for _, own := range c.edge.SIP.Listen {
		if own.Address.Port() == 0 || (hop.Transport != "" && own.Transport != hop.Transport) || own.Address.Port() != hop.PortOrDefault() {
			continue
		}
		listens := err == nil && (own.Address.Addr() == addr || own.Address.Addr().IsUnspecified() && addr.IsLoopback())
		host, _, aerr := splitHostPort(own.Advertise)
		if listens || aerr == nil && strings.EqualFold(host, hop.Host) {
			c.mistake(path, "is this edge's own listener "+own.Name+": every call would come back", "write the gateway's address")
			return
		}
	}
}

// bothSides finds a next hop that serves legacy and speakops alike: a call for
// one authority would be carried by the other.
func (c *checker) bothSides() {
	type owner struct{ authority, path string }
	seen := map[Hop]owner{}
	for i, r := range c.edge.Routes {
		for j, g := range r.Gateways {
			hop, err := ParseHop(g.URI)
			if err != nil {
				continue
			}
			hop.Transport, hop.Port, hop.Secure = "", hop.PortOrDefault(), false
			path := at(under(at("routes", i), "gateways"), j)
			if first, ok := seen[hop]; ok && first.authority != r.Authority {
				c.mistake(under(path, "uri"), fmt.Sprintf("is also a gateway of %s (line %d), but this route is %s: one call could reach the wrong side", first.authority, c.lineOf(first.path), r.Authority),
					"give each authority its own gateways")
				continue
			}
			seen[hop] = owner{r.Authority, path}
		}
	}
}

func (c *checker) defaults() {
	c.defaultRoute("legacy", c.edge.Defaults.Legacy)
	c.defaultRoute("speakops", c.edge.Defaults.SpeakOps)
}

func (c *checker) defaultRoute(authority, id string) {
	path := "defaults." + authority
	var known []string
	for _, r := range c.edge.Routes {
		if r.ID == id && r.Authority != authority && id != "" {
			c.mistake(path, fmt.Sprintf("route %s belongs to authority %s", r.ID, r.Authority), "name a route of authority "+authority)
			return
		}
		if r.Authority == authority {
			known = append(known, r.ID)
		}
	}
	switch {
	case slices.Contains(known, id):
	case id != "":
		c.mistake(path, "there is no route "+c.show(path, id), suggest(id, known))
	case !c.reported(path) && !c.reported("defaults"):
		c.warn("defaults", "no default route for "+authority+": calls for its numbers that name no route are refused")
	}
}

// Hop is the next hop that a gateway's URI names.
type Hop struct {
	Host      string // name or literal, IPv6 without brackets
	Port      uint16 // 0: found by DNS, or the transport's own
	Transport string // udp, tcp, tls, or "" to be found by DNS (RFC 3263)
	Secure    bool   // sips:
}

// PortOrDefault is the port, or 5061 for TLS and 5060 for the others.
func (h Hop) PortOrDefault() uint16 {
	switch {
	case h.Port != 0:
		return h.Port
	case h.Transport == "tls" || h.Secure:
		return 5061
	}
	return 5060
}

// ParseHop reads sip:host[:port][;transport=udp|tcp|tls] and sips:. A user part
// is refused, because the called number goes there.
func ParseHop(uri string) (Hop, error) {
	scheme, rest, ok := strings.Cut(uri, ":")
	var h Hop
	switch h.Secure = strings.EqualFold(scheme, "sips"); {
	case !ok || !h.Secure && !strings.EqualFold(scheme, "sip"):
		return h, errors.New("is not a SIP URI; write sip:host:port")
	case strings.Contains(rest, "@"):
		return h, errors.New("has a user part; leave it out, the called number goes there")
	case strings.Contains(rest, "?"):
		return h, errors.New("carries headers; use egress: { headers_add: ... }")
	}
	hostport, params, _ := strings.Cut(rest, ";")
	var err error
	if h.Host, h.Port, err = splitHostPort(hostport); err != nil {
		return h, fmt.Errorf("%w; write sip:host:port", err)
	}
	h.Host = strings.ToLower(h.Host)
	for p := range strings.SplitSeq(params, ";") {
		name, value, _ := strings.Cut(p, "=")
		switch strings.ToLower(name) {
		case "", "lr":
		case "transport":
			h.Transport = strings.ToLower(value)
		default:
			return h, fmt.Errorf("has the parameter %s; only transport is understood here", quote(name))
		}
	}
	switch {
	case !slices.Contains([]string{"", "udp", "tcp", "tls"}, h.Transport):
		return h, errors.New("has a transport this edge does not speak; write transport=udp, tcp or tls")
	case h.Secure && (h.Transport == "udp"):
		return h, errors.New("is sips over udp; write sip: or transport=tls")
	case h.Secure:
		h.Transport = "tls"
	}
	return h, nil
}
