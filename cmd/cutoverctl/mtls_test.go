package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/speakops/sipedge/configs"
	"github.com/speakops/sipedge/sipedge/admin"
)

// certificates writes ca.crt, and NAME.crt and NAME.key signed by it.
func certificates(t *testing.T, dir string, names ...string) {
	t.Helper()
	write := func(name, kind string, der []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	sign := func(c, by *x509.Certificate, key, with *ecdsa.PrivateKey) []byte {
		der, err := x509.CreateCertificate(rand.Reader, c, by, &key.PublicKey, with)
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	fresh := func() *ecdsa.PrivateKey {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	about := func(n int64, name string) *x509.Certificate {
		return &x509.Certificate{SerialNumber: big.NewInt(n), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	}
	ca, caKey := about(1, "ca"), fresh()
	ca.IsCA, ca.BasicConstraintsValid, ca.KeyUsage = true, true, x509.KeyUsageCertSign
	write("ca.crt", "CERTIFICATE", sign(ca, ca, caKey, caKey))
	for i, name := range names {
		c, key := about(int64(i+2), name), fresh()
		c.IPAddresses, c.ExtKeyUsage = []net.IP{net.IPv4(127, 0, 0, 1)}, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
		write(name+".crt", "CERTIFICATE", sign(c, ca, key, caKey))
		der, err := x509.MarshalECPrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		write(name+".key", "EC PRIVATE KEY", der)
	}
}

// With admin.tls.client_ca nobody is answered who shows no certificate of it,
// whatever his token; with one, the token says what he may.
func TestClientCertificates(t *testing.T) {
	dir, foreign := t.TempDir(), t.TempDir()
	certificates(t, dir, "edge", "anna")
	certificates(t, foreign, "mallory")
	key, err := os.ReadFile(filepath.Join(dir, "edge.key"))
	if err != nil {
		t.Fatal(err)
	}
	tls, err := configs.ServerTLS{Cert: filepath.Join(dir, "edge.crt"), Key: configs.NewSecret(string(key)), ClientCA: filepath.Join(dir, "ca.crt")}.Config()
	if err != nil {
		t.Fatal(err)
	}
	h := &house{}
	s, err := admin.Open(t.Context(), admin.Options{Address: "127.0.0.1:0", TLS: tls, Tokens: []admin.Token{{Name: "viv", Role: admin.Viewer, Hash: admin.Hash(viewer)}}},
		admin.Parts{Health: h, Resources: []admin.Resource{admin.GatewaysOf(h), admin.ReloadBy(h)}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	for name, c := range map[string]struct {
		shows string // lines of the edge's place in cutoverctl.yaml
		token string
		args  string
		code  int
	}{
		"a certificate and a token":  {fmt.Sprintf("cert: %s/anna.crt, key: %s/anna.key", dir, dir), viewer, "gateways", exitOK},
		"no certificate":             {"", viewer, "gateways", exitUnreachable},
		"a certificate of another":   {fmt.Sprintf("cert: %s/mallory.crt, key: %s/mallory.key", foreign, foreign), viewer, "gateways", exitUnreachable},
		"a certificate and no token": {fmt.Sprintf("cert: %s/anna.crt, key: %s/anna.key", dir, dir), "", "gateways", exitForbidden},
		"a role that may not":        {fmt.Sprintf("cert: %s/anna.crt, key: %s/anna.key", dir, dir), viewer, "reload", exitForbidden},
	} {
		t.Run(name, func(t *testing.T) {
			config := filepath.Join(t.TempDir(), "cutoverctl.yaml")
			text := fmt.Sprintf("edges: [ { name: edge-1, url: \"https://%s\", ca: %s/ca.crt, token: %q, %s } ]\n", s.Addr(), dir, c.token, c.shows)
			if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			code, out, errs := call(t, "--config", config, "--edge", "edge-1", c.args)
			if code != c.code || (code == exitOK) != strings.Contains(out, "lg1") {
				t.Errorf("%d, want %d\n%s%s", code, c.code, out, errs)
			}
		})
	}
}
