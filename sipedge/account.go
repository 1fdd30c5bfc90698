package sipedge

import (
	"context"
	"encoding/hex"
	"log/slog"
	"time"

	"github.com/speakops/sipedge/routing"
	"github.com/speakops/sipedge/routing/e164"
	"github.com/speakops/sipedge/sipedge/call"
	"github.com/speakops/sipedge/sipedge/gateway/health"
	"github.com/speakops/sipedge/sipedge/message"
	"github.com/speakops/sipedge/sipedge/message/token"
	"github.com/speakops/sipedge/sipedge/observe"
	"github.com/speakops/sipedge/sipedge/profile"
	"github.com/speakops/sipedge/sipedge/records"
	"github.com/speakops/sipedge/sipedge/transport"
)

// CallLine is one decision as people read it.
type CallLine struct {
	Call     string
	Trunk    routing.TrunkID
	From, To e164.Number
	Decision routing.Decision
	Because  routing.Because
	Outcome  string // of a refusal
	Code     int
}

// because is the one word for why this call went the way it did.
func (inv *invite) because() routing.Because {
	switch {
	case inv.refused != "":
		return inv.refused
	case inv.crossed && inv.decision.RescueBecause != "":
		return inv.decision.RescueBecause
	}
	return inv.decision.Because
}

// outcomeWord is what became of a call that was not answered.
func (inv *invite) outcomeWord() string {
	if inv.refused == becausePanic {
		return string(becausePanic)
	}
	return inv.outcome.String()
}

// recordDecision writes the decision record and the log line of one INVITE.
func (e *Edge) recordDecision(s *shard, inv *invite) {
	d := &inv.decision
	because := inv.because()
	answer := profile.Answer{}
	outcome := ""
	switch {
	case inv.code != 0: // it has ended before it was decided
		answer.Code, outcome = inv.code, inv.outcomeWord()
	case d.Kind == routing.KindRefuse || inv.refused != "":
		answer = inv.final()
		outcome = inv.outcomeWord()
	}
	s.showDecision(inv.id, d, because, outcome, answer.Code)
	inv.trunk.stats.Decided(because)
	if outcome != "" {
		inv.trunk.stats.Refused(outcome)
	}
	if e.parts.Decisions != nil {
		e.writeDecision(s, inv, outcome, answer.Code)
	}
	if e.log.Enabled(context.Background(), slog.LevelInfo) {
		e.logDecision(inv, because, outcome, answer.Code)
	}
	if e.parts.OnCall != nil {
		e.parts.OnCall(CallLine{
			Call: inv.id.String(), Trunk: inv.trunk.id, From: inv.asked.From, To: inv.asked.To,
			Decision: *d, Because: because, Outcome: outcome, Code: answer.Code,
		})
	}
}

func (e *Edge) writeDecision(s *shard, inv *invite, outcome string, code int) {
	m := s.original(inv)
	d := &inv.decision
	r := records.Decision{
		At: inv.arrived, Call: inv.id, SIPCallID: m.CallID, Branch: m.Via.Branch,
		Source: inv.source, Transport: inv.flow.Proto.String(), Listener: inv.world.listeners[inv.flow.Listener].name,
		Trunk: inv.trunk.id, PublicNumber: inv.asked.To, Caller: inv.asked.From,
		Interval: inv.at, Answer: *d, Because: inv.refused, Outcome: outcome, Code: code,
	}
	if inv.waiting != 0 {
		r.Held = time.Duration(e.now() - inv.waiting)
	}
	if key := inv.trunk.profile.MergeKey; key != "" {
		if h := m.Named(key); h != nil {
			r.CallKey = h.Value
		}
	}
	if inv.asked.To == 0 {
		r.Dialled = m.Target.User
	}
	if n, ok := inv.world.routing.Table.Get(inv.asked.To); ok {
		r.NumberType = n.NumberType
		if forced := d.Because == routing.OverrideForceLegacy || d.Because == routing.OverrideForceSpeakOps; forced && n.Revision == d.Revision {
			r.Override = n.Override
		}
	}
	r.Forced, r.PSAP, r.Looped = inv.asked.Forced, inv.asked.PSAP, inv.asked.Looped
	s.account(inv, &r.CurrentServingProvider, &r.UnderlyingCarrier, &r.CustomerAssignment)
	s.lines = e.parts.Encoder.AppendDecision(s.lines[:0], &r)
	e.parts.Decisions.Append(s.lines)
}

