package observe

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// maxFloodKeys bounds the keys a Flood tells apart; further ones share one.
const maxFloodKeys = 1024

// Flood writes lines of which an attacker, or a broken peer, decides how many
// there are: at most so many per second and key, then a count of the rest. Keys
// are made of kinds and configured names, such as "gate" and a trunk. It is
// safe for concurrent use.
type Flood struct {
	log *slog.Logger
	max int

	mu   sync.Mutex
	keys map[string]*tally
}

// tally is one key's current second.
type tally struct {
	second     int64
	written    int
	suppressed uint64
	level      slog.Level
	msg        string
}

// NewFlood allows perSecond lines (at least 1) for each key.
func NewFlood(log *slog.Logger, perSecond int) *Flood {
	return &Flood{log: log, max: max(1, perSecond), keys: make(map[string]*tally)}
}

// Log writes a line, or counts it. The first line of a key after a pause says
// how many were left out before it.
func (f *Flood) Log(ctx context.Context, level slog.Level, key, msg string, attrs ...slog.Attr) {
	if !f.log.Enabled(ctx, level) {
		return
	}
	suppressed, ok := f.allow(time.Now(), key, level, msg)
	if !ok {
		return
	}
	if suppressed > 0 {
		attrs = append(attrs[:len(attrs):len(attrs)], slog.Uint64(KeySuppressed, suppressed))
	}
	f.log.LogAttrs(ctx, level, msg, attrs...)
}

// Allow is Log for a line that costs something to make: it says whether the line
// may be written now, and how many of its key were left out before it. A line
// that may not is counted.
func (f *Flood) Allow(level slog.Level, key, msg string) (suppressed uint64, ok bool) {
	return f.allow(time.Now(), key, level, msg)
}

func (f *Flood) allow(now time.Time, key string, level slog.Level, msg string) (suppressed uint64, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	t := f.keys[key]
	if t == nil {
		if len(f.keys) >= maxFloodKeys {
			key = Other
		}
		if t = f.keys[key]; t == nil {
			t = new(tally)
			f.keys[key] = t
		}
	}
	if second := now.Unix(); t.second != second {
		t.second, t.written = second, 0
	}
	if t.written >= f.max {
		t.suppressed++
		t.level, t.msg = level, msg
		return 0, false
	}
	t.written++
	suppressed, t.suppressed = t.suppressed, 0
	return suppressed, true
}

// Run tells, every ten seconds, what was left out of floods that are over, and
// forgets quiet keys. It returns when ctx ends.
func (f *Flood) Run(ctx context.Context) error {
	tick := time.NewTicker(10 * time.Second)
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			f.settle(ctx, now)
		case <-ctx.Done():
			f.settle(context.WithoutCancel(ctx), time.Now().Add(time.Minute))
			return nil
		}
	}
}

// settle writes outside the lock: a slow log must not hold up those who count.
func (f *Flood) settle(ctx context.Context, now time.Time) {
	var over []tally
	f.mu.Lock()
	for key, t := range f.keys {
		if now.Unix()-t.second < 2 {
			continue
		}
		if t.suppressed > 0 {
			over = append(over, *t)
		}
		delete(f.keys, key)
	}
	f.mu.Unlock()
	for _, t := range over {
		f.log.LogAttrs(ctx, t.level, t.msg, slog.Uint64(KeySuppressed, t.suppressed))
	}
}
