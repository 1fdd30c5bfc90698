package conformance

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// authority signs every certificate of a stage.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	der  []byte
}

func must[V any](t testing.TB) func(V, error) V {
	return func(v V, err error) V {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func newCA(t testing.TB) *authority {
	key := must[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "stage"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign}
	der := must[[]byte](t)(x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key))
	return &authority{must[*x509.Certificate](t)(x509.ParseCertificate(der)), key, der}
}

func (a *authority) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}

// issue makes a certificate for a name, good for both ends of a connection.
func (a *authority) issue(t testing.TB, name string) (der []byte, key *ecdsa.PrivateKey) {
	key = must[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	c := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	return must[[]byte](t)(x509.CreateCertificate(rand.Reader, c, a.cert, &key.PublicKey, a.key)), key
}

func (a *authority) server(t testing.TB, name string) *tls.Config {
	der, key := a.issue(t, name)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}

// client shows a certificate for name, none for "".
func (a *authority) client(t testing.TB, name string) *tls.Config {
	c := &tls.Config{RootCAs: a.pool(), ServerName: "edge.example.com"}
	if name != "" {
		c.Certificates = a.server(t, name).Certificates
	}
	return c
}

func (a *authority) file(t testing.TB, dir string) string {
	name := filepath.Join(dir, "ca.crt")
	writePEM(t, name, "CERTIFICATE", a.der)
	return name
}

func (a *authority) files(t testing.TB, dir, name string) (cert, key string) {
	der, private := a.issue(t, name)
	cert, key = filepath.Join(dir, name+".crt"), filepath.Join(dir, name+".key")
	writePEM(t, cert, "CERTIFICATE", der)
	writePEM(t, key, "PRIVATE KEY", must[[]byte](t)(x509.MarshalPKCS8PrivateKey(private)))
	return cert, key
}

func writePEM(t testing.TB, file, kind string, der []byte) {
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}
