package routing

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"
)

// size is how many numbers a benchmark has: SIZE=10000000 is a national provider.
func size(b *testing.B) int {
	text := os.Getenv("SIZE")
	if text == "" {
		return 100_000
	}
	n, err := strconv.Atoi(text)
	if err != nil || n <= 0 {
		b.Fatalf("SIZE=%q is no count", text)
	}
	return n
}

// benchNumber is one of many: 40 providers and routes, a hundred numbers to a customer.
func benchNumber(i int, revision uint64) Number {
	n := Number{
		PublicNumber: 12_000_000_000 + PublicNumber(i), NumberType: Local, RoutingAuthority: Legacy,
		OriginalAssignee: ProviderID("provider-" + strconv.Itoa(i/1000%40)), CurrentServingProvider: "north",
		UnderlyingCarrier: CarrierID("carrier-" + strconv.Itoa(i/1000%20)), LRN: "+1" + strconv.Itoa(2025550000+i/10000%1000),
		CustomerAssignment: CustomerID("customer-" + strconv.Itoa(i/100)), Revision: revision,
	}
	if i%3 == 0 {
		n.PortingState, n.RoutingAuthority = Settled, SpeakOps
	}
	return n
}

func filled(b *testing.B, count int) *Table {
	table := new(Table)
	for i := range count {
		table.Put(benchNumber(i, 1))
	}
	if table.Len() != count {
		b.Fatal(table.Len())
	}
	return table
}

// BenchmarkTableMemory is what a number costs, filled one by one.
func BenchmarkTableMemory(b *testing.B) {
	count := size(b)
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		outside := mapped.Load()
		table := filled(b, count)
		runtime.GC()
		runtime.ReadMemStats(&after)
		began := time.Now()
		runtime.GC()
		b.ReportMetric(float64(time.Since(began).Microseconds())/1000, "gc-ms")
		outside = mapped.Load() - outside
		b.ReportMetric(float64(int64(after.HeapAlloc-before.HeapAlloc)+outside)/float64(count), "bytes/number")
		b.ReportMetric(float64(outside)/float64(count), "outside/number")
		runtime.KeepAlive(table)
	}
}

// BenchmarkDecideWhileChanging decides about numbers all over the table while 5,000 of them
// change each second. What the clock itself takes is not counted. floor-ns is what this
// machine's memory takes of it.
func BenchmarkDecideWhileChanging(b *testing.B) {
	count := size(b)
	table := filled(b, count)
	var fresh Freshness
	fresh.Confirm(noon)
	world := &World{Table: table, Freshness: &fresh, MaxAge: time.Hour,
		Legacy:   &Route{ID: "l", Authority: Legacy, Gateways: []Gateway{{ID: "l1", Index: 0}, {ID: "l2", Index: 1}}},
		SpeakOps: &Route{ID: "s", Authority: SpeakOps, Gateways: []Gateway{{ID: "s1", Index: 2}, {ID: "s2", Index: 3}}},
	}
	at := Around(noon, time.Millisecond)
	b.Run(fmt.Sprintf("numbers=%d", count), func(b *testing.B) {
		stop := changing(table, count)
		defer stop()
		took := make([]time.Duration, 0, 1<<20)
		b.ReportAllocs()
		i := uint64(1)
		for b.Loop() {
			i = i*6364136223846793005 + 1442695040888963407
			call := Call{Trunk: "t", To: 12_000_000_000 + PublicNumber((i>>32)*uint64(count)>>32), Draw: i}
			if i>>40%16 != 0 || len(took) == cap(took) {
				if d := Decide(world, at, call); d.Kind != KindRoute {
					b.Fatal(d)
				}
				continue
			}
			began := time.Now()
			d := Decide(world, at, call)
			took = append(took, time.Since(began))
			if d.Kind != KindRoute {
				b.Fatal(d)
			}
		}
		slices.Sort(took)
		if len(took) > 0 {
			clock := clockTakes()
			b.ReportMetric(float64(took[len(took)/2]-clock), "p50-ns")
			b.ReportMetric(float64(took[len(took)*99/100]-clock), "p99-ns")
			b.ReportMetric(float64(lineTakes(table, count)-clock), "floor-ns")
		}
	})
}

// lineTakes is how long one wait for a bucket takes, by the clock: no decision
// about a number that nobody has asked about lately can be made in less.
func lineTakes(table *Table, count int) time.Duration {
	took := make([]time.Duration, 100_001)
	i, sum := uint64(1), uint64(0)
	for k := range took {
		i = i*6364136223846793005 + 1442695040888963407
		n := 12_000_000_000 + PublicNumber((i>>32)*uint64(count)>>32)
		began := time.Now()
		s, hash := table.locate(n)
		sum += s.dir.Load().first(hash).state.Load()
		took[k] = time.Since(began)
	}
	runtime.KeepAlive(sum)
	slices.Sort(took)
	return took[len(took)/2]
}

// clockTakes is how long nothing takes, by the clock.
func clockTakes() time.Duration {
	took := make([]time.Duration, 10_001)
	for i := range took {
		began := time.Now()
		took[i] = time.Since(began)
	}
	slices.Sort(took)
	return took[len(took)/2]
}

// changing writes 5,000 records a second. Its few allocations vanish among a
// million decisions a second that make none.
func changing(table *Table, count int) (stop func()) {
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for i, revision := 0, uint64(2); ; revision++ {
			for range 50 {
				table.Put(benchNumber(i%count, revision))
				i += 7919
			}
			select {
			case <-tick.C:
			case <-quit:
				return
			}
		}
	}()
	return func() { close(quit); <-done }
}
