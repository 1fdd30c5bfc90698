package ledger

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/speakops/sipedge/routing"
	"github.com/speakops/sipedge/routing/feed"
)

func TestDocumentsChangeOnlyAsRead(t *testing.T) {
	everywhere(t, func(t *testing.T, l *Ledger, rdb *redis.Client) {
		first(t, l, edgeA)
		docs := must[*Documents](t)(l.Documents("orders"))
		write := func(c Change) (uint64, error) { c.ID = "o-1"; return docs.Write(ctx, c) }
		planned := Note{Kind: "planned", Who: "anna", Order: "o-1", Detail: `{"numbers":10}`}
		one := must[uint64](t)(write(Change{Expect: Absent, Bytes: []byte("{1}"), Operation: "op-1", Note: planned}))
		two := must[uint64](t)(write(Change{Expect: Expect(one), Bytes: []byte("{2}")}))
		if two <= one {
			t.Fatal(one, two)
		}
		// The first answer was lost; its repeat is no conflict, and journals nothing.
		if again := must[uint64](t)(write(Change{Expect: Absent, Bytes: []byte("{1}"), Operation: "op-1", Note: planned})); again != one {
			t.Fatal(one, again)
		}
		var reused *OperationError
		if _, err := write(Change{Bytes: []byte("{3}"), Operation: "op-1"}); !errors.As(err, &reused) || reused.Operation != "op-1" {
			t.Fatalf("%v", err)
		}
		for _, expect := range []Expect{Absent, Expect(one)} {
			var conflict *ConflictError
			if _, err := write(Change{Expect: expect, Bytes: []byte("{3}")}); !errors.As(err, &conflict) || conflict.Current != two {
				t.Fatalf("%v", err)
			}
		}
		if d, ok, err := docs.Read(ctx, "o-1"); !ok || err != nil || string(d.Bytes) != "{2}" || d.Revision != two {
			t.Fatal(d, ok, err)
		}
		for i := range 300 {
			must[uint64](t)(docs.Write(ctx, Change{ID: fmt.Sprint("many-", i), Bytes: []byte("x\ny")}))
		}
		if all := must[[]Document](t)(docs.All(ctx)); len(all) != 301 || string(all[len(all)-1].Bytes) == "" {
			t.Fatal(len(all))
		}
		must[uint64](t)(write(Change{Expect: Expect(two)}))
		if _, ok, err := docs.Read(ctx, "o-1"); ok || err != nil {
			t.Fatal(ok, err)
		}
		for _, bad := range []string{"", "a b", strings.Repeat("x", 129)} {
			if _, err := docs.Write(ctx, Change{ID: bad, Bytes: []byte("{}")}); err == nil {
				t.Errorf("id %q was taken", bad)
			}
		}
		if _, err := l.Documents("a:{b}"); err == nil {
			t.Error("a kind that is no part of a key")
		}
		noted := 0
		for _, e := range must[[]Entry](t)(l.Entries(ctx, "", 1000)) {
			if e.Kind() == "planned" && e.Get("detail") == planned.Detail {
				noted++
			}
		}
		if noted != 1 {
			t.Fatalf("%d entries of the plan", noted)
		}
	})
}

func TestNotesEventsAndHeartbeats(t *testing.T) {
	everywhere(t, func(t *testing.T, l *Ledger, rdb *redis.Client) {
		// Heartbeats say nothing about the chain and need none.
		for range 2 {
			if err := l.Beat(ctx, edgeB, []byte(`{"error_ms":1}`)); err != nil {
				t.Fatal(err)
			}
		}
		if err := l.Beat(ctx, edgeA, nil); err != nil {
			t.Fatal(err)
		}
		beats := must[[]Beat](t)(l.Beats(ctx))
		if len(beats) != 2 || beats[0].Edge != edgeA || string(beats[1].Bytes) != `{"error_ms":1}` || time.Since(beats[1].At).Abs() > time.Minute {
			t.Fatalf("%+v", beats)
		}
		first(t, l, edgeA)
		flipped := Event{Kind: "flipped", Cutover: "c-1", Order: "o-1", Detail: "{}", Operation: "c-1/flipped"}
		for range 3 { // every edge tells it
			if err := l.Tell(ctx, flipped); err != nil {
				t.Fatal(err)
			}
		}
		if events := rdb.XRange(ctx, l.keys.tag+"events", "-", "+").Val(); len(events) != 1 || events[0].Values["order"] != "o-1" {
			t.Fatalf("%+v", events)
		}
		one := must[string](t)(l.Note(ctx, "n-1", Note{Kind: "first_call", Who: string(edgeA), Cutover: "c-1"}))
		if again := must[string](t)(l.Note(ctx, "n-1", Note{Kind: "first_call", Who: string(edgeA), Cutover: "c-1"})); again != one {
			t.Fatal(one, again)
		}
		if _, err := l.Note(ctx, "", Note{Kind: "committed"}); err == nil {
			t.Fatal("a caller wrote an entry of the protocol")
		}
	})
}