func (e *Edge) logDecision(inv *invite, because routing.Because, outcome string, code int) {
	d := &inv.decision
	left, ok := e.lines.Allow(slog.LevelInfo, d.Kind.String(), "decision")
	if !ok {
		return
	}
	attrs := append(make([]slog.Attr, 0, 14),
		slog.String("call", inv.id.String()), slog.String("trunk", string(inv.trunk.id)),
		slog.Any("public_number", inv.asked.To), slog.String("decision", d.Kind.String()),
		slog.String("routing_authority", d.Authority.String()), slog.String("porting_state", d.PortingState.String()),
		slog.String("because", string(because)), slog.Uint64("revision", d.Revision),
	)
	if d.Route != nil {
		attrs = append(attrs, slog.String("route", string(d.Route.ID)))
	}
	if inv.trace.context.Valid() {
		c := &inv.trace.context
		attrs = append(attrs, slog.String(observe.KeyTraceID, hex.EncodeToString(c.Trace[:])), slog.String(observe.KeySpanID, hex.EncodeToString(c.Span[:])))
	}
	if left > 0 {
		attrs = append(attrs, slog.Uint64(observe.KeySuppressed, left))
	}
	if outcome != "" {
		attrs = append(attrs, slog.String("outcome", outcome), slog.Int("code", code))
	}
	e.log.LogAttrs(context.Background(), slog.LevelInfo, "decision", attrs...)
}

// callAnswered counts an answered call and what it says about its gateway.
func (e *Edge) callAnswered(s *shard, inv *invite, l *leg, code int, now call.Instant) {
	inv.trunk.stats.Answered(code)
	e.metrics.SetupTime.ObserveTraced(time.Duration(now)-inv.arrived.Sub(e.epoch), inv.exemplar())
	l.hop.stats.Attempted(resultAnswered)
	e.found(inv, l, health.Outcome{Result: health.Answered, Sent: e.wall(l.began)})
	s.showAnswer(inv, l, code)
	s.finished(inv, call.Answered, now)
}

// callFailed writes the CDR of a call that ends without an answer.
func (e *Edge) callFailed(s *shard, inv *invite, ending call.Ending, a profile.Answer, now call.Instant) {
	inv.trunk.stats.Answered(inv.code)
	if ending != call.Refused && inv.decidedAt != 0 { // a refusal was counted when it was decided
		inv.trunk.stats.Refused(inv.outcomeWord())
	}
	s.showFailure(inv, ending)
	s.finished(inv, ending, now)
	if e.parts.CDRs == nil {
		return
	}
	m := s.original(inv)
	c := records.CDR{
		Call: inv.id, SIPCallID: m.CallID, Trunk: inv.trunk.id, Source: inv.source,
		PublicNumber: inv.asked.To, Caller: inv.asked.From,
		RoutingAuthority: inv.authority(), PortingState: inv.decision.PortingState,
		Because: inv.because(), Revision: inv.decision.Revision, Interval: inv.at,
		Outcome: inv.outcomeWord(), Code: inv.code, Cause: a.Cause,
		Invited: inv.arrived, Ringing: inv.rang, Ended: e.wall(now), HungUpBy: failedBy(ending),
	}
	if inv.route != nil {
		c.Route = inv.route.ID
	}
	s.account(inv, &c.CurrentServingProvider, &c.UnderlyingCarrier, &c.CustomerAssignment)
	c.Attempts = s.attempted(inv, now)
	if n := len(inv.legs); n > 0 && inv.legs[n-1].hop != nil {
		c.Gateway = inv.legs[n-1].hop.id
	}
	s.lines = e.parts.Encoder.AppendCDR(s.lines[:0], &c)
	e.parts.CDRs.Append(s.lines)
}

func failedBy(e call.Ending) records.Side {
	switch e {
	case call.Canceled:
		return records.ByCaller
	case call.Rejected:
		return records.ByCallee
	}
	return records.ByEdge
}

