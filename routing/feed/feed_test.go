package feed

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/speakops/sipedge/routing"
)

// brisk makes faults show soon.
var brisk = Options{Block: 50 * time.Millisecond, Poll: 100 * time.Millisecond, Patience: 300 * time.Millisecond, MaxPause: 300 * time.Millisecond}

func holds(table *routing.Table, n routing.Number) func() bool {
	return func() bool {
		got, ok := table.Get(n.PublicNumber)
		got.Revision = 0
		return ok && got == n
	}
}

func TestFollowLoadsThenFollows(t *testing.T) {
	both(t, func(t *testing.T, rdb *redis.Client) {
		ctx := context.Background()
		s := store(t, rdb)
		fill(t, s, 0, 3000)
		gone := nth(17)
		if _, err := s.Delete(ctx, "", gone, Any); err != nil {
			t.Fatal(err)
		}
		var fresh routing.Freshness
		o := brisk
		o.Freshness = &fresh
		f, table := following(t, rdb, o)
		loaded(t, f)
		if table.Len() != 2999 || f.Stale(time.Minute) || f.FreshAt().IsZero() {
			t.Fatalf("%d numbers, age %v", table.Len(), f.Age())
		}
		if at, ok := fresh.Confirmed(); !ok || time.Since(at) > time.Minute || time.Since(at) < 0 {
			t.Fatalf("confirmed %v %v", at, ok)
		}
		if _, ok := table.Get(gone); ok {
			t.Fatal("a deleted number was loaded")
		}
		n := legacy(nth(17))
		n.LegacyRoute = "l9"
		put(t, s, n)
		eventually(t, "a change arrives", holds(table, n))
		if _, err := s.Delete(ctx, "", n.PublicNumber, Any); err != nil {
			t.Fatal(err)
		}
		eventually(t, "a deletion arrives", func() bool { _, ok := table.Get(n.PublicNumber); return !ok })
		before := f.FreshAt()
		eventually(t, "it stays fresh", func() bool { return f.FreshAt().After(before) && f.Age() < 2*time.Second })
		if st := f.Stats(); st.Gaps != 0 || st.Incarnations != 0 || st.Garbage != 0 || st.Scans != Partitions {
			t.Fatalf("%+v", st)
		}
	})
}

func TestEmptyStoreLoadsAndItsFirstWriteIsNoSurprise(t *testing.T) {
	rdb := client(t, startServer(t).addr)
	f, table := following(t, rdb, brisk)
	loaded(t, f)
	s := store(t, rdb)
	fill(t, s, 0, 200)
	eventually(t, "all numbers arrive", func() bool { return table.Len() == 200 })
	before := f.FreshAt()
	eventually(t, "it is fresh after that", func() bool { return f.FreshAt().Sub(before) > 300*time.Millisecond })
	if st := f.Stats(); st.Scans != Partitions || st.Incarnations != 0 || st.Gaps != 0 {
		t.Fatalf("%+v", st)
	}
}

func TestBeforeTheFirstLoadNothingIsFresh(t *testing.T) {
	t.Parallel()
	table := new(routing.Table)
	rdb := client(t, "127.0.0.1:1") // nobody listens there
	var fresh routing.Freshness
	o := brisk
	o.Freshness = &fresh
	f, err := New(rdb, prefix, table, o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if err := f.Follow(ctx); err != nil {
		t.Fatalf("Follow: %v", err)
	}
	_, confirmed := fresh.Confirmed()
	if f.Loaded() || !f.Stale(1000*time.Hour) || confirmed || !f.FreshAt().IsZero() {
		t.Fatal("an empty table passes for a loaded one")
	}
	if err := f.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("Wait: %v", err)
	}
	var away *AwayError
	if err := f.Stats().Away; !errors.As(err, &away) || away.Address != "127.0.0.1:1" {
		t.Fatalf("away: %v", err)
	}
}

// Who waits for the table takes calls at once, and must find it fresh.
func TestFreshnessIsConfirmedBeforeWaitReturns(t *testing.T) {
	var fresh routing.Freshness
	o := brisk
	o.Freshness = &fresh
	asked := make(chan bool, 1) // whether waiters were free when Freshness was told first
	var once sync.Once
	var f *Feed
	started := make(chan struct{})
	o.Clock = func() time.Time {
		once.Do(func() {
			<-started
			select {
			case <-f.loaded:
				asked <- true
			default:
				asked <- false
			}
		})
		return time.Now()
	}
	f, _ = following(t, small(t), o)
	close(started)
	loaded(t, f)
	if _, confirmed := fresh.Confirmed(); !confirmed || <-asked {
		t.Error("Wait returns before Freshness knows")
	}
}

func TestOnlyOneFollows(t *testing.T) {
	rdb := small(t)
	f, _ := following(t, rdb, brisk)
	loaded(t, f)
	if err := f.Follow(context.Background()); !errors.Is(err, ErrFollowed) {
		t.Fatalf("%v", err)
	}
}

func TestTombstonesAreSweptFromTheTable(t *testing.T) {
	rdb := small(t)
	s := store(t, rdb)
	o := brisk
	o.TombstoneFor = 300 * time.Millisecond
	f, table := following(t, rdb, o)
	loaded(t, f)
	put(t, s, legacy(nth(1)))
	eventually(t, "the number arrives", holds(table, legacy(nth(1))))
	if _, err := s.Delete(context.Background(), "", nth(1), Any); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is forgotten", func() bool { return table.Revision(nth(1)) == 0 })
}