func TestJournalIsVerified(t *testing.T) {
	everywhere(t, func(t *testing.T, l *Ledger, rdb *redis.Client) {
		r := first(t, l, edgeA, edgeB)
		list := numbers(t, 0, 10)
		r = agreed(t, l, r, arm(r, "c-1", list, soon(time.Hour)), list)
		for i := range 20 {
			must[string](t)(l.Note(ctx, "", Note{Kind: "linted", Detail: fmt.Sprint(i)}))
		}
		v := must[Verified](t)(l.Verify(ctx))
		var kinds []string
		for _, e := range must[[]Entry](t)(l.Entries(ctx, "", 10)) {
			kinds = append(kinds, e.Kind())
		}
		want := []string{"generation", "recovered", "proposed", "acknowledged", "acknowledged", "committed", "proposed", "acknowledged", "acknowledged", "committed"}
		if len(v.Breaks) != 0 || !v.Whole || v.Count != 30 || v.Generations != 1 || !slices.Equal(kinds, want) {
			t.Fatalf("%+v %v", v, kinds)
		}
		if e := must[[]Entry](t)(l.Entries(ctx, "1-6", 1))[0]; e.Get("revision") != string(r.ID) || !strings.Contains(e.Get("body"), `"c-1"`) || e.At().IsZero() {
			t.Fatalf("%+v", e)
		}
		key := l.keys.tag + "journal"
		all := rdb.XRange(ctx, key, "-", "+").Val()
		put := func(skip, change int, rehash bool, last int) {
			rdb.Del(ctx, key)
			for i, x := range all[:last] {
				if i == skip {
					continue
				}
				values := []string{}
				for _, name := range []string{"previous", "hash"} {
					values = append(values, name, x.Values[name].(string))
				}
				e := must[[]Entry](t)(entriesOf(x))[0]
				if i == change {
					e.Fields[2][1] = "mallory"
					if rehash {
						values[3] = e.Sum()
					}
				}
				for _, f := range e.Fields {
					values = append(values, f[0], f[1])
				}
				if err := rdb.XAdd(ctx, &redis.XAddArgs{Stream: key, ID: x.ID, Values: values}).Err(); err != nil {
					t.Fatal(err)
				}
			}
		}
		for what, c := range map[string]struct {
			skip, change int
			rehash       bool
			last, breaks int
		}{
			"untouched":                {-1, -1, false, 30, 0},
			"one changed":              {-1, 8, false, 30, 1},
			"one changed and rehashed": {-1, 8, true, 30, 1},
			"one removed":              {8, -1, false, 30, 1},
			"the tail removed":         {-1, -1, false, 25, 1},
			"the beginning trimmed":    {0, -1, false, 30, 0},
		} {
			put(c.skip, c.change, c.rehash, c.last)
			v := must[Verified](t)(l.Verify(ctx))
			if len(v.Breaks) != c.breaks || v.Whole != (c.skip != 0) {
				t.Errorf("%s: %+v", what, v)
			}
		}
	})
}

// entriesOf reads a stream entry with its fields in the journal's order.
func entriesOf(x redis.XMessage) ([]Entry, error) {
	kindFirst := []string{"kind", "at"}
	var rest []string
	for name := range x.Values {
		if name != "previous" && name != "hash" && !slices.Contains(kindFirst, name) {
			rest = append(rest, name)
		}
	}
	// The order of the rest is the one whose hash is right.
	e := Entry{ID: x.ID, Previous: x.Values["previous"].(string), Hash: x.Values["hash"].(string)}
	var try func(done, left []string) bool
	try = func(done, left []string) bool {
		if len(left) == 0 {
			e.Fields = nil
			for _, name := range append(slices.Clone(kindFirst), done...) {
				e.Fields = append(e.Fields, [2]string{name, x.Values[name].(string)})
			}
			return e.Sum() == e.Hash
		}
		for i, name := range left {
			if try(append(slices.Clone(done), name), slices.Concat(left[:i], left[i+1:])) {
				return true
			}
		}
		return false
	}
	if !try(nil, rest) {
		return nil, fmt.Errorf("entry %s has no order that fits its hash", x.ID)
	}
	return []Entry{e}, nil
}

