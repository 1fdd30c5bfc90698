package sipedge

import (
	"iter"
	"log/slog"
	"time"

	"github.com/speakops/sipedge/routing"
	"github.com/speakops/sipedge/sipedge/admin"
	"github.com/speakops/sipedge/sipedge/media"
	"github.com/speakops/sipedge/sipedge/observe"
)

// Sources is what Prometheus may ask an edge.
func (e *Edge) Sources() observe.Sources {
	from := observe.Sources{
		Drops: e.drops,
		Messages: func(yield func(direction, transport string, n uint64)) {
			if e.state.Load() == starting {
				return // no sockets yet
			}
			c := e.layer.Counters()
			for p := range c.Received {
				yield("in", transportName(p), c.Received[p].Load())
				yield("out", transportName(p), c.Sent[p].Load())
			}
		},
		GatewayUp: func(yield func(gateway string, up bool)) {
			w := e.world.Load()
			for _, h := range w.gateways {
				yield(string(h.id), w.set.Alive(h.index))
			}
		},
		Misrouted:  e.meter.misrouted.Load,
		CertExpiry: e.certs.expiry(e),
		Ready:      func() bool { return len(e.Health().Reasons) == 0 },
		Numbers:    e.parts.Table.Len,
		TableAge:   e.tableAge,
		ClockError: func() time.Duration { return e.clock.Now().Width() / 2 },
	}
	if e.relay != nil {
		from.Media, from.MediaCalls, from.MediaPorts = e.mediaPackets, e.relay.Sessions, e.mediaPorts
	}
	return from
}

func (e *Edge) mediaPorts() (p observe.MediaPorts) {
	p.Used, p.Resting, p.All = e.relay.Ports()
	return p
}

// mediaPackets yields what became of the packets at the relay, and of offers for
// which there were no ports.
func (e *Edge) mediaPackets(yield func(result string, n uint64)) {
	c := &e.relay.Counters
	for _, x := range []struct {
		result string
		n      uint64
	}{
		{"relayed", c.Relayed.Load()}, {"stranger", c.Stranger.Load()}, {"unanswered", c.Unanswered.Load()}, {"malformed", c.Malformed.Load()},
		{"nowhere", c.Nowhere.Load()}, {"unsent", c.Unsent.Load()}, {"no_ports", c.NoPorts.Load()},
	} {
		yield(x.result, x.n)
	}
}

func transportName(p int) string { return [...]string{"udp", "tcp", "tls"}[p] }

// tableAge is how long ago the store last confirmed the table; a year stands for never.
func (e *Edge) tableAge() time.Duration {
	at, ok := e.parts.Freshness.Confirmed()
	if !ok {
		return 365 * 24 * time.Hour
	}
	return max(0, time.Since(at))
}

// Health implements admin.Health.
func (e *Edge) Health() (r admin.Report) {
	details := map[string]string{
		"starting":         "listeners are not up yet",
		"draining":         "the edge is stopping; calls in progress finish",
		"table_not_loaded": "the numbers have not been loaded from Redis yet",
	}
	_, details["not_in_fleet"] = e.serves()
	for _, why := range e.Ready() {
		r.Reasons = append(r.Reasons, admin.Reason{Because: why, Detail: details[why]})
	}
	w := e.world.Load()
	if age := e.tableAge(); age > staleAfter && age < 365*24*time.Hour {
		r.Degraded = append(r.Degraded, admin.Reason{Because: "table_age",
			Detail: "Redis has not confirmed the table for " + age.Round(time.Second).String() + "; known numbers are served, unknown ones are sent elsewhere after " + w.routing.MaxAge.String()})
	}
	if at := e.lastNoPorts.Load(); at != 0 && time.Duration(int64(e.now())-at) < time.Minute {
		r.Degraded = append(r.Degraded, admin.Reason{Because: string(becauseMediaPorts), Detail: media.ErrNoPorts.Error()})
	}
	for id, health := range e.Routes() {
		if health.Alive == 0 {
			r.Degraded = append(r.Degraded, admin.Reason{Because: "route_dark", Detail: "no gateway of route " + string(id) + " is alive; calls still try them"})
		}
	}
	return r
}

