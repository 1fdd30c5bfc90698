package transport

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/speakops/sipedge/sipedge/message"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if mode := os.Getenv(serverMode); mode != "" {
		benchServer(mode)
		return
	}
	goleak.VerifyTestMain(m)
}

// seen is what a test's sink was told.
type seen struct {
	flow  Flow
	line  string // start line, or "refused 400", or "lost"
	body  int
	err   error
	names []string
}

// recorder is a Sink that writes everything into a channel.
type recorder struct {
	l        *Layer
	ch       chan seen
	standing func(f Flow, names []string) Standing
	receive  func(f Flow, m *message.Message)
	answer   bool // answer requests with 200 and refusals with their code
}

func (r *recorder) Standing(f Flow, names []string) Standing {
	if r.standing != nil {
		return r.standing(f, names)
	}
	return Trunk
}

func (r *recorder) Receive(f Flow, m *message.Message, at time.Time) {
	if r.receive != nil {
		r.receive(f, m)
	}
	line := string(m.MethodName)
	if !m.Request {
		line = fmt.Sprint(m.Status)
	}
	if r.answer && m.Request {
		r.l.Send(f, m.AppendReply(nil, 200, "OK", []byte("tag"), f.Peer, nil))
	}
	r.ch <- seen{flow: f, line: line, body: len(m.Body), names: r.l.Names(f)}
}

func (r *recorder) Refuse(f Flow, m *message.Message, fault *message.Fault) {
	if r.answer {
		r.l.Send(f, m.AppendReply(nil, fault.Code, fault.Reason, []byte("tag"), f.Peer, nil))
	}
	r.ch <- seen{flow: f, line: fmt.Sprint("refused ", fault.Code), err: fault}
}

func (r *recorder) Lost(f Flow, err error) { r.ch <- seen{flow: f, line: "lost", err: err} }

func (r *recorder) next(t *testing.T) seen {
	t.Helper()
	select {
	case s := <-r.ch:
		return s
	case <-time.After(5 * time.Second):
		t.Fatal("the sink was told nothing")
		return seen{}
	}
}

// want waits for one line.
func (r *recorder) want(t *testing.T, line string) seen {
	t.Helper()
	s := r.next(t)
	if s.line != line {
		t.Fatalf("the sink was told %q (%v), want %q", s.line, s.err, line)
	}
	return s
}

func (r *recorder) silent(t *testing.T, d time.Duration) {
	t.Helper()
	select {
	case s := <-r.ch:
		t.Fatalf("the sink was told %q (%v), want silence", s.line, s.err)
	case <-time.After(d):
	}
}

// start opens and serves a layer until the test ends, and checks that it does end.
func start(t *testing.T, o Options, r *recorder) *Layer {
	t.Helper()
	if r.ch == nil {
		r.ch = make(chan seen, 10000)
	}
	l, err := Open(context.Background(), o, r)
	if err != nil {
		t.Fatal(err)
	}
	r.l = l
	done := make(chan error)
	go func() { done <- l.Serve(context.Background()) }()
	t.Cleanup(func() {
		l.Close()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("Serve: %v", err)
			}
		case <-time.After(10 * time.Second):
			t.Error("Serve did not end")
		}
	})
	return l
}

func listeners(specs ...string) (out []Listener) {
	for _, s := range specs {
		proto, at, _ := strings.Cut(s, " ")
		l := Listener{Name: s, Address: netip.MustParseAddrPort(at)}
		switch proto {
		case "tcp":
			l.Proto = TCP
		case "tls":
			l.Proto = TLS
		}
		out = append(out, l)
	}
	return out
}

// request is a small whole request; the body is n bytes.
func request(method string, n int) []byte {
	return []byte(method + " sip:+12025550143@192.0.2.10 SIP/2.0\r\n" +
		"Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK776asdhds;rport\r\n" +
		"Max-Forwards: 70\r\nFrom: <sip:+14155550100@192.0.2.1>;tag=1928301774\r\nTo: <sip:+12025550143@192.0.2.10>\r\n" +
		"Call-ID: a84b4c76e66710@192.0.2.1\r\nCSeq: 314159 " + method + "\r\n" +
		fmt.Sprintf("Content-Length: %d\r\n\r\n", n) + strings.Repeat("x", n))
}
