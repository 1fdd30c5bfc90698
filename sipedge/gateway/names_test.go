package gateway

import (
	"context"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/speakops/sipedge/sipedge/gateway/health"
	"github.com/speakops/sipedge/sipedge/gateway/locate"
	"github.com/speakops/sipedge/sipedge/transport"
)

// TestNameServerToTargets goes the whole way over real sockets: SRV records, a
// first server that dies, a name server that fails.
func TestNameServerToTargets(t *testing.T) {
	var broken atomic.Bool
	records := map[string][]string{
		"_sip._udp.x.example.": {"_sip._udp.x.example. 60 SRV 1 1 5062 a.example.", "_sip._udp.x.example. 60 SRV 2 1 5064 b.example."},
		"a.example.":           {"a.example. 60 A 192.0.2.1"},
		"b.example.":           {"b.example. 60 A 192.0.2.2"},
	}
	r := locate.New(locate.Options{
		Servers: []string{nameServer(t, func(q dns.Question, m *dns.Msg) {
			if broken.Load() {
				m.Rcode = dns.RcodeServerFailure
				return
			}
			for _, line := range records[q.Name] {
				if rr, err := dns.NewRR(line); err == nil && rr.Header().Rrtype == q.Qtype {
					m.Answer = append(m.Answer, rr)
				}
			}
		})},
		Hosts:  func(context.Context, string) ([]netip.Addr, error) { return nil, nil },
		System: func(context.Context, string) ([]netip.Addr, error) { return nil, nil },
	})
	defer r.Close()
	k := New(Options{Locator: r, Asker: newWorld()})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); k.Run(ctx) }()
	defer func() { stop(); <-ended }()

	s := load(t, k, gws(Probe{}, "sip:x.example"))
	if err := s.Resolve(ctx, 0); err != nil {
		t.Fatal(err)
	}
	if got := targets(s, 0); got != "udp 192.0.2.1:5062, udp 192.0.2.2:5064" {
		t.Fatalf("targets: %s", got)
	}
	first := netip.MustParseAddrPort("192.0.2.1:5062")
	for range 2 {
		s.Report(0, transport.UDP, first, health.Outcome{Result: health.Unreachable, Sent: time.Now()})
	}
	if got := targets(s, 0); got != "udp 192.0.2.2:5064" || !s.Alive(0) {
		t.Errorf("after the first died: %s", got)
	}
	broken.Store(true)
	again := load(t, k, gws(Probe{}, "sip:x.example"))
	if got := targets(again, 0); got != "udp 192.0.2.2:5064" || !again.Owns(first.Addr()) {
		t.Errorf("after a reload without name servers: %s", got)
	}
}

func nameServer(t *testing.T, answer func(dns.Question, *dns.Msg)) string {
	t.Helper()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	started, ended := make(chan struct{}), make(chan struct{})
	s := &dns.Server{PacketConn: pc, NotifyStartedFunc: func() { close(started) }}
	s.Handler = dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg).SetReply(q)
		answer(q.Question[0], m)
		w.WriteMsg(m)
	})
	go func() { defer close(ended); s.ActivateAndServe() }()
	<-started
	t.Cleanup(func() { s.Shutdown(); <-ended })
	return pc.LocalAddr().String()
}
