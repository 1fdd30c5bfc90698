package feed

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/speakops/sipedge/routing"
)

// Change is one write to a number, as its change stream tells it.
type Change struct {
	At      time.Time      // when the store took it, to the millisecond
	Number  routing.Number // afterwards; of a deletion only number and revision
	Deleted bool
}

// Watch hands every write from now on to fn, one at a time, in order for each
// number, until ctx ends, fn fails or the store cannot be read. Entries that make
// no sense go to bad, each as a *KeyError. ready, unless nil, is called once
// nothing written from then on is missed.
//
// Errors: fn's, *AwayError, or the context's.
func (s *Store) Watch(ctx context.Context, ready func(), fn func(Change) error, bad func(error)) error {
	src := newSource(s.rdb, Options{Block: time.Second, Patience: 5 * time.Second})
	defer src.close()
	var readers sync.WaitGroup
	defer readers.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	batches := make(chan batch)
	for _, group := range src.groups() {
		r := &reader{source: src, keys: s.keys, block: time.Second}
		if err := r.fromNow(ctx, group); err != nil {
			return s.away(err)
		}
		readers.Go(func() { r.run(ctx, batches) })
	}
	if ready != nil {
		ready()
	}
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case b := <-batches:
			if b.err != nil {
				return s.away(b.err)
			}
			if err := s.changes(&b, fn, bad); err != nil {
				return err
			}
		}
	}
}

// fromNow follows partitions behind their last entries.
func (r *reader) fromNow(ctx context.Context, group []int) error {
	lasts := make([]*redis.XMessageSliceCmd, len(group))
	_, err := r.source.quick.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for i, p := range group {
			lasts[i] = pipe.XRevRangeN(ctx, r.keys.changes(p), "+", "-", 1)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i, p := range group {
		position := "0-0"
		if last := lasts[i].Val(); len(last) > 0 {
			position = last[0].ID
		}
		r.follow(p, position)
	}
	return nil
}

func (s *Store) changes(b *batch, fn func(Change) error, bad func(error)) error {
	var all []Change
	for i := range b.of {
		for j := range b.of[i].entries {
			e := &b.of[i].entries[j]
			got, err := readEntry(e)
			if err == nil && got.number.PublicNumber == 0 {
				err = &FieldError{fieldPublicNumber, errMissing.Error()}
			}
			if err != nil {
				bad(&KeyError{s.keys.changes(b.of[i].partition), "entry " + e.ID + ": " + err.Error()})
				continue
			}
			all = append(all, Change{time.UnixMilli(milliseconds(e.ID)).UTC(), got.number, got.tombstone})
		}
	}
	slices.SortStableFunc(all, func(a, b Change) int { return a.At.Compare(b.At) })
	for _, c := range all {
		if err := fn(c); err != nil {
			return err
		}
	}
	return nil
}

// milliseconds is the first half of a stream entry's ID.
func milliseconds(id string) (ms int64) {
	for _, c := range id {
		if c < '0' || c > '9' {
			break
		}
		ms = ms*10 + int64(c-'0')
	}
	return ms
}

// IsAway says whether an error is one of a store that cannot be reached, and
// may be reached again.
func IsAway(err error) bool {
	var away *AwayError
	return errors.As(err, &away)
}
