package storm

import (
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/cryptotest"
	"testing/synctest"
	"time"

	"github.com/speakops/sipedge/cutover"
	"github.com/speakops/sipedge/integration/storm/verdict"
	"github.com/speakops/sipedge/routing"
)

const (
	maxError = 250 * time.Millisecond
	poll     = 200 * time.Millisecond
)

var fleet = cutover.Fleet{Guard: 900 * time.Millisecond, Lead: 1900 * time.Millisecond, PrepareTimeout: 3 * time.Second}

// Storm is one evening.
type Storm struct {
	seed    uint64
	sky     atomic.Pointer[Weather] // read by everybody, changed once, by heal
	broken  breaks
	shop    *shop
	verdict *verdict.Verdict
	lists   []cutover.List
	edges   []*edge
	log     func(format string, args ...any)

	mu      sync.Mutex
	calm    bool // nothing fails any more
	away    int  // times the store is
	records map[routing.PublicNumber]routing.RoutingAuthority
	gone    map[cutover.MemberID]absence // identities that are over, by the operators' word
	serial  int                          // of cutovers

	trace   atomic.Uint64  // of every message that arrived
	working sync.WaitGroup // everybody who acts
	wires   sync.WaitGroup // every message under way
	over    chan struct{}  // the bad part is over
	closing chan struct{}
	figures Figures
}

// absence is what operators know of an identity that is over.
type absence struct {
	stopped time.Time // true time
	said    bool      // an operator has said so at least once
}

// Figures count what happened in one evening or many.
type Figures struct {
	Seeds, Proposals, Armed, Refused, Unconfirmed       atomic.Int64
	Commits, Aborts, Recoveries, Flips                  atomic.Int64
	Decisions, Around, Answered, Held, Elsewhere, Unfit atomic.Int64
	Crashes, Failovers, Partitions, Identities          atomic.Int64
	Blocked                                             atomic.Int64
}

// String is the line of figures.
func (f *Figures) String() string {
	return fmt.Sprintf("seeds %d, revisions %d (armed %d, refused %d, unconfirmed %d), commits %d, aborts %d, recoveries %d, flips %d, decisions %d (around flips %d, answered %d, held %d, sent elsewhere %d), not ready %d, crashes %d, failovers %d, partitions %d, identities lost %d, rightly blocked for good %d",
		f.Seeds.Load(), f.Proposals.Load(), f.Armed.Load(), f.Refused.Load(), f.Unconfirmed.Load(), f.Commits.Load(), f.Aborts.Load(), f.Recoveries.Load(), f.Flips.Load(),
		f.Decisions.Load(), f.Around.Load(), f.Answered.Load(), f.Held.Load(), f.Elsewhere.Load(), f.Unfit.Load(), f.Crashes.Load(), f.Failovers.Load(), f.Partitions.Load(), f.Identities.Load(), f.Blocked.Load())
}

// weather is what it is like now.
func (s *Storm) weather() *Weather { return s.sky.Load() }

// Evening plays one seed and returns what must not have been, with a digest of
// all that happened: the same seed has the same one.
func Evening(t *testing.T, seed uint64, weather func(*dice) Weather, broken breaks, figures *Figures, log func(string, ...any)) (faults []string, trace string) {
	cryptotest.SetGlobalRandom(t, seed)
	// What becomes ready at one instant runs in the order it did so.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	synctest.Test(t, func(t *testing.T) {
		s := &Storm{seed: seed, broken: broken, log: log, verdict: verdict.New("legacy"), records: map[routing.PublicNumber]routing.RoutingAuthority{},
			gone: map[cutover.MemberID]absence{}, over: make(chan struct{}), closing: make(chan struct{})}
		w := weather(diceOf(seed, "weather"))
		s.sky.Store(&w)
		faults, trace = s.play()
		add(figures, &s.figures)
	})
	return faults, trace
}

func (s *Storm) play() (faults []string, trace string) {
	s.shop = newShop()
	defer s.shop.close()
	d := diceOf(s.seed, "beginning")
	s.shop.failover(emptied, d.either(s.weather().Skew), d.skew(s.weather().Drift))
	s.print()
	for i := range s.weather().Edges + s.weather().Later {
		e := newEdge(s, i)
		s.edges = append(s.edges, e)
		s.working.Go(func() { e.live() })
	}
	well := false
	if s.weather().Story != nil {
		well = s.tell()
	} else {
		s.working.Go(s.replicating)
		s.working.Go(s.troubles)
		for i := range s.weather().Operators {
			s.working.Go(func() { s.operator(i) })
		}
		s.working.Go(s.janitor)
		well = s.badPart()
	}
	if well {
		s.heal()
		close(s.over)
		s.rest()
	} else {
		close(s.over)
	}
	close(s.closing)
	s.working.Wait()
	for _, e := range s.edges {
		e.stop()
	}
	s.wires.Wait()
	time.Sleep(3 * time.Second) // pools of connections notice late that they were closed
	s.figures.Seeds.Add(1)
	faults = s.verdict.Judge()
	return faults, fmt.Sprintf("%x at %d: %s", s.trace.Load(), time.Now().UnixNano(), s.figures.String())
}

