package feed

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/speakops/sipedge/routing"
)

func TestDigestsAgreeWhileNumbersChange(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, rdb *redis.Client) {
		s := store(t, rdb)
		fill(t, s, 0, 500)
		f, _ := following(t, rdb, brisk)
		loaded(t, f)
		for i := range 300 {
			n := legacy(nth(i))
			n.LegacyRoute = routing.RouteID(fmt.Sprint("r", i))
			put(t, s, n)
			if i%3 == 0 {
				if _, err := s.Delete(context.Background(), "", n.PublicNumber, Any); err != nil {
					t.Fatal(err)
				}
			}
		}
		compared := f.Stats().Compared
		eventually(t, "every partition is compared again", func() bool { return f.Stats().Compared >= compared+2*Partitions })
		if st := f.Stats(); st.Repairs != 0 || st.Disputed != 0 || st.Scans != Partitions {
			t.Fatalf("%+v", st)
		}
	})
}

// A write whose stream entry says less than its record: seq is in step, the
// table is not.
func TestDifferingDigestIsRepairedByReadingThePartition(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	rdb := client(t, startServer(t).addr)
	s := store(t, rdb)
	fill(t, s, 0, 200)
	f, table := following(t, rdb, brisk)
	loaded(t, f)
	n := nth(3)
	p := Partition(n)
	const fake = `redis.call('XADD', KEYS[1], '*', 'seq', redis.call('HINCRBY', KEYS[2], 'seq', 1), 'garbage', '1')
		local old = redis.call('HGET', KEYS[3], 'revision')
		local new = string.format('%.0f', tonumber(old) + 1)
		redis.call('HSET', KEYS[3], 'legacy_route', 'unseen', 'revision', new)
		local h, l = string.match(redis.call('HGET', KEYS[2], 'digest'), '(%d+):(%d+)')
		h, l = tonumber(h), tonumber(l)
		for sign, revision in pairs({[-1] = old, [1] = new}) do
			local sum = redis.sha1hex(ARGV[1] .. ':' .. revision)
			h = (h + sign * tonumber(string.sub(sum, 1, 12), 16)) % 281474976710656
			l = (l + sign * tonumber(string.sub(sum, 13, 24), 16)) % 281474976710656
		end
		return redis.call('HSET', KEYS[2], 'digest', string.format('%.0f:%.0f', h, l))`
	if err := rdb.Eval(ctx, fake, []string{s.keys.changes(p), s.keys.meta(p), s.keys.record(n)}, n.String()).Err(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the table is repaired", func() bool { got, _ := table.Get(n); return got.LegacyRoute == "unseen" })
	eventually(t, "the scan has ended", func() bool { return f.Stats().Scans > Partitions })
	if st := f.Stats(); st.Repairs != 1 || st.Gaps != 0 || st.Incarnations != 0 || st.Scans != Partitions+1 {
		t.Fatalf("%+v", st)
	}
	compared := f.Stats().Compared
	eventually(t, "digests agree again", func() bool { return f.Stats().Compared > compared+2*Partitions })
	// What no reading can repair is said once, and not read again and again.
	rdb.HSet(ctx, s.keys.meta(p), "digest", "1:2")
	eventually(t, "the dispute is counted", func() bool { return f.Stats().Disputed == 1 })
	compared = f.Stats().Compared
	eventually(t, "it is compared further", func() bool { return f.Stats().Compared > compared+3*Partitions })
	if st := f.Stats(); st.Repairs != 2 || st.Disputed != 1 || st.Scans != Partitions+2 {
		t.Fatalf("%+v", st)
	}
}

// turnstile is a client whose connections go where it is told, as a name does
// that moves to another machine.
func turnstile(t *testing.T, to *atomic.Pointer[string]) *redis.Client {
	rdb := redis.NewClient(&redis.Options{Addr: "turnstile:1", MaxRetries: 1, Dialer: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{Timeout: time.Second}).DialContext(ctx, network, *to.Load())
	}})
	t.Cleanup(func() { _ = rdb.Close() })
	return rdb
}

func replicaOf(t *testing.T, master *server) *server {
	t.Helper()
	r := startServer(t, "--replicaof", fmt.Sprintf("127.0.0.1 %d", master.port), "--repl-diskless-sync-delay", "0")
	inStep(t, client(t, r.addr))
	return r
}

