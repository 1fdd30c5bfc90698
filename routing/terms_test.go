package routing

import (
	"fmt"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

// What nobody says any more does not stay: records that change their words over
// and over leave a bounded number of them behind.
func TestTermsStayBounded(t *testing.T) {
	var table Table
	const numbers, rounds = 500, 60
	for r := range rounds {
		for i := range numbers {
			n := fullNumber(12025550000+PublicNumber(i), uint64(r+1))
			n.CustomerAssignment = CustomerID(fmt.Sprintf("customer %d of round %d", i, r))
			n.Override.Reason = fmt.Sprintf("reason %d of round %d", i, r)
			if !table.Put(n) {
				t.Fatal("not taken")
			}
		}
	}
	now := table.terms.Load()
	if shared, customers := now.shared.size.Load(), now.customers.size.Load(); shared > 6*numbers || customers > 6*numbers {
		t.Errorf("%d numbers, %d said so far, and %d shared terms and %d customers are kept", numbers, numbers*rounds, shared, customers)
	}
	for i := range numbers {
		n, ok := table.Get(12025550000 + PublicNumber(i))
		if want := fmt.Sprintf("customer %d of round %d", i, rounds-1); !ok || string(n.CustomerAssignment) != want {
			t.Fatalf("%+v, want %s", n, want)
		}
	}
	old := 0
	for i := range table.shards {
		if dir := table.shards[i].dir.Load(); dir != nil && dir.terms != now {
			old++
		}
	}
	if now.behind.Load() <= 0 && old > 0 {
		t.Errorf("%d shards still hold on to old terms", old)
	}
}

// One number that never rests takes the others along, though nobody writes them.
func TestOneNumberMovesAllShards(t *testing.T) {
	var table Table
	for i := range PublicNumber(2000) {
		table.Put(fullNumber(12025550000+i, 1))
	}
	first := table.terms.Load()
	for r := range uint64(3000) {
		n := fullNumber(12025550000, r+2)
		n.CustomerAssignment = CustomerID(fmt.Sprint("customer ", r))
		table.Put(n)
	}
	if table.terms.Load() == first {
		t.Fatal("the terms were never renewed")
	}
	for i := range table.shards {
		if dir := table.shards[i].dir.Load(); dir != nil && dir.terms == first {
			t.Fatal("a shard keeps the first terms alive")
		}
	}
	for i := range PublicNumber(2000) {
		if n, ok := table.Get(12025550000 + i); !ok || i > 0 && n != fullNumber(12025550000+i, 1) {
			t.Fatalf("%+v", n)
		}
	}
}

// Readers and writers while terms are renewed again and again.
func TestReadingWhileTermsMove(t *testing.T) {
	var table Table
	const numbers, last = 300, 150
	var write, read sync.WaitGroup
	done := make(chan struct{})
	word := func(n PublicNumber, r uint64) string { return fmt.Sprint(n, " at ", r) }
	for w := range PublicNumber(2) {
		write.Go(func() {
			for r := range uint64(last) {
				for i := w; i < numbers; i += 2 {
					n := fullNumber(12025550000+i, r+1)
					n.CustomerAssignment, n.LRN = CustomerID(word(n.PublicNumber, r+1)), word(n.PublicNumber, r+1)
					table.Put(n)
				}
			}
		})
	}
	read.Go(func() {
		for {
			for n := range table.Range {
				if want := word(n.PublicNumber, n.Revision); string(n.CustomerAssignment) != want || n.LRN != want {
					t.Errorf("%+v, want %s", n, want)
					return
				}
			}
			select {
			case <-done:
				return
			default:
			}
		}
	})
	write.Wait()
	close(done)
	read.Wait()
}

func TestReserveChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var table Table
		count := rapid.IntRange(0, 300).Draw(t, "numbers")
		at := rapid.IntRange(0, 300).Draw(t, "reserved at")
		for i := range count {
			if i == at {
				table.Reserve(rapid.IntRange(0, 50_000).Draw(t, "for"))
			}
			table.Put(fullNumber(12025550000+PublicNumber(i), 1))
		}
		seen := 0
		for n := range table.Range {
			if n != fullNumber(n.PublicNumber, 1) {
				t.Fatalf("%+v", n)
			}
			seen++
		}
		if seen != count || table.Len() != count {
			t.Fatalf("%d and %d of %d", seen, table.Len(), count)
		}
	})
}
