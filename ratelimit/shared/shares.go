// Package shared answers: which part of each trunk's limits may this edge spend now?
//
// The limits of a trunk hold over all edges together, and no call waits for
// Redis: each edge leases a share of every limit and spends it alone. Every
// Options.Every (300 ms) it tells what it holds, what is in use and what it could
// use, and is told its share; one script in one hash slot does the arithmetic of
// ratelimit.Offer, so shares never add up to more than the limit. Demand moves a
// share in three reports after it has been seen to change: 1.5 s at most.
//
// What holds, and how wrong it may be:
//
//   - While every edge reaches Redis: concurrent calls never exceed the limit;
//     calls admitted in any time t never exceed cps*t + burst + 1 per edge.
//   - Redis is silent: every edge keeps its last share, for as long as it takes.
//     The same bounds hold; only shares move no more.
//   - Some edges are cut off from Redis and others are not: for Options.Lease
//     (10 s) nothing changes. Then the others divide the whole limit, and all
//     together may exceed it by what those cut off hold, at most by the limit once.
//   - Redis has lost its data: for the first second nobody's share grows, while
//     all edges report what they hold; an edge that starts in that very second may
//     get half of the limit on top.
//   - An edge that starts while Redis is silent has no last share: it has the
//     whole limits until Redis answers. Calls that are up count everywhere, so it
//     gives back what others need as its calls end.
package shared

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/speakops/sipedge/ratelimit"
)

// Door is one trunk's limits on this edge.
type Door struct {
	ID      string
	Limiter *ratelimit.Limiter
}

// Options of Shares; zero values mean the defaults in parentheses.
type Options struct {
	Every time.Duration // between two reports (300 ms)
	Lease time.Duration // after which an edge not heard of holds nothing (10 s)
	Log   *slog.Logger  // (discarded)
}

// batch is how many trunks one report tells of; it bounds the time one script runs.
const batch = 64

// timeout of one report: later than that the answer is not believed any more.
const timeout = time.Second

//go:embed lease.lua
var leaseSource string

var lease = redis.NewScript(leaseSource)

// Shares keeps the shares of one edge.
type Shares struct {
	rdb    redis.UniversalClient
	prefix string
	edge   string
	o      Options

	turn   sync.Mutex // one Report at a time
	mu     sync.Mutex
	rows   map[string]*row
	heard  time.Time
	silent bool
}

// row is what an edge remembers of one trunk between reports.
type row struct {
	id           string
	limiter      *ratelimit.Limiter
	asked        uint64 // at the last report
	denied       uint64
	at           time.Time
	rates, calls [2]int64 // demand of the last two reports
	edges        int
}

var names = regexp.MustCompile(`^[A-Za-z0-9_.:-]{1,64}$`)

