package locate

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// client asks name servers.
type client struct {
	servers func() ([]string, error)
	dial    func(ctx context.Context, network, addr string) (net.Conn, error)
}

const (
	tries      = 2                      // rounds over all servers
	maxServers = 3                      // as the C library
	tryTime    = 2 * time.Second        // one question to one server
	hedge      = 400 * time.Millisecond // without an answer the next server is asked beside
	ednsSize   = 1232                   // bytes of a UDP answer (RFC 9715)
)

// exchange returns the first answer that is one, NXDOMAIN included. Servers are
// asked in order, the next one as soon as one fails or is slow, and the slow one
// may still win.
func (c *client) exchange(ctx context.Context, k key) (*dns.Msg, error) {
	servers, err := c.servers()
	if err != nil {
		return nil, err
	}
	servers = servers[:min(len(servers), maxServers)]
	if len(servers) == 0 {
		return nil, errors.New("no name server is configured")
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()

	type result struct {
		m   *dns.Msg
		err error
	}
	results := make(chan result, tries*len(servers))
	asked, answered := 0, 0
	for {
		if asked < cap(results) {
			server := servers[asked%len(servers)]
			asked++
			wg.Go(func() {
				m, err := c.once(ctx, server, k)
				results <- result{m, err}
			})
		}
		select {
		case r := <-results:
			answered++
			if r.err == nil {
				return r.m, nil
			}
			if answered == cap(results) {
				return nil, r.err
			}
		case <-time.After(hedge):
		case <-ctx.Done():
			return nil, fmt.Errorf("%s %s: %w", k.name, dns.TypeToString[k.typ], ctx.Err())
		}
	}
}

// once asks one server: over UDP, and over TCP when the answer did not fit.
func (c *client) once(ctx context.Context, server string, k key) (*dns.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, tryTime)
	defer cancel()
	q := new(dns.Msg).SetQuestion(dns.Fqdn(k.name), k.typ).SetEdns0(ednsSize, false)
	m, err := c.over(ctx, "udp", server, q)
	if err == nil && m.Truncated {
		m, err = c.over(ctx, "tcp", server, q)
	}
	if err == nil && (m.Rcode == dns.RcodeFormatError || m.Rcode == dns.RcodeNotImplemented) {
		q.Extra = nil // a server from before EDNS (RFC 6891 section 7)
		m, err = c.over(ctx, "udp", server, q)
	}
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", k.name, dns.TypeToString[k.typ], err)
	}
	if m.Rcode != dns.RcodeSuccess && m.Rcode != dns.RcodeNameError {
		return nil, fmt.Errorf("%s %s: %s from name server %s", k.name, dns.TypeToString[k.typ], dns.RcodeToString[m.Rcode], server)
	}
	return m, nil
}

func (c *client) over(ctx context.Context, network, server string, q *dns.Msg) (*dns.Msg, error) {
	conn, err := c.dial(ctx, network, server)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	co := &dns.Conn{Conn: conn, UDPSize: ednsSize}
	if err := co.WriteMsg(q); err != nil {
		return nil, err
	}
	for {
		m, err := co.ReadMsg()
		if err != nil && ctx.Err() != nil {
			return nil, fmt.Errorf("name server %s did not answer in %v", server, tryTime)
		}
		// An answer to another question is a late or a forged one. What cannot be
		// unpacked behind a matching header is a broken server's word.
		if m != nil && m.Response && m.Id == q.Id && sameQuestion(m, q) {
			if m.Truncated { // it may have been cut in the middle of a record
				return m, nil
			}
			return m, err
		}
		if err != nil {
			return nil, err
		}
	}
}

func sameQuestion(a, b *dns.Msg) bool {
	if len(a.Question) != 1 {
		return false
	}
	x, y := a.Question[0], b.Question[0]
	return x.Qtype == y.Qtype && x.Qclass == y.Qclass && dns.CanonicalName(x.Name) == dns.CanonicalName(y.Name)
}
