package sipedge

import (
	"bytes"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/speakops/sipedge/sipedge/call"
	"github.com/speakops/sipedge/sipedge/gateway"
	"github.com/speakops/sipedge/sipedge/message"
	"github.com/speakops/sipedge/sipedge/message/token"
	"github.com/speakops/sipedge/sipedge/records"
	"github.com/speakops/sipedge/sipedge/transport"
)

// nextHop is where an in-dialog request goes.
type nextHop struct {
	addr     netip.AddrPort
	proto    transport.Proto
	tls      *transport.TLSTarget
	listener int
}

// passage is an in-dialog request that may pass: what its token says, what is
// taken off it, and where it goes.
type passage struct {
	token  token.Token
	next   nextHop
	uri    []byte // new Request-URI, nil to leave it
	drop   int    // Route values taken off the top
	all    bool   // all of them are
	push   []byte // Route values put on top
	strict bool   // the last Route becomes the Request-URI (section 16.4)
	trunk  *trunk
	media  *anchor
	body   []byte // new body, nil to leave it

	foreign bool // it has what looks like a token, and no key of ours opens it for this dialog
}

// Why a request in a dialog finds none.
var (
	lost   = []byte("none of its Routes is a token of this edge: the peer does not follow Record-Route, or the call was never here")
	sealed = []byte("its route token is of another dialog, or sealed with a key this edge does not have: edge.token_keys")
)

// inDialog routes a request with a To tag by its token alone: no state is
// needed, so it works after a restart and on another edge with the same key.
func (s *shard) inDialog(f transport.Flow, m *message.Message, w *world, key, id uint64, now call.Instant) {
	p, code, reason := s.admitInside(f, m, w, now)
	if p.token.Call != (callID{}) {
		s.about(p.token.Call, 0)
		if code != 0 {
			s.note("refused: ", reason)
		}
	}
	if m.Method == message.ACK {
		if code == 0 {
			s.mediaInside(f, m, w, &p)
			s.forwardAck(f, m, w, &p)
		}
		return // an ACK is never answered; without a token it ends one of our own finals
	}
	if code != 0 {
		why, detail := refusedDialog, lost
		switch {
		case code == 403:
			why, detail = refusedForged, nil
		case p.token.Call != (callID{}):
			detail = nil // it has expired, as the phrase says
		case p.foreign:
			detail = sealed
		}
		s.detail = detail
		s.reject(f, m, w.trunkOf(f, s.edge.namesOf(f)), why, code, reason, nil, now)
		return
	}
	if m.Method == message.CANCEL { // handled before; nothing to cancel
		return
	}
	if looped := s.loopOf(m); s.looped(m, looped, w) {
		s.answer(f, m, 482, "Loop Detected", nil)
		return
	}
	if s.exchanges >= maxExchanges {
		s.answer(f, m, 500, "Too Many Requests In Progress", nil)
		return
	}
	s.noteCSeq(&p, m)
	if code, reason := s.mediaInside(f, m, w, &p); code != 0 {
		s.answer(f, m, code, reason, nil)
		return
	}
	if m.Method == message.INVITE {
		s.reinvite(f, m, w, &p, key, id, now)
		return
	}
	s.exchange(f, m, w, &p, key, id, now)
}

// admitInside finds the token, opens it, and works out the next hop; code is 0
// when the request may pass.
func (s *shard) admitInside(f transport.Flow, m *message.Message, w *world, now call.Instant) (p passage, code int, reason string) {
	if !s.takeRoutes(m, w, &p) {
		return p, 481, "Call/Transaction Does Not Exist"
	}
	if uint32(s.edge.wall(now).Unix()) > p.token.Expires {
		return p, 481, "Dialog Expired"
	}
	p.trunk = w.trunkByHash[p.token.Trunk]
	if !s.plausible(f, w, &p) {
		s.edge.forged(f, m, "source")
		return p, 403, "Forbidden"
	}
	if !s.follow(m, w, &p) {
		s.edge.forged(f, m, "next_hop")
		return p, 403, "Route Refused"
	}
	return p, 0, ""
}

// takeRoutes takes our Route values off the top and opens the token in them.
// The token's associated data is the Call-ID and the caller's tag, which is the
// From tag of the caller's requests and the To tag of the callee's.
func (s *shard) takeRoutes(m *message.Message, w *world, p *passage) bool {
	found := false
	try := func(user []byte) {
		if found || len(user) < minToken {
			return
		}
		for _, tag := range [2][]byte{m.FromTag, m.ToTag} {
			t, err := w.ring.Open(user, m.CallID, tag)
			if err == nil && (t.Direction == token.ToCallee) == (string(tag) == string(m.FromTag)) {
				p.token, found = t, true
				return
			}
		}
		p.foreign = true
	}
	// A strict router before us has put our URI into the Request-URI, and the
	// real one behind the last Route (section 16.4).
	if w.own(m.Target.Host, m.Target.Port) >= 0 && !isVeiled(m.Target.User) {
		try(m.Target.User)
		p.strict = found || string(m.Target.User) == secondRoute
	}
	for value := range m.Values(message.KRoute) {
		u, own := s.ownRoute(value, w)
		if own < 0 {
			break
		}
		try(u.User)
		p.drop++
	}
	return found
}

