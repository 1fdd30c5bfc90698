package locate

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/miekg/dns"
)

const resolvConf = "/etc/resolv.conf"

// serversOf returns the name servers to ask: those configured, or the machine's.
func serversOf(configured []string) func() ([]string, error) {
	if len(configured) == 0 {
		return (&machine{path: resolvConf}).servers
	}
	servers := make([]string, len(configured))
	for i, s := range configured {
		servers[i] = withDNSPort(s)
	}
	return func() ([]string, error) { return servers, nil }
}

func withDNSPort(s string) string {
	if _, _, err := net.SplitHostPort(s); err == nil {
		return s
	}
	return net.JoinHostPort(s, "53")
}

// machine reads the name servers of this machine, again when the file changed.
type machine struct {
	path string

	mu      sync.Mutex
	checked time.Time
	changed time.Time // modification time of what was read
	list    []string
}

func (m *machine) servers() ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	if m.list != nil && now.Sub(m.checked) < 5*time.Second {
		return m.list, nil
	}
	m.checked = now
	info, err := os.Stat(m.path)
	if err == nil && m.list != nil && info.ModTime().Equal(m.changed) {
		return m.list, nil
	}
	var conf *dns.ClientConfig
	if err == nil {
		conf, err = dns.ClientConfigFromFile(m.path)
	}
	if err != nil {
		if m.list != nil {
			return m.list, nil // it is being rewritten
		}
		return nil, fmt.Errorf("no name servers: %w", err)
	}
	m.list, m.changed = []string{}, info.ModTime()
	for _, s := range conf.Servers {
		m.list = append(m.list, net.JoinHostPort(s, conf.Port))
	}
	return m.list, nil
}

// hostsFile looks a name up in the machine's hosts file and nowhere else: the
// standard library reads the file, and is kept from asking anyone.
func hostsFile(ctx context.Context, name string) ([]netip.Addr, error) {
	r := net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("hosts file only")
	}}
	ips, err := r.LookupNetIP(ctx, "ip", name)
	if err != nil {
		return nil, nil // not in it
	}
	return ips, nil
}

func systemResolver(ctx context.Context, name string) ([]netip.Addr, error) {
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", name)
	var unknown *net.DNSError
	if errors.As(err, &unknown) && unknown.IsNotFound {
		return nil, nil
	}
	return ips, err
}
