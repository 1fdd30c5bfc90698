package feed

import (
	"context"
	"time"

	"github.com/speakops/sipedge/routing"
	"github.com/speakops/sipedge/routing/feed/snapshot"
)

// shareOfCore is how many times longer than writing a snapshot took the next
// one waits: one percent of a core.
const shareOfCore = 100

// unknownAge is how old a snapshot counts that says it is from the future: a
// clock went back, and nothing can be known about its age.
const unknownAge = 300 * 24 * time.Hour

// keeper writes snapshots; see Options.SnapshotDir.
type keeper struct {
	dir     *snapshot.Dir
	written uint64    // changes when the last one was written
	fresh   time.Time // its freshness
}

// notes is what a snapshot says beside the table, as Follow knew it at one
// instant. The table may be newer; going on from the positions does no harm then.
type notes struct {
	positions [Partitions]snapshot.Position
	fresh     time.Time // as Freshness is told; zero: never
	changes   uint64
}

// note keeps what a snapshot needs from the goroutine in Follow.
func (f *Feed) note() {
	if f.opts.SnapshotDir == "" {
		return
	}
	n := &notes{changes: f.changes()}
	for i := range f.parts {
		p := &f.parts[i]
		n.positions[i] = snapshot.Position{Incarnation: p.incarnation, Seq: p.seq, Stream: p.position, Known: p.known && !p.broken}
	}
	if at := f.asOf.Load(); at != nil {
		n.fresh = f.opts.Clock().Add(-time.Since(*at))
	}
	f.noted.Store(n)
}

// changes grows with everything that makes another snapshot worth while.
func (f *Feed) changes() uint64 {
	return f.counts.applied.Load() + f.counts.scans.Load() + f.counts.incarnations.Load()
}

// Restore fills the table from the newest snapshot that can be believed, before
// Follow, and says whether there was one. Its freshness is that of the moment
// it was taken; Follow goes on from its positions. Snapshots that are refused
// are named in the log.
func (f *Feed) Restore() bool {
	if f.opts.SnapshotDir == "" || f.following.Load() {
		return false
	}
	began := time.Now()
	dir, err := snapshot.Open(f.opts.SnapshotDir)
	if err != nil {
		f.opts.Log.Error("no snapshots: numbers are not kept on disk", "error", err)
		return false
	}
	f.keep.dir = dir
	c, ok, refused := dir.Load(f.keys.prefix, f.table)
	for _, err := range refused {
		f.opts.Log.Error("a snapshot cannot be used; trying the one before", "error", err)
	}
	if !ok {
		return false
	}
	f.resume(&c)
	f.opts.Log.Info("numbers are restored from disk", "numbers", f.table.Len(), "fresh_at", c.Fresh, "taken", c.Taken, "took", time.Since(began))
	return true
}

func (f *Feed) resume(c *snapshot.Contents) {
	for i := range f.parts {
		p := &c.Positions[i]
		f.parts[i] = partition{incarnation: p.Incarnation, seq: p.Seq, position: p.Stream, known: p.Known}
		if p.Stream == "" {
			f.parts[i].known = false
		}
	}
	f.mu.Lock()
	for _, n := range c.Lost {
		f.lose(n)
	}
	f.mu.Unlock()
	if c.Fresh.IsZero() {
		return
	}
	age := f.opts.Clock().Sub(c.Fresh)
	if age < 0 {
		age = unknownAge
		f.opts.Log.Warn("the snapshot is from the future, so its age cannot be known; is the clock right?", "fresh_at", c.Fresh)
	}
	f.asOf.Store(new(time.Now().Add(-age)))
	if f.opts.Freshness != nil {
		f.opts.Freshness.Confirm(f.opts.Clock().Add(-age))
	}
	f.keep.written, f.keep.fresh = f.changes(), c.Fresh
}

// keeping writes snapshots until the function it returns is called, which
// writes the last one. Neither the calls nor Follow wait for it.
func (f *Feed) keeping() (finish func()) {
	if f.opts.SnapshotDir == "" {
		return func() {}
	}
	if f.keep.dir == nil {
		dir, err := snapshot.Open(f.opts.SnapshotDir)
		if err != nil {
			f.opts.Log.Error("no snapshots: numbers are not kept on disk", "error", err)
			return func() {}
		}
		f.keep.dir = dir
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for next := f.opts.SnapshotEvery; ; {
			wait(ctx, next)
			if ctx.Err() != nil {
				return
			}
			next = max(f.opts.SnapshotEvery, shareOfCore*f.snapshot(false))
		}
	}()
	return func() {
		stop()
		<-done
		f.note()
		f.snapshot(true)
	}
}

// snapshot writes one if there is news, and says how long that took. The last
// one is also written for the sake of its age.
func (f *Feed) snapshot(last bool) time.Duration {
	n, k := f.noted.Load(), &f.keep
	if n == nil || n.fresh.IsZero() || n.changes == k.written && !(last && n.fresh.After(k.fresh)) {
		return 0
	}
	began := time.Now()
	head := &snapshot.Head{Prefix: f.keys.prefix, Taken: f.opts.Clock(), Fresh: n.fresh, Positions: n.positions}
	if err := k.dir.Write(head, f.table, f.lostNumbers()); err != nil {
		f.counts.unsaved.Add(1)
		f.opts.Log.Error("numbers cannot be written to disk; the snapshots before stay", "error", err)
	} else {
		k.written, k.fresh = n.changes, n.fresh
		f.counts.snapshots.Add(1)
	}
	return time.Since(began)
}

func (f *Feed) lostNumbers() []routing.PublicNumber {
	return f.Lost(1<<63 - 1)
}
