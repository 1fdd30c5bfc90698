package sipedge

import (
	"context"
	"log/slog"
	"time"

	"github.com/speakops/sipedge/sipedge/gateway"
	"github.com/speakops/sipedge/sipedge/gateway/health"
	"github.com/speakops/sipedge/sipedge/message"
	"github.com/speakops/sipedge/sipedge/observe"
	"github.com/speakops/sipedge/sipedge/transport"
)

// gatewayChanged logs a gateway's change of state, once.
func (e *Edge) gatewayChanged(c gateway.Change) {
	level := slog.LevelInfo
	if c.To == health.Dark {
		level = slog.LevelWarn
	}
	attrs := []slog.Attr{
		slog.String(observe.KeyRoute, c.RouteID), slog.String(observe.KeyGateway, c.GatewayID),
		slog.String(observe.KeyState, c.To.String()), slog.String("was", c.From.String()), slog.String(observe.KeyReason, string(c.Reason)),
	}
	if !c.Whole && c.Addr.At.IsValid() {
		attrs = append(attrs, slog.String(observe.KeyAddress, c.Addr.At.String()))
	}
	if c.Detail != "" {
		attrs = append(attrs, slog.String("detail", c.Detail))
	}
	e.log.LogAttrs(context.Background(), level, "gateway changed", attrs...)
}

// found tells the gateways' keeper what an attempt has found out.
func (e *Edge) found(inv *invite, l *leg, o health.Outcome) {
	if l.hop != nil && l.flow.Proto != transport.Inside {
		inv.world.set.Report(l.hop.index, l.flow.Proto, l.addr, o)
	}
}

// legFinal is what a non-2xx final says about its gateway.
func (e *Edge) legFinal(inv *invite, l *leg, m *message.Message) {
	if l.hop == nil {
		return
	}
	result := resultRejected
	if m.Status/100 == 5 {
		result = resultFailed
	}
	l.hop.stats.Attempted(result)
	o := health.Outcome{Result: health.Answered, Sent: e.wall(l.began)}
	switch m.Status {
	case 503:
		o.Result, o.RetryAfter = health.Unavailable, retryAfter(m.Value(message.KRetryAfter))
	case 408:
		o.Result = health.Stalled
	}
	e.found(inv, l, o)
}

// legSilent is an attempt given up without a final response.
func (e *Edge) legSilent(inv *invite, l *leg) {
	if l.hop == nil || l.code != 0 || l.told {
		return
	}
	l.told = true
	o := health.Outcome{Result: health.Silent, Sent: e.wall(l.began)}
	result := resultSilent
	switch {
	case l.unsent:
		o.Result, result = health.Unreachable, resultUnreachable
	case l.ringing:
		l.hop.stats.Attempted(resultRang)
		return
	case l.heard:
		o.Result, result = health.Stalled, resultStalled
	}
	l.hop.stats.Attempted(result)
	e.found(inv, l, o)
}

// retryAfter reads delta-seconds (RFC 3261 section 20.33), 0 when there are none.
func retryAfter(v []byte) time.Duration {
	n := 0
	for _, c := range v {
		if c < '0' || c > '9' || n > 1<<20 {
			break
		}
		n = n*10 + int(c-'0')
	}
	return time.Duration(n) * time.Second
}
