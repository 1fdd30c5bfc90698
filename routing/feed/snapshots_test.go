package feed

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/speakops/sipedge/routing"
)

// kept is brisk, with snapshots in a folder of the test.
func kept(t testing.TB) Options {
	o := brisk
	o.SnapshotDir, o.SnapshotEvery = filepath.Join(t.TempDir(), "numbers"), 50*time.Millisecond
	return o
}

// session is a feed that ends before the test does.
type session struct {
	*Feed
	table    *routing.Table
	fresh    routing.Freshness
	restored bool
	end      func()
}

func begin(t testing.TB, rdb redis.UniversalClient, o Options) *session {
	t.Helper()
	s := &session{table: new(routing.Table)}
	o.Freshness = &s.fresh
	var err error
	if s.Feed, err = New(rdb, prefix, s.table, o); err != nil {
		t.Fatal(err)
	}
	s.restored = s.Restore()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Follow(ctx) }()
	s.end = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Follow: %v", err)
		}
	})
	t.Cleanup(s.end)
	return s
}

func snapshotsIn(o Options) int {
	there, _ := filepath.Glob(filepath.Join(o.SnapshotDir, "*.snapshot"))
	return len(there)
}

func TestARestartGoesOnFromTheSnapshot(t *testing.T) {
	ctx := context.Background()
	rdb := client(t, startServer(t).addr)
	s, o := store(t, rdb), kept(t)
	fill(t, s, 0, 3000)
	if _, err := s.Delete(ctx, "", nth(5), Any); err != nil {
		t.Fatal(err)
	}
	first := begin(t, rdb, o)
	if first.restored {
		t.Fatal("restored from nothing")
	}
	loaded(t, first.Feed)
	first.end()
	if snapshotsIn(o) == 0 {
		t.Fatal("nothing was written at the end")
	}

	changed := legacy(nth(7))
	changed.LegacyRoute = "l9"
	put(t, s, changed)
	if _, err := s.Delete(ctx, "", nth(8), Any); err != nil {
		t.Fatal(err)
	}
	fill(t, s, 3000, 10)

	second := begin(t, rdb, o)
	if !second.restored {
		t.Fatal("the snapshot is not used")
	}
	loaded(t, second.Feed)
	if st := second.Stats(); st.Scans != 0 || st.Gaps != 0 || st.Incarnations != 0 || st.Applied != 12 {
		t.Fatalf("want twelve changes from the streams and no scan: %+v", st)
	}
	if second.table.Len() != 3008 || !holds(second.table, changed)() || second.table.Revision(nth(5)) == 0 {
		t.Fatalf("%d numbers", second.table.Len())
	}
	if age := second.Age(); age > 5*time.Second {
		t.Fatal(age)
	}
}

// With the store dead, settled numbers are served at once, the age is that of
// the snapshot, and once the age says so unknown numbers go elsewhere.
func TestAStartWithoutTheStore(t *testing.T) {
	t.Parallel()
	server := startServer(t)
	rdb := client(t, server.addr)
	s, o := store(t, rdb), kept(t)
	fill(t, s, 0, 500)
	first := begin(t, rdb, o)
	loaded(t, first.Feed)
	first.end()
	was := first.FreshAt()
	server.stop()
	time.Sleep(300 * time.Millisecond)

	second := begin(t, rdb, o)
	if !second.restored || second.table.Len() != 500 || second.Loaded() {
		t.Fatalf("restored %v, %d numbers, loaded %v", second.restored, second.table.Len(), second.Loaded())
	}
	if d := second.FreshAt().Sub(was); d < -50*time.Millisecond || d > 50*time.Millisecond || second.Age() < 300*time.Millisecond {
		t.Fatalf("fresh %v apart from what was known, age %v", d, second.Age())
	}
	at := routing.Around(time.Now(), 0)
	world := func(max time.Duration) routing.Decision {
		w := &routing.World{Table: second.table, Freshness: &second.fresh, MaxAge: max,
			Legacy: &routing.Route{ID: "l", Authority: routing.Legacy, Gateways: []routing.Gateway{{ID: "l1"}}}}
		if d := routing.Decide(w, at, routing.Call{To: nth(1)}); d.Kind != routing.KindRoute {
			t.Errorf("a known number is not served: %+v", d)
		}
		return routing.Decide(w, at, routing.Call{To: nth(9999)})
	}
	if d := world(100 * time.Millisecond); d.Intent != routing.RetryElsewhere || d.Because != routing.TableStale {
		t.Errorf("stale: %+v", d)
	}
	if d := world(time.Hour); d.Intent != routing.NotOurs {
		t.Errorf("fresh enough: %+v", d)
	}
	eventually(t, "the store is said to be away", func() bool { return second.Stats().Away != nil })

	server.start() // empty: another incarnation
	fill(t, s, 500, 10)
	loaded(t, second.Feed)
	eventually(t, "what was written while it loaded is there", func() bool { return second.table.Len() == 510 })
	if second.Stats().Lost != 500 || second.Age() > 5*time.Second {
		t.Fatalf("%d numbers, %+v", second.table.Len(), second.Stats())
	}
	second.end()

	third := begin(t, rdb, o)
	if !third.restored || third.Stats().Lost != 500 {
		t.Fatalf("what the store lost is forgotten: %+v", third.Stats())
	}
}

