package locate

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// Real datagrams and connections on the loopback.

func TestTruncatedAnswerIsFetchedOverTCP(t *testing.T) {
	var lines []string
	for i := range 5 {
		lines = append(lines, fmt.Sprintf("gw.example. 60 A 192.0.2.%d", i+1))
	}
	z := newZone(t, lines...)
	z.fits = 80
	r := New(Options{Servers: []string{z.serve(t)}, Hosts: nobody, System: nobody})
	defer r.Close()
	a, err := r.Lookup(context.Background(), query(t, gw))
	if err != nil || len(a.Servers[0].Addrs) != 5 {
		t.Fatalf("got %s", told(a, err))
	}
	if u, c := z.count("gw.example A/udp"), z.count("gw.example A/tcp"); u != 1 || c != 1 {
		t.Errorf("asked %d times over UDP, %d over TCP", u, c)
	}
}

func TestNextServerHelps(t *testing.T) {
	bad, good := newZone(t), newZone(t, "gw.example. 60 A 192.0.2.1")
	for name, breaks := range map[string]func(){
		"SERVFAIL": func() { bad.rcodes[""] = dns.RcodeServerFailure },
		"silent":   func() { bad.silent = true },
	} {
		t.Run(name, func(t *testing.T) {
			bad.change(func() { bad.rcodes, bad.silent = map[string]int{}, false; breaks() })
			r := New(Options{Servers: []string{bad.serve(t), good.serve(t)}, Hosts: nobody, System: nobody})
			defer r.Close()
			if got := told(r.Lookup(context.Background(), query(t, gw))); got != one {
				t.Error(got)
			}
		})
	}
}

func TestNoServerAtAll(t *testing.T) {
	r := New(Options{Servers: []string{"127.0.0.1:1"}, Hosts: nobody, System: nobody})
	defer r.Close()
	began := time.Now()
	_, err := r.Lookup(context.Background(), query(t, gw))
	if err == nil || time.Since(began) > CallWait+500*time.Millisecond {
		t.Errorf("got %v after %v", err, time.Since(began))
	}
}

// A late or forged answer to another question is not taken for ours.
func TestAnswerToAnotherQuestion(t *testing.T) {
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	defer func() { pc.Close(); <-done }()
	go func() {
		defer close(done)
		buf := make([]byte, 2048)
		for {
			n, from, err := pc.ReadFrom(buf)
			if err != nil {
				return
			}
			q := new(dns.Msg)
			if q.Unpack(buf[:n]) != nil {
				continue
			}
			for _, name := range []string{"other.example.", q.Question[0].Name} {
				m := new(dns.Msg).SetReply(q)
				m.Question[0].Name = name
				ip := map[bool]string{true: "192.0.2.66", false: "192.0.2.1"}[name == "other.example."]
				rr, _ := dns.NewRR(q.Question[0].Name + " 60 A " + ip)
				m.Answer = []dns.RR{rr}
				b, _ := m.Pack()
				pc.WriteTo(b, from)
			}
		}
	}()
	r := New(Options{Servers: []string{pc.LocalAddr().String()}, Hosts: nobody, System: nobody})
	defer r.Close()
	q := query(t, gw)
	q.NoIPv6 = true
	if got := told(r.Lookup(context.Background(), q)); got != one {
		t.Error(got)
	}
}

func TestResolvConfIsReadAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "resolv.conf")
	m := &machine{path: path}
	if _, err := m.servers(); err == nil {
		t.Error("a missing file is no error")
	}
	write := func(s string, age time.Duration) {
		if err := os.WriteFile(path, []byte(s), 0o644); err != nil {
			t.Fatal(err)
		}
		at := time.Now().Add(-age)
		os.Chtimes(path, at, at)
		m.checked = time.Time{}
	}
	write("nameserver 192.0.2.53\nnameserver 2001:db8::53\n", time.Hour)
	got, err := m.servers()
	if want := []string{"192.0.2.53:53", "[2001:db8::53]:53"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v %v want %v", got, err, want)
	}
	write("nameserver 192.0.2.54\n", 0)
	if got, _ = m.servers(); !slices.Equal(got, []string{"192.0.2.54:53"}) {
		t.Errorf("after a change: %v", got)
	}
	os.Remove(path)
	m.checked = time.Time{}
	if got, err = m.servers(); err != nil || !slices.Equal(got, []string{"192.0.2.54:53"}) {
		t.Errorf("while it is away: %v %v", got, err)
	}
}
