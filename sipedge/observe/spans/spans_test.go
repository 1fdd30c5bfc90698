package spans

import (
	"context"
	"encoding/hex"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	otlp "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	wire "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/speakops/sipedge/sipedge/records"
)

var begun = time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)

// backend is an OTLP receiver made of the protocol's own types.
type backend struct {
	otlp.UnimplementedTraceServiceServer
	mu    sync.Mutex
	spans []*wire.Span
	names map[string]string // of the resource
	fail  int
}

func (b *backend) Export(_ context.Context, r *otlp.ExportTraceServiceRequest) (*otlp.ExportTraceServiceResponse, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, rs := range r.ResourceSpans {
		for _, a := range rs.Resource.Attributes {
			b.names[a.Key] = a.Value.GetStringValue()
		}
		for _, ss := range rs.ScopeSpans {
			b.spans = append(b.spans, ss.Spans...)
		}
	}
	return &otlp.ExportTraceServiceResponse{}, nil
}

func (b *backend) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	fail := b.fail
	b.mu.Unlock()
	if fail != 0 {
		w.WriteHeader(fail)
		return
	}
	body, _ := io.ReadAll(r.Body)
	var request otlp.ExportTraceServiceRequest
	if err := proto.Unmarshal(body, &request); err != nil || r.URL.Path != "/v1/traces" {
		w.WriteHeader(400)
		return
	}
	answer, _ := b.Export(r.Context(), &request)
	out, _ := proto.Marshal(answer)
	w.Header().Set("Content-Type", "application/x-protobuf")
	w.Write(out)
}

func (b *backend) got() []*wire.Span {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]*wire.Span(nil), b.spans...)
}

func overHTTP(t *testing.T) (*backend, string) {
	b := &backend{names: map[string]string{}}
	s := httptest.NewServer(b)
	t.Cleanup(s.Close)
	return b, s.URL
}

func overGRPC(t *testing.T) (*backend, string) {
	b := &backend{names: map[string]string{}}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer()
	otlp.RegisterTraceServiceServer(s, b)
	go s.Serve(l)
	t.Cleanup(s.Stop)
	return b, l.Addr().String()
}

