//go:build linux

package routing

import (
	"runtime"
	"sync"
	"testing"
	"time"
)

// wide is a table with one shard whose directory lies outside of the heap.
func wide(t *testing.T) (*Table, *shard) {
	var table Table
	s, _ := table.locate(12025550000)
	s.reserve(outsideFrom/64, table.current())
	if s.dir.Load().buckets == nil || mapped.Load() == 0 {
		t.Fatal("a large directory lies in the heap")
	}
	return &table, s
}

// What nobody reads any more is given back although the heap does not grow.
func TestDirectoriesOutsideTheHeapAreGivenBack(t *testing.T) {
	table, s := wide(t)
	const most = 2 * idleOutside
	for range 2 * most / outsideFrom {
		s.again(table)
		if mapped.Load() > most {
			until(t, "replaced directories to be given back", func() bool { return mapped.Load() < most })
		}
	}
}

// Who reads a directory while it is replaced and given back goes on undisturbed.
func TestReadersOutsideTheHeap(t *testing.T) {
	table, s := wide(t)
	want := fullNumber(12025550000, 7)
	table.Put(want)
	var readers sync.WaitGroup
	done := make(chan struct{})
	for range 2 {
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				got, ok := table.Get(want.PublicNumber)
				for n := range table.Range {
					if !ok || got != want || n != want {
						t.Errorf("%+v %v %+v", got, ok, n)
						return
					}
				}
			}
		})
	}
	for range 50 {
		s.again(table)
		runtime.GC()
	}
	close(done)
	readers.Wait()
}

// again replaces the shard's directory by one like it.
func (s *shard) again(table *Table) {
	s.mu.Lock()
	defer s.mu.Unlock()
	dir := s.dir.Load()
	s.rebuild(dir, len(dir.buckets), table.current(), every)
}

// A table that nobody has any more leaves nothing behind.
func TestATableOutsideTheHeapEnds(t *testing.T) {
	table, _ := wide(t)
	runtime.KeepAlive(table)
	table = nil
	until(t, "the table to be given back", func() bool {
		runtime.GC()
		return mapped.Load() == 0
	})
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited for %s; %d bytes are mapped", what, mapped.Load())
		}
	}
}
