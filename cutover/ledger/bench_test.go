package ledger

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/speakops/sipedge/cutover"
)

// BenchmarkArm is propose and three acknowledgements, the list's upload and its
// claims included. longest is the longest time for which one script held the
// server, by its own slow log.
func BenchmarkArm(b *testing.B) {
	for _, count := range []int{10, 10_000, 100_000} {
		b.Run(fmt.Sprint(count), func(b *testing.B) {
			rdb := client(b, startReal(b, "--slowlog-log-slower-than", "0", "--slowlog-max-len", "100000").addr)
			l := open(b, rdb, Options{})
			r := first(b, l, edgeA, edgeB, edgeC)
			var upload time.Duration
			n, before := 0, cpu(b, rdb)
			for b.Loop() {
				b.StopTimer()
				n++
				list := numbers(b, n, count)
				next := arm(r, cutover.ID(fmt.Sprintf("c-%04d", n)), list, soon(time.Hour))
				b.StartTimer()
				began := time.Now()
				if err := l.PutList(ctx, list); err != nil {
					b.Fatal(err)
				}
				upload += time.Since(began)
				r = agreed(b, l, r, next, list)
			}
			b.ReportMetric(float64(upload.Milliseconds())/float64(n), "upload-ms/op")
			b.ReportMetric((cpu(b, rdb)-before)*1000/float64(n), "server-cpu-ms/op")
			longest := time.Duration(0)
			for _, e := range rdb.SlowLogGet(context.Background(), -1).Val() {
				if e.Args[0] == "evalsha" || e.Args[0] == "eval" {
					longest = max(longest, e.Duration)
				}
			}
			b.ReportMetric(float64(longest.Microseconds()), "longest-us")
		})
	}
}

// cpu is what the server has used so far, in seconds.
func cpu(b *testing.B, rdb *redis.Client) (total float64) {
	for line := range strings.Lines(rdb.Info(ctx, "cpu").Val()) {
		var s float64
		for _, name := range []string{"used_cpu_sys:", "used_cpu_user:"} {
			if _, err := fmt.Sscanf(line, name+"%g", &s); err == nil {
				total += s
			}
		}
	}
	return total
}

// BenchmarkStatus is what every edge does several times a second.
func BenchmarkStatus(b *testing.B) {
	l := open(b, client(b, startReal(b).addr), Options{})
	r := first(b, l, edgeA, edgeB, edgeC)
	list := numbers(b, 0, 10)
	agreed(b, l, r, arm(r, "c-1", list, soon(time.Hour)), list)
	for b.Loop() {
		must[Status](b)(l.Status(ctx))
	}
}
