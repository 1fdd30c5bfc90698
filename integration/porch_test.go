package integration

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/speakops/sipedge/integration/internal/lab"
)

// A stranger hears nothing: no 403, no 404, no byte that would tell him that
// somebody is there, or that he could multiply.
func TestStrangersHearNothing(t *testing.T) {
	t.Parallel()
	l, _ := lab.Open(t, lab.Edit{Old: `[ "127.0.0.0/8" ]`, New: `[ "127.0.0.1/32" ]`})
	gateway := l.Gateway("legacy-a", "uas_answered", 0)
	stranger := l.Peer("udp", "127.0.0.2", 0)
	trunk := l.Peer("udp", "127.0.0.1", 0)
	for _, method := range []string{"OPTIONS", "INVITE", "REGISTER", "BYE"} {
		stranger.Send(stranger.Request(method, legacyNumber, lab.Serial(), ""))
	}
	stranger.Send("\r\n\r\n")
	stranger.Send("not SIP at all")
	if code := trunk.Ping(); code != 200 {
		t.Errorf("the trunk's OPTIONS: %d, want 200", code)
	}
	time.Sleep(500 * time.Millisecond)
	if heard := stranger.Heard(""); len(heard) != 0 {
		t.Errorf("a stranger heard %q", heard)
	}
	gateway.Untouched()
}

// A gateway belongs to the house but opens no calls: it is told so.
func TestGatewayMayNotCall(t *testing.T) {
	t.Parallel()
	l, _ := lab.Open(t, lab.Edit{Old: `[ "127.0.0.0/8" ]`, New: `[ "127.0.0.9/32" ]`})
	gateway := l.Peer("udp", "127.0.0.1", l.GatewayPort("legacy-a"))
	id := lab.Serial()
	gateway.Send(gateway.Request("INVITE", legacyNumber, id, ""))
	if code, answer := gateway.Final(id, 2*time.Second); code != 403 {
		t.Errorf("an INVITE from a gateway: %d, want 403\n%s", code, answer)
	}
}

// Nobody rides on a route that this edge did not give out, and nobody speaks in
// a dialog he has no token for.
func TestForeignRoutesAreRefused(t *testing.T) {
	t.Parallel()
	l, _ := lab.Open(t)
	elsewhere := l.Peer("udp", "127.0.0.1", 0) // where the routes lead
	gateway := l.Gateway("legacy-a", "uas_answered", 0)
	p := l.Peer("udp", "127.0.0.1", 0)
	edge := fmt.Sprintf("127.0.0.1:%d", l.Port("5060"))
	for _, c := range []struct{ name, method, to, route string }{
		{"foreign_route", "INVITE", "", "<sip:" + elsewhere.Local() + ";lr>"},
		{"own_route_then_foreign", "INVITE", "", "<sip:" + edge + ";lr>, <sip:" + elsewhere.Local() + ";lr>"},
		{"forged_token", "INVITE", ";tag=x", "<sip:" + strings.Repeat("A", 100) + "@" + edge + ";lr>, <sip:" + elsewhere.Local() + ";lr>"},
		{"bye_without_token", "BYE", ";tag=x", ""},
		{"bye_forged_token", "BYE", ";tag=x", "<sip:" + strings.Repeat("A", 100) + "@" + edge + ";lr>"},
		{"bye_foreign_route", "BYE", ";tag=x", "<sip:" + elsewhere.Local() + ";lr>"},
	} {
		t.Run(c.name, func(t *testing.T) {
			id, more := lab.Serial(), ""
			if c.route != "" {
				more = "Route: " + c.route + "\r\n"
			}
			request := p.Request(c.method, legacyNumber, id, more)
			request = strings.Replace(request, "To: <sip:"+legacyNumber+"@127.0.0.1>", "To: <sip:"+legacyNumber+"@127.0.0.1>"+c.to, 1)
			p.Send(request)
			if code, answer := p.Final(id, 2*time.Second); code != 403 && code != 481 {
				t.Errorf("got %d, want 403 or 481\n%s", code, answer)
			}
		})
	}
	if heard := elsewhere.Heard(""); len(heard) != 0 {
		t.Errorf("the edge sent to a foreign route: %q", heard)
	}
	gateway.Untouched()
}

// What begins no call here is refused by name.
func TestMethodsOutsideDialogs(t *testing.T) {
	t.Parallel()
	l, _ := lab.Open(t)
	p := l.Peer("udp", "127.0.0.1", 0)
	for _, method := range []string{"REGISTER", "SUBSCRIBE", "PUBLISH", "REFER", "MESSAGE", "INFO"} {
		id := lab.Serial()
		p.Send(p.Request(method, legacyNumber, id, ""))
		code, answer := p.Final(id, 2*time.Second)
		if code != 405 || !strings.Contains(lab.Header(answer, "Allow"), "INVITE") {
			t.Errorf("%s: %d, want 405 with Allow\n%s", method, code, answer)
		}
	}
}

