package feed

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/speakops/sipedge/routing"
)

func linkUp(info string) bool { return strings.Contains(info, "master_link_status:up") }

// startSentinel watches master as "numbers". redis-server with --sentinel is
// what the program redis-sentinel is.
func startSentinel(t *testing.T, master *server) (addr string) {
	t.Helper()
	port := freePort(t)
	conf := filepath.Join(t.TempDir(), "sentinel.conf")
	text := fmt.Sprintf("port %d\nbind 127.0.0.1\ndir %s\nsentinel monitor numbers 127.0.0.1 %d 1\n"+
		"sentinel down-after-milliseconds numbers 500\nsentinel failover-timeout numbers 4000\n", port, filepath.Dir(conf), master.port)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	bin, err := exec.LookPath("redis-server")
	if err != nil {
		t.Fatal("this test needs a real redis-server: apt-get install redis-server")
	}
	cmd := exec.Command(bin, conf, "--sentinel")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	addr = fmt.Sprintf("127.0.0.1:%d", port)
	c := client(t, addr)
	eventually(t, "the sentinel knows the replica", func() bool {
		return strings.Contains(c.Info(context.Background(), "sentinel").Val(), "slaves=1")
	})
	return addr
}

// scribe writes numbers, one after the other, and keeps what a replica has too.
type scribe struct {
	store *Store
	rdb   *redis.Client

	mu     sync.Mutex
	safe   []routing.Number // acknowledged by the master and by a replica, or alone after the failover
	failed int
	alone  bool
}

func (w *scribe) run(ctx context.Context) {
	for i := 0; ctx.Err() == nil; i++ {
		n := legacy(nth(i % 200))
		n.LegacyRoute = routing.RouteID(fmt.Sprint("w", i))
		within, cancel := context.WithTimeout(ctx, time.Second)
		_, err := w.store.Put(within, fmt.Sprint("w", i), n, Any)
		held := int64(0)
		if err == nil {
			held = w.rdb.Wait(within, 1, 100*time.Millisecond).Val()
		}
		cancel()
		w.mu.Lock()
		switch {
		case err != nil:
			w.failed++
		case held > 0 || w.alone:
			w.safe = append(w.safe, n)
		}
		w.mu.Unlock()
		wait(ctx, 2*time.Millisecond)
	}
}

// neverBack fails the test when a number is served at an older revision than before.
func neverBack(ctx context.Context, t *testing.T, table *routing.Table, numbers int) {
	highest := make([]uint64, numbers)
	for ctx.Err() == nil {
		for i := range highest {
			got, ok := table.Get(nth(i))
			if !ok || got.Revision < highest[i] {
				t.Errorf("%s went from revision %d to %d", nth(i), highest[i], got.Revision)
				return
			}
			highest[i] = got.Revision
		}
		wait(ctx, time.Millisecond)
	}
}

func TestSentinelFailover(t *testing.T) {
	t.Parallel()
	a := startServer(t)
	fill(t, store(t, client(t, a.addr)), 0, 200)
	b := replicaOf(t, a)
	sentinel := startSentinel(t, a)
	open := func() *redis.Client {
		rdb := redis.NewUniversalClient(&redis.UniversalOptions{MasterName: "numbers", Addrs: []string{sentinel},
			DialTimeout: time.Second, ReadTimeout: time.Second, MaxRetries: 1}).(*redis.Client)
		t.Cleanup(func() { _ = rdb.Close() })
		return rdb
	}
	f, table := following(t, open(), brisk)
	loaded(t, f)
	ctx, cancel := context.WithCancel(context.Background())
	w := &scribe{rdb: open()}
	w.store = store(t, w.rdb)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	running.Go(func() { w.run(ctx) })
	running.Go(func() { neverBack(ctx, t, table, 200) })
	safe := func() int { w.mu.Lock(); defer w.mu.Unlock(); return len(w.safe) }
	eventually(t, "writes flow", func() bool { return safe() > 50 })

	a.stop()
	eventually(t, "the replica is promoted", func() bool {
		return !readRole(client(t, b.addr).Info(ctx, "replication").Val()).isReplica
	})
	w.mu.Lock()
	w.alone = true
	w.mu.Unlock()
	before := safe()
	eventually(t, "writes continue", func() bool { return safe() > before+50 })
	eventually(t, "the feed follows", func() bool { return f.Age() < 500*time.Millisecond && f.Stats().Away == nil })
	cancel()
	running.Wait()

	latest := make(map[routing.PublicNumber]routing.Number)
	for _, n := range w.safe {
		latest[n.PublicNumber] = n
	}
	// A write that only the dead master had may rightly be newer in the table than
	// the latest safe one; it is then listed.
	lost := make(map[routing.PublicNumber]bool)
	for _, n := range f.Lost(200) {
		lost[n] = true
	}
	for number, n := range latest {
		if !lost[number] {
			eventually(t, "the latest write of "+number.String()+" is there", func() bool {
				got, ok := table.Get(number)
				stored, _, err := w.store.Get(context.Background(), number)
				return ok && err == nil && got == stored && !older(string(got.LegacyRoute), string(n.LegacyRoute))
			})
		}
	}
	if st := f.Stats(); table.Len() != 200 || st.Histories == 0 {
		t.Fatalf("%d numbers, %d failed writes, %+v", table.Len(), w.failed, st)
	}
}

