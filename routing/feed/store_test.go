package feed

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/speakops/sipedge/routing"
)

// both runs a test of the script against the small redis and the real one.
func both(t *testing.T, run func(t *testing.T, rdb *redis.Client)) {
	t.Run("small", func(t *testing.T) { run(t, small(t)) })
	t.Run("real", func(t *testing.T) { run(t, client(t, startServer(t).addr)) })
}

func TestPutWritesRecordStreamAndMetaTogether(t *testing.T) {
	both(t, func(t *testing.T, rdb *redis.Client) {
		ctx := context.Background()
		s := store(t, rdb)
		n := routing.Number{
			PublicNumber: number(t, "+12025550143"), NumberType: routing.Local, PortingState: routing.Submitted,
			RoutingAuthority: routing.Legacy, OriginalAssignee: "north", CurrentServingProvider: "south", LosingProvider: "south",
			UnderlyingCarrier: "c1", CustomerAssignment: "acme", LRN: "+12025550000", LegacyRoute: "l1", SpeakOpsRoute: "s1",
			Override: routing.Override{Kind: routing.Block, From: time.UnixMicro(1_900_000_000_000_000).UTC(),
				Until: time.UnixMicro(1_900_000_001_000_000).UTC(), Reason: "fraud", Author: "anna"},
		}
		r := put(t, s, n)
		if r.Outcome != Created || r.Revision < 1_700_000_000_000_000 {
			t.Fatalf("put: %+v", r)
		}
		got, ok, err := s.Get(ctx, n.PublicNumber)
		n.Revision = r.Revision
		if err != nil || !ok || !reflect.DeepEqual(got, n) {
			t.Fatalf("get: %v %v\n got %+v\nwant %+v", ok, err, got, n)
		}
		p := Partition(n.PublicNumber)
		entries := rdb.XRange(ctx, s.keys.changes(p), "-", "+").Val()
		if len(entries) != 1 {
			t.Fatalf("%d entries", len(entries))
		}
		e, err := readEntry(&entries[0])
		if err != nil || e.seq != 1 || !reflect.DeepEqual(e.number, n) {
			t.Fatalf("entry: %v seq %d %+v", err, e.seq, e.number)
		}
		meta := rdb.HGetAll(ctx, s.keys.meta(p)).Val()
		if meta["seq"] != "1" || meta["count"] != "1" || meta["incarnation"] == "" || meta["digest"] == "0:0" {
			t.Fatalf("meta: %v", meta)
		}
		// Changing and deleting brings the digest back to where it began.
		n.CustomerAssignment = "other"
		if again := put(t, s, n); again.Outcome != Updated || again.Revision <= r.Revision {
			t.Fatalf("update: %+v", again)
		}
		if r, err := s.Delete(ctx, "", n.PublicNumber, Any); err != nil || r.Outcome != Deleted {
			t.Fatalf("delete: %+v %v", r, err)
		}
		after := rdb.HGetAll(ctx, s.keys.meta(p)).Val()
		if after["seq"] != "3" || after["count"] != "0" || after["digest"] != "0:0" || after["incarnation"] != meta["incarnation"] {
			t.Fatalf("meta after: %v", after)
		}
		if _, ok, err := s.Get(ctx, n.PublicNumber); ok || err != nil {
			t.Fatalf("deleted number is there: %v", err)
		}
		if ttl := rdb.PTTL(ctx, s.keys.record(n.PublicNumber)).Val(); ttl < 29*24*time.Hour {
			t.Fatalf("tombstone kept for %v", ttl)
		}
		if r, err := s.Delete(ctx, "", n.PublicNumber, Any); err != nil || r.Outcome != NotThere {
			t.Fatalf("delete again: %+v %v", r, err)
		}
		// Coming back, it is a record like any other, and has no expiry.
		if r := put(t, s, n); r.Outcome != Created {
			t.Fatalf("recreate: %+v", r)
		}
		if ttl := rdb.PTTL(ctx, s.keys.record(n.PublicNumber)).Val(); ttl > 0 {
			t.Fatalf("record expires in %v", ttl)
		}
	})
}

func TestRevisionsGrowWhenTheClockDoesNot(t *testing.T) {
	both(t, func(t *testing.T, rdb *redis.Client) {
		ctx := context.Background()
		s := store(t, rdb)
		n := legacy(nth(1))
		put(t, s, n)
		future := "4000000000000000"
		rdb.HSet(ctx, s.keys.record(n.PublicNumber), "revision", future)
		n.CustomerAssignment = "b"
		if r := put(t, s, n); r.Revision != 4000000000000001 {
			t.Fatalf("revision %d", r.Revision)
		}
	})
}

