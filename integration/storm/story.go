package storm

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/speakops/sipedge/cutover"
	"github.com/speakops/sipedge/cutover/runner"
	"github.com/speakops/sipedge/routing"
)

// A story is an evening that somebody wrote. Chance finds most of what goes wrong
// without a rule; but some rules are there for five things in a row, each of
// which is rare, and no number of evenings comes to them. A story says what
// happens, on the same packages, and what comes of it is for the same verdict.
// Calls are decided all the while, as ever.

// tale is a story while it is told.
type tale struct {
	*Storm
	a, b, c *edge
}

// stuck says that a story does not come to its point: it proves nothing then.
type stuck string

const untold = "story: "

// calm is the weather of stories: nothing happens but what they say.
func calm(story func(*tale)) func(*dice) Weather {
	return func(*dice) Weather {
		return Weather{Edges: 3, Skew: 5 * time.Millisecond, Drift: 90, Story: story}
	}
}

// tell tells the story, and says whether nothing was wrong so far.
func (s *Storm) tell() bool {
	t := &tale{s, s.edges[0], s.edges[1], s.edges[2]}
	func() {
		defer func() {
			if why, is := recover().(stuck); is {
				s.verdict.Fault("%s%s", untold, why)
			}
		}()
		t.rests()
		s.weather().Story(t)
	}()
	s.working.Go(s.janitor)
	return !s.verdict.Failed()
}

// until waits for what the story takes for granted.
func (t *tale) until(what string, is func() bool) {
	for end := time.Now().Add(30 * time.Second); !is(); time.Sleep(time.Millisecond + 7*time.Nanosecond) {
		if time.Now().After(end) {
			panic(stuck("it never happens that " + what))
		}
	}
}

// rests waits until everybody serves and nothing is under way.
func (t *tale) rests() { t.until("the fleet comes to rest", func() bool { return t.unrest() == "" }) }

// past waits until it is so long after an instant, by the live store's clock.
func (t *tale) past(at time.Time, by time.Duration) {
	t.shop.mu.Lock()
	now := t.shop.live().clock(time.Now())
	t.shop.mu.Unlock()
	time.Sleep(at.Add(by).Sub(now))
}

// arms asks for a flip of the first list so far ahead, through an edge, and
// returns the instant and the revision once it is pending or more.
func (t *tale) arms(by *edge, ahead time.Duration) (at time.Time, x cutover.RevisionID) {
	p := by.now()
	at = p.clock.Now().Latest.Add(ahead).Truncate(time.Microsecond)
	id, was := t.name(0), t.shop.state("committed")
	t.asks(func(ctx context.Context) (*runner.Change, error) {
		return p.runner.Arm(ctx, "somebody", id, t.lists[0], routing.Legacy, at)
	})
	t.until("a revision is proposed", func() bool {
		if x = cutover.RevisionID(t.shop.state("pending")); x == "" && t.shop.state("committed") != was {
			x = cutover.RevisionID(t.shop.state("committed"))
		}
		return x != ""
	})
	return at, x
}

// asks has somebody ask for a change, and wait for what becomes of it.
func (t *tale) asks(change func(context.Context) (*runner.Change, error)) {
	t.working.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 8*time.Second)
		defer cancel()
		_ = t.ask(ctx, "somebody", "story", change)
	})
}

// prepared waits until each of the edges has a revision prepared.
func (t *tale) prepared(all ...*edge) {
	for _, e := range all {
		t.until(e.name+" prepares", func() bool { return e.now().runner.Pair().Prepared != nil })
	}
}

// knows waits until each of the edges has a revision in force.
func (t *tale) knows(x cutover.RevisionID, all ...*edge) {
	for _, e := range all {
		t.until(e.name+" learns of the commit", func() bool { c := e.now().runner.Pair().Committed; return c != nil && c.ID == x })
	}
}

