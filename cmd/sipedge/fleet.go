package main

import (
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/speakops/sipedge/configs"
	"github.com/speakops/sipedge/cutover"
	"github.com/speakops/sipedge/cutover/clock"
	"github.com/speakops/sipedge/cutover/ledger"
	"github.com/speakops/sipedge/cutover/runner"
	"github.com/speakops/sipedge/cutover/runner/office"
	"github.com/speakops/sipedge/routing"
	"github.com/speakops/sipedge/routing/feed"
	"github.com/speakops/sipedge/sipedge"
	"github.com/speakops/sipedge/sipedge/admin"
	"github.com/speakops/sipedge/sipedge/observe"
)

// party is this edge's part in the fleet, the clock it lives by, and what it tells
// the others of itself.
type party struct {
	*runner.Runner
	chain *ledger.Ledger
	clock *clock.Clock
	edge  atomic.Pointer[sipedge.Edge] // nil until it is made
	sides sides
}

// openFleet opens this edge's part in the fleet.
func openFleet(cfg *configs.Edge, rdb redis.UniversalClient, table *routing.Table, log *slog.Logger) (*party, error) {
	p := &party{}
	dir := filepath.Join(cfg.Edge.DataDir, "cutover")
	store, err := clock.New(clock.Options{Path: filepath.Join(cfg.Edge.DataDir, "clock.json"), Jumped: func(j clock.Jump) {
		log.Error("the store's clock jumped: both its times are covered until every edge knows the new one",
			"by", j.By, "failover", j.Failover)
	}})
	if err != nil {
		log.Warn("store time is not known until the store answers", "error", err)
	}
	chain, err := ledger.New(rdb, cfg.Redis.Prefix, ledger.Options{})
	if err != nil {
		return nil, badConfig{err}
	}
	p.chain, p.clock = chain, store
	p.Runner, err = runner.Open(runner.Options{
		Edge: cfg.Edge.ID, Dir: dir, Chain: chain, Clock: store, Records: table, Log: log,
		Fleet: cutover.Fleet{Guard: cfg.Cutover.Guard, Lead: cfg.Cutover.Lead, PrepareTimeout: cfg.Cutover.PrepareTimeout},
		Auto:  cfg.Cutover.Init == "auto", MaxError: cfg.Clock.MaxError, SampleEvery: cfg.Clock.SampleEvery,
		Webhooks: webhooksOf(cfg), Tells: func(b *runner.Beat) {
			b.Version, b.Admin, b.Numbers, b.Writer = readVersion(), cfg.Admin.Listen.String(), table.Len(), cfg.Redis.Writer != nil
			b.Sides = p.sides.read()
			if edge := p.edge.Load(); edge != nil {
				tellOf(edge, b)
			}
		},
	})
	return p, err
}

// tellOf adds what an edge knows of itself to its heartbeat.
func tellOf(edge *sipedge.Edge, b *runner.Beat) {
	s := edge.Status()
	b.Dialogs, b.Held = s.Dialogs, s.Held
	b.TableAge = time.Duration(s.TableAge * float64(time.Second))
	b.Routes = map[routing.RouteID]runner.RouteHealth{}
	for id, health := range edge.Routes() {
		b.Routes[id] = runner.RouteHealth(health)
	}
}

func webhooksOf(cfg *configs.Edge) []runner.Webhook {
	var all []runner.Webhook
	for _, w := range cfg.Cutover.Webhooks {
		h := runner.Webhook{URL: w.URL}
		if !w.Secret.IsZero() {
			h.Secret = []byte(w.Secret.Reveal())
		}
		all = append(all, h)
	}
	return all
}

// sides counts calls by the side that carries them.
type sides struct{ legacy, speakops, refused atomic.Int64 }

func (s *sides) read() map[string]int64 {
	return map[string]int64{"legacy": s.legacy.Load(), "speakops": s.speakops.Load(), "refused": s.refused.Load()}
}

// decided is told of every decision: it counts, and notices the first calls on a
// new side.
func (p *party) decided(l sipedge.CallLine) {
	switch {
	case l.Outcome != "":
		p.sides.refused.Add(1)
	case l.Decision.Authority == routing.SpeakOps:
		p.sides.speakops.Add(1)
	default:
		p.sides.legacy.Add(1)
	}
	if l.Outcome == "" && (l.Because == routing.Cut || l.Because == routing.RolledBack) {
		p.Carried(l.To, l.Decision.Authority, l.Call)
	}
}

// sources adds what Prometheus may ask a party.
func (p *party) sources(from *observe.Sources) {
	from.Serving = func() bool { ok, _ := p.Serves(); return ok }
	from.Unresolved = func() bool { return p.Pair().Prepared != nil }
	from.Revision = func() uint64 {
		if rev := p.Pair().Committed; rev != nil {
			return rev.Number
		}
		return 0
	}
	from.NextStep = p.nextStep
}

// nextStep is how long it is until numbers change hands by the committed schedule.
func (p *party) nextStep() time.Duration {
	rev, now, next := p.Pair().Committed, p.clock.Now().Mid(), observe.Never
	if rev == nil {
		return next
	}
	for i := range rev.Schedule {
		for _, turn := range rev.Schedule[i].Turns {
			if left := turn.At.Sub(now); left > 0 {
				next = min(next, left)
			}
		}
	}
	return next
}

// telling is decided, and whoever else wants to hear.
func (p *party) telling(also func(sipedge.CallLine)) func(sipedge.CallLine) {
	return func(l sipedge.CallLine) {
		p.decided(l)
		if also != nil {
			also(l)
		}
	}
}

// openOffice opens the desk at which people meet the fleet.
func openOffice(cfg *configs.Edge, p *party, edge *sipedge.Edge, table *routing.Table, writer *feed.Store, bus *admin.Bus, calls *rehearser, log *slog.Logger) (*office.Office, error) {
	return office.New(office.Options{
		Runner: p.Runner, Chain: p.chain, Clock: p.clock, Table: table, Log: log, World: edge.World, Bus: bus, Writer: writer, TestCall: calls.call,
		SecondPerson: cfg.Cutover.RequireSecondPerson, MaxError: cfg.Clock.MaxError, SettleGrace: cfg.Cutover.SettleGrace,
	})
}

// joining waits for a moment after the start until the edge is a member of the
// fleet: an upstream that finds nobody tries elsewhere at once.
func joining(r *runner.Runner, began time.Time, stop <-chan struct{}) (serves bool, why string) {
	for end := began.Add(awayPatience + time.Second/2); ; {
		if serves, why = r.Serves(); serves || time.Now().After(end) {
			return serves, why
		}
		select {
		case <-stop:
			return false, "stopping"
		case <-time.After(20 * time.Millisecond):
		}
	}
}
