package configs

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
)

// Config is the client side of a TLS connection, 1.2 or newer. File names that
// are relative have been resolved by Load.
func (t ClientTLS) Config() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName}
	if t.CA != "" {
		pool, err := readPool(t.CA)
		if err != nil {
			return nil, err
		}
		c.RootCAs = pool
	}
	if t.Cert != "" {
		pair, err := readPair(t.Cert, t.Key)
		if err != nil {
			return nil, err
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

// ServerConfig is the listener's side of TLS, 1.2 or newer. With a client_ca a
// client may show a certificate, which then must be good; trunks known by their
// address share the listener and have none.
func (l Listener) ServerConfig() (*tls.Config, error) {
	c, err := ServerTLS{Cert: l.Cert, Key: l.Key, ClientCA: l.ClientCA}.Config()
	if err == nil && l.ClientCA != "" {
		c.ClientAuth = tls.VerifyClientCertIfGiven
	}
	return c, err
}

// Config is the server side of TLS, 1.2 or newer. With a client_ca every client
// must show a certificate signed by it.
func (t ServerTLS) Config() (*tls.Config, error) {
	pair, err := readPair(t.Cert, t.Key)
	if err != nil {
		return nil, err
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}}
	if t.ClientCA != "" {
		if c.ClientCAs, err = readPool(t.ClientCA); err != nil {
			return nil, err
		}
		c.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return c, nil
}

func readPair(cert string, key Secret) (tls.Certificate, error) {
	data, err := os.ReadFile(cert)
	if err != nil {
		return tls.Certificate{}, err
	}
	pair, err := tls.X509KeyPair(data, []byte(key.Reveal()))
	if err != nil {
		return pair, fmt.Errorf("%s does not go with its key: %w", cert, err)
	}
	return pair, nil
}

func readPool(file string) (*x509.CertPool, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(data) {
		return nil, fmt.Errorf("%s holds no certificate", file)
	}
	return pool, nil
}

// resolve makes relative files and folders absolute, from dir on: the working
// folder may be another when they are opened.
func (e *Edge) resolve(dir string) {
	absolute := func(names ...*string) {
		for _, name := range names {
			if *name != "" && !filepath.IsAbs(*name) {
				*name = filepath.Join(dir, *name)
			}
		}
	}
	absolute(&e.Edge.DataDir)
	for i := range e.SIP.Listen {
		absolute(&e.SIP.Listen[i].Cert, &e.SIP.Listen[i].ClientCA)
	}
	if t := e.Redis.TLS; t != nil {
		absolute(&t.CA, &t.Cert)
	}
	if t := e.Admin.TLS; t != nil {
		absolute(&t.Cert, &t.ClientCA)
	}
	for i := range e.Routes {
		for j := range e.Routes[i].Gateways {
			t := &e.Routes[i].Gateways[j].Egress.TLS
			absolute(&t.CA, &t.Cert)
		}
	}
}
