package configs

import (
	"fmt"
	"net/netip"
	"slices"
)

// Anchors says whether calls of a trunk over a route have their media relayed. A
// trunk that hides always has: addresses in SDP would give the inside away.
func Anchors(t *Trunk, r *Route) bool {
	if r.Builtin != "" {
		return false
	}
	if t.Hide || r.Media == "" {
		return t.Media == "anchor"
	}
	return r.Media == "anchor"
}

// HasMedia says whether the edge may have media of its own or of others.
func (e *Edge) HasMedia() bool {
	return e.AnchorsAny() || slices.ContainsFunc(e.Routes, func(r Route) bool { return r.Builtin != "" })
}

// AnchorsAny says whether any call may have its media relayed.
func (e *Edge) AnchorsAny() bool {
	for i := range e.Trunks {
		if e.Trunks[i].anchorsSome(e) {
			return true
		}
	}
	return false
}

// anchorsSome says whether calls of the trunk are anchored over some route.
func (t *Trunk) anchorsSome(e *Edge) bool {
	for i := range e.Routes {
		if Anchors(t, &e.Routes[i]) {
			return true
		}
	}
	return false
}

func (c *checker) media() {
	m := c.edge.Media
	c.positive("media.inactivity", m.Inactivity)
	c.positive("media.drain_timeout", m.DrainTimeout)
	c.enum("media.on_inactivity", m.OnInactivity, "release", "hangup")
	c.enum("media.realtime", m.Realtime, "auto", "true", "false")
	for _, a := range []struct {
		path string
		addr netip.Addr
	}{{"media.address", m.Address}, {"media.address6", m.Address6}} {
		if a.addr.IsValid() && (a.addr.IsUnspecified() || a.addr.IsMulticast()) {
			c.mistake(a.path, a.addr.String()+" is no address media could be sent to", "write the public address of this host")
		}
	}
	if m.Address.IsValid() && m.Address6.IsValid() && m.Address.Is4() == m.Address6.Is4() {
		c.mistake("media.address6", m.Address6.String()+" is of the same family as media.address", "write one IPv4 and one IPv6 address, or media.address alone")
	}
	for i := range c.edge.Routes {
		c.routeMedia(under(at("routes", i), "media"), &c.edge.Routes[i])
	}
	if c.edge.HasMedia() {
		c.anchored(m)
	}
}

func (c *checker) routeMedia(path string, r *Route) {
	if r.Media == "" {
		return
	}
	c.enum(path, r.Media, "anchor", "direct")
	if r.Builtin != "" {
		c.mistake(path, "a built-in route answers calls itself and relays nothing", "leave media out")
	}
	for i := range c.edge.Trunks {
		if t := &c.edge.Trunks[i]; t.Hide && r.Media == "direct" {
			c.warn(path, fmt.Sprintf("direct: calls of trunk %s are anchored all the same, because it hides what lies behind the edge", t.ID))
		}
	}
}

// anchored asks whether there are ports for what the trunks may send.
func (c *checker) anchored(m Media) {
	if !m.Address.IsValid() {
		c.mistake("media.address", "is missing, and media: anchor and test lines need it", "write the address that the peers send media to")
		return
	}
	first, last := int(m.Ports.First), int(m.Ports.Last)
	pairs := (last + 1 - (first + first&1)) / 2
	calls, asked := pairs/2, 0
	for i := range c.edge.Trunks {
		t := &c.edge.Trunks[i]
		if !t.anchorsSome(c.edge) {
			continue
		}
		if t.Limits.Concurrent == 0 {
			c.warn(under(at("trunks", i), "limits.concurrent"), fmt.Sprintf("0, no limit: media.ports %s has room for %d calls with one stream each; beyond that calls are sent elsewhere", m.Ports, calls))
		}
		asked += t.Limits.Concurrent
	}
	if asked > calls {
		c.warn("media.ports", fmt.Sprintf("%s has room for %d calls with one stream each (two pairs per stream), and the anchored trunks may send %d; the rest is sent elsewhere", m.Ports, calls, asked))
	}
	for i, l := range c.edge.SIP.Listen {
		port := l.Address.Port()
		if l.Transport == "udp" && port >= m.Ports.First && port <= m.Ports.Last {
			c.mistake("media.ports", fmt.Sprintf("%s contains port %d, on which sip.listen[%d] listens", m.Ports, port, i), "move one of the two")
		}
	}
}
