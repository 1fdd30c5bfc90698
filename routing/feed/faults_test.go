package feed

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/speakops/sipedge/routing"
)

func TestRestartWithoutDataKeepsNumbersAndListsThemLost(t *testing.T) {
	t.Parallel()
	srv := startServer(t)
	rdb := client(t, srv.addr)
	s := store(t, rdb)
	fill(t, s, 0, 500)
	f, table := following(t, rdb, brisk)
	loaded(t, f)

	srv.stop()
	at := f.FreshAt()
	eventually(t, "a dead store ages", func() bool { return f.Age() > 700*time.Millisecond })
	if f.FreshAt().Sub(at) > 200*time.Millisecond {
		t.Fatalf("a dead connection looked fresh")
	}
	eventually(t, "it says that the store is away", func() bool { return f.Stats().Away != nil })
	if table.Len() != 500 {
		t.Fatalf("%d numbers", table.Len())
	}

	srv.start()
	eventually(t, "losses are listed", func() bool { return f.Stats().Lost == 500 })
	if table.Len() != 500 || len(f.Lost(10)) != 10 {
		t.Fatalf("%d numbers kept", table.Len())
	}
	fill(t, s, 0, 100) // the writer applies some again
	eventually(t, "those found again leave the list", func() bool { return f.Stats().Lost == 400 })
	eventually(t, "it is fresh again", func() bool { return f.Age() < 500*time.Millisecond && f.Stats().Away == nil })
	if table.Len() != 500 {
		t.Fatalf("%d numbers", table.Len())
	}
}

