package ledger

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/speakops/sipedge/cutover"
	"github.com/speakops/sipedge/routing"
)

var anyGeneration cutover.Generation

func TestRule2ThroughCommitAndRollback(t *testing.T) {
	everywhere(t, func(t *testing.T, l *Ledger, rdb *redis.Client) {
		r := first(t, l, edgeA, edgeB)
		list := numbers(t, 0, 10)
		at := soon(time.Hour)
		r = agreed(t, l, r, arm(r, "c-1", list, at), list)
		s := must[Status](t)(l.Status(ctx))
		if s.Committed.ID != r.ID || s.Pending != nil || !s.Recovered || s.Committed.Cutover("c-1").Last() != at {
			t.Fatalf("%+v", s)
		}
		// Flip now: the store fills in now + lead.
		now := next(r)
		now.Schedule[0].Turns = []routing.Turn{{Authority: routing.SpeakOps}}
		r = agreed(t, l, r, now)
		filled := r.Cutover("c-1").Last()
		if lead := filled.Sub(must[Status](t)(l.Status(ctx)).Now); lead > quick.Lead || lead < quick.Lead-5*time.Second {
			t.Fatalf("filled in %s", lead)
		}
		// A rollback comes after what it takes back, however soon it is asked for.
		back := next(r)
		back.Schedule[0].Turns = append(back.Schedule[0].Turns[:1:1], routing.Turn{Authority: routing.Legacy})
		p := must[Proposed](t)(l.Propose(ctx, Proposal{Previous: r, Revision: back}))
		if turns := p.Revision.Cutover("c-1").Turns; len(turns) != 2 || turns[0].At != filled || !turns[1].At.After(filled) || p.Differs != turns[1].At {
			t.Fatalf("%+v", p)
		}
	})
}

func TestRule2RefusesWhatComesTooSoonOrOutOfOrder(t *testing.T) {
	everywhere(t, func(t *testing.T, l *Ledger, rdb *redis.Client) {
		r := first(t, l, edgeA)
		list := numbers(t, 0, 10)
		var early *SoonError
		if _, err := l.Propose(ctx, Proposal{Previous: r, Revision: arm(r, "c-1", list, soon(quick.Lead/2)), Lists: []cutover.List{list}}); !errors.As(err, &early) {
			t.Fatalf("%v", err)
		}
		at := soon(time.Hour)
		armed := agreed(t, l, r, arm(r, "c-1", list, at), list)
		var stale *StaleError
		if _, err := l.Propose(ctx, Proposal{Previous: r, Revision: next(r)}); !errors.As(err, &stale) || stale.Committed != armed.ID {
			t.Fatalf("%v", err)
		}
		// To move a step that is nearer than now + lead would change the past.
		near := next(armed)
		near.Schedule[0].Turns[0].At = soon(1500 * time.Millisecond)
		near = agreed(t, l, armed, near)
		var room *RoomError
		eventually(t, "the step is too near to be replaced", func() bool {
			floating := next(near)
			floating.Schedule[0].Turns = []routing.Turn{{Authority: routing.SpeakOps}}
			_, err := l.Propose(ctx, Proposal{Previous: near, Revision: floating})
			if err == nil {
				_, err = l.Abort(ctx, anyGeneration, floating.ID, "anna", ByOperator, "only asked")
			}
			return errors.As(err, &room)
		})
		if !strings.Contains(room.Error(), "replaces") || room.Before != near.Cutover("c-1").Last() {
			t.Fatal(room)
		}
		// Nothing is dropped before its last step is behind for a guard.
		dropped := next(near)
		dropped.Schedule = nil
		var unsettled *UnsettledError
		if _, err := l.Propose(ctx, Proposal{Previous: near, Revision: dropped}); !errors.As(err, &unsettled) {
			if now := must[Status](t)(l.Status(ctx)).Now; err == nil && now.Before(near.Cutover("c-1").Last().Add(quick.Guard)) {
				t.Fatalf("at %s: %v", now, err)
			}
		}
		eventually(t, "it may be dropped", func() bool {
			_, err := l.Propose(ctx, Proposal{Previous: near, Revision: dropped})
			return err == nil
		})
	})
}

