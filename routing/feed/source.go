package feed

import (
	"context"
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// source is the store as one visit sees it. All reads go to masters: a
// replica may be behind, and a number read there may be a side too late.
type source struct {
	rdb   redis.UniversalClient // patient, for full loads
	quick redis.UniversalClient // gives up soon, so that a dead connection is not taken for a quiet one
	own   io.Closer             // ours to close; nil: nothing

	sentinel func(context.Context) (net.Conn, error) // dials the master that Sentinel names now; nil: nobody names one
	followed atomic.Pointer[string]                  // where the first connection of this visit went
}

func newSource(rdb redis.UniversalClient, o Options) *source {
	within := o.Block + o.Patience
	switch c := rdb.(type) {
	case *redis.Client:
		// Each visit dials anew, so a Sentinel is asked who the master is; a shared
		// pool might hand out a connection to a master that was demoted.
		opt := Apart(c)
		opt.PoolSize = 4
		opt.MinIdleConns, opt.MaxIdleConns, opt.MaxActiveConns = 0, 0, 0
		if opt.MaxRetries == 0 {
			opt.MaxRetries = -1 // 0 would mean the default again
		}
		s := &source{}
		if opt.Addr == bySentinel {
			dial := opt.Dialer
			s.sentinel = func(ctx context.Context) (net.Conn, error) { return dial(ctx, opt.Network, opt.Addr) }
			opt.Dialer = func(ctx context.Context, network, addr string) (net.Conn, error) {
				c, err := dial(ctx, network, addr)
				if err == nil {
					s.followed.CompareAndSwap(nil, new(c.RemoteAddr().String()))
				}
				return c, err
			}
		}
		own := redis.NewClient(&opt)
		s.rdb, s.quick, s.own = own, own.WithTimeout(within), own
		return s
	case *redis.ClusterClient:
		// In a cluster each partition waits on a connection of its own. They would
		// use up the pool the rest of the program shares.
		opt := ApartCluster(c)
		opt.PoolSize = Partitions + 4
		opt.MinIdleConns, opt.MaxIdleConns, opt.MaxActiveConns = 0, 0, 0
		opt.ReadTimeout, opt.WriteTimeout = within, within
		opt.ReadOnly, opt.RouteByLatency, opt.RouteRandomly = false, false, false
		own := redis.NewClusterClient(&opt)
		return &source{rdb: rdb, quick: own, own: own}
	}
	return &source{rdb: rdb, quick: rdb}
}

func (s *source) close() {
	if s.own != nil {
		_ = s.own.Close() // only connections we have done with
	}
}

// watch ends the visit when Sentinel names another master than the one it
// follows. That one may not know: cut off from the others, it goes on as before,
// and its connections with it.
func (s *source) watch(ctx context.Context, every, within time.Duration, out chan<- batch) {
	for ; ctx.Err() == nil; wait(ctx, every) {
		if err := s.stays(ctx, within); err != nil {
			select {
			case out <- batch{err: err}:
			case <-ctx.Done():
			}
			return
		}
	}
}

func (s *source) stays(ctx context.Context, within time.Duration) error {
	followed := s.followed.Load()
	if followed == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	c, err := s.sentinel(ctx)
	if err != nil {
		return nil // no Sentinel to ask, or its master is away: no word against the one that answers
	}
	defer c.Close()
	if named := c.RemoteAddr().String(); named != *followed {
		return &MovedError{*followed, named}
	}
	return nil
}

func (s *source) cluster() bool {
	_, ok := s.rdb.(*redis.ClusterClient)
	return ok
}

// groups is which partitions may be read by one command: all of them, or in a
// cluster, where one command stays in one slot, each by itself.
func (s *source) groups() [][]int {
	var all []int
	var each [][]int
	for p := range Partitions {
		all = append(all, p)
		each = append(each, []int{p})
	}
	if s.cluster() {
		return each
	}
	return [][]int{all}
}

// masters calls fn once for every master, in a cluster at the same time.
func (s *source) masters(ctx context.Context, fn func(context.Context, redis.Cmdable) error) error {
	if c, ok := s.rdb.(*redis.ClusterClient); ok {
		return c.ForEachMaster(ctx, func(ctx context.Context, m *redis.Client) error { return fn(ctx, m) })
	}
	return fn(ctx, s.rdb)
}

// reader follows the streams of some partitions. It hands every answer to the
// visit and asks again once that has been taken, so nothing piles up.
type reader struct {
	source *source
	keys   *keys
	block  time.Duration
	parts  []int
	ids    []string
}

// batch is one answer. Every partition that was asked about is in it.
type batch struct {
	began time.Time
	of    []news
	err   error
	parts []int // asked about when err came
}

type news struct {
	partition int
	entries   []redis.XMessage
	more      bool // the stream may hold more than was asked for
}

// atOnce bounds the entries of one stream in one answer.
const atOnce = 512

func (r *reader) follow(p int, position string) {
	r.parts = append(r.parts, p)
	r.ids = append(r.ids, position)
}

func (r *reader) run(ctx context.Context, out chan<- batch) {
	block := time.Duration(-1) // the first read asks without waiting
	for {
		b := r.read(ctx, block)
		select {
		case out <- b:
		case <-ctx.Done():
			return
		}
		if b.err != nil {
			return
		}
		block = r.block
	}
}

func (r *reader) read(ctx context.Context, block time.Duration) batch {
	args := make([]any, 0, 6+2*len(r.parts))
	args = append(args, "xread", "count", atOnce)
	if block >= 0 {
		args = append(args, "block", block.Milliseconds())
	}
	args = append(args, "streams")
	for _, p := range r.parts {
		args = append(args, r.keys.changes(p))
	}
	for _, id := range r.ids {
		args = append(args, id)
	}
	b := batch{began: time.Now(), of: make([]news, len(r.parts)), parts: r.parts}
	// Not XRead: that waits ten seconds longer than Block for a dead connection.
	cmd := redis.NewXStreamSliceCmd(ctx, args...)
	cmd.SetFirstKeyPos(int8(len(args) - 2*len(r.parts)))
	streams, err := ask(ctx, r.source.quick, cmd)
	if err != nil {
		b.err = err
		return b
	}
	for i, p := range r.parts {
		b.of[i].partition = p
		entries := streams[r.keys.changes(p)]
		if len(entries) > 0 {
			b.of[i].entries, b.of[i].more = entries, len(entries) >= atOnce
			r.ids[i] = entries[len(entries)-1].ID
		}
	}
	return b
}

func ask(ctx context.Context, rdb redis.UniversalClient, cmd *redis.XStreamSliceCmd) (map[string][]redis.XMessage, error) {
	if err := rdb.Process(ctx, cmd); err != nil && err != redis.Nil {
		return nil, err
	}
	streams := make(map[string][]redis.XMessage, len(cmd.Val()))
	for _, s := range cmd.Val() {
		streams[s.Stream] = s.Messages
	}
	return streams, nil
}

// readEntry reads one entry of a change stream.
func readEntry(e *redis.XMessage) (stored, error) {
	return readStored(func(yield func(string, string) bool) {
		for name, value := range e.Values {
			text, ok := value.(string)
			if !ok || !yield(name, text) {
				return
			}
		}
	})
}
