package locate

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"
)

// found is what the cache says to one question.
type found struct {
	records
	known     bool // there is an answer, fresh or old
	refreshAt time.Time
	err       error // why there is none, or none fresh
}

// cache keeps one answer per question, and asks each question once at a time.
type cache struct {
	fetch func(ctx context.Context, k key) (records, error)
	limit int // questions remembered

	base   context.Context // ends every question under way
	cancel context.CancelFunc
	wg     sync.WaitGroup
	slots  chan struct{} // questions under way

	mu      sync.Mutex
	closed  bool
	entries map[key]*entry
}

type entry struct {
	found
	pinned  bool // of a gateway: never forgotten
	used    time.Time
	retryAt time.Time     // after a failure: not asked again before
	flight  chan struct{} // closed when the question under way is answered
}

// Bounds of the cache.
const (
	maxUnderWay  = 32
	questionTime = 8 * time.Second // one question, all servers and retries together
)

var (
	errFull   = errors.New("too many names are being looked up")
	errClosed = errors.New("resolver is closed")
	errAbsent = errors.New("not in the cache")
)

func newCache(limit int, fetch func(context.Context, key) (records, error)) *cache {
	c := &cache{fetch: fetch, limit: limit, slots: make(chan struct{}, maxUnderWay), entries: map[key]*entry{}}
	c.base, c.cancel = context.WithCancel(context.Background())
	return c
}

func (c *cache) close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.cancel()
	c.wg.Wait()
}

// peek answers from memory. What is old is asked anew behind the scenes, and
// old says so.
func (c *cache) peek(k key) (f found, old bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	e := c.entries[k]
	if e == nil || !e.known {
		return found{err: errAbsent}, true
	}
	e.used = now
	if old = !now.Before(e.refreshAt); old {
		c.start(k, e, now)
	}
	return e.found, old
}

// ask answers with the freshest there is: it waits for every question that is
// due, and settles for the old answer where a name server fails.
func (c *cache) ask(ctx context.Context, pinned bool, keys ...key) []found {
	flights := make([]chan struct{}, len(keys))
	out := make([]found, len(keys))
	c.mu.Lock()
	now := time.Now()
	for i, k := range keys {
		e := c.entry(k, now)
		if e == nil {
			out[i] = found{err: errFull, refreshAt: now.Add(retryAfter)}
			continue
		}
		e.used, e.pinned = now, e.pinned || pinned
		if !e.known || !now.Before(e.refreshAt) {
			c.start(k, e, now)
		}
		flights[i], out[i] = e.flight, e.found
	}
	c.mu.Unlock()
	for i, flight := range flights {
		if flight != nil {
			out[i] = c.await(ctx, flight, keys[i], out[i])
		}
	}
	return out
}

func (c *cache) await(ctx context.Context, flight chan struct{}, k key, before found) found {
	select {
	case <-flight:
	case <-ctx.Done():
		before.err = context.Cause(ctx)
		before.refreshAt = time.Now().Add(retryAfter)
		return before
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.entries[k]; e != nil {
		return e.found
	}
	return before
}

// entry finds or makes one; nil when the cache is full of what must stay.
func (c *cache) entry(k key, now time.Time) *entry {
	if e := c.entries[k]; e != nil {
		return e
	}
	if len(c.entries) >= c.limit && !c.forget() {
		return nil
	}
	e := &entry{}
	c.entries[k] = e
	return e
}

// forget drops the entry not used for longest.
func (c *cache) forget() bool {
	var oldest key
	var victim *entry
	for k, e := range c.entries {
		if !e.pinned && e.flight == nil && (victim == nil || e.used.Before(victim.used)) {
			oldest, victim = k, e
		}
	}
	delete(c.entries, oldest)
	return victim != nil
}

// start asks the question unless it is being asked or has just failed.
func (c *cache) start(k key, e *entry, now time.Time) {
	if e.flight != nil || now.Before(e.retryAt) {
		return
	}
	if c.closed {
		e.err = errClosed
		return
	}
	flight := make(chan struct{})
	e.flight = flight
	c.wg.Go(func() { // Add is safe: close waits only after it has set closed under mu
		defer close(flight)
		r, err := c.question(k)
		c.mu.Lock()
		defer c.mu.Unlock()
		e.flight = nil
		e.settle(r, err, time.Now())
	})
}

func (c *cache) question(k key) (records, error) {
	ctx, cancel := context.WithTimeout(c.base, questionTime)
	defer cancel()
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return records{}, errFull
	}
	return c.fetch(ctx, k)
}

// settle takes the outcome of one question. A failure leaves the last good
// answer in place: a name server that is away is no news about the name.
func (e *entry) settle(r records, err error, now time.Time) {
	if err != nil {
		e.err, e.retryAt = err, now.Add(retryAfter)
		e.refreshAt = e.retryAt
		return
	}
	// The last tenth of the time to live is left for asking anew; the tenth
	// before it spreads the questions.
	keep := r.ttl - r.ttl/10 - rand.N(r.ttl/10)
	e.found = found{records: r, known: true, refreshAt: now.Add(keep)}
	e.retryAt = time.Time{}
}

// spawn runs f as one of the goroutines that close waits for; false when closed.
func (c *cache) spawn(f func()) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.wg.Go(f)
	return true
}
