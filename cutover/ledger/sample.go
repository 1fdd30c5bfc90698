package ledger

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/speakops/sipedge/cutover"
	"github.com/speakops/sipedge/routing/feed"
)

// Sample is one reading of the store's clock, and whose clock it is.
type Sample struct {
	Store      time.Time          // whole microseconds
	History    string             // the server's replication id: another one may be another clock
	Generation cutover.Generation // zero where none was begun
	Recovered  bool
	// Settled says that the generation is recovered and its clock past all that
	// any edge may have answered by another (see cutover.Report.Latest).
	Settled bool
	Empty   bool // no chain: there never was one, or the store was emptied
}

// Sampler reads the store's clock on a connection of its own and without
// retries: the error of a sample is its round trip, and a repeated question
// would be answered at an instant nobody knows.
type Sampler struct {
	ledger *Ledger
	own    io.Closer
}

// Sampler makes one; the caller closes it.
func (l *Ledger) Sampler() *Sampler {
	own := &Ledger{rdb: l.rdb, keys: l.keys, opts: l.opts, bodies: known{}, breaks: l.breaks}
	s := &Sampler{ledger: own}
	switch c := l.rdb.(type) {
	case *redis.Client:
		o := feed.Apart(c)
		o.PoolSize, o.MinIdleConns, o.MaxIdleConns, o.MaxActiveConns, o.MaxRetries = 1, 0, 0, 0, -1
		mine := redis.NewClient(&o)
		own.rdb, s.own = mine, mine
	case *redis.ClusterClient:
		o := feed.ApartCluster(c)
		o.PoolSize, o.MinIdleConns, o.MaxIdleConns, o.MaxActiveConns, o.MaxRetries = 1, 0, 0, 0, -1
		o.ReadOnly, o.RouteByLatency, o.RouteRandomly = false, false, false
		mine := redis.NewClusterClient(&o)
		own.rdb, s.own = mine, mine
	}
	return s
}

// Sample asks once. A replica is an error: its clock is not the store's.
func (s *Sampler) Sample(ctx context.Context) (Sample, error) {
	a, _, err := s.ledger.run(ctx, request{step: timeStep})
	var unrecovered *UnrecoveredError
	var empty *EmptyError
	if err != nil && !errors.As(err, &unrecovered) && !errors.As(err, &empty) {
		return Sample{}, err
	}
	return Sample{a.at("now"), a.text["replid"], a.generation(), a.text["recovered"] == "1", a.text["settled"] == "1", empty != nil}, nil
}

// Close gives the connection back.
func (s *Sampler) Close() error {
	if s.own == nil {
		return nil
	}
	return s.own.Close()
}
