package runner

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/speakops/sipedge/cutover"
	"github.com/speakops/sipedge/cutover/ledger"
	"github.com/speakops/sipedge/routing"
)

// Arm makes a cutover live. At is when authority goes to the other side; the
// zero time arms it without an instant, for Flip to name one later.
func (r *Runner) Arm(ctx context.Context, who string, id cutover.ID, list cutover.List, first routing.RoutingAuthority, at time.Time) (*Change, error) {
	c := cutover.Cutover{ID: id, List: list.ID(), Count: list.Len(), First: first}
	if !at.IsZero() {
		c.Turns = []routing.Turn{{At: at, Authority: first.Other()}}
	}
	return r.Begins(ctx, who, c, list)
}

// Begins makes a cutover live as it is given. One that is live already and has
// no step ahead takes the given steps behind its own.
func (r *Runner) Begins(ctx context.Context, who string, c cutover.Cutover, list cutover.List) (*Change, error) {
	return r.change(ctx, who, "arm "+string(c.ID), func(prev *cutover.Revision) (*cutover.Revision, []cutover.List, error) {
		next := after(prev)
		if was := next.Cutover(c.ID); was != nil {
			if was.List != c.List || r.behind(was, r.opts.Clock.Now().Latest) < len(was.Turns) || len(was.Turns) == 0 || len(c.Turns) == 0 {
				return nil, nil, fmt.Errorf("cutover %s is live already; move it, or cancel it first", c.ID)
			}
			was.Turns = append(slices.Clone(was.Turns), c.Turns...)
			return next, nil, nil
		}
		next.Schedule = append(next.Schedule, c)
		slices.SortFunc(next.Schedule, byID)
		return next, []cutover.List{list}, nil
	})
}

// Turn gives a live cutover another step ahead, in place of the one that is
// there: to that authority at that instant, the zero time being as soon as the
// fleet can.
func (r *Runner) Turn(ctx context.Context, who, what string, id cutover.ID, to routing.RoutingAuthority, at time.Time) (*Change, error) {
	return r.edit(ctx, who, what, id, func(c *cutover.Cutover, now time.Time) error {
		behind := c.Turns[:r.behind(c, now)]
		holder := c.First
		if n := len(behind); n > 0 {
			holder = behind[n-1].Authority
		}
		if holder == to {
			return fmt.Errorf("cutover %s: %s holds the numbers already", id, to)
		}
		c.Turns = append(slices.Clone(behind), routing.Turn{At: at, Authority: to})
		return nil
	})
}

// In is the live cutover that a number is in, by what is committed here.
func (r *Runner) In(n routing.PublicNumber) (cutover.ID, bool) {
	rev := r.Pair().Committed
	if rev == nil {
		return "", false
	}
	for i := range rev.Schedule {
		if l, ok := r.paper.list(rev.Schedule[i].List); ok && l.Contains(n) {
			return rev.Schedule[i].ID, true
		}
	}
	return "", false
}

// Cancel takes back every step that still lies ahead: authority stays with
// whoever has it.
func (r *Runner) Cancel(ctx context.Context, who string, id cutover.ID) (*Change, error) {
	return r.edit(ctx, who, "cancel", id, func(c *cutover.Cutover, now time.Time) error {
		ahead := c.Turns[r.behind(c, now):]
		if len(ahead) == 0 {
			return fmt.Errorf("cutover %s has no step ahead; to take back one that has happened, roll it back", id)
		}
		c.Turns = c.Turns[:len(c.Turns)-len(ahead)]
		return nil
	})
}

// Move gives the step that lies ahead another instant.
func (r *Runner) Move(ctx context.Context, who string, id cutover.ID, at time.Time) (*Change, error) {
	return r.edit(ctx, who, "move", id, func(c *cutover.Cutover, now time.Time) error {
		i := r.behind(c, now)
		switch {
		case i == len(c.Turns) && i > 0:
			return fmt.Errorf("the last step of cutover %s is behind, at %s; it can only be rolled back", id, c.Last().UTC().Format(time.RFC3339Nano))
		case i == len(c.Turns):
			c.Turns = append(c.Turns, routing.Turn{At: at, Authority: c.First.Other()})
		default:
			c.Turns[i].At = at
		}
		return nil
	})
}

// Flip makes the step that lies ahead happen as soon as the fleet can: the
// instant is the store's now + lead.
func (r *Runner) Flip(ctx context.Context, who string, id cutover.ID) (*Change, error) {
	return r.Move(ctx, who, id, time.Time{})
}

