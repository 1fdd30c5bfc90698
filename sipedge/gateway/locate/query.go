// Package locate answers: at which addresses does this SIP URI live?
//
// It is the client's side of RFC 3263: a URI becomes servers in the order they
// are to be tried, by NAPTR, SRV, A and AAAA records. Answers are kept as long
// as their records say, are asked for anew before they run out, and are kept
// beyond that while nobody can say better: a name server that is away costs no
// call.
package locate

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/speakops/sipedge/sipedge/message"
	"github.com/speakops/sipedge/sipedge/transport"
)

// Query is what a URI says about where to go. It is comparable.
type Query struct {
	Host   string     // in lower case without a trailing dot; "" when Literal is set
	IP     netip.Addr // a numeric host: nothing is looked up
	Port   uint16     // 0 when the URI names none
	Proto  transport.Proto
	Named  bool // the URI names its transport, and Proto is that; else Proto is its default
	Secure bool // sips: TLS and nothing else
	NoIPv4 bool // addresses of this family are of no use to the asker
	NoIPv6 bool
}

// Parse reads a sip or sips URI. User part and headers play no role; maddr
// takes the place of the host (RFC 3263 section 4).
func Parse(uri string) (Query, error) {
	u, err := message.ParseURI([]byte(uri))
	if err != nil {
		return Query{}, fmt.Errorf("%q is no SIP URI: %w", uri, err)
	}
	return FromURI(&u)
}

// FromURI is Parse for a URI that is already cut.
func FromURI(u *message.URI) (Query, error) {
	q := Query{Port: u.Port}
	switch scheme := strings.ToLower(string(u.Scheme)); scheme {
	case "sip":
	case "sips":
		q.Secure, q.Proto = true, transport.TLS
	default:
		return q, fmt.Errorf("scheme %q cannot be reached: use sip or sips", scheme)
	}
	host := string(u.Host)
	if maddr, ok := u.Param("maddr"); ok {
		host = strings.Trim(string(maddr), "[]")
	}
	if param, ok := u.Param("transport"); ok {
		if err := q.name(strings.ToLower(string(param))); err != nil {
			return q, err
		}
	}
	return q, q.setHost(host)
}

func (q *Query) name(param string) error {
	q.Named = true
	switch {
	case param == "udp" && !q.Secure:
		q.Proto = transport.UDP
	case param == "tcp" && !q.Secure:
		q.Proto = transport.TCP
	case param == "tls", param == "tcp":
		// sips with transport=tcp is TLS over TCP (RFC 3261 26.2.2); transport=tls
		// is what everyone writes.
		q.Proto = transport.TLS
	case param == "udp":
		return errors.New("transport=udp contradicts sips: use sip, or transport=tls")
	default:
		return fmt.Errorf("transport=%q is not spoken here: use udp, tcp or tls", param)
	}
	return nil
}

func (q *Query) setHost(host string) error {
	if ip, err := netip.ParseAddr(host); err == nil {
		if ip.Zone() != "" || ip.IsUnspecified() {
			return fmt.Errorf("address %s cannot be a destination", host)
		}
		q.IP = ip.Unmap()
		return nil
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if !validName(host) {
		return fmt.Errorf("%q is neither an address nor a domain name", host)
	}
	q.Host = host
	return nil
}

// validName holds names to letters, digits, hyphens and underscores, so that
// none is ever surprising in a log or a query.
func validName(name string) bool {
	if len(name) > 253 {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if len(label) == 0 || len(label) > 63 {
			return false
		}
		for _, c := range []byte(label) {
			if !('a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '_') {
				return false
			}
		}
	}
	return true
}

// ServerName is whom a TLS certificate must name: the domain of the URI, never
// a name learned from DNS (RFC 5922 section 4).
func (q *Query) ServerName() string {
	if q.IP.IsValid() {
		return q.IP.String()
	}
	return q.Host
}

// port is the URI's, or the default of a transport.
func (q *Query) port(p transport.Proto) uint16 {
	switch {
	case q.Port != 0:
		return q.Port
	case p == transport.TLS:
		return 5061
	}
	return 5060
}

func (q *Query) useful(ip netip.Addr) bool {
	if ip.Is4() {
		return !q.NoIPv4
	}
	return !q.NoIPv6
}
