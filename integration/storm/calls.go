package storm

import (
	"time"

	"github.com/speakops/sipedge/cutover"
	"github.com/speakops/sipedge/integration/storm/verdict"
	"github.com/speakops/sipedge/routing"
)

// near is how close to a step calls come thick and fast.
const near = 700 * time.Millisecond

// calls decides some calls on an edge, and says how long until the next.
func (e *edge) calls(d *dice) time.Duration {
	p := e.now()
	if p == nil || e.machine.sleeping() {
		return d.span(10*time.Millisecond, 30*time.Millisecond)
	}
	e.identify(p)
	e.s.learned(p)
	hot := p.hot()
	numbers := hot
	wait := d.span(300*time.Microsecond, 2*time.Millisecond)
	if len(hot) == 0 {
		wait = d.span(20*time.Millisecond, 60*time.Millisecond)
		for n := range routing.PublicNumber(8) {
			numbers = append(numbers, 12025550100+n)
		}
	}
	if d.chance(e.s.weather().Slow) {
		slow, n := d.span(time.Millisecond, 600*time.Millisecond), numbers[d.below(len(numbers))]
		e.s.working.Go(func() { e.decide(p, slow, len(hot) > 0, n) })
	}
	e.decide(p, 0, len(hot) > 0, numbers...)
	return wait
}

// hot are the numbers that a step concerns about now, by anything this edge has
// in force, committed or prepared.
func (p *proc) hot() []routing.PublicNumber {
	now := p.clock.Now()
	if now.Width() > time.Minute {
		return nil
	}
	var all []routing.PublicNumber
	pair := p.runner.Pair()
	for _, r := range []*cutover.Revision{pair.Committed, pair.Prepared} {
		if r == nil {
			continue
		}
		for i := range r.Schedule {
			c := &r.Schedule[i]
			for _, turn := range c.Turns {
				if now.Earliest.Add(-near).Before(turn.At) && now.Latest.Add(near).After(turn.At) {
					all = append(all, p.e.s.numbers(c.List)...)
					break
				}
			}
		}
	}
	return all
}

func (s *Storm) numbers(id cutover.ListID) []routing.PublicNumber {
	for _, l := range s.lists {
		if l.ID() == id {
			var all []routing.PublicNumber
			for n := range l.All {
				all = append(all, n)
			}
			return all
		}
	}
	s.verdict.Fault("list %s is none that was ever planned", id)
	return nil
}

// decide is one call per number. The clock is read, some time may pass (the
// machine does something else), and only then the revisions are looked at.
func (e *edge) decide(p *proc, slow time.Duration, around bool, numbers ...routing.PublicNumber) {
	s, world := e.s, *p.world
	serves, _ := p.runner.Serves()
	e.mu.Lock()
	serves = (serves || s.broken.always) && e.silent != p.runner.Self()
	e.mu.Unlock()
	if !serves {
		s.figures.Unfit.Add(int64(len(numbers)))
		return
	}
	before := map[routing.PublicNumber]routing.Schedule{}
	if s.broken.order { // rule 9, the other way round
		for _, n := range numbers {
			before[n], _ = world.Schedules(n)
		}
		time.Sleep(slow)
		world.Schedules = func(n routing.PublicNumber) (routing.Schedule, bool) {
			was := before[n]
			return was, was.Committed != nil || was.Open || was.Floor.Settled
		}
	}
	start := time.Now()
	at := p.clock.Now()
	early, _ := s.shop.clocks(start)
	at = s.broken.interval(at)
	if !s.broken.order {
		time.Sleep(slow)
	}
	if !p.up.Load() || e.machine.sleeping() {
		return
	}
	s.broken.schedules(&world)
	pair := p.runner.Pair()
	end := time.Now()
	_, late := s.shop.clocks(end)
	for _, n := range numbers {
		s.figures.Decisions.Add(1)
		if around {
			s.figures.Around.Add(1)
		}
		switch d := routing.Decide(&world, at, routing.Call{To: n}); d.Kind {
		case routing.KindRoute:
			s.figures.Answered.Add(1)
			s.verdict.Answered(verdict.Number(n), verdict.Answer{Edge: e.name, Holder: d.Authority.String(), Start: start, End: end, Early: early, Late: late})
		case routing.KindHold:
			s.figures.Held.Add(1)
			if !s.broken.any && !straddles(s, pair, n, at) {
				s.verdict.Fault("%s holds a call to %s at %v, and no step of it is there", e.name, n, at)
			}
		default:
			s.figures.Elsewhere.Add(1)
			p.excused(pair, n, at, d)
		}
	}
}

