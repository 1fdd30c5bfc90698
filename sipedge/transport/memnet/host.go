package memnet

import (
	"context"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
)

// Host is one machine with one or more addresses. It has the methods of
// transport.Net.
type Host struct {
	n     *Network
	addrs []netip.Addr
}

// Host is the machine with these addresses; hosts share nothing but the network.
func (n *Network) Host(addrs ...netip.Addr) *Host { return &Host{n: n, addrs: addrs} }

// Addr is the host's first address.
func (h *Host) Addr() netip.Addr { return h.addrs[0] }

// ListenPacket opens a datagram socket; network is udp, udp4 or udp6. An
// unspecified address means every address of the host and family, port 0 a free one.
func (h *Host) ListenPacket(_ context.Context, network string, at netip.AddrPort) (net.PacketConn, error) {
	h.n.mu.Lock()
	defer h.n.mu.Unlock()
	keys, err := keysOf(h, network, at, h.n.packets)
	if err != nil {
		return nil, &net.OpError{Op: "listen", Net: network, Addr: net.UDPAddrFromAddrPort(at), Err: err}
	}
	c := newPacketConn(h, netip.AddrPortFrom(at.Addr(), keys[0].Port()), keys)
	for _, k := range keys {
		h.n.packets[k] = c
	}
	return c, nil
}

// Listen opens a listening stream socket; network is tcp, tcp4 or tcp6.
func (h *Host) Listen(_ context.Context, network string, at netip.AddrPort) (net.Listener, error) {
	h.n.mu.Lock()
	defer h.n.mu.Unlock()
	keys, err := keysOf(h, network, at, h.n.listeners)
	if err != nil {
		return nil, &net.OpError{Op: "listen", Net: network, Addr: net.TCPAddrFromAddrPort(at), Err: err}
	}
	l := newListener(h.n, netip.AddrPortFrom(at.Addr(), keys[0].Port()), keys)
	for _, k := range keys {
		h.n.listeners[k] = l
	}
	return l, nil
}

// keysOf are the exact addresses a socket at at is reached by, all free.
func keysOf[S any](h *Host, network string, at netip.AddrPort, taken map[netip.AddrPort]S) ([]netip.AddrPort, error) {
	var keys []netip.AddrPort
	port := at.Port()
	for _, a := range h.addrs {
		switch {
		case at.Addr().IsUnspecified():
			// [::] takes both families, as the kernel does, unless the network says 6.
			if a.Is4() && strings.HasSuffix(network, "6") || a.Is6() && at.Addr().Is4() {
				continue
			}
		case a != at.Addr():
			continue
		}
		if port == 0 {
			port = h.n.port(a)
		}
		k := netip.AddrPortFrom(a, port)
		if _, used := taken[k]; used {
			return nil, os.NewSyscallError("bind", syscall.EADDRINUSE)
		}
		keys = append(keys, k)
	}
	if len(keys) == 0 {
		return nil, os.NewSyscallError("bind", syscall.EADDRNOTAVAIL)
	}
	return keys, nil
}

// port is the next free port of an address, the same in every run. Called with
// mu held.
func (n *Network) port(a netip.Addr) uint16 {
	for {
		p := max(n.ports[a], 39999) + 1
		if p == 65535 {
			p = 40000
		}
		n.ports[a] = p
		k := netip.AddrPortFrom(a, p)
		if n.packets[k] == nil && n.listeners[k] == nil {
			return p
		}
	}
}

// source is the address a host speaks to another from.
func (h *Host) source(bound, to netip.Addr) (netip.Addr, bool) {
	if bound.IsValid() && !bound.IsUnspecified() {
		return bound, bound.Is4() == to.Is4()
	}
	for _, a := range h.addrs {
		if a.Is4() == to.Is4() {
			return a, true
		}
	}
	return netip.Addr{}, false
}