// Two CRLFs are a keep-alive and answered with one (RFC 5626 4.4.1), and a
// message may come in as many pieces as TCP likes.
func TestTCPStreams(t *testing.T) {
	t.Parallel()
	l, _ := lab.Open(t)
	c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", l.Port("5060")))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(5 * time.Second))
	c.Write([]byte("\r\n\r\n"))
	pong := make([]byte, 2)
	if _, err := c.Read(pong); err != nil || string(pong) != "\r\n" {
		t.Errorf("keep-alive answered with %q, %v", pong, err)
	}
	p := lab.NewPeer(t, c)
	one, two, three := lab.Serial(), lab.Serial(), lab.Serial()
	for _, b := range []byte(p.Request("OPTIONS", "", one, "")) {
		p.Send(string(b))
	}
	p.Send(p.Request("OPTIONS", "", two, "") + "\r\n\r\n" + p.Request("OPTIONS", "", three, ""))
	for _, id := range []string{one, two, three} {
		if code, _ := p.Final(id, 2*time.Second); code != 200 {
			t.Errorf("OPTIONS in a stream: %d, want 200", code)
		}
	}
}

// Over TLS a trunk is known by its certificate, wherever it comes from; without
// one nobody gets as far as a message.
func TestTLSTrunk(t *testing.T) {
	t.Parallel()
	l := lab.New(t, lab.Edit{Old: `    sources: [ "127.0.0.0/8" ]`, New: "    tls_subject: carrier.example.net"})
	ca := newCA(t)
	cert, key := ca.issue(t, l.Dir, "edge.example.com")
	root := l.Dir + "/ca.crt"
	writePEM(t, root, "CERTIFICATE", ca.der)
	port := lab.FreePort(t)
	l.Edit("    - { name: tcp, ", fmt.Sprintf(
		"    - { name: tls, transport: tls, address: \"127.0.0.1:%d\", cert: %s, key: \"file:%s\", client_ca: %s }\n    - { name: tcp, ", port, cert, key, root))
	l.Import()
	l.Serve("edge")
	gateway := l.Gateway("legacy-a", "uas_busy", 1)
	dial := func(name string) (*tls.Conn, error) {
		c := &tls.Config{RootCAs: ca.pool(), ServerName: "edge.example.com"}
		if name != "" {
			certFile, keyFile := ca.issue(t, l.Dir, name)
			pair, err := tls.LoadX509KeyPair(certFile, keyFile)
			if err != nil {
				t.Fatal(err)
			}
			c.Certificates = []tls.Certificate{pair}
		}
		// Not from 127.0.0.1, where the gateways live: they may knock without a certificate.
		d := &net.Dialer{Timeout: 3 * time.Second, LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
		return tls.DialWithDialer(d, "tcp", fmt.Sprintf("127.0.0.1:%d", port), c)
	}

	known, err := dial("carrier.example.net")
	if err != nil {
		t.Fatal(err)
	}
	p, id := lab.NewPeer(t, known), lab.Serial()
	request := strings.Replace(p.Request("INVITE", legacyNumber, id, ""), "SIP/2.0/TCP", "SIP/2.0/TLS", 1)
	p.Send(request)
	code, answer := p.Final(id, 3*time.Second)
	if code != 486 {
		t.Errorf("the carrier's call: %d, want the gateway's 486\n%s", code, answer)
	}
	p.Send(p.Ack(answer))
	gateway.Passed()

	for _, name := range []string{"", "stranger.example.org"} {
		c, err := dial(name)
		if err != nil {
			continue // refused in the handshake
		}
		p := lab.NewPeer(t, c)
		if code := p.Ping(); code != 0 {
			t.Errorf("certificate %q: OPTIONS answered %d, want silence", name, code)
		}
	}
}

type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	der  []byte
}

func newCA(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "laboratory"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	if c, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return &authority{c, key, der}
}

func (a *authority) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}

// issue writes a certificate for a name, good for both ends of a connection.
func (a *authority) issue(t *testing.T, dir, name string) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, c, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile = dir+"/"+name+".crt", dir+"/"+name+".key"
	writePEM(t, certFile, "CERTIFICATE", der)
	writePEM(t, keyFile, "PRIVATE KEY", private)
	return certFile, keyFile
}

func writePEM(t *testing.T, file, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}
