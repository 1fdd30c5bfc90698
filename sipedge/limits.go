package sipedge

import (
	"context"
	"log/slog"
	"net/netip"
	"time"

	"github.com/speakops/sipedge/ratelimit"
	"github.com/speakops/sipedge/ratelimit/shared"
	"github.com/speakops/sipedge/routing"
	"github.com/speakops/sipedge/sipedge/admin"
	"github.com/speakops/sipedge/sipedge/call"
	"github.com/speakops/sipedge/sipedge/observe"
)

// numbersAdmit charges the limits of the called number and of the caller, once
// per call; "" lets it in. A call-back of an emergency service counts and is
// never refused (RFC 7090).
func (s *shard) numbersAdmit(inv *invite, now call.Instant) (why routing.Because) {
	e, at := s.edge, s.edge.wall(now)
	if !inv.numbered {
		v := ratelimit.Admitted
		if inv.asked.PSAP {
			inv.pass = e.numbers.Adopt(inv.decision.PublicNumber)
		} else {
			inv.pass, v = e.numbers.Admit(inv.decision.PublicNumber, at)
		}
		if inv.numbered = v == ratelimit.Admitted; !inv.numbered {
			return becauseNumberLimit
		}
	}
	if !inv.counted && inv.asked.From != 0 && !inv.asked.PSAP {
		pass, v := e.callers.Admit(inv.asked.From, at)
		if v != ratelimit.Admitted {
			return becauseCallerLimit
		}
		inv.caller, inv.counted = pass, true
	}
	return ""
}

// emergency is the loud line about an emergency number that somebody dialled
// through a trunk; a call that was refused without a decision has no id.
func (e *Edge) emergency(t *trunk, id callID, source netip.AddrPort) {
	attrs := []slog.Attr{slog.String(observe.KeyTrunk, string(t.id)), slog.String(observe.KeySource, source.String())}
	const text = "emergency number dialled through a trunk: refused, it is never routed by table"
	if id != (callID{}) {
		e.log.LogAttrs(context.Background(), slog.LevelError, text, append(attrs, slog.String(observe.KeyCall, id.String()))...)
		return
	}
	e.alarm("emergency-"+string(t.id), text, attrs...)
}

// Doors are the trunks whose limits hold over all edges together; none without
// limits.shared.
func (e *Edge) Doors() []shared.Door {
	w := e.world.Load()
	if !w.config.Limits.Shared {
		return nil
	}
	doors := make([]shared.Door, len(w.trunks))
	for i, t := range w.trunks {
		doors[i] = shared.Door{ID: string(t.id), Limiter: t.limits}
	}
	return doors
}

// TrunkLimits is how close one trunk is to its limits.
type TrunkLimits struct {
	Trunk  routing.TrunkID
	Limits ratelimit.Limits // as configured; over all edges when Shared
	Shared bool             // a share of them is in force here
	Share  ratelimit.Limits // what this edge may spend now; zero means no limit
	Up     int              // calls up here
	Asked  uint64           // calls that asked for a place since the start
	Rate   uint64           // of these refused for their rate
	Full   uint64           // of these refused for their number
}

// TrunkLimits lists every trunk's limits as they are in force here.
func (e *Edge) TrunkLimits() []TrunkLimits {
	var list []TrunkLimits
	for _, t := range e.world.Load().trunks {
		one := TrunkLimits{
			Trunk: t.id, Limits: t.limits.Limits(), Up: t.limits.Up(), Asked: t.limits.Asked(),
			Rate: t.limits.Denied(ratelimit.OverRate), Full: t.limits.Denied(ratelimit.OverConcurrent),
		}
		one.Share = one.Limits
		if s, lent := t.limits.Lent(); lent {
			one.Shared = true
			one.Share.CPS, one.Share.Concurrent = float64(s.Rate)/1000, int(s.Concurrent)
		}
		list = append(list, one)
	}
	return list
}

// retryAfterSpread is how much later than its profile says a peer is told to
// come back, at most and at random: told the same second, all of them would.
func retryAfterSpread(d time.Duration, chance func(int64) int64) time.Duration {
	if d < time.Second {
		return d
	}
	return d + time.Duration(chance(int64(d/time.Second)+1))*time.Second
}

// Limits implements admin.LimitLister.
func (e *Edge) Limits() admin.LimitList {
	all := admin.LimitList{
		InFlight: int(e.metrics.InFlight.Value()), MaxFlight: e.world.Load().maxInflight, Shed: e.overload.Part(),
		Dialogs: int(e.metrics.Dialogs.Value()), MaxDialogs: maxDialogs,
	}
	for _, t := range e.TrunkLimits() {
		all.Limits = append(all.Limits, admin.Limit{
			Trunk: string(t.Trunk), CPS: t.Limits.CPS, Concurrent: t.Limits.Concurrent, Shared: t.Shared,
			ShareCPS: t.Share.CPS, ShareConcurrent: t.Share.Concurrent, Up: t.Up, Asked: t.Asked, OverRate: t.Rate, OverConcurrent: t.Full,
		})
	}
	return all
}

// shownOffenders is how many are worth a page.
const shownOffenders = 100

// WorstOffenders implements admin.OffenderLister.
func (e *Edge) WorstOffenders() (list []admin.Offender) {
	for _, o := range e.Offenders(shownOffenders) {
		list = append(list, admin.Offender{Source: o.Source.String(), Count: o.Count, Scans: o.Scans, First: o.First, Last: o.Last})
	}
	return list
}
