package feed

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// errAgain ends a visit that has to begin anew at once: partitions must be
// scanned, or can no longer be read together with the others.
var errAgain = errors.New("partitions must be looked at anew")

// Follow keeps the table in step until ctx ends, then returns nil. A store that
// is away, loading or unreadable is tried again, with pauses that double up to
// MaxPause. The only error is ErrFollowed.
func (f *Feed) Follow(ctx context.Context) error {
	if !f.following.CompareAndSwap(false, true) {
		return ErrFollowed
	}
	defer f.following.Store(false)
	f.recount()
	defer f.keeping()()
	defer f.checkEnds()
	pause := time.Duration(0)
	for ctx.Err() == nil {
		worked, err := f.visit(ctx)
		if worked {
			pause = 0
		}
		if ctx.Err() != nil || errors.Is(err, errAgain) {
			continue
		}
		f.isAway(err)
		pause = min(max(2*pause, 100*time.Millisecond), f.opts.MaxPause)
		wait(ctx, pause/2+rand.N(pause/2)) // jitter: the fleet must not return in one instant
	}
	return nil
}

func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// isAway says once, not at every attempt, that the store is out of reach.
func (f *Feed) isAway(err error) {
	f.counts.reconnects.Add(1)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.away == nil {
		away := &AwayError{Address(f.rdb), err}
		if f.asOf.Load() != nil {
			f.opts.Log.Error("numbers cannot be followed; decisions go on from memory", "error", away, "age", f.Age())
		} else {
			f.opts.Log.Error("numbers cannot be loaded; calls are refused until they are", "error", away)
		}
	}
	f.away = &AwayError{Address(f.rdb), err}
}

func (f *Feed) isBack() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.away != nil {
		f.opts.Log.Info("numbers are followed again", "redis", Address(f.rdb), "numbers", f.table.Len())
		f.away = nil
	}
}

// visit follows the streams for as long as one connection to the store and
// the story they tell hold; worked says that some of it was read. All partitions
// are touched by this goroutine alone.
func (f *Feed) visit(ctx context.Context) (worked bool, err error) {
	src := newSource(f.rdb, f.opts)
	defer src.close()
	if err := f.poll(ctx, src); err != nil {
		return false, err
	}
	if err := f.scanUnknown(ctx, src); err != nil {
		return false, err
	}

	// A reader waits inside the store, so stopping takes as long as its wait.
	ctx, cancel := context.WithCancel(ctx)
	var readers sync.WaitGroup
	defer readers.Wait()
	defer cancel()
	batches := make(chan batch)
	for _, r := range f.readers(src) {
		readers.Go(func() { r.run(ctx, batches) })
	}

	readers.Go(func() { f.checking(ctx, src) })
	if src.sentinel != nil {
		readers.Go(func() { src.watch(ctx, f.opts.Poll, f.opts.Patience, batches) })
	}

	tick := time.NewTicker(f.opts.Poll)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return worked, ctx.Err()
		case b := <-batches:
			if b.err != nil {
				return worked, f.unreadable(ctx, src, &b)
			}
			f.absorb(&b)
			worked = true
		case <-tick.C:
			if err := f.poll(ctx, src); err != nil {
				return worked, err
			}
			f.sweep()
			f.note()
		}
		f.confirm()
		if f.scanDue() {
			return worked, errAgain
		}
	}
}

func (f *Feed) readers(src *source) (rs []*reader) {
	for _, group := range src.groups() {
		r := &reader{source: src, keys: f.keys, block: f.opts.Block}
		for _, at := range group {
			if p := &f.parts[at]; !p.broken {
				r.follow(at, p.position)
			}
		}
		if len(r.parts) > 0 {
			rs = append(rs, r)
		}
	}
	return rs
}

func (f *Feed) scanDue() bool {
	for i := range f.parts {
		if p := &f.parts[i]; !p.known && !p.broken {
			return !time.Now().Before(f.nextScan)
		}
	}
	return false
}

// absorb applies what one read of the streams brought.
func (f *Feed) absorb(b *batch) {
	for i := range b.of {
		got := &b.of[i]
		p := &f.parts[got.partition]
		for j := range got.entries {
			f.entry(got.partition, p, &got.entries[j])
		}
		if got.more || !p.known {
			continue
		}
		p.readAt = b.began
		// The poll saw metaSeq before this read began, so the read must have
		// brought that much; if not, the stream has lost it.
		if !p.metaAt.IsZero() && b.began.After(p.metaAt) {
			if p.seq < p.metaSeq {
				f.gap(got.partition, p)
				continue
			}
			p.agreedAt, p.metaAt = p.metaFrom, time.Time{}
		}
	}
	f.tell()
}

// entry applies one write. One that does not follow the write before is applied
// as well, since its revision says whether it is news, but what lies between is
// missing.
func (f *Feed) entry(at int, p *partition, e *redis.XMessage) {
	p.position = e.ID
	s, err := readEntry(e)
	switch {
	case s.seq == p.seq+1:
		p.seq = s.seq
	case p.known:
		f.gap(at, p)
	}
	n := s.number.PublicNumber
	if err == nil && (n == 0 || Partition(n) != at) {
		err = &FieldError{fieldPublicNumber, "is missing, or belongs to another partition"}
	}
	if err != nil {
		f.fault(&f.counts.garbage, &KeyError{f.keys.changes(at), "entry " + e.ID + ": " + err.Error()})
		return
	}
	f.apply(s.entry())
	f.found(n)
	f.reconcile(at, p)
}

// gap notes that a partition's stream does not hold all its writes.
func (f *Feed) gap(at int, p *partition) {
	p.known = false
	f.counts.gaps.Add(1)
	f.troubles.note(at, troubleGap)
}

// confirm moves FreshAt to the oldest instant that holds for every partition.
func (f *Feed) confirm() {
	var asOf time.Time
	for i := range f.parts {
		p := &f.parts[i]
		if !p.known || p.broken || p.readAt.IsZero() || p.agreedAt.IsZero() {
			return
		}
		for _, at := range [...]time.Time{p.readAt, p.agreedAt} {
			if asOf.IsZero() || at.Before(asOf) {
				asOf = at
			}
		}
	}
	if !asOf.After(f.FreshAt()) {
		return
	}
	f.asOf.Store(&asOf)
	if f.opts.Freshness != nil {
		f.opts.Freshness.Confirm(f.opts.Clock().Add(-time.Since(asOf)))
	}
	if !f.Loaded() { // after Freshness: who has waited takes calls at once
		close(f.loaded)
		f.opts.Log.Info("numbers are loaded", "redis", Address(f.rdb), "numbers", f.table.Len())
	}
	f.isBack()
}
