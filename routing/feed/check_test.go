package feed

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/speakops/sipedge/routing"
)

// lines is a log in memory.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) count(part string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.Lines(l.buf.String()) {
		if strings.Contains(line, part) {
			n++
		}
	}
	return n
}

func logged(o Options) (Options, *lines) {
	l := new(lines)
	o.Log = slog.New(slog.NewTextHandler(l, nil))
	return o, l
}

// Keys that someone wrote past the script show in no stream and no digest. They
// are found one by one.
func TestRecordsChangedPastTheScriptAreFound(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	rdb := client(t, startServer(t).addr)
	s := store(t, rdb)
	fill(t, s, 0, 300)
	o, log := logged(brisk)
	o.Poll = 20 * time.Millisecond
	f, table := following(t, rdb, o)
	loaded(t, f)
	rounds := func(n uint64) {
		t.Helper()
		from := f.Stats().Checked
		eventually(t, "everything is compared", func() bool { return f.Stats().Checked > from+n*1200 })
	}
	rounds(1)
	if st := f.Stats(); st.Repairs != 0 || st.Lost != 0 || st.Forged != 0 {
		t.Fatalf("nobody did anything: %+v", st)
	}

	rdb.Del(ctx, s.keys.record(nth(1)))
	eventually(t, "the deleted one is listed", func() bool { return f.isLost(nth(1)) })
	if _, ok := table.Get(nth(1)); !ok {
		t.Error("it is no longer served")
	}

	was, _ := table.Get(nth(2))
	rdb.HSet(ctx, s.keys.record(nth(2)), "legacy_route", "by-hand", "revision", fmt.Sprint(was.Revision+1))
	eventually(t, "the later one is taken", func() bool { n, _ := table.Get(nth(2)); return n.LegacyRoute == "by-hand" })

	rdb.HSet(ctx, s.keys.record(nth(900)), "public_number", nth(900).String(), "routing_authority", "speakops", "revision", "5")
	eventually(t, "the new one is taken", func() bool { _, ok := table.Get(nth(900)); return ok })

	was, _ = table.Get(nth(3))
	rdb.HSet(ctx, s.keys.record(nth(3)), "legacy_route", "old-by-hand", "revision", fmt.Sprint(was.Revision-1))
	eventually(t, "the older one is listed", func() bool { return f.isLost(nth(3)) })
	if n, _ := table.Get(nth(3)); n != was {
		t.Errorf("the table went back: %+v", n)
	}

	was, _ = table.Get(nth(4))
	rdb.HSet(ctx, s.keys.record(nth(4)), "routing_authority", "speakops")
	eventually(t, "the forged one is told", func() bool {
		for _, err := range f.Faults() {
			if strings.Contains(err.Error(), s.keys.record(nth(4))) && strings.Contains(err.Error(), "without a new revision") {
				return true
			}
		}
		return false
	})
	if n, _ := table.Get(nth(4)); n != was {
		t.Errorf("a forged record is believed: %+v", n)
	}
	rounds(2)
	if st := f.Stats(); st.Lost != 2 || st.Forged == 0 || table.Len() != 301 || log.count("changed past the script") < 2 {
		t.Fatalf("%d numbers, %+v", table.Len(), st)
	}

	// The writer brings back what was lost, and the list is empty.
	counts, err := s.ReapplyAll(ctx, f.LostRecords(10))
	if err != nil || counts[Created]+counts[Updated] != 2 {
		t.Fatalf("%v %v", counts, err)
	}
	eventually(t, "nothing is lost", func() bool { return f.Stats().Lost == 0 })
}

// What changes while it is compared is no difference.
func TestComparingWhileNumbersChange(t *testing.T) {
	t.Parallel()
	rdb := client(t, startServer(t).addr)
	s := store(t, rdb)
	fill(t, s, 0, 100)
	f, _ := following(t, rdb, brisk)
	loaded(t, f)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	for w := range 3 {
		running.Go(func() {
			for i := w; ctx.Err() == nil; i += 3 {
				n := legacy(nth(i % 100))
				n.LegacyRoute = routing.RouteID("r" + strconv.Itoa(i))
				if i%7 == 0 {
					_, _ = s.Delete(ctx, "", n.PublicNumber, Any)
				} else {
					_, _ = s.Put(ctx, "", n, Any)
				}
			}
		})
	}
	from := f.Stats().Checked
	eventually(t, "much is compared", func() bool { return f.Stats().Checked > from+2000 })
	cancel()
	running.Wait()
	if st := f.Stats(); st.Repairs != 0 || st.Lost != 0 || st.Forged != 0 || st.Gaps != 0 {
		t.Fatalf("%+v %v", st, f.Faults())
	}
}

// A store that lost everything is one line, not one for each partition.
func TestAnEmptiedStoreIsToldOnce(t *testing.T) {
	t.Parallel()
	rdb := client(t, startServer(t).addr)
	fill(t, store(t, rdb), 0, 300)
	o, log := logged(brisk)
	f, _ := following(t, rdb, o)
	loaded(t, f)
	if err := rdb.FlushAll(context.Background()).Err(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the losses are listed", func() bool { return f.Stats().Lost == 300 })
	time.Sleep(300 * time.Millisecond) // three more polls
	if f.Stats().Incarnations != Partitions || log.count(troubleSays[troubleEmptied]) != 1 || log.count("partitions=64") != 1 || log.count("level=WARN") != 2 {
		t.Fatalf("%+v\n%s", f.Stats(), log.buf.String())
	}
}

func TestSeenAgreesWithAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s seen
		oracle := map[routing.PublicNumber]bool{}
		for range rapid.IntRange(0, 5000).Draw(t, "count") {
			n := nth(len(oracle) * 7 % 6000)
			s.add(n)
			oracle[n] = true
		}
		s.settle()
		for i := range 6000 {
			if s.has(nth(i)) != oracle[nth(i)] {
				t.Fatal(nth(i))
			}
		}
	})
}
