package feed

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
		file := rows(t, "n.csv", "\ufeffrouting_authority,public_number,customer_assignment\nlegacy,+12025550143,acme\nspeakops,+442071838750,\nnone,+33123456789,x\n")
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
		for n, state := range map[string]routing.PortingState{"+12025550143": routing.Draft, "+442071838750": routing.Settled, "+33123456789": routing.Draft} {
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
		{"n.csv", "", "n.csv:1: found an empty file, expected a first line that names the columns: public_number, number_type, "},
		{"n.csv", "public_number,authority\n", `n.csv:1: found column "authority", expected one of public_number, `},
		{"n.csv", "public_number,routing_authority,public_number\n", "n.csv:1: found column public_number twice, expected it once"},
		{"n.csv", "public_number\n+12025550143\n", "n.csv:1: found no column routing_authority, expected it among"},
		{"n.csv", head + "12025550143,legacy\n", `n.csv:2: public_number: found "12025550143", expected an E.164 number that can be dialled: + and 7 to 15 digits`},
		{"n.csv", head + "sip:+12025550143@example.com,legacy\n", `n.csv:2: public_number: found "sip:+12025550143@example.com", expected an E.164`},
		{"n.csv", head + "(202) 555-0143,legacy\n", `n.csv:2: public_number: found "(202) 555-0143", expected an E.164`},
		{"n.csv", head + "1.2025550143E+10,legacy\n", `n.csv:2: public_number: found "1.2025550143E+10", expected an E.164`},
		{"n.csv", head + "+1911,legacy\n", `n.csv:2: public_number: found "+1911", expected`},
		{"n.csv", head + "+1202555014,legacy\n", `n.csv:2: public_number: found "+1202555014", expected a number that can be dialled; no number of country code 1 has the form`},
		{"n.csv", head + "+12020550143,legacy\n", `n.csv:2: public_number: found "+12020550143", expected a number that can be dialled; +12020550143 breaks the form NXX-NXX-XXXX`},
		{"n.csv", head + "+2105550143,legacy\n", `n.csv:2: public_number: found "+2105550143", expected a number that can be dialled; no country`},
		{"n.csv", head + "\n+12025550143,legcy\n", `n.csv:3: routing_authority: found "legcy", expected one of none, legacy, speakops`},
		{"n.csv", head + "+12025550143,\n", "n.csv:2: routing_authority: found nothing, expected legacy, speakops or none"},
		{"n.csv", head + "+12025550143\n", "n.csv:2: found 1 columns, expected 2, as in the head line"},
		{"n.csv", head + "+12025550143,legacy\n+12025550143,legacy\n", "n.csv:3: public_number: found +12025550143, which is on line 2 already, expected each number once"},
		{"n.csv", head + "+12025550143,\"legacy\n", "n.csv:"},
		{"n.csv", "public_number,routing_authority,customer_assignment\n+12025550143,legacy," + long + "\n", "n.csv:2: customer_assignment: found 300 bytes, expected at most 256 bytes of printable UTF-8"},
		{"n.csv", "public_number,routing_authority,customer_assignment\n+12025550143,legacy,a\x07b\n", `n.csv:2: customer_assignment: found "a\ab", which holds a character that cannot be printed (U+0007), expected`},
		{"n.csv", "public_number,routing_authority,lrn\n+12025550143,legacy,123\n", `n.csv:2: lrn: found "123", expected an E.164 number such as +12025550000`},
		{"n.csv", "public_number,routing_authority,revision\n+12025550143,legacy,x\n", `n.csv:2: revision: found "x", expected a revision as an export shows it`},
		{"n.csv", "public_number,routing_authority,number_type\n+12025550143,legacy,toll_free\n", "n.csv:2: number_type: found toll_free for +12025550143, expected local or mobile"},
		{"n.csv", "public_number,routing_authority,number_type\n+18005550143,legacy,local\n", "n.csv:2: number_type: found local for +18005550143, expected toll_free"},
		{"n.csv", "public_number,routing_authority,number_type,lrn\n+18005550143,legacy,toll_free,+12025550000\n", `n.csv:2: lrn: found "+12025550000" for a toll_free number, expected nothing`},
		{"n.csv", "public_number,routing_authority,number_type,porting_state\n+18005550143,legacy,toll_free,foc_confirmed\n", "n.csv:2: porting_state: found foc_confirmed for a toll_free number, expected a state"},
		{"n.csv", "public_number,routing_authority,override\n+12025550143,legacy,block\n", "n.csv:2: override: found override block: reason is missing"},
		{"n.csv", "public_number,routing_authority,override_until\n+12025550143,legacy,\n", "n.csv:2: override: found nothing beside other columns of an override, expected force_legacy"},
		{"n.csv", "public_number,routing_authority,override,override_until,override_reason,override_author\n+12025550143,legacy,block,tomorrow,r,a\n", `n.csv:2: override_until: found "tomorrow", expected an instant such as 2026-03-01T10:00:00Z`},
		{"n.jsonl", "[]\n", `n.jsonl:1: found "[]", expected one JSON object`},
		{"n.jsonl", `{"public_number": 12025550143, "routing_authority": "legacy"}`, "n.jsonl:1: public_number: found 12025550143, expected a string"},
		{"n.jsonl", `{"public_number": "+12025550143", "routing_authority": "legacy", "colour": {"a": 1}}`, `n.jsonl:1: found key "colour", expected one of public_number`},
		{"n.jsonl", `{"public_number": "+12025550143", "public_number": "+12025550144", "routing_authority": "legacy"}`, "n.jsonl:1: public_number: found it twice, expected it once"},
		{"n.jsonl", `{"public_number": "+12025550143", "routing_authority": "legacy"} x`, "n.jsonl:1: found something after the object"},
		{"n.jsonl", `{"public_number": "+12025550143"`, "n.jsonl:1: found what is no JSON ("},
		{"n.jsonl", "\n{}", "n.jsonl:2: public_number: found nothing, expected an E.164"},
		{"n.jsonl", strings.Repeat("x", maxLine+1), "n.jsonl:1: found a longer line, expected at most"},
	} {
		_, err := ReadRows(strings.NewReader(c.text), c.name)
		var all *RowErrors
		if !errors.As(err, &all) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.60q:\n got %v\nwant %s", c.text, err, c.want)
		}
	}
}

