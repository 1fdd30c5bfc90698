package gateway

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math"
	"math/big"
	mrand "math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/speakops/sipedge/sipedge/gateway/health"
	"github.com/speakops/sipedge/sipedge/gateway/locate"
	"github.com/speakops/sipedge/sipedge/transport"
)

func TestNumericTargetsNeedNoLookup(t *testing.T) {
	w := newWorld()
	k := w.keeper()
	defer k.Close()
	s := load(t, k, gws(Probe{}, "sip:192.0.2.1:5060;transport=udp", "sip:192.0.2.2", "sip:[2001:db8::1];transport=tcp", "sips:192.0.2.4"))
	for i, want := range []string{"udp 192.0.2.1:5060", "udp 192.0.2.2:5060", "tcp [2001:db8::1]:5060", "tls 192.0.2.4:5061"} {
		if got := targets(s, i); got != want {
			t.Errorf("gateway %d: got %s want %s", i, got, want)
		}
		if !s.Alive(i) {
			t.Errorf("gateway %d is not tried", i)
		}
	}
	for i, want := range []bool{false, true, false, false} {
		if list, _ := s.Targets(i, nil); list[0].HasTCP != want {
			t.Errorf("gateway %d: HasTCP is %v", i, !want)
		}
	}
	list, _ := s.Targets(3, nil)
	if list[0].TLS == nil || list[0].TLS.Config.ServerName != "192.0.2.4" {
		t.Errorf("TLS target: %+v", list[0].TLS)
	}
	if list[0].Gateway != s.Gateway(3) || list[0].Gateway.ID != "g3" {
		t.Error("the target does not say whose it is")
	}
	if len(w.lookups) != 0 {
		t.Errorf("looked up: %v", w.lookups)
	}
}

func TestTargetsFollowRankAndWeight(t *testing.T) {
	bubble(t, gws(Probe{}, "sip:x.example"), func(t *testing.T, w *world, k *Keeper) {
		w.do(func() {
			w.names["x.example"] = "udp 192.0.2.9:5060 2 0, udp 192.0.2.1:5060 1 10, udp 192.0.2.2:5060+192.0.2.3:5060 1 30, udp 192.0.2.4:5060 1 0"
			w.slow = 0
		})
		time.Sleep(lookupAgain)
		synctest.Wait()
		k.opts.Draw = mrand.New(mrand.NewPCG(1, 2)).Uint64
		first := map[string]int{}
		const n = 40000
		for range n {
			list, _ := k.Set().Targets(0, nil)
			if len(list) != 5 || list[4].Addr.String() != "192.0.2.9:5060" {
				t.Fatalf("order: %v", list)
			}
			for i, tg := range list {
				if tg.Addr.String() == "192.0.2.2:5060" && list[i+1].Addr.String() != "192.0.2.3:5060" {
					t.Fatalf("addresses of one server were torn apart: %v", list)
				}
			}
			first[list[0].Addr.Addr().String()]++
		}
		for addr, share := range map[string]float64{"192.0.2.1": .25, "192.0.2.2": .75} {
			if got := float64(first[addr]) / n; math.Abs(got-share) > 0.02 {
				t.Errorf("%s was first in %.3f of draws, want %.2f", addr, got, share)
			}
		}
		if first["192.0.2.4"] > n/1000 {
			t.Errorf("weight 0 was first %d times", first["192.0.2.4"])
		}
	})
}

func TestEqualZeroWeightsShareEvenly(t *testing.T) {
	bubble(t, gws(Probe{}, "sip:x.example"), func(t *testing.T, w *world, k *Keeper) {
		w.do(func() { w.names["x.example"] = "udp 192.0.2.1:5060 1 0, udp 192.0.2.2:5060 1 0" })
		time.Sleep(lookupAgain)
		synctest.Wait()
		k.opts.Draw = mrand.New(mrand.NewPCG(3, 4)).Uint64
		n := 0
		for range 10000 {
			if list, _ := k.Set().Targets(0, nil); list[0].Addr.Addr().String() == "192.0.2.1" {
				n++
			}
		}
		if n < 4700 || n > 5300 {
			t.Errorf("first %d times of 10000", n)
		}
	})
}

