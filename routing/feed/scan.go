package feed

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/speakops/sipedge/routing"
)

// page is about how many names a full load asks for at once, and twice as many
// records, half a kilobyte each, may wait inside Redis until they are taken. With
// fewer it runs dry, with more it has to fetch each key from memory twice; see the
// package's documentation.
const page = 500

// ahead is how many numbers the table is asked about before they are written: so
// many that the waits for memory overlap, so few that it is still at hand.
const ahead = 64

// mark is where a partition's stream stood before its records were read: what
// came later is replayed from there, and revisions sort out the overlap.
type mark struct {
	meta
	position string
}

// scanUnknown reads every partition whose stream does not tell its whole story,
// all of them in one pass over the store's keys.
func (f *Feed) scanUnknown(ctx context.Context, src *source) error {
	var wanted []int
	for p := range f.parts {
		if !f.parts[p].known && !f.parts[p].broken {
			wanted = append(wanted, p)
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	began := time.Now()
	marks, err := f.marks(ctx, src, wanted)
	if err != nil {
		return err
	}
	if len(marks) == 0 {
		return nil
	}
	s := newScan(f, marks)
	s.reserve(ctx, src)
	if err := s.run(ctx, src); err != nil {
		return err
	}
	s.settleLost()
	for at, m := range marks {
		p := &f.parts[at]
		*p = partition{incarnation: m.incarnation, seq: m.seq, position: m.position, known: true, agreedAt: began}
	}
	f.counts.scans.Add(uint64(len(marks)))
	// Whatever forces scans again and again, they take a small share of the time.
	f.nextScan = time.Now().Add(max(100*time.Millisecond, 5*time.Since(began)))
	return nil
}

// marks notes position and seq of the wanted partitions, each pair in one
// transaction. Partitions that cannot be read are broken and left out.
func (f *Feed) marks(ctx context.Context, src *source, wanted []int) (map[int]mark, error) {
	marks := make(map[int]mark, len(wanted))
	for _, group := range src.groups() {
		group = slices.DeleteFunc(group, func(p int) bool { return !slices.Contains(wanted, p) })
		if err := f.mark(ctx, src, group, marks); err != nil {
			return nil, err
		}
	}
	return marks, nil
}

func (f *Feed) mark(ctx context.Context, src *source, group []int, marks map[int]mark) error {
	if len(group) == 0 {
		return nil
	}
	metas := make([]*redis.SliceCmd, len(group))
	lasts := make([]*redis.XMessageSliceCmd, len(group))
	_, err := src.quick.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
		for i, p := range group {
			metas[i] = pipe.HMGet(ctx, f.keys.meta(p), "incarnation", "seq", "digest", "count")
			lasts[i] = pipe.XRevRangeN(ctx, f.keys.changes(p), "+", "-", 1)
		}
		return nil
	})
	if err := transportError(err); err != nil {
		return err
	}
	for i, p := range group {
		m := mark{position: "0-0"} // an empty stream is followed from its beginning
		var err error
		key := f.keys.meta(p)
		if m.meta, err = readMeta(metas[i]); err == nil {
			key = f.keys.changes(p)
			var last []redis.XMessage
			if last, err = lasts[i].Result(); len(last) > 0 {
				m.position = last[0].ID
			}
		}
		if err == nil {
			marks[p] = m
		} else if err := f.breaks(p, key, err); err != nil {
			return err
		}
	}
	return nil
}

// scan is one pass over the store's keys.
type scan struct {
	feed   *Feed
	wanted map[int]mark

	mu   sync.Mutex
	seen *seen                  // nil: the table was empty, so nothing can be missed
	lost []routing.PublicNumber // the table has them at a later revision
}

func newScan(f *Feed, wanted map[int]mark) *scan {
	s := &scan{feed: f, wanted: wanted}
	if f.table.Len() > 0 {
		s.seen = new(seen)
	}
	return s
}

// reserve makes room for what is to come, so that an empty table need not grow
// again and again: for as many numbers as the store counts, which can be no more
// than it has keys.
func (s *scan) reserve(ctx context.Context, src *source) {
	if s.seen != nil {
		return
	}
	var keys atomic.Int64
	err := src.masters(ctx, func(ctx context.Context, m redis.Cmdable) error {
		n, err := m.DBSize(ctx).Result()
		keys.Add(n)
		return err
	})
	if err != nil {
		return // a table that grows is only slower
	}
	counted := uint64(0)
	for _, m := range s.wanted {
		counted += m.count
	}
	s.feed.table.Reserve(int(min(counted, uint64(keys.Load()))))
}

