package main

import (
	"github.com/redis/go-redis/v9"

	"github.com/speakops/sipedge/configs"
	"github.com/speakops/sipedge/routing/feed"
	"github.com/speakops/sipedge/sipedge/admin"
)

// openWriter is the store of number records for an edge that may write them; nil
// for one that has no redis.writer. done closes its connections.
func openWriter(cfg *configs.Edge) (store *feed.Store, done func(), err error) {
	options, own, err := cfg.Redis.WriterOptions()
	if err != nil || !own {
		return nil, func() {}, err
	}
	rdb := redis.NewUniversalClient(patient(options))
	s, err := feed.NewStore(rdb, cfg.Redis.Prefix, feed.StoreOptions{OverrideLead: cfg.Cutover.Lead})
	if err != nil {
		_ = rdb.Close() // nothing was asked of it
		return nil, nil, err
	}
	return s, func() { _ = rdb.Close() }, nil
}

// numbersBy is the writer as the admin API takes it: no interface around nothing.
func numbersBy(s *feed.Store) admin.NumberStore {
	if s == nil {
		return nil
	}
	return s
}

func reapplierBy(s *feed.Store) admin.Reapplier {
	if s == nil {
		return nil
	}
	return s
}
