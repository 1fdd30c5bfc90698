package sipedge

import (
	"bytes"
	"time"

	"github.com/speakops/sipedge/sipedge/call"
	"github.com/speakops/sipedge/sipedge/gateway"
	"github.com/speakops/sipedge/sipedge/media/quality"
	"github.com/speakops/sipedge/sipedge/message"
	"github.com/speakops/sipedge/sipedge/message/token"
	"github.com/speakops/sipedge/sipedge/transport"
)

// attempt opens a leg towards one target.
func (s *shard) attempt(inv *invite, ef call.Effect, now call.Instant) {
	for len(inv.legs) <= ef.Branch {
		inv.legs = append(inv.legs, leg{})
	}
	l := &inv.legs[ef.Branch]
	if inv.dialogue.on {
		s.forwardInside(inv, ef.Branch)
		return
	}
	*l = leg{began: now}
	p := &inv.hops[ef.Target]
	if ef.Branch > 0 {
		s.edge.legSilent(inv, &inv.legs[ef.Branch-1])
		s.noteNext(&inv.legs[ef.Branch-1])
		s.newTarget(inv, p.target.Addr.Addr())
	}
	m := s.original(inv)
	l.hop, l.addr = p.hop, p.target.Addr
	inv.route = l.hop.route
	if inv.route.Authority != inv.decision.Authority {
		s.cross(inv)
	}
	s.openLeg(inv, l)
	if s.wantsTCP(inv, &p.target, now) {
		l.tried = true // before it is sent: the connection may be gone by then
		if s.overTCP(inv, m, ef.Branch, now) {
			inv.tcpUntil = now + call.Instant(tcpPatience)
			return
		}
		l.tried = false
	}
	if !s.overTarget(inv, m, ef.Branch, p.target, now) {
		s.then(call.Event{Kind: call.Broken, Branch: ef.Branch})
	}
}

// overTarget builds and sends the INVITE of leg i over the target's own transport.
func (s *shard) overTarget(inv *invite, m *message.Message, i int, t gateway.Target, now call.Instant) bool {
	l := &inv.legs[i]
	out := inv.world.listenerFor(l.hop.route.listener, t.Proto, t.Addr.Addr())
	if t.Proto == transport.Inside {
		out = int(inv.flow.Listener)
	}
	if out < 0 {
		s.edge.log.Warn("no listener can reach the gateway", "gateway", l.hop.id, "address", t.Addr.String())
		s.note("gateway ", string(l.hop.id), ": no listener of this edge speaks ", t.Proto.String(), " to ", t.Addr.String())
		return false
	}
	flow, err := s.flowTo(t, out)
	if err != nil {
		l.unsent, l.why = true, err.Error()
		s.note("gateway ", string(l.hop.id), ": ", l.why)
		return false
	}
	if l.key != 0 {
		delete(s.clients, l.key)
	}
	l.flow = flow
	s.sealLeg(inv, m, l, out, now)
	attempt := i
	if t.Proto != inv.hops[inv.call.Target(i)].target.Proto {
		attempt |= 0x80 // the same attempt over UDP has a branch of its own
	}
	o := origin{via: &m.Via, source: inv.source, flow: inv.flow, callID: m.CallID, class: inv.origin.class, loop: inv.origin.loop}
	l.branch, l.key = s.branchFor(&o, attempt)
	s.clients[l.key] = client{inv, i}
	s.out = s.outward(inv, m, l, out, s.out[:0])
	l.sent = s.keep(l.sent, s.out)
	s.sendLeg(inv, i, l.sent)
	return true
}

// flowTo is the flow of a request to a target.
func (s *shard) flowTo(t gateway.Target, out int) (transport.Flow, error) {
	if t.Proto == transport.Inside {
		return inside(uint8(out)), nil
	}
	if t.Proto == transport.UDP {
		return transport.Flow{Listener: uint8(out), Peer: t.Addr}, nil
	}
	return s.edge.layer.Connect(t.Proto, uint8(out), t.Addr, t.TLS)
}