func TestExpectedRevision(t *testing.T) {
	both(t, func(t *testing.T, rdb *redis.Client) {
		ctx := context.Background()
		s := store(t, rdb)
		n := legacy(nth(1))
		var conflict *ConflictError
		if _, err := s.Put(ctx, "", n, Expect(5)); !errors.As(err, &conflict) || conflict.Current != 0 {
			t.Fatalf("a record that is not there: %v", err)
		}
		r, err := s.Put(ctx, "", n, Absent)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Put(ctx, "", n, Absent); !errors.As(err, &conflict) || conflict.Current != r.Revision {
			t.Fatalf("a record that is there: %v", err)
		}
		n.LegacyRoute = "l2"
		next, err := s.Put(ctx, "", n, Expect(r.Revision))
		if err != nil || next.Outcome != Updated {
			t.Fatalf("%+v %v", next, err)
		}
		n.LegacyRoute = "l3"
		if _, err := s.Put(ctx, "", n, Expect(r.Revision)); !errors.As(err, &conflict) || conflict.Current != next.Revision {
			t.Fatalf("stale writer: %v", err)
		}
		if _, err := s.Delete(ctx, "", n.PublicNumber, Expect(r.Revision)); !errors.As(err, &conflict) {
			t.Fatalf("stale deleter: %v", err)
		}
		got, _, _ := s.Get(ctx, n.PublicNumber)
		if got.LegacyRoute != "l2" || got.Revision != next.Revision {
			t.Fatalf("a refused write left %+v", got)
		}
	})
}

func TestRepeatedOperationGetsItsFirstAnswer(t *testing.T) {
	both(t, func(t *testing.T, rdb *redis.Client) {
		ctx := context.Background()
		s := store(t, rdb)
		n := legacy(nth(1))
		first, err := s.Put(ctx, "op-1", n, Absent)
		if err != nil {
			t.Fatal(err)
		}
		other := n
		other.CustomerAssignment = "other"
		put(t, s, other) // someone else, meanwhile
		again, err := s.Put(ctx, "op-1", n, Absent)
		if err != nil || again != first {
			t.Fatalf("repeat: %+v %v, first %+v", again, err, first)
		}
		if got, _, _ := s.Get(ctx, n.PublicNumber); got.CustomerAssignment != "other" {
			t.Fatalf("the repeat was written: %+v", got)
		}
		var reused *OperationError
		if _, err := s.Put(ctx, "op-1", other, Absent); !errors.As(err, &reused) {
			t.Fatalf("other contents under the same id: %v", err)
		}
		// A refusal is an answer too.
		var conflict *ConflictError
		if _, err := s.Put(ctx, "op-2", n, Absent); !errors.As(err, &conflict) {
			t.Fatal(err)
		}
		if _, err := s.Delete(ctx, "", n.PublicNumber, Any); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Put(ctx, "op-2", n, Absent); !errors.As(err, &conflict) {
			t.Fatalf("second answer differs: %v", err)
		}
		if ttl := rdb.PTTL(ctx, s.keys.answers(Partition(n.PublicNumber))).Val(); ttl < time.Hour || ttl > 2*time.Hour {
			t.Fatalf("answers expire in %v", ttl)
		}
	})
}

func TestAnswersAreBounded(t *testing.T) {
	rdb := small(t)
	s, err := NewStore(rdb, prefix, StoreOptions{Answers: 3})
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	n := legacy(nth(1))
	for _, op := range []string{"a", "b", "c", "d", "e"} {
		if _, err := s.Put(ctx, op, n, Any); err != nil {
			t.Fatal(err)
		}
	}
	p := Partition(n.PublicNumber)
	if kept, order := rdb.HLen(ctx, s.keys.answers(p)).Val(), rdb.LLen(ctx, s.keys.order(p)).Val(); kept != 3 || order != 3 {
		t.Fatalf("%d answers, %d in order", kept, order)
	}
}

func TestAuthorityOfAnExistingNumberIsNotEdited(t *testing.T) {
	both(t, func(t *testing.T, rdb *redis.Client) {
		s := store(t, rdb)
		n := legacy(nth(1))
		put(t, s, n)
		n.RoutingAuthority = routing.SpeakOps
		_, err := s.Put(context.Background(), "", n, Any)
		var refused *AuthorityError
		if !errors.As(err, &refused) || refused.Has != "legacy" || refused.Asked != "speakops" {
			t.Fatalf("%v", err)
		}
		if !strings.Contains(err.Error(), "cutoverctl flip") {
			t.Fatalf("does not say what to do: %v", err)
		}
	})
}

// Every pair of states, for every type of number: the script and the pure rules
// say the same.
func TestPortingStateMovesAsItCanInTheWorld(t *testing.T) {
	t.Parallel()
	rdb := small(t)
	s := store(t, rdb)
	ctx := context.Background()
	n := legacy(nth(1))
	legal, illegal := 0, 0
	for _, kind := range []routing.NumberType{routing.NumberTypeUnknown, routing.Local, routing.Mobile, routing.TollFree} {
		for from := range everyState {
			for to := range everyState {
				if from == to {
					continue
				}
				rdb.FlushAll(ctx)
				n.NumberType, n.PortingState = kind, from
				put(t, s, n)
				n.PortingState = to
				_, err := s.Put(ctx, "", n, Any)
				want := (routing.Move{NumberType: kind, From: from, To: to}).Check()
				var refused *TransitionError
				switch {
				case want == nil && err == nil:
					legal++
				case want != nil && errors.As(err, &refused) && refused.From == from.String() && refused.To == to.String() &&
					strings.Contains(want.Error(), refused.Reason):
					illegal++
				default:
					t.Fatalf("%s %s -> %s: %v, but the rules say %v", kind, from, to, err, want)
				}
			}
		}
	}
	if legal < 50 || illegal < 500 {
		t.Fatalf("%d legal and %d illegal moves are too few to mean anything", legal, illegal)
	}
}

