package transport

import (
	"crypto/tls"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/speakops/sipedge/ratelimit"
)

// acceptLoop takes connections until the Layer closes. Running out of
// descriptors is a bad minute, not the end: it waits and goes on.
func (l *Layer) acceptLoop(i uint8) {
	p := &l.ports[i]
	wait := time.Duration(0)
	for !l.closing.Load() {
		nc, err := p.accept.Accept()
		if err == nil {
			wait = 0
			l.admit(i, nc)
			continue
		}
		if l.closing.Load() {
			return
		}
		l.counters.AcceptErrors.Add(1)
		if wait == 0 {
			l.o.Logf(int(slog.LevelWarn), "accepting connections failed, going on", "listener", p.Name, "error", err)
		}
		if errors.Is(err, net.ErrClosed) {
			return // closed by somebody else: nothing more will come
		}
		wait = min(max(2*wait, 5*time.Millisecond), time.Second)
		l.pause(wait)
	}
}

// admit starts a connection's goroutine, within the caps.
func (l *Layer) admit(i uint8, nc net.Conn) {
	from := addrPort(nc.RemoteAddr())
	if !l.conns.enter(ratelimit.Home(from.Addr()), l.o.PerSourceConns, l.o.MaxConns) {
		l.counters.ConnsRefused.Add(1)
		nc.Close()
		return
	}
	l.counters.ConnsIn.Add(1)
	l.wg.Go(func() { l.accepted(i, nc, from) })
}

// accepted is the whole life of a peer's connection.
func (l *Layer) accepted(i uint8, nc net.Conn, from netip.AddrPort) {
	c := &conn{l: l, flow: Flow{Proto: l.ports[i].Proto, Listener: i, Peer: from}}
	c.wire = newWire(c, nc)
	c.nc, c.into = c.wire, c.wire
	proven := l.introduce(c)
	defer func() {
		l.counters.ConnsIn.Add(-1)
		l.conns.leave(ratelimit.Home(from.Addr()), proven)
	}()
	if !proven {
		nc.Close()
		return
	}
	l.counters.Accepted.Add(1)
	c.serve()
}

// introduce finds out who the peer is: false for a stranger.
func (l *Layer) introduce(c *conn) (known bool) {
	defer l.rescue(c.flow)
	p := &l.ports[c.flow.Listener]
	asked := false
	if p.Proto == TLS {
		// Without client certificates the address is all there will ever be,
		// and a stranger is not worth a handshake.
		if asked = p.nameless(); asked && !l.welcome(c) {
			return false
		}
		if !asked && l.sink.Standing(c.flow, nil) == Stranger && !l.o.Handshake(c.flow) {
			l.counters.ConnsRefused.Add(1)
			return false
		}
		if err := l.handshake(c, tls.Server(c.wire, p.TLS)); err != nil {
			if l.counters.Handshakes.Add(1); errors.Is(err, os.ErrDeadlineExceeded) {
				l.counters.Slow.Add(1)
			}
			l.o.Logf(int(slog.LevelDebug), "TLS handshake failed", "listener", p.Name, "peer", c.flow.Peer.String(), "error", err)
			if l.ctx.Err() == nil { // otherwise it was us
				l.o.Unproven(c.flow, err)
			}
			return false
		}
	}
	c.wire.live = true
	return (asked || l.welcome(c)) && l.conns.prove(c)
}

func (p *port) nameless() bool {
	if p.Nameless != nil {
		return p.Nameless()
	}
	return p.TLS.ClientAuth == tls.NoClientCert && p.TLS.GetConfigForClient == nil
}

func (l *Layer) welcome(c *conn) bool {
	if l.sink.Standing(c.flow, c.names) == Stranger {
		l.counters.Strangers.Add(1)
		l.o.Stranger(c.flow, nil)
		return false
	}
	return true
}

// handshake is bounded in time and ends early when the Layer closes.
func (l *Layer) handshake(c *conn, t *tls.Conn) error {
	t.SetDeadline(time.Now().Add(l.o.ReadTimeout))
	if err := t.HandshakeContext(l.ctx); err != nil {
		return err
	}
	state := t.ConnectionState()
	if err := secure(state); err != nil {
		return err
	}
	t.SetDeadline(time.Time{})
	c.nc, c.into, c.names = t, t, names(state)
	return nil
}

// names are the SIP domains that a verified client certificate proves, as RFC 5922
// section 7.1 finds them: the hosts of sip URIs without a user and the DNS names of
// its subjectAltName; the common name only where there is no subjectAltName at all.
// A wildcard is nobody's identity (section 7.2), and neither is sip:somebody@domain,
// which any user of the domain may hold.
func names(s tls.ConnectionState) []string {
	if len(s.VerifiedChains) == 0 || len(s.PeerCertificates) == 0 {
		return nil
	}
	cert := s.PeerCertificates[0]
	var n []string
	add := func(domain string) {
		if domain != "" && !strings.Contains(domain, "*") && !slices.Contains(n, domain) {
			n = append(n, domain)
		}
	}
	for _, u := range cert.URIs {
		if u.Scheme == "sip" {
			add(sipDomain(u))
		}
	}
	for _, d := range cert.DNSNames {
		add(d)
	}
	if !slices.ContainsFunc(cert.Extensions, isAltName) {
		add(cert.Subject.CommonName)
	}
	return n
}

// sipDomain is the host of sip:host, "" when the URI names a user. net/url keeps
// what stands behind "sip:" as it is.
func sipDomain(u *url.URL) string {
	host, _, _ := strings.Cut(u.Opaque, ";")
	if strings.ContainsAny(host, "@:/?") {
		return ""
	}
	return host
}

// isAltName knows the subjectAltName extension, whatever kinds of names it has.
func isAltName(e pkix.Extension) bool { return e.Id.Equal(asn1.ObjectIdentifier{2, 5, 29, 17}) }
