package admin

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// house is every part at once.
type house struct {
	report   Report
	reload   func(context.Context) error
	reloaded int
	panicked int
	counted  atomic.Int32
	gate     chan struct{}
	level    slog.LevelVar
	bus      *Bus
	asked    []Question
}

func (h *house) Health() Report { return h.report }

func (h *house) Status() Status {
	at := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	return Status{
		Edge: "edge-1", Version: "1.2.3", Started: at, LoadedAt: &at,
		Listeners: []Listener{{Name: "outside-udp", Transport: "udp", Address: "0.0.0.0:5060", Advertise: "203.0.113.10:5060"}},
		InFlight:  3, Held: 1, Dialogs: 200, Numbers: 1000, TableAge: 0.5, ClockError: 0.001,
	}
}

func (h *house) Gateways() []Gateway {
	at := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	return []Gateway{
		{Gateway: "lg1", Route: "legacy-main", URI: "sip:198.51.100.20:5060", State: "dark", Because: "probe", Detail: "3 of 3 unanswered", Since: &at, Priority: 1, Weight: 50},
		{Gateway: "so1", Route: "speakops-main", URI: "sip:so.example", Addresses: []string{"10.20.0.5:5060"}, State: "up", Priority: 1},
	}
}

func (h *house) Trunks() []Trunk { return nil }

func (h *house) Reload(ctx context.Context) error {
	h.reloaded++
	if h.reload != nil {
		return h.reload(ctx)
	}
	return nil
}

func parts(h *house) Parts {
	return Parts{
		Health: h, Panicked: func(string) { h.panicked++ },
		Resources: []Resource{StatusOf(h), GatewaysOf(h), TrunksOf(h), LevelOf(&h.level), ReloadBy(h), EventsOf(h.bus), BuildInfo()},
		Routes: append(Profiles(),
			Route{Method: "GET", Path: "/metrics", Role: Viewer, Handle: func(w http.ResponseWriter, _ *http.Request) error {
				_, err := io.WriteString(w, "sipedge_ready 1\n")
				return err
			}},
			Route{Method: "GET", Path: "/panic", Role: Viewer, Handle: func(http.ResponseWriter, *http.Request) error { panic("oh") }},
			Route{Method: "GET", Path: "/panic-late", Role: Viewer, Handle: func(w http.ResponseWriter, _ *http.Request) error {
				io.WriteString(w, "half")
				panic("oh")
			}},
			Route{Method: "GET", Path: "/broken", Role: Viewer, Handle: func(http.ResponseWriter, *http.Request) error { return errors.New("no luck") }},
			Route{Method: "POST", Path: "/approve", Role: Approver, Handle: func(w http.ResponseWriter, r *http.Request) error {
				return WriteJSON(w, 200, Actor(r.Context()))
			}},
			Route{Method: "POST", Path: "/count", Handle: h.count},
			Route{Method: "DELETE", Path: "/careless", Role: Anyone, Handle: func(w http.ResponseWriter, r *http.Request) error { return nil }},
		),
	}
}

// count is a change whose every carrying out is seen.
func (h *house) count(w http.ResponseWriter, r *http.Request) error {
	n := int(h.counted.Add(1))
	body, _ := io.ReadAll(r.Body)
	switch string(body) {
	case "away":
		return NewProblem(503, "store_away", "it does not answer; ask again")
	case "refused":
		return NewProblem(409, "conflict", "someone else was faster; read it again")
	case "panic":
		panic("oh")
	case "slow":
		<-h.gate
	}
	return WriteJSON(w, 201, map[string]any{"n": n, "operation": OperationOf(r.Context())})
}

const (
	vToken = "sipedge_viewer_token_of_the_tests_1"
	oToken = "sipedge_operator_token_of_the_test1"
	aToken = "sipedge_approver_token_of_the_test1"
)

