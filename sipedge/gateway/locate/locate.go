package locate

import (
	"cmp"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/speakops/sipedge/sipedge/transport"
)

// search is one walk through RFC 3263 section 4 for one query.
type search struct {
	q   Query
	ask func(keys ...key) []found // all at once, answers in order

	refreshAt time.Time
	err       error // the first thing that went wrong on the way
}

// run walks. When nothing was found and something failed, the failure is the
// error, because the answer might be behind it.
func (s *search) run() (Answer, error) {
	servers, err := s.servers()
	if err == nil && len(servers) == 0 {
		err = cmp.Or(s.err, ErrNotFound)
	}
	if err != nil {
		return Answer{}, err
	}
	servers = servers[:min(len(servers), MaxServers)]
	return Answer{Servers: servers, RefreshAt: s.refreshAt, Err: s.err}, nil
}

func (s *search) servers() ([]Server, error) {
	q := s.q
	if q.IP.IsValid() {
		if !q.useful(q.IP) {
			return nil, errors.New("address of a family that the listener does not speak")
		}
		return s.plain("", []netip.Addr{q.IP}), nil
	}
	// A name in the hosts file is pinned by the operator, whatever DNS says.
	if pinned := s.get(key{q.Host, typeHosts}).addrs; len(pinned) > 0 {
		return s.plain(q.Host, pinned), nil
	}
	if strings.Contains(q.Host, ".") {
		servers, err := s.byDNS()
		if err != nil || len(servers) > 0 || s.err != nil {
			return servers, err
		}
	}
	// Search lists and whatever else this machine knows names by.
	return s.plain(q.Host, s.get(key{q.Host, typeSystem}).addrs), nil
}

func (s *search) byDNS() ([]Server, error) {
	q := s.q
	switch {
	case q.Port != 0:
		// 4.2: with a port there is nothing to learn but the address.
	case q.Named:
		servers, err := s.byService(service{q.Proto, srvName(q.Proto, q.Host)})
		if err != nil || servers != nil {
			return servers, err
		}
	default:
		servers, err := s.byNAPTR()
		if err != nil || servers != nil {
			return servers, err
		}
		servers, err = s.byService(s.usual()...)
		if err != nil || servers != nil {
			return servers, err
		}
	}
	return s.plain(q.Host, s.addresses(q.Host)[0]), nil
}

// plain is a host without service records.
func (s *search) plain(name string, ips []netip.Addr) []Server {
	ips = slices.DeleteFunc(slices.Clone(ips), func(ip netip.Addr) bool { return !s.q.useful(ip) })
	if len(ips) == 0 {
		return nil
	}
	srv := Server{Name: name, Proto: s.q.Proto}
	// RFC 3261 18.1.1: a URI that leaves the transport open leaves it to size.
	srv.HasTCP = srv.Proto == transport.UDP && !s.q.Named
	srv.Addrs = withPort(ips, s.q.port(srv.Proto))
	return []Server{srv}
}

// service is one SRV name and the transport it stands for.
type service struct {
	proto transport.Proto
	name  string
}

func srvName(p transport.Proto, host string) string {
	switch p {
	case transport.TCP:
		return "_sip._tcp." + host
	case transport.TLS:
		return "_sips._tcp." + host
	}
	return "_sip._udp." + host
}

// usual are the services asked for where no NAPTR says which there are, best first.
func (s *search) usual() []service {
	host := s.q.Host
	tls := service{transport.TLS, srvName(transport.TLS, host)}
	if s.q.Secure {
		return []service{tls}
	}
	return []service{{transport.UDP, srvName(transport.UDP, host)}, {transport.TCP, srvName(transport.TCP, host)}, tls}
}

// byNAPTR lets the domain choose the transport (4.1).
func (s *search) byNAPTR() ([]Server, error) {
	var services []service
	for _, r := range s.get(key{s.q.Host, dns.TypeNAPTR}).naptr {
		if !strings.EqualFold(r.Flags, "s") || r.Regexp != "" {
			continue
		}
		name := plainName(r.Replacement)
		switch strings.ToUpper(r.Service) {
		case "SIPS+D2T":
			services = append(services, service{transport.TLS, name})
		case "SIP+D2T":
			services = append(services, service{transport.TCP, name})
		case "SIP+D2U":
			services = append(services, service{transport.UDP, name})
		}
	}
	if s.q.Secure { // 4.1: services without TLS are discarded
		services = slices.DeleteFunc(services, func(v service) bool { return v.proto != transport.TLS })
	}
	if len(services) == 0 {
		return nil, nil
	}
	return s.byService(services[:min(len(services), 4)]...)
}

