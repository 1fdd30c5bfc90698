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

	"github.com/speakops/sipedge/routing"
)

func rows(t testing.TB, name, text string) []Row {
	t.Helper()
	got, err := ReadRows(strings.NewReader(text), name)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestImportCreatesThenDoesNothing(t *testing.T) {
	both(t, func(t *testing.T, rdb *redis.Client) {
		ctx := context.Background()
		s := store(t, rdb)
		file := rows(t, "n.csv", "\ufeffrouting_authority,public_number,customer_assignment\nlegacy,+12025550143,acme\nspeakops,+442071838750,\nnone,+8008000,x\n")
		if len(file) != 3 || file[0].Line != 2 || file[2].Line != 4 {
			t.Fatalf("%+v", file)
		}
		plan, err := s.Import(ctx, file, ImportOptions{DryRun: true})
		if err != nil || plan.Created != 3 || rdb.DBSize(ctx).Val() != 0 {
			t.Fatalf("dry run: %+v %v, %d keys", plan, err, rdb.DBSize(ctx).Val())
		}
		var done atomic.Int64
		sum, err := s.Import(ctx, file, ImportOptions{Progress: func(n int) { done.Add(int64(n)) }})
		if err != nil || sum.Created != 3 || sum.Rows() != 3 || done.Load() != 3 {
			t.Fatalf("%+v %v, %d told", sum, err, done.Load())
		}
		for n, state := range map[string]routing.PortingState{"+12025550143": routing.Draft, "+442071838750": routing.Settled, "+8008000": routing.Draft} {
			if got, ok, err := s.Get(ctx, number(t, n)); err != nil || !ok || got.PortingState != state {
				t.Errorf("%s: %v %v %+v", n, ok, err, got)
			}
		}
		seq := rdb.HGet(ctx, s.keys.meta(Partition(number(t, "+12025550143"))), "seq").Val()
		again, err := s.Import(ctx, file, ImportOptions{})
		if err != nil || again.Unchanged != 3 || again.Rows() != 3 {
			t.Fatalf("again: %+v %v", again, err)
		}
		if now := rdb.HGet(ctx, s.keys.meta(Partition(number(t, "+12025550143"))), "seq").Val(); now != seq {
			t.Fatalf("a no-op wrote: seq %s, then %s", seq, now)
		}
	})
}

func TestImportSetsWhatItGivesAndLeavesTheRest(t *testing.T) {
	ctx := context.Background()
	s := store(t, small(t))
	n := legacy(number(t, "+12025550143"))
	n.LegacyRoute, n.PortingState = "l7", routing.Submitted
	put(t, s, n)
	sum, err := s.Import(ctx, rows(t, "n.csv", "public_number,routing_authority,customer_assignment,underlying_carrier,porting_state\n+12025550143,legacy,,c9,\n"), ImportOptions{})
	if err != nil || sum.Updated != 1 {
		t.Fatalf("%+v %v", sum, err)
	}
	got, _, _ := s.Get(ctx, n.PublicNumber)
	if got.LegacyRoute != "l7" || got.PortingState != routing.Submitted || got.CustomerAssignment != "" || got.UnderlyingCarrier != "c9" {
		t.Fatalf("%+v", got)
	}
}

func TestImportRefusesRowsOneByOne(t *testing.T) {
	ctx := context.Background()
	s := store(t, small(t))
	put(t, s, legacy(number(t, "+12025550143")))
	ported := legacy(number(t, "+12025550144"))
	ported.PortingState, ported.NumberType = routing.Settled, routing.Local
	put(t, s, ported)
	file := rows(t, "n.jsonl", `{"public_number": "+12025550143", "routing_authority": "speakops"}

{"public_number": "+12025550144", "routing_authority": "legacy", "porting_state": "armed"}
{"public_number": "+12025550145", "routing_authority": "speakops", "customer_assignment": null}
`)
	for _, dry := range []bool{true, false} {
		sum, err := s.Import(ctx, file, ImportOptions{DryRun: dry})
		if err != nil || sum.Created != 1 || len(sum.Refused) != 2 {
			t.Fatalf("dry %v: %+v %v", dry, sum, err)
		}
		var authority *AuthorityError
		if r := sum.Refused[0]; r.Line != 1 || !errors.As(r.Err, &authority) {
			t.Fatalf("%+v", r)
		}
		var transition *TransitionError
		if r := sum.Refused[1]; r.Line != 3 || !errors.As(r.Err, &transition) || transition.From != "settled" || transition.To != "armed" {
			t.Fatalf("%+v", r)
		}
	}
}

func TestMistakesNameFileRowAndColumn(t *testing.T) {
	const head = "public_number,routing_authority\n"
	long := strings.Repeat("x", 300)
	for _, c := range []struct{ name, text, want string }{
		{"n.csv", "", "n.csv:1: the file is empty"},
		{"n.csv", "public_number,authority\n", `n.csv:1: column "authority" is unknown`},
		{"n.csv", "public_number,routing_authority,public_number\n", "n.csv:1: column public_number is there twice"},
		{"n.csv", "public_number\n+12025550143\n", "n.csv:1: column routing_authority is missing"},
		{"n.csv", head + "12025550143,legacy\n", `n.csv:2: public_number: "12025550143" is not an E.164 number`},
		{"n.csv", head + "\n+12025550143,legcy\n", `n.csv:3: routing_authority: routing_authority "legcy" is not one of`},
		{"n.csv", head + "+12025550143,\n", "n.csv:2: routing_authority: is empty"},
		{"n.csv", head + "+12025550143\n", "n.csv:2: has 1 columns, the head line has 2"},
		{"n.csv", head + "+12025550143,legacy\n+12025550143,legacy\n", "n.csv:3: public_number: +12025550143 is on line 2 already"},
		{"n.csv", head + "+12025550143,\"legacy\n", "n.csv:"},
		{"n.csv", "public_number,routing_authority,customer_assignment\n+12025550143,legacy," + long + "\n", "n.csv:2: customer_assignment: 300 bytes are too many"},
		{"n.csv", "public_number,routing_authority,lrn\n+12025550143,legacy,123\n", "n.csv:2: lrn: not an E.164 number"},
		{"n.csv", "public_number,routing_authority,override\n+12025550143,legacy,block\n", "n.csv:2: override: override block: reason is missing"},
		{"n.csv", "public_number,routing_authority,override_until\n+12025550143,legacy,\n", "n.csv:2: override: is missing"},
		{"n.csv", "public_number,routing_authority,override,override_until,override_reason,override_author\n+12025550143,legacy,block,tomorrow,r,a\n", `n.csv:2: override_until: "tomorrow" is not an instant`},
		{"n.jsonl", "[]\n", "n.jsonl:1: is not a JSON object"},
		{"n.jsonl", `{"public_number": 1, "routing_authority": "legacy"}`, "n.jsonl:1: public_number: is not a string"},
		{"n.jsonl", `{"public_number": "+12025550143", "routing_authority": "legacy", "colour": {"a": 1}}`, `n.jsonl:1: key "colour" is unknown`},
		{"n.jsonl", `{"public_number": "+12025550143", "public_number": "+12025550144", "routing_authority": "legacy"}`, "n.jsonl:1: public_number: is there twice"},
		{"n.jsonl", `{"public_number": "+12025550143", "routing_authority": "legacy"} x`, "n.jsonl:1: something follows"},
		{"n.jsonl", `{"public_number": "+12025550143"`, "n.jsonl:1: "},
		{"n.jsonl", "\n{}", "n.jsonl:2: public_number: is missing"},
		{"n.jsonl", strings.Repeat("x", maxLine+1), "n.jsonl:1: is longer than"},
	} {
		_, err := ReadRows(strings.NewReader(c.text), c.name)
		var all *RowErrors
		if !errors.As(err, &all) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.60q:\n got %v\nwant %s", c.text, err, c.want)
		}
	}
}