// plausible says whether the request comes from the side its token belongs to:
// the caller's trunk, or the addresses of gateways. A forged source cannot know
// a token, and a known token is of no use from elsewhere.
func (s *shard) plausible(f transport.Flow, w *world, p *passage) bool {
	addr := f.Peer.Addr()
	if p.token.Direction == token.ToCaller {
		return f.Proto == transport.Inside || w.set.Owns(addr)
	}
	if t := w.trunkOf(f, s.edge.namesOf(f)); t != nil {
		return t.hash == p.token.Trunk || p.trunk == nil || t.profile == p.trunk.profile || slices.Contains(w.trunksAt(f, s.edge.namesOf(f)), p.trunk)
	}
	_, former := w.formerSource(addr)
	return former || p.trunk == nil
}

// follow works out the next hop (section 16.6 steps 5 to 7) and whether it is
// permitted: the sealed hop, or an address configured for that side. A private
// address that nothing else leads to means the sealed one: it is behind the
// peer's NAT.
func (s *shard) follow(m *message.Message, w *world, p *passage) bool {
	target, rest := s.nextURI(m, w, p)
	u, err := message.ParseURI(target)
	if err != nil {
		return false
	}
	sealed := nextHop{addr: p.token.Hop, proto: transport.Proto(p.token.HopProto)}
	if sealed.proto == transport.Inside {
		sealed.listener = max(0, w.listenerByHash(p.token.In))
		p.next = sealed
		return true
	}
	hop := sealed
	if ip, ok := message.ParseIP(u.Host); ok {
		hop.proto = protoOf(&u)
		port := u.Port
		if port == 0 {
			port = defaultPort(hop.proto)
		}
		hop.addr = netip.AddrPortFrom(ip.Unmap(), port)
		switch {
		case hop.addr == sealed.addr:
			hop.proto = sealed.proto
		case s.permitted(hop.addr.Addr(), w, p) && s.speaksSIP(hop.addr, w, p):
		case !rest && (ip.IsPrivate() || ip.IsLoopback() || ip.IsUnspecified() || ip.IsLinkLocalUnicast()):
			hop = sealed
		default:
			return false
		}
	}
	// A name goes to the sealed address: the edge looks nothing up for strangers.
	side := p.token.Out
	if p.token.Direction == token.ToCaller {
		side = p.token.In
	}
	hop.listener = w.listenerFor(w.listenerByHash(side), hop.proto, hop.addr.Addr())
	if hop.listener < 0 {
		return false
	}
	if hop.proto == transport.TLS {
		hop.tls = w.tlsFor(hop.addr, p.token.Direction)
	}
	p.next = hop
	return true
}

// nextURI is the URI the request goes to: the first Route that is not ours, or
// the Request-URI; rest says that Routes remain. nil: there is no such URI.
func (s *shard) nextURI(m *message.Message, w *world, p *passage) (uri []byte, rest bool) {
	routes, target := remaining(m, p.drop), m.URI
	switch {
	case p.strict && len(routes) == 0:
		return nil, false // our own URI, and no target behind it
	case p.strict:
		last := len(routes) - 1
		target, routes = firstURI(routes[last]), routes[:last]
		p.uri, p.all = target, true
		p.push = bytes.Join(routes, commaBlank)
	case len(routes) == 0:
		if hidden, behind, ok := s.unveil(m, w); ok {
			p.uri, target, routes = hidden, hidden, behind
			p.push = bytes.Join(routes, commaBlank)
		}
	}
	if len(routes) == 0 {
		return target, false
	}
	next := firstURI(routes[0])
	if !loose(next) {
		// A strict router gets its own URI as the Request-URI, and the target
		// behind the last Route (section 16.6 step 6).
		target = slices.Concat([]byte("<"), target, []byte(">"))
		p.uri, p.all = next, true
		p.push = bytes.Join(append(slices.Clone(routes[1:]), target), commaBlank)
	}
	return next, true
}

var commaBlank = []byte(", ")

// remaining are the Route values behind those that are taken off.
func remaining(m *message.Message, drop int) (routes [][]byte) {
	n := 0
	for value := range m.Values(message.KRoute) {
		if n++; n > drop {
			routes = append(routes, value)
		}
	}
	return routes
}