// attempted lists the gateways tried; the list lives until the next one.
func (s *shard) attempted(inv *invite, now call.Instant) []records.Attempt {
	list := s.tries[:0]
	for i := range inv.legs {
		l := &inv.legs[i]
		if l.hop == nil {
			continue
		}
		a := records.Attempt{Gateway: l.hop.id, Address: l.addr, Code: l.code, Took: l.took, Result: l.result()}
		a.After = max(0, s.edge.wall(l.began).Sub(inv.arrived))
		if a.Took == 0 {
			a.Took = time.Duration(now - l.began)
		}
		list = append(list, a)
	}
	s.tries = list
	return list
}

// result is one word for how an attempt went.
func (l *leg) result() string {
	switch {
	case l.code >= 300:
		return profile.OutcomeOf(l.code).String()
	case l.code >= 200:
		return resultAnswered
	case l.unsent:
		return resultUnreachable
	case l.ringing:
		return resultRang
	case l.heard:
		return resultStalled
	}
	return resultSilent
}

// account is what the table believed of the number when the call was decided.
func (s *shard) account(inv *invite, serving *routing.ProviderID, carrier *routing.CarrierID, customer *routing.CustomerID) {
	if n, ok := inv.world.routing.Table.Get(inv.asked.To); ok {
		*serving, *carrier, *customer = n.CurrentServingProvider, n.UnderlyingCarrier, n.CustomerAssignment
	}
}

// recordEnd writes the CDR of an answered call.
func (e *Edge) recordEnd(s *shard, d *dialog, side records.Side, now call.Instant) {
	var r records.Dialog
	told := d.media.told()
	if e.parts.CDRs == nil || r.Decode(d.record) != nil {
		return
	}
	c := records.CDR{
		Call: r.Call, SIPCallID: r.SIPCallID, Trunk: r.Trunk, Source: r.Caller.Flow.Peer, Route: r.Route, Gateway: r.Gateway,
		PublicNumber: r.PublicNumber, Caller: r.CallerNumber, RoutingAuthority: r.Authority, PortingState: r.PortingState,
		Because: r.Because, Revision: r.Revision, Outcome: "answered", Code: 200,
		Invited: r.Invited, Ringing: r.Ringing, Answered: r.Answered, Ended: e.wall(now), HungUpBy: side, Cause: 16,
		CurrentServingProvider: r.CurrentServingProvider, UnderlyingCarrier: r.UnderlyingCarrier, CustomerAssignment: r.CustomerAssignment,
		Interval: r.Interval, Attempts: r.Attempts, Media: told, Readopted: d.taken,
	}
	s.lines = e.parts.Encoder.AppendCDR(s.lines[:0], &c)
	e.parts.CDRs.Append(s.lines)
}

// endElsewhere writes the CDR of a call that another edge answered: all that the
// route token knows of it. The other edge may give the call up later and write
// one as well; readers know this one by its mark.
func (e *Edge) endElsewhere(s *shard, p *passage, m *message.Message, alone *anchor, side records.Side, now call.Instant) {
	told := alone.told()
	if e.parts.CDRs == nil || p.token.Answered == 0 && p.token.Direction == token.ToCallee {
		return
	}
	t := &p.token
	c := records.CDR{
		Call: t.Call, SIPCallID: m.CallID, RoutingAuthority: routing.RoutingAuthority(t.Authority), Revision: t.Revision,
		Outcome: "answered", Code: 200, Ended: e.wall(now), HungUpBy: side, Cause: 16, Media: told,
		PublicNumber: e164.Number(t.Number), ByToken: true, Because: exceptionOf(t),
	}
	if t.Answered != 0 {
		c.Answered = time.Unix(int64(t.Answered), 0)
	}
	if p.trunk != nil {
		c.Trunk = p.trunk.id
	}
	if r := e.world.Load().routeByHash[t.Route]; r != nil {
		c.Route = r.ID
	}
	s.lines = e.parts.Encoder.AppendCDR(s.lines[:0], &c)
	e.parts.CDRs.Append(s.lines)
}

