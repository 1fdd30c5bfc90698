package feed

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"github.com/speakops/sipedge/routing"
)

// Difference is one number about which a file and the store disagree. A field
// that the file does not give is no difference.
type Difference struct {
	Number   routing.PublicNumber
	Row      *Row   // nil: the file does not have the number
	Revision uint64 // of the record; 0: the store does not have the number
	Fields   []FieldDifference
}

// FieldDifference is one field, both sides as people write it.
type FieldDifference struct{ Name, Store, File string }

func (d *Difference) String() string {
	switch {
	case d.Row == nil:
		return fmt.Sprintf("- %s: in the store, not in the file", d.Number)
	case d.Revision == 0:
		return fmt.Sprintf("+ %s: in the file, not in the store", d.Number)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "~ %s:", d.Number)
	for i, f := range d.Fields {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, " %s is %s in the store, %s in the file", f.Name, f.Store, f.File)
	}
	return b.String()
}

// Write is the row that takes the difference away, unless the record has
// changed since it was compared; false for a number that only the store has.
func (d *Difference) Write() (Row, bool) {
	if d.Row == nil {
		return Row{}, false
	}
	row := *d.Row
	if row.Expect == Any {
		row.Expect = Expect(d.Revision)
		if d.Revision == 0 {
			row.Expect = Absent
		}
	}
	return row, true
}

// Diff compares rows with the store, in the order of the file, and then, when
// both ways are asked for, lists what only the store has. Records that cannot be
// read are handed to bad, each as a *KeyError. progress, unless nil, is told of
// rows done since the last call.
//
// Errors: *AwayError, or the context's.
func (s *Store) Diff(ctx context.Context, rows []Row, bothWays bool, bad func(error), progress func(int)) ([]Difference, error) {
	var all []Difference
	for from := 0; from < len(rows); from += importPage {
		some := rows[from:min(from+importPage, len(rows))]
		of := make([]found, len(some))
		for i := range some {
			of[i] = found{s.keys.record(some[i].Number), some[i].Number}
		}
		err := readPage(ctx, s.rdb, of, func(i int, r *stored, err error) {
			switch {
			case err != nil:
				bad(err)
			case r == nil || r.tombstone:
				all = append(all, Difference{Number: some[i].Number, Row: &some[i]})
			default:
				if fields := some[i].differs(&r.number); len(fields) > 0 {
					all = append(all, Difference{some[i].Number, &some[i], r.number.Revision, fields})
				}
			}
		})
		if err != nil {
			return all, s.away(err)
		}
		if progress != nil {
			progress(len(some))
		}
	}
	if !bothWays {
		return all, nil
	}
	in := make(map[routing.PublicNumber]struct{}, len(rows))
	for i := range rows {
		in[rows[i].Number] = struct{}{}
	}
	err := s.Each(ctx, func(n *routing.Number) error {
		if _, ok := in[n.PublicNumber]; !ok {
			all = append(all, Difference{Number: n.PublicNumber, Revision: n.Revision})
		}
		return nil
	}, func(error) {}) // those of the file were told above, others are no part of it
	return all, err
}

func (row *Row) differs(n *routing.Number) (fields []FieldDifference) {
	set := row.fields.set()
	for i := 0; i+1 < len(set); i += 2 {
		name, want := set[i], set[i+1]
		if has := named[name].show(n); has != want {
			fields = append(fields, FieldDifference{name, shownAs(name, has), shownAs(name, want)})
		}
	}
	return fields
}

// Each hands every live record to fn, one at a time, in no order. What is
// written meanwhile may or may not be seen; each number comes at most once. A
// record that cannot be read goes to bad as a *KeyError.
//
// Errors: fn's, *AwayError, or the context's.
func (s *Store) Each(ctx context.Context, fn func(*routing.Number) error, bad func(error)) error {
	var mu sync.Mutex
	var failed error
	seen := make(map[routing.PublicNumber]struct{}) // SCAN may name a key twice
	one := func(r *stored, err error) {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case failed != nil || err == nil && r == nil:
			return
		case err != nil:
			bad(err)
			return
		}
		if _, twice := seen[r.number.PublicNumber]; twice {
			return
		}
		seen[r.number.PublicNumber] = struct{}{}
		if !r.tombstone {
			failed = fn(&r.number)
		}
	}
	err := (&source{rdb: s.rdb}).masters(ctx, func(ctx context.Context, m redis.Cmdable) error {
		return s.eachOf(ctx, m, one, func() error { mu.Lock(); defer mu.Unlock(); return failed })
	})
	if failed != nil {
		return failed
	}
	return s.away(err)
}

// eachOf reads one master: the next page of keys is listed while one is read.
func (s *Store) eachOf(ctx context.Context, m redis.Cmdable, one func(*stored, error), stop func() error) error {
	g, ctx := errgroup.WithContext(ctx)
	pages := make(chan []found, 1)
	g.Go(func() error {
		defer close(pages)
		for cursor := uint64(0); ; {
			names, next, err := m.Scan(ctx, cursor, s.keys.pattern(-1), page).Result()
			if err != nil {
				return err
			}
			var of []found
			for _, key := range names {
				if n, _, ok := s.keys.number(key); ok {
					of = append(of, found{key, n})
				} else {
					one(nil, &KeyError{key, "its name is no number of this partition"})
				}
			}
			select {
			case pages <- of:
			case <-ctx.Done():
				return ctx.Err()
			}
			if next == 0 {
				return nil
			}
			cursor = next
		}
	})
	g.Go(func() error {
		for of := range pages {
			if err := readPage(ctx, s.rdb, of, func(_ int, r *stored, err error) { one(r, err) }); err != nil {
				return err
			}
			if err := stop(); err != nil {
				return err
			}
		}
		return nil
	})
	return g.Wait()
}

// readPage reads records with one pipeline; nil stands for one that is not there.
// What is wrong with one record is a *KeyError for each, other errors end it.
func readPage(ctx context.Context, rdb redis.UniversalClient, of []found, each func(int, *stored, error)) error {
	if len(of) == 0 {
		return nil
	}
	cmds := make([]*redis.MapStringStringCmd, len(of))
	_, err := rdb.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for i := range of {
			cmds[i] = pipe.HGetAll(ctx, of[i].key)
		}
		return nil
	})
	if err := transportError(err); err != nil {
		return err
	}
	for i, cmd := range cmds {
		fields, err := cmd.Result()
		switch {
		case err != nil && wrongType(err):
			each(i, nil, &KeyError{of[i].key, "it is not a hash"})
		case err != nil:
			return err
		case len(fields) == 0:
			each(i, nil, nil)
		default:
			r, err := readRecord(of[i].number, fields)
			if err != nil {
				each(i, nil, &KeyError{of[i].key, err.Error()})
				continue
			}
			each(i, &r, nil)
		}
	}
	return nil
}

// away words an error of transport; nil stays nil.
func (s *Store) away(err error) error {
	if err == nil || isAway(err) {
		return err
	}
	return &AwayError{Address(s.rdb), err}
}
