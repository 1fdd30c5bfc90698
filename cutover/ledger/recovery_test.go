package ledger

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/speakops/sipedge/cutover"
	"github.com/speakops/sipedge/routing/feed"
)

// journalOf is what an edge would report.
func journalOf(m cutover.MemberID, committed, prepared *cutover.Revision, aborted ...cutover.RevisionID) cutover.Report {
	return cutover.Report{Member: m, Committed: committed, Prepared: prepared, Aborted: aborted}
}

// reports begins a generation above promised and has the edges report.
func reports(t testing.TB, l *Ledger, promised uint64, seen Head, all ...cutover.Report) cutover.Generation {
	t.Helper()
	g := begins(t, l, promised+1)
	for _, r := range all {
		r.Generation = g
		if err := l.Report(ctx, r, seen); err != nil {
			t.Fatal(err)
		}
	}
	return g
}

// begins begins a generation over whatever stands.
func begins(t testing.TB, l *Ledger, number uint64) cutover.Generation {
	t.Helper()
	s := must[Status](t)(l.Status(ctx))
	return must[cutover.Generation](t)(l.Begin(ctx, max(number, s.Generation.Number+1), s.Generation, s.Life))
}

func recovers(t testing.TB, l *Ledger, g cutover.Generation, want *cutover.Revision) Status {
	t.Helper()
	if _, err := l.Recover(ctx, g, ""); err != nil {
		t.Fatal(err)
	}
	s := must[Status](t)(l.Status(ctx))
	if !s.Recovered || s.Committed.ID != want.ID || s.Pending != nil || s.Generation != g || len(s.Reported) != 0 {
		t.Fatalf("want %s, have %+v", want.ID, s)
	}
	return s
}

// every calls every step that needs a recovered store.
func every(l *Ledger, r *cutover.Revision) map[string]error {
	docs, _ := l.Documents("orders")
	errs := map[string]error{}
	_, errs["propose"] = l.Propose(ctx, Proposal{Previous: r, Revision: next(r)})
	_, errs["ack"] = l.Ack(ctx, anyGeneration, edgeA, r.ID)
	_, errs["abort"] = l.Abort(ctx, anyGeneration, r.ID, "anna", ByOperator, "")
	_, errs["refuse"] = l.Refuse(ctx, anyGeneration, edgeA, r.ID, "")
	_, errs["write"] = docs.Write(ctx, Change{ID: "o-1", Bytes: []byte("{}")})
	_, _, errs["read"] = docs.Read(ctx, "o-1")
	_, errs["list"] = l.List(ctx, cutover.ListID(newID()+newID()))
	_, errs["sweep"] = l.Sweep(ctx)
	_, errs["note"] = l.Note(ctx, "", Note{Kind: "planned"})
	errs["tell"] = l.Tell(ctx, Event{Kind: "flipped"})
	return errs
}

