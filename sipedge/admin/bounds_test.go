package admin

import (
	"context"
	"crypto/tls"
	"net"
	"net/netip"
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

// A crowd of hosts that have no token does not take the bucket of one who has.
func TestTokensAreNotCrowdedOut(t *testing.T) {
	r := newRates(0.001, 3)
	for i := range 2 * maxRates {
		r.spend(ofHost + time.Duration(i).String())
	}
	for range 10 {
		r.spend(ofHost + "one more") // what all the others share is spent
	}
	if _, ok := r.spend(ofToken + "anna"); !ok {
		t.Error("anna pays for hosts without a token")
	}
	if n := len(r.each); n != maxRates+1 {
		t.Errorf("%d buckets", n)
	}
}

// All hosts of an IPv6 subscriber are one: he has 2^64 of them.
func TestASubscriberIsOneHost(t *testing.T) {
	l := newCapped(nil, 100, 2)
	at := func(text string) netip.Addr { return hostOf(net.TCPAddrFromAddrPort(netip.MustParseAddrPort(text))) }
	for i, c := range []struct {
		from string
		ok   bool
	}{{"[2001:db8:1:2::1]:1", true}, {"[2001:db8:1:2::2]:1", true}, {"[2001:db8:1:2:ffff::3]:1", false}, {"[2001:db8:1:3::1]:1", true}, {"198.51.100.1:1", true}} {
		if got := l.enter(at(c.from)); got != c.ok {
			t.Errorf("%d: %s: %v", i, c.from, got)
		}
	}
	if a, b := hostname("[2001:db8:1:2::1]:1"), hostname("[2001:db8:1:2::2]:9"); a != b || a == hostname("[2001:db8:1:3::1]:1") {
		t.Errorf("%s and %s", a, b)
	}
}

// One token does not take every place of those who listen.
func TestOneTokenDoesNotTakeAllStreams(t *testing.T) {
	l := listeners{of: map[string]int{}}
	for range eachStreams {
		if !l.enter("anna") {
			t.Fatal("refused too early")
		}
	}
	if l.enter("anna") || !l.enter("bo") {
		t.Error("anna took the places of others")
	}
	if l.leave("anna"); !l.enter("anna") {
		t.Error("her place was not given back")
	}
	for range maxStreams {
		l.enter("")
	}
	if l.all != maxStreams {
		t.Errorf("%d listen", l.all)
	}
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
