package sipedge

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/speakops/sipedge/configs"
	"github.com/speakops/sipedge/sipedge/transport"
)

// certificates are the listeners' TLS sides; a reload replaces them.
type certificates struct{ at []atomic.Pointer[tls.Config] }

func (c *certificates) load(cfg *configs.Edge) error {
	loaded := make([]*tls.Config, len(cfg.SIP.Listen))
	for i, l := range cfg.SIP.Listen {
		if protoNamed(l.Transport) != transport.TLS {
			continue
		}
		t, err := l.ServerConfig()
		if err != nil {
			return fmt.Errorf("listener %s: %w", l.Name, err)
		}
		loaded[i] = t
	}
	if c.at == nil {
		c.at = make([]atomic.Pointer[tls.Config], len(loaded))
	}
	for i, t := range loaded {
		if t != nil {
			c.at[i].Store(t)
		}
	}
	return nil
}

// expiry yields how long each listener's certificate is still valid.
func (c *certificates) expiry(e *Edge) func(yield func(string, time.Duration)) {
	return func(yield func(string, time.Duration)) {
		w := e.world.Load()
		for i := range c.at {
			t := c.at[i].Load()
			if t == nil || len(t.Certificates) == 0 || len(t.Certificates[0].Certificate) == 0 {
				continue
			}
			leaf, err := x509.ParseCertificate(t.Certificates[0].Certificate[0])
			if err == nil {
				yield(w.listeners[i].name, time.Until(leaf.NotAfter))
			}
		}
	}
}

func (e *Edge) transportOptions(c *configs.Edge) transport.Options {
	o := transport.Options{Net: e.parts.Net, PerSourceConns: c.Limits.PerSourceConns, Waited: e.waited, Stranger: e.stranger, Dropped: e.dropped, Handshake: e.handshake, Unproven: e.unproven}
	for i, l := range c.SIP.Listen {
		one := transport.Listener{Name: l.Name, Proto: protoNamed(l.Transport), Address: l.Address, Sockets: l.Sockets}
		if one.Proto == transport.TLS {
			one.TLS = e.certs.at[i].Load().Clone()
			one.TLS.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return e.certs.at[i].Load(), nil }
			one.Nameless = func() bool {
				return e.certs.at[i].Load().ClientAuth == tls.NoClientCert || !e.world.Load().byCertificate
			}
		}
		o.Listeners = append(o.Listeners, one)
	}
	return o
}