// Rule 6: any other life of the server, and only reports bring it back.
func TestRule6ARestartIsNotBelieved(t *testing.T) {
	t.Parallel()
	m := startSmall(t)
	l := open(t, client(t, m.Addr()), Options{})
	r := first(t, l, edgeA, edgeB)
	g := must[Status](t)(l.Status(ctx)).Generation
	m.restarts()
	for step, err := range every(l, r) {
		var un *UnrecoveredError
		if !errors.As(err, &un) || !un.Changed {
			t.Errorf("%s: %v", step, err)
		}
	}
	s := must[Status](t)(l.Status(ctx))
	if s.Recovered || !s.Changed || s.Generation != g {
		t.Fatalf("%+v", s)
	}
	var un *UnrecoveredError
	if err := l.Report(ctx, cutover.Report{Member: edgeA, Generation: g, Committed: r}, Head{}); !errors.As(err, &un) {
		t.Fatalf("reported to a generation that is over: %v", err)
	}
	if _, err := l.DeclareOff(ctx, edgeB, "anna", "", time.Time{}); !errors.As(err, &un) {
		t.Fatalf("an entry under a name that may have been used: %v", err)
	}

	// Two that begin over the same: the second is told what stands now.
	g2 := must[cutover.Generation](t)(l.Begin(ctx, g.Number+1, g, s.Life))
	var other *GenerationError
	if _, err := l.Begin(ctx, g.Number+1, g, s.Life); !errors.As(err, &other) || other.Store != g2 || g2.Number != g.Number+1 {
		t.Fatalf("%v, %v", g2, err)
	}
	if _, err := l.Begin(ctx, 9, g2, "another life"); !errors.As(err, &other) {
		t.Fatalf("%v", err)
	}
	g2 = begins(t, l, 9) // somebody has promised 8
	if g2.Number != 9 {
		t.Fatal(g2)
	}
	var blocked cutover.Blocked
	if _, err := l.Recover(ctx, g2, ""); !errors.As(err, &blocked) || len(blocked) != 2 {
		t.Fatalf("%v", err)
	}
	if err := l.Report(ctx, cutover.Report{Member: edgeA, Generation: g, Committed: r}, Head{}); !errors.As(err, &other) {
		t.Fatalf("%v", err)
	}
	for i := range 2 {
		if err := l.Report(ctx, cutover.Report{Member: []cutover.MemberID{edgeA, edgeB}[i], Generation: g2, Committed: r}, Head{}); err != nil {
			t.Fatal(err)
		}
		s := must[Status](t)(l.Status(ctx))
		if len(s.Reported) != i+1 || len(s.Missing) != 1-i {
			t.Fatalf("%+v", s)
		}
	}
	recovers(t, l, g2, r)
	agreed(t, l, r, next(r))
	// A caller who still believes in the old generation is told.
	if _, err := l.Ack(ctx, g, edgeA, r.ID); !errors.As(err, &other) || other.Store != g2 {
		t.Fatalf("%v", err)
	}
	// An edge that has promised more makes even a recovered store begin anew.
	if higher := begins(t, l, 50); higher.Number != 50 || must[Status](t)(l.Status(ctx)).Recovered {
		t.Fatal(higher)
	}
	m.replica.Store(true)
	var role *feed.RoleError
	for step, err := range every(l, r) {
		if !errors.As(err, &role) {
			t.Errorf("%s at a replica: %v", step, err)
		}
	}
	if _, err := l.Status(ctx); !errors.As(err, &role) {
		t.Errorf("status at a replica: %v", err)
	}
}

// Rule 7: an older store comes back, and the edges' journals decide.
func TestRule7TheJournalsDecide(t *testing.T) {
	list := numbers(t, 0, 10)
	for name, c := range map[string]struct {
		prepared []cutover.MemberID
		aborted  bool
		off      cutover.MemberID
		stopped  time.Duration // of off, from now
		commits  bool
		blocks   bool
		ahead    time.Duration // D from the proposal
	}{
		"everybody had it":               {prepared: []cutover.MemberID{edgeA, edgeB}, commits: true, ahead: time.Hour},
		"one had not":                    {prepared: []cutover.MemberID{edgeA}, ahead: time.Hour},
		"somebody knows that it aborted": {prepared: []cutover.MemberID{edgeA, edgeB}, aborted: true, ahead: time.Hour},
		"off long before":                {prepared: []cutover.MemberID{edgeA}, off: edgeB, commits: true, ahead: time.Hour},
		"off, nobody knows since when":   {prepared: []cutover.MemberID{edgeA}, off: edgeB, blocks: true, ahead: 500 * time.Millisecond},
		"off since before it differs":    {prepared: []cutover.MemberID{edgeA}, off: edgeB, stopped: -time.Hour, commits: true, ahead: 500 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := startSmall(t)
			l := open(t, client(t, m.Addr()), Options{})
			r := first(t, l, edgeA, edgeB)
			n := arm(r, "c-1", list, soon(quick.Lead+c.ahead))
			must[Proposed](t)(l.Propose(ctx, Proposal{Previous: r, Revision: n, Lists: []cutover.List{list}}))
			must[Outcome](t)(l.Ack(ctx, anyGeneration, edgeA, n.ID))
			if c.ahead < time.Minute {
				eventually(t, "D is behind", func() bool { return must[Status](t)(l.Status(ctx)).Now.After(n.Cutover("c-1").Last()) })
			}
			m.restarts()
			var all []cutover.Report
			for _, e := range []cutover.MemberID{edgeA, edgeB} {
				rep := journalOf(e, r, nil)
				if slices.Contains(c.prepared, e) {
					rep.Prepared = n
				}
				if c.aborted && e == edgeB {
					rep.Prepared, rep.Aborted = nil, []cutover.RevisionID{n.ID}
				}
				if e != c.off {
					all = append(all, rep)
				}
			}
			g := reports(t, l, 1, Head{}, all...)
			if c.off != "" {
				stopped := time.Time{}
				if c.stopped != 0 {
					stopped = soon(c.stopped)
				}
				if _, err := l.DeclareOff(ctx, c.off, "anna", "burnt down", stopped); err != nil {
					t.Fatal(err)
				}
			}
			if c.blocks {
				var blocked cutover.Blocked
				if _, err := l.Recover(ctx, g, ""); !errors.As(err, &blocked) || blocked[0].Why != cutover.WhyJournal || blocked[0].Member != edgeB {
					t.Fatalf("it guessed: %v", err)
				}
				// The operator's word may come later.
				if _, err := l.DeclareOff(ctx, c.off, "anna", "burnt down", soon(-time.Hour)); err != nil {
					t.Fatal(err)
				}
				c.commits = true
			}
			want := r
			if c.commits {
				want = n
			}
			s := recovers(t, l, g, want)
			if aborted := slices.Contains(s.Aborted, n.ID); aborted == c.commits {
				t.Fatalf("aborted: %v", aborted)
			}
		})
	}
}

