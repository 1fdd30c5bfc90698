package feed

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/singleflight"

	"github.com/speakops/sipedge/routing"
)

// Options of a Feed. The zero value means the defaults.
type Options struct {
	Log       *slog.Logger       // nil: silent
	Freshness *routing.Freshness // confirmed whenever the table is known to be in step; may be nil
	Clock     func() time.Time   // the time Freshness is told in; default time.Now
	Block     time.Duration      // longest wait of one read of the streams; default 250 ms
	Poll      time.Duration      // how often the partitions' meta is compared; default 1 s
	Patience  time.Duration      // for an answer beyond Block before the connection counts as dead; default 1 s
	MaxPause  time.Duration      // longest pause between attempts to reach the store; default 5 s
	Check     int                // records compared with the store at every Poll, whatever its digests say; default 500

	// TombstoneFor is how long the table remembers a deletion; at least as long as
	// the store does, and by default two days longer than its 30.
	TombstoneFor time.Duration

	// SnapshotDir is a folder for snapshots of the table; see Restore. Follow
	// writes them there; "" for none.
	SnapshotDir   string
	SnapshotEvery time.Duration // at the soonest, and only after changes; default 30 s
}

func (o *Options) defaults() {
	orElse := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	orElse(&o.Block, 250*time.Millisecond)
	orElse(&o.Poll, time.Second)
	orElse(&o.Patience, time.Second)
	orElse(&o.MaxPause, 5*time.Second)
	orElse(&o.SnapshotEvery, 30*time.Second)
	orElse(&o.TombstoneFor, 32*24*time.Hour)
	if o.Check <= 0 {
		o.Check = 500
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
}

// Feed follows the store into a table. Follow does the work; everything else may
// be called from any goroutine at any time.
type Feed struct {
	rdb   redis.UniversalClient
	keys  *keys
	table *routing.Table
	opts  Options

	following atomic.Bool
	parts     [Partitions]partition // owned, like those below, by the goroutine in Follow
	nextScan  time.Time             // no scan before
	swept     time.Time
	disputes  [Partitions]dispute
	history   string   // replication id of the master followed last; "" before the first
	left      []string // those of masters that were followed before, and succeeded
	troubles  troubles
	checked   check

	tallies [Partitions]tally
	born    time.Time
	ahead   atomic.Int64 // when, since born, a record was last applied that the streams have not told yet
	flights singleflight.Group
	looking chan struct{} // one token per direct lookup under way

	asOf   atomic.Pointer[time.Time] // the table holds all that was in the store then; nil: never yet
	loaded chan struct{}             // closed when the store itself has confirmed that once
	noted  atomic.Pointer[notes]
	keep   keeper // owned by the goroutine that writes, and before Follow by Restore
	counts counters

	mu     sync.Mutex
	lost   map[routing.PublicNumber]struct{}
	lostBy [Partitions]int // how many of them
	faults []error
	away   error

	faultLogged time.Time
}

// partition is how far one partition has been followed.
type partition struct {
	incarnation string
	seq         uint64 // of the last write applied
	position    string // of the last stream entry read
	known       bool   // scanned; false: only a scan can tell what is there
	broken      bool   // its stream or meta cannot be read; see Faults

	readAt   time.Time // the stream held nothing more when this read began
	agreedAt time.Time // seq and incarnation agreed with meta when this poll began
	metaSeq  uint64    // seq that the last poll found
	metaAt   time.Time // when that poll had been answered; zero: settled
	metaFrom time.Time // when it was asked

	sworn     meta          // what the store last said its records amount to; see reconcile
	swornFrom time.Duration // when, since born, it was asked
}

// New makes a feed of the numbers below prefix into table. It does nothing
// until Follow. The error names a prefix that cannot be part of a key.
func New(rdb redis.UniversalClient, prefix string, table *routing.Table, opts Options) (*Feed, error) {
	k, err := newKeys(prefix)
	if err != nil {
		return nil, err
	}
	opts.defaults()
	return &Feed{
		rdb: rdb, keys: k, table: table, opts: opts,
		loaded: make(chan struct{}),
		lost:   make(map[routing.PublicNumber]struct{}),
		born:   time.Now(), looking: make(chan struct{}, maxLookups),
	}, nil
}

// Loaded says that the table has, at least once, held all that the store held;
// what Restore found does not count.
func (f *Feed) Loaded() bool {
	select {
	case <-f.loaded:
		return true
	default:
		return false
	}
}

// Wait returns nil once the table is loaded, or the context's cause if it ends before.
func (f *Feed) Wait(ctx context.Context) error {
	select {
	case <-f.loaded:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// FreshAt is the last instant at which the table was known to hold all that the
// store held, as of the snapshot after Restore; the zero time before the first.
func (f *Feed) FreshAt() time.Time {
	if at := f.asOf.Load(); at != nil {
		return *at
	}
	return time.Time{}
}

// Age is the time since FreshAt, at its best about Poll; the largest Duration
// before the table is loaded.
func (f *Feed) Age() time.Duration {
	at := f.asOf.Load()
	if at == nil {
		return 1<<63 - 1
	}
	return max(0, time.Since(*at))
}

// Stale says that the store may hold a number the table has not heard of: the
// table is not loaded, or older than max.
func (f *Feed) Stale(max time.Duration) bool { return f.Age() > max }

// ErrFollowed says that Follow runs already.
var ErrFollowed = errors.New("feed: already followed")

// maxFaults bounds the list of faults kept for people to read.
const maxFaults = 64

// Stats counts since the start, except where it says now.
type Stats struct {
	Applied      uint64 // records and deletions that changed the table
	Overtaken    uint64 // those that were older than what the table had
	Garbage      uint64 // records and entries that could not be believed; the table kept what it had
	WrongType    uint64 // keys of another type than theirs; likewise
	Gaps         uint64 // times a partition had writes that its stream no longer holds
	Incarnations uint64 // times a partition was found emptied, rolled back or replaced
	Scans        uint64 // partitions read as a whole
	Reconnects   uint64 // times the store had to be reached anew
	Compared     uint64 // digests of partitions compared with the store's
	Repairs      uint64 // partitions read as a whole because they differed
	Disputed     uint64 // differences that remained: the store disagrees with its own digest, or holds what cannot be read
	Demoted      uint64 // times the store answered as a replica, or as a master that had been succeeded, and was not believed
	Checked      uint64 // records and numbers compared one by one, slowly, all of them over and over
	Forged       uint64 // of those, records whose contents were changed without their revision
	Histories    uint64 // times the store went on with another replication id, after a failover or restart
	Snapshots    uint64 // written
	Unsaved      uint64 // those that could not be written
	Lookups      uint64 // questions put to the store for single numbers
	Lost         int    // now: numbers the table keeps and the store has lost
	Broken       int    // now: partitions whose stream or meta cannot be read
	Numbers      int    // now: numbers in the table
	Away         error  // now: why the store cannot be followed; nil while it can
}

type counters struct {
	applied, overtaken, garbage, wrongType, gaps, incarnations, scans, reconnects atomic.Uint64
	compared, repairs, disputed, demoted, histories, lookups, snapshots, unsaved  atomic.Uint64
	checked, forged                                                               atomic.Uint64
	broken                                                                        atomic.Int64
}

// Stats is a snapshot of the counters.
func (f *Feed) Stats() Stats {
	c := &f.counts
	f.mu.Lock()
	defer f.mu.Unlock()
	return Stats{
		Applied: c.applied.Load(), Overtaken: c.overtaken.Load(), Garbage: c.garbage.Load(), WrongType: c.wrongType.Load(),
		Gaps: c.gaps.Load(), Incarnations: c.incarnations.Load(), Scans: c.scans.Load(), Reconnects: c.reconnects.Load(),
		Compared: c.compared.Load(), Repairs: c.repairs.Load(), Disputed: c.disputed.Load(),
		Checked: c.checked.Load(), Forged: c.forged.Load(),
		Demoted: c.demoted.Load(), Histories: c.histories.Load(), Lookups: c.lookups.Load(),
		Snapshots: c.snapshots.Load(), Unsaved: c.unsaved.Load(),
		Lost: len(f.lost), Broken: int(c.broken.Load()), Numbers: f.table.Len(), Away: f.away,
	}
}

// Lost is at most limit of the numbers that the table keeps although the store,
// emptied or rolled back, no longer has them.
func (f *Feed) Lost(limit int) []routing.PublicNumber {
	f.mu.Lock()
	defer f.mu.Unlock()
	some := make([]routing.PublicNumber, 0, min(limit, len(f.lost)))
	for n := range f.lost {
		if len(some) == limit {
			break
		}
		some = append(some, n)
	}
	return some
}

// Faults is the latest records and keys that could not be read, at most 64,
// each a *KeyError.
func (f *Feed) Faults() []error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]error(nil), f.faults...)
}

