package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/speakops/sipedge/cmd/sipedge/internal/demo"
	"github.com/speakops/sipedge/sipedge"
)

// site is what an edge needs around it, its folder included.
func site(t *testing.T) demo.Site {
	t.Helper()
	s := demo.Site{ID: "dev", TokenKey: demo.Key(), First: true, DataDir: t.TempDir()}
	var err error
	for _, at := range []*netip.AddrPort{&s.Listen, &s.Admin} {
		if *at, err = demo.FreePort(netip.MustParseAddr("127.0.0.1")); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{demo.LegacyA, demo.LegacyB, demo.SpeakOpsA} {
		g, err := demo.OpenGateway(name, s.Listen.Addr(), demo.MannerOf(demo.Numbers()))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(g.Close)
		s.Gateways = append(s.Gateways, g)
	}
	return s
}

// serving starts an edge and waits until its sockets are open.
func serving(t *testing.T, s demo.Site) (edge *sipedge.Edge, end func()) {
	t.Helper()
	cfg, err := s.Config()
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ready, done := make(chan *sipedge.Edge, 1), make(chan error, 1)
	go func() {
		done <- serve(ctx, cfg, io.Discard, hooks{ready: func(e *sipedge.Edge) { ready <- e }})
	}()
	select {
	case edge = <-ready:
	case err := <-done:
		t.Fatal(err)
	case <-time.After(10 * time.Second):
		t.Fatal("the edge does not open")
	}
	return edge, func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// readyz is the answer once the edge has started to serve.
func readyz(t *testing.T, s demo.Site) (code int, body string) {
	t.Helper()
	for range 200 {
		if code, body = readyzNow(t, s); !strings.Contains(body, `"starting"`) {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	return code, body
}

func readyzNow(t *testing.T, s demo.Site) (int, string) {
	t.Helper()
	answer, err := http.Get("http://" + s.Admin.String() + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var body bytes.Buffer
	_, _ = body.ReadFrom(answer.Body)
	return answer.StatusCode, body.String()
}

// An edge that starts while Redis is dead opens at once, serves the numbers it
// knew, and says how old they are.
func TestServeWithoutRedis(t *testing.T) {
	noLeaks(t)
	store, err := demo.OpenStore()
	if err != nil {
		t.Fatal(err)
	}
	s := site(t)
	s.Redis = store.Addr()
	rdb := redis.NewClient(&redis.Options{Addr: store.Addr()})
	if err := demo.Fill(t.Context(), rdb, demo.Prefix, demo.Numbers(), time.Now()); err != nil {
		t.Fatal(err)
	}
	_ = rdb.Close()
	edge, end := serving(t, s)
	if code, body := readyz(t, s); code != http.StatusOK {
		t.Fatalf("readyz: %d %s", code, body)
	}
	numbers := edge.Status().Numbers
	if numbers == 0 {
		t.Fatal("no numbers")
	}
	end()
	known := time.Now()
	store.Close()

	began := time.Now()
	edge, end = serving(t, s)
	defer end()
	if took := time.Since(began); took > awayPatience {
		t.Errorf("it opens after %v", took)
	}
	if got := edge.Status().Numbers; got != numbers {
		t.Errorf("%d numbers, want %d", got, numbers)
	}
	if code, body := readyz(t, s); code != http.StatusOK {
		t.Errorf("readyz: %d %s", code, body)
	}
	for time.Since(known) < 6*time.Second {
		time.Sleep(100 * time.Millisecond)
	}
	if code, body := readyz(t, s); code != http.StatusOK || !strings.Contains(body, "degraded") || !strings.Contains(body, "table_age") {
		t.Errorf("readyz: %d %s", code, body)
	}
	if age, most := edge.Status().TableAge, time.Since(known).Seconds()+3; age < 5 || age > most {
		t.Errorf("the table is %.1f s old, it says; at most %.1f", age, most)
	}
}
