package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"

	"github.com/speakops/sipedge/routing/feed"
)

// RedisFlags says where number records live.
type RedisFlags struct {
	Config string `short:"c" type:"path" placeholder:"FILE" help:"The edge's YAML file, for its Redis; this or --redis." xor:"redis" required:""`
	Redis  string `placeholder:"ADDR" help:"Redis as host:port or redis://user:password@host:port/db, in place of --config." xor:"redis" required:""`
	Prefix string `default:"speakops" help:"Prefix of every key; only with --redis."`
}

// open is the store, reached; done closes it.
func (c *RedisFlags) open(ctx context.Context, s streams) (store *feed.Store, done func(), err error) {
	redis.SetLogger(&logging.VoidLogger{}) // what goes wrong is told once, by the command
	options, prefix, lead, err := c.store(s)
	if err != nil {
		return nil, nil, err
	}
	rdb := redis.NewUniversalClient(options)
	done = func() { _ = rdb.Close() }
	store, err = feed.NewStore(rdb, prefix, feed.StoreOptions{OverrideLead: lead})
	if err != nil {
		done()
		return nil, nil, badConfig{fmt.Errorf("--prefix: %w", err)}
	}
	if err := feed.Reach(ctx, rdb, reachWithin); err != nil {
		done()
		return nil, nil, fmt.Errorf("%w; nothing was written", err)
	}
	return store, done, nil
}

// store is how to reach Redis, below which prefix, and how far ahead overrides begin.
func (c *RedisFlags) store(s streams) (*redis.UniversalOptions, string, time.Duration, error) {
	if c.Config == "" {
		o, err := redisAt(c.Redis)
		return o, c.Prefix, 3 * time.Second, err
	}
	edge, _, err := load(c.Config, s.Err)
	if err != nil {
		return nil, "", 0, err
	}
	if edge.Redis.Mode == "embedded" {
		return nil, "", 0, badConfig{fmt.Errorf("%s: redis.mode embedded lives only inside `sipedge dev`; name a Redis that other programs can reach", c.Config)}
	}
	o, own, err := edge.Redis.WriterOptions()
	if err == nil && !own {
		o, err = edge.Redis.Options()
	}
	return patient(o), edge.Redis.Prefix, edge.Cutover.Lead, err
}

// badAddress says nothing of what --redis held: a password may be in it.
var badAddress = badConfig{errors.New("--redis: wants an address like 127.0.0.1:6379 or redis://user:password@host:6379/0")}

// redisAt reads --redis.
func redisAt(address string) (*redis.UniversalOptions, error) {
	if !strings.Contains(address, "://") {
		if _, _, err := net.SplitHostPort(address); err != nil {
			return nil, badAddress
		}
		return patient(&redis.UniversalOptions{Addrs: []string{address}}), nil
	}
	o, err := redis.ParseURL(address)
	if err != nil {
		return nil, badAddress
	}
	return patient(&redis.UniversalOptions{Addrs: []string{o.Addr}, Username: o.Username, Password: o.Password, DB: o.DB, TLSConfig: o.TLSConfig}), nil
}

// patient lets a busy store take its time over a pipeline, and a dead one be
// found out at once.
func patient(o *redis.UniversalOptions) *redis.UniversalOptions {
	if o != nil {
		o.ReadTimeout, o.DialTimeout, o.DialerRetries = 15*time.Second, 3*time.Second, 1
	}
	return o
}
