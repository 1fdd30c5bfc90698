package memnet_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/speakops/sipedge/sipedge/transport"
	"github.com/speakops/sipedge/sipedge/transport/memnet"
)

var (
	a1  = netip.MustParseAddr("192.0.2.1")
	b1  = netip.MustParseAddr("192.0.2.2")
	b6  = netip.MustParseAddr("2001:db8::2")
	bg  = context.Background()
	any = netip.Addr{}

	_ transport.Net = (*memnet.Host)(nil)
)

func at(a netip.Addr, port uint16) netip.AddrPort { return netip.AddrPortFrom(a, port) }

func open(t *testing.T, h *memnet.Host, a netip.AddrPort) net.PacketConn {
	t.Helper()
	c, err := h.ListenPacket(bg, "udp", a)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func send(t *testing.T, c net.PacketConn, to netip.AddrPort, s string) {
	t.Helper()
	if _, err := c.WriteTo([]byte(s), net.UDPAddrFromAddrPort(to)); err != nil {
		t.Fatal(err)
	}
}

// receive reads what comes until the deadline, as "text from".
func receive(c net.PacketConn, wait time.Duration) (got []string) {
	c.SetReadDeadline(time.Now().Add(wait))
	b := make([]byte, 70000)
	for {
		n, from, err := c.ReadFrom(b)
		if err != nil {
			return got
		}
		got = append(got, string(b[:n])+" "+from.String())
	}
}

func TestDatagramsTakeTheLinksTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		n.SetLink(a1, b1, memnet.Link{Delay: 30 * time.Millisecond})
		a, b := open(t, n.Host(a1), at(a1, 5060)), open(t, n.Host(b1, b6), at(b1, 5060))
		start := time.Now()
		send(t, a, at(b1, 5060), "there")
		buf := make([]byte, 100)
		if _, from, err := b.ReadFrom(buf); err != nil || from.String() != "192.0.2.1:5060" {
			t.Fatalf("from %v, error %v", from, err)
		}
		if d := time.Since(start); d != 30*time.Millisecond {
			t.Errorf("there took %v, want 30ms", d)
		}
		start = time.Now()
		send(t, b, at(a1, 5060), "back")
		a.ReadFrom(buf)
		if d := time.Since(start); d != memnet.Instant {
			t.Errorf("back took %v, want an instant", d)
		}
	})
}

// Two senders at one instant arrive in the order of their addresses, however
// the goroutines ran.
func TestOneInstantHasOneOrder(t *testing.T) {
	for range 20 {
		synctest.Test(t, func(t *testing.T) {
			n := memnet.New()
			b := open(t, n.Host(b1), at(b1, 5060))
			for i := byte(10); i < 30; i++ {
				addr := netip.AddrFrom4([4]byte{192, 0, 2, i})
				c := open(t, n.Host(addr), at(addr, 5060))
				go c.WriteTo([]byte(fmt.Sprint(i)), net.UDPAddrFromAddrPort(at(b1, 5060)))
			}
			for i, s := range receive(b, time.Second) {
				if want := fmt.Sprintf("%d 192.0.2.%d:5060", i+10, i+10); s != want {
					t.Fatalf("arrival %d is %q, want %q", i, s, want)
				}
			}
		})
	}
}

func TestLossAndDuplicationRepeatBySeed(t *testing.T) {
	run := func(seed uint64) (got string) {
		synctest.Test(t, func(t *testing.T) {
			n := memnet.New()
			n.Seed(seed)
			n.SetLink(any, b1, memnet.Link{Loss: 0.3, Duplicate: 0.3, Jitter: 5 * time.Millisecond})
			a, b := open(t, n.Host(a1), at(a1, 5060)), open(t, n.Host(b1), at(b1, 5060))
			for i := range 100 {
				send(t, a, at(b1, 5060), fmt.Sprint(i))
			}
			got = strings.Join(receive(b, time.Second), "\n")
		})
		return got
	}
	one, two, other := run(1), run(1), run(2)
	if one != two {
		t.Error("the same seed gave another story")
	}
	if one == other {
		t.Error("another seed gave the same story")
	}
	if n := strings.Count(one, "\n") + 1; n < 60 || n > 120 {
		t.Errorf("%d of 100 arrived with 30%% lost and 30%% doubled", n)
	}
}

func TestFateAndTapSeeEveryDatagram(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		var seen []string
		n.Tap(func(p memnet.Packet) { seen = append(seen, fmt.Sprintf("%s lost=%v copy=%d", p.Data, p.Lost, p.Copy)) })
		n.SetLink(a1, b1, memnet.Link{Fate: func(p memnet.Packet) []time.Duration {
			switch string(p.Data) {
			case "drop":
				return nil
			case "twice":
				return []time.Duration{time.Millisecond, time.Second}
			}
			return []time.Duration{0}
		}})
		a, b := open(t, n.Host(a1), at(a1, 5060)), open(t, n.Host(b1), at(b1, 5060))
		for _, s := range []string{"drop", "twice", "once"} {
			send(t, a, at(b1, 5060), s)
		}
		send(t, a, at(b1, 9), "nobody")
		if got := receive(b, 2*time.Second); len(got) != 3 || !strings.HasPrefix(got[0], "once") {
			t.Errorf("arrived: %q", got)
		}
		want := "nobody lost=true copy=0|drop lost=true copy=0|once lost=false copy=0|twice lost=false copy=0|twice lost=false copy=1"
		if got := strings.Join(seen, "|"); got != want {
			t.Errorf("tapped:\n%s\nwant:\n%s", got, want)
		}
	})
}

