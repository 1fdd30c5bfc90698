package feed

import (
	"context"
	"regexp"
	"strconv"
	"testing"
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
