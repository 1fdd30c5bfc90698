package sipedge

import (
	"time"

	"github.com/speakops/sipedge/routing"
	"github.com/speakops/sipedge/sipedge/call"
	"github.com/speakops/sipedge/sipedge/message"
	"github.com/speakops/sipedge/sipedge/observe/spans"
	"github.com/speakops/sipedge/sipedge/profile"
)

// Tracer takes calls whose final response is out. It must not block.
type Tracer interface{ Finished(c *spans.Call) }

// trace is what a call's span is known by.
type trace struct {
	context spans.Context // zero: the call is not traced
	parent  [8]byte
}

// The headers of W3C Trace Context. What a trunk sends in them passes only where
// the trunk is trusted for it, and only to gateways that asked for it.
const (
	traceparent = "traceparent"
	tracestate  = "tracestate"
)

// traced names the span of a call that begins: on the caller's trace, or one of
// its own. Without a Tracer a caller's trace still goes on to the gateways.
func (s *shard) traced(inv *invite, m *message.Message) {
	e := s.edge
	if inv.trunk.trace {
		if h := m.Named(traceparent); h != nil {
			if parent := spans.ParseParent(h.Value); parent.Valid() {
				inv.trace = trace{parent, parent.Span}
				if e.parts.Tracer != nil {
					inv.trace.context = spans.Under(parent, inv.id)
				}
				return
			}
		}
	}
	if e.parts.Tracer != nil {
		inv.trace = trace{context: spans.Root(inv.id, inv.world.edgeHash, e.parts.Sample)}
	}
}

// appendTrace appends the trace headers of an attempt.
func (s *shard) appendTrace(b []byte, inv *invite, m *message.Message, i int) []byte {
	c := inv.trace.context
	if !c.Valid() {
		return b
	}
	if s.edge.parts.Tracer != nil {
		c.Span = spans.AttemptOf(inv.id, i)
	}
	b = spans.AppendParent(append(b, "traceparent: "...), &c)
	b = append(b, "\r\n"...)
	if inv.trace.parent != [8]byte{} {
		if h := m.Named(tracestate); h != nil && len(h.Value) <= 512 {
			b = append(append(append(b, "tracestate: "...), h.Value...), "\r\n"...)
		}
	}
	return b
}

// finished hands a call over whose final response is out. One that nobody will
// look at is left alone before anything is copied.
func (s *shard) finished(inv *invite, ending call.Ending, now call.Instant) {
	e := s.edge
	failed := ending == call.Refused || ending == call.GatewaysFailed || ending == call.Unanswered ||
		ending == call.Rejected && inv.outcome != profile.Busy && inv.outcome != profile.Declined && inv.outcome != profile.NoAnswer
	if e.parts.Tracer == nil || !inv.trace.context.Sampled && !failed {
		return
	}
	d := &inv.decision
	c := &s.span
	*c = spans.Call{
		Context: inv.trace.context, Parent: inv.trace.parent, Call: inv.id, Trunk: string(inv.trunk.id), Decision: d.Kind.String(),
		Authority: inv.authority().String(), PortingState: d.PortingState.String(), Because: string(inv.because()), Outcome: resultAnswered,
		PublicNumber: inv.asked.To, Caller: inv.asked.From, Revision: d.Revision, Code: inv.code, Failed: failed,
		Begun: inv.arrived, Rang: inv.rang, Ended: e.wall(now), SIPCallID: string(s.callIDOf(inv)),
	}
	if ending != call.Answered {
		c.Outcome = inv.outcomeWord()
	}
	if inv.route != nil {
		c.Route = string(inv.route.ID)
	}
	if inv.waiting != 0 && d.Kind != routing.KindHold {
		c.Held = time.Duration(inv.decidedAt - inv.waiting)
	}
	for i := range inv.legs {
		l := &inv.legs[i]
		if l.hop == nil || c.N == len(c.Attempts) {
			continue
		}
		took := l.took
		if took == 0 {
			took = time.Duration(now - l.began)
		}
		c.Gateway = string(l.hop.id)
		c.Attempts[c.N] = spans.Attempt{
			Gateway: c.Gateway, Address: addressOf(l), Result: l.result(), Begun: e.wall(l.began), Took: took, Code: l.code, Index: i,
		}
		c.N++
	}
	e.parts.Tracer.Finished(c)
}

// exemplar is the trace that a measured time may be looked up in.
func (inv *invite) exemplar() *[16]byte {
	if inv.trace.context.Sampled && inv.trace.context.Valid() {
		return &inv.trace.context.Trace
	}
	return nil
}

// callIDOf is the Call-ID of a call's INVITE.
func (s *shard) callIDOf(inv *invite) []byte {
	if inv.raw == nil {
		return nil
	}
	return s.original(inv).CallID
}

// addressOf is where a leg went, "" inside of this edge.
func addressOf(l *leg) string {
	if !l.addr.IsValid() {
		return ""
	}
	return l.addr.String()
}
