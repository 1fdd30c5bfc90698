package records

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// LogOptions of a Log; zero values mean the defaults in parentheses.
type LogOptions struct {
	Dir  string // where the files are; made when absent
	Name string // base name: Name.jsonl is written, Name-000001.jsonl and so on are older
	Edge string // id of this edge, for gap records

	FileBytes  int64         // size at which a file is set aside (64 MiB, at most a quarter of MaxBytes)
	MaxBytes   int64         // size of all files together; the oldest are removed (1 GiB)
	RingBytes  int           // lines waiting for the disk (4 MiB); as many again may be on their way to it
	FlushEvery time.Duration // longest wait of a line before it is written (100 ms)
	SyncEvery  time.Duration // longest wait of a written line for fsync (1 s)
	RetryEvery time.Duration // pause after a failed write (1 s)

	Files Files // (Disk)
}

func (o LogOptions) withDefaults() LogOptions {
	def(&o.MaxBytes, 1<<30)
	def(&o.FileBytes, 64<<20)
	o.FileBytes = max(1, min(o.FileBytes, o.MaxBytes/4))
	def(&o.RingBytes, 4<<20)
	def(&o.FlushEvery, 100*time.Millisecond)
	def(&o.SyncEvery, time.Second)
	def(&o.RetryEvery, time.Second)
	if o.Files == nil {
		o.Files = Disk{}
	}
	return o
}

func def[T int | int64 | time.Duration](v *T, otherwise T) {
	if *v <= 0 {
		*v = otherwise
	}
}

// Log writes lines to a file of bounded size without making a caller wait:
// Append copies into memory, one goroutine writes. What a crash of the process
// can lose is FlushEvery of lines, a power cut SyncEvery more.
//
// When the disk is full or fails, lines wait in memory and the write is tried
// again every RetryEvery; lines for which there is no room are counted, and a
// record {"kind":"gap","gap":n} is written in their place once it works again.
type Log struct {
	o     LogOptions
	files shelf // of the writer goroutine alone

	mu      sync.Mutex
	waiting []byte
	lost    uint64 // since the last batch was taken
	since   time.Time
	taken   time.Time // when the batch was taken that the disk is at; zero: it is at none
	closed  bool
	stats   LogStats

	bells
}

// LogStats is what a Log tells about itself.
type LogStats struct {
	Lines     uint64 // taken by Append
	Lost      uint64 // refused by Append, for want of room or after Close
	Bytes     uint64 // written
	Failures  uint64 // failed writes, syncs, rotations
	Rotations uint64
	Removed   uint64        // old files removed to stay below MaxBytes
	Torn      uint64        // unfinished lines cut off at the start
	Waiting   int           // bytes in memory
	Failing   bool          // the last write did not work
	Error     string        // why, empty while it works
	Behind    time.Duration // how long the disk has been at the lines it was last given
}

// slow is how long a disk may be at one batch before that is worth a word.
const slow = 3 * time.Second

// Trouble says why lines are not getting to the disk, "" while they are: it
// fails, or it neither fails nor answers.
func (s *LogStats) Trouble() string {
	switch {
	case s.Failing:
		return s.Error
	case s.Behind > slow:
		return "the disk has not answered for " + s.Behind.Round(time.Second).String()
	}
	return ""
}

// OpenLog opens the current file, cuts off a line that a crash left unfinished,
// and starts the writer. A full or failing disk is no error: the Log starts and
// keeps trying. Anything else (no right, no directory) is.
func OpenLog(o LogOptions) (*Log, error) {
	o = o.withDefaults()
	if o.Name == "" {
		return nil, errors.New("records: a log needs a name")
	}
	l := &Log{o: o, files: shelf{o: o}, bells: newBells()}
	torn, err := l.files.open()
	if err != nil && !passing(err) {
		return nil, fmt.Errorf("records: %w; is %s a directory this process may write to?", err, o.Dir)
	}
	if torn {
		l.stats.Torn, l.lost, l.since = 1, 1, time.Now()
		ring(l.wake)
	}
	if err != nil {
		l.stats.Failures++
		l.stats.Failing, l.stats.Error = true, err.Error()
	}
	go l.write()
	return l, nil
}

// Append takes one whole line; it copies and never blocks on the disk. false
// means that the line is lost, which is counted.
func (l *Log) Append(line []byte) bool {
	l.mu.Lock()
	if l.closed || len(l.waiting)+len(line) > l.o.RingBytes {
		if l.lost == 0 {
			l.since = time.Now()
		}
		l.lost++
		l.stats.Lost++
		l.mu.Unlock()
		return false
	}
	first := len(l.waiting) == 0
	l.waiting = append(l.waiting, line...)
	l.stats.Lines++
	much := len(l.waiting) >= l.o.RingBytes/4
	l.mu.Unlock()
	if first {
		ring(l.wake)
	}
	if much {
		ring(l.soon)
	}
	return true
}

// Stats is a snapshot of the counters.
func (l *Log) Stats() LogStats {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.stats
	s.Waiting = len(l.waiting)
	if !l.taken.IsZero() {
		s.Behind = time.Since(l.taken)
	}
	return s
}

// Close writes what waits, syncs, and ends the writer. When ctx ends first (a
// disk that hangs) it returns without having waited; lines that could not be
// written are an error.
func (l *Log) Close(ctx context.Context) error {
	l.mu.Lock()
	if !l.closed {
		l.closed = true
		close(l.stop)
	}
	l.mu.Unlock()
	if err := l.ended(ctx); err != nil {
		return fmt.Errorf("records: close %s: the disk does not answer: %w", l.o.Name, err)
	}
	if s := l.Stats(); s.Failing {
		return fmt.Errorf("records: close %s: lines not written: %s", l.o.Name, s.Error)
	}
	return nil
}
