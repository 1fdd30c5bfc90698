package transport

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// authority is a CA for one test.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
	next int64
}

func newCA(t *testing.T) *authority {
	t.Helper()
	a := &authority{pool: x509.NewCertPool(), next: 1}
	a.cert, a.key = a.make(t, &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign, Subject: pkix.Name{CommonName: "test CA"}})
	a.pool.AddCert(a.cert)
	return a
}

func (a *authority) make(t *testing.T, c *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	a.next++
	c.SerialNumber, c.NotBefore, c.NotAfter = big.NewInt(a.next), time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, _ := x509.ParseCertificate(der)
	return cert, key
}

func (a *authority) leaf(t *testing.T, c *x509.Certificate) tls.Certificate {
	cert, key := a.make(t, c)
	return tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key}
}

// mutual is the server side of a TLS listener that wants client certificates.
func mutual(t *testing.T, a *authority) *tls.Config {
	return &tls.Config{ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: a.pool,
		Certificates: []tls.Certificate{a.leaf(t, &x509.Certificate{DNSNames: []string{"edge.example.com"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}})}}
}

func TestTLSNamesDecideStanding(t *testing.T) {
	ca := newCA(t)
	uri, _ := url.Parse("sip:trunk.example.com")
	client := ca.leaf(t, &x509.Certificate{DNSNames: []string{"a.example.com", "b.example.com"}, URIs: []*url.URL{uri},
		Subject: pkix.Name{CommonName: "trunk"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	r := &recorder{answer: true, standing: func(_ Flow, names []string) Standing {
		if slices.Contains(names, "b.example.com") {
			return Trunk
		}
		return Stranger
	}}
	ls := listeners("tls 127.0.0.1:0")
	ls[0].TLS = mutual(t, ca)
	l := start(t, Options{Listeners: ls}, r)
	cfg := &tls.Config{RootCAs: ca.pool, Certificates: []tls.Certificate{client}, ServerName: "edge.example.com"}
	c, err := tls.Dial("tcp", l.Addr(0).String(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(5 * time.Second))
	c.Write(request("OPTIONS", 0))
	s := r.want(t, "OPTIONS")
	if got := strings.Join(s.names, " "); got != "trunk.example.com a.example.com b.example.com" {
		t.Errorf("names %q", got)
	}
	if got := read(t, c); !strings.HasPrefix(got, "SIP/2.0 200 OK") || s.flow.Proto != TLS {
		t.Errorf("answer %q on %v", got, s.flow.Proto)
	}
	c.Close()
	r.want(t, "lost")

	// Nobody in particular, and somebody another CA vouches for.
	for name, certs := range map[string][]tls.Certificate{"none": nil, "foreign": {newCA(t).leaf(t, &x509.Certificate{DNSNames: []string{"b.example.com"}})}} {
		c, err := tls.Dial("tcp", l.Addr(0).String(), &tls.Config{RootCAs: ca.pool, Certificates: certs, ServerName: "edge.example.com"})
		if err == nil {
			c.SetDeadline(time.Now().Add(5 * time.Second))
			c.Write(request("OPTIONS", 0))
			if got := closed(t, c); got != "" {
				t.Errorf("%s: it said %q", name, got)
			}
			c.Close()
		}
		r.silent(t, 30*time.Millisecond)
	}
}

// What a certificate proves is what RFC 5922 section 7.1 reads in it, not every
// string that its issuer let through.
func TestWhatACertificateProves(t *testing.T) {
	ca := newCA(t)
	uris := func(texts ...string) (list []*url.URL) {
		for _, text := range texts {
			u, err := url.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, u)
		}
		return list
	}
	carrier := pkix.Name{CommonName: "carrier.example.net"}
	for _, c := range []struct {
		name string
		cert x509.Certificate
		want string
	}{
		{"DNS names", x509.Certificate{DNSNames: []string{"a.example.com", "b.example.com"}}, "a.example.com b.example.com"},
		{"a SIP URI's domain", x509.Certificate{URIs: uris("sip:carrier.example.net")}, "carrier.example.net"},
		{"and its parameters", x509.Certificate{URIs: uris("sip:carrier.example.net;transport=tls")}, "carrier.example.net"},
		{"named twice", x509.Certificate{URIs: uris("sip:a.example.com"), DNSNames: []string{"a.example.com"}}, "a.example.com"},
		{"no domain: a user of it", x509.Certificate{Subject: carrier, URIs: uris("sip:alice@carrier.example.net")}, ""},
		{"no domain: another scheme", x509.Certificate{Subject: carrier, URIs: uris("https://carrier.example.net", "sips:carrier.example.net", "sip://carrier.example.net")}, ""},
		{"no domain: a wildcard", x509.Certificate{DNSNames: []string{"*.example.net"}}, ""},
		{"the common name where there is nothing else", x509.Certificate{Subject: carrier}, "carrier.example.net"},
		{"not the common name beside a DNS name", x509.Certificate{Subject: carrier, DNSNames: []string{"a.example.com"}}, "a.example.com"},
		{"not the common name beside an address", x509.Certificate{Subject: carrier, IPAddresses: []net.IP{net.IPv4(192, 0, 2, 1)}}, ""},
	} {
		cert, _ := ca.make(t, &c.cert)
		chain := []*x509.Certificate{cert, ca.cert}
		if got := strings.Join(names(tls.ConnectionState{PeerCertificates: chain, VerifiedChains: [][]*x509.Certificate{chain}}), " "); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
		if got := names(tls.ConnectionState{PeerCertificates: chain}); got != nil {
			t.Errorf("%s: an unverified certificate proves %q", c.name, got)
		}
	}
}

// Where no certificate could make a difference a stranger is not worth a handshake,
// also when the certificates may change; where one could, he is.
func TestStrangersGetNoHandshakeForNothing(t *testing.T) {
	ca := newCA(t)
	for nameless, want := range map[bool]uint64{true: 0, false: 1} {
		var hellos atomic.Uint64
		r := &recorder{standing: func(Flow, []string) Standing { return Stranger }}
		ls := listeners("tls 127.0.0.1:0")
		current := mutual(t, ca)
		ls[0].TLS = current.Clone()
		ls[0].TLS.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { hellos.Add(1); return current, nil }
		ls[0].Nameless = func() bool { return nameless }
		l := start(t, Options{Listeners: ls}, r)
		c, err := tls.Dial("tcp", l.Addr(0).String(), &tls.Config{RootCAs: ca.pool, ServerName: "edge.example.com"})
		if nameless == (err == nil) {
			t.Errorf("nameless %v: the handshake ended with %v", nameless, err)
		}
		if err == nil {
			closed(t, c)
		}
		for deadline := time.Now().Add(5 * time.Second); l.Counters().Strangers.Load() == 0 && time.Now().Before(deadline); {
			time.Sleep(time.Millisecond)
		}
		if n := hellos.Load(); n != want || l.Counters().Strangers.Load() != 1 {
			t.Errorf("nameless %v: %d handshakes were begun, want %d; %d strangers", nameless, n, want, l.Counters().Strangers.Load())
		}
	}
}

// Where anybody may have a certificate, a stranger's handshakes are counted; those of
// addresses that say something are not.
func TestHandshakesOfStrangersAreRationed(t *testing.T) {
	ca := newCA(t)
	var asked atomic.Uint64
	r := &recorder{standing: func(f Flow, names []string) Standing {
		if f.Peer.Addr() == netip.MustParseAddr("127.0.0.1") {
			return Trunk
		}
		return Stranger
	}}
	ls := listeners("tls 127.0.0.1:0")
	ls[0].TLS = mutual(t, ca)
	l := start(t, Options{Listeners: ls, Handshake: func(Flow) bool { return asked.Add(1) <= 2 }}, r)
	from := func(ip string) error {
		d := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(ip)}, Timeout: 5 * time.Second}
		c, err := tls.DialWithDialer(d, "tcp", l.Addr(0).String(), &tls.Config{RootCAs: ca.pool, ServerName: "edge.example.com"})
		if err == nil {
			c.Close()
		}
		return err
	}
	for i := range 5 {
		if err := from("127.0.0.2"); (err == nil) != (i < 2) {
			t.Errorf("handshake %d of a stranger: %v", i, err)
		}
	}
	if err := from("127.0.0.1"); err != nil || asked.Load() != 5 {
		t.Errorf("the handshake of a trunk: %v, %d questions", err, asked.Load())
	}
}

func TestTLSHandshakesAreBounded(t *testing.T) {
	ca := newCA(t)
	r := &recorder{}
	ls := listeners("tls 127.0.0.1:0")
	ls[0].TLS = mutual(t, ca)
	l := start(t, Options{Listeners: ls, ReadTimeout: 200 * time.Millisecond, MaxConns: 10}, r)
	began := time.Now()
	var silent []net.Conn
	for range 5 { // half of all may be unproven
		silent = append(silent, dialTCP(t, l.Addr(0)))
	}
	time.Sleep(50 * time.Millisecond)
	if got := closed(t, dialTCP(t, l.Addr(0))); got != "" || time.Since(began) > 180*time.Millisecond {
		t.Errorf("a sixth handshake was taken on: %q after %v", got, time.Since(began))
	}
	for _, c := range silent {
		closed(t, c)
	}
	if d := time.Since(began); d > 2*time.Second {
		t.Errorf("silent handshakes lasted %v", d)
	}
	old := &tls.Config{RootCAs: ca.pool, ServerName: "edge.example.com", MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}
	if c, err := tls.Dial("tcp", l.Addr(0).String(), old); err == nil {
		c.Close()
		t.Error("TLS 1.1 was accepted")
	}
	c, err := tls.Dial("tcp", l.Addr(0).String(), &tls.Config{RootCAs: ca.pool, ServerName: "edge.example.com"})
	if err != nil {
		t.Fatalf("after the storm: %v", err)
	}
	c.Write(request("OPTIONS", 0))
	r.want(t, "OPTIONS")
	c.Close()
	r.want(t, "lost")
}

func TestConnectOverTLS(t *testing.T) {
	ca := newCA(t)
	gateway := &recorder{answer: true}
	gls := listeners("tls 127.0.0.1:0")
	gls[0].TLS = mutual(t, ca)
	far := start(t, Options{Listeners: gls}, gateway)

	r := &recorder{}
	ls := listeners("tls 127.0.0.1:0")
	ls[0].TLS = mutual(t, ca)
	l := start(t, Options{Listeners: ls}, r)
	us := ca.leaf(t, &x509.Certificate{DNSNames: []string{"us.example.com"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	named := &TLSTarget{Config: &tls.Config{RootCAs: ca.pool, ServerName: "edge.example.com", Certificates: []tls.Certificate{us}}}
	unnamed := &TLSTarget{Config: &tls.Config{RootCAs: ca.pool}} // expects the address in the certificate
	wrong := &TLSTarget{Config: &tls.Config{RootCAs: ca.pool, ServerName: "other.example.com"}}

	f, err := l.Connect(TLS, 0, far.Addr(0), named)
	if err != nil {
		t.Fatal(err)
	}
	l.Send(f, request("OPTIONS", 0))
	if s := gateway.want(t, "OPTIONS"); !slices.Contains(s.names, "us.example.com") {
		t.Errorf("the gateway saw %q", s.names)
	}
	if s := r.want(t, "200"); s.flow != f {
		t.Errorf("the answer came on %+v, want %+v", s.flow, f)
	}
	g, _ := l.Connect(TLS, 0, far.Addr(0), unnamed)
	if g == f {
		t.Error("another target shares the connection")
	}
	l.Send(g, request("OPTIONS", 0))
	r.want(t, "200")
	h, _ := l.Connect(TLS, 0, far.Addr(0), wrong)
	l.Send(h, request("OPTIONS", 0))
	s := r.want(t, "lost")
	if _, ok := errors.AsType[*tls.CertificateVerificationError](s.err); s.flow != h || !ok {
		t.Errorf("lost %+v: %v", s.flow, s.err)
	}
	if _, err := l.Connect(TLS, 0, netip.MustParseAddrPort("127.0.0.1:1"), nil); err == nil {
		t.Error("TLS without a target was accepted")
	}
}