// An emptied store: index and lists are gone with it and come back before the
// next proposal.
func TestRule7AnEmptiedStoreIsFilledByReports(t *testing.T) {
	t.Parallel()
	m := startSmall(t)
	rdb := client(t, m.Addr())
	list := numbers(t, 0, 5000)
	l := open(t, rdb, Options{Lists: func(id cutover.ListID) (cutover.List, error) {
		if id != list.ID() {
			return cutover.List{}, errors.New("not here")
		}
		return list, nil
	}})
	r := first(t, l, edgeA)
	r = agreed(t, l, r, arm(r, "c-1", list, soon(time.Hour)), list)
	m.FlushAll()
	var empty *EmptyError
	if _, err := l.Ack(ctx, anyGeneration, edgeA, r.ID); !errors.As(err, &empty) {
		t.Fatalf("%v", err)
	}
	g := reports(t, l, 1, Head{}, journalOf(edgeA, r, nil))
	var exists *ExistsError
	if _, _, err := l.Init(ctx, 9, "anna"); !errors.As(err, &exists) {
		t.Fatalf("a fork was begun: %v", err)
	}
	recovers(t, l, g, r)
	var overlap *OverlapError
	if _, err := l.Propose(ctx, Proposal{Previous: r, Revision: arm(r, "c-2", list, soon(time.Hour))}); !errors.As(err, &overlap) {
		t.Fatalf("the lost index was not missed: %v", err)
	}
	moved := next(r)
	moved.Schedule[0].Turns[0].At = soon(2 * time.Hour)
	agreed(t, l, r, moved)
}

func TestInitIsSaidOnce(t *testing.T) {
	everywhere(t, func(t *testing.T, l *Ledger, rdb *redis.Client) {
		var empty *EmptyError
		if _, err := l.Propose(ctx, Proposal{Revision: &cutover.Revision{ID: newID(), Number: 1, Members: []cutover.MemberID{edgeA}, Fleet: quick}}); !errors.As(err, &empty) {
			t.Fatalf("%v", err)
		}
		if s := must[Status](t)(l.Status(ctx)); !s.Empty || s.Recovered || !s.Changed {
			t.Fatalf("%+v", s)
		}
		g, _, err := l.Init(ctx, 5, "anna")
		if err != nil || g.Number != 5 || g.Nonce == "" {
			t.Fatal(g, err)
		}
		var exists *ExistsError
		if _, _, err := l.Init(ctx, 6, "bo"); !errors.As(err, &exists) {
			t.Fatalf("%v", err)
		}
		agreed(t, l, nil, &cutover.Revision{ID: newID(), Number: 1, Members: []cutover.MemberID{edgeA}, Fleet: quick})
		if _, _, err := l.Init(ctx, 6, "bo"); !errors.As(err, &exists) || exists.Number != 1 {
			t.Fatalf("%v", err)
		}
	})
}

