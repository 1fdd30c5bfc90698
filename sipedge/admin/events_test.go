package admin

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// listening is a client of /v1/events on a running server.
func listening(t *testing.T, s *Server, last, query string) (next func() string, hangUp func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, "GET", "http://"+s.Addr().String()+"/v1/events"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	if last != "" {
		r.Header.Set("Last-Event-ID", last)
	}
	client := &http.Client{Transport: &http.Transport{}}
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if ct := answer.Header.Get("Content-Type"); answer.StatusCode != 200 || ct != "text/event-stream" {
		t.Fatalf("%d %s", answer.StatusCode, ct)
	}
	in := bufio.NewReader(answer.Body)
	next = func() string {
		var block strings.Builder
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				return "end: " + err.Error()
			}
			if line == "\n" {
				return block.String()
			}
			block.WriteString(line)
		}
	}
	if first := next(); !strings.HasSuffix(first, "\nretry: 2000\n") || field(first, "id") == "" {
		t.Fatalf("the stream begins with %q", first)
	}
	return next, func() {
		cancel()
		answer.Body.Close()
		client.CloseIdleConnections()
	}
}

// running serves until the test ends.
func running(t *testing.T, h *house) *Server {
	t.Helper()
	s := openServer(t, h, nil)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return s
}

func field(block, name string) string {
	for line := range strings.Lines(block) {
		if v, ok := strings.CutPrefix(line, name+": "); ok {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

func TestEventsAreTold(t *testing.T) {
	h := &house{bus: NewBus()}
	s := running(t, h)
	h.bus.Publish("call.decided", "before anyone listens")
	next, hangUp := listening(t, s, "", "?kind=cutover.&kind=gateway.")
	h.bus.Publish("call.decided", 1)
	h.bus.Publish("cutover.armed", map[string]string{"cutover": "c-7"})
	h.bus.Publish("gateway.down", "lg1")
	one, two := next(), next()
	if field(one, "event") != "cutover.armed" || !strings.Contains(one, `"data":{"cutover":"c-7"}`) || field(two, "event") != "gateway.down" {
		t.Errorf("told: %s%s", one, two)
	}
	hangUp()

	h.bus.Publish("call.ended", 2)
	next, hangUp = listening(t, s, field(one, "id"), "")
	if got := field(next(), "event") + " " + field(next(), "event"); got != "gateway.down call.ended" {
		t.Errorf("after the id of the first: %s", got)
	}
	hangUp()
	next, hangUp = listening(t, s, "elsewhen-3", "?kind=cutover.")
	if gap := next(); field(gap, "event") != "gap" || !strings.Contains(gap, `"because":"restarted"`) || field(gap, "id") != "" {
		t.Errorf("an id of another run: %s", gap)
	}
	if got := field(next(), "event"); got != "cutover.armed" {
		t.Errorf("then: %s", got)
	}
	hangUp()
	if w := s.ask(ask{path: "/v1/events", header: http.Header{"Last-Event-Id": {"nonsense\x7f"}}}); w.Code != 422 {
		t.Errorf("a bad id: %d", w.Code)
	} else {
		because(t, w)
	}
}

// A stream ends when the server stops or its tokens change, and not by a broken
// connection: that would be the server's patience at its end.
func TestStreamsEnd(t *testing.T) {
	h := &house{bus: NewBus()}
	s := openServer(t, h, nil)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx) }()
	next, hangUp := listening(t, s, "", "")
	if err := s.SetTokens(nil); err != nil {
		t.Fatal(err)
	}
	if got := next(); got != "end: EOF" {
		t.Errorf("after other tokens: %q", got)
	}
	hangUp()
	next, hangUp = listening(t, s, "", "")
	stop()
	if got := next(); got != "end: EOF" {
		t.Errorf("after the server was stopped: %q", got)
	}
	hangUp()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// Listeners are counted, and those that hang up are not.
func TestListenersAreBounded(t *testing.T) {
	h := &house{bus: NewBus()}
	s := running(t, h)
	var all []func()
	for range maxStreams {
		_, hangUp := listening(t, s, "", "")
		all = append(all, hangUp)
	}
	if w := s.ask(ask{path: "/v1/events"}); w.Code != 503 || because(t, w) != "too_many_streams" || w.Header().Get("Retry-After") == "" {
		t.Errorf("one more: %d %s", w.Code, w.Body)
	}
	for _, hangUp := range all {
		hangUp()
	}
	deadline := time.Now().Add(10 * time.Second)
	for {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		r, _ := http.NewRequestWithContext(ctx, "GET", "/v1/events", nil)
		r.RemoteAddr, r.Host = "127.0.0.1:1", "localhost"
		w := s.recorded(r)
		if w.Code == 200 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("places are not given back: %d", w.Code)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func TestASlowListenerIsToldWhatHeMissed(t *testing.T) {
	b := NewBus()
	at, _, _ := b.at("")
	for i := range busEvents + 10 {
		b.Publish("call.decided", i)
	}
	events, missed, _ := b.take(&at, 3)
	if missed == nil || missed.Missed != 10 || missed.Because != "too_slow" || len(events) != 3 || string(events[0].Data) != "10" {
		t.Errorf("%v, %d events", missed, len(events))
	}
	if _, missed, _ = b.take(&at, 3); missed != nil {
		t.Errorf("told twice: %v", missed)
	}
	for range 300 {
		b.Publish("large", strings.Repeat("x", busEvent-2))
	}
	if b.bytes > busBytes || len(b.ring) > busBytes/busEvent {
		t.Errorf("%d bytes in %d events", b.bytes, len(b.ring))
	}
	b.Publish("too large", strings.Repeat("x", busEvent))
	if last := b.ring[len(b.ring)-1]; string(last.Data) != "null" {
		t.Errorf("%d bytes in one event", len(last.Data))
	}
	(*Bus)(nil).Publish("nobody listens", 1)
}

func TestHeartbeatsKeepAStreamOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		w := newPage()
		done := make(chan struct{})
		go func() {
			defer close(done)
			b := NewBus()
			at, _, _ := b.at("")
			(&stream{w: w, c: http.NewResponseController(w)}).run(ctx, b, at, nil, nil, nil)
		}()
		time.Sleep(3*heartbeat + time.Second)
		cancel()
		<-done
		if n := strings.Count(w.text.String(), ": nothing new\n\n"); n != 3 {
			t.Errorf("%d heartbeats in three periods", n)
		}
	})
}

// page is an answer of a test that can be flushed.
type page struct {
	told
	text strings.Builder
}

func newPage() *page { return &page{told: told{}} }

func (p *page) Write(b []byte) (int, error) { return p.text.Write(b) }
func (p *page) Flush()                      {}

func ExampleBus() {
	b := NewBus()
	at, _, _ := b.at("")
	b.Publish("cutover.armed", map[string]string{"cutover": "c-7"})
	events, _, _ := b.take(&at, 10)
	fmt.Println(events[0].Kind, string(events[0].Data))
	// Output: cutover.armed {"cutover":"c-7"}
}
