package feed

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// cut ends all connections of clients, as a network does that finds another way.
func cut(t *testing.T, at *redis.Client) {
	t.Helper()
	if err := at.Do(context.Background(), "CLIENT", "KILL", "TYPE", "normal").Err(); err != nil {
		t.Fatal(err)
	}
}

// A master was cut off and another one promoted. When the network leads back to
// the first one, which still says master, it is not believed.
func TestMasterThatWasSucceededIsNotBelieved(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	a := startServer(t)
	atA := client(t, a.addr)
	fill(t, store(t, atA), 0, 100)
	b := replicaOf(t, a)
	atB := client(t, b.addr)
	to := new(atomic.Pointer[string])
	to.Store(&a.addr)
	f, table := following(t, turnstile(t, to), brisk)
	loaded(t, f)

	if err := atB.Do(ctx, "REPLICAOF", "NO", "ONE").Err(); err != nil {
		t.Fatal(err)
	}
	to.Store(&b.addr)
	cut(t, atA)
	eventually(t, "the new master is followed", func() bool { return f.Stats().Histories == 1 && f.Age() < 500*time.Millisecond })

	to.Store(&a.addr)
	cut(t, atB)
	var succeeded *SucceededError
	eventually(t, "it says what is wrong", func() bool { return errors.As(f.Stats().Away, &succeeded) })
	if text := f.Stats().Away.Error(); !strings.Contains(text, "another one has taken its place") {
		t.Error(text)
	}
	stray := legacy(nth(500)) // someone else was cut off with it, and writes
	put(t, store(t, atA), stray)
	eventually(t, "the table ages", func() bool { return f.Age() > time.Second })
	if _, ok := table.Get(stray.PublicNumber); ok {
		t.Error("a write that only the old master has is believed")
	}

	to.Store(&b.addr)
	eventually(t, "the right one is followed again", func() bool { return f.Age() < 500*time.Millisecond && f.Stats().Away == nil })
	n := legacy(nth(5))
	n.LegacyRoute = "after"
	put(t, store(t, atB), n)
	eventually(t, "changes arrive", holds(table, n))
}

// Sentinel has named another master while the old one, cut off from Sentinel
// but not from this edge, goes on answering: connections to it are left.
func TestOldMasterIsLeftWhenSentinelNamesAnother(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	a := startServer(t)
	fill(t, store(t, client(t, a.addr)), 0, 100)
	b := replicaOf(t, a)
	atB := client(t, b.addr)
	sentinel := startSentinel(t, a)
	rdb := redis.NewUniversalClient(&redis.UniversalOptions{MasterName: "numbers", Addrs: []string{sentinel},
		DialTimeout: time.Second, ReadTimeout: time.Second, MaxRetries: 1}).(*redis.Client)
	t.Cleanup(func() { _ = rdb.Close() })
	o, log := logged(brisk)
	f, table := following(t, rdb, o)
	loaded(t, f)

	// The master is not told, as if no way led to it.
	atSentinel := client(t, sentinel)
	if err := atSentinel.Do(ctx, "SENTINEL", "REMOVE", "numbers").Err(); err != nil {
		t.Fatal(err)
	}
	if err := atB.Do(ctx, "REPLICAOF", "NO", "ONE").Err(); err != nil {
		t.Fatal(err)
	}
	if err := atSentinel.Do(ctx, "SENTINEL", "MONITOR", "numbers", "127.0.0.1", fmt.Sprint(b.port), "1").Err(); err != nil {
		t.Fatal(err)
	}
	n := legacy(nth(5))
	n.LegacyRoute = "after"
	put(t, store(t, atB), n)
	eventually(t, "the new master is followed", holds(table, n))
	if readRole(client(t, a.addr).Info(ctx, "replication").Val()).isReplica {
		t.Fatal("the old master was demoted: this proves nothing")
	}
	if log.count("Sentinel names redis at "+b.addr) != 1 {
		t.Errorf("it was left for another reason:\n%s", log.buf.String())
	}
	eventually(t, "and the table is fresh", func() bool { return f.Age() < 500*time.Millisecond && f.Stats().Histories == 1 })
}