// excused: nobody is sent elsewhere but where an unresolved revision would answer
// otherwise, or where the clock is too wide for a step.
func (p *proc) excused(pair cutover.Pair, n routing.PublicNumber, at routing.Interval, d routing.Decision) {
	s, e := p.e.s, p.e
	switch {
	case s.broken.any:
	case d.Intent != routing.RetryElsewhere:
		s.verdict.Fault("%s refuses a call to %s: %s", e.name, n, d)
	case d.Because == routing.ClockTooWide && at.Width() > 2*maxError && straddles(s, pair, n, at):
	case d.Because == routing.RevisionUnresolved && differs(s, pair, n, at, p.holder(n)):
	default:
		schedule, _ := p.runner.Schedule(n)
		s.verdict.Fault("%s sends a call to %s elsewhere (%s) without a reason: its clock is at %v, the record says %s, and the revisions %+v", e.name, n, d.Because, at, p.holder(n), schedule)
	}
}

// holder is who has a number at t by one body, "" where it says nothing of it.
func (s *Storm) holder(r *cutover.Revision, n routing.PublicNumber, t time.Time) (holder string) {
	if r == nil {
		return ""
	}
	for _, c := range r.Schedule {
		for _, m := range s.numbers(c.List) {
			if m != n {
				continue
			}
			holder = c.First.String()
			for _, turn := range c.Turns {
				if !t.Before(turn.At) {
					holder = turn.Authority.String()
				}
			}
		}
	}
	return holder
}

// steps are the instants of a number's steps by one body, inside an interval.
func (s *Storm) steps(r *cutover.Revision, n routing.PublicNumber, at routing.Interval) (all []time.Time) {
	if r == nil {
		return nil
	}
	for _, c := range r.Schedule {
		for _, m := range s.numbers(c.List) {
			for _, turn := range c.Turns {
				if m == n && turn.At.After(at.Earliest) && !turn.At.After(at.Latest) {
					all = append(all, turn.At)
				}
			}
		}
	}
	return all
}

// straddles says that a step of the number may or may not be behind.
func straddles(s *Storm, pair cutover.Pair, n routing.PublicNumber, at routing.Interval) bool {
	return len(s.steps(pair.Committed, n, at)) > 0
}

// differs says that the prepared body has another holder than the committed one
// somewhere in the interval. Where one of them says nothing of the number, its
// record would hold: that of this edge, or the floor.
func differs(s *Storm, pair cutover.Pair, n routing.PublicNumber, at routing.Interval, record string) bool {
	if pair.Prepared == nil {
		return false
	}
	holder := func(r *cutover.Revision, t time.Time) string {
		if by := s.holder(r, n, t); by != "" {
			return by
		}
		return record
	}
	instants := append(s.steps(pair.Committed, n, at), s.steps(pair.Prepared, n, at)...)
	for _, t := range append(instants, at.Earliest, at.Latest) {
		if holder(pair.Committed, t) != holder(pair.Prepared, t) {
			return true
		}
	}
	return len(s.steps(pair.Prepared, n, at)) > 0
}

// holder is who holds a number where no timeline speaks, by this edge's word.
func (p *proc) holder(n routing.PublicNumber) string {
	number, _ := p.table.Get(n)
	if s, _ := p.runner.Schedule(n); s.Floor.Settled {
		return s.Floor.Authority.String()
	}
	return number.RoutingAuthority.String()
}

func (s *Storm) recorded(n routing.PublicNumber) routing.RoutingAuthority {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.records[n]
}

// learned tells the verdict what an edge has in force. What a joiner is to join on
// it has only heard of.
func (s *Storm) learned(p *proc) {
	r := p.runner.Pair().Committed
	if r == p.told || !r.Has(p.runner.Self()) {
		return
	}
	p.told = r
	early, _ := s.shop.clocks(time.Now())
	s.verdict.Learned(p.e.name, s.body(r), early)
}

// body is a revision as the verdict reads it.
func (s *Storm) body(r *cutover.Revision) verdict.Body {
	b := verdict.Body{ID: string(r.ID), Previous: string(r.Previous), Number: r.Number}
	for _, c := range r.Schedule {
		line := verdict.Cutover{ID: string(c.ID), First: c.First.String()}
		for _, turn := range c.Turns {
			line.Turns = append(line.Turns, verdict.Turn{At: turn.At, Holder: turn.Authority.String()})
		}
		for _, n := range s.numbers(c.List) {
			line.Numbers = append(line.Numbers, verdict.Number(n))
		}
		b.Cutovers = append(b.Cutovers, line)
	}
	return b
}