func inStep(t *testing.T, replica *redis.Client) {
	t.Helper()
	eventually(t, "the replica is in step", func() bool {
		text := replica.Info(context.Background(), "replication").Val()
		return readRole(text).isReplica && linkUp(text)
	})
}

// A failover that lost writes and took as many others since: seq is the same,
// the story is not.
func TestAnotherHistoryOfTheSameLengthIsFound(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	a := startServer(t)
	atA := client(t, a.addr)
	fill(t, store(t, atA), 0, 200)
	b := replicaOf(t, a)
	atB := client(t, b.addr)
	to := new(atomic.Pointer[string])
	to.Store(&a.addr)
	f, table := following(t, turnstile(t, to), brisk)
	loaded(t, f)
	if err := atB.Do(ctx, "REPLICAOF", "NO", "ONE").Err(); err != nil {
		t.Fatal(err)
	}
	lost := legacy(nth(1))
	lost.LegacyRoute = "on-a"
	put(t, store(t, atA), lost)
	eventually(t, "the write arrives", holds(table, lost))
	other := legacy(nth(2))
	for i := 3; Partition(other.PublicNumber) != Partition(lost.PublicNumber); i++ {
		other = legacy(nth(i))
	}
	other.LegacyRoute = "on-b"
	put(t, store(t, atB), other)
	to.Store(&b.addr)
	a.stop()
	eventually(t, "b's write arrives", holds(table, other))
	eventually(t, "a's write is listed as lost", func() bool { return f.Stats().Lost == 1 })
	if !holds(table, lost)() {
		t.Fatal("the table went back")
	}
	if st := f.Stats(); st.Histories != 1 {
		t.Fatalf("%+v", st)
	}

	// A writer puts it right.
	all := f.LostRecords(10)
	if len(all) != 1 || all[0].Number.PublicNumber != lost.PublicNumber || all[0].Deleted {
		t.Fatalf("%+v", all)
	}
	s := store(t, atB)
	if counts, err := s.ReapplyAll(ctx, all); err != nil || counts[Updated] != 1 {
		t.Fatalf("%v %v", counts, err)
	}
	eventually(t, "nothing is lost any more", func() bool { return f.Stats().Lost == 0 })
	if got, _, _ := s.Get(ctx, lost.PublicNumber); got.LegacyRoute != "on-a" || got.Revision <= all[0].Number.Revision {
		t.Fatalf("%+v", got)
	}
	if r, err := s.Reapply(ctx, "", all[0]); err != nil || r.Outcome != Overruled {
		t.Fatalf("late: %+v %v", r, err)
	}
}

func TestReapplyRestoresAuthorityAndDeletions(t *testing.T) {
	both(t, func(t *testing.T, rdb *redis.Client) {
		ctx := context.Background()
		s := store(t, rdb)
		n := legacy(nth(1))
		was := put(t, s, n)
		forgotten := n
		forgotten.RoutingAuthority, forgotten.PortingState = routing.SpeakOps, routing.Settled
		forgotten.Revision = was.Revision + 1e12 // a clock ahead of the store's
		r, err := s.Reapply(ctx, "op", Lost{Number: forgotten})
		if err != nil || r.Outcome != Updated || r.Revision <= forgotten.Revision {
			t.Fatalf("%+v %v", r, err)
		}
		if again, err := s.Reapply(ctx, "op", Lost{Number: forgotten}); err != nil || again != r {
			t.Fatalf("repeated: %+v %v", again, err)
		}
		got, _, _ := s.Get(ctx, n.PublicNumber)
		if got.RoutingAuthority != routing.SpeakOps || got.PortingState != routing.Settled {
			t.Fatalf("%+v", got)
		}
		gone := Lost{routing.Number{PublicNumber: n.PublicNumber, Revision: r.Revision + 5}, true}
		if r, err := s.Reapply(ctx, "", gone); err != nil || r.Outcome != Deleted || r.Revision <= gone.Number.Revision {
			t.Fatalf("%+v %v", r, err)
		}
		if _, ok, _ := s.Get(ctx, n.PublicNumber); ok {
			t.Fatal("it is there")
		}
		if r, err := s.Reapply(ctx, "", gone); err != nil || r.Outcome != Overruled {
			t.Fatalf("%+v %v", r, err)
		}
		var bad *FieldError
		if _, err := s.Reapply(ctx, "", Lost{Number: n}); !errors.As(err, &bad) {
			t.Fatalf("without a revision: %v", err)
		}
	})
}