// sealLeg makes the route token by which the callee's requests find the caller.
func (s *shard) sealLeg(inv *invite, m *message.Message, l *leg, out int, now call.Instant) {
	w := inv.world
	t := token.Token{
		Direction: token.ToCaller,
		Call:      inv.id, Edge: w.edgeHash, Trunk: inv.trunk.hash, Route: l.hop.route.hash,
		Authority: uint8(l.hop.route.Authority), Flags: inv.exception(l), Revision: inv.decision.Revision, Number: uint64(inv.decision.PublicNumber),
		In: w.listeners[inv.flow.Listener].hash, Out: w.listeners[out].hash,
		Hop: inv.source, HopProto: uint8(inv.flow.Proto),
		Expires: uint32(s.edge.wall(now).Add(w.maxDuration + time.Hour).Unix()),
	}
	l.token = w.ring.Seal(s.keep(l.token, nil), &t, m.CallID, m.FromTag)
}

// outward is the INVITE as the gateway gets it: the border in one place.
func (s *shard) outward(inv *invite, m *message.Message, l *leg, out int, dst []byte) []byte {
	w := inv.world
	e := message.Edit{
		URI:           s.requestURI(inv, m, l),
		PushVia:       s.via(w, out, &l.branch),
		Received:      inv.source,
		MaxForwards:   hops(m),
		DropAllRoutes: true, // only ours were let in
		Strip:         inv.trunk.stripIn,
	}
	e.PushRecordRoute = s.recordRoute(w, inv, l, out)
	if l.hop.strip != nil {
		e.Strip = l.hop.strip[inv.trunk.manner()]
	}
	s.lines = append(s.lines[:0], l.hop.add...)
	if l.hop.secret && s.tape != nil {
		s.tape.Guard(inv.id)
	}
	if l.hop.trace {
		s.lines = s.appendTrace(s.lines, inv, m, inv.indexOf(l))
	}
	if !m.Has(message.KMaxBreadth) {
		s.lines = append(s.lines, "Max-Breadth: 60\r\n"...) // RFC 5393 section 5.3.3
	}
	if inv.trunk.sessionTimer && !m.Has(message.KSessionExpires) {
		s.lines = append(s.lines, "Session-Expires: 1800\r\n"...)
	}
	e.Add = s.lines
	if inv.media != nil {
		body, err := s.offerBody(inv.media, quality.Caller, m, false)
		if err != nil { // it was carried once; a gateway of another family may find no ports
			s.mediaRefused(inv.media, quality.Caller, err)
			body = s.plainBody(inv.media, quality.Caller, m)
		}
		e.Body = body
	}
	return m.Append(dst, &e)
}

// hops is Max-Forwards as it leaves: one less, or 70 where there was none (16.6 step 3).
func hops(m *message.Message) int {
	if m.MaxForwards < 0 {
		return 70
	}
	return max(m.MaxForwards-1, 0)
}

// requestURI addresses the number at the gateway. User parameters do not pass,
// but for rn, npdi and cic of a trunk trusted for them, in the strict form of RFC 4694.
func (s *shard) requestURI(inv *invite, m *message.Message, l *leg) []byte {
	if l.flow.Proto == transport.Inside {
		return m.URI // as it was dialled: maybe by name
	}
	b := append(s.uri[:0], "sip:"...)
	if inv.sips {
		b = append(s.uri[:0], "sips:"...)
	}
	b = inv.trunk.plan.AppendAs(b, inv.asked.To, l.hop.format)
	if inv.trunk.routingNum {
		b = appendHints(b, inv.trunk, m)
	}
	b = append(append(b, '@'), l.hop.uri...)
	if v, ok := m.Target.Param("user"); ok && string(v) == "phone" {
		b = append(b, ";user=phone"...)
	}
	s.uri = b
	return b
}

// appendHints appends what the trunk knows of the number's routing.
func appendHints(b []byte, t *trunk, m *message.Message) []byte {
	d, err := t.profile.Called(m, t.plan)
	if err != nil {
		return b
	}
	if d.NPDI || d.RN != 0 {
		b = append(b, ";npdi"...)
	}
	if d.RN != 0 {
		b = d.RN.Append(append(b, ";rn="...))
	}
	if len(d.CIC) > 0 {
		b = append(append(b, ";cic="...), d.CIC...)
	}
	return b
}