func TestForeignKeysAreNamed(t *testing.T) {
	everywhere(t, func(t *testing.T, l *Ledger, rdb *redis.Client) {
		r := first(t, l, edgeA)
		damaged := func(what string) {
			t.Helper()
			n := next(r)
			_, err := l.Propose(ctx, Proposal{Previous: r, Revision: n})
			var key *feed.KeyError
			if !errors.As(err, &key) || !strings.HasPrefix(key.Key, "speakops:chain:{chain}:") {
				t.Fatalf("%s: %v", what, err)
			}
			if rdb.HGet(ctx, l.keys.tag+"state", "pending").Val() != "" {
				t.Fatalf("%s: half a proposal", what)
			}
		}
		rdb.Set(ctx, l.keys.tag+"acks", "x", 0)
		damaged("a key of another type")
		rdb.Del(ctx, l.keys.tag+"acks")
		if _, err := l.DeclareOff(ctx, edgeB, "anna", "", time.Time{}); err != nil {
			t.Fatal(err)
		}
		rdb.Del(ctx, l.keys.tag+"off")
		damaged("a key that was taken away")
	})
}

// A full store refuses, and nothing of a step is left behind.
func TestFullStoreRefusesWholeSteps(t *testing.T) {
	t.Parallel()
	rdb := client(t, startReal(t).addr)
	l := open(t, rdb, Options{})
	r := first(t, l, edgeA)
	n := next(r)
	must[Proposed](t)(l.Propose(ctx, Proposal{Previous: r, Revision: n}))
	before := must[Verified](t)(l.Verify(ctx))
	rdb.ConfigSet(ctx, "maxmemory", "1")
	for step, do := range map[string]func() error{
		"ack":   func() error { _, err := l.Ack(ctx, anyGeneration, edgeA, n.ID); return err },
		"abort": func() error { _, err := l.Abort(ctx, anyGeneration, n.ID, "anna", ByOperator, ""); return err },
		"off":   func() error { _, err := l.DeclareOff(ctx, edgeA, "anna", "", time.Time{}); return err },
		"note":  func() error { _, err := l.Note(ctx, "", Note{Kind: "planned"}); return err },
		"list":  func() error { return l.PutList(ctx, numbers(t, 0, 10)) },
	} {
		var away *feed.AwayError
		if err := do(); !errors.As(err, &away) || !strings.Contains(err.Error(), "memory is full") {
			t.Errorf("%s: %v", step, err)
		}
	}
	s := must[Status](t)(l.Status(ctx)) // reading goes on
	if after := must[Verified](t)(l.Verify(ctx)); after.Head != before.Head || s.Pending == nil || len(s.Acked) != 0 || len(s.Off) != 0 {
		t.Fatalf("half a step: %+v %+v", s, after)
	}
	rdb.ConfigSet(ctx, "maxmemory", "0")
	if o := must[Outcome](t)(l.Ack(ctx, anyGeneration, edgeA, n.ID)); !o.Committed {
		t.Fatalf("%+v", o)
	}
}

// user makes the user that README.md tells operators to make, and is it.
func user(t *testing.T, admin *redis.Client, name string) *redis.Client {
	t.Helper()
	text := string(must[[]byte](t)(os.ReadFile("../../README.md")))
	_, text, found := strings.Cut(text, "\nACL SETUSER "+name+" ")
	if !found {
		t.Fatalf("README.md names no user %s", name)
	}
	text = text[:min(strings.Index(text, "\n```"), strings.Index(text+"\nACL", "\nACL"))]
	args := []any{"ACL", "SETUSER", name}
	for _, word := range strings.Fields(strings.ReplaceAll(text, "PASSWORD", "secret")) {
		args = append(args, word)
	}
	if err := admin.Do(ctx, args...).Err(); err != nil {
		t.Fatal(err)
	}
	rdb := redis.NewClient(&redis.Options{Addr: admin.Options().Addr, Username: name, Password: "secret"})
	t.Cleanup(func() { _ = rdb.Close() })
	return rdb
}

