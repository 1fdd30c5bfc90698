package admin

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Event is one thing that happened.
type Event struct {
	ID   string          `json:"-"` // of the stream; see Bus
	Kind string          `json:"kind" doc:"Two words: of what, and what happened." example:"cutover.armed"`
	At   time.Time       `json:"at" doc:"When this edge took notice."`
	Data json.RawMessage `json:"data"`
}

// Bus remembers the last events for those who listen. Publishing never waits:
// a listener reads from this memory at his own pace, and one who is too slow for
// it is told that he has missed something. It is safe for use by many goroutines.
type Bus struct {
	epoch string // another run of the program counts anew

	mu    sync.Mutex
	ring  []Event // of the numbers next-len to next-1
	next  uint64
	bytes int
	rung  chan struct{} // closed at the next event
}

// Bounds of a Bus.
const (
	busEvents = 4096
	busBytes  = 8 << 20
	busEvent  = 64 << 10
)

// NewBus makes an empty one.
func NewBus() *Bus { return &Bus{epoch: rand.Text()[:8], next: 1, rung: make(chan struct{})} }

// Publish tells everyone who listens. data becomes JSON; what cannot, or is
// larger than 64 KiB, is told as null. A nil Bus has no listeners.
func (b *Bus) Publish(kind string, data any) {
	if b == nil {
		return
	}
	body, err := json.Marshal(data)
	if err != nil || len(body) > busEvent {
		body = []byte("null")
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ring = append(b.ring, Event{ID: b.id(b.next), Kind: kind, At: time.Now().UTC(), Data: body})
	b.next++
	b.bytes += len(body)
	for len(b.ring) > busEvents || b.bytes > busBytes {
		b.bytes -= len(b.ring[0].Data)
		b.ring[0] = Event{}
		b.ring = b.ring[1:]
	}
	close(b.rung)
	b.rung = make(chan struct{})
}

func (b *Bus) id(n uint64) string { return b.epoch + "-" + strconv.FormatUint(n, 10) }

// gap says that a listener has missed events, and why.
type gap struct {
	Because string `json:"because" enum:"restarted,too_slow" doc:"restarted: the edge has, and counts anew; too_slow: the events were forgotten before they were read."`
	Missed  uint64 `json:"missed,omitempty" doc:"How many, where it is known."`
}

// cursor is where a listener stands: the next event he wants.
type cursor struct{ next uint64 }

// at finds where to go on after the event with this id: "" is now, "0" as far
// back as is remembered.
func (b *Bus) at(last string) (cursor, *gap, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch last {
	case "":
		return cursor{b.next}, nil, nil
	case "0":
		return cursor{b.next - uint64(len(b.ring))}, nil, nil
	}
	epoch, text, ok := strings.Cut(last, "-")
	n, err := strconv.ParseUint(text, 10, 63)
	switch {
	case !ok || err != nil:
		return cursor{}, nil, fmt.Errorf("%.40q is no id of an event; leave it out to begin now, or send 0 for all that is remembered", last)
	case epoch != b.epoch || n >= b.next:
		return cursor{b.next - uint64(len(b.ring))}, &gap{Because: "restarted"}, nil
	}
	return cursor{n + 1}, nil, nil
}

// take is what came since, at most so many at once, and what rings when there is more.
func (b *Bus) take(c *cursor, most int) (events []Event, missed *gap, rung <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	first := b.next - uint64(len(b.ring))
	if c.next < first {
		missed = &gap{"too_slow", first - c.next}
		c.next = first
	}
	there := b.ring[c.next-first:]
	events = append(events, there[:min(most, len(there))]...)
	c.next += uint64(len(events))
	return events, missed, b.rung
}
