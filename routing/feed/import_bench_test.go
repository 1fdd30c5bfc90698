package feed

import (
	"context"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/speakops/sipedge/routing"
)

var usecForm = regexp.MustCompile(`cmdstat_evalsha:calls=(\d+),usec=(\d+)`)

// BenchmarkImport writes rows that are new, each iteration 20,000 of them, and
// says how much time of the store's own one row takes.
func BenchmarkImport(b *testing.B) {
	ctx := context.Background()
	rdb := client(b, startServer(b).addr)
	s := store(b, rdb)
	const rows = 20_000
	for i := range b.N {
		fill(b, s, i*rows, rows)
	}
	m := usecForm.FindStringSubmatch(rdb.Info(ctx, "commandstats").Val())
	if m == nil {
		b.Fatal("the store kept no count")
	}
	calls, _ := strconv.ParseFloat(m[1], 64)
	usec, _ := strconv.ParseFloat(m[2], 64)
	b.ReportMetric(usec/calls, "store-us/row")
	b.ReportMetric(float64(b.N)*rows/b.Elapsed().Seconds(), "rows/s")
}

// BenchmarkChangeVisible is the time from the beginning of a write until the
// table of an edge on the same machine shows it, while 1,000 other numbers change
// each second.
func BenchmarkChangeVisible(b *testing.B) {
	ctx, cancel := context.WithCancel(context.Background())
	rdb := client(b, startServer(b).addr)
	s := store(b, rdb)
	fill(b, s, 0, 10_000)
	f, table := following(b, rdb, Options{})
	loaded(b, f)
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for i := 0; ctx.Err() == nil; i++ {
			n := legacy(nth(i % 5000))
			n.LegacyRoute = routing.RouteID("other" + strconv.Itoa(i))
			_, _ = s.Put(ctx, "", n, Any)
			<-tick.C
		}
	}()
	took := make([]time.Duration, 0, 1<<16)
	for i := 0; b.Loop(); i++ {
		n := legacy(nth(5000 + i%5000))
		n.LegacyRoute = routing.RouteID("r" + strconv.Itoa(i))
		began := time.Now()
		r, err := s.Put(ctx, "", n, Any)
		if err != nil {
			b.Fatal(err)
		}
		for table.Revision(n.PublicNumber) < r.Revision {
			time.Sleep(50 * time.Microsecond)
		}
		took = append(took, time.Since(began))
	}
	cancel()
	<-done
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
}