// RouteHealth is how many gateways of a route are alive: probes or calls found an
// address of theirs not dark. A builtin route is one gateway that always is.
type RouteHealth struct{ Alive, Of int }

// Routes yields the health of every route.
func (e *Edge) Routes() iter.Seq2[routing.RouteID, RouteHealth] {
	w := e.world.Load()
	return func(yield func(routing.RouteID, RouteHealth) bool) {
		for id, r := range w.routes {
			health := RouteHealth{Of: len(r.hops)}
			for _, h := range r.hops {
				if w.set.Alive(h.index) {
					health.Alive++
				}
			}
			if health.Of == 0 {
				health = RouteHealth{1, 1}
			}
			if !yield(id, health) {
				return
			}
		}
	}
}

// staleAfter is the age from which the table is worth a word: several polls.
const staleAfter = 5 * time.Second

// World is what calls are decided from now, as a value: whoever has it may give
// it another timeline and ask.
func (e *Edge) World() routing.World { return e.world.Load().routing }

// Status implements admin.StatusReader.
func (e *Edge) Status() admin.Status {
	w := e.world.Load()
	s := admin.Status{
		Edge: w.config.Edge.ID, Started: e.epoch, Draining: e.state.Load() == draining,
		InFlight: int(e.metrics.InFlight.Value()), Held: int(e.metrics.Held.Value()), Dialogs: int(e.metrics.Dialogs.Value()),
		Numbers: e.parts.Table.Len(), TableAge: e.tableAge().Seconds(), ClockError: (e.clock.Now().Width() / 2).Seconds(),
	}
	for i := range w.listeners {
		if e.state.Load() == starting {
			break // no sockets yet
		}
		l := &w.listeners[i]
		s.Listeners = append(s.Listeners, admin.Listener{
			Name: l.name, Transport: l.proto.String(), Address: e.layer.Addr(i).String(), Advertise: w.config.SIP.Listen[i].Advertise,
		})
	}
	return s
}

// Gateways implements admin.GatewayLister.
func (e *Edge) Gateways() []admin.Gateway {
	w := e.world.Load()
	var out []admin.Gateway
	seen := map[[2]string]int{}
	for _, st := range w.set.States() {
		key := [2]string{st.Route, st.Gateway}
		at, ok := seen[key]
		if !ok {
			at = len(out)
			seen[key] = at
			since := st.Since
			out = append(out, admin.Gateway{Gateway: st.Gateway, Route: st.Route, State: st.State.String(), Because: string(st.Reason), Detail: st.Detail, Since: &since})
		}
		if st.Address.IsValid() {
			out[at].Addresses = append(out[at].Addresses, st.Proto.String()+":"+st.Address.String())
		}
	}
	for _, r := range w.routes {
		for i, h := range r.hops {
			if at, ok := seen[[2]string{string(r.ID), string(h.id)}]; ok {
				out[at].URI = "sip:" + h.uri
				out[at].Priority, out[at].Weight = r.Gateways[i].Priority, r.Gateways[i].Weight
			}
		}
	}
	return out
}

// Trunks implements admin.TrunkLister.
func (e *Edge) Trunks() []admin.Trunk {
	w := e.world.Load()
	var out []admin.Trunk
	for i, t := range w.config.Trunks {
		one := admin.Trunk{
			Trunk: t.ID, Profile: t.Profile, TLSSubject: t.TLSSubject, Up: w.trunks[i].limits.Up(),
			Concurrent: t.Limits.Concurrent, CPS: t.Limits.CPS, Burst: t.Limits.Burst,
		}
		for _, s := range t.Sources {
			one.Sources = append(one.Sources, s.String())
		}
		out = append(out, one)
	}
	return out
}

// Metrics are the counters the edge counts in.
func (e *Edge) Metrics() *observe.Metrics { return e.metrics }

// Log is where the edge logs.
func (e *Edge) Log() *slog.Logger { return e.log }