func TestRule2OneAtATimeAndRepeats(t *testing.T) {
	everywhere(t, func(t *testing.T, l *Ledger, rdb *redis.Client) {
		r := first(t, l, edgeA, edgeB)
		one, other := next(r), next(r)
		p := must[Proposed](t)(l.Propose(ctx, Proposal{Previous: r, Revision: one, Who: "anna"}))
		var pending *PendingError
		if _, err := l.Propose(ctx, Proposal{Previous: r, Revision: other}); !errors.As(err, &pending) || pending.Pending != one.ID || len(pending.Waiting) != 2 {
			t.Fatalf("%v", err)
		}
		if again := must[Proposed](t)(l.Propose(ctx, Proposal{Previous: r, Revision: one})); again.Deadline != p.Deadline || again.Revision.ID != one.ID {
			t.Fatalf("%+v, then %+v", p, again)
		}
		must[Outcome](t)(l.Ack(ctx, anyGeneration, edgeA, one.ID))
		must[Outcome](t)(l.Ack(ctx, anyGeneration, edgeA, one.ID))
		for range 2 {
			if o := must[Outcome](t)(l.Ack(ctx, anyGeneration, edgeB, one.ID)); !o.Committed {
				t.Fatalf("%+v", o)
			}
		}
		must[Proposed](t)(l.Propose(ctx, Proposal{Previous: r, Revision: one})) // its answer was lost
		var committed *CommittedError
		if _, err := l.Abort(ctx, anyGeneration, one.ID, "anna", ByOperator, "no"); !errors.As(err, &committed) {
			t.Fatalf("%v", err)
		}
	})
}

func TestRule3OnlyMembersInTimeCommit(t *testing.T) {
	everywhere(t, func(t *testing.T, l *Ledger, rdb *redis.Client) {
		r := first(t, l, edgeA, edgeB)
		list := numbers(t, 0, 10)
		n := arm(r, "c-1", list, soon(quick.Lead+2*time.Second))
		must[Proposed](t)(l.Propose(ctx, Proposal{Previous: r, Revision: n, Lists: []cutover.List{list}}))
		var member *MemberError
		if _, err := l.Ack(ctx, anyGeneration, edgeC, n.ID); !errors.As(err, &member) || member.Problem != "stranger" {
			t.Fatalf("%v", err)
		}
		var unknown *UnknownError
		if _, err := l.Ack(ctx, anyGeneration, edgeA, newID()); !errors.As(err, &unknown) {
			t.Fatalf("%v", err)
		}
		var early *EarlyError
		if _, err := l.Abort(ctx, anyGeneration, n.ID, string(edgeA), Overdue, ""); !errors.As(err, &early) {
			t.Fatalf("%v", err)
		}
		must[Outcome](t)(l.Ack(ctx, anyGeneration, edgeA, n.ID))
		s := must[Status](t)(l.Status(ctx))
		if want := n.Cutover("c-1").Last().Add(-quick.Guard); !s.Deadline.Equal(want) {
			t.Fatalf("deadline %s, want %s", s.Deadline, want)
		}
		eventually(t, "the deadline is over", func() bool { return !must[Status](t)(l.Status(ctx)).Now.Before(s.Deadline) })
		var late *LateError
		if _, err := l.Ack(ctx, anyGeneration, edgeB, n.ID); !errors.As(err, &late) {
			t.Fatalf("%v", err)
		}
		// Rule 5: neither does a word that an edge is off commit it now.
		if _, err := l.DeclareOff(ctx, edgeB, "anna", "on fire", time.Time{}); err != nil {
			t.Fatal(err)
		}
		if s := must[Status](t)(l.Status(ctx)); s.Committed.ID != r.ID {
			t.Fatal("committed after the deadline")
		}
		// Rule 4: anybody aborts it now, and twice is as good as once.
		for range 2 {
			if _, err := l.Abort(ctx, anyGeneration, n.ID, string(edgeA), Overdue, "nobody answered"); err != nil {
				t.Fatal(err)
			}
		}
		s = must[Status](t)(l.Status(ctx, n.ID))
		if s.Pending != nil || len(s.Aborted) != 1 || s.Aborted[0] != n.ID {
			t.Fatalf("%+v", s)
		}
		var aborted *AbortedError
		if _, err := l.Ack(ctx, anyGeneration, edgeA, n.ID); !errors.As(err, &aborted) || !strings.Contains(err.Error(), "nobody answered") {
			t.Fatalf("%v", err)
		}
		if _, err := l.Propose(ctx, Proposal{Previous: r, Revision: n}); !errors.As(err, &aborted) {
			t.Fatalf("%v", err)
		}
	})
}

