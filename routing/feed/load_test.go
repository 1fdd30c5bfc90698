package feed

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/speakops/sipedge/routing"
)

// hash is a record as Redis sends it: with RESP3 a map, with RESP2 an array.
func hash(kind byte, pairs ...string) string {
	count := len(pairs)
	if kind == '%' {
		count /= 2
	}
	b := fmt.Appendf(nil, "%c%d\r\n", kind, count)
	for _, s := range pairs {
		b = fmt.Appendf(b, "$%d\r\n%s\r\n", len(s), s)
	}
	return string(b)
}

// A record whose like is known reads as it would the long way, and one about
// which anything is strange is not taken for known.
func TestRecordsThatAreAlikeAreReadAlike(t *testing.T) {
	t.Parallel()
	like := []string{"routing_authority", "legacy", "porting_state", "draft", "lrn", "+12025550000", "shelf", "7"}
	record := func(first ...string) []string { return append(slices.Clone(first), like...) }
	for _, kind := range []byte("*%") {
		l, learnt := new(newLikes()), record("public_number", "+12025550143", "revision", "5", "customer_assignment", "acme")
		if _, ok := l.entry(nth(143), &resp{left: hash(kind, learnt...)}); ok {
			t.Fatal("known before any was learnt")
		}
		fields, ok := fieldsOf(hash(kind, learnt...))
		if !ok || len(fields) != 7 {
			t.Fatalf("%q %v", fields, ok)
		}
		r, err := readRecord(nth(143), fields)
		if err != nil {
			t.Fatal(err)
		}
		l.learn(r.entry())

		next := record("public_number", "+12025550144", "customer_assignment", "other", "revision", "6")
		got, ok := l.entry(nth(144), &resp{left: hash(kind, next...)})
		want := routing.Entry{PublicNumber: nth(144), Revision: 6, Shared: r.entry().Shared, Customer: "other"}
		if !ok || got != want {
			t.Errorf("%c: %+v %v, want %+v", kind, got, ok, want)
		}
		if e, ok := l.entry(nth(144), &resp{left: hash(kind, record("public_number", "+12025550144", "revision", "7")...)}); !ok || e.Customer != "" {
			t.Errorf("without a customer: %+v %v", e, ok)
		}
		for what, reply := range map[string]string{
			"the number of another key": hash(kind, record("public_number", "+12025550145", "revision", "6")...),
			"no number":                 hash(kind, record("revision", "6")...),
			"no revision":               hash(kind, record("public_number", "+12025550144")...),
			"a revision that is none":   hash(kind, record("public_number", "+12025550144", "revision", "-6")...),
			"a customer with a bell":    hash(kind, record("public_number", "+12025550144", "revision", "6", "customer_assignment", "a\x07")...),
			"other words":               hash(kind, append(record("public_number", "+12025550144", "revision", "6"), "legacy_route", "x")...),
			"a tombstone":               hash(kind, "public_number", "+12025550144", "revision", "6", "tombstone", "1"),
			"a reply cut short":         hash(kind, next...)[:80],
			"nothing":                   hash(kind),
			"an error":                  "-WRONGTYPE Operation against a key\r\n",
			"an odd array":              "*1\r\n$1\r\na\r\n",
			"a length below zero":       "*2\r\n$-1\r\n$-1\r\n",
			"no reply":                  "",
		} {
			if e, ok := l.entry(nth(144), &resp{left: reply}); ok {
				t.Errorf("%c: %s was taken: %+v", kind, what, e)
			}
		}
	}
}

// What is remembered has a bound, in records and in bytes of each.
func TestLikesAreBounded(t *testing.T) {
	t.Parallel()
	l := new(newLikes())
	learn := func(word string) {
		_, _ = l.entry(nth(1), &resp{left: hash('*', "public_number", "+12025550001", "revision", "1", "shelf", word)})
		l.learn(routing.Entry{PublicNumber: nth(1), Revision: 1, Shared: routing.Share(legacy(nth(1)))})
	}
	for i := range maxLikes + 10 {
		learn(fmt.Sprint(i))
	}
	if len(l.shared) != 10 {
		t.Errorf("%d remembered", len(l.shared))
	}
	learn(strings.Repeat("x", maxSaid))
	if len(l.shared) != 10 {
		t.Error("a record of any size is remembered")
	}
}

// Whatever the protocol, a load ends with what the store holds: records of many
// kinds, deletions, and keys that are no records.
func TestLoadTakesEveryKindOfRecord(t *testing.T) {
	t.Parallel()
	srv := startServer(t)
	for _, protocol := range []int{2, 3} {
		ctx := context.Background()
		rdb := redis.NewClient(&redis.Options{Addr: srv.addr, Protocol: protocol})
		defer rdb.Close()
		if err := rdb.FlushAll(ctx).Err(); err != nil {
			t.Fatal(err)
		}
		s := store(t, rdb)
		want := make(map[routing.PublicNumber]routing.Number)
		for i := range 3000 {
			n := legacy(nth(i))
			n.LRN = fmt.Sprintf("+1202555%04d", i%7)
			n.CustomerAssignment = routing.CustomerID(fmt.Sprint("customer-", i%50))
			if i%3 == 0 {
				n.RoutingAuthority, n.PortingState = routing.SpeakOps, routing.Settled
			}
			n.Revision = put(t, s, n).Revision
			want[n.PublicNumber] = n
		}
		if _, err := s.Delete(ctx, "", nth(5), Any); err != nil {
			t.Fatal(err)
		}
		if err := rdb.Set(ctx, s.keys.record(nth(9000)), "text", 0).Err(); err != nil {
			t.Fatal(err)
		}
		if err := rdb.HSet(ctx, s.keys.record(nth(9001)), "public_number", "+12025559001", "revision", "x").Err(); err != nil {
			t.Fatal(err)
		}
		if err := rdb.HSet(ctx, s.keys.record(nth(9002)), "public_number", "+12025559002", "shelf", strings.Repeat("x", wireBuffer)).Err(); err != nil {
			t.Fatal(err)
		}
		delete(want, nth(5))
		f, table := following(t, rdb, Options{})
		loaded(t, f)
		got := make(map[routing.PublicNumber]routing.Number)
		for n := range table.Range {
			got[n.PublicNumber] = n
		}
		if !maps.Equal(got, want) {
			t.Errorf("RESP%d: %d numbers, want %d, or not the same", protocol, len(got), len(want))
		}
		if st := f.Stats(); st.WrongType == 0 || st.Garbage < 2 || table.Revision(nth(5)) == 0 {
			t.Errorf("RESP%d: %+v, revision of the deleted one %d", protocol, st, table.Revision(nth(5)))
		}
		eventually(t, "digests to agree", func() bool { return f.Stats().Compared >= Partitions })
		if st := f.Stats(); st.Repairs != 0 {
			t.Errorf("RESP%d: %+v", protocol, st)
		}
	}
}
