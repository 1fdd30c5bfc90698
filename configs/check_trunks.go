package configs

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/speakops/sipedge/routing/e164"
)

func (c *checker) trunks() {
	all := c.edge.Trunks
	if len(all) == 0 {
		c.mistake("trunks", "no trunk: nobody may send calls", `add one, such as { id: qa, sources: [ "192.0.2.0/24" ] }`)
	}
	ids := map[string]int{}
	for i := range all {
		path := at("trunks", i)
		c.unique(under(path, "id"), "trunks", all[i].ID, ids, i)
		c.trunk(path, &all[i])
	}
	c.overlaps()
}

// unique checks an id's form and that no earlier element of the list has it.
func (c *checker) unique(path, list, id string, seen map[string]int, i int) {
	c.id(path, id)
	if first, twice := seen[id]; twice && id != "" {
		c.mistake(path, fmt.Sprintf("%s is already the id on line %d", c.show(path, id), c.lineOf(at(list, first))), "give each its own id")
		return
	}
	seen[id] = i
}

func (c *checker) trunk(path string, t *Trunk) {
	c.profileRef(under(path, "profile"), t.Profile)
	l := c.listenerRef(under(path, "listener"), t.Listener)
	c.identification(path, t, l)
	c.country(under(path, "default_country"), t.DefaultCountry)
	c.trunkLimits(under(path, "limits"), t.Limits)
	c.enum(under(path, "media"), t.Media, "direct", "anchor")
	if t.NAT && t.Media == "direct" {
		c.warn(under(path, "nat"), "true: without media: anchor here or on a route, this edge does nothing about addresses in SDP")
	}
	c.enum(under(path, "session_timer"), t.SessionTimer, "transparent", "insert")
	if t.Hide && t.Media == "direct" {
		c.mistake(under(path, "hide"), "hide: true with media: direct: the media addresses in SDP give the topology away",
			"write media: anchor or hide: false")
	}
}

// identification: a trunk must be told from every other sender by something.
func (c *checker) identification(path string, t *Trunk, l *Listener) {
	sources, subject := under(path, "sources"), under(path, "tls_subject")
	if len(t.Sources) == 0 && t.Digest != nil && !c.reported(sources) {
		c.mistake(sources, "a password alone does not admit: whoever may try it must come from somewhere",
			`add sources; a wide one such as "0.0.0.0/0" is admitted over tcp and tls only`)
	}
	if len(t.Sources) == 0 && t.TLSSubject == "" && t.Digest == nil {
		c.mistake(sources, "no sources and no tls_subject: no call could be recognised as this trunk's",
			`add sources: [ "192.0.2.0/24" ] or tls_subject: NAME`)
	}
	for i, s := range t.Sources {
		if t.Digest != nil && s.Prefix.IsValid() && Wide(s.Prefix) {
			c.wideDigest(at(sources, i), s, t, l)
		} else if s.Prefix.IsValid() && s.Prefix.Bits() == 0 {
			c.warn(at(sources, i), s.String()+" lets the whole world send calls on this trunk")
		}
	}
	if t.Digest != nil && (t.Digest.Username == "" || t.Digest.Password.IsZero()) && !c.reported(under(path, "digest.password")) {
		c.mistake(under(path, "digest"), "digest needs a username and a password", `write digest: { username: NAME, password: "file:PATH" }`)
	}
	if t.TLSSubject == "" {
		return
	}
	if strings.ContainsAny(t.TLSSubject, "*@:/") {
		c.mistake(subject, strconv.Quote(t.TLSSubject)+" is no SIP domain, and only a whole domain is compared (RFC 5922 section 7.2): no wildcard, no scheme, no user",
			"write the domain that the certificate names, such as sbc.carrier.example")
	}
	switch {
	case l != nil && l.Transport != "tls":
		c.mistake(subject, "listener "+l.Name+" is not tls, so no certificate is ever seen", "name a tls listener with a client_ca")
	case l != nil && l.ClientCA == "":
		c.mistake(subject, "listener "+l.Name+" has no client_ca, so no client certificate is asked for", "add client_ca to the listener")
	case l == nil && t.Listener == "" && !slices.ContainsFunc(c.edge.SIP.Listen, func(l Listener) bool { return l.Transport == "tls" && l.ClientCA != "" }):
		c.mistake(subject, "no tls listener has a client_ca, so no client certificate is ever asked for", "add client_ca to a tls listener")
	}
}

// Wide says that a source is no address of anybody in particular, less than a /24
// or an IPv6 /48: who comes from there with a password must come by connection,
// since a datagram's source can be forged.
func Wide(p netip.Prefix) bool {
	if p.Addr().Unmap().Is4() {
		return p.Bits() < 24
	}
	return p.Bits() < 48
}

func (c *checker) wideDigest(path string, s Source, t *Trunk, l *Listener) {
	streams := func(l Listener) bool { return l.Transport == "tcp" || l.Transport == "tls" }
	if l != nil && !streams(*l) || l == nil && t.Listener == "" && !slices.ContainsFunc(c.edge.SIP.Listen, streams) {
		c.mistake(path, s.String()+" with digest: so wide a source is admitted over tcp and tls only, and this trunk has no such listener",
			"add or name a tcp or tls listener, or write narrower sources")
	}
}

func (c *checker) trunkLimits(path string, l TrunkLimits) {
	c.rate(under(path, "cps"), l.CPS)
	c.between(under(path, "burst"), l.Burst, 0, 1_000_000)
	c.between(under(path, "concurrent"), l.Concurrent, 0, 10_000_000)
	if l.Burst > 0 && l.CPS == 0 && !c.reported(under(path, "cps")) {
		c.mistake(under(path, "burst"), "a burst without cps limits nothing", "add cps or remove burst")
	}
}

// overlaps finds trunks between which a sender's address cannot choose. A
// narrower source inside a wider one is fine: the narrower one wins.
func (c *checker) overlaps() {
	type claim struct{ trunk, source int }
	claims := map[Source][]claim{}
	for i, t := range c.edge.Trunks {
	sources:
		for j, s := range t.Sources {
			if !s.Prefix.IsValid() {
				continue
			}
			for _, other := range claims[s] {
				if o := &c.edge.Trunks[other.trunk]; o.meets(&t) {
					c.overlap(i, j, other.trunk)
					continue sources
				}
			}
			claims[s] = append(claims[s], claim{i, j})
		}
	}
}

func (c *checker) overlap(trunk, source, other int) {
	path, text := at(at("trunks", trunk)+".sources", source), c.edge.Trunks[trunk].Sources[source].String()
	if trunk == other {
		c.mistake(path, text+" is listed twice", "remove one of them")
		return
	}
	c.mistake(path, fmt.Sprintf("%s is also a source of trunk %s (line %d) on the same listener", text, c.edge.Trunks[other].ID, c.lineOf(at("trunks", other))),
		"give it to one of them, or tell them apart by port, listener or tls_subject")
}

// meets says that nothing tells the two apart for the same source. A trunk that
// names a listener or a certificate wins over one that does not.
func (t *Trunk) meets(o *Trunk) bool {
	if t.Digest != nil && o.Digest != nil && t.Digest.Username != o.Digest.Username && t.Digest.Realm == o.Digest.Realm {
		return false
	}
	return t.Listener == o.Listener && t.TLSSubject == o.TLSSubject
}

func (c *checker) country(path, code string) {
	if code == "" {
		return
	}
	if _, ok := e164.PlanFor(code); !ok {
		c.mistake(path, c.show(path, code)+" is not a country with a numbering plan", "write the two letters of ISO 3166, such as US")
	}
}
