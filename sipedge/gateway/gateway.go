// Package gateway answers: which next hops exist, at which addresses, and are
// they alive?
//
// A Keeper watches over the gateways of an edge while configurations come and
// go: it finds their addresses before a call needs them and again before they
// run out, probes every address, hears from calls what became of them, and
// remembers which addresses were theirs. A Set is the gateways of one
// configuration; calls ask it by index, without a lock and, once addresses are
// known, without waiting.
package gateway

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/speakops/sipedge/sipedge/gateway/health"
	"github.com/speakops/sipedge/sipedge/gateway/locate"
	"github.com/speakops/sipedge/sipedge/transport"
)

// MaxTargets bounds the addresses of one gateway; what a name has beyond is
// left out.
const MaxTargets = 32

// Gateway is one next hop as configured. RouteID, ID and URI together are its
// identity: health and addresses of one that stays survive a reload.
type Gateway struct {
	ID        string
	RouteID   string
	Authority string
	Index     int    // its place in the edge-wide list: 0 to n-1, each once
	URI       string // sip or sips
	Listener  string // name of the listener it is reached from, for the edge's use
	NoIPv4    bool   // that listener speaks no IPv4
	NoIPv6    bool   // that listener speaks no IPv6
	Probe     Probe
	TLS       ClientTLS
}

// Probe is how a gateway is asked for life. Without Every it is not.
type Probe struct {
	Every   time.Duration // between probes of one address, spread by a tenth each way; at least 100 ms
	Timeout time.Duration // of one probe (Every, at most 4 s)
	Fall    int           // findings in a row that make an address dark (3); those of calls count double
	Rise    int           // answered probes in a row that bring it back (2)
}

// ClientTLS is as whom the edge comes to a gateway and whom it expects; PEM
// texts, "" for none. It is comparable: connections outlive a reload that
// leaves it as it was.
type ClientTLS struct {
	CA         string // trusted roots (the machine's)
	Cert, Key  string // the edge's own certificate with its chain
	ServerName string // whom the certificate must name (the URI's host, RFC 5922 section 4)
}

// Target is one address to send to, with what sending there takes.
type Target struct {
	Proto   transport.Proto
	HasTCP  bool // UDP, and known to take TCP at the same address and port (RFC 3261 18.1.1)
	Addr    netip.AddrPort
	TLS     *transport.TLSTarget // nil unless Proto is TLS; one per gateway
	Gateway *Gateway             // as configured; not to be changed
}

// Asker sends one probe and waits for its final response. Code is that
// response; an error says that none came before ctx ended, or why it could not
// be asked. It is called on goroutines of the Keeper, many at once.
type Asker interface {
	Ask(ctx context.Context, t Target, index int) (code int, err error)
}

// Locator finds the addresses of a gateway; locate.Resolver is one.
type Locator interface {
	Refresh(ctx context.Context, q locate.Query) (locate.Answer, error)
}

// Change is one change of state worth a line in the log and a tick of a metric.
type Change struct {
	RouteID, GatewayID string
	Index              int // at the time of the change
	health.Change
	Detail string // what a probe or lookup said when it failed; may be ""
	Missed int    // changes of this gateway so far that nobody took in time
}

// setup reads what can be wrong with one gateway.
func (g *Gateway) setup() (q locate.Query, err error) {
	if g.ID == "" || g.RouteID == "" {
		return q, errors.New("has no id or no route id")
	}
	if g.NoIPv4 && g.NoIPv6 {
		return q, errors.New("its listener speaks neither IPv4 nor IPv6")
	}
	if g.Probe.Every != 0 && g.Probe.Every < 100*time.Millisecond {
		return q, fmt.Errorf("probe every %v: use 100ms or more, or 0 for none", g.Probe.Every)
	}
	if q, err = locate.Parse(g.URI); err != nil {
		return q, err
	}
	q.NoIPv4, q.NoIPv6 = g.NoIPv4, g.NoIPv6
	if q.IP.IsValid() && (q.IP.Is4() && q.NoIPv4 || q.IP.Is6() && q.NoIPv6) {
		return q, fmt.Errorf("address %s is of a family that listener %q does not speak", q.IP, g.Listener)
	}
	return q, nil
}

func (g *Gateway) settings() health.Settings {
	return health.Settings{Probed: g.Probe.Every > 0, Fall: g.Probe.Fall, Rise: g.Probe.Rise}
}

func (p Probe) timeout() time.Duration {
	return cmp.Or(p.Timeout, min(p.Every, 4*time.Second))
}

// target compiles the identity for TLS towards a gateway whose URI names host.
func (c ClientTLS) target(host string) (*transport.TLSTarget, error) {
	conf := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: cmp.Or(c.ServerName, host)}
	if c.CA != "" {
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM([]byte(c.CA)) {
			return nil, errors.New("tls ca holds no certificate in PEM")
		}
	}
	if c.Cert != "" || c.Key != "" {
		pair, err := tls.X509KeyPair([]byte(c.Cert), []byte(c.Key))
		if err != nil {
			return nil, fmt.Errorf("tls cert and key: %w", err)
		}
		conf.Certificates = []tls.Certificate{pair}
	}
	return &transport.TLSTarget{Config: conf}, nil
}