// Rollback gives authority back to whoever had it before the last step, as soon
// as the fleet can. A step that is still ahead is cancelled instead.
func (r *Runner) Rollback(ctx context.Context, who string, id cutover.ID) (*Change, error) {
	return r.edit(ctx, who, "rollback", id, func(c *cutover.Cutover, now time.Time) error {
		i := r.behind(c, now)
		if i == 0 {
			return fmt.Errorf("cutover %s has not happened; cancel it instead", id)
		}
		c.Turns = append(c.Turns[:i], routing.Turn{Authority: c.Turns[i-1].Authority.Other()})
		return nil
	})
}

// edit changes one live cutover.
func (r *Runner) edit(ctx context.Context, who, what string, id cutover.ID, edit func(*cutover.Cutover, time.Time) error) (*Change, error) {
	return r.change(ctx, who, what+" "+string(id), func(prev *cutover.Revision) (*cutover.Revision, []cutover.List, error) {
		next := after(prev)
		c := next.Cutover(id)
		if c == nil {
			return nil, nil, fmt.Errorf("there is no live cutover %s; cutoverctl status lists them", id)
		}
		c.Turns = slices.Clone(c.Turns)
		if err := edit(c, r.opts.Clock.Now().Latest); err != nil {
			return nil, nil, err
		}
		return next, nil, nil
	})
}

// behind counts the steps that may lie behind: what history may say is left alone.
func (r *Runner) behind(c *cutover.Cutover, now time.Time) int {
	n := 0
	for n < len(c.Turns) && !c.Turns[n].At.After(now) {
		n++
	}
	return n
}

// after is a revision that follows prev and changes nothing yet.
func after(prev *cutover.Revision) *cutover.Revision {
	next := *prev
	next.ID, next.Previous, next.Number = NewRevisionID(), prev.ID, prev.Number+1
	next.Schedule = slices.Clone(prev.Schedule)
	return &next
}

func byID(a, b cutover.Cutover) int {
	switch {
	case a.ID < b.ID:
		return -1
	case a.ID > b.ID:
		return 1
	}
	return 0
}

// Begin is the operator's word that the store never had a chain.
func (r *Runner) Begin(ctx context.Context, who string) error {
	v := r.View()
	g, _, err := r.opts.Chain.Init(ctx, max(v.Generation.Number, r.promised.Load().Number)+1, who)
	if err == nil {
		r.log.Info("cutover: a chain begins by an operator's word", "who", who, "generation", g.String())
		r.poke()
	}
	return err
}

// DeclareOff is the operator's word that an edge is really stopped, since
// stopped when that is known. It is never taken back. The edge is removed from
// the fleet by the next revision.
func (r *Runner) DeclareOff(ctx context.Context, who string, edge cutover.MemberID, reason string, stopped time.Time) error {
	defer r.poke()
	_, err := r.opts.Chain.DeclareOff(ctx, edge, who, reason, stopped)
	return err
}

// Remove takes the edges that were declared off out of the fleet, so that no
// revision has to be covered without them. nil when there are none.
func (r *Runner) Remove(ctx context.Context, who string) (*Change, error) {
	s, err := r.opts.Chain.Status(ctx)
	if err != nil {
		return nil, err
	}
	gone := func(m cutover.MemberID) bool { return slices.Contains(s.Off, m) }
	if s.Committed == nil || !slices.ContainsFunc(s.Committed.Members, gone) {
		return nil, nil
	}
	return r.change(ctx, who, "remove", func(prev *cutover.Revision) (*cutover.Revision, []cutover.List, error) {
		next := after(prev)
		next.Members = slices.DeleteFunc(slices.Clone(prev.Members), gone)
		return next, nil, nil
	})
}

// Settle drops live cutovers whose authority is in the number records.
func (r *Runner) Settle(ctx context.Context, who string, ids ...cutover.ID) (*Change, error) {
	return r.change(ctx, who, "settle", func(prev *cutover.Revision) (*cutover.Revision, []cutover.List, error) {
		next := after(prev)
		next.Schedule = slices.DeleteFunc(next.Schedule, func(c cutover.Cutover) bool { return slices.Contains(ids, c.ID) })
		if len(next.Schedule) == len(prev.Schedule) {
			return nil, nil, fmt.Errorf("none of the cutovers %v is live", ids)
		}
		return next, nil, nil
	})
}

// Abort takes back what is pending, by an operator's word.
func (r *Runner) Abort(ctx context.Context, who, reason string) error {
	s, err := r.opts.Chain.Status(ctx)
	if err != nil {
		return err
	}
	if s.Pending == nil {
		return fmt.Errorf("nothing is pending")
	}
	defer r.poke()
	_, err = r.opts.Chain.Abort(ctx, s.Generation, s.Pending.ID, who, ledger.ByOperator, reason)
	return err
}
