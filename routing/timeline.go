package routing

import (
	"fmt"
	"time"
)

// Timeline is routing authority as a step function of store time, the shape of
// a number in a live cutover. Most numbers have none. A Timeline is immutable;
// copies share their steps. The zero Timeline is nobody's, for ever.
type Timeline struct {
	first    RoutingAuthority // before the first turn
	turns    []Turn           // strictly ascending, each to another authority than the one before
	revision uint64
}

// Turn is one step: from At on (inclusive), Authority holds.
type Turn struct {
	At        time.Time
	Authority RoutingAuthority
}

// NewTimeline makes a timeline of revision that begins with first and takes the
// turns in order. Turns must ascend strictly; one that changes nothing is left out.
func NewTimeline(revision uint64, first RoutingAuthority, turns ...Turn) (Timeline, error) {
	t := Timeline{first: first, revision: revision}
	now := first
	for i, turn := range turns {
		if i > 0 && !turn.At.After(turns[i-1].At) {
			return Timeline{}, fmt.Errorf("timeline: turn %d at %s is not after turn %d at %s; give each step an instant of its own, in order",
				i+1, turn.At.UTC().Format(time.RFC3339Nano), i, turns[i-1].At.UTC().Format(time.RFC3339Nano))
		}
		if turn.Authority != now {
			t.turns = append(t.turns, turn)
			now = turn.Authority
		}
	}
	return t, nil
}

// Revision is the revision of the schedule this timeline was taken from.
func (t Timeline) Revision() uint64 { return t.revision }

// During is who holds authority over the whole interval. When a step falls
// inside, sure is false and the authority is the one before that step.
func (t Timeline) During(at Interval) (authority RoutingAuthority, sure bool) {
	passed := t.passed(at)
	return t.after(passed), passed == len(t.turns) || at.Before(t.turns[passed].At)
}

// NextStep is the last step inside an interval that is not sure: once it is
// behind for certain, so are all of them. For a sure interval it is the next
// step ahead, and the zero time when none is.
func (t Timeline) NextStep(at Interval) time.Time {
	var next time.Time
	for _, turn := range t.turns[t.passed(at):] {
		if !next.IsZero() && at.Before(turn.At) {
			break
		}
		next = turn.At
	}
	return next
}

// Stepped says whether a step to authority may already be behind.
func (t Timeline) Stepped(at Interval, to RoutingAuthority) bool {
	for _, turn := range t.turns {
		if at.Before(turn.At) {
			break
		}
		if turn.Authority == to {
			return true
		}
	}
	return false
}

// passed counts the turns that are behind for certain.
func (t Timeline) passed(at Interval) int {
	for i, turn := range t.turns {
		if !at.After(turn.At) {
			return i
		}
	}
	return len(t.turns)
}

func (t Timeline) after(passed int) RoutingAuthority {
	if passed == 0 {
		return t.first
	}
	return t.turns[passed-1].Authority
}

// because is the word for an answer the timeline was sure of.
func (t Timeline) because(at Interval) Because {
	passed := t.passed(at)
	switch holder := t.after(passed); {
	case holder == AuthorityNone:
		return NoAuthority
	case passed == 0:
		return BeforeCut
	case holder == SpeakOps:
		return Cut
	}
	return RolledBack
}
