package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/speakops/sipedge/routing"
	"github.com/speakops/sipedge/routing/feed"
)

// shelf is a store in an embedded Redis, and a table that was filled once.
func shelf(t *testing.T) (*routing.Table, *feed.Store, *miniredis.Miniredis) {
	t.Helper()
	m := miniredis.RunT(t)
	rdb := redis.NewClient(&redis.Options{Addr: m.Addr(), MaxRetries: -1, DialerRetries: 1, ReadTimeout: time.Second})
	t.Cleanup(func() { rdb.Close() })
	store, err := feed.NewStore(rdb, "test", feed.StoreOptions{OverrideLead: 3 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	table := new(routing.Table)
	for i := range 250 {
		n := routing.Number{PublicNumber: routing.PublicNumber(12025550000 + i), RoutingAuthority: routing.Legacy, Revision: 1}
		if i%50 == 0 {
			n.CustomerAssignment = "cust-1"
		}
		table.Put(n)
	}
	return table, store, m
}

func desk(t *testing.T, table NumberTable, store NumberStore) *Server {
	t.Helper()
	s, err := newServer(Options{Tokens: tokens}, Parts{Health: &house{}, Resources: []Resource{NumbersIn(table, store)}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestNumbersAreListedPageByPage(t *testing.T) {
	table, _, _ := shelf(t)
	s := desk(t, table, nil)
	var all []NumberRecord
	for next, first := "", true; first || next != ""; first = false {
		w := s.ask(ask{path: "/v1/numbers?limit=100&after=" + strings.Replace(next, "+", "%2B", 1), token: vToken})
		var page NumberPage
		if err := json.Unmarshal(w.Body.Bytes(), &page); err != nil || w.Code != 200 || len(page.Numbers) > 100 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		all, next = append(all, page.Numbers...), page.Next
	}
	if len(all) != 250 {
		t.Errorf("%d numbers", len(all))
	}
	for i, r := range all {
		if r.PublicNumber != fmt.Sprintf("+%d", 12025550000+i) {
			t.Fatalf("number %d is %s", i, r.PublicNumber)
		}
	}
	for query, want := range map[string]int{
		"customer_assignment=cust-1": 5, "prefix=%2B120255500": 100, "routing_authority=speakops": 0, "override=true": 0, "porting_state=armed": 0, "limit=7": 7,
	} {
		w := s.ask(ask{path: "/v1/numbers?" + query, token: vToken})
		if n := strings.Count(w.Body.String(), `"public_number"`); w.Code != 200 || n != want {
			t.Errorf("%s: %d, %d numbers, want %d", query, w.Code, n, want)
		}
	}
	for _, query := range []string{"limit=0", "limit=1001", "after=x", "routing_authority=both", "limit=ten"} {
		if w := s.ask(ask{path: "/v1/numbers?" + query, token: vToken}); w.Code != 422 {
			t.Errorf("%s: %d", query, w.Code)
		} else {
			because(t, w)
		}
	}
}

func TestNumbersAreWrittenOverWhatWasRead(t *testing.T) {
	table, store, m := shelf(t)
	s := desk(t, table, store)
	revision := ""
	step := func(name string, a ask, code int, word, says string) {
		t.Helper()
		a.token, a.path = oToken, "/v1/numbers/+12025550143"
		w := s.ask(a)
		if w.Code != code || because(t, w) != word || !strings.Contains(w.Body.String(), says) {
			t.Errorf("%s: %d %s, want %d %s %s", name, w.Code, w.Body, code, word, says)
		}
		var o NumberOutcome
		if json.Unmarshal(w.Body.Bytes(), &o) == nil && o.Revision != 0 {
			revision = fmt.Sprint(o.Revision)
		}
	}
	set := func(body string, header ...string) ask {
		a := ask{method: "PATCH", body: `{"fields":{` + body + `}}`, header: http.Header{}}
		for i := 0; i < len(header); i += 2 {
			a.header.Set(header[i], header[i+1])
		}
		return a
	}
	step("only this edge's table knows it", ask{}, 200, "", `"revision":1`)
	step("no authority", set(`"lrn":"+12025550199"`), 422, "invalid", "routing_authority")
	step("nothing to match", set(`"routing_authority":"legacy"`, "If-Match", "*"), 412, "conflict", "")
	step("a dry run", ask{method: "PATCH", body: `{"dry_run":true,"fields":{"routing_authority":"legacy"}}`}, 200, "", `"outcome":"created","dry_run":true`)
	if len(m.Keys()) != 0 {
		t.Errorf("a dry run has written %v", m.Keys())
	}
	step("a new one", set(`"routing_authority":"legacy"`, "If-None-Match", "*"), 200, "", `"outcome":"created"`)
	old := revision
	step("it is there now", set(`"routing_authority":"legacy"`, "If-None-Match", "*"), 412, "conflict", "read it again")
	step("more fields", set(`"customer_assignment":"cust-9"`, "If-Match", `"`+old+`"`), 200, "", `"outcome":"updated"`)
	step("someone was faster", set(`"customer_assignment":"cust-8"`, "If-Match", old), 412, "conflict", "read it again")
	step("the same again", set(`"customer_assignment":"cust-9"`), 200, "", `"outcome":"unchanged"`)
	step("an authority", set(`"routing_authority":"speakops"`), 422, "authority_not_editable", "cutoverctl flip")
	step("no such field", set(`"lnr":"1"`), 422, "invalid", "lnr")
	step("no such state", set(`"porting_state":"gone"`), 422, "invalid", "body.fields.porting_state")
	step("a state out of order", set(`"porting_state":"ported"`), 422, "invalid", "porting_state cannot go")
	step("no revision by field", set(`"revision":"7"`), 422, "invalid", "If-Match")
	step("a bad revision", set(`"lrn":""`, "If-Match", "x"), 422, "invalid", "no revision")
	until := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	step("an override of someone else", set(`"override":"block","override_reason":"fraud","override_until":"`+until+`","override_author":"bo"`), 422, "invalid", "leave it out")
	step("an override", set(`"override":"block","override_reason":"fraud","override_until":"`+until+`"`), 200, "", `"outcome":"updated"`)
	if w := s.ask(ask{path: "/v1/numbers/+12025550143?from=store", token: vToken}); !strings.Contains(w.Body.String(), `"override_author":"ops-anna"`) {
		t.Errorf("%s", w.Body)
	}
	step("not that one", ask{method: "DELETE", header: http.Header{"If-Match": {old}}}, 412, "conflict", "")
	step("it goes", ask{method: "DELETE"}, 200, "", `"outcome":"deleted"`)
	step("it is gone", ask{method: "DELETE"}, 200, "", `"outcome":"absent"`)
	m.SetError("LOADING Redis is loading the dataset in memory")
	step("the store is away", set(`"routing_authority":"legacy"`), 503, "store_away", "try again")
	m.SetError("")
}

func TestAnEdgeThatMayNotWriteSaysSo(t *testing.T) {
	table, _, _ := shelf(t)
	s := desk(t, table, nil)
	for _, a := range []ask{
		{method: "PATCH", path: "/v1/numbers/+12025550143", body: `{"fields":{"lrn":""}}`}, {method: "DELETE", path: "/v1/numbers/+12025550143"},
		{path: "/v1/numbers/+12025550143?from=store"},
	} {
		a.token = oToken
		if w := s.ask(a); w.Code != 403 || because(t, w) != "not_a_writer" || !strings.Contains(w.Body.String(), "redis.writer") {
			t.Errorf("%s: %d %s", a.method, w.Code, w.Body)
		}
	}
	for path, code := range map[string]int{"+12025559999": 404, "12025550143": 422, "%2B1202555014x": 422, "+1": 422, "%00": 422, "+12025550143": 200} {
		if w := s.ask(ask{path: "/v1/numbers/" + path, token: vToken}); w.Code != code {
			t.Errorf("%s: %d", path, w.Code)
		} else {
			because(t, w)
		}
	}
}

// Whatever bytes come as a request, the answer is one of ours.
func FuzzRequest(f *testing.F) {
	f.Add("GET", "/v1/numbers/+12025550143", "", "")
	f.Add("PATCH", "/v1/numbers/+12025550143", `{"fields":{"lrn":"x"}}`, "k")
	f.Add("POST", "/v1/explain", `{"calls":[{"number":"x"}]}`, "")
	f.Add("PUT", "/v1/log-level", `{"level":"\ud800"}`, "")
	f.Add("GET", "/v1/explain?at=0&number=%", "", "")
	table := new(routing.Table)
	h := &house{bus: NewBus()}
	p := parts(h)
	p.Resources = append(p.Resources, NumbersIn(table, nil), ExplainBy(h))
	p.Routes = nil
	s, err := newServer(Options{Tokens: tokens, Rate: 1e9, Burst: 1e9}, p)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, method, path, body, key string) {
		r, err := http.NewRequest(method, path, strings.NewReader(body))
		if err != nil || strings.HasPrefix(r.URL.Path, "/v1/events") {
			return
		}
		r.RemoteAddr = "127.0.0.1:1"
		r.Header.Set("Authorization", "Bearer "+aToken)
		r.Header["Idempotency-Key"] = []string{key}
		w := s.recorded(r)
		if because(t, w); w.Code >= 500 && w.Code != 503 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		if w.Code >= 300 && w.Code < 400 {
			t.Errorf("%d: nothing here redirects", w.Code)
		}
	})
}

// lossy is an edge whose store has lost some records, and a writer that takes them.
type lossy struct {
	lost []feed.Lost
	took []feed.Lost
	err  error
}

func (l *lossy) LostRecords(limit int) []feed.Lost { return l.lost[:min(limit, len(l.lost))] }
func (l *lossy) Stats() feed.Stats                 { return feed.Stats{Lost: len(l.lost)} }
func (l *lossy) ReapplyAll(_ context.Context, all []feed.Lost) (map[feed.Outcome]int, error) {
	l.took = append(l.took, all...)
	l.lost = l.lost[len(all):]
	return map[feed.Outcome]int{feed.Created: len(all)}, l.err
}

func TestLostNumbers(t *testing.T) {
	l := &lossy{}
	for i := range reapplyAtOnce + 3 {
		l.lost = append(l.lost, feed.Lost{Number: routing.Number{PublicNumber: routing.PublicNumber(12025559999 - i), RoutingAuthority: routing.Legacy, Revision: 7}, Deleted: i == 1})
	}
	open := func(writer Reapplier) *Server {
		s, err := newServer(Options{Tokens: tokens}, Parts{Health: &house{}, Resources: []Resource{LostIn(l, writer)}})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := open(l)
	var page LostPage
	w := s.ask(ask{path: "/v1/lost-numbers?limit=2", token: vToken})
	if err := json.Unmarshal(w.Body.Bytes(), &page); err != nil || page.Count != reapplyAtOnce+3 || len(page.Numbers) != 2 ||
		page.Numbers[0].PublicNumber != "+12025559998" || !page.Numbers[0].Deleted || page.Numbers[1].Deleted || page.Numbers[1].Revision != 7 {
		t.Fatalf("%v %s", err, w.Body)
	}
	if w := s.ask(ask{method: "POST", path: "/v1/lost-numbers/reapply", token: vToken}); w.Code != 403 || len(l.took) != 0 {
		t.Errorf("a viewer: %d %s", w.Code, w.Body)
	}
	if w := open(nil).ask(ask{method: "POST", path: "/v1/lost-numbers/reapply", token: oToken}); w.Code != 403 || !strings.Contains(w.Body.String(), "redis.writer") {
		t.Errorf("without a writer: %d %s", w.Code, w.Body)
	}
	for i, want := range []Reapplied{{Created: reapplyAtOnce, More: true}, {Created: 3}, {}} {
		var got Reapplied
		w := s.ask(ask{method: "POST", path: "/v1/lost-numbers/reapply", token: oToken})
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || got != want {
			t.Errorf("%d: %v %d %s", i, err, w.Code, w.Body)
		}
	}
	l.lost, l.err = l.took, &feed.AwayError{Address: "127.0.0.1:1", Err: errors.New("gone")}
	if w := s.ask(ask{method: "POST", path: "/v1/lost-numbers/reapply", token: oToken}); w.Code != 503 {
		t.Errorf("a store that is away: %d %s", w.Code, w.Body)
	}
}
