package admin

import (
	"context"
	"crypto/tls"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestRates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRates(10, 3)
		for range 3 {
			if _, ok := r.spend("anna"); !ok {
				t.Fatal("refused within the burst")
			}
		}
		wait, ok := r.spend("anna")
		if ok || wait <= 0 || wait > 100*time.Millisecond {
			t.Errorf("the fourth: %v, wait %v", ok, wait)
		}
		if _, ok := r.spend("bo"); !ok {
			t.Error("bo pays for anna")
		}
		time.Sleep(wait)
		if _, ok := r.spend("anna"); !ok {
			t.Error("refused after the wait it was told")
		}
		for i := range 3 * maxRates {
			r.spend(time.Duration(i).String())
		}
		if len(r.each) > maxRates {
			t.Errorf("%d buckets", len(r.each))
		}
		time.Sleep(time.Minute) // they are full again, and so forgotten
		r.spend("new")
		if len(r.each) > 1 {
			t.Errorf("%d buckets after a quiet minute", len(r.each))
		}
	})
}

// Strangers from one host do not use up what is there for tokens.
func TestWhoAsksTooOften(t *testing.T) {
	s, err := newServer(Options{Tokens: tokens, Rate: 0.001, Burst: 5}, parts(&house{}))
	if err != nil {
		t.Fatal(err)
	}
	codes := map[int]int{}
	for range 8 {
		w := s.ask(ask{path: "/v1/status", token: "guess"})
		codes[w.Code]++
		if because(t, w); w.Code == 429 && w.Header().Get("Retry-After") == "" {
			t.Error("429 without Retry-After")
		}
	}
	if codes[401] != 5 || codes[429] != 3 {
		t.Errorf("answers to guesses: %v", codes)
	}
	for range 5 {
		if w := s.ask(ask{path: "/v1/status", token: vToken}); w.Code != 200 {
			t.Errorf("a token from the same host: %d", w.Code)
		}
	}
	if w := s.ask(ask{path: "/v1/status", token: vToken}); w.Code != 429 {
		t.Errorf("the sixth: %d", w.Code)
	}
}

type somewhere struct {
	net.Listener
	addr string
}

func (s somewhere) Addr() net.Addr { a, _ := net.ResolveTCPAddr("tcp", s.addr); return a }
func (s somewhere) Close() error   { return nil }

func TestWhatOthersCanReachIsGuarded(t *testing.T) {
	for _, c := range []struct {
		addr   string
		tls    bool
		tokens []Token
		meant  bool
		says   string
	}{
		{"127.0.0.1:8080", false, nil, false, ""},
		{"[::1]:8080", false, nil, false, ""},
		{"0.0.0.0:8080", false, tokens, false, "without admin.tls"},
		{"192.0.2.1:8080", true, nil, false, "no admin.tokens"},
		{"192.0.2.1:8080", true, tokens, false, ""},
		{"[::]:8080", false, nil, true, ""},
	} {
		o := Options{Listener: somewhere{addr: c.addr}, Tokens: c.tokens, Insecure: c.meant}
		if c.tls {
			o.TLS = &tls.Config{}
		}
		_, err := Open(context.Background(), o, parts(&house{}))
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestNewTokens(t *testing.T) {
	one, two := NewToken(), NewToken()
	if one == two || len(one) < MinToken || !strings.HasPrefix(one, "sipedge_") {
		t.Errorf("%s, %s", one, two)
	}
	s := openServer(t, &house{}, []Token{{"new", Viewer, Hash(one)}, {"short", Viewer, Hash("hunter2")}})
	if w := s.ask(ask{path: "/v1/status", token: one}); w.Code != 200 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := s.ask(ask{path: "/v1/status", token: "hunter2"}); w.Code != 401 {
		t.Errorf("a token that somebody has thought of: %d", w.Code)
	}
	if err := s.SetTokens([]Token{{"other", Operator, Hash(two)}}); err != nil {
		t.Fatal(err)
	}
	if w := s.ask(ask{path: "/v1/status", token: one}); w.Code != 401 {
		t.Errorf("a token that was taken back: %d", w.Code)
	}
	if err := s.SetTokens([]Token{{"bad", Viewer, "x"}}); err == nil || s.ask(ask{path: "/v1/status", token: two}).Code != 200 {
		t.Errorf("after a refused change the old tokens hold: %v", err)
	}
}
