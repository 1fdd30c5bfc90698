package storm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/speakops/sipedge/cutover"
	"github.com/speakops/sipedge/cutover/ledger"
	"github.com/speakops/sipedge/cutover/runner"
)

// operator is one person with a plan an hour, through whichever edge answers.
// There are several at once, and they know nothing of each other.
func (s *Storm) operator(i int) {
	d := diceOf(s.seed, "operator", uint64(i))
	if !s.pause(d.span(1500*time.Millisecond, 3*time.Second)) {
		return
	}
	for s.pause(d.span(50*time.Millisecond, 2*time.Second)) {
		p := s.edges[d.below(len(s.edges))].now()
		if p == nil {
			continue
		}
		ctx, cancel := context.WithTimeout(context.Background(), d.span(2*time.Second, 8*time.Second))
		s.plan(ctx, p, d, fmt.Sprintf("operator-%d", i+1))
		cancel()
	}
}

// plan changes something.
func (s *Storm) plan(ctx context.Context, p *proc, d *dice, who string) {
	r := p.runner
	committed := r.Pair().Committed
	if committed == nil {
		return
	}
	i := d.below(len(s.lists))
	at := p.clock.Now().Latest.Add(d.span(fleet.Lead+100*time.Millisecond, fleet.Lead+4*time.Second)).Truncate(time.Microsecond)
	live := s.on(committed, i)
	if live == nil {
		first := s.recorded(s.lists[i].At(0))
		if s.recorded(s.lists[i].At(1)) != first {
			return
		}
		if d.chance(0.15) {
			at = time.Time{} // manual
		}
		id := s.name(i)
		s.ask(ctx, who, "arm "+string(id), func(ctx context.Context) (*runner.Change, error) {
			return r.Arm(ctx, who, id, s.lists[i], first, at)
		})
		return
	}
	id := live.ID
	do := func(what string, change func(ctx context.Context) (*runner.Change, error)) {
		s.ask(ctx, who, what+" "+string(id), change)
	}
	over := s.finished(live)
	switch roll := d.below(12); {
	case roll < 3 && over, roll < 2:
		s.settle(ctx, p, live, who)
	case roll < 5:
		do("move", func(ctx context.Context) (*runner.Change, error) { return r.Move(ctx, who, id, at) })
	case roll < 6:
		do("cancel", func(ctx context.Context) (*runner.Change, error) { return r.Cancel(ctx, who, id) })
	case roll < 8:
		do("flip", func(ctx context.Context) (*runner.Change, error) { return r.Flip(ctx, who, id) })
	case roll < 10:
		do("rollback", func(ctx context.Context) (*runner.Change, error) { return r.Rollback(ctx, who, id) })
	case roll < 11:
		to := live.Final().Other()
		do("turn", func(ctx context.Context) (*runner.Change, error) { return r.Turn(ctx, who, "turn", id, to, at) })
	default:
		s.abort(ctx, p, committed, who)
	}
}

// abort takes back what is pending, and tries it with what is committed already.
func (s *Storm) abort(ctx context.Context, p *proc, committed *cutover.Revision, who string) {
	if p.runner.Abort(ctx, who, "thought again") == nil {
		s.say("%s aborted what was pending", who)
	}
	_, err := p.chain.Abort(ctx, p.runner.View().Generation, committed.ID, who, ledger.ByOperator, "too late")
	if err == nil && !s.broken.any {
		s.say("%s aborted %.8s, which was committed", who, committed.ID)
	}
}

// revision draws the id of a revision.
func (s *Storm) revision() cutover.RevisionID {
	if s.broken.counts {
		return cutover.RevisionID(fmt.Sprintf("%032x", s.shop.proposals()))
	}
	return runner.NewRevisionID()
}

// mischief is what operators do who keep no rules.
func (s *Storm) mischief(ctx context.Context, p *proc, v *runner.View, d *dice) {
	e := s.edges[d.below(len(s.edges))]
	e.mu.Lock()
	self := e.self
	e.mu.Unlock()
	if s.broken.lie && self != "" && d.chance(0.3) {
		_ = p.runner.DeclareOff(ctx, "janitor", self, "I thought so", time.Time{})
	}
	if prev := v.Committed; s.broken.evict && v.Recovered && prev.Has(self) && len(prev.Members) > 1 && d.chance(0.5) {
		next := *prev
		next.ID, next.Previous, next.Number = s.revision(), prev.ID, prev.Number+1
		next.Members = slices.DeleteFunc(slices.Clone(prev.Members), func(m cutover.MemberID) bool { return m == self })
		_, _ = p.chain.Propose(ctx, ledger.Proposal{Generation: v.Generation, Previous: prev, Revision: &next, Who: "janitor"})
	}
}

// on is the live cutover of the ith list.
func (s *Storm) on(r *cutover.Revision, i int) *cutover.Cutover {
	for j := range r.Schedule {
		if r.Schedule[j].List == s.lists[i].ID() {
			return &r.Schedule[j]
		}
	}
	return nil
}

// name draws the name of a cutover of the ith list.
func (s *Storm) name(i int) cutover.ID {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.serial++
	return cutover.ID(fmt.Sprintf("c-%d-%d", i, s.serial))
}

