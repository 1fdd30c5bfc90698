package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
)

// bind makes the sockets of listener i.
func (l *Layer) bind(ctx context.Context, i int) (port, error) {
	p := port{Listener: l.o.Listeners[i], bound: l.o.Listeners[i].Address}
	if !p.Address.Addr().IsValid() {
		return p, errors.New("no address; use a literal such as 0.0.0.0:5060")
	}
	network := l.network(p.Listener)
	if p.Proto == UDP {
		return p, l.bindUDP(ctx, &p, uint8(i), network)
	}
	if p.Proto == TLS {
		if p.TLS == nil {
			return p, errors.New("no certificate; a tls listener needs one")
		}
		p.TLS = atLeast12(p.TLS)
	}
	ln, err := l.net(1).Listen(ctx, network, p.Address)
	if err != nil {
		return p, err
	}
	p.accept, p.bound = ln, addrPort(ln.Addr())
	return p, nil
}

// bindUDP opens the sockets of one port; the first of them resolves port 0.
func (l *Layer) bindUDP(ctx context.Context, p *port, i uint8, network string) error {
	n := max(1, p.Sockets)
	if l.o.Net != nil {
		n = 1 // sharing a port is the kernel's art
	}
	if n > 1 && p.Address.Port() != 0 {
		// With SO_REUSEPORT a second edge on the port would silently get half
		// of the calls; without it the kernel tells.
		probe, err := l.net(1).ListenPacket(ctx, network, p.Address)
		if err != nil {
			return err
		}
		probe.Close()
	}
	for range n {
		pc, err := l.net(n).ListenPacket(ctx, network, p.bound)
		if err == nil {
			p.bound = addrPort(pc.LocalAddr())
			var s *socket
			if s, err = newSocket(l, i, pc); err == nil {
				p.sockets = append(p.sockets, s)
				continue
			}
			pc.Close()
		}
		for _, s := range p.sockets {
			s.close()
		}
		return err
	}
	return nil
}

// net is who makes sockets, n of them on one port.
func (l *Layer) net(n int) Net {
	if l.o.Net != nil {
		return l.o.Net
	}
	return kernel{share: n > 1}
}

// network chooses the family. [::] takes IPv4 too, as the kernel does, unless
// another listener has the same port on IPv4.
func (l *Layer) network(p Listener) string {
	name := "tcp"
	if p.Proto == UDP {
		name = "udp"
	}
	a := p.Address.Addr()
	if a.Is4() || a.Is4In6() {
		return name + "4"
	}
	for _, o := range l.o.Listeners {
		four := o.Address.Addr().Is4() && o.Address.Port() == p.Address.Port() && p.Address.Port() != 0
		if four && (o.Proto == UDP) == (p.Proto == UDP) {
			return name + "6"
		}
	}
	if a.IsUnspecified() {
		return name
	}
	return name + "6"
}

// addrPort reads a socket address of any net, 4-in-6 unmapped.
func addrPort(a net.Addr) netip.AddrPort {
	switch a := a.(type) {
	case *net.UDPAddr:
		return unmap(a.AddrPort())
	case *net.TCPAddr:
		return unmap(a.AddrPort())
	case nil:
		return netip.AddrPort{}
	}
	ap, _ := netip.ParseAddrPort(a.String())
	return unmap(ap)
}

func unmap(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

// atLeast12 is c, or a copy that refuses TLS below 1.2 (RFC 8996).
func atLeast12(c *tls.Config) *tls.Config {
	if c.MinVersion == 0 || c.MinVersion >= tls.VersionTLS12 {
		return c
	}
	c = c.Clone()
	c.MinVersion = tls.VersionTLS12
	return c
}

// secure says whether a finished handshake is good enough; GetConfigForClient
// may have brought another Config than the one atLeast12 saw.
func secure(s tls.ConnectionState) error {
	if s.Version < tls.VersionTLS12 {
		return fmt.Errorf("transport: peer speaks %s; 1.2 is needed", tls.VersionName(s.Version))
	}
	return nil
}
