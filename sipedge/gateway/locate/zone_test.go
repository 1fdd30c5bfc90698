package locate

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// zone is a name server whose answers a test changes while it runs.
type zone struct {
	mu      sync.Mutex
	records []dns.RR
	rcodes  map[string]int // by name, or "" for every question
	delay   time.Duration
	silent  bool
	fits    int            // bytes of a UDP answer; 0 is any
	asked   map[string]int // "name TYPE/network"
}

func newZone(t testing.TB, lines ...string) *zone {
	z := &zone{rcodes: map[string]int{}, asked: map[string]int{}}
	z.set(t, lines...)
	return z
}

// set replaces all records.
func (z *zone) set(t testing.TB, lines ...string) {
	t.Helper()
	var records []dns.RR
	for _, line := range lines {
		rr, err := dns.NewRR(line)
		if err != nil || rr == nil {
			t.Fatalf("record %q: %v", line, err)
		}
		records = append(records, rr)
	}
	z.change(func() { z.records = records })
}

func (z *zone) change(f func()) {
	z.mu.Lock()
	defer z.mu.Unlock()
	f()
}

// count is how often a question was asked over a network.
func (z *zone) count(question string) int {
	z.mu.Lock()
	defer z.mu.Unlock()
	return z.asked[question]
}

// answer is nil when the server keeps silent.
func (z *zone) answer(q *dns.Msg, network string) *dns.Msg {
	z.mu.Lock()
	name, typ := strings.ToLower(q.Question[0].Name), q.Question[0].Qtype
	z.asked[fmt.Sprintf("%s %s/%s", plainName(name), dns.TypeToString[typ], network)]++
	delay, silent := z.delay, z.silent
	m := new(dns.Msg).SetReply(q)
	m.Rcode = z.rcodes[plainName(name)]
	if all := z.rcodes[""]; all != 0 {
		m.Rcode = all
	}
	exists := false
	for _, rr := range z.records {
		if m.Rcode != 0 || dns.CanonicalName(rr.Header().Name) != name {
			continue
		}
		exists = true
		if t := rr.Header().Rrtype; t == typ || t == dns.TypeCNAME {
			m.Answer = append(m.Answer, rr)
		}
	}
	if !exists && m.Rcode == 0 {
		m.Rcode = dns.RcodeNameError
	}
	if network == "udp" && z.fits > 0 && m.Len() > z.fits {
		m.Truncated, m.Answer = true, nil
	}
	z.mu.Unlock()
	time.Sleep(delay)
	if silent {
		return nil
	}
	return m
}

// dial connects in memory, for tests in a bubble of their own time. Messages are
// framed as over TCP in both cases.
func (z *zone) dial(_ context.Context, network, _ string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	go func() {
		defer theirs.Close()
		co := &dns.Conn{Conn: theirs}
		for {
			q, err := co.ReadMsg()
			if err != nil {
				return
			}
			if m := z.answer(q, network); m != nil {
				co.WriteMsg(m)
			}
		}
	}()
	return ours, nil
}

// serve listens on real sockets and returns the address.
func (z *zone) serve(t *testing.T) string {
	t.Helper()
	pc, l := samePort(t)
	handler := func(network string) dns.Handler {
		return dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
			if m := z.answer(q, network); m != nil {
				w.WriteMsg(m)
			}
		})
	}
	for _, s := range []*dns.Server{{PacketConn: pc, Handler: handler("udp")}, {Listener: l, Handler: handler("tcp")}} {
		started, ended := make(chan struct{}), make(chan struct{})
		s.NotifyStartedFunc = func() { close(started) }
		go func() { defer close(ended); s.ActivateAndServe() }()
		<-started
		t.Cleanup(func() { s.Shutdown(); <-ended })
	}
	return pc.LocalAddr().String()
}

// samePort listens for datagrams and connections on one port of the loopback.
func samePort(t *testing.T) (net.PacketConn, net.Listener) {
	t.Helper()
	var last error
	for range 20 { // the port of the one may be taken for the other
		pc, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		l, err := net.Listen("tcp", pc.LocalAddr().String())
		if err == nil {
			return pc, l
		}
		pc.Close()
		last = err
	}
	t.Fatal(last)
	return nil, nil
}

func nobody(context.Context, string) ([]netip.Addr, error) { return nil, nil }

// resolver asks the zone in memory, and no hosts file.
func (z *zone) resolver(t testing.TB) *Resolver {
	r := New(Options{Servers: []string{"ns"}, Dial: z.dial, Hosts: nobody, System: nobody})
	t.Cleanup(r.Close)
	return r
}

func query(t testing.TB, uri string) Query {
	t.Helper()
	q, err := Parse(uri)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// told writes an answer as "proto addr rank/weight [tcp]" per server.
func told(a Answer, err error) string {
	if err != nil {
		return "error: " + err.Error()
	}
	var b strings.Builder
	for _, s := range a.Servers {
		fmt.Fprintf(&b, "%s %v %d/%d", []string{"udp", "tcp", "tls"}[s.Proto], s.Addrs, s.Rank, s.Weight)
		if s.HasTCP {
			b.WriteString(" tcp")
		}
		b.WriteByte('\n')
	}
	return strings.TrimSpace(b.String())
}
