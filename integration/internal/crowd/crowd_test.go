package crowd

import (
	"context"
	"os"
	"regexp"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/speakops/sipedge/integration/internal/lab"
	"github.com/speakops/sipedge/routing"
	"github.com/speakops/sipedge/routing/feed"
)

// What the crowd leaves behind reads as what the script would have left: the
// store's own reader finds no fault, and no digest differs.
func TestCrowdIsAsTheScriptWouldHaveWritten(t *testing.T) {
	r := lab.NewRedis(t)
	const count = 3000
	if err := Pour(r.Addr(), "p", count); err != nil {
		t.Fatal(err)
	}
	table, f := follow(t, r, feed.Options{})
	lab.Until(t, 10*time.Second, "digests to be compared", func() bool { return f.Stats().Compared >= 2*feed.Partitions })
	if st := f.Stats(); table.Len() != count || st.Repairs != 0 || st.Disputed != 0 || st.Garbage != 0 || st.Lost != 0 {
		t.Fatalf("%d numbers, %+v %v", table.Len(), st, f.Faults())
	}
	rdb := r.Client()
	defer rdb.Close()
	store, err := feed.NewStore(rdb, "p", feed.StoreOptions{})
	if err != nil {
		t.Fatal(err)
	}
	n, ok, err := store.Get(t.Context(), First+7)
	if err != nil || !ok || n.RoutingAuthority != routing.Legacy || n.CustomerAssignment != "customer-0" {
		t.Fatalf("%+v %v %v", n, ok, err)
	}
	n.LegacyRoute = "other"
	if _, err := store.Put(t.Context(), "", n, feed.Expect(n.Revision)); err != nil {
		t.Fatal(err)
	}
	lab.Until(t, 10*time.Second, "the change", func() bool { got, _ := table.Get(First + 7); return got.LegacyRoute == "other" })
}

// follow starts a feed and waits until it is loaded.
func follow(t testing.TB, r *lab.Redis, o feed.Options) (*routing.Table, *feed.Feed) {
	t.Helper()
	rdb := r.Client()
	table := new(routing.Table)
	f, err := feed.New(rdb, "p", table, o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f.Follow(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		_ = rdb.Close()
	})
	if err := f.Wait(ctx); err != nil {
		t.Fatal(err)
	}
	return table, f
}

// size is how many numbers a benchmark has: SIZE=10000000 is a national provider.
func size(b *testing.B) int {
	if text := os.Getenv("SIZE"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			b.Fatal(err)
		}
		return n
	}
	return 100_000
}

// BenchmarkLoad is a full load from a real Redis into an empty table.
func BenchmarkLoad(b *testing.B) {
	reading(b, "edge-us/number", func(r *lab.Redis, count int) {
		if table, _ := follow(b, r, feed.Options{}); table.Len() != count {
			b.Fatal(table.Len())
		}
	})
}

// reading measures what it takes to read all of a crowd once, of Redis and, by the
// name of own, of this process.
func reading(b *testing.B, own string, once func(r *lab.Redis, count int)) {
	count, r := size(b), lab.NewRedis(b)
	if err := Pour(r.Addr(), "p", count); err != nil {
		b.Fatal(err)
	}
	theirs, ours := cpuOf(b, r), ownCPU(b)
	for b.Loop() {
		once(r, count)
	}
	all := float64(count) * float64(b.N)
	b.ReportMetric(all/b.Elapsed().Seconds(), "numbers/s")
	b.ReportMetric((cpuOf(b, r)-theirs)*1e6/all, "redis-us/number")
	b.ReportMetric((ownCPU(b)-ours)*1e6/all, own)
}

// ownCPU is the processor time of this process, in seconds.
func ownCPU(b *testing.B) float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}

var usedForm = regexp.MustCompile(`used_cpu_(?:sys|user):([0-9.]+)`)

// cpuOf is the processor time that a Redis has used, in seconds.
func cpuOf(b *testing.B, r *lab.Redis) (seconds float64) {
	rdb := r.Client()
	defer rdb.Close()
	for _, m := range usedForm.FindAllStringSubmatch(rdb.Info(context.Background(), "cpu").Val(), -1) {
		v, err := strconv.ParseFloat(m[1], 64)
		if err != nil {
			b.Fatal(err)
		}
		seconds += v
	}
	return seconds
}
