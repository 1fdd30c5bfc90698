package ledger

import (
	"errors"
	"testing"
	"time"

	"github.com/speakops/sipedge/cutover"
	"github.com/speakops/sipedge/routing/feed"
)

// A real server: a plain restart changes its replication id, and so does the
// first replica. Neither needs a person.
func TestRealRestartAndFirstReplica(t *testing.T) {
	t.Parallel()
	s := startReal(t)
	rdb := client(t, s.addr)
	l := open(t, rdb, Options{})
	r := first(t, l, edgeA)
	if err := rdb.Save(ctx).Err(); err != nil {
		t.Fatal(err)
	}
	s.stop()
	s.start()
	eventually(t, "it answers", func() bool { return rdb.Ping(ctx).Err() == nil })
	var un *UnrecoveredError
	if _, err := l.Ack(ctx, anyGeneration, edgeA, r.ID); !errors.As(err, &un) {
		t.Fatalf("after a restart: %v", err)
	}
	g := reports(t, l, 1, Head{}, journalOf(edgeA, r, nil))
	recovers(t, l, g, r)

	b := replicaOf(t, s)
	if _, err := l.Ack(ctx, anyGeneration, edgeA, r.ID); !errors.As(err, &un) {
		t.Fatalf("with its first replica: %v", err)
	}
	g = reports(t, l, g.Number, Head{}, journalOf(edgeA, r, nil))
	recovers(t, l, g, r)

	// From now on a decided step waits for the replica, and says so.
	eventually(t, "the replica keeps up", func() bool {
		n := next(r)
		must[Proposed](t)(l.Propose(ctx, Proposal{Previous: r, Revision: n}))
		o := must[Outcome](t)(l.Ack(ctx, g, edgeA, n.ID))
		r = n
		return o.Replicas == Replicas{1, 1}
	})
	var role *feed.RoleError
	if _, err := open(t, client(t, b.addr), Options{}).Status(ctx); !errors.As(err, &role) {
		t.Fatalf("the replica was believed: %v", err)
	}
}

// A failover that loses the last commit, with the old master living on: the
// journals bring the commit back, and the journal names what it lost.
func TestRealFailoverThatLosesTheTail(t *testing.T) {
	t.Parallel()
	a := startReal(t)
	atA := client(t, a.addr)
	b := replicaOf(t, a)
	la := open(t, atA, Options{WaitFor: 50 * time.Millisecond})
	r := first(t, la, edgeA, edgeB)
	list := numbers(t, 0, 10)
	atB := client(t, b.addr)
	eventually(t, "the replica has the first revision", func() bool { return atB.HGet(ctx, la.keys.tag+"state", "committed").Val() == string(r.ID) })

	// The link is gone: the replica asks a port where nobody is.
	if err := atB.ConfigSet(ctx, "masteruser", "nobody").Err(); err != nil {
		t.Fatal(err)
	}
	if err := atA.ConfigSet(ctx, "requirepass", "changed").Err(); err != nil {
		t.Fatal(err)
	}
	if err := atA.Do(ctx, "CLIENT", "KILL", "TYPE", "replica").Err(); err != nil {
		t.Fatal(err)
	}
	n := arm(r, "c-1", list, soon(time.Hour))
	must[Proposed](t)(la.Propose(ctx, Proposal{Previous: r, Revision: n, Lists: []cutover.List{list}}))
	must[Outcome](t)(la.Ack(ctx, anyGeneration, edgeA, n.ID))
	o := must[Outcome](t)(la.Ack(ctx, anyGeneration, edgeB, n.ID))
	if !o.Committed || o.Replicas.Have != 0 {
		t.Fatalf("committed, and the replica cannot have it: %+v", o)
	}
	head := must[Status](t)(la.Status(ctx)).Head

	if err := atB.SlaveOf(ctx, "NO", "ONE").Err(); err != nil {
		t.Fatal(err)
	}
	lb := open(t, atB, Options{Lists: func(cutover.ListID) (cutover.List, error) { return list, nil }})
	if s := must[Status](t)(lb.Status(ctx)); s.Recovered || s.Committed.ID != r.ID {
		t.Fatalf("%+v", s)
	}
	// One edge has learned of the commit, the other has it prepared.
	g := reports(t, lb, 1, head, journalOf(edgeA, n, nil), journalOf(edgeB, r, n))
	recovers(t, lb, g, n)
	v := must[Verified](t)(lb.Verify(ctx))
	if len(v.Breaks) != 0 || len(v.Lost) != 2 || v.Lost[0].Seen != head || !later(head.ID, v.Lost[0].Kept.ID) {
		t.Fatalf("%+v", v)
	}
	// The old master still believes in itself; whoever has promised the new
	// generation is told that it was left behind.
	var behind *GenerationError
	if _, err := la.Ack(ctx, g, edgeA, n.ID); !errors.As(err, &behind) {
		t.Fatalf("%v", err)
	}
	moved := next(n)
	moved.Schedule[0].Turns[0].At = soon(2 * time.Hour)
	agreed(t, lb, n, moved)
}