// passed notes that a message arrived. The order in which messages of one instant
// are noted makes no difference.
func (s *Storm) passed(e *edge, kind string, to *life) {
	s.trace.Add(diceOf(uint64(to.number), kind, uint64(e.index), uint64(time.Now().UnixNano())).next())
	if s.log != nil && os.Getenv("STORM_MESSAGES") != "" {
		s.say("%s -> store %d: %s", e.name, to.number, kind)
	}
}

// badPart lets everything happen, and says whether nothing was wrong so far.
func (s *Storm) badPart() bool {
	const every = 5 * time.Second
	for past := time.Duration(0); past < s.weather().Length; past += every {
		time.Sleep(every)
		if s.verdict.Failed() {
			return false
		}
	}
	return true
}

// print makes the lists of numbers: cutovers of two numbers each, and one list
// that shares a number with two of them.
func (s *Storm) print() {
	number := func(i int) routing.PublicNumber { return 12025550100 + routing.PublicNumber(i) }
	add := func(numbers ...routing.PublicNumber) {
		l, err := cutover.NewList(numbers)
		if err != nil {
			panic(err)
		}
		s.lists = append(s.lists, l)
	}
	for i := range 4 {
		add(number(2*i), number(2*i+1))
	}
	add(number(1), number(2))
	for i := range 8 {
		s.records[number(i)] = routing.Legacy
	}
}

// draw gives dice for what an edge does now. Neither goroutines nor what another
// edge does change them.
func (s *Storm) draw(e *edge, what string) *dice {
	return diceOf(s.seed, what, uint64(e.index), uint64(time.Now().UnixNano()))
}

// skew is a drift of a clock.
func (d *dice) skew(most int64) int64 { return int64(d.below(int(2*most+1))) - most }

// pause waits, at most until the bad part is over, and says whether it is not.
func (s *Storm) pause(d time.Duration) bool {
	select {
	case <-s.over:
		return false
	case <-time.After(d):
		return true
	}
}

// lives waits, at most until the evening is over, and says whether it is not.
func (s *Storm) lives(d time.Duration) bool {
	select {
	case <-s.closing:
		return false
	case <-time.After(d):
		return true
	}
}

// replicating keeps a replica some way behind.
func (s *Storm) replicating() {
	d := diceOf(s.seed, "replica")
	for s.pause(d.span(200*time.Millisecond, 4*time.Second)) {
		s.shop.snapshot()
	}
}

// target is which life of the store an edge reaches.
func (s *Storm) target(route *life) *life {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.away > 0 {
		return nil
	}
	s.shop.mu.Lock()
	defer s.shop.mu.Unlock()
	if route != nil {
		return route
	}
	return s.shop.live()
}

// say logs with the true time.
func (s *Storm) say(format string, args ...any) {
	if s.log != nil {
		s.log(time.Now().UTC().Format("15:04:05.000000 ")+format, args...)
	}
}

func add(to, from *Figures) {
	if to == nil {
		return
	}
	for _, p := range [][2]*atomic.Int64{
		{&to.Seeds, &from.Seeds}, {&to.Proposals, &from.Proposals}, {&to.Armed, &from.Armed}, {&to.Refused, &from.Refused}, {&to.Unconfirmed, &from.Unconfirmed},
		{&to.Commits, &from.Commits}, {&to.Aborts, &from.Aborts}, {&to.Recoveries, &from.Recoveries}, {&to.Flips, &from.Flips}, {&to.Decisions, &from.Decisions},
		{&to.Around, &from.Around}, {&to.Answered, &from.Answered}, {&to.Held, &from.Held}, {&to.Elsewhere, &from.Elsewhere}, {&to.Unfit, &from.Unfit},
		{&to.Crashes, &from.Crashes}, {&to.Failovers, &from.Failovers}, {&to.Partitions, &from.Partitions}, {&to.Identities, &from.Identities}, {&to.Blocked, &from.Blocked},
	} {
		p[0].Add(p[1].Load())
	}
}
