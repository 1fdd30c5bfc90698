package feed

import (
	"context"
	"errors"
	"iter"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/speakops/sipedge/routing"
)

// Streams and digests tell what the script has written. A key that was written,
// deleted or brought back by hand shows in neither, so every record is also
// compared by itself, a few at each poll, all of them over and over: first those
// that the store lists, then those of the table that it may no longer have.
//
// What differs is looked at again once the streams have been read: only what
// then differs still, and has not been written meanwhile, is no race.

// check is how far that has come. The goroutine in checking owns it.
type check struct {
	cursors  map[string]uint64 // of SCAN, by master
	next     func() (routing.Number, bool)
	stop     func()
	turn     int
	suspects []suspect
}

// suspect is a number about which store and table were found to differ.
type suspect struct {
	found
	revision uint64 // that the store gave it; 0: no record
	seen     time.Time
}

func (f *Feed) checking(ctx context.Context, src *source) {
	for {
		wait(ctx, f.opts.Poll)
		if ctx.Err() != nil {
			return
		}
		if f.FreshAt().IsZero() {
			continue
		}
		// An error is one of transport: the poll meets it too, and deals with it.
		_ = f.checkSome(ctx, src)
	}
}

// checkEnds lets go of the table.
func (f *Feed) checkEnds() {
	if f.checked.stop != nil {
		f.checked.stop()
	}
}

func (f *Feed) checkSome(ctx context.Context, src *source) error {
	c := &f.checked
	if err := f.judge(ctx, src); err != nil || len(c.suspects) > 0 {
		return err
	}
	var of []found
	var err error
	if c.turn++; c.turn%2 == 1 {
		of, err = f.listed(ctx, src)
	} else {
		of = f.held()
	}
	if err != nil {
		return err
	}
	now := time.Now()
	return readPage(ctx, src.quick, of, func(i int, r *stored, err error) {
		f.counts.checked.Add(1)
		if err != nil {
			f.unreadableRecord(err)
		} else if revision, differs := f.differs(of[i].number, r); differs && len(c.suspects) < f.opts.Check {
			c.suspects = append(c.suspects, suspect{of[i], revision, now})
		}
	})
}

// listed is a few records that the store has, of each master.
func (f *Feed) listed(ctx context.Context, src *source) (of []found, err error) {
	c := &f.checked
	if c.cursors == nil {
		c.cursors = make(map[string]uint64)
	}
	var mu sync.Mutex
	err = src.masters(ctx, func(ctx context.Context, m redis.Cmdable) error {
		name := ""
		if one, ok := m.(*redis.Client); ok {
			name = one.Options().Addr
		}
		mu.Lock()
		cursor := c.cursors[name]
		mu.Unlock()
		names, next, err := m.Scan(ctx, cursor, f.keys.pattern(-1), int64(f.opts.Check)).Result()
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			return err
		}
		c.cursors[name] = next
		for _, key := range names {
			if n, _, ok := f.keys.number(key); ok {
				of = append(of, found{key, n})
			} else {
				f.fault(&f.counts.garbage, &KeyError{key, "its name is no number of this partition"})
			}
		}
		return nil
	})
	return of, err
}

// held is a few numbers of the table.
func (f *Feed) held() (of []found) {
	c := &f.checked
	if c.next == nil {
		c.next, c.stop = iter.Pull(iter.Seq[routing.Number](f.table.Range))
	}
	for len(of) < f.opts.Check {
		n, ok := c.next()
		if !ok {
			c.stop()
			c.next, c.stop = nil, nil
			break
		}
		of = append(of, found{f.keys.record(n.PublicNumber), n.PublicNumber})
	}
	return of
}

// differs compares one record, nil for none, with the table.
func (f *Feed) differs(n routing.PublicNumber, r *stored) (revision uint64, differs bool) {
	has, live := f.table.Get(n)
	if r == nil {
		return 0, live && !f.isLost(n)
	}
	revision = r.number.Revision
	if at := f.table.Revision(n); at != revision {
		return revision, at < revision || !f.isLost(n)
	}
	return revision, live == r.tombstone || live && has != r.number
}

// judge looks again at what differed, if the streams have been read since.
func (f *Feed) judge(ctx context.Context, src *source) error {
	c := &f.checked
	if len(c.suspects) == 0 || !f.FreshAt().After(c.suspects[len(c.suspects)-1].seen) {
		return nil
	}
	all := c.suspects
	c.suspects = nil
	of := make([]found, len(all))
	for i := range all {
		of[i] = all[i].found
	}
	lost, ahead := 0, 0
	err := readPage(ctx, src.quick, of, func(i int, r *stored, err error) {
		if err != nil {
			return
		}
		revision, differs := f.differs(of[i].number, r)
		at := f.table.Revision(of[i].number)
		switch {
		case !differs || revision != all[i].revision:
		case at > revision:
			f.mu.Lock()
			f.lose(of[i].number)
			f.mu.Unlock()
			lost++
		case at < revision:
			f.applyAhead(r)
			ahead++
		default:
			f.fault(&f.counts.forged, &KeyError{of[i].key, "it was changed without a new revision, so edges that loaded it before and after disagree"})
		}
	})
	if lost+ahead > 0 {
		f.counts.repairs.Add(1)
		f.opts.Log.Warn("records were changed past the script: deleted or older ones are kept in memory and listed as lost, newer ones are taken",
			"lost_in_store", lost, "taken", ahead)
	}
	return err
}

func (f *Feed) isLost(n routing.PublicNumber) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, ok := f.lost[n]
	return ok
}

func (f *Feed) unreadableRecord(err error) {
	var key *KeyError
	if errors.As(err, &key) {
		f.fault(&f.counts.garbage, key)
	}
}