// The user of an edge may run scripts on the chain's keys, read numbers, and
// nothing else; the one who writes numbers never comes near the chain.
func TestACLConfinesToTheChain(t *testing.T) {
	t.Parallel()
	admin := client(t, startReal(t).addr)
	rdb, writer := user(t, admin, "sipedge-edge"), user(t, admin, "sipedge-operator")
	store := must[*feed.Store](t)(feed.NewStore(writer, prefix, feed.StoreOptions{}))
	n := routing.Number{PublicNumber: 12025550143, RoutingAuthority: routing.Legacy, PortingState: routing.Draft}
	must[feed.Result](t)(store.Put(ctx, "", n, feed.Any))
	reader := must[*feed.Store](t)(feed.NewStore(rdb, prefix, feed.StoreOptions{}))
	if got, ok, err := reader.Get(ctx, n.PublicNumber); !ok || err != nil || got.RoutingAuthority != routing.Legacy {
		t.Fatal(got, ok, err)
	}
	if _, err := reader.Put(ctx, "", n, feed.Any); err == nil {
		t.Fatal("an edge's user wrote a number")
	}
	if _, _, err := open(t, writer, Options{}).Init(ctx, 1, "mallory"); err == nil {
		t.Fatal("the writer of numbers began a chain")
	}
	l := open(t, rdb, Options{})
	r := first(t, l, edgeA)
	list := numbers(t, 0, 10)
	r = agreed(t, l, r, arm(r, "c-1", list, soon(time.Hour)), list)
	docs := must[*Documents](t)(l.Documents("orders"))
	must[uint64](t)(docs.Write(ctx, Change{ID: "o-1", Bytes: []byte("{}"), Note: Note{Kind: "planned"}, Operation: "x"}))
	must[[]Document](t)(docs.All(ctx))
	must[Verified](t)(l.Verify(ctx))
	must[Swept](t)(l.Sweep(ctx))
	if err := errors.Join(l.Beat(ctx, edgeA, nil), l.Tell(ctx, Event{Kind: "flipped"})); err != nil {
		t.Fatal(err)
	}
	s := l.Sampler()
	defer s.Close()
	must[Sample](t)(s.Sample(ctx))
	r2 := next(r)
	must[Proposed](t)(l.Propose(ctx, Proposal{Previous: r, Revision: r2}))
	must[Replicas](t)(l.Abort(ctx, anyGeneration, r2.ID, "anna", ByOperator, ""))

	for what, err := range map[string]error{
		"a number":     rdb.Eval(ctx, "return redis.call('HSET', KEYS[1], 'routing_authority', 'speakops')", []string{"speakops:n:{p07}:+12025550143"}).Err(),
		"undeclared":   rdb.Eval(ctx, "return redis.call('HSET', 'speakops:n:{p07}:meta', 'x', 'y')", []string{l.keys.all[0]}).Err(),
		"flushall":     rdb.FlushAll(ctx).Err(),
		"config":       rdb.ConfigSet(ctx, "maxmemory", "1").Err(),
		"kill":         rdb.ClientKillByFilter(ctx, "TYPE", "replica").Err(),
		"from scripts": rdb.Eval(ctx, "return redis.call('FLUSHALL')", nil).Err(),
	} {
		if err == nil || !strings.Contains(err.Error(), "permission") && !strings.Contains(err.Error(), "executing the script can't") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestSamplerReadsTheStoresClock(t *testing.T) {
	everywhere(t, func(t *testing.T, l *Ledger, rdb *redis.Client) {
		s := l.Sampler()
		defer s.Close()
		empty := must[Sample](t)(s.Sample(ctx))
		if !empty.Empty || time.Since(empty.Store).Abs() > time.Minute || empty.History == "" {
			t.Fatalf("%+v", empty)
		}
		first(t, l, edgeA)
		full := must[Sample](t)(s.Sample(ctx))
		if full.Empty || !full.Recovered || full.Store.Before(empty.Store) || full.Generation.Number != 1 || full.History != empty.History {
			t.Fatalf("%+v", full)
		}
	})
}