// loose says whether a route's URI has lr (section 19.1.1). One that cannot be
// read is not rewritten.
func loose(uri []byte) bool {
	u, err := message.ParseURI(uri)
	if err != nil {
		return true
	}
	_, lr := u.Param("lr")
	return lr
}

func firstURI(routes []byte) []byte {
	na, err := message.ParseNameAddr(routes)
	if err != nil {
		return nil
	}
	return na.URI
}

func protoOf(u *message.URI) transport.Proto {
	if strings.EqualFold(string(u.Scheme), "sips") {
		return transport.TLS
	}
	v, _ := u.Param("transport")
	switch {
	case strings.EqualFold(string(v), "tcp"):
		return transport.TCP
	case strings.EqualFold(string(v), "tls"):
		return transport.TLS
	}
	return transport.UDP
}

// permitted says whether an address belongs to the side the request goes to.
func (s *shard) permitted(a netip.Addr, w *world, p *passage) bool {
	if p.token.Direction == token.ToCallee {
		return w.set.Owns(a)
	}
	if p.trunk == nil {
		return false
	}
	for _, prefix := range p.trunk.sources {
		if prefix.Contains(a) {
			return true
		}
	}
	return false
}

// speaksSIP says whether SIP is to be expected behind a port of the side the
// request goes to: where a gateway is configured, where SIP lives, or where the
// peer itself has said. Any port of a gateway's machine would let a trunk write
// to its other services. Where the dialog is not remembered (another edge
// answered it) a peer's word is not known, and only the system's ports are out.
func (s *shard) speaksSIP(at netip.AddrPort, w *world, p *passage) bool {
	if port := at.Port(); port == 5060 || port == 5061 || port == p.token.Hop.Port() {
		return true
	}
	if p.token.Direction == token.ToCallee {
		for _, h := range w.gateways {
			targets, _ := w.set.Targets(h.index, s.targets[:0])
			s.targets = targets[:0]
			if slices.ContainsFunc(targets, func(t gateway.Target) bool { return t.Addr == at }) {
				return true
			}
		}
	}
	d := s.dialogs[p.token.Call]
	var r records.Dialog
	if d == nil || r.Decode(d.record) != nil {
		return at.Port() >= 1024
	}
	end := &r.Callee
	if p.token.Direction == token.ToCaller {
		end = &r.Caller
	}
	text := ":" + strconv.Itoa(int(at.Port()))
	return bytes.Contains(end.Contact, []byte(text)) || bytes.Contains(end.Routes, []byte(text))
}

// insideEdit is what an in-dialog request loses and gains.
func (s *shard) insideEdit(f transport.Flow, m *message.Message, w *world, p *passage, b *branch) message.Edit {
	e := message.Edit{
		URI: p.uri, PushVia: s.via(w, p.next.listener, b), Received: f.Peer, MaxForwards: hops(m),
		DropRoutes: p.drop, DropAllRoutes: p.all, Body: p.body,
	}
	if len(p.push) > 0 {
		e.PushRoute = p.push
	}
	if p.trunk != nil {
		e.Strip = p.trunk.stripIn
		if p.token.Direction == token.ToCaller {
			e.Strip = p.trunk.stripOut
			if p.trunk.hide {
				hideVias(&e)
				s.veil(w, m, p.next.listener, &e)
			}
		}
	}
	return e
}

// forwardAck sends on the ACK of a 2xx; it has no transaction (section 16.11).
func (s *shard) forwardAck(f transport.Flow, m *message.Message, w *world, p *passage) {
	o := origin{via: &m.Via, source: f.Peer, flow: f, callID: m.CallID, class: classOther}
	b, _ := s.branchFor(&o, 0)
	e := s.insideEdit(f, m, w, p, &b)
	s.out = m.Append(s.out[:0], &e)
	s.sendNext(p.next, s.out)
}

// sendNext sends one request to a next hop, and says by which flow.
func (s *shard) sendNext(n nextHop, b []byte) (transport.Flow, error) {
	flow, err := s.flowBack(n)
	if err == nil {
		err = s.send(flow, 0, b)
	}
	s.edge.sent(flow, err)
	return flow, err
}

// flowBack is the flow to a next hop: the connection that it has opened to us,
// before one of our own.
func (s *shard) flowBack(n nextHop) (transport.Flow, error) {
	switch n.proto {
	case transport.UDP:
		return transport.Flow{Listener: uint8(n.listener), Peer: n.addr}, nil
	case transport.Inside:
		return inside(uint8(n.listener)), nil
	}
	if back, ok := s.edge.layer.Accepted(n.proto, n.addr); ok {
		return back, nil
	}
	return s.edge.layer.Connect(n.proto, uint8(n.listener), n.addr, n.tls)
}