func TestAllMistakesAreReportedAtOnceUpToABound(t *testing.T) {
	text := "public_number,routing_authority\n" + strings.Repeat("x,y\n", MaxRowErrors)
	_, err := ReadRows(strings.NewReader(text), "n.csv")
	var all *RowErrors
	if !errors.As(err, &all) || len(all.All) != MaxRowErrors || all.More != MaxRowErrors {
		t.Fatalf("%v", err)
	}
	if all.All[1].Line != 2 || all.All[1].Column != "routing_authority" || all.All[2].Line != 3 {
		t.Fatalf("%v", all.All[:3])
	}
	if told := strings.Count(err.Error(), "\n"); told != maxShown || !strings.HasSuffix(err.Error(), fmt.Sprintf("and %d more", 2*MaxRowErrors-maxShown)) {
		t.Fatalf("%d lines: %.200s", told, err)
	}
}

// Who writes while an import runs is not overwritten, and the same import goes on
// after an interruption.
func TestImportDoesNotOverwriteWhoWritesMeanwhile(t *testing.T) {
	both(t, func(t *testing.T, rdb *redis.Client) {
		ctx := context.Background()
		s := store(t, rdb)
		untouched, changed, gone, alike := number(t, "+12025550140"), number(t, "+12025550141"), number(t, "+12025550142"), number(t, "+12025550143")
		for _, n := range []routing.PublicNumber{untouched, changed, gone, alike} {
			put(t, s, legacy(n))
		}
		time.Sleep(time.Millisecond)
		since, err := s.Now(ctx)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
		others := legacy(changed)
		others.CustomerAssignment = "others"
		put(t, s, others)
		if _, err := s.Delete(ctx, "", gone, Any); err != nil {
			t.Fatal(err)
		}
		same := legacy(alike)
		same.CustomerAssignment = "ours"
		put(t, s, same)

		file := rows(t, "n.csv", "public_number,routing_authority,customer_assignment\n+12025550140,legacy,ours\n+12025550141,legacy,ours\n+12025550142,legacy,ours\n+12025550143,legacy,ours\n+12025550144,legacy,ours\n")
		o := ImportOptions{Operation: "op", Since: since}
		for _, again := range []bool{false, true} {
			sum, err := s.Import(ctx, file, o)
			if err != nil || sum.Created != 1 || sum.Updated != 1 || sum.Unchanged != 1 || len(sum.Refused) != 2 {
				t.Fatalf("again %v: %+v %v", again, sum, err)
			}
			var one, two *ConflictError
			if !errors.As(sum.Refused[0].Err, &one) || !errors.As(sum.Refused[1].Err, &two) || sum.Refused[0].Line != 3 || sum.Refused[1].Line != 4 ||
				one.Gone || !two.Gone || !strings.Contains(one.Error(), "somebody else changed the record") || !strings.Contains(two.Error(), "somebody else deleted the record") {
				t.Fatalf("again %v: %v", again, sum.Refused)
			}
		}
		// Without the memory of answers it is the records that tell.
		o.Operation = "op of the same import"
		sum, err := s.Import(ctx, file, o)
		if err != nil || sum.Unchanged != 3 || len(sum.Refused) != 2 {
			t.Fatalf("%+v %v", sum, err)
		}
		if got, _, _ := s.Get(ctx, changed); got.CustomerAssignment != "others" {
			t.Fatalf("%+v", got)
		}
		if _, ok, _ := s.Get(ctx, gone); ok {
			t.Fatal("a deletion was undone")
		}
		// Nobody wrote them since this moment.
		if o.Since, err = s.Now(ctx); err != nil {
			t.Fatal(err)
		}
		o.Operation = "another import"
		if sum, err := s.Import(ctx, file, o); err != nil || sum.Updated != 1 || sum.Created != 1 || sum.Unchanged != 3 {
			t.Fatalf("%+v %v", sum, err)
		}
	})
}

// Rows are kept packed; what comes out is what went in.
func TestPackedFieldsComeBack(t *testing.T) {
	var set []string
	for i := range vocabulary {
		set = append(set, vocabulary[i].name, strings.Repeat("é", i*i)) // up to 512 bytes, and none
	}
	for _, some := range [][]string{set, set[:2], set[2:4], nil} {
		if got := pack(some).set(); !slices.Equal(got, some) {
			t.Errorf("%q came back as %q", some, got)
		}
	}
}

// What was written at that very instant, and not after it, is overwritten.
func TestImportOverwritesWhatIsNotLater(t *testing.T) {
	both(t, func(t *testing.T, rdb *redis.Client) {
		s := store(t, rdb)
		at := put(t, s, legacy(number(t, "+12025550143"))).Revision
		file := rows(t, "n.csv", "public_number,routing_authority,customer_assignment\n+12025550143,legacy,ours\n")
		if sum, err := s.Import(context.Background(), file, ImportOptions{Since: at - 1}); err != nil || len(sum.Refused) != 1 {
			t.Errorf("an instant before: %+v %v", sum, err)
		}
		if sum, err := s.Import(context.Background(), file, ImportOptions{Since: at}); err != nil || sum.Updated != 1 {
			t.Errorf("at that instant: %+v %v", sum, err)
		}
	})
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