// An edge that comes up while an operator begins the chain reports to its
// generation; the operator hears nothing of that.
func TestAnEdgeReportsWhileTheChainBegins(t *testing.T) {
	t.Parallel()
	m := startSmall(t)
	l, edge := open(t, client(t, m.Addr()), Options{}), open(t, client(t, m.Addr()), Options{})
	s := must[Status](t)(edge.Status(ctx))
	g := must[cutover.Generation](t)(edge.Begin(ctx, 1, s.Generation, s.Life))
	came := false
	l.heard = func(a answer) {
		if a.text["evidence"] != "" && !came {
			came = true
			if err := edge.Report(ctx, cutover.Report{Member: edgeA, Generation: g}, Head{}); err != nil {
				t.Error(err)
			}
		}
	}
	if _, _, err := l.Init(ctx, 1, "anna"); err != nil || !came {
		t.Errorf("an edge came up meanwhile (%v): %v", came, err)
	}
}

// Between reading the evidence and applying what follows from it, more may come,
// and time passes.
func TestRule7AVerdictIsAppliedOnlyWhileItHolds(t *testing.T) {
	t.Parallel()
	m := startSmall(t)
	l := open(t, client(t, m.Addr()), Options{})
	r := first(t, l, edgeA, edgeB)
	n, list := arm(r, "c-1", numbers(t, 0, 10), time.Now().Add(time.Hour).Truncate(time.Microsecond)), numbers(t, 0, 10)
	must[Proposed](t)(l.Propose(ctx, Proposal{Previous: r, Revision: n, Lists: []cutover.List{list}}))
	if _, err := l.DeclareOff(ctx, edgeB, "anna", "", time.Time{}); err != nil {
		t.Fatal(err)
	}
	m.restarts()
	g := reports(t, l, 1, Head{}, journalOf(edgeA, r, n))
	again := func(what string, e *gathered) {
		t.Helper()
		_, err := l.decide(ctx, g, e, "")
		if refused, ok := spoken(err); !ok || refused.word != "again" {
			t.Fatalf("%s: %v", what, err)
		}
	}
	e := must[*gathered](t)(l.evidence(ctx))
	if err := l.Report(ctx, cutover.Report{Member: edgeB, Generation: g, Committed: r, Aborted: []cutover.RevisionID{n.ID}}, Head{}); err != nil {
		t.Fatal(err)
	}
	again("a report came", e)
	e = must[*gathered](t)(l.evidence(ctx))
	if _, err := l.DeclareOff(ctx, edgeC, "anna", "", time.Time{}); err != nil {
		t.Fatal(err)
	}
	again("a word came", e)

	// That an off member cannot have answered yet is true only for so long.
	m.restarts()
	g = reports(t, l, g.Number, Head{}, journalOf(edgeA, r, n))
	e = must[*gathered](t)(l.evidence(ctx))
	m.SetTime(n.Cutover("c-1").Last())
	again("D came", e)
	var blocked cutover.Blocked
	if _, err := l.Recover(ctx, g, ""); !errors.As(err, &blocked) || blocked[0].Why != cutover.WhyJournal {
		t.Fatalf("%v", err)
	}
}