func TestConcurrentWritersEndInOneStory(t *testing.T) {
	ctx := context.Background()
	srv := startServer(t)
	rdb := client(t, srv.addr)
	s := store(t, rdb)
	f, table := following(t, rdb, brisk)
	const writers, numbers, rounds = 8, 20, 60
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range rounds {
				n := legacy(nth((i + w) % numbers))
				n.CustomerAssignment = routing.CustomerID(fmt.Sprint(w, "-", i))
				if i%7 == 6 {
					if _, err := s.Delete(ctx, "", n.PublicNumber, Any); err != nil {
						t.Error(err)
					}
				} else if _, err := s.Put(ctx, "", n, Any); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	now := time.Now()
	eventually(t, "the feed caught up", func() bool { return f.FreshAt().After(now) })
	for i := range numbers {
		want, ok, err := s.Get(ctx, nth(i))
		if err != nil {
			t.Fatal(err)
		}
		got, has := table.Get(nth(i))
		if has != ok || ok && got != want {
			t.Fatalf("%s: table %v %+v\nstore %v %+v", nth(i), has, got, ok, want)
		}
	}
	if st := f.Stats(); st.Gaps != 0 || st.Incarnations != 0 {
		t.Fatalf("%+v", st)
	}
}

// One increment at a time, each expecting what it has read: none may be lost.
func TestExpectedRevisionsMakeEditsAtomic(t *testing.T) {
	ctx := context.Background()
	rdb := client(t, startServer(t).addr)
	s := store(t, rdb)
	n := legacy(nth(1))
	n.CustomerAssignment = "0"
	put(t, s, n)
	const writers, each = 6, 30
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for done := 0; done < each; {
				got, _, err := s.Get(ctx, n.PublicNumber)
				if err != nil {
					t.Error(err)
					return
				}
				var count int
				_, _ = fmt.Sscan(string(got.CustomerAssignment), &count)
				got.CustomerAssignment = routing.CustomerID(fmt.Sprint(count + 1))
				_, err = s.Put(ctx, randomText(), got, Expect(got.Revision))
				var conflict *ConflictError
				switch {
				case err == nil:
					done++
				case !errors.As(err, &conflict):
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	if got, _, _ := s.Get(ctx, n.PublicNumber); string(got.CustomerAssignment) != fmt.Sprint(writers*each) {
		t.Fatalf("%s edits of %d", got.CustomerAssignment, writers*each)
	}
}

func TestBurstLongerThanOneRead(t *testing.T) {
	rdb := client(t, startServer(t).addr)
	s := store(t, rdb)
	f, table := following(t, rdb, brisk)
	loaded(t, f)
	n := legacy(nth(1))
	keys, _ := s.call(&change{verb: "put", number: n.PublicNumber})
	_, err := rdb.Pipelined(context.Background(), func(pipe redis.Pipeliner) error {
		for i := range 3 * atOnce {
			_, args := s.call(&change{verb: "put", number: n.PublicNumber, set: []string{"routing_authority", "legacy", "customer_assignment", fmt.Sprint(i)}})
			pipe.Eval(context.Background(), putSource, keys, args...)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the last write arrives", func() bool {
		got, _ := table.Get(n.PublicNumber)
		return string(got.CustomerAssignment) == fmt.Sprint(3*atOnce-1)
	})
	if st := f.Stats(); st.Gaps != 0 || st.Applied != 3*atOnce {
		t.Fatalf("%+v", st)
	}
}

func TestCluster(t *testing.T) {
	t.Parallel()
	srv := startNode(t)
	ctx := context.Background()
	node := client(t, srv.addr)
	if err := node.ClusterAddSlotsRange(ctx, 0, 16383).Err(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the cluster is up", func() bool {
		return node.Set(ctx, "probe", "1", 0).Err() == nil
	})
	rdb := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{srv.addr}})
	defer rdb.Close()
	s := store(t, rdb)
	fill(t, s, 0, 1000)
	o := brisk
	o.Patience = time.Second
	f, table := following(t, rdb, o)
	loaded(t, f)
	n := legacy(nth(2000))
	put(t, s, n)
	eventually(t, "a change arrives", holds(table, n))
	if table.Len() != 1001 {
		t.Fatalf("%d numbers", table.Len())
	}
	if err := node.FlushAll(ctx).Err(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the flush is detected in every slot", func() bool { return f.Stats().Lost == 1001 })
}

func BenchmarkLoad100k(b *testing.B) {
	rdb := client(b, startServer(b).addr)
	fill(b, store(b, rdb), 0, 100_000)
	b.ResetTimer()
	for range b.N {
		table := new(routing.Table)
		f, err := New(rdb, prefix, table, Options{})
		if err != nil {
			b.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- f.Follow(ctx) }()
		loaded(b, f)
		if table.Len() != 100_000 {
			b.Fatalf("%d numbers", table.Len())
		}
		b.StopTimer()
		cancel()
		<-done
		b.StartTimer()
	}
}