func TestAllMistakesAreReportedAtOnceUpToABound(t *testing.T) {
	text := "public_number,routing_authority\n" + strings.Repeat("x,y\n", 200)
	_, err := ReadRows(strings.NewReader(text), "n.csv")
	var all *RowErrors
	if !errors.As(err, &all) || len(all.All) != maxRowErrors || all.More != 400-maxRowErrors {
		t.Fatalf("%v", err)
	}
	if all.All[1].Line != 2 || all.All[1].Column != "routing_authority" || all.All[2].Line != 3 {
		t.Fatalf("%v", all.All[:3])
	}
}

func TestOverridesInAFile(t *testing.T) {
	ctx := context.Background()
	s := store(t, small(t))
	until := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	head := "public_number,routing_authority,override,override_from,override_until,override_reason,override_author\n"
	file := rows(t, "n.csv", head+"+12025550143,legacy,block,,"+until.Format(time.RFC3339)+",spam,anna\n")
	for _, want := range []Summary{{Created: 1}, {Unchanged: 1}} {
		if sum, err := s.Import(ctx, file, ImportOptions{}); err != nil || fmt.Sprint(sum) != fmt.Sprint(want) {
			t.Fatalf("%+v %v, want %+v", sum, err, want)
		}
	}
	got, _, err := s.Get(ctx, number(t, "+12025550143"))
	if err != nil || got.Override.Kind != routing.Block || !got.Override.Until.Equal(until) || time.Since(got.Override.From) > time.Minute {
		t.Fatalf("%+v %v", got.Override, err)
	}
	if _, err := s.Import(ctx, rows(t, "n.csv", head+"+12025550143,legacy,none,,,,\n"), ImportOptions{}); err != nil {
		t.Fatal(err)
	}
	if got, _, _ := s.Get(ctx, number(t, "+12025550143")); got.Override != (routing.Override{}) {
		t.Fatalf("%+v", got.Override)
	}
}