func (s *scan) run(ctx context.Context, src *source) error {
	pattern := s.feed.keys.pattern(-1)
	if len(s.wanted) == 1 {
		for p := range s.wanted {
			pattern = s.feed.keys.pattern(p)
		}
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	return src.masters(ctx, func(ctx context.Context, m redis.Cmdable) error {
		node, ok := m.(*redis.Client)
		if !ok {
			return fmt.Errorf("numbers cannot be loaded through a %T", m)
		}
		err := s.read(ctx, node, src.rdb, pattern)
		if err != nil {
			stop() // without one, what the others say is in vain
		}
		return err
	})
}

// found is one record's key.
type found struct {
	key    string
	number routing.PublicNumber
}

// read takes the records of one master into the table, a page at a time. The
// next names, and the records of those known, have always been asked for when the
// answers to what was asked before are read: neither side waits for the other.
//
// A connection that ends is the end of it: a cursor means nothing to the server
// that may answer in its place.
func (s *scan) read(ctx context.Context, m *redis.Client, rdb redis.UniversalClient, pattern string) error {
	w, err := dial(ctx, m)
	if err != nil {
		return err
	}
	defer w.close()
	defer context.AfterFunc(ctx, w.close)()
	l := loader{scan: s, wire: w, rdb: rdb, likes: newLikes()}
	count := strconv.Itoa(page)
	w.ask("SCAN", "0", "MATCH", pattern, "COUNT", count)
	if err := w.send(); err != nil {
		return err
	}
	var asked []found
	for more := true; more || len(asked) > 0; {
		var next []found
		if more {
			cursor, names, err := w.scanned()
			if err != nil {
				return err
			}
			if more = cursor != "0"; more {
				w.ask("SCAN", cursor, "MATCH", pattern, "COUNT", count)
			}
			next = s.sort(names)
			for i := range next {
				w.ask("HGETALL", next[i].key)
			}
			if err := w.send(); err != nil {
				return err
			}
		}
		for some := range slices.Chunk(asked, ahead) {
			for i := range some {
				s.feed.table.Ahead(some[i].number)
			}
			for i := range some {
				if err := l.take(ctx, some[i]); err != nil {
					return err
				}
			}
		}
		asked = next
	}
	return nil
}

func (s *scan) sort(names []string) []found {
	of := make([]found, 0, len(names))
	for _, key := range names {
		n, p, ok := s.feed.keys.number(key)
		if !ok {
			s.feed.fault(&s.feed.counts.garbage, &KeyError{key, "its name is no number of this partition"})
			continue
		}
		if _, ok := s.wanted[p]; ok {
			of = append(of, found{key, n})
		}
	}
	return of
}

// apply takes one record that the store has.
func (s *scan) apply(e routing.Entry) {
	s.compare(e)
	s.feed.apply(e)
	s.saw(e.PublicNumber)
}

// bad tells of a record that cannot be read.
func (s *scan) bad(count *atomic.Uint64, of found, problem string) {
	s.feed.fault(count, &KeyError{of.key, problem})
	s.saw(of.number)
}

// compare notes a number of which the store has forgotten a write.
func (s *scan) compare(e routing.Entry) {
	if s.seen != nil && s.feed.table.Revision(e.PublicNumber) > e.Revision {
		s.mu.Lock()
		s.lost = append(s.lost, e.PublicNumber)
		s.mu.Unlock()
	}
}

func (s *scan) saw(n routing.PublicNumber) {
	if s.seen != nil {
		s.mu.Lock()
		s.seen.add(n)
		s.mu.Unlock()
	}
}

// settleLost lists anew what the table keeps of the scanned partitions although
// the store no longer has it.
func (s *scan) settleLost() {
	if s.seen == nil {
		return
	}
	f := s.feed
	in := func(n routing.PublicNumber) bool { _, ok := s.wanted[Partition(n)]; return ok }
	f.mu.Lock()
	defer f.mu.Unlock()
	before := len(f.lost)
	for n := range f.lost {
		if in(n) {
			f.unlose(n)
		}
	}
	for _, n := range s.lost {
		f.lose(n)
	}
	s.seen.settle()
	for n := range f.table.Range {
		if in(n.PublicNumber) && !s.seen.has(n.PublicNumber) {
			f.lose(n.PublicNumber)
		}
	}
	if len(f.lost) > before {
		f.opts.Log.Warn("the store has lost numbers; they are kept in memory", "lost_in_store", len(f.lost))
	}
}
