package sipedge

import (
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/speakops/sipedge/routing"
)

// Meter is what an edge counts. Everything is read at any time by whoever shows it.
type Meter struct {
	dialogs     atomic.Int64
	panics      atomic.Int64
	strays      atomic.Int64
	strange     atomic.Int64
	forged      atomic.Int64
	unsent      atomic.Int64
	unjournaled atomic.Int64
	protocol    atomic.Int64 // requests refused for what they are: 400, 416, 420, 481, ...
}

func (m *Meter) stray()    { m.strays.Add(1) }
func (m *Meter) fault(int) { m.protocol.Add(1) }

// trunkStats counts one trunk's calls.
type trunkStats struct {
	calls   [4]atomic.Int64 // by routing.Kind
	finals  [7]atomic.Int64 // by class of code
	mu      sync.Mutex
	because map[routing.Because]int64
	turned  map[routing.Because]int64
}

// hopStats counts one gateway's attempts.
type hopStats struct {
	attempts atomic.Int64
	finals   [7]atomic.Int64 // by class; 0 is silence
}

func (m *Meter) decided(t *trunk, d *routing.Decision, because routing.Because) {
	t.stats.calls[d.Kind&3].Add(1)
	t.stats.count(&t.stats.because, because)
}

func (m *Meter) refused(t *trunk, because routing.Because) { t.stats.count(&t.stats.turned, because) }

func (m *Meter) final(t *trunk, code int) { t.stats.finals[min(code/100, 6)].Add(1) }

func (s *trunkStats) count(into *map[routing.Because]int64, b routing.Because) {
	s.mu.Lock()
	if *into == nil {
		*into = map[routing.Because]int64{}
	}
	(*into)[b]++ // the words are constants: the map is bounded by them
	s.mu.Unlock()
}

// floods lets one line per key and second into the log, and counts the rest.
type floods struct {
	mu   sync.Mutex
	last map[string]*flood
}

type flood struct {
	at      time.Time
	skipped int
}

const maxFloodKeys = 1024

func (f *floods) warn(log *slog.Logger, key, msg string, args ...any) {
	f.mu.Lock()
	if f.last == nil || len(f.last) > maxFloodKeys {
		f.last = map[string]*flood{}
	}
	one := f.last[key]
	if one == nil {
		one = &flood{}
		f.last[key] = one
	}
	if now := time.Now(); now.Sub(one.at) < time.Second {
		one.skipped++
		f.mu.Unlock()
		return
	} else {
		one.at = now
	}
	skipped := one.skipped
	one.skipped = 0
	f.mu.Unlock()
	if skipped > 0 {
		args = append(args, "suppressed", skipped)
	}
	log.Warn(msg, args...)
}