func TestAddressesAndErrorsAreThoseOfAKernel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		h := n.Host(b1, b6)
		c := open(t, h, netip.MustParseAddrPort("[::]:5060"))
		if _, err := h.ListenPacket(bg, "udp", at(b1, 5060)); !errors.Is(err, syscall.EADDRINUSE) {
			t.Errorf("a port in use gave %v", err)
		}
		if _, err := h.ListenPacket(bg, "udp", at(a1, 5060)); !errors.Is(err, syscall.EADDRNOTAVAIL) {
			t.Errorf("a foreign address gave %v", err)
		}
		four := open(t, n.Host(a1), at(a1, 0))
		send(t, four, at(b1, 5060), "v4")
		if got := receive(c, time.Second); len(got) != 1 || got[0] != "v4 192.0.2.1:40000" {
			t.Errorf("on a wildcard socket: %q", got)
		}
		if _, err := four.WriteTo([]byte("x"), net.UDPAddrFromAddrPort(at(b6, 5060))); !errors.Is(err, syscall.ENETUNREACH) {
			t.Errorf("IPv6 from an IPv4 host gave %v", err)
		}
		if _, err := c.WriteTo(make([]byte, 65508), net.UDPAddrFromAddrPort(at(a1, 1))); !errors.Is(err, syscall.EMSGSIZE) {
			t.Errorf("65508 bytes gave %v", err)
		}
		n.SetLink(b1, any, memnet.Link{Err: syscall.EHOSTUNREACH})
		if _, err := c.WriteTo([]byte("x"), net.UDPAddrFromAddrPort(at(a1, 1))); !errors.Is(err, syscall.EHOSTUNREACH) {
			t.Errorf("a link with an error gave %v", err)
		}
		c.SetReadDeadline(time.Time{})
		go func() { time.Sleep(time.Second); c.Close() }()
		if _, _, err := c.ReadFrom(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
			t.Errorf("closing under a reader gave %v", err)
		}
	})
}

// connect makes a connection from a1 to b1:5060.
func connect(t *testing.T, n *memnet.Network) (near, far net.Conn) {
	t.Helper()
	l, err := n.Host(b1).Listen(bg, "tcp", at(b1, 5060))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	if near, err = n.Host(a1).Dial(bg, "tcp", any, at(b1, 5060)); err != nil {
		t.Fatal(err)
	}
	if far, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { near.Close(); far.Close() })
	return near, far
}

func TestStreamsCarryMoreThanTheirWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		n.SetBoth(a1, b1, memnet.Link{Delay: 10 * time.Millisecond, Jitter: 5 * time.Millisecond})
		near, far := connect(t, n)
		want := strings.Repeat("0123456789abcdef", 64<<10)
		go func() {
			io.WriteString(near, want)
			near.(interface{ CloseWrite() error }).CloseWrite()
		}()
		got, err := io.ReadAll(far)
		if err != nil || string(got) != want {
			t.Fatalf("%d of %d bytes, error %v", len(got), len(want), err)
		}
		io.WriteString(far, "answer")
		far.Close()
		if got, err := io.ReadAll(near); err != nil || string(got) != "answer" {
			t.Errorf("the way back: %q, %v", got, err)
		}
	})
}

func TestStreamDeadlinesAndResets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		near, far := connect(t, n)
		near.SetDeadline(time.Now().Add(time.Second))
		start := time.Now()
		if _, err := near.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("read: %v after %v", err, time.Since(start))
		}
		near.SetDeadline(time.Now().Add(time.Second))
		if _, err := near.Write(make([]byte, 1<<20)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("writing to one who does not read: %v", err)
		}
		far.Close() // with bytes unread
		time.Sleep(time.Millisecond)
		near.SetDeadline(time.Time{})
		if _, err := near.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("read after a reset: %v", err)
		}
		if _, err := near.Write([]byte("x")); !errors.Is(err, syscall.EPIPE) {
			t.Errorf("write after a reset: %v", err)
		}
	})
}

func TestDialRefusedSilentAndDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		open(t, n.Host(b1), at(b1, 5060))
		h := n.Host(a1)
		if _, err := h.Dial(bg, "tcp", any, at(b1, 5060)); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("nobody listens: %v", err)
		}
		ctx, cancel := context.WithTimeout(bg, 3*time.Second)
		defer cancel()
		start := time.Now()
		if _, err := h.Dial(ctx, "tcp", any, netip.MustParseAddrPort("192.0.2.99:5060")); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 3*time.Second {
			t.Errorf("no such host: %v after %v", err, time.Since(start))
		}
		near, far := connect(t, n)
		n.SetLink(a1, b1, memnet.Link{Down: true})
		io.WriteString(near, "held")
		far.SetReadDeadline(time.Now().Add(time.Minute))
		if _, err := far.Read(make([]byte, 10)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("over a link that is down came something: %v", err)
		}
		n.SetLink(a1, b1, memnet.Link{})
		far.SetReadDeadline(time.Time{})
		b := make([]byte, 10)
		if k, err := far.Read(b); err != nil || string(b[:k]) != "held" {
			t.Errorf("once up: %q, %v", b[:k], err)
		}
	})
}