func TestDemotedMasterThatStillAnswersIsNotBelieved(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	a := startServer(t)
	atA := client(t, a.addr)
	fill(t, store(t, atA), 0, 100)
	b := replicaOf(t, a)
	f, table := following(t, client(t, a.addr), brisk)
	loaded(t, f)
	if err := client(t, b.addr).Do(ctx, "REPLICAOF", "NO", "ONE").Err(); err != nil {
		t.Fatal(err)
	}
	if err := atA.Do(ctx, "REPLICAOF", "127.0.0.1", b.port).Err(); err != nil {
		t.Fatal(err)
	}
	var demoted *RoleError
	eventually(t, "it says what is wrong", func() bool { return errors.As(f.Stats().Away, &demoted) })
	if demoted.Master != b.addr {
		t.Fatalf("its master is %s", demoted.Master)
	}
	eventually(t, "the table ages", func() bool { return f.Age() > time.Second })
	if atA.Ping(ctx).Err() != nil || table.Len() != 100 || f.Stats().Demoted == 0 {
		t.Fatalf("%+v", f.Stats())
	}
	var away *AwayError
	if _, err := store(t, atA).Put(ctx, "", legacy(nth(1001)), Any); !errors.As(err, &away) || !redis.HasErrorPrefix(away.Err, "READONLY") {
		t.Fatalf("writing to a replica: %v", err)
	}
	if err := atA.Do(ctx, "REPLICAOF", "NO", "ONE").Err(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a master again, it is followed again", func() bool { return f.Age() < 500*time.Millisecond && f.Stats().Away == nil })
	n := legacy(nth(5))
	n.LegacyRoute = "after"
	put(t, store(t, atA), n)
	eventually(t, "changes arrive", holds(table, n))
}

func TestLookupWhileTheFirstLoadRuns(t *testing.T) {
	ctx := context.Background()
	srv := startServer(t)
	rdb := client(t, srv.addr)
	s := store(t, rdb)
	fill(t, s, 0, 50)
	table := new(routing.Table)
	f, err := New(rdb, prefix, table, brisk)
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 40 {
		all.Go(func() {
			if got, ok, err := f.Lookup(ctx, nth(7)); !ok || err != nil || got.RoutingAuthority != routing.Legacy {
				t.Errorf("%+v %v %v", got, ok, err)
			}
		})
	}
	all.Wait()
	if asked := f.Stats().Lookups; asked == 0 || asked > 39 {
		t.Fatalf("40 callers asked %d times", asked)
	}
	if _, ok, err := f.Lookup(ctx, nth(900)); ok || err != nil {
		t.Fatalf("an absent number: %v %v", ok, err)
	}
	put(t, s, legacy(nth(900)))
	if _, ok, err := f.Lookup(ctx, nth(900)); !ok || err != nil {
		t.Fatalf("its absence was remembered: %v", err)
	}

	// A store that does not answer costs a call 100 ms, and calls beyond the bound nothing.
	if err := client(t, srv.addr).Do(ctx, "CLIENT", "PAUSE", 1200, "ALL").Err(); err != nil {
		t.Fatal(err)
	}
	var busy, away atomic.Int64
	began := time.Now()
	for i := range 3 * maxLookups {
		all.Go(func() {
			var a *AwayError
			_, ok, err := f.Lookup(ctx, nth(1000+i))
			switch {
			case ok:
				t.Error("found")
			case errors.Is(err, ErrBusy):
				busy.Add(1)
			case errors.As(err, &a):
				away.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	all.Wait()
	if took := time.Since(began); took > 600*time.Millisecond || busy.Load() == 0 || away.Load() == 0 || len(f.looking) > maxLookups {
		t.Fatalf("%v, %d busy, %d away", took, busy.Load(), away.Load())
	}
	eventually(t, "none is under way", func() bool { return len(f.looking) == 0 })

	// Loaded, the table answers alone.
	run, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- f.Follow(run) }()
	loaded(t, f)
	asked := f.Stats().Lookups
	if _, ok, err := f.Lookup(ctx, nth(2000)); ok || err != nil || f.Stats().Lookups != asked {
		t.Fatalf("%v %v", ok, err)
	}
	compared := f.Stats().Compared
	eventually(t, "digests agree", func() bool { return f.Stats().Compared >= compared+2*Partitions })
	if st := f.Stats(); st.Repairs != 0 {
		t.Fatalf("%+v", st)
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}
