package main

import (
	"log/slog"
	"path/filepath"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/speakops/sipedge/configs"
	"github.com/speakops/sipedge/cutover"
	"github.com/speakops/sipedge/cutover/clock"
	"github.com/speakops/sipedge/cutover/ledger"
	"github.com/speakops/sipedge/cutover/runner"
	"github.com/speakops/sipedge/routing"
)

// openFleet opens this edge's part in the fleet and the clock it lives by.
func openFleet(cfg *configs.Edge, rdb redis.UniversalClient, table *routing.Table, log *slog.Logger) (*runner.Runner, *clock.Clock, error) {
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
		return nil, nil, badConfig{err}
	}
	r, err := runner.Open(runner.Options{
		Edge: cfg.Edge.ID, Dir: dir, Chain: chain, Clock: store, Records: table, Log: log,
		Fleet: cutover.Fleet{Guard: cfg.Cutover.Guard, Lead: cfg.Cutover.Lead, PrepareTimeout: cfg.Cutover.PrepareTimeout},
		Auto:  cfg.Cutover.Init == "auto", MaxError: cfg.Clock.MaxError, SampleEvery: cfg.Clock.SampleEvery,
		Tells: func(b *runner.Beat) {
			b.Version, b.Admin, b.Numbers = readVersion(), cfg.Admin.Listen.String(), table.Len()
		},
	})
	return r, store, err
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