func TestRule3ARefusalAbortsAtOnce(t *testing.T) {
	everywhere(t, func(t *testing.T, l *Ledger, rdb *redis.Client) {
		r := first(t, l, edgeA, edgeB)
		n := next(r)
		must[Proposed](t)(l.Propose(ctx, Proposal{Previous: r, Revision: n}))
		must[Outcome](t)(l.Ack(ctx, anyGeneration, edgeA, n.ID))
		var member *MemberError
		if _, err := l.Refuse(ctx, anyGeneration, edgeC, n.ID, "no"); !errors.As(err, &member) {
			t.Fatalf("%v", err)
		}
		if _, err := l.Refuse(ctx, anyGeneration, edgeB, n.ID, "clock too wide: 900 ms"); err != nil {
			t.Fatal(err)
		}
		if s := must[Status](t)(l.Status(ctx)); s.Pending != nil || len(s.Acked) != 0 || s.Aborted[0] != n.ID {
			t.Fatalf("%+v", s)
		}
		agreed(t, l, r, next(r)) // and the next one starts from nothing
	})
}

func TestRule1MembersLeaveOnlyWhenOff(t *testing.T) {
	everywhere(t, func(t *testing.T, l *Ledger, rdb *redis.Client) {
		r := first(t, l, edgeA)
		joined := next(r)
		joined.Members = []cutover.MemberID{edgeA, edgeB}
		r = agreed(t, l, r, joined)
		without := next(r)
		without.Members = []cutover.MemberID{edgeA}
		var member *MemberError
		if _, err := l.Propose(ctx, Proposal{Previous: r, Revision: without}); !errors.As(err, &member) || member.Problem != "removed" || member.Edge != edgeB {
			t.Fatalf("%v", err)
		}
		// Rule 5: declared off, it is neither waited for nor heard, and its word
		// completes what only waited for it.
		pending := next(r)
		must[Proposed](t)(l.Propose(ctx, Proposal{Previous: r, Revision: pending}))
		must[Outcome](t)(l.Ack(ctx, anyGeneration, edgeA, pending.ID))
		stopped := soon(-time.Minute)
		for range 2 {
			if _, err := l.DeclareOff(ctx, edgeB, "anna", "power is off", stopped); err != nil {
				t.Fatal(err)
			}
		}
		s := must[Status](t)(l.Status(ctx))
		if s.Committed.ID != pending.ID || len(s.Off) != 1 || s.Off[0] != edgeB {
			t.Fatalf("%+v", s)
		}
		without = next(pending)
		without.Members = []cutover.MemberID{edgeA}
		r = agreed(t, l, pending, without)
		back := next(r)
		back.Members = []cutover.MemberID{edgeA, edgeB}
		if _, err := l.Propose(ctx, Proposal{Previous: r, Revision: back}); !errors.As(err, &member) || member.Problem != "off" {
			t.Fatalf("%v", err)
		}
	})
}

