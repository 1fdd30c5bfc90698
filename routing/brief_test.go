package routing

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A Brief says of every number what the whole Number says.
func TestBriefAgreesWithTheNumber(t *testing.T) {
	var table Table
	n, revision := PublicNumber(999_999_999_000_000), uint64(1)<<62
	routes := [][2]RouteID{{}, {"l", ""}, {"", "s"}}
	for state := range portingStates {
		for holder := AuthorityNone; holder <= SpeakOps; holder++ {
			for _, customer := range []CustomerID{"", "acme"} {
				for _, route := range routes {
					for _, o := range []Override{{}, {Block, noon, noon.Add(time.Hour), "fraud", "anna"}} {
						n, revision = n+1, revision+1
						want := Number{PublicNumber: n, PortingState: state, RoutingAuthority: holder, CustomerAssignment: customer,
							LegacyRoute: route[0], SpeakOpsRoute: route[1], Override: o, Revision: revision}
						table.Put(want)
						b, ok := table.Brief(n)
						if !ok || b.Number() != want || b.PublicNumber() != n || b.Revision() != revision || b.PortingState() != state || b.RoutingAuthority() != holder ||
							b.Assigned() != (customer != "") || b.override() != o || b.route(Legacy) != route[0] || b.route(SpeakOps) != route[1] {
							t.Fatalf("%+v of %+v", b, want)
						}
					}
				}
			}
		}
	}
	table.Delete(n, revision+1)
	if _, ok := table.Brief(n); ok {
		t.Error("a deleted number is there")
	}
	if b, ok := table.Brief(n | 1<<keyBits); ok || table.Put(Number{PublicNumber: 1 << keyBits, Revision: 1}) {
		t.Errorf("a number longer than any is there: %+v", b)
	}
}

// Few numbers in few buckets, written as fast as can be: readers find each of
// them always, never at an older revision than before, and never with words of
// another.
func TestRewrittenUnderTheEyesOfReaders(t *testing.T) {
	var table Table
	const numbers, rounds = 24, 2_000
	said := func(i int, r uint64) Number {
		return Number{PublicNumber: nthNumber(i), RoutingAuthority: Legacy, PortingState: PortingState(i % int(portingStates)),
			CustomerAssignment: CustomerID(rune('a' + i)), LRN: string(rune('a' + r%7)), Revision: r}
	}
	for i := range numbers {
		table.Put(said(i, 1))
	}
	var write, read sync.WaitGroup
	done := make(chan struct{})
	write.Go(func() {
		for r := uint64(2); r < rounds; r++ {
			for i := range numbers {
				table.Put(said(i, r))
			}
		}
	})
	for range 2 {
		read.Go(func() {
			var highest [numbers]uint64
			for {
				for i := range numbers {
					n, ok := table.Get(nthNumber(i))
					if !ok || n.Revision < highest[i] || n != said(i, n.Revision) {
						t.Errorf("%+v %v after revision %d", n, ok, highest[i])
						return
					}
					highest[i] = n.Revision
				}
				seen := 0
				for n := range table.Range {
					i := int(n.PublicNumber - nthNumber(0))
					if seen++; n.Revision < highest[i] {
						t.Errorf("range: %+v after revision %d", n, highest[i])
						return
					}
				}
				if seen != numbers {
					t.Errorf("range sees %d of %d", seen, numbers)
					return
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	write.Wait()
	close(done)
	read.Wait()
}

func nthNumber(i int) PublicNumber { return 12025550000 + PublicNumber(i) }

// The same in the smallest space: one bucket and its spill, and nothing but
// reading and writing, so that each step of one meets each step of the other.
// What one reader has seen, no other goes behind: an edge asks from many threads.
func TestOnePlaceAfterTheOther(t *testing.T) {
	const writes = 1_000_000
	for numbers := PublicNumber(1); numbers <= 3; numbers++ {
		d := newDirectory(1, newTerms())
		of := func(n PublicNumber, revision uint64) record {
			return record{revision, said(uint64(n)<<32 | revision), label(n) << labelState}
		}
		for n := PublicNumber(1); n <= numbers; n++ {
			d.write(0, n, of(n, 1))
		}
		var running sync.WaitGroup
		done := make(chan struct{})
		running.Go(func() {
			defer close(done)
			for r := uint64(2); r < writes/uint64(numbers); r++ {
				for n := PublicNumber(1); n <= numbers; n++ {
					if !d.write(0, n, of(n, r)) {
						t.Error("no room")
						return
					}
				}
			}
		})
		var highest [4]atomic.Uint64
		for range 2 {
			running.Go(func() {
				for n := PublicNumber(1); ; n = n%numbers + 1 {
					before := highest[n].Load()
					r, ok := d.find(0, n)
					if !ok || r.revision < before || r != of(n, r.revision) {
						t.Errorf("%d: %+v %v after revision %d", n, r, ok, before)
						return
					}
					for r.revision > before && !highest[n].CompareAndSwap(before, r.revision) {
						before = highest[n].Load()
					}
					select {
					case <-done:
						return
					default:
					}
				}
			})
		}
		running.Wait()
	}
}