func TestOverrideBeginsAhead(t *testing.T) {
	both(t, func(t *testing.T, rdb *redis.Client) {
		ctx := context.Background()
		s, err := NewStore(rdb, prefix, StoreOptions{OverrideLead: 3 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		n := legacy(nth(1))
		now := time.Now()
		n.Override = routing.Override{Kind: routing.ForceSpeakOps, From: now.Add(time.Second), Until: now.Add(time.Hour), Reason: "test", Author: "bo"}
		var refused *OverrideError
		if _, err := s.Put(ctx, "", n, Any); !errors.As(err, &refused) {
			t.Fatalf("too soon: %v", err)
		}
		n.Override.From = time.Time{}
		put(t, s, n)
		got, _, _ := s.Get(ctx, n.PublicNumber)
		if d := got.Override.From.Sub(now); d < 3*time.Second || d > 6*time.Second {
			t.Fatalf("begins %v ahead", d)
		}
		if r := put(t, s, n); r.Outcome != Unchanged {
			t.Fatalf("the same again: %+v", r)
		}
		n.Override.Until = now.Add(time.Second)
		if _, err := s.Put(ctx, "", n, Any); err != nil {
			// its From, kept, lies after the new Until
			if !errors.As(err, &refused) {
				t.Fatal(err)
			}
		} else {
			t.Fatal("an override that ends before it begins was taken")
		}
		n.Override = routing.Override{}
		put(t, s, n)
		if got, _, _ := s.Get(ctx, n.PublicNumber); got.Override != (routing.Override{}) {
			t.Fatalf("cleared override: %+v", got.Override)
		}
	})
}

func TestKeysOfTheWrongTypeStopAWriteBeforeItBegins(t *testing.T) {
	both(t, func(t *testing.T, rdb *redis.Client) {
		ctx := context.Background()
		s := store(t, rdb)
		n := legacy(nth(1))
		p := Partition(n.PublicNumber)
		all := []string{s.keys.record(n.PublicNumber), s.keys.changes(p), s.keys.meta(p), s.keys.answers(p), s.keys.order(p)}
		for _, key := range all {
			rdb.Set(ctx, key, "garbage", 0)
			var wrong *KeyError
			if _, err := s.Put(ctx, "op", n, Any); !errors.As(err, &wrong) || wrong.Key != key {
				t.Fatalf("%s: %v", key, err)
			}
			for _, other := range all {
				if other != key && rdb.Exists(ctx, other).Val() != 0 {
					t.Fatalf("%s was written although %s is garbage", other, key)
				}
			}
			rdb.Del(ctx, key)
		}
		rdb.HSet(ctx, s.keys.record(n.PublicNumber), "revision", "soon", "routing_authority", "legacy")
		var wrong *KeyError
		if _, err := s.Put(ctx, "op", n, Any); !errors.As(err, &wrong) {
			t.Fatalf("garbage revision: %v", err)
		}
	})
}

func TestNothingUnfitReachesAKeyOrARecord(t *testing.T) {
	rdb := small(t)
	for _, bad := range []string{"", "a{b}", "a b", "a*", "a\n", strings.Repeat("x", 65)} {
		if _, err := NewStore(rdb, bad, StoreOptions{}); err == nil {
			t.Errorf("prefix %q was taken", bad)
		}
	}
	s := store(t, rdb)
	ctx := context.Background()
	n := legacy(0)
	if _, err := s.Put(ctx, "", n, Any); err == nil {
		t.Error("no number was taken")
	}
	for _, bad := range []string{"a\r\nb", "a\x00b", "\xff", strings.Repeat("x", 257)} {
		n := legacy(nth(1))
		n.CustomerAssignment = routing.CustomerID(bad)
		var field *FieldError
		if _, err := s.Put(ctx, "", n, Any); !errors.As(err, &field) || field.Field != "customer_assignment" {
			t.Errorf("%.10q: %v", bad, err)
		}
	}
	if _, err := s.Put(ctx, strings.Repeat("o", 129), legacy(nth(1)), Any); err == nil {
		t.Error("an endless operation id was taken")
	}
	if keys := rdb.Keys(ctx, "*").Val(); len(keys) != 0 {
		t.Errorf("refused writes left %v", keys)
	}
}

func TestPartitionIsThatOfRedisCluster(t *testing.T) {
	rdb := client(t, startServer(t, "--cluster-enabled", "yes").addr)
	for i := range 200 {
		n := nth(i * 7919)
		slot, err := rdb.ClusterKeySlot(context.Background(), n.String()).Result()
		if err != nil || Partition(n) != int(slot%Partitions) {
			t.Fatalf("%s: partition %d, slot %d, %v", n, Partition(n), slot, err)
		}
	}
}