func TestRule1OverlapIsRefused(t *testing.T) {
	everywhere(t, func(t *testing.T, l *Ledger, rdb *redis.Client) {
		r := first(t, l, edgeA)
		big, at := numbers(t, 0, 9000), soon(time.Hour)
		shared := must[cutover.List](t)(cutover.NewList([]routing.PublicNumber{big.At(8500), 15550001}))
		own := must[cutover.List](t)(cutover.NewList([]routing.PublicNumber{15550001, 15550002}))

		var overlap *OverlapError
		both := arm(arm(r, "c-1", big, at), "c-2", shared, at)
		both.Number, both.Previous = r.Number+1, r.ID
		if _, err := l.Propose(ctx, Proposal{Previous: r, Revision: both, Lists: []cutover.List{big, shared}}); !errors.As(err, &overlap) || overlap.Number != big.At(8500).String() {
			t.Fatalf("in one revision: %v", err)
		}
		r = agreed(t, l, r, arm(r, "c-1", big, at), big)
		if _, err := l.Propose(ctx, Proposal{Previous: r, Revision: arm(r, "c-2", shared, at), Lists: []cutover.List{shared}}); !errors.As(err, &overlap) || overlap.Other != "c-1" || overlap.Cutover != "c-2" {
			t.Fatalf("with a live one: %v", err)
		}
		// What was never proposed binds nobody.
		r = agreed(t, l, r, arm(r, "c-3", own, at), own)
		// A cutover keeps its numbers as long as it lives.
		other := next(r)
		other.Schedule[0].List, other.Schedule[0].Count = shared.ID(), shared.Len()
		if _, err := l.Propose(ctx, Proposal{Previous: r, Revision: other, Lists: []cutover.List{shared}}); err == nil || !strings.Contains(err.Error(), "other numbers") {
			t.Fatalf("relisted: %v", err)
		}
		// A list of which nobody knows, and one that is not as long as is said.
		var lacking *ListError
		if _, err := l.Propose(ctx, Proposal{Previous: r, Revision: arm(r, "c-4", numbers(t, 3, 5), at)}); !errors.As(err, &lacking) {
			t.Fatalf("%v", err)
		}
		short := arm(r, "c-4", numbers(t, 3, 5), at)
		short.Schedule[2].Count = 4
		if _, err := l.Propose(ctx, Proposal{Previous: r, Revision: short, Lists: []cutover.List{numbers(t, 3, 5)}}); !errors.As(err, &lacking) {
			t.Fatalf("%v", err)
		}
	})
}

func TestNumbersAreFreeAgainAndSwept(t *testing.T) {
	everywhere(t, func(t *testing.T, l *Ledger, rdb *redis.Client) {
		r := first(t, l, edgeA)
		list := numbers(t, 0, 5000)
		n := arm(r, "c-1", list, soon(time.Hour))
		must[Proposed](t)(l.Propose(ctx, Proposal{Previous: r, Revision: n, Lists: []cutover.List{list}}))
		var pending *PendingError
		if _, err := l.Propose(ctx, Proposal{Previous: r, Revision: arm(r, "c-2", list, soon(time.Hour))}); !errors.As(err, &pending) {
			t.Fatalf("%v", err)
		}
		if _, err := l.Abort(ctx, anyGeneration, n.ID, "anna", ByOperator, "no"); err != nil {
			t.Fatal(err)
		}
		if s := must[Swept](t)(l.sweep(ctx, time.Hour)); s.Numbers != 0 || s.Claims != 0 {
			t.Fatalf("swept a fresh claim: %+v", s)
		}
		r = agreed(t, l, r, arm(r, "c-2", list, soon(time.Hour))) // takes them over
		if err := l.PutList(ctx, list); err != nil {              // again, by somebody who is late
			t.Fatal(err)
		}
		if ttl := rdb.TTL(ctx, l.keys.list(list.ID())).Val(); ttl != -1 {
			t.Fatalf("the list of a live cutover goes in %s", ttl)
		}
		if s := must[Swept](t)(l.sweep(ctx, 0)); s.Numbers != 0 {
			t.Fatalf("swept live numbers: %+v", s)
		}
		moved := next(r)
		moved.Schedule[0].Turns[0].At = soon(1500 * time.Millisecond)
		r = agreed(t, l, r, moved)
		dropped := next(r)
		dropped.Schedule = nil
		eventually(t, "it is behind", func() bool {
			_, err := l.Propose(ctx, Proposal{Previous: r, Revision: dropped})
			return err == nil
		})
		must[Outcome](t)(l.Ack(ctx, anyGeneration, edgeA, dropped.ID))
		if s := must[Swept](t)(l.Sweep(ctx)); s.Numbers != 5000 {
			t.Fatalf("%+v", s)
		}
		if n := rdb.HLen(ctx, l.keys.tag+"numbers").Val() + rdb.HLen(ctx, l.keys.tag+"claims").Val(); n != 0 {
			t.Fatalf("%d left", n)
		}
		if ttl := rdb.TTL(ctx, l.keys.list(list.ID())).Val(); ttl <= 0 || ttl > 24*time.Hour {
			t.Fatalf("the list goes in %s", ttl)
		}
	})
}