// A stream that was trimmed past the snapshot's position costs a scan, and
// nothing else.
func TestASnapshotBehindATrim(t *testing.T) {
	ctx := context.Background()
	rdb := client(t, startServer(t).addr)
	s, o := store(t, rdb), kept(t)
	fill(t, s, 0, 500)
	first := begin(t, rdb, o)
	loaded(t, first.Feed)
	first.end()
	n := legacy(nth(3))
	n.LegacyRoute = "l9"
	put(t, s, n)
	if err := rdb.XTrimMaxLen(ctx, first.keys.changes(Partition(nth(3))), 0).Err(); err != nil {
		t.Fatal(err)
	}
	second := begin(t, rdb, o)
	eventually(t, "the change arrives", holds(second.table, n))
	loaded(t, second.Feed)
	if st := second.Stats(); st.Gaps != 1 || st.Scans != 1 {
		t.Fatalf("want one partition scanned: %+v", st)
	}
}

func TestSnapshotsOnlyAfterChanges(t *testing.T) {
	rdb := small(t)
	s, o := store(t, rdb), kept(t)
	fill(t, s, 0, 50)
	f := begin(t, rdb, o)
	eventually(t, "the first is written", func() bool { return f.Stats().Snapshots == 1 })
	time.Sleep(500 * time.Millisecond)
	if n := f.Stats().Snapshots; n != 1 {
		t.Fatalf("%d snapshots of one state", n)
	}
	put(t, s, legacy(nth(50)))
	eventually(t, "a change is written", func() bool { return f.Stats().Snapshots == 2 })
}

func TestABadSnapshotIsNamedAndTheOneBeforeUsed(t *testing.T) {
	rdb := small(t)
	s, o := store(t, rdb), kept(t)
	fill(t, s, 0, 50)
	for i := range 2 {
		f := begin(t, rdb, o)
		loaded(t, f.Feed)
		put(t, s, legacy(nth(60+i)))
		f.end()
	}
	there, _ := filepath.Glob(filepath.Join(o.SnapshotDir, "*.snapshot"))
	if len(there) != 2 {
		t.Fatal(there)
	}
	if err := os.Truncate(there[1], 1000); err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	o.Log = slog.New(slog.NewTextHandler(&said, nil))
	f, err := New(rdb, prefix, new(routing.Table), o)
	if err != nil {
		t.Fatal(err)
	}
	if !f.Restore() || f.table.Len() < 50 {
		t.Fatalf("%d numbers", f.table.Len())
	}
	if !strings.Contains(said.String(), there[1]) || !strings.Contains(said.String(), "torn") {
		t.Fatal(said.String())
	}
}

func TestASnapshotFromTheFutureHasNoAge(t *testing.T) {
	rdb := small(t)
	s, o := store(t, rdb), kept(t)
	fill(t, s, 0, 5)
	ahead := o
	ahead.Clock = func() time.Time { return time.Now().Add(time.Hour) }
	first := begin(t, rdb, ahead)
	loaded(t, first.Feed)
	first.end()
	second := begin(t, client(t, "127.0.0.1:1"), o)
	at, ok := second.fresh.Confirmed()
	if !second.restored || !ok || time.Since(at) < 24*time.Hour {
		t.Fatal(second.restored, at, ok)
	}
}

// A folder that cannot be written costs the snapshots, not the calls.
func TestNoPlaceForSnapshots(t *testing.T) {
	rdb := small(t)
	s, o := store(t, rdb), kept(t)
	fill(t, s, 0, 5)
	if err := os.WriteFile(o.SnapshotDir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	f := begin(t, rdb, o)
	loaded(t, f.Feed)
	if f.restored || f.table.Len() != 5 {
		t.Fatal(f.restored, f.table.Len())
	}
}
