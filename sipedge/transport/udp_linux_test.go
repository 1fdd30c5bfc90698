package transport

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/speakops/sipedge/sipedge/message"
)

// A path that lost its ICMP would swallow every large INVITE if datagrams forbade
// their fragmentation: no socket sets DF, of either family.
func TestFragmentationIsAllowed(t *testing.T) {
	for _, at := range []string{"127.0.0.1:0", "[::1]:0", "[::]:0"} {
		ap := netip.MustParseAddrPort(at)
		pc, err := kernel{}.ListenPacket(context.Background(), map[bool]string{true: "udp4", false: "udp"}[ap.Addr().Is4()], ap)
		if err != nil {
			t.Fatal(err)
		}
		k, err := takeOver(pc.(*net.UDPConn))
		if err != nil {
			t.Fatal(err)
		}
		defer k.close()
		if got, err := unix.GetsockoptInt(k.fd, unix.IPPROTO_IP, unix.IP_MTU_DISCOVER); err != nil || got != unix.IP_PMTUDISC_DONT {
			t.Errorf("%s: IP_MTU_DISCOVER is %d, %v", at, got, err)
		}
		if !k.six {
			continue
		}
		if got, err := unix.GetsockoptInt(k.fd, unix.IPPROTO_IPV6, unix.IPV6_MTU_DISCOVER); err != nil || got != unix.IPV6_PMTUDISC_DONT {
			t.Errorf("%s: IPV6_MTU_DISCOVER is %d, %v", at, got, err)
		}
	}
}

// How long a datagram lay in the kernel is known to the reader. The kernel turns
// its timestamps on some time after the first socket asks for them, and until
// then a datagram is stamped when it is read: so there are some tries.
func TestWaitsAreMeasured(t *testing.T) {
	var second time.Duration
	for range 20 {
		if second = waited(t, 100*time.Millisecond); second >= 90*time.Millisecond {
			return
		}
	}
	t.Errorf("a datagram waited 100 ms for its reader, and %v is known of it", second)
}

// waited is what a layer knows of a datagram that waited so long for its reader.
func waited(t *testing.T, long time.Duration) time.Duration {
	t.Helper()
	waits := make(chan time.Duration, 64)
	block := make(chan struct{})
	var once sync.Once
	o := Options{
		Listeners: []Listener{{Name: "a", Address: netip.MustParseAddrPort("127.0.0.1:0")}},
		Waited:    func(d time.Duration, _ time.Time) { waits <- d; once.Do(func() { <-block }) },
	}
	l, err := Open(t.Context(), o, &echo{})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- l.Serve(t.Context()) }()
	defer func() { l.Close(); <-done }()
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(l.Addr(0)))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.Write([]byte("not SIP, but longer than a keep-alive"))
	<-waits
	c.Write([]byte("this one waits until the reader is back"))
	time.Sleep(long)
	close(block)
	return <-waits
}

func TestKernelDropsAreSeen(t *testing.T) {
	hold := make(chan struct{})
	r := &recorder{receive: func(Flow, *message.Message) { <-hold }}
	l := start(t, Options{Listeners: listeners("udp 127.0.0.1:0")}, r)
	defer close(hold)
	c := dialUDP(t, l.Addr(0))
	big := request("INFO", 60000)
	for began := time.Now(); l.KernelDrops(0) == 0; { // 4 MB fit, nobody reads
		if c.Write(big); time.Since(began) > 5*time.Second {
			t.Fatal("no drops seen")
		}
	}
}