// Without a member of the committed revision nothing is committed, unless the
// operator says that none is left.
func TestRule3NothingCommitsWithoutAWitness(t *testing.T) {
	everywhere(t, func(t *testing.T, l *Ledger, rdb *redis.Client) {
		r := first(t, l, edgeA)
		var member *MemberError
		if _, err := l.Leave(ctx, anyGeneration, edgeA, time.Time{}); !errors.As(err, &member) || member.Problem != "last" {
			t.Fatalf("the last one left: %v", err)
		}
		var alive *ExistsError
		if _, err := l.Adopt(ctx, "anna"); !errors.As(err, &alive) || !alive.Live {
			t.Fatalf("%v", err)
		}
		if _, err := l.DeclareOff(ctx, edgeA, "anna", "the machine is gone", time.Time{}); err != nil {
			t.Fatal(err)
		}
		join := next(r)
		join.Members = []cutover.MemberID{edgeA, edgeB}
		must[Proposed](t)(l.Propose(ctx, Proposal{Previous: r, Revision: join}))
		if o := must[Outcome](t)(l.Ack(ctx, anyGeneration, edgeB, join.ID)); o.Committed {
			t.Fatal("a joiner went on alone")
		}
		if _, err := l.Abort(ctx, anyGeneration, join.ID, "anna", ByOperator, "nobody is left"); err != nil {
			t.Fatal(err)
		}
		if _, err := l.Adopt(ctx, "anna"); err != nil {
			t.Fatal(err)
		}
		join.ID = newID()
		must[Proposed](t)(l.Propose(ctx, Proposal{Previous: r, Revision: join}))
		if o := must[Outcome](t)(l.Ack(ctx, anyGeneration, edgeB, join.ID)); !o.Committed {
			t.Fatalf("%+v", o)
		}
	})
}

// Whoever reads a new store's clock for the first time must not believe it before
// it is past all that others have answered by the old one.
func TestAClockIsSettledWhenItIsPastAllAnswers(t *testing.T) {
	everywhere(t, func(t *testing.T, l *Ledger, rdb *redis.Client) {
		r := first(t, l, edgeA, edgeB)
		s := l.Sampler()
		defer s.Close()
		if got := must[Sample](t)(s.Sample(ctx)); !got.Settled {
			t.Fatalf("a chain that nobody reported to is not settled: %+v", got)
		}
		forgetLife(t, rdb)
		g := begins(t, l, 2)
		ahead := must[Sample](t)(s.Sample(ctx)).Store.Add(500 * time.Millisecond)
		for _, m := range []cutover.MemberID{edgeA, edgeB} {
			report := cutover.Report{Member: m, Generation: g, Committed: r}
			if m == edgeA {
				report.Latest = ahead
			}
			if err := l.Report(ctx, report, Head{}); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := l.Recover(ctx, g, ""); err != nil {
			t.Fatal(err)
		}
		if got := must[Sample](t)(s.Sample(ctx)); got.Settled || !got.Recovered {
			t.Fatalf("at %v, with an answer by %v: %+v", got.Store, ahead, got)
		}
		eventually(t, "the clock is settled", func() bool {
			got := must[Sample](t)(s.Sample(ctx))
			if got.Settled && !got.Store.After(ahead) {
				t.Fatalf("settled at %v, before %v", got.Store, ahead)
			}
			return got.Settled
		})
	})
}

// forgetLife makes a store look like another life of the server.
func forgetLife(t testing.TB, rdb *redis.Client) {
	t.Helper()
	if err := rdb.HSet(ctx, prefix+":chain:{chain}:state", "replid", "another").Err(); err != nil {
		t.Fatal(err)
	}
}

// Rule 7: a store that was left behind may come back with an abort that it took from
// an operator while the fleet went on without it, by that revision or one more. What a
// member has in force holds.
func TestRule7AnAbortOfAStoreLeftBehindIsTakenBack(t *testing.T) {
	t.Parallel()
	for _, further := range []bool{false, true} {
		m := startSmall(t)
		l := open(t, client(t, m.Addr()), Options{})
		r := first(t, l, edgeA, edgeB)
		x := must[Proposed](t)(l.Propose(ctx, Proposal{Generation: anyGeneration, Previous: r, Revision: next(r)})).Revision
		if _, err := l.Abort(ctx, anyGeneration, x.ID, "anna", ByOperator, ""); err != nil {
			t.Fatal(err)
		}
		m.restarts()
		before, base := r, x
		if further {
			before, base = x, next(x)
		}
		g := reports(t, l, 1, Head{}, journalOf(edgeA, base, nil), journalOf(edgeB, before, base))
		recovers(t, l, g, base)
		if s := must[Status](t)(l.Status(ctx, x.ID)); slices.Contains(s.Aborted, x.ID) {
			t.Errorf("%s holds since revision %d, and is among the aborted: %v", x.ID, x.Number, s.Aborted)
		}
		agreed(t, l, base, next(base))
	}
}
