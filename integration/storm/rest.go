package storm

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/speakops/sipedge/cutover"
	"github.com/speakops/sipedge/cutover/ledger"
	"github.com/speakops/sipedge/cutover/runner"
)

// patience is how long a fleet may take to come together once nothing fails.
const patience = 90 * time.Second

// heal ends the bad part: networks, disks and stores are as they should be, and
// whoever is down is started by whoever stopped it.
func (s *Storm) heal() {
	s.say("heal")
	s.mu.Lock()
	s.calm = true
	s.mu.Unlock()
	w := *s.weather()
	w.Late, w.Doubled, w.Stale, w.Lost, w.Aimed, w.Faults = 0, 0, 0, 0, nil, nil
	s.sky.Store(&w)
	for _, e := range s.edges {
		e.mu.Lock()
		e.route = nil
		e.mu.Unlock()
		e.failing.Store(false)
		e.usual()
	}
}

// rest waits until the fleet is at rest, and wants one more change of it.
func (s *Storm) rest() {
	patience := patience
	if s.broken.any {
		patience /= 3
	}
	if what := s.unrestAfter(patience); what != "" {
		if s.blockedForGood() {
			s.figures.Blocked.Add(1)
			return
		}
		s.verdict.Fault("%s after everything was healed: %s", patience, what)
		return
	}
	s.chronicle()
	s.finally()
}

// unrestAfter is why the fleet has not come to rest within a time, "" as soon as it has.
func (s *Storm) unrestAfter(patience time.Duration) (what string) {
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(250 * time.Millisecond) {
		if what = s.unrest(); what == "" {
			break
		}
	}
	return what
}

// unrest is why the fleet is not at rest, "" when it is.
func (s *Storm) unrest() string {
	var first *cutover.Revision
	for _, e := range s.edges {
		p := e.now()
		if p == nil {
			return e.name + " is down"
		}
		v, pair := p.runner.View(), p.runner.Pair()
		serves, why := p.runner.Serves()
		switch {
		case v.Err != nil:
			return fmt.Sprintf("%s: %v", e.name, v.Err)
		case !v.Recovered:
			return fmt.Sprintf("%s: the store is not recovered: %v", e.name, v.Blocked)
		case v.Pending != nil:
			return fmt.Sprintf("%s: revision %d is pending", e.name, v.Pending.Number)
		case pair.Prepared != nil:
			return fmt.Sprintf("%s has %.8s prepared and does not learn its outcome", e.name, pair.Prepared.ID)
		case !serves:
			return fmt.Sprintf("%s does not serve: %s", e.name, why)
		case p.clock.Status().Error > maxError || p.clock.Status().Former > 0:
			return fmt.Sprintf("%s: its clock is %+v", e.name, p.clock.Status())
		case first != nil && first.ID != pair.Committed.ID:
			return fmt.Sprintf("%s is at revision %d, %s at %d", e.name, pair.Committed.Number, s.edges[0].name, first.Number)
		}
		first = pair.Committed
	}
	return ""
}

// blockedForGood says that a recovery waits for what went down with a disk: an
// edge ran until after a revision differs, and nothing tells by which one it
// answered. Nobody may guess that.
func (s *Storm) blockedForGood() bool {
	for _, e := range s.edges {
		p := e.now()
		if p == nil {
			return false
		}
		v := p.runner.View()
		if v.Err != nil || v.Recovered || len(v.Blocked) == 0 {
			return false
		}
		for _, o := range v.Blocked {
			a := s.absence(o.Member)
			if _, late := s.shop.clocks(a.stopped); o.Why != cutover.WhyJournal || !a.said || late.Before(o.Differs) {
				return false
			}
		}
	}
	return true
}

// finally wants one more flip of a fleet at rest, on every edge, and nobody
// turned away after it.
func (s *Storm) finally() {
	err := s.oneMore()
	for try := 0; errors.As(err, new(*ledger.RoomError)) && try < 5; try++ {
		time.Sleep(2 * time.Second) // a step that somebody planned comes first
		err = s.oneMore()
	}
	if err != nil {
		s.verdict.Fault("a fleet at rest takes no change: %v", err)
	}
	time.Sleep(6 * time.Second)
	if what := s.unrestAfter(5 * time.Second); what != "" { // the janitor may be removing somebody
		s.verdict.Fault("at rest, and after one change no more: %s", what)
	}
	held, elsewhere := s.figures.Held.Load(), s.figures.Elsewhere.Load()
	time.Sleep(time.Second)
	if held != s.figures.Held.Load() || elsewhere != s.figures.Elsewhere.Load() {
		s.verdict.Fault("at rest, and calls are turned away: %d held, %d sent elsewhere", s.figures.Held.Load()-held, s.figures.Elsewhere.Load()-elsewhere)
	}
}

// oneMore is a change of the first list of numbers.
func (s *Storm) oneMore() (err error) {
	p := s.edges[0].now()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	committed := p.runner.Pair().Committed
	if live := s.on(committed, 0); live != nil {
		err = s.ask(ctx, "finally", "turn "+string(live.ID), func(ctx context.Context) (*runner.Change, error) {
			return p.runner.Turn(ctx, "finally", "turn", live.ID, live.At(p.clock.Now().Earliest).Other(), time.Time{})
		})
	} else if s.on(committed, 4) == nil && s.recorded(s.lists[0].At(0)) == s.recorded(s.lists[0].At(1)) {
		id := s.name(0)
		err = s.ask(ctx, "finally", "arm "+string(id), func(ctx context.Context) (*runner.Change, error) {
			return p.runner.Arm(ctx, "finally", id, s.lists[0], s.recorded(s.lists[0].At(0)), p.clock.Now().Latest.Add(3*time.Second).Truncate(time.Microsecond))
		})
	}
	return err
}

// chronicle counts what the store's journal tells, and wants every commit that
// was agreed to in time: a guard before anything differs.
func (s *Storm) chronicle() {
	p := s.edges[0].now()
	after, flips, differs := "", map[string]bool{}, map[string]time.Time{}
	for {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		entries, err := p.chain.Entries(ctx, after, 500)
		cancel()
		if err != nil {
			s.verdict.Fault("the store's journal cannot be read at rest: %v", err)
			return
		}
		for i := range entries {
			e := &entries[i]
			after = e.ID
			switch e.Kind() {
			case "proposed":
				differs[e.Get("revision")] = micros(e.Get("differs"))
			case "committed":
				s.figures.Commits.Add(1)
				// A recovery may commit later: it has everybody's journal to go by.
				if d := differs[e.Get("revision")]; !d.IsZero() && e.Get("because") != "recovery" && !e.At().Before(d.Add(-fleet.Guard)) {
					s.verdict.Fault("late: revision %.8s was committed at %v, which is no guard of %v before %v, when it differs", e.Get("revision"), e.At(), fleet.Guard, d)
				}
			case "aborted":
				s.figures.Aborts.Add(1)
			case "recovered":
				s.figures.Recoveries.Add(1)
			case runner.Flipped:
				flips[e.Get("cutover")+e.Get("detail")] = true
			}
		}
		if len(entries) < 500 {
			s.figures.Flips.Add(int64(len(flips)))
			return
		}
	}
}

// micros reads an instant of the journal, the zero time for none.
func micros(text string) time.Time {
	us, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

// agreed tells the verdict of a body that an operator was shown as in force.
func (s *Storm) agreed(r *cutover.Revision) {
	early, _ := s.shop.clocks(time.Now())
	s.verdict.Learned("an operator", s.body(r), early)
}