func TestFlushIsDetectedAndNewerRecordsStay(t *testing.T) {
	rdb := client(t, startServer(t).addr)
	s := store(t, rdb)
	fill(t, s, 0, 300)
	f, table := following(t, rdb, brisk)
	loaded(t, f)
	if err := rdb.FlushAll(context.Background()).Err(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the flush is detected", func() bool { return f.Stats().Incarnations > 0 && f.Stats().Lost == 300 })
	if table.Len() != 300 {
		t.Fatalf("%d numbers kept", table.Len())
	}
	n := legacy(nth(5))
	n.LegacyRoute = "after"
	put(t, s, n)
	eventually(t, "the new incarnation is followed", holds(table, n))
	eventually(t, "the written one is no longer lost", func() bool { return f.Stats().Lost == 299 })
}

func TestRolledBackStoreDoesNotTakeTheTableBack(t *testing.T) {
	ctx := context.Background()
	rdb := client(t, startServer(t).addr)
	s := store(t, rdb)
	n := legacy(nth(1))
	n.LegacyRoute = "old"
	put(t, s, n)
	p := Partition(n.PublicNumber)
	keys := []string{s.keys.record(n.PublicNumber), s.keys.changes(p), s.keys.meta(p)}
	dumps := make([]string, len(keys))
	for i, key := range keys {
		dumps[i] = rdb.Dump(ctx, key).Val()
	}
	n.LegacyRoute = "new"
	put(t, s, n)
	f, table := following(t, rdb, brisk)
	loaded(t, f)
	// A failover to a replica that had not heard of the last write.
	_, err := rdb.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
		for i, key := range keys {
			pipe.RestoreReplace(ctx, key, 0, dumps[i])
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the rollback is detected", func() bool { return f.Stats().Incarnations == 1 && f.Stats().Lost == 1 })
	if !holds(table, n)() {
		t.Fatal("the table went back to the older record")
	}
}

func TestTrimmedStreamIsReadAsAWhole(t *testing.T) {
	ctx := context.Background()
	rdb := client(t, startServer(t).addr)
	s := store(t, rdb)
	fill(t, s, 0, 100)
	f, table := following(t, rdb, brisk)
	loaded(t, f)
	scans := f.Stats().Scans
	n := legacy(nth(3))
	p := Partition(n.PublicNumber)
	// Written and trimmed away in one step: no reader can have seen the entry.
	err := rdb.Watch(ctx, func(tx *redis.Tx) error {
		n.LegacyRoute = "trimmed"
		keys, args := s.call(&change{verb: "put", number: n.PublicNumber, set: []string{"legacy_route", "trimmed"}})
		_, err := tx.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
			pipe.Eval(ctx, putSource, keys, args...)
			pipe.XTrimMaxLen(ctx, s.keys.changes(p), 0)
			return nil
		})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the change arrives all the same", func() bool { got, _ := table.Get(n.PublicNumber); return got.LegacyRoute == "trimmed" })
	if st := f.Stats(); st.Gaps != 1 || st.Scans != scans+1 {
		t.Fatalf("%+v", st)
	}
}

func TestKilledAndPausedConnections(t *testing.T) {
	ctx := context.Background()
	srv := startServer(t)
	rdb, admin := client(t, srv.addr), client(t, srv.addr)
	s := store(t, admin)
	fill(t, s, 0, 200)
	f, table := following(t, rdb, brisk)
	loaded(t, f)
	for i := range 5 {
		admin.ClientKillByFilter(ctx, "TYPE", "normal", "SKIPME", "yes")
		n := legacy(nth(i))
		n.LegacyRoute = routing.RouteID(fmt.Sprint("killed-", i))
		put(t, s, n)
		eventually(t, "a change after a kill arrives", holds(table, n))
	}
	if err := admin.Do(ctx, "CLIENT", "PAUSE", 1500, "ALL").Err(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a paused store ages", func() bool { return f.Age() > time.Second })
	if !f.Stale(900 * time.Millisecond) {
		t.Fatal("a paused store looked fresh")
	}
	eventually(t, "it is fresh afterwards", func() bool { return f.Age() < 500*time.Millisecond })
	if table.Len() != 200 {
		t.Fatalf("%d numbers", table.Len())
	}
}

func TestGarbageIsCountedAndTheOldViewKept(t *testing.T) {
	ctx := context.Background()
	rdb := client(t, startServer(t).addr)
	s := store(t, rdb)
	fill(t, s, 0, 100)
	f, table := following(t, rdb, brisk)
	loaded(t, f)

	// A record and a whole partition overwritten by someone else.
	kept := nth(7)
	rdb.Set(ctx, s.keys.record(kept), "garbage", 0)
	odd := nth(8)
	rdb.HSet(ctx, s.keys.record(odd), "routing_authority", "nobody")
	rdb.Set(ctx, s.keys.tags[Partition(kept)]+"+12", "not a number", 0)
	for _, n := range []routing.PublicNumber{kept, odd} {
		rdb.HSet(ctx, s.keys.meta(Partition(n)), "incarnation", "foreign") // forces a scan
	}
	eventually(t, "both are counted", func() bool { st := f.Stats(); return st.WrongType >= 1 && st.Garbage >= 2 })
	for _, n := range []routing.PublicNumber{kept, odd} {
		if got, ok := table.Get(n); !ok || got.RoutingAuthority != routing.Legacy {
			t.Fatalf("%s was forgotten", n)
		}
	}
	eventually(t, "single records do not make the table stale", func() bool { return f.Age() < 500*time.Millisecond })
	var faulty *KeyError
	if all := f.Faults(); len(all) < 3 || !errors.As(all[0], &faulty) {
		t.Fatalf("faults: %v", all)
	}

	// An entry that makes no sense.
	rdb.XAdd(ctx, &redis.XAddArgs{Stream: s.keys.changes(3), Values: []string{"seq", "soon", "revision", "never"}})
	garbage := f.Stats().Garbage
	eventually(t, "the entry is counted", func() bool { return f.Stats().Garbage > garbage })
	eventually(t, "it is fresh again", func() bool { return f.Age() < 500*time.Millisecond })
}

func TestUnreadableStreamOrMetaAgesTheTableButNotTheOthers(t *testing.T) {
	t.Parallel()
	// Only the real one refuses to read a stream that is none.
	rdb := client(t, startServer(t).addr)
	ctx := context.Background()
	s := store(t, rdb)
	fill(t, s, 0, 100)
	f, table := following(t, rdb, brisk)
	loaded(t, f)
	for _, name := range []func(int) string{s.keys.changes, s.keys.meta} {
		key := name(9)
		rdb.Del(ctx, key)
		rdb.Set(ctx, key, "garbage", 0)
		eventually(t, key+" is found broken", func() bool { return f.Stats().Broken == 1 })
		n := legacy(nth(0))
		for i := 1; Partition(n.PublicNumber) == 9; i++ {
			n = legacy(nth(i))
		}
		n.LegacyRoute = routing.RouteID("beside " + key)
		put(t, s, n)
		eventually(t, "other partitions are followed", holds(table, n))
		eventually(t, "the table ages", func() bool { return f.Age() > 600*time.Millisecond })
		rdb.Del(ctx, key)
		eventually(t, "it heals", func() bool { return f.Stats().Broken == 0 && f.Age() < 500*time.Millisecond })
	}
	if table.Len() != 100 {
		t.Fatalf("%d numbers", table.Len())
	}
}