// secondRoute is the user of the Record-Route without a token.
const secondRoute = "r2"

func (s *shard) via(w *world, out int, b *branch) []byte {
	s.viaBuf = appendVia(s.viaBuf[:0], &w.listeners[out], b)
	return s.viaBuf
}

// recordRoute is what keeps us in the dialog: one value, or two where it enters
// and leaves by different listeners (RFC 5658). The token is in the outer one's
// user part; responses get the caller's token in its place.
func (s *shard) recordRoute(w *world, inv *invite, l *leg, out int) []byte {
	b := append(s.rr[:0], "<sip:"...)
	b = append(b, l.token...)
	b = append(b, w.listeners[out].routeTail...)
	if in := int(inv.flow.Listener); in != out {
		b = append(append(b, ", <sip:"...), secondRoute...)
		b = append(b, w.listeners[in].routeTail...)
	}
	s.rr = b
	return b
}

func (s *shard) sendLeg(inv *invite, i int, b []byte) {
	l := &inv.legs[i]
	err := s.send(l.flow, l.actor(), b)
	s.edge.sent(l.flow, err)
	l.unsent = err != nil
	if err != nil {
		s.brokenLegNow(inv, i)
	}
}

// brokenLegNow handles a leg that cannot be sent on: a large INVITE that was
// tried over TCP goes over UDP after all, any other leg has failed.
func (s *shard) brokenLegNow(inv *invite, i int) {
	l := &inv.legs[i]
	l.unsent = true
	if l.tried && inv.call.State() == call.Proceeding {
		l.tried = false
		now := s.edge.now()
		s.edge.bigTCP.fail(l.addr, now)
		if s.overTarget(inv, s.original(inv), i, inv.hops[inv.call.Target(i)].target, now) {
			return
		}
	}
	s.then(call.Event{Kind: call.Broken, Branch: i})
}

// brokenLeg is brokenLegNow from outside of a step.
func (s *shard) brokenLeg(inv *invite, i int, now call.Instant) {
	s.current = inv
	if l := &inv.legs[i]; l.hop != nil {
		l.unsent = !l.heard
		if s.why != nil {
			l.why = s.why.Error()
			s.note("gateway ", string(l.hop.id), ": ", l.why)
		}
	}
	if l := &inv.legs[i]; l.tried {
		s.events = s.events[:0]
		s.brokenLegNow(inv, i)
		if len(s.events) == 0 {
			return
		}
	}
	s.step(inv, call.Event{Kind: call.Broken, Branch: i}, nil, now)
}

// cancelLeg sends or repeats the CANCEL of a leg, to the very address of its INVITE.
func (s *shard) cancelLeg(inv *invite, i int) {
	l := &inv.legs[i]
	if err := s.spare.Parse(l.sent); err != nil {
		return
	}
	s.out = s.spare.AppendCancel(s.out[:0], inv.reason)
	s.edge.sent(l.flow, s.send(l.flow, l.actor(), s.out))
}

// ackLeg ACKs a non-2xx final of a leg; a repeated final gets the same ACK.
// The word of one that was given up already changes nothing.
func (s *shard) ackLeg(inv *invite, ef call.Effect, m *message.Message, now call.Instant) {
	l := &inv.legs[ef.Branch]
	if len(l.ack) == 0 && m != nil {
		if err := s.spare.Parse(l.sent); err != nil {
			return
		}
		s.out = s.spare.AppendAck(s.out[:0], m.Value(message.KTo))
		l.ack = bytes.Clone(s.out) // a quarter of a buffer, kept for timer D
		if ef.Code != 0 {
			l.code, l.took = ef.Code, time.Duration(now-l.began)
		}
		if l.why = ""; s.tape != nil {
			l.why = saysWhy(m)
		}
		s.free(l.sent)
		l.sent = nil
		s.closeLeg(inv, l)
		s.edge.legFinal(inv, l, m)
	}
	s.edge.sent(l.flow, s.send(l.flow, l.actor(), l.ack))
}