var tokens = []Token{
	{"viv", Viewer, Hash(vToken)},
	{"ops-anna", Operator, Hash(oToken)},
	{"ops-bo", Approver, strings.TrimPrefix(Hash(aToken), "sha256:")},
}

func openServer(t *testing.T, h *house, tokens []Token) *Server {
	t.Helper()
	s, err := Open(context.Background(), Options{Address: "127.0.0.1:0", Tokens: tokens}, parts(h))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

type ask struct {
	method, path, token, body string
	remote, host              string
	header                    http.Header
}

func (s *Server) ask(a ask) *httptest.ResponseRecorder {
	if a.method == "" {
		a.method = "GET"
	}
	r := httptest.NewRequest(a.method, a.path, strings.NewReader(a.body))
	r.RemoteAddr, r.Host = "127.0.0.1:40000", "localhost:8080"
	if a.remote != "" {
		r.RemoteAddr = a.remote
	}
	if a.host != "" {
		r.Host = a.host
	}
	for k, v := range a.header {
		r.Header[k] = v
	}
	if a.token != "" {
		r.Header.Set("Authorization", "Bearer "+a.token)
	}
	return s.recorded(r)
}

func (s *Server) recorded(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

// because is the word of an error answer, which must be a whole Problem.
func because(t *testing.T, w *httptest.ResponseRecorder) string {
	t.Helper()
	if w.Code < 400 {
		return ""
	}
	var p Problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || p.Because == "" || p.Detail == "" || p.Title == "" || p.Status != w.Code || p.Type != problemType+p.Because {
		t.Errorf("%d %s is no whole problem", w.Code, w.Body)
	}
	if ct := w.Header().Get("Content-Type"); ct != "application/problem+json" {
		t.Errorf("a problem of type %q", ct)
	}
	return p.Because
}

func TestWhoMayWhat(t *testing.T) {
	far := "192.0.2.7:1234"
	cases := []struct {
		name   string
		tokens []Token
		ask    ask
		code   int
		word   string
	}{
		{"health is for anyone", tokens, ask{path: "/healthz", remote: far}, 200, ""},
		{"and readiness", tokens, ask{path: "/readyz", remote: far}, 200, ""},
		{"status needs a token", tokens, ask{path: "/v1/status"}, 401, "no_token"},
		{"metrics too", tokens, ask{path: "/metrics"}, 401, "no_token"},
		{"a wrong one is none", tokens, ask{path: "/v1/status", token: "guess"}, 401, "wrong_token"},
		{"a right one of another case is none", tokens, ask{path: "/v1/status", token: strings.ToUpper(vToken)}, 401, "wrong_token"},
		{"nor is the hash of a right one", tokens, ask{path: "/v1/status", token: Hash(vToken)}, 401, "wrong_token"},
		{"another scheme is none", tokens, ask{path: "/v1/status", header: http.Header{"Authorization": {"Basic v-token"}}}, 401, "no_token"},
		{"a viewer looks from anywhere", tokens, ask{path: "/v1/status", token: vToken, remote: far, host: "edge.example.com"}, 200, ""},
		{"HEAD is looking", tokens, ask{method: "HEAD", path: "/v1/status", token: vToken}, 200, ""},
		{"a viewer changes nothing", tokens, ask{method: "POST", path: "/v1/reload", token: vToken}, 403, "wrong_role"},
		{"an operator does", tokens, ask{method: "POST", path: "/v1/reload", token: oToken}, 200, ""},
		{"an operator does not approve", tokens, ask{method: "POST", path: "/approve", token: oToken}, 403, "wrong_role"},
		{"an approver does", tokens, ask{method: "POST", path: "/approve", token: aToken}, 200, ""},
		{"and operates", tokens, ask{method: "POST", path: "/v1/reload", token: aToken}, 200, ""},
		{"a change is never for anyone", tokens, ask{method: "DELETE", path: "/careless"}, 401, "no_token"},

		{"no tokens: this machine looks", nil, ask{path: "/v1/status"}, 200, ""},
		{"also over IPv6", nil, ask{path: "/v1/status", remote: "[::1]:4", host: "[::1]:8080"}, 200, ""},
		{"also mapped", nil, ask{path: "/v1/status", remote: "[::ffff:127.0.0.1]:4", host: "127.0.0.1"}, 200, ""},
		{"nobody else", nil, ask{path: "/v1/status", remote: far}, 403, "no_tokens_configured"},
		{"no page in a browser", nil, ask{path: "/v1/status", host: "evil.example:8080"}, 403, "no_tokens_configured"},
		{"no proxy", nil, ask{path: "/v1/status", header: http.Header{"X-Forwarded-For": {"192.0.2.7"}}}, 403, "no_tokens_configured"},
		{"and nobody changes", nil, ask{method: "POST", path: "/v1/reload"}, 403, "no_tokens_configured"},
		{"whatever they send", nil, ask{method: "PUT", path: "/v1/log-level", token: "x", body: `{"level":"debug"}`}, 403, "no_tokens_configured"},

		{"unknown path", tokens, ask{path: "/v1/nothing"}, 404, "no_such_path"},
		{"no tricks with paths", tokens, ask{path: "/healthz/../v1/status"}, 404, "no_such_path"},
		{"nor with slashes", tokens, ask{path: "//healthz"}, 404, "no_such_path"},
		{"nor at the end", tokens, ask{path: "/healthz/"}, 404, "no_such_path"},
		{"nor with CONNECT", tokens, ask{method: "CONNECT", path: "/v1/status", token: aToken}, 405, "wrong_method"},
		{"a question nobody knows", tokens, ask{path: "/v1/status?verbose=1", token: vToken}, 422, "invalid"},
		{"the document is for viewers", tokens, ask{path: "/openapi.yaml"}, 401, "no_token"},
		{"and they get it", tokens, ask{path: "/openapi.yaml", token: vToken}, 200, ""},
		{"no profile for a viewer", tokens, ask{path: "/debug/pprof/heap", token: vToken}, 403, "wrong_role"},
		{"an operator profiles", tokens, ask{path: "/debug/pprof/heap", token: oToken}, 200, ""},
		{"and sees the list", tokens, ask{path: "/debug/pprof/", token: oToken}, 200, ""},
		{"and the build", tokens, ask{path: "/v1/build", token: oToken}, 200, ""},
		{"no build for a viewer", tokens, ask{path: "/v1/build", token: vToken}, 403, "wrong_role"},
		{"wrong method", tokens, ask{method: "DELETE", path: "/v1/log-level", token: aToken}, 405, "wrong_method"},
		{"a GET does not reload", tokens, ask{path: "/v1/reload", token: aToken}, 405, "wrong_method"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			h := &house{}
			s := openServer(t, h, c.tokens)
			w := s.ask(c.ask)
			if w.Code != c.code || because(t, w) != c.word {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			if w.Code >= 400 && h.reloaded > 0 {
				t.Error("refused, and yet reloaded")
			}
			if w.Code == 401 && w.Header().Get("WWW-Authenticate") == "" {
				t.Error("401 without WWW-Authenticate")
			}
			if w.Code == 405 && w.Header().Get("Allow") == "" {
				t.Error("405 without Allow")
			}
			if w.Header().Get("Cache-Control") != "no-store" {
				t.Error("the answer may be cached")
			}
		})
	}
}

func TestReadiness(t *testing.T) {
	h := &house{}
	s := openServer(t, h, tokens)
	check := func(token string, code int, want string) {
		t.Helper()
		if w := s.ask(ask{path: "/readyz", token: token}); w.Code != code || strings.TrimSpace(w.Body.String()) != want {
			t.Errorf("%d %s want %s", w.Code, w.Body, want)
		}
	}
	check("", 200, `{"ready":true}`)
	h.report.Degraded = []Reason{{"store_away", "redis 10.0.0.7:6379: i/o timeout"}}
	check(vToken, 200, `{"ready":true,"degraded":[{"because":"store_away","detail":"redis 10.0.0.7:6379: i/o timeout"}]}`)
	check("", 200, `{"ready":true,"degraded":[{"because":"store_away"}]}`)
	h.report.Reasons = []Reason{{Because: "draining"}, {"table_stale", "20 minutes old"}}
	check("", 503, `{"ready":false,"reasons":[{"because":"draining"},{"because":"table_stale"}],"degraded":[{"because":"store_away"}]}`)
	if s.ask(ask{path: "/healthz"}).Code != 200 {
		t.Error("an edge that is not ready is alive all the same")
	}
}

func TestGoldenViews(t *testing.T) {
	s := openServer(t, &house{}, nil)
	for _, path := range []string{"status", "gateways", "trunks", "log-level"} {
		w := s.ask(ask{path: "/v1/" + path})
		file := "testdata/" + path + ".json"
		if *update {
			os.WriteFile(file, w.Body.Bytes(), 0o644)
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if w.Code != 200 || w.Body.String() != string(want) {
			t.Errorf("%s: %d\ngot  %s\nwant %s", path, w.Code, w.Body, want)
		}
	}
}

func TestLogLevel(t *testing.T) {
	h := &house{}
	s := openServer(t, h, tokens)
	for _, c := range []struct {
		body string
		code int
	}{
		{`{"level":"debug"}`, 200}, {`{"level":"loud"}`, 422}, {`{"level":""}`, 422}, {`{}`, 422}, {``, 400}, {`null`, 422}, {`[]`, 422},
		{`{"level":"info","more":1}`, 422}, {`{"level":"info"}{}`, 400}, {`{"level":`, 400}, {`{"level":7}`, 422}, {"\x00\xff", 400}, {`{"level":"` + strings.Repeat("x", maxBody) + `"}`, 413},
	} {
		w := s.ask(ask{method: "PUT", path: "/v1/log-level", token: oToken, body: c.body})
		if because(t, w); w.Code != c.code {
			t.Errorf("%.40s: %d %s", c.body, w.Code, w.Body)
		}
	}
	if h.level.Level() != slog.LevelDebug {
		t.Errorf("the level is %v, want debug", &h.level)
	}
	w := s.ask(ask{method: "PUT", path: "/v1/log-level", token: oToken, body: `{"level":"info"}`, header: http.Header{"Content-Type": {"text/plain"}}})
	if w.Code != 415 {
		t.Errorf("text/plain: %d", w.Code)
	}
}

func TestReload(t *testing.T) {
	h := &house{reload: func(context.Context) error {
		return errors.Join(errors.New("edge.yaml:3: unknown key"), errors.Join(errors.New("edge.yaml:9: no such profile")))
	}}
	s := openServer(t, h, tokens)
	again := ask{method: "POST", path: "/v1/reload", token: oToken}
	w := s.ask(again)
	if w.Code != 422 || because(t, w) != "config_refused" || !strings.Contains(w.Body.String(), `"errors":[{"message":"edge.yaml:3: unknown key"},{"message":"edge.yaml:9: no such profile"}]`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	h.reload = func(context.Context) error {
		if w := s.ask(again); w.Code != 409 || because(t, w) != "reload_in_progress" {
			t.Errorf("a second reload meanwhile: %d %s", w.Code, w.Body)
		}
		return nil
	}
	if w := s.ask(again); w.Code != 200 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if h.reloaded != 2 {
		t.Errorf("reloaded %d times", h.reloaded)
	}
}

func TestHandlersThatBreak(t *testing.T) {
	h := &house{}
	s := openServer(t, h, nil)
	if w := s.ask(ask{path: "/panic"}); w.Code != 500 || because(t, w) != "internal" || h.panicked != 1 {
		t.Errorf("%d %s, counted %d", w.Code, w.Body, h.panicked)
	}
	if w := s.ask(ask{path: "/broken"}); w.Code != 500 || because(t, w) != "internal" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	func() {
		defer func() {
			if recover() != http.ErrAbortHandler {
				t.Error("an answer half written was not cut off")
			}
		}()
		s.ask(ask{path: "/panic-late"})
	}()
}

func TestTokensAreChecked(t *testing.T) {
	for name, bad := range map[string]Token{
		"no hex":    {"x", Viewer, "not hex"},
		"too short": {"x", Viewer, "abcd"},
		"no role":   {"x", 0, Hash("y")},
	} {
		if _, err := Open(context.Background(), Options{Address: "127.0.0.1:0", Tokens: []Token{bad}}, parts(&house{})); err == nil || !strings.Contains(err.Error(), `"x"`) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, r := range []Role{Viewer, Operator, Approver} {
		if got, err := ParseRole(r.String()); err != nil || got != r {
			t.Errorf("%v: %v, %v", r, got, err)
		}
	}
	if _, err := ParseRole("anyone"); err == nil {
		t.Error("anyone is no role of a token")
	}
}

// A refused token is in no log, and a flood of them is one line.
func TestRefusalsAreLoggedOnceWithoutTheToken(t *testing.T) {
	var b bytes.Buffer
	p := parts(&house{})
	p.Log = slog.New(slog.NewTextHandler(&b, nil))
	s, err := Open(context.Background(), Options{Address: "127.0.0.1:0", Tokens: tokens}, p)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for range 50 {
		s.ask(ask{path: "/v1/status", token: "s3cret_s3cret_s3cret_s3cret_s3cret"})
	}
	s.ask(ask{method: "POST", path: "/v1/reload", token: oToken})
	if n := strings.Count(b.String(), "refused"); n < 1 || n > 2 || strings.Contains(b.String(), "s3cret_s3cret_s3cret_s3cret_s3cret") || !strings.Contains(b.String(), "actor=ops-anna") {
		t.Errorf("%d lines:\n%s", n, b.String())
	}
}

func TestServeAndStop(t *testing.T) {
	h := &house{}
	slow := make(chan struct{})
	p := parts(h)
	p.Routes = append(p.Routes, Route{Method: "GET", Path: "/slow", Role: Viewer, Handle: func(w http.ResponseWriter, _ *http.Request) error {
		close(slow)
		time.Sleep(200 * time.Millisecond)
		return WriteJSON(w, 200, "done")
	}})
	s, err := Open(context.Background(), Options{Address: "127.0.0.1:0"}, p)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(context.Background(), Options{Address: s.Addr().String()}, p); err == nil || !strings.Contains(err.Error(), "already in use") {
		t.Errorf("the same address again: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := s.Serve(ctx); err != nil {
			t.Error(err)
		}
	})
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	wg.Go(func() {
		r, err := client.Get(fmt.Sprintf("http://%s/slow", s.Addr()))
		if err != nil {
			t.Error(err)
			return
		}
		body, _ := io.ReadAll(r.Body)
		r.Body.Close()
		if string(body) != "\"done\"\n" {
			t.Errorf("a request in progress got %q", body)
		}
	})
	<-slow
	cancel()
	wg.Wait()
	if _, err := net.Dial("tcp", s.Addr().String()); err == nil {
		t.Error("the address is still open")
	}
}

func TestConnectionsAreCapped(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(context.Background(), Options{Listener: inner, MaxConns: 3}, parts(&house{}))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- s.Serve(ctx) }()
	var open []net.Conn
	defer func() {
		for _, c := range open {
			c.Close()
		}
		cancel()
		<-done
	}()
	for range 5 {
		c, err := net.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, c)
	}
	closed := 0
	for _, c := range open {
		c.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
		var timeout net.Error
		if _, err := c.Read(make([]byte, 1)); !errors.As(err, &timeout) || !timeout.Timeout() {
			closed++
		}
	}
	if closed != 2 {
		t.Errorf("%d of 5 connections were closed, want 2", closed)
	}
}

func TestCapPerHost(t *testing.T) {
	l := newCapped(nil, 10, 2)
	far, near := hostOf(&net.TCPAddr{IP: net.IPv4(192, 0, 2, 7)}), hostOf(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	for i, want := range []bool{true, true, false} {
		if got := l.enter(far); got != want {
			t.Errorf("connection %d of one host: %v", i, got)
		}
	}
	for i := range 8 {
		if !l.enter(near) {
			t.Errorf("connection %d of this machine was refused", i)
		}
	}
	if l.enter(near) {
		t.Error("an eleventh connection was let in")
	}
	l.leave(far)
	l.leave(far)
	if len(l.hosts) != 1 || !l.enter(far) {
		t.Errorf("%v after leaving", l.hosts)
	}
}

func TestTLS(t *testing.T) {
	lender := httptest.NewTLSServer(nil) // lends its certificate
	defer lender.Close()
	s, err := Open(context.Background(), Options{Address: "127.0.0.1:0", TLS: &tls.Config{Certificates: lender.TLS.Certificates}}, parts(&house{}))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- s.Serve(ctx) }()
	client := lender.Client()
	r, err := client.Get("https://" + s.Addr().String() + "/v1/status")
	if err != nil {
		t.Fatal(err)
	}
	r.Body.Close()
	client.CloseIdleConnections()
	cancel()
	if err := <-done; r.StatusCode != 200 || err != nil {
		t.Errorf("%d, %v", r.StatusCode, err)
	}
}

func (h *house) Explain(q Question) (Explanation, error) {
	h.asked = append(h.asked, q)
	if q.Number == "nonsense" {
		return Explanation{}, NewProblem(422, "not_a_number", "write it in E.164")
	}
	return Explanation{PublicNumber: q.Number, Decision: "refuse", Kind: "refuse", Because: "record", Steps: []ExplainStep{}, Turnings: []ExplainTurns{}}, nil
}

func TestExplainAsksWhatWasAsked(t *testing.T) {
	h := &house{}
	s, err := newServer(Options{Tokens: tokens}, Parts{Health: h, Resources: []Resource{ExplainBy(h)}})
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 3, 1, 10, 0, 0, 1, time.UTC)
	q := Question{Number: "+12025550143", At: at, Trunk: "qa", Caller: "+12025550199", Forced: "legacy", PSAP: true}
	for _, query := range []string{q.Query().Encode(), "number=+12025550143&at=2026-03-01T10:00:00.000000001Z&trunk=qa&caller=+12025550199&forced=legacy&psap=true"} {
		if w := s.ask(ask{path: "/v1/explain?" + query, token: vToken}); w.Code != 200 || !h.asked[len(h.asked)-1].At.Equal(at) {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		got := h.asked[len(h.asked)-1]
		if got.At = at; got != q {
			t.Errorf("%s: asked was %+v", query, got)
		}
	}
	w := s.ask(ask{method: "POST", path: "/v1/explain", token: vToken, body: `{"calls":[{"number":"nonsense"},{"number":"+12025550143"}]}`})
	var l ExplanationList
	if err := json.Unmarshal(w.Body.Bytes(), &l); err != nil || len(l.Calls) != 2 || l.Calls[0].Problem == nil || l.Calls[1].Explanation == nil {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	for _, body := range []string{`{"calls":[]}`, `{"calls":[` + strings.Repeat(`{"number":"1"},`, maxQuestions) + `{"number":"1"}]}`, `{"calls":null}`} {
		if w := s.ask(ask{method: "POST", path: "/v1/explain", token: vToken, body: body}); w.Code != 422 {
			t.Errorf("%.30s: %d", body, w.Code)
		}
	}
}
