// Package stream answers: how do records get to those who read them out of
// Redis?
//
// A Stream is one kind of record as a Redis stream of bounded length, each entry
// with the JSON line under "line". It takes lines as a file does: without ever
// making a caller wait. While Redis is away lines wait in memory of fixed size,
// then they are counted and a gap record stands in their place. The files are
// the record; the stream is a convenience.
package stream

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/speakops/sipedge/sipedge/records"
)

// Options of a Stream; zero values mean the defaults in parentheses.
type Options struct {
	Key          string
	Edge         string
	MaxLen       int64         // entries kept in Redis, about (1,000,000)
	WaitingBytes int           // lines waiting (4 MiB)
	FlushEvery   time.Duration // longest wait of a line (200 ms)
	RetryEvery   time.Duration // pause after a failure (2 s)
}

// Stream carries lines to Redis.
type Stream struct {
	rdb  redis.Cmdable
	o    Options
	wake chan struct{}

	mu      sync.Mutex
	waiting []string
	bytes   int
	lost    uint64 // since the last gap record
	since   time.Time
	stats   Stats
}

// Stats is what a Stream tells about itself.
type Stats struct {
	Lines, Lost, Failures uint64
	Error                 string // of the last write, empty while it works
}

// New makes a Stream; nothing is written before Run.
func New(rdb redis.Cmdable, o Options) *Stream {
	if o.MaxLen <= 0 {
		o.MaxLen = 1_000_000
	}
	if o.WaitingBytes <= 0 {
		o.WaitingBytes = 4 << 20
	}
	if o.FlushEvery <= 0 {
		o.FlushEvery = 200 * time.Millisecond
	}
	if o.RetryEvery <= 0 {
		o.RetryEvery = 2 * time.Second
	}
	return &Stream{rdb: rdb, o: o, wake: make(chan struct{}, 1)}
}

// Append takes one line; false means that it is lost, which is counted.
func (s *Stream) Append(line []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bytes+len(line) > s.o.WaitingBytes {
		if s.lost == 0 {
			s.since = time.Now()
		}
		s.lost++
		s.stats.Lost++
		return false
	}
	if len(line) > 0 && line[len(line)-1] == '\n' {
		line = line[:len(line)-1]
	}
	s.waiting = append(s.waiting, string(line))
	s.bytes += len(line)
	if len(s.waiting) == 1 {
		select {
		case s.wake <- struct{}{}:
		default:
		}
	}
	return true
}

// Stats is a snapshot of the counters.
func (s *Stream) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stats
}

// Run writes until ctx ends, then once more what waits, for at most two seconds.
func (s *Stream) Run(ctx context.Context) error {
	for {
		select {
		case <-s.wake:
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
			defer cancel()
			s.flush(last)
			return nil
		}
		pause(ctx, s.o.FlushEvery)
		for ctx.Err() == nil && !s.flush(ctx) {
			pause(ctx, s.o.RetryEvery)
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// batchLines bounds one write.
const batchLines = 1000

// flush writes all that waits; false when Redis did not take it. A batch whose
// answer was lost is written again: readers know records by their call.
func (s *Stream) flush(ctx context.Context) bool {
	for {
		batch, lost := s.peek()
		if len(batch) == 0 && lost == 0 {
			return true
		}
		_, err := s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
			for _, line := range batch {
				s.add(ctx, p, line)
			}
			if lost > 0 {
				s.add(ctx, p, s.gap(lost))
			}
			return nil
		})
		if !s.done(len(batch), lost, err) {
			return false
		}
	}
}

func (s *Stream) add(ctx context.Context, p redis.Pipeliner, line string) {
	p.XAdd(ctx, &redis.XAddArgs{Stream: s.o.Key, MaxLen: s.o.MaxLen, Approx: true, Values: []any{"line", line}})
}

func (s *Stream) peek() (batch []string, lost uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	batch = s.waiting[:min(len(s.waiting), batchLines)]
	if len(batch) == len(s.waiting) {
		lost = s.lost // lines are refused only when all room is taken: the gap is behind them
	}
	return batch, lost
}

func (s *Stream) gap(lost uint64) string {
	s.mu.Lock()
	since := s.since
	s.mu.Unlock()
	b, _ := json.Marshal(map[string]any{
		"schema": records.Schema, "kind": "gap", "edge": s.o.Edge, "gap": lost, "from": since.UTC(), "until": time.Now().UTC(),
	})
	return string(b)
}

func (s *Stream) done(n int, lost uint64, err error) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.stats.Failures++
		s.stats.Error = err.Error()
		return false
	}
	for _, line := range s.waiting[:n] {
		s.bytes -= len(line)
	}
	s.waiting = append([]string(nil), s.waiting[n:]...)
	s.lost -= lost
	s.stats.Lines += uint64(n)
	s.stats.Error = ""
	return true
}