// ask puts a change before the fleet and tells the verdict what was said of it.
func (s *Storm) ask(ctx context.Context, who, what string, change func(ctx context.Context) (*runner.Change, error)) error {
	id := s.revision()
	s.figures.Proposals.Add(1)
	c, err := change(runner.Named(ctx, id))
	s.say("%s: %s (%.8s): %v", who, what, id, err)
	var not *runner.NotAcceptedError
	var unsure *runner.UnconfirmedError
	switch {
	case err == nil && c.Armed():
		s.figures.Armed.Add(1)
		s.agreed(c.Revision)
		s.verdict.Promised(string(c.Revision.ID), what)
	case errors.As(err, &not):
		s.figures.Refused.Add(1)
		s.verdict.Refused(string(not.ID), not.Why)
	case errors.As(err, &unsure):
		s.figures.Unconfirmed.Add(1)
	}
	return err
}

// finished says that every step of a cutover is behind, by every clock.
func (s *Storm) finished(c *cutover.Cutover) bool {
	early, _ := s.shop.clocks(time.Now())
	return len(c.Turns) == 0 || early.After(c.Last().Add(fleet.Guard))
}

// settle folds authority into the records of every edge, each in its own time,
// and lets the timeline go. Somebody may be too early with that.
func (s *Storm) settle(ctx context.Context, p *proc, c *cutover.Cutover, who string) {
	if s.finished(c) || s.broken.hasty {
		final := c.Final()
		s.mu.Lock()
		for _, n := range s.numbers(c.List) {
			s.records[n] = final
		}
		s.mu.Unlock()
		d := diceOf(s.seed, "fold", uint64(time.Now().UnixNano()))
		for _, e := range s.edges {
			lag := d.span(0, 2*time.Second)
			s.working.Go(func() {
				s.pause(lag)
				if p := e.now(); p != nil {
					for _, n := range s.numbers(c.List) {
						p.record(n, final)
					}
				}
			})
		}
		if !s.pause(d.span(0, 3*time.Second)) {
			return
		}
	}
	_ = s.ask(ctx, who, "settle "+string(c.ID), func(ctx context.Context) (*runner.Change, error) { return p.runner.Settle(ctx, who, c.ID) })
}

// janitor is the operator who knows which edges are over: says so, again after a
// store has forgotten it, takes them out of the fleet, and answers what a
// recovery asks for.
func (s *Storm) janitor() {
	d := diceOf(s.seed, "janitor")
	for s.lives(d.span(200*time.Millisecond, 1200*time.Millisecond)) {
		p := s.edges[d.below(len(s.edges))].now()
		if p == nil {
			continue
		}
		v := p.runner.View()
		if v.Err != nil || v.Changed && !v.Empty || v.Read.IsZero() {
			continue
		}
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		s.tidy(ctx, p, &v, d)
		cancel()
	}
}

func (s *Storm) tidy(ctx context.Context, p *proc, v *runner.View, d *dice) {
	s.mischief(ctx, p, v, d)
	for _, m := range s.missed(v) {
		stopped := time.Time{}
		if s.asksFor(v, m) || d.chance(0.5) {
			_, stopped = s.shop.clocks(s.absence(m).stopped)
		}
		s.say("janitor: %s is off since %v", m, stopped)
		if p.runner.DeclareOff(ctx, "janitor", m, "it is over", stopped) == nil {
			s.mu.Lock()
			a := s.gone[m]
			a.said = true
			s.gone[m] = a
			s.mu.Unlock()
		}
	}
	switch {
	case v.Empty || len(v.Blocked) > 0 && v.Blocked[0].Why == cutover.WhyChain:
		if s.verdict.Chain() == 0 { // there never was one
			_ = p.runner.Begin(ctx, "janitor")
		}
	case v.Recovered && v.Committed != nil && v.Pending == nil && d.chance(0.3):
		if slices.ContainsFunc(v.Committed.Members, func(m cutover.MemberID) bool { return slices.Contains(v.Off, m) }) {
			_ = s.ask(ctx, "janitor", "remove", func(ctx context.Context) (*runner.Change, error) {
				c, err := p.runner.Remove(ctx, "janitor")
				if c == nil && err == nil {
					err = errors.New("nobody is to be removed")
				}
				return c, err
			})
		}
	case !v.Recovered && len(v.Blocked) > 0 && v.Blocked[0].Why == cutover.WhyWitness && s.orphaned():
		_, _ = p.chain.Recover(ctx, v.Generation, "janitor")
	case v.Recovered && v.Committed != nil && s.orphaned():
		_, _ = p.chain.Adopt(ctx, "janitor")
	}
}

// missed are the identities that are over and of which this store does not know
// so, or not enough.
func (s *Storm) missed(v *runner.View) (all []cutover.MemberID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for m := range s.gone {
		if !slices.Contains(v.Off, m) || s.asksFor(v, m) {
			all = append(all, m)
		}
	}
	slices.Sort(all)
	return all
}

func (s *Storm) absence(m cutover.MemberID) absence {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.gone[m]
}

// asksFor says that a recovery waits for a word about an edge that is off.
func (s *Storm) asksFor(v *runner.View, m cutover.MemberID) bool {
	return slices.ContainsFunc(v.Blocked, func(o cutover.Obstacle) bool { return o.Why == cutover.WhyJournal && o.Member == m })
}

// orphaned says that no edge is left that is a member of anything.
func (s *Storm) orphaned() bool {
	for _, e := range s.edges {
		e.mu.Lock()
		p, silent := e.proc, e.silent
		e.mu.Unlock()
		if p == nil || p.runner.Pair().Committed.Has(p.runner.Self()) && p.runner.Self() != silent {
			return false
		}
	}
	return true
}