// byService takes the first service that exists. nil without error means that
// none does and the host itself is next. The other services are no fallback:
// they are other doors of the same servers, and may be weaker ones.
func (s *search) byService(services ...service) ([]Server, error) {
	keys := make([]key, len(services))
	for i, v := range services {
		keys[i] = key{v.name, dns.TypeSRV}
	}
	answers := s.ask(keys...)
	exists := false
	for i, a := range answers {
		s.note(a)
		if len(a.srv) == 0 {
			continue
		}
		if servers := s.fromSRV(services[i].proto, a.srv, tcpDoors(services, answers)); len(servers) > 0 {
			return servers, nil
		}
		exists = true
	}
	if exists {
		return nil, cmp.Or(s.err, ErrNotFound)
	}
	if slices.ContainsFunc(answers, func(a found) bool { return a.err != nil && !a.known }) {
		// Where the services are is not known, so the bare host would be a guess.
		return nil, s.err
	}
	return nil, nil
}

// door is where a service is offered.
type door struct {
	target string
	port   uint16
}

// tcpDoors are the places that take SIP over TCP, of all these services.
func tcpDoors(services []service, answers []found) map[door]bool {
	doors := map[door]bool{}
	for i, v := range services {
		if v.proto != transport.TCP {
			continue
		}
		for _, r := range answers[i].srv {
			doors[door{plainName(r.Target), r.Port}] = true
		}
	}
	return doors
}

// fromSRV turns the records of one service into servers (RFC 2782).
func (s *search) fromSRV(p transport.Proto, records []*dns.SRV, tcp map[door]bool) []Server {
	records = slices.DeleteFunc(slices.Clone(records), func(r *dns.SRV) bool {
		return r.Target == "." || r.Port == 0 // "." is decidedly not here
	})
	records = records[:min(len(records), MaxServers)]
	names := make([]string, len(records))
	for i, r := range records {
		names[i] = plainName(r.Target)
	}
	var servers []Server
	for i, ips := range s.addresses(names...) {
		if len(ips) == 0 {
			continue
		}
		r := records[i]
		servers = append(servers, Server{
			Name: names[i], Proto: p, Rank: int(r.Priority), Weight: r.Weight,
			Addrs:  withPort(ips, r.Port),
			HasTCP: p == transport.UDP && tcp[door{names[i], r.Port}],
		})
	}
	return servers
}

// addresses looks up both families of all names at once: IPv4 before IPv6, each
// in the order of the answer.
func (s *search) addresses(names ...string) [][]netip.Addr {
	var keys []key
	for _, n := range names {
		if !s.q.NoIPv4 {
			keys = append(keys, key{n, dns.TypeA})
		}
		if !s.q.NoIPv6 {
			keys = append(keys, key{n, dns.TypeAAAA})
		}
	}
	byName := map[string][]netip.Addr{}
	for i, a := range s.ask(keys...) {
		s.note(a)
		for _, ip := range a.addrs {
			if len(byName[keys[i].name]) < MaxAddrs && !slices.Contains(byName[keys[i].name], ip) {
				byName[keys[i].name] = append(byName[keys[i].name], ip)
			}
		}
	}
	out := make([][]netip.Addr, len(names))
	for i, n := range names {
		out[i] = byName[n]
	}
	return out
}

func (s *search) get(k key) found {
	a := s.ask(k)[0]
	s.note(a)
	return a
}

// note keeps the earliest refresh and the first error of everything used.
func (s *search) note(a found) {
	if s.refreshAt.IsZero() || a.refreshAt.Before(s.refreshAt) {
		s.refreshAt = a.refreshAt
	}
	s.err = cmp.Or(s.err, a.err)
}

func withPort(ips []netip.Addr, port uint16) []netip.AddrPort {
	var out []netip.AddrPort
	for _, ip := range ips[:min(len(ips), MaxAddrs)] {
		out = append(out, netip.AddrPortFrom(ip, port))
	}
	return out
}

func plainName(fqdn string) string { return strings.ToLower(strings.TrimSuffix(fqdn, ".")) }

// Literal answers a query that needs no lookup; false when it has a name.
func (q Query) Literal() (Answer, bool) {
	if !q.IP.IsValid() {
		return Answer{}, false
	}
	s := search{q: q}
	a, err := s.run()
	return a, err == nil
}
