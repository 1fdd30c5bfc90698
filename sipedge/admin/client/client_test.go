package client

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/speakops/sipedge/sipedge/admin"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type house struct{}

func (house) Health() admin.Report { return admin.Report{} }

func open(t *testing.T, url string, o Options) *Client {
	t.Helper()
	o.Edge = url
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestWhereAnEdgeIs(t *testing.T) {
	for edge, want := range map[string]string{
		"127.0.0.1:8080": "http://127.0.0.1:8080", "localhost:1": "http://localhost:1", "[::1]:1": "http://[::1]:1",
		"edge.example.com:8080": "https://edge.example.com:8080", "https://e/": "https://e", "http://10.0.0.1:8080": "http://10.0.0.1:8080",
		"edge": "", "ftp://e:1": "", "https://e/v1": "", "https://u:p@e": "", "https://e?x": "", "": "", "https://": "",
	} {
		c, err := New(Options{Edge: edge})
		if (err == nil) != (want != "") || err == nil && c.Edge() != want {
			t.Errorf("%q: %v", edge, err)
		}
	}
	if _, err := New(Options{Edge: "http://10.0.0.1:1", Token: "x"}); err == nil {
		t.Error("a token may travel in the clear")
	}
}

// A change whose answer is lost on the way is asked for again under its key.
func TestALostAnswerIsAskedForAgain(t *testing.T) {
	var keys []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		keys = append(keys, r.Header.Get("Idempotency-Key"))
		if len(keys) == 1 {
			c, _, _ := w.(http.Hijacker).Hijack()
			c.Close()
			return
		}
		_ = json.NewEncoder(w).Encode(admin.LogLevel{Level: "debug"})
	}))
	defer s.Close()
	l, err := open(t, s.URL, Options{}).SetLogLevel(t.Context(), "debug")
	if err != nil || l.Level != "debug" || len(keys) != 2 || keys[0] != keys[1] || keys[0] == "" {
		t.Errorf("%v %v, asked with %q", l, err, keys)
	}
}

func TestWhatIsNoEdge(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{
		"a page":     func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) },
		"a proxy":    func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "bad gateway", 502) },
		"a redirect": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "http://192.0.2.1/", 302) },
		"slow":       func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
	} {
		s := httptest.NewServer(h)
		_, err := open(t, s.URL, Options{Within: 200 * time.Millisecond}).Status(t.Context())
		var away *Unreachable
		if !errors.As(err, &away) {
			t.Errorf("%s: %v", name, err)
		}
		s.Close()
	}
}

// Events go on behind the last one that was heard, over a broken connection and
// another edge process behind the same address.
func TestEventsGoOn(t *testing.T) {
	bus := admin.NewBus()
	s, err := admin.Open(t.Context(), admin.Options{Address: "127.0.0.1:0"}, admin.Parts{Health: house{}, Resources: []admin.Resource{admin.EventsOf(bus)}})
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewServer(s)
	defer front.Close()
	defer s.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	enough := errors.New("enough")
	var heard atomic.Int32
	done := make(chan error, 1)
	c := open(t, front.URL, Options{})
	go func() {
		done <- c.Events(ctx, []string{"call."}, "0", func(e admin.Event) error {
			var n int32
			if err := json.Unmarshal(e.Data, &n); err != nil || n != heard.Add(1) {
				t.Errorf("event %d is %s", heard.Load(), e.Data)
			}
			if n == 3 {
				return enough
			}
			return nil
		})
	}()
	bus.Publish("call.ended", 1)
	bus.Publish("gateway.down", "not asked for")
	for heard.Load() < 1 && ctx.Err() == nil {
		time.Sleep(time.Millisecond)
	}
	front.CloseClientConnections()
	bus.Publish("call.ended", 2)
	bus.Publish("call.ended", 3)
	if err := <-done; err != enough {
		t.Error(err)
	}
	none := open(t, front.URL, Options{})
	var p *admin.Problem
	if err := none.Events(ctx, nil, "nonsense", nil); !errors.As(err, &p) || p.Status != 422 {
		t.Errorf("a bad id: %v", err)
	}
}
