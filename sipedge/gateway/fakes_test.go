package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/speakops/sipedge/sipedge/gateway/health"
	"github.com/speakops/sipedge/sipedge/gateway/locate"
	"github.com/speakops/sipedge/sipedge/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is what gateways and names do outside.
type world struct {
	mu      sync.Mutex
	names   map[string]string // host: "proto addr rank weight[, ...]", or "error ..."
	ttl     time.Duration
	slow    time.Duration // of every lookup
	lookups map[string]int
	codes   map[string]int // address: answer to probes; absent is 200, 0 is silence
	probes  []string       // "seconds address"
	began   time.Time
	asking  int
	most    int // probes under way at once
	changes []string
}

func newWorld() *world {
	return &world{names: map[string]string{}, ttl: time.Minute, lookups: map[string]int{}, codes: map[string]int{}, began: time.Now()}
}

func (w *world) do(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
}

func (w *world) Refresh(ctx context.Context, q locate.Query) (locate.Answer, error) {
	w.mu.Lock()
	w.lookups[q.Host]++
	slow, text, ok := w.slow, w.names[q.Host], true
	if text == "" {
		ok = false
	}
	ttl := w.ttl
	w.mu.Unlock()
	select {
	case <-time.After(slow):
	case <-ctx.Done():
		return locate.Answer{}, ctx.Err()
	}
	if !ok {
		return locate.Answer{}, fmt.Errorf("locate %s: %w", q.Host, locate.ErrNotFound)
	}
	if why, bad := strings.CutPrefix(text, "error "); bad {
		return locate.Answer{}, errors.New(why)
	}
	a := locate.Answer{RefreshAt: time.Now().Add(ttl)}
	for part := range strings.SplitSeq(text, ", ") {
		var proto, addr string
		s := locate.Server{Name: q.Host}
		fmt.Sscan(part, &proto, &addr, &s.Rank, &s.Weight)
		s.Proto = map[string]transport.Proto{"udp": transport.UDP, "tcp": transport.TCP, "tls": transport.TLS}[proto]
		for _, one := range strings.Split(addr, "+") {
			s.Addrs = append(s.Addrs, netip.MustParseAddrPort(one))
		}
		a.Servers = append(a.Servers, s)
	}
	return a, nil
}

func (w *world) Ask(ctx context.Context, t Target, index int) (int, error) {
	w.mu.Lock()
	code, ok := w.codes[t.Addr.String()]
	w.probes = append(w.probes, fmt.Sprintf("%.1f %s", time.Since(w.began).Seconds(), t.Addr))
	w.asking++
	w.most = max(w.most, w.asking)
	w.mu.Unlock()
	defer w.do(func() { w.asking-- })
	switch {
	case !ok:
		return 200, nil
	case code == 0:
		<-ctx.Done()
		return 0, ctx.Err()
	}
	return code, nil
}

func (w *world) change(c Change) {
	whom := "whole"
	if !c.Whole {
		whom = c.Addr.At.String()
	}
	w.do(func() {
		w.changes = append(w.changes, fmt.Sprintf("%s/%s %s %s>%s %s", c.RouteID, c.GatewayID, whom, c.From, c.To, c.Reason))
	})
}

// told takes the changes so far.
func (w *world) told() string {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	s := strings.Join(w.changes, "\n")
	w.changes = nil
	return s
}

// bubble runs f in its own time, with a running Keeper that has the list.
func bubble(t *testing.T, list []Gateway, f func(t *testing.T, w *world, k *Keeper)) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		k := w.keeper()
		load(t, k, list)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- k.Run(ctx) }()
		f(t, w, k)
		stop()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

func (w *world) keeper() *Keeper {
	return New(Options{Locator: w, Asker: w, OnChange: w.change})
}

func load(t testing.TB, k *Keeper, list []Gateway) *Set {
	t.Helper()
	s, err := k.Compile(list)
	if err != nil {
		t.Fatal(err)
	}
	k.Install(s)
	return s
}

// gws makes gateways g0, g1, ... of route r, by URI.
func gws(probe Probe, uris ...string) []Gateway {
	var out []Gateway
	for i, u := range uris {
		out = append(out, Gateway{ID: fmt.Sprint("g", i), RouteID: "r", Authority: "legacy", Index: i, URI: u, Probe: probe})
	}
	return out
}

func targets(s *Set, index int) string {
	list, ready := s.Targets(index, nil)
	if !ready {
		return "not ready"
	}
	var out []string
	for _, t := range list {
		out = append(out, fmt.Sprintf("%s %s", []string{"udp", "tcp", "tls"}[t.Proto], t.Addr))
	}
	return strings.Join(out, ", ")
}

func report(s *Set, addr string, results ...health.Result) {
	for _, r := range results {
		s.Report(0, transport.UDP, netip.MustParseAddrPort(addr), health.Outcome{Result: r})
	}
}