// recordTurnedAway writes the decision record of an INVITE that was refused
// before it was decided; how many a second is bounded, the rest are counted only.
func (s *shard) recordTurnedAway(f transport.Flow, m *message.Message, t *trunk, outcome string, because routing.Because, code int) {
	e := s.edge
	s.noted = true
	if e.parts.Decisions == nil || !s.turned.allow(s.at) {
		return
	}
	r := records.Decision{
		At: e.wall(s.at), Call: e.newCallID(), SIPCallID: m.CallID, Branch: m.Via.Branch,
		Source: f.Peer, Transport: f.Proto.String(), Listener: e.world.Load().listeners[f.Listener].name,
		Interval: e.clock.Now(), Because: because, Outcome: outcome, Code: code,
	}
	if t != nil {
		asked, _ := s.asked(m, t)
		r.Trunk, r.PublicNumber, r.Caller = t.id, asked.To, asked.From
	}
	if r.PublicNumber == 0 {
		r.Dialled = m.Target.User
	}
	s.lines = e.parts.Encoder.AppendDecision(s.lines[:0], &r)
	e.parts.Decisions.Append(s.lines)
}

// recordFault writes the decision record of an INVITE that could not be served as
// it is: malformed, merged, with a Route of somebody else. A question for a
// password is no decision.
func (s *shard) recordFault(f transport.Flow, m *message.Message, code int) {
	if s.noted || m.Method != message.INVITE || m.ToTag != nil || code < 400 || code == 401 || code == 407 || s.call != (callID{}) {
		return
	}
	because := s.because
	if because == "" {
		because = becauseFault
	}
	s.recordTurnedAway(f, m, s.edge.world.Load().trunkOf(f, s.edge.namesOf(f)), refusedOutcome, because, code)
}

// refusedOutcome is the outcome of a request that is no call.
const refusedOutcome = "refused"

// turnedAway counts a refusal before the decision.
func (e *Edge) turnedAway(t *trunk, o profile.Outcome, because routing.Because) {
	t.stats.Decided(because)
	t.stats.Refused(o.String())
	e.flood(string(t.id)+string(because), "call turned away",
		slog.String(observe.KeyTrunk, string(t.id)), slog.String(observe.KeyOutcome, o.String()), slog.String(observe.KeyBecause, string(because)))
}

// strangeInvite is an INVITE of a gateway that is no trunk: this edge carries no
// outbound calls.
func (e *Edge) strangeInvite(f transport.Flow) {
	e.meter.strange.Add(1)
	e.flood("gateway-invite", "INVITE from a gateway that is no trunk: refused with 403; add a trunk with this source if it should be one",
		slog.String(observe.KeySource, f.Peer.String()))
}

// forged is an in-dialog request whose token is good and whose source or target is not.
func (e *Edge) forged(f transport.Flow, m *message.Message, what string) {
	e.meter.forged.Add(1)
	e.flood("forged-"+what, "in-dialog request refused: its "+what+" does not belong to the dialog's side",
		slog.String(observe.KeySource, f.Peer.String()), slog.String(observe.KeyMethod, m.Method.String()), observe.Bytes("uri", m.URI))
}

// sent notes how a send went.
func (e *Edge) sent(f transport.Flow, err error) {
	if err == nil {
		return
	}
	e.meter.unsent.Add(1)
	e.flood("send", "message not sent",
		slog.String(observe.KeyAddress, f.Peer.String()), slog.String(observe.KeyTransport, f.Proto.String()), observe.Error(err))
}

// mediaPanicked is told of a packet that cost no more than itself.
func (e *Edge) mediaPanicked(p any, stack []byte) {
	e.metrics.Panicked("media")
	e.alarm("media panic", "panic at a media packet: that packet is lost, the edge goes on", slog.Any(observe.KeyPanic, p), slog.String(observe.KeyStack, string(stack)))
}

func (e *Edge) panicked(p any, stack []byte) {
	e.metrics.Panicked("shard")
	e.log.Error("panic in a call: that call is lost, the edge goes on", slog.Any(observe.KeyPanic, p), slog.String(observe.KeyStack, string(stack)))
}