func (f *Feed) fault(count *atomic.Uint64, err *KeyError) {
	count.Add(1)
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, known := range f.faults {
		if known.Error() == err.Error() {
			return
		}
	}
	if len(f.faults) == maxFaults {
		f.faults = f.faults[1:]
	}
	f.faults = append(f.faults, err)
	if time.Since(f.faultLogged) < time.Second {
		return // a store full of garbage must not fill the log
	}
	f.faultLogged = time.Now()
	f.opts.Log.Error("number record cannot be read; what was known before is kept", "error", err)
}

// apply puts one record or entry into the table; its revision decides.
func (f *Feed) apply(e routing.Entry) {
	if f.tallies[Partition(e.PublicNumber)].write(f.table, e) {
		f.counts.applied.Add(1)
	} else {
		f.counts.overtaken.Add(1)
	}
}

// sweep drops tombstones that no write can be older than any more, about once
// an hour: without it deletions would fill the table.
func (f *Feed) sweep() {
	now := time.Now()
	if now.Sub(f.swept) < min(time.Hour, f.opts.TombstoneFor) {
		return
	}
	f.swept = now
	f.table.Sweep(uint64(max(0, now.Add(-f.opts.TombstoneFor).UnixMicro())))
}

// found takes a number off the list of those lost.
func (f *Feed) found(n routing.PublicNumber) {
	f.mu.Lock()
	f.unlose(n)
	f.mu.Unlock()
}

// lose and unlose keep the list of lost numbers; f.mu is held.
func (f *Feed) lose(n routing.PublicNumber) {
	if _, ok := f.lost[n]; !ok {
		f.lost[n] = struct{}{}
		f.lostBy[Partition(n)]++
	}
}

func (f *Feed) unlose(n routing.PublicNumber) {
	if _, ok := f.lost[n]; ok {
		delete(f.lost, n)
		f.lostBy[Partition(n)]--
	}
}

// applyAhead applies a record that was read past the streams.
func (f *Feed) applyAhead(s *stored) {
	f.apply(s.entry())
	f.ahead.Store(int64(f.age()))
}

// age is the time since the feed was made.
func (f *Feed) age() time.Duration { return time.Since(f.born) }