func TestImportSaysThatTheStoreIsAway(t *testing.T) {
	rdb := client(t, "127.0.0.1:1")
	_, err := store(t, rdb).Import(context.Background(), rows(t, "n.csv", "public_number,routing_authority\n+12025550143,legacy\n"), ImportOptions{})
	var away *AwayError
	if !errors.As(err, &away) || !strings.Contains(err.Error(), "127.0.0.1:1") || !strings.Contains(err.Error(), "start redis-server") {
		t.Fatalf("%v", err)
	}
	if err := Reach(context.Background(), rdb, 5*time.Second); !errors.As(err, &away) {
		t.Fatalf("%v", err)
	}
}

func TestImportStopsAtAFullStore(t *testing.T) {
	ctx := context.Background()
	rdb := client(t, startServer(t, "--maxmemory-policy", "noeviction").addr)
	s := store(t, rdb)
	fill(t, s, 0, 10)
	rdb.ConfigSet(ctx, "maxmemory", "1")
	_, err := s.Import(ctx, rows(t, "n.csv", "public_number,routing_authority\n+12025550143,legacy\n"), ImportOptions{})
	var away *AwayError
	if !errors.As(err, &away) || !strings.Contains(err.Error(), "memory is full") {
		t.Fatalf("%v", err)
	}
	rdb.ConfigSet(ctx, "maxmemory", "0")
	if rdb.Exists(ctx, s.keys.record(number(t, "+12025550143"))).Val() != 0 {
		t.Fatal("half a write")
	}
}

func TestImportOutlivesAFlushedScriptCache(t *testing.T) {
	ctx := context.Background()
	rdb := client(t, startServer(t).addr)
	s := store(t, rdb)
	im := &importer{store: s, verb: "put"}
	file := rows(t, "n.csv", "public_number,routing_authority\n+12025550143,legacy\n+12025550144,legacy\n")
	results := make([]rowResult, 2)
	im.load.Do(func() {}) // as if it had been loaded before the flush
	if err := im.write(ctx, file, results); err != nil {
		t.Fatal(err)
	}
	if sum := summarise(file, results); sum.Created != 2 {
		t.Fatalf("%+v", sum)
	}
}

func BenchmarkImport100k(b *testing.B) {
	var text strings.Builder
	text.WriteString("public_number,routing_authority,porting_state\n")
	for i := range 100_000 {
		fmt.Fprintf(&text, "%s,legacy,draft\n", nth(i))
	}
	rdb := client(b, startServer(b).addr)
	s := store(b, rdb)
	for range b.N {
		rdb.FlushAll(context.Background())
		sum, err := s.Import(context.Background(), rows(b, "n.csv", text.String()), ImportOptions{})
		if err != nil || sum.Created != 100_000 {
			b.Fatal(sum.Created, err)
		}
	}
}

func FuzzReadRows(f *testing.F) {
	f.Add("n.csv", "public_number,routing_authority\n+12025550143,legacy\n")
	f.Add("n.jsonl", `{"public_number": "+12025550143", "routing_authority": "legacy", "override": "block"}`)
	f.Fuzz(func(t *testing.T, name, text string) {
		got, err := ReadRows(strings.NewReader(text), name)
		if err != nil && got != nil {
			t.Fatal("rows beside a mistake")
		}
		for _, row := range got {
			if Partition(row.Number) >= Partitions || row.Number == 0 || row.Line < 1 {
				t.Fatalf("%+v", row)
			}
		}
	})
}