// New makes the shares of an edge. prefix is that of every key, edge the edge's id.
func New(rdb redis.UniversalClient, prefix, edge string, o Options) (*Shares, error) {
	for _, name := range []string{prefix, edge} {
		if !names.MatchString(name) {
			return nil, fmt.Errorf("shared: %.80q: want 1 to 64 letters, digits or any of _ . : -", name)
		}
	}
	if o.Every <= 0 {
		o.Every = 300 * time.Millisecond
	}
	if o.Lease <= 0 {
		o.Lease = 10 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Shares{rdb: rdb, prefix: prefix, edge: edge, o: o, rows: map[string]*row{}}, nil
}

// Run reports until ctx ends, then gives every share back. doors is asked each
// time, so that a reload needs no word; no doors mean that nothing is shared.
func (s *Shares) Run(ctx context.Context, doors func() []Door) error {
	tick := time.NewTicker(s.o.Every)
	defer tick.Stop()
	for {
		s.Report(ctx, doors())
		select {
		case <-ctx.Done():
			s.Leave(context.WithoutCancel(ctx))
			return nil
		case <-tick.C:
		}
	}
}

// Report tells Redis what this edge holds of the doors and puts in force what it
// is given. An error changes nothing: the last shares stay.
func (s *Shares) Report(ctx context.Context, doors []Door) error {
	s.turn.Lock()
	defer s.turn.Unlock()
	rows := s.prepare(doors)
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var failed error
	for part := range slices.Chunk(rows, batch) {
		if err := s.exchange(ctx, part); err != nil {
			failed = fmt.Errorf("shared: report shares of %d trunks: %w", len(rows), err)
			break
		}
	}
	if ctx.Err() == nil || !errors.Is(failed, context.Canceled) {
		s.tell(failed, len(rows))
	}
	return failed
}

// prepare finds or makes the rows of doors; a limiter that is not among them any
// more has its whole limits again.
func (s *Shares) prepare(doors []Door) []*row {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, left := time.Now(), s.rows
	s.rows = make(map[string]*row, len(doors))
	var rows []*row
	for _, d := range doors {
		if l := d.Limiter.Limits(); l.CPS <= 0 && l.Concurrent <= 0 || !names.MatchString(d.ID) {
			continue
		}
		r := left[d.ID]
		if r == nil || r.limiter != d.Limiter {
			r = &row{id: d.ID, limiter: d.Limiter, asked: d.Limiter.Asked(), denied: d.Limiter.Denied(ratelimit.OverConcurrent), at: now.Add(-s.o.Every)}
		}
		delete(left, d.ID)
		s.rows[d.ID] = r
		rows = append(rows, r)
	}
	for _, r := range left {
		r.limiter.Unlend(now)
	}
	return rows
}

func (s *Shares) key(trunk string) string { return s.prefix + ":{limits}:" + trunk }

// exchange is one run of the script.
func (s *Shares) exchange(ctx context.Context, rows []*row) error {
	keys := make([]string, len(rows))
	args := []any{s.edge, s.o.Lease.Milliseconds(), int64(1000)}
	for i, r := range rows {
		keys[i] = s.key(r.id)
		args = r.appendTo(args)
	}
	got, err := lease.Run(ctx, s.rdb, keys, args...).Int64Slice()
	if err != nil {
		return err
	}
	if len(got) != 3*len(rows) {
		return fmt.Errorf("the script answered with %d numbers for %d trunks", len(got), len(rows))
	}
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, r := range rows {
		r.limiter.Lend(ratelimit.Share{Rate: got[3*i], Concurrent: got[3*i+1]}, now)
		r.edges = int(got[3*i+2])
	}
	return nil
}

// appendTo appends what this edge has to say of one trunk: for rate and for
// concurrent calls the limit, the share in force (-1 for none yet), the demand,
// and what is in use.
func (r *row) appendTo(args []any) []any {
	l, up := r.limiter.Limits(), int64(r.limiter.Up())
	held := ratelimit.Share{Rate: -1, Concurrent: -1}
	if s, lent := r.limiter.Lent(); lent {
		held = s
	}
	rate, calls := r.demand(time.Now(), up)
	return append(args,
		int64(max(l.CPS, 0)*1000), held.Rate, rate, int64(0),
		int64(max(l.Concurrent, 0)), held.Concurrent, calls, up)
}

// demand is what the trunk could use here: the calls that asked lately, whether
// they were let in or not, and as many more places as they would take.
func (r *row) demand(now time.Time, up int64) (rate, calls int64) {
	asked, denied := r.limiter.Asked(), r.limiter.Denied(ratelimit.OverConcurrent)
	news, past := int64(asked-r.asked), max(now.Sub(r.at).Seconds(), 0.05)
	shift(&r.rates, int64(float64(news)*1000/past))
	shift(&r.calls, news+int64(denied-r.denied))
	r.asked, r.denied, r.at = asked, denied, now
	return slices.Max(r.rates[:]) * 5 / 4, up + slices.Max(r.calls[:])
}

func shift(a *[2]int64, v int64) { a[0], a[1] = a[1], v }

// tell logs, once each, that Redis is silent and that it speaks again.
func (s *Shares) tell(err error, trunks int) {
	s.mu.Lock()
	was := s.silent
	s.silent = err != nil
	if err == nil {
		s.heard = time.Now()
	}
	s.mu.Unlock()
	switch {
	case err != nil && !was:
		s.o.Log.Warn("shared limits: redis is silent, every edge keeps its last share", "trunks", trunks, "error", err)
	case err == nil && was:
		s.o.Log.Info("shared limits: redis speaks again, shares move with demand", "trunks", trunks)
	}
}

// Leave gives every share back at once instead of after a lease.
func (s *Shares) Leave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	s.mu.Lock()
	defer s.mu.Unlock()
	pipe := s.rdb.Pipeline()
	for id := range s.rows {
		pipe.HDel(ctx, s.key(id), "e:"+s.edge)
	}
	if len(s.rows) > 0 {
		_, _ = pipe.Exec(ctx) // if it is lost, the lease runs out
	}
}

// Status says how sharing goes.
type Status struct {
	Silent bool      // Redis did not answer the last report
	Heard  time.Time // when it did last; zero for never
	Edges  map[string]int
}

// Status is how many edges share each trunk's limits, and since when nothing was heard.
func (s *Shares) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := Status{Silent: s.silent, Heard: s.heard, Edges: make(map[string]int, len(s.rows))}
	for id, r := range s.rows {
		st.Edges[id] = r.edges
	}
	return st
}
