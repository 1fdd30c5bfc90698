package routing

import (
	"reflect"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func fullNumber(n PublicNumber, revision uint64) Number {
	return Number{
		PublicNumber: n, NumberType: Mobile, PortingState: Armed, RoutingAuthority: Legacy,
		OriginalAssignee: "west", CurrentServingProvider: "north", LosingProvider: "north", UnderlyingCarrier: "fibre",
		CustomerAssignment: "acme", LRN: "+12025550000", LegacyRoute: "l", SpeakOpsRoute: "s",
		Override: Override{Block, noon, noon.Add(time.Hour), "fraud", "anna"}, Revision: revision,
	}
}

func TestTableKeepsEveryField(t *testing.T) {
	want := fullNumber(12025550143, 9)
	v := reflect.ValueOf(want)
	for i := range v.NumField() {
		if v.Field(i).IsZero() {
			t.Errorf("this test does not fill %s", v.Type().Field(i).Name)
		}
	}
	var table Table
	if !table.Put(want) {
		t.Fatal("not taken")
	}
	if got, ok := table.Get(want.PublicNumber); !ok || got != want {
		t.Fatalf("got %+v\nwant %+v", got, want)
	}
	if table.Put(Number{Revision: 5}) || table.Delete(0, 5) {
		t.Error("nobody's number is taken")
	}
}

// The oracle is a map and the rule "the highest revision stays, the first of two equals".
func TestTableAgreesWithAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var table Table
		type entry struct {
			n    Number
			dead bool
		}
		oracle := map[PublicNumber]entry{}
		number := rapid.Map(rapid.IntRange(0, 60), func(i int) PublicNumber { return 12025550000 + PublicNumber(i) })
		for range rapid.IntRange(1, 300).Draw(t, "writes") {
			n := fullNumber(number.Draw(t, "number"), rapid.Uint64Range(1, 20).Draw(t, "revision"))
			n.CustomerAssignment = CustomerID(rapid.SampledFrom([]string{"", "acme", "bolt"}).Draw(t, "customer"))
			old, had := oracle[n.PublicNumber]
			newer := !had || old.n.Revision < n.Revision
			switch rapid.IntRange(0, 9).Draw(t, "what") {
			case 0, 1:
				if table.Delete(n.PublicNumber, n.Revision) != newer {
					t.Fatalf("deletion of revision %d over %d", n.Revision, old.n.Revision)
				}
				if newer {
					oracle[n.PublicNumber] = entry{n, true}
				}
			case 2:
				before := rapid.Uint64Range(0, 20).Draw(t, "before")
				gone := 0
				for k, e := range oracle {
					if e.dead && e.n.Revision < before {
						delete(oracle, k)
						gone++
					}
				}
				if swept := table.Sweep(before); swept != gone {
					t.Fatalf("swept %d tombstones, want %d", swept, gone)
				}
			default:
				if table.Put(n) != newer {
					t.Fatalf("revision %d over %d", n.Revision, old.n.Revision)
				}
				if newer {
					oracle[n.PublicNumber] = entry{n, false}
				}
			}
		}
		live := 0
		for k, e := range oracle {
			got, ok := table.Get(k)
			if ok == e.dead || ok && got != e.n || table.Revision(k) != e.n.Revision {
				t.Fatalf("%v: %+v %v revision %d, want %+v", k, got, ok, table.Revision(k), e)
			}
			if !e.dead {
				live++
			}
		}
		seen := map[PublicNumber]bool{}
		for n := range table.Range {
			if seen[n.PublicNumber] || oracle[n.PublicNumber].n != n {
				t.Fatalf("range gives %+v", n)
			}
			seen[n.PublicNumber] = true
		}
		if table.Len() != live || len(seen) != live {
			t.Fatalf("len %d, range %d, want %d", table.Len(), len(seen), live)
		}
	})
}

func TestAnOvertakenWriteDoesNotResurrect(t *testing.T) {
	var table Table
	table.Put(fullNumber(12025550143, 5))
	table.Delete(12025550143, 7)
	if table.Put(fullNumber(12025550143, 6)) {
		t.Error("revision 6 came back over the deletion at 7")
	}
	if _, ok := table.Get(12025550143); ok || table.Len() != 0 || table.Revision(12025550143) != 7 {
		t.Error("the tombstone is gone")
	}
	if !table.Put(fullNumber(12025550143, 8)) || table.Len() != 1 {
		t.Error("a later write must be taken")
	}
}

func TestRangeStops(t *testing.T) {
	var table Table
	for i := range PublicNumber(100) {
		table.Put(fullNumber(12025550000+i, 1))
	}
	n := 0
	for range table.Range {
		if n++; n == 3 {
			break
		}
	}
	if n != 3 {
		t.Error(n)
	}
}

// Readers see each number whole and its revisions only grow, while writers race
// with overtaken revisions and the shards double their buckets.
func TestReadersAndWriters(t *testing.T) {
	var table Table
	const numbers, writers, last = 4000, 4, 5
	var write, read sync.WaitGroup
	done := make(chan struct{})
	for w := range writers {
		write.Go(func() {
			for r := range uint64(last) {
				for i := range PublicNumber(numbers) {
					n := fullNumber(12025550000+i, (r+uint64(w))%last+1)
					n.CustomerAssignment = CustomerID(rune('a' + n.Revision))
					n.Override.Author = string(rune('a' + n.Revision))
					table.Put(n)
				}
			}
		})
	}
	for range 2 {
		read.Go(func() {
			highest := make([]uint64, numbers)
			for {
				for i := range PublicNumber(numbers) {
					n, ok := table.Get(12025550000 + i)
					if !ok {
						continue
					}
					want := string(rune('a' + n.Revision))
					if n.Revision < highest[i] || string(n.CustomerAssignment) != want || n.Override.Author != want {
						t.Errorf("%+v after revision %d", n, highest[i])
						return
					}
					highest[i] = n.Revision
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
	for i := range PublicNumber(numbers) {
		if n, _ := table.Get(12025550000 + i); n.Revision != last {
			t.Fatalf("%v ended at revision %d", i, n.Revision)
		}
	}
	if table.Len() != numbers {
		t.Error(table.Len())
	}
}

func TestFreshnessOnlyGrows(t *testing.T) {
	var f Freshness
	if _, ok := f.Confirmed(); ok {
		t.Error("fresh before the first confirmation")
	}
	f.Confirm(noon)
	f.Confirm(noon.Add(-time.Hour))
	if at, ok := f.Confirmed(); !ok || !at.Equal(noon) {
		t.Error(at, ok)
	}
}