// older compares "w17" with "w204".
func older(a, b string) bool {
	var i, j int
	fmt.Sscanf(a, "w%d", &i)
	fmt.Sscanf(b, "w%d", &j)
	return i < j
}

func TestLoadingStoreIsWaitedFor(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	srv := startServer(t)
	rdb := client(t, srv.addr)
	fill(t, store(t, rdb), 0, 2000)
	f, table := following(t, rdb, brisk)
	loaded(t, f)
	if err := rdb.Save(ctx).Err(); err != nil {
		t.Fatal(err)
	}
	srv.stop()
	srv.args = append(srv.args, "--key-load-delay", "1000", "--loading-process-events-interval-bytes", "1024")
	srv.start()
	eventually(t, "it says that the store is loading", func() bool {
		away := f.Stats().Away
		return away != nil && strings.Contains(away.Error(), "still loading")
	})
	var away *AwayError
	if _, err := store(t, rdb).Put(ctx, "", legacy(nth(1)), Any); !errors.As(err, &away) || !redis.HasErrorPrefix(away.Err, "LOADING") {
		t.Fatalf("writing meanwhile: %v", err)
	}
	eventually(t, "the table ages", func() bool { return f.Age() > 300*time.Millisecond })
	if table.Len() != 2000 {
		t.Fatalf("%d numbers", table.Len())
	}
	eventually(t, "it is fresh again", func() bool { return f.Age() < 500*time.Millisecond && f.Stats().Away == nil })
	if st := f.Stats(); st.Lost != 0 || st.Repairs != 0 || st.Incarnations != 0 || st.Scans != Partitions {
		t.Fatalf("%+v", st)
	}
}

func TestFullStoreRefusesWritesAndIsStillFollowed(t *testing.T) {
	ctx := context.Background()
	rdb := client(t, startServer(t).addr)
	s := store(t, rdb)
	fill(t, s, 0, 100)
	f, table := following(t, rdb, brisk)
	loaded(t, f)
	rdb.ConfigSet(ctx, "maxmemory", "1")
	n := legacy(nth(1))
	n.LegacyRoute = "full"
	seq := rdb.HGet(ctx, s.keys.meta(Partition(n.PublicNumber)), "seq").Val()
	var away *AwayError
	if _, err := s.Put(ctx, "op", n, Any); !errors.As(err, &away) || !redis.HasErrorPrefix(away.Err, "OOM") {
		t.Fatalf("%v", err)
	}
	if got, _, _ := s.Get(ctx, n.PublicNumber); got.LegacyRoute != "" || rdb.HGet(ctx, s.keys.meta(Partition(n.PublicNumber)), "seq").Val() != seq {
		t.Fatal("half a write")
	}
	before := f.FreshAt()
	eventually(t, "it stays fresh", func() bool { return f.FreshAt().Sub(before) > 300*time.Millisecond })
	rdb.ConfigSet(ctx, "maxmemory", "0")
	if r, err := s.Put(ctx, "op", n, Any); err != nil || r.Outcome != Updated {
		t.Fatalf("%+v %v", r, err)
	}
	eventually(t, "the write arrives", holds(table, n))
}