// acknowledged waits until the store has so many acknowledgements, or committed.
func (t *tale) acknowledged(x cutover.RevisionID, n int) {
	t.until(fmt.Sprintf("%d acknowledge", n), func() bool { return t.shop.acks() >= n || t.shop.state("committed") == string(x) })
}

// hears waits until an edge has heard an old answer, in place of the next one, and
// can hear nothing else.
func (t *tale) hears(e *edge, answer string) {
	e.odd.Lock()
	e.old, e.deaf = answer, false
	e.odd.Unlock()
	t.until(e.name+" hears the old answer", func() bool {
		e.odd.Lock()
		defer e.odd.Unlock()
		return e.old == ""
	})
	time.Sleep(100 * time.Millisecond)
}

// stops kills an edge for good, its disk with it or not: whoever comes back there
// is somebody else, and operators know.
func (t *tale) stops(e *edge, disk bool) cutover.MemberID {
	self := e.now().runner.Self()
	e.mu.Lock()
	e.silent = self
	e.mu.Unlock()
	e.die(diceOf(t.seed, "stops"))
	if disk {
		e.disk.names, e.owed = nil, ""
	}
	t.bury(self, time.Now())
	return self
}

// off declares an edge off through another.
func (t *tale) off(by *edge, m cutover.MemberID) {
	t.until(string(m)+" is declared off", func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		return by.now().runner.DeclareOff(ctx, "somebody", m, "it is over", time.Time{}) == nil
	})
}

// replaced brings another life of the store, whose clock is so far ahead of the
// last one's. Everybody finds it at once.
func (t *tale) replaced(how succession, ahead time.Duration) (was *life) {
	t.shop.mu.Lock()
	was = t.shop.live()
	t.shop.mu.Unlock()
	t.shop.failover(how, was.clock(time.Now()).Sub(time.Now())+ahead, was.drift)
	return was
}

// strange is what stories do to the messages of an edge.
type strange struct {
	odd     sync.Mutex
	loses   map[string]time.Duration // kinds of messages that never arrive, or only so late
	deaf    bool                     // no message arrives at all
	records bool                     // what the store answers
	record  []string
	old     string // an answer that is given once more, in place of the next; the edge is deaf after it
}

// lose makes messages of these kinds get lost from now on.
func (e *strange) lose(kinds ...string) { e.late(0, kinds...) }

// late makes messages of these kinds arrive when nobody waits for them any more.
func (e *strange) late(by time.Duration, kinds ...string) {
	e.odd.Lock()
	defer e.odd.Unlock()
	if e.loses == nil {
		e.loses = map[string]time.Duration{}
	}
	for _, k := range kinds {
		e.loses[k] = by
	}
}

// isolate cuts an edge off, or no longer.
func (e *strange) isolate(yes bool) {
	e.odd.Lock()
	defer e.odd.Unlock()
	e.deaf = yes
}

// taping begins to keep what the store answers to questions about the chain, or
// ends it and returns what it has.
func (e *strange) taping(yes bool) []string {
	e.odd.Lock()
	defer e.odd.Unlock()
	e.records = yes
	return e.record
}

// usual is the end of all that.
func (e *strange) usual() {
	e.odd.Lock()
	defer e.odd.Unlock()
	e.loses, e.deaf, e.records, e.old = nil, false, false, ""
}

// fate says that a message gets lost, or arrives so late.
func (e *strange) fate(kind string) (by time.Duration, lost bool) {
	e.odd.Lock()
	defer e.odd.Unlock()
	by, lost = e.loses[kind]
	return by, lost || e.deaf
}

// told is what an edge hears in place of an answer about the chain.
func (e *strange) told(answer []byte) []byte {
	e.odd.Lock()
	defer e.odd.Unlock()
	if old := e.old; old != "" {
		e.old, e.deaf = "", true
		return []byte(old)
	}
	if e.records {
		e.record = append(e.record, string(answer))
	}
	return answer
}