func TestDeadAddressIsSteppedOver(t *testing.T) {
	bubble(t, gws(Probe{}, "sip:x.example"), func(t *testing.T, w *world, k *Keeper) {
		w.do(func() { w.names["x.example"] = "udp 192.0.2.1:5060 1 0, udp 192.0.2.2:5060 2 0" })
		time.Sleep(lookupAgain)
		synctest.Wait()
		s := k.Set()
		both := "udp 192.0.2.1:5060, udp 192.0.2.2:5060"
		if got := targets(s, 0); got != both {
			t.Fatal(got)
		}
		w.told()
		report(s, "192.0.2.1:5060", health.Silent, health.Silent)
		if got := targets(s, 0); got != "udp 192.0.2.2:5060" || !s.Alive(0) {
			t.Errorf("alive %v: %s", s.Alive(0), got)
		}
		report(s, "192.0.2.2:5060", health.Unreachable, health.Unreachable)
		if got := targets(s, 0); got != both || s.Alive(0) {
			t.Errorf("all dark, alive %v: %s", s.Alive(0), got)
		}
		report(s, "192.0.2.2:5060", health.Answered)
		if got := targets(s, 0); got != "udp 192.0.2.2:5060" || !s.Alive(0) {
			t.Errorf("one is back, alive %v: %s", s.Alive(0), got)
		}
		want := "r/g0 192.0.2.1:5060 unknown>dark call_silent\n" +
			"r/g0 192.0.2.2:5060 unknown>dark call_unreachable\nr/g0 whole unknown>dark call_unreachable\n" +
			"r/g0 192.0.2.2:5060 dark>up call_answered\nr/g0 whole dark>up call_answered"
		if got := w.told(); got != want {
			t.Errorf("told\n%s\nwant\n%s", got, want)
		}
		s.Report(0, transport.TCP, netip.MustParseAddrPort("192.0.2.2:5060"), health.Outcome{Result: health.Unreachable})
		report(s, "203.0.113.1:5060", health.Silent, health.Silent)
		if got := w.told(); got != "" {
			t.Errorf("an address that is not the gateway's made a difference: %s", got)
		}
		time.Sleep(health.FirstHold)
		synctest.Wait()
		if got := targets(s, 0); got != both {
			t.Errorf("time did not end the darkness: %s", got)
		}
	})
}

func TestRetryAfterEndsByItself(t *testing.T) {
	bubble(t, gws(Probe{Every: 10 * time.Second}, "sip:192.0.2.1"), func(t *testing.T, w *world, k *Keeper) {
		s := k.Set()
		s.Report(0, transport.UDP, netip.MustParseAddrPort("192.0.2.1:5060"), health.Outcome{Result: health.Unavailable, RetryAfter: 45 * time.Second})
		time.Sleep(45*time.Second - time.Millisecond)
		if s.Alive(0) {
			t.Error("a probe cut a Retry-After short")
		}
		time.Sleep(2 * time.Millisecond)
		synctest.Wait()
		if !s.Alive(0) {
			t.Error("still dark after the time the gateway named")
		}
	})
}

func TestCompileTellsEveryMistake(t *testing.T) {
	k := newWorld().keeper()
	defer k.Close()
	list := gws(Probe{}, "sip:192.0.2.1", "tel:+12025550100", "sip:x.example", "sip:192.0.2.4", "sip:192.0.2.5")
	list[2].TLS.CA = "nonsense"
	list[3].Index = 0
	list[4].ID = "g0"
	list[4].Probe.Every = time.Millisecond
	_, err := k.Compile(list)
	for _, word := range []string{`gateway "g1": scheme`, `gateway "g2": tls ca`, `gateway "g3": index 0`, "is there twice", "probe every 1ms"} {
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%q is not in: %v", word, err)
		}
	}
	v4 := gws(Probe{}, "sip:[2001:db8::1]")
	v4[0].NoIPv6 = true
	if _, err := k.Compile(v4); err == nil || !strings.Contains(err.Error(), "family") {
		t.Errorf("an IPv6 gateway behind an IPv4 listener: %v", err)
	}
	if k.Set().Len() != 0 {
		t.Error("a set that does not compile took effect")
	}
}

func TestClientTLS(t *testing.T) {
	cert, key := selfSigned(t)
	k := newWorld().keeper()
	defer k.Close()
	list := gws(Probe{}, "sip:192.0.2.1;transport=tls")
	list[0].TLS = ClientTLS{CA: cert, Cert: cert, Key: key, ServerName: "gw.example"}
	s := load(t, k, list)
	first, _ := s.Targets(0, nil)
	conf := first[0].TLS.Config
	if conf.ServerName != "gw.example" || conf.RootCAs == nil || len(conf.Certificates) != 1 {
		t.Errorf("config: %+v", conf)
	}
	again, _ := load(t, k, list).Targets(0, nil)
	if again[0].TLS != first[0].TLS {
		t.Error("a reload without a change would break connections")
	}
	list[0].TLS.ServerName = "other.example"
	changed, _ := load(t, k, list).Targets(0, nil)
	if changed[0].TLS == first[0].TLS || changed[0].TLS.Config.ServerName != "other.example" {
		t.Error("a changed identity was not taken")
	}
}

func selfSigned(t *testing.T) (cert, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"gw.example"}}
	der, err := x509.CreateCertificate(rand.Reader, c, c, k.Public(), k)
	if err != nil {
		t.Fatal(err)
	}
	pk, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pk}))
}

func TestTooManyAddresses(t *testing.T) {
	var servers []locate.Server
	for r := range 10 {
		s := locate.Server{Rank: 10 - r}
		for a := range 8 {
			s.Addrs = append(s.Addrs, netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, byte(r / 2), byte(a)}), 5060))
		}
		servers = append(servers, s)
	}
	n := 0
	for i, s := range bounded(servers) {
		n += len(s.Addrs)
		if s.Rank <= i {
			t.Errorf("server %d has rank %d", i, s.Rank)
		}
	}
	if n != MaxTargets {
		t.Errorf("%d addresses kept", n)
	}
}
