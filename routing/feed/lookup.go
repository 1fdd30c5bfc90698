package feed

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/speakops/sipedge/routing"
)

// Bounds of a direct lookup: how long a call may wait for one, and how many may
// be under way.
const (
	lookupWithin = 100 * time.Millisecond
	maxLookups   = 64
)

// ErrBusy says that as many direct lookups are under way as may be.
var ErrBusy = fmt.Errorf("feed: %d direct lookups are under way; ask another edge", maxLookups)

// Lookup is what is believed about n. While the first load runs, a number that
// the table does not have yet is asked of the store itself, for at most 100 ms;
// everyone who asks for the same number shares one question, and at most 64 are
// under way. What is found goes into the table; that nothing was found is told
// to those who asked and never remembered. Once the table is loaded it alone
// answers, and no lookup waits for anything.
//
// Errors mean that it is not known whether there is such a number: ErrBusy,
// *AwayError, *KeyError, or the context's.
func (f *Feed) Lookup(ctx context.Context, n routing.PublicNumber) (routing.Number, bool, error) {
	if got, ok := f.table.Get(n); ok || f.Loaded() || n == 0 {
		return got, ok, nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookupWithin)
	defer cancel()
	done := f.flights.DoChan(n.String(), func() (any, error) { return nil, f.direct(n) })
	select {
	case r := <-done:
		if r.Err != nil {
			return routing.Number{}, false, r.Err
		}
		got, ok := f.table.Get(n)
		return got, ok, nil
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return routing.Number{}, false, &AwayError{Address(f.rdb), ctx.Err()}
		}
		return routing.Number{}, false, context.Cause(ctx)
	}
}

// direct reads one record into the table. It may outlive those who asked by as
// long as the client waits for its connection; until then it counts as under way.
func (f *Feed) direct(n routing.PublicNumber) error {
	select {
	case f.looking <- struct{}{}:
	default:
		return ErrBusy
	}
	defer func() { <-f.looking }()
	ctx, cancel := context.WithTimeout(context.Background(), lookupWithin)
	defer cancel()
	rdb := f.rdb
	if c, ok := rdb.(*redis.Client); ok {
		rdb = c.WithTimeout(lookupWithin)
	}
	key := f.keys.record(n)
	var info *redis.StringCmd
	var record *redis.MapStringStringCmd
	_, _ = rdb.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		info = asksRole(ctx, &source{rdb: rdb}, pipe)
		record = pipe.HGetAll(ctx, key)
		return nil
	}) // each carries its own error
	f.counts.lookups.Add(1)
	fields, err := record.Result()
	switch {
	case err != nil && wrongType(err):
		return &KeyError{key, "it is not a hash"}
	case err != nil:
		return &AwayError{Address(f.rdb), err}
	}
	if info != nil && info.Err() == nil {
		if r := readRole(info.Val()); r.isReplica {
			return &AwayError{Address(f.rdb), &RoleError{Address(f.rdb), "slave", r.master}}
		}
	}
	if len(fields) == 0 {
		return nil
	}
	s, err := readRecord(n, fields)
	if err != nil {
		return &KeyError{key, err.Error()}
	}
	f.applyAhead(&s)
	return nil
}
