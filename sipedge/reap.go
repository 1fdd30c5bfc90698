package sipedge

import (
	"slices"

	"github.com/speakops/sipedge/routing"
	"github.com/speakops/sipedge/sipedge/call"
	"github.com/speakops/sipedge/sipedge/message"
	"github.com/speakops/sipedge/sipedge/transport"
)

// reap ends the dialog of a 2xx that nobody upstream will acknowledge: ACK, then
// BYE (RFC 3261 section 13.2.2.4 for a UAC that does not want it). A repeated
// 2xx is ACKed again.
func (s *shard) reap(inv *invite, i int, m *message.Message, now call.Instant) {
	l := &inv.legs[i]
	contact := contactURI(m)
	if contact == nil || m.ToTag == nil {
		return
	}
	w := inv.world
	var routes [][]byte
	for value := range m.Values(message.KRecordRoute) {
		if _, own := s.ownRoute(value, w); own >= 0 {
			break
		}
		routes = append(routes, value)
	}
	slices.Reverse(routes)
	req := message.Request{
		Method: message.ACK, URI: contact, From: m.Value(message.KFrom), To: m.Value(message.KTo),
		CallID: m.CallID, CSeq: m.CSeq, Routes: routes,
	}
	b, _ := s.ownBranch()
	req.Via = s.via(w, int(l.flow.Listener), &b)
	s.out = req.Append(s.out[:0])
	s.edge.sent(l.flow, s.send(l.flow, l.actor(), s.out))
	if l.reaped {
		return
	}
	l.reaped = true
	s.closeLeg(inv, l)
	req.Method, req.CSeq = message.BYE, m.CSeq+1
	next := nextHop{addr: l.flow.Peer, proto: l.flow.Proto, listener: int(l.flow.Listener)}
	if l.flow.Proto == transport.TLS {
		next.tls = inv.hops[inv.call.Target(i)].target.TLS
	}
	current := s.current
	s.own(&req, next, nil, now)
	s.current = current
}

// openLeg and closeLeg count a legacy leg in the loop guard while it waits.
func (s *shard) openLeg(inv *invite, l *leg) {
	if inv.route.Authority == routing.Legacy {
		l.guards = true
		s.edge.guard.enter(guardKey{inv.asked.From, inv.asked.To})
	}
}

func (s *shard) closeLeg(inv *invite, l *leg) {
	if l.guards {
		l.guards = false
		s.edge.guard.leave(guardKey{inv.asked.From, inv.asked.To})
	}
}
