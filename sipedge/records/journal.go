package records

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync"
	"time"
)

// Keeper keeps the dialogs that are up. Journal does so on disk, Memory for
// tests and for edges without a disk.
type Keeper interface {
	// Answered keeps a dialog, or replaces what is kept under its Call: after a
	// re-INVITE, or when its CSeq numbers moved. It never waits for a disk.
	Answered(d *Dialog) error
	// Ended forgets a dialog; an unknown one is fine.
	Ended(call CallID)
	// Close writes what waits.
	Close(ctx context.Context) error
}

// ErrFull means that a dialog is not kept because the journal's memory is full:
// the disk does not take what waits for it, or MaxDialogs are up. Routing does
// not depend on it; the call's place in limits and its CDR would not survive a restart.
var ErrFull = errors.New("dialog journal is full")

// JournalOptions of a Journal; zero values mean the defaults in parentheses.
type JournalOptions struct {
	MaxDialogs   int           // dialogs kept at once (200,000; about 60 bytes of memory each)
	WaitingBytes int           // answered dialogs waiting for the disk (8 MiB)
	FlushEvery   time.Duration // longest wait of an entry (100 ms)
	FlushBytes   int           // waiting bytes that end the wait early (256 KiB)
	RetryEvery   time.Duration // pause after a failed write (1 s)
	CompactFrom  int64         // file size below which garbage is left alone (1 MiB)
	NoSync       bool          // leave fsync to the kernel: then only a power cut can cost more than one flush

	Files Files // (Disk)
}

func (o JournalOptions) withDefaults() JournalOptions {
	def(&o.MaxDialogs, 200_000)
	def(&o.WaitingBytes, 8<<20)
	def(&o.FlushEvery, 100*time.Millisecond)
	def(&o.FlushBytes, 256<<10)
	def(&o.RetryEvery, time.Second)
	def(&o.CompactFrom, 1<<20)
	if o.Files == nil {
		o.Files = Disk{}
	}
	return o
}

// Journal is an append-only file of answered and ended dialogs, each entry with
// its CRC. One goroutine writes a batch every FlushEvery and then calls fsync,
// so that a crash or a power cut costs at most the entries of one flush. When
// more than half of the file is garbage, the live part is written anew and
// renamed into place.
type Journal struct {
	o    JournalOptions
	lock io.Closer

	// Of the writer goroutine alone.
	tape  *tape
	later time.Time // no compaction before

	mu      sync.Mutex
	waiting []byte // entries not yet taken by the writer
	held    int    // bytes of answered entries in waiting
	kept    map[CallID]place
	closed  bool
	live    int64 // bytes of the entries that kept points at
	stats   JournalStats

	bells
}

// place is where a live dialog's entry lies in the file; size 0 means that it
// still waits to be written.
type place struct {
	offset int64
	size   int32
}

// JournalStats is what a Journal tells about itself.
type JournalStats struct {
	Dialogs     int    // kept now
	Entries     uint64 // written
	Lost        uint64 // dialogs not kept: ErrFull or ErrTooLarge
	Failures    uint64 // failed writes, syncs and compactions
	Compactions uint64
	Damaged     uint64 // entries that failed their CRC, at start or in a compaction
	Expired     uint64 // dialogs dropped at start because their time was over
	Waiting     int    // bytes in memory
	FileBytes   int64
	SetAside    string // an unreadable journal found at start was renamed to this
	Failing     bool   // the last write did not work
	Error       string // why, or why the last compaction did not work
}

const (
	journalName = "dialogs.journal"
	lockName    = "dialogs.lock"
)

// OpenJournal opens the journal of a directory and returns the dialogs that
// were up: those answered, not ended, and not past their Expires. An unfinished
// last entry is cut off, damaged ones in between are passed over and counted.
// A full disk is no error; a directory in use by another process is (ErrLocked).
func OpenJournal(dir string, o JournalOptions) (*Journal, []Dialog, error) {
	o = o.withDefaults()
	if err := o.Files.MakeDir(dir); err != nil && !passing(err) {
		return nil, nil, fmt.Errorf("records: dialog journal: %w", err)
	}
	lock, err := o.Files.Lock(filepath.Join(dir, lockName))
	if err != nil && !passing(err) {
		return nil, nil, fmt.Errorf("records: dialog journal: %w; is another sipedge running with this data_dir?", err)
	}
	j := &Journal{
		o: o, lock: lock, kept: make(map[CallID]place),
		tape: &tape{files: o.Files, dir: dir, lazy: o.NoSync}, bells: newBells(),
	}
	live, err := j.load(time.Now())
	if err != nil {
		j.unlock()
		return nil, nil, fmt.Errorf("records: dialog journal: %w", err)
	}
	go j.write()
	return j, live, nil
}

func (j *Journal) unlock() {
	if j.lock != nil {
		j.lock.Close()
	}
}

// Answered implements Keeper. The entry is made where it will wait: that takes
// less time under the lock than a copy costs the collector.
func (j *Journal) Answered(d *Dialog) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	before, again := j.kept[d.Call]
	from := len(j.waiting)
	queue, err := appendAnswered(j.waiting, d)
	size := len(queue) - from
	if err == nil && (j.closed || j.held+size > j.o.WaitingBytes || !again && len(j.kept) >= j.o.MaxDialogs) {
		err = ErrFull
	}
	if err != nil {
		j.stats.Lost++
		return err
	}
	j.kept[d.Call] = before
	j.held += size
	j.queued(queue)
	return nil
}

// Ended implements Keeper. Its entry is taken even when the memory for answered
// ones is full: there is at most one for each dialog that was kept.
func (j *Journal) Ended(call CallID) {
	j.mu.Lock()
	defer j.mu.Unlock()
	at, ok := j.kept[call]
	if !ok || j.closed {
		return
	}
	delete(j.kept, call)
	j.live -= int64(at.size)
	j.queued(appendEnded(j.waiting, call))
}

// queued is called with mu held and with one more entry than waiting had.
func (j *Journal) queued(queue []byte) {
	if len(j.waiting) == 0 {
		ring(j.wake)
	}
	if j.waiting = queue; len(queue) >= j.o.FlushBytes {
		ring(j.soon)
	}
}

// Stats is a snapshot of the counters.
func (j *Journal) Stats() JournalStats {
	j.mu.Lock()
	defer j.mu.Unlock()
	s := j.stats
	s.Dialogs, s.Waiting = len(j.kept), len(j.waiting)
	return s
}

// Close implements Keeper: it writes what waits and ends the writer. Entries
// that could not be written are an error, and so is a disk that does not answer
// before ctx ends.
func (j *Journal) Close(ctx context.Context) error {
	j.mu.Lock()
	if !j.closed {
		j.closed = true
		close(j.stop)
	}
	j.mu.Unlock()
	if err := j.ended(ctx); err != nil {
		return fmt.Errorf("records: close dialog journal: the disk does not answer: %w", err)
	}
	if s := j.Stats(); s.Failing {
		return fmt.Errorf("records: close dialog journal: entries not written: %s", s.Error)
	}
	return nil
}