func run(t *testing.T, o Options) *Exporter {
	t.Helper()
	o.Edge, o.FlushEvery = "edge-1", time.Millisecond
	e, err := New(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- e.Run(ctx) }()
	t.Cleanup(func() { stop(); <-done })
	return e
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for range 1000 {
		if ok() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("waited in vain for %s", what)
}

var call = records.CallID{0x65, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9}

func oneCall(parent Context) *Call {
	c := &Call{
		Context: Root(call, 7, 1), Call: call, Trunk: "north", Decision: "route", Authority: "speakops", Because: "cut", Route: "speakops-main", Gateway: "s2",
		Outcome: "answered", PublicNumber: 12025550143, Revision: 42, Code: 200, Begun: begun, Rang: begun.Add(3 * time.Second), Ended: begun.Add(8 * time.Second), N: 2,
	}
	if parent.Valid() {
		c.Context, c.Parent = Under(parent, call), parent.Span
	}
	c.Attempts[0] = Attempt{Gateway: "s1", Address: "203.0.113.1:5060", Result: "silent", Begun: begun.Add(time.Millisecond), Took: 2 * time.Second}
	c.Attempts[1] = Attempt{Gateway: "s2", Address: "203.0.113.2:5060", Result: "answered", Begun: begun.Add(2 * time.Second), Took: 6 * time.Second, Code: 200, Index: 1}
	return c
}

func TestCallBecomesSpans(t *testing.T) {
	for name, open := range map[string]func(*testing.T) (*backend, string){"http": overHTTP, "grpc": overGRPC} {
		t.Run(name, func(t *testing.T) {
			b, endpoint := open(t)
			e := run(t, Options{Endpoint: endpoint, Mask: true})
			parent := ParseParent([]byte("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"))
			e.Finished(oneCall(parent))
			until(t, "three spans", func() bool { return len(b.got()) == 3 })
			byID := map[string]*wire.Span{}
			for _, s := range b.got() {
				byID[hex.EncodeToString(s.SpanId)] = s
				if hex.EncodeToString(s.TraceId) != "0af7651916cd43dd8448eb211c80319c" {
					t.Errorf("trace %x", s.TraceId)
				}
			}
			own := SpanOf(call)
			s := byID[hex.EncodeToString(own[:])]
			if s == nil || hex.EncodeToString(s.ParentSpanId) != "b7ad6b7169203331" || s.EndTimeUnixNano-s.StartTimeUnixNano != 8e9 || s.StartTimeUnixNano != uint64(begun.UnixNano()) {
				t.Fatalf("%v", s)
			}
			text := s.String()
			for _, want := range []string{`"trunk"`, `"north"`, `"because"`, `"cut"`, `"revision"`, "42", `"post_dial_delay_ms"`, "3000", `"+1********43"`, `"route"`, `"ringing"`, `"65000001020304050607080`} {
				if !strings.Contains(text, want) {
					t.Errorf("no %s in %s", want, text)
				}
			}
			for i, gateway := range []string{"s1", "s2"} {
				id := AttemptOf(call, i)
				a := byID[hex.EncodeToString(id[:])]
				if a == nil || string(a.ParentSpanId) != string(own[:]) || !strings.Contains(a.String(), `"`+gateway+`"`) || a.Kind != wire.Span_SPAN_KIND_CLIENT {
					t.Errorf("attempt %d: %v", i, a)
				}
				text := a.String()
				for _, want := range []string{`"trunk"`, `"north"`, `"because"`, `"cut"`, `"revision"`, "42", `"porting_state"`, `"route"`, `"speakops-main"`} {
					if !strings.Contains(text, want) {
						t.Errorf("no %s in attempt %d: %s", want, i, text)
					}
				}
				// s1 was silent; s2 rang a second after it was asked.
				if silent := strings.Contains(text, `"error.type"`); silent != (i == 0) || strings.Contains(text, `"post_dial_delay_ms"`) != (i == 1) || (i == 1) != strings.Contains(text, "int_value:1000") {
					t.Errorf("attempt %d: %s", i, text)
				}
			}
			if b.names["service.name"] != "sipedge" || b.names["service.instance.id"] != "edge-1" {
				t.Errorf("%v", b.names)
			}
		})
	}
}

// What is not sampled is left out unless it failed, and of those only so many.
func TestTail(t *testing.T) {
	b, endpoint := overHTTP(t)
	e := run(t, Options{Endpoint: endpoint, PerSecond: 3})
	for i := range 20 {
		c := oneCall(Context{})
		c.Call[5] = byte(i)
		c.Context = Root(c.Call, 7, 0)
		c.Failed, c.N = i%2 == 0, 0
		e.Finished(c)
	}
	until(t, "three spans", func() bool { return len(b.got()) == 3 })
	if st := e.Stats(); st.Beyond != 7 || st.Lost != 0 {
		t.Errorf("%+v", st)
	}
}

// A backend that is down costs nothing but its spans, and is used again.
func TestBackendDown(t *testing.T) {
	b, endpoint := overHTTP(t)
	b.fail = 503
	e := run(t, Options{Endpoint: endpoint, Queue: 8, RetryFor: 50 * time.Millisecond})
	for range 100 {
		e.Finished(oneCall(Context{}))
	}
	until(t, "a failed batch", func() bool { return e.Stats().Error != "" })
	if st := e.Stats(); st.Lost < 80 {
		t.Errorf("%+v", st)
	}
	b.mu.Lock()
	b.fail = 0
	b.mu.Unlock()
	until(t, "spans after all", func() bool { e.Finished(oneCall(Context{})); return len(b.got()) > 0 })
	if st := e.Stats(); st.Error != "" {
		t.Errorf("%+v", st)
	}
}

func TestTraceparent(t *testing.T) {
	const good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	c := ParseParent([]byte(good))
	if got := string(AppendParent(nil, &c)); got != good {
		t.Errorf("%s became %s", good, got)
	}
	if c := ParseParent([]byte("01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00-later")); !c.Valid() || c.Sampled {
		t.Error("a later version is not read as far as it goes")
	}
	for _, bad := range []string{
		"", "00", good[:54], good + "x", good + "-x", "ff" + good[2:], strings.Replace(good, "a", "A", 1), strings.Replace(good, "-b7", "_b7", 1),
		"00-00000000000000000000000000000000-b7ad6b7169203331-01", "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", strings.Replace(good, "c-", "g-", 1),
	} {
		if c := ParseParent([]byte(bad)); c != (Context{}) {
			t.Errorf("%q was taken for %+v", bad, c)
		}
	}
}

func FuzzTraceparent(f *testing.F) {
	f.Add([]byte("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if c := ParseParent(b); c.Valid() && string(AppendParent(nil, &c)[:53]) != "00"+string(b[2:53]) {
			t.Fatalf("%q became %q", b, AppendParent(nil, &c))
		}
	})
}

// A share of the traces is sampled, and the same ones whoever asks.
func TestSampled(t *testing.T) {
	n := 0
	for i := range 10000 {
		id := call
		id[4], id[5], id[6] = byte(i*37), byte(i>>3), byte(i)
		c := Root(id, 1, 0.25)
		if c.Sampled {
			n++
		}
		if c.Sampled != Root(id, 1, 0.25).Sampled || c.Sampled && !Root(id, 1, 0.5).Sampled {
			t.Fatal("the choice is not one of the trace alone")
		}
	}
	if n < 2000 || n > 3000 {
		t.Errorf("%d of 10000", n)
	}
}

func BenchmarkFinished(b *testing.B) {
	e, err := New(context.Background(), Options{Endpoint: "127.0.0.1:1"})
	if err != nil {
		b.Fatal(err)
	}
	c := oneCall(Context{})
	for b.Loop() {
		e.Finished(c)
	}
}
