package spans

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/speakops/sipedge/routing/e164"
	"github.com/speakops/sipedge/sipedge/observe"
)

// maker makes OpenTelemetry's spans after the fact. Only one goroutine uses it.
type maker struct {
	mask   bool
	tracer trace.Tracer
	made   []sdk.ReadOnlySpan
}

func newMaker(edge string, mask bool) *maker {
	m := &maker{mask: mask}
	provider := sdk.NewTracerProvider(
		sdk.WithIDGenerator(given{}), sdk.WithSampler(sdk.AlwaysSample()), sdk.WithSpanProcessor(collector{m}), sdk.WithResource(observe.Resource(edge)),
	)
	m.tracer = provider.Tracer("github.com/speakops/sipedge")
	return m
}

// given is an id generator that takes the ids which the call already has.
type given struct{}

type givenKey struct{}

func (given) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	c, _ := ctx.Value(givenKey{}).(Context)
	return c.Trace, c.Span
}

func (given) NewSpanID(ctx context.Context, _ trace.TraceID) trace.SpanID {
	c, _ := ctx.Value(givenKey{}).(Context)
	return c.Span
}

// collector keeps finished spans for the export of their batch.
type collector struct{ m *maker }

func (collector) OnStart(context.Context, sdk.ReadWriteSpan) {}
func (c collector) OnEnd(s sdk.ReadOnlySpan)                 { c.m.made = append(c.m.made, s) }
func (collector) Shutdown(context.Context) error             { return nil }
func (collector) ForceFlush(context.Context) error           { return nil }

func (m *maker) spans(batch []Call) []sdk.ReadOnlySpan {
	m.made = nil
	for i := range batch {
		m.call(&batch[i])
	}
	return m.made
}

// errorType is the name OpenTelemetry gives to the word for what failed.
const errorType = "error.type"

func (m *maker) call(c *Call) {
	ctx := context.Background()
	if c.Parent != [8]byte{} {
		ctx = trace.ContextWithRemoteSpanContext(ctx, trace.NewSpanContext(trace.SpanContextConfig{
			TraceID: c.Trace, SpanID: c.Parent, TraceFlags: trace.FlagsSampled, Remote: true,
		}))
	}
	ctx, span := m.tracer.Start(context.WithValue(ctx, givenKey{}, c.Context), "INVITE",
		trace.WithSpanKind(trace.SpanKindServer), trace.WithTimestamp(c.Begun), trace.WithAttributes(m.about(c)...))
	for i := range c.Attempts[:c.N] {
		m.attempt(ctx, c, &c.Attempts[i])
	}
	if c.Failed {
		span.SetAttributes(attribute.String(errorType, c.Outcome))
		span.SetStatus(codes.Error, c.Outcome)
	}
	if !c.Rang.IsZero() {
		span.AddEvent("ringing", trace.WithTimestamp(c.Rang))
	}
	span.End(trace.WithTimestamp(c.Ended))
}

func (m *maker) attempt(ctx context.Context, c *Call, a *Attempt) {
	id := Context{Trace: c.Trace, Span: AttemptOf(c.Call, a.Index)}
	_, span := m.tracer.Start(context.WithValue(ctx, givenKey{}, id), "INVITE",
		trace.WithSpanKind(trace.SpanKindClient), trace.WithTimestamp(a.Begun), trace.WithAttributes(
			attribute.String(observe.KeyGateway, a.Gateway), attribute.String(observe.KeyAddress, a.Address), attribute.String(observe.KeyResult, a.Result),
			// What the call was decided by stands at each attempt too: a query for
			// slow gateways of one revision joins nothing.
			attribute.String(observe.KeyCall, c.Call.String()), attribute.String(observe.KeyTrunk, c.Trunk), attribute.String(observe.KeyRoute, c.Route),
			attribute.String(observe.KeyRoutingAuthority, c.Authority), attribute.String(observe.KeyPortingState, c.PortingState),
			attribute.String(observe.KeyBecause, c.Because), attribute.Int64(observe.KeyRevision, int64(c.Revision)),
		))
	if a.Code != 0 {
		span.SetAttributes(attribute.Int(observe.KeyCode, a.Code))
	}
	if !c.Rang.IsZero() && a.Gateway == c.Gateway && !c.Rang.Before(a.Begun) {
		span.SetAttributes(attribute.Int64(observe.KeyPostDialDelay, c.Rang.Sub(a.Begun).Milliseconds()))
	}
	if a.Code >= 500 || a.Code == 0 {
		span.SetAttributes(attribute.String(errorType, a.Result))
		span.SetStatus(codes.Error, a.Result)
	}
	span.End(trace.WithTimestamp(a.Begun.Add(a.Took)))
}

func (m *maker) about(c *Call) []attribute.KeyValue {
	list := make([]attribute.KeyValue, 0, 20)
	word := func(key, value string) {
		if value != "" {
			list = append(list, attribute.String(key, value))
		}
	}
	word(observe.KeyCall, c.Call.String())
	word(observe.KeySIPCallID, c.SIPCallID)
	word(observe.KeyTrunk, c.Trunk)
	word(observe.KeyPublicNumber, m.number(c.PublicNumber))
	word(observe.KeyCaller, m.number(c.Caller))
	word(observe.KeyDecision, c.Decision)
	word(observe.KeyRoutingAuthority, c.Authority)
	word(observe.KeyPortingState, c.PortingState)
	word(observe.KeyBecause, c.Because)
	word(observe.KeyRoute, c.Route)
	word(observe.KeyGateway, c.Gateway)
	word(observe.KeyOutcome, c.Outcome)
	list = append(list, attribute.Int(observe.KeyCode, c.Code), attribute.Int64(observe.KeyRevision, int64(c.Revision)))
	if !c.Rang.IsZero() {
		list = append(list, attribute.Int64(observe.KeyPostDialDelay, c.Rang.Sub(c.Begun).Milliseconds()))
	}
	if c.Held > 0 {
		list = append(list, attribute.Int64(observe.KeyHeld, c.Held.Milliseconds()))
	}
	return list
}

func (m *maker) number(n e164.Number) string {
	switch {
	case n == 0:
		return ""
	case m.mask:
		return string(observe.AppendMasked(nil, n))
	}
	return string(n.Append(nil))
}
