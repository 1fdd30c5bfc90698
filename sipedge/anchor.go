package sipedge

import (
	"net/netip"

	"github.com/speakops/sipedge/configs"
	"github.com/speakops/sipedge/sipedge/call"
	"github.com/speakops/sipedge/sipedge/media"
	"github.com/speakops/sipedge/sipedge/media/quality"
	"github.com/speakops/sipedge/sipedge/media/sdp"
	"github.com/speakops/sipedge/sipedge/records"
)

// anchor is a call whose media runs through this edge. It belongs to the INVITE
// until that is answered, then to the dialog; where the dialog was answered by
// another edge, it stands alone.
type anchor struct {
	txHead  // of one that stands alone: until its token expires
	id      callID
	shard   *shard
	trunk   *trunk
	session *media.Session
	caller  media.Side
	callee  media.Side
	past    []records.Stream // what came before ports were released for silence
	alone   bool
	line    bool           // the edge is the other end
	reports []media.Report // as the session ended
}

// anchored says whether calls of a trunk over a route have their media relayed,
// as configs.Anchors does.
func anchored(t *trunk, r *route) bool {
	switch {
	case t == nil || r != nil && r.line != nil:
		return false // a test line has media of its own
	case t.hide || r == nil || r.media == "":
		return t.anchor
	}
	return r.media == "anchor"
}

// openRelay opens the relay where the configuration has one.
func openRelay(c *configs.Edge, o media.Options) (*media.Relay, error) {
	m := c.Media
	if !c.HasMedia() || !m.Address.IsValid() && !m.Address6.IsValid() {
		return nil, nil
	}
	for _, a := range [...]netip.Addr{m.Address, m.Address6} {
		switch {
		case a.Is4():
			o.V4 = a
		case a.Is6():
			o.V6 = a
		}
	}
	o.Bind, o.First, o.Last, o.Inactivity = m.Bind, m.Ports.First, m.Ports.Last, m.Inactivity
	o.Realtime = map[string]media.Realtime{"true": media.Must, "false": media.Never}[m.Realtime] // else if allowed
	return media.Open(o)
}

// sides are both ends of a call as its media sees them. A peer may name
// addresses of the kind it has itself: who signals from a private network has its
// media there too. Gateways are ours, and may stand anywhere inside.
func (e *Edge) sides(t *trunk, caller, callee netip.Addr) (a, b media.Side) {
	inside := func(p netip.Addr) bool { return p.IsPrivate() || p.IsLoopback() || p.IsLinkLocalUnicast() }
	a = media.Side{
		Addr: e.relay.Address(caller), NAT: t.nat, Hide: t.hide,
		Policy: sdp.Policy{Private: t.nat || inside(caller), Loopback: caller.IsLoopback(), Names: t.nat, Own: e.relay.Own},
	}
	b = media.Side{
		Addr:   e.relay.Address(callee),
		Policy: sdp.Policy{Private: true, Loopback: callee.IsLoopback(), Own: e.relay.Own},
	}
	return a, b
}

// newAnchor makes the media of a call.
func (s *shard) newAnchor(id callID, t *trunk, caller, callee netip.Addr) (*anchor, error) {
	a := &anchor{id: id, shard: s, trunk: t}
	a.caller, a.callee = s.edge.sides(t, caller, callee)
	var err error
	if a.session, err = s.edge.relay.Session(a, a.caller, a.callee); err != nil {
		return nil, err
	}
	s.media[id] = a
	return a, nil
}

// closeMedia releases a call's ports; its reports stay.
func (s *shard) closeMedia(a *anchor) {
	if a == nil {
		return
	}
	if s.media[a.id] == a {
		delete(s.media, a.id)
	}
	if a.session != nil {
		a.reports = a.session.Reports()
		a.session.Close()
		a.session = nil
	}
}

// live is the session of a call, made anew when its ports were released.
func (a *anchor) live() (*media.Session, error) {
	if a.session == nil {
		var err error
		if a.session, err = a.shard.edge.relay.Session(a, a.caller, a.callee); err != nil {
			return nil, err
		}
	}
	return a.session, nil
}

// rest releases the ports of a call that goes on: its next offer brings new ones.
func (a *anchor) rest() {
	a.past = append(a.past, streams(a.session)...)
	a.session.Close()
	a.session = nil
}

// anchorInvite reserves ports for a call that is about to be carried; the event
// is a refusal when it cannot be.
func (s *shard) anchorInvite(inv *invite, ev call.Event) call.Event {
	if s.edge.relay == nil || !anchored(inv.trunk, inv.route) || inv.media != nil || len(inv.hops) == 0 {
		return ev
	}
	if err := s.anchorTo(inv, inv.hops[0].target.Addr.Addr()); err != nil {
		s.refuseMedia(inv, err)
		return call.Event{Kind: call.Refuse}
	}
	return ev
}

// anchorTo reserves ports towards the caller and the gateway, and sees whether
// the offer can be carried.
func (s *shard) anchorTo(inv *invite, callee netip.Addr) (err error) {
	if inv.media, err = s.newAnchor(inv.id, inv.trunk, inv.source.Addr(), callee); err == nil {
		_, err = s.offerBody(inv.media, quality.Caller, s.original(inv), false)
	}
	return err
}

// anchorAnew makes a call's media what its new route wants; towards the gateway
// itself it is made ready by newTarget.
func (s *shard) anchorAnew(inv *invite, callee netip.Addr) error {
	switch wants := s.edge.relay != nil && anchored(inv.trunk, inv.route); {
	case wants && inv.media == nil:
		err := s.anchorTo(inv, callee)
		if err != nil {
			s.closeMedia(inv.media)
			inv.media = nil
		}
		return err
	case !wants:
		s.closeMedia(inv.media)
		inv.media = nil
	}
	return nil
}

// newTarget prepares a call's media for the next gateway: what the last one has
// answered counts no more. One of another address family needs other ports.
func (s *shard) newTarget(inv *invite, to netip.Addr) {
	a := inv.media
	if a == nil {
		return
	}
	if s.edge.relay.Address(to) == a.callee.Addr {
		a.session.Retry()
		return
	}
	s.closeMedia(a)
	inv.media, _ = s.newAnchor(inv.id, inv.trunk, inv.source.Addr(), to)
}
