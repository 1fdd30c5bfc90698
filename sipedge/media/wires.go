package media

import (
	"context"
	"net"
	"net/netip"
	"sync"

	"github.com/pion/rtp"

	"github.com/speakops/sipedge/sipedge/transport"
)

// wires makes sockets and hands over what arrives on them.
type wires interface {
	// open binds a socket; what arrives on it goes to the port.
	open(at netip.AddrPort, to *port) (wire, error)
	// close ends reading; open wires are closed by their owners.
	close()
}

// wire is one socket. Its methods are called with the stream's lock held, or
// before anybody else knows it.
type wire interface {
	local() netip.AddrPort
	// send never waits; a datagram that finds no room is lost.
	send(b []byte, to netip.AddrPort) error
	// aim lets only one source in, the zero address all again. It is help from
	// the kernel, which may be asked in vain: who it lets in is looked at again.
	aim(at netip.AddrPort)
	close()
}

// maxPacket is the largest datagram that is relayed; no media is larger than an
// Ethernet frame, or a jumbo frame.
const maxPacket = 9216

// plainWires are sockets of any net.PacketConn, read by one goroutine each:
// in-memory networks, and systems without epoll.
type plainWires struct {
	relay   *Relay
	net     transport.Net
	readers sync.WaitGroup
}

func (p *plainWires) open(at netip.AddrPort, to *port) (wire, error) {
	network := "udp4"
	if at.Addr().Is6() {
		network = "udp6"
	}
	pc, err := p.listen(network, at)
	if err != nil {
		return nil, err
	}
	w := &plainWire{PacketConn: pc}
	p.readers.Go(func() { p.read(w, to) })
	return w, nil
}

func (p *plainWires) listen(network string, at netip.AddrPort) (net.PacketConn, error) {
	if p.net != nil {
		return p.net.ListenPacket(context.Background(), network, at)
	}
	return net.ListenUDP(network, net.UDPAddrFromAddrPort(at))
}

func (p *plainWires) close() { p.readers.Wait() }

func (p *plainWires) read(w *plainWire, to *port) {
	buf := make([]byte, maxPacket)
	var h rtp.Header
	for {
		n, from, err := w.receive(buf)
		if err != nil {
			return // closed: a UDP socket has no other end
		}
		to.arrived(buf[:n], from, p.relay.now(), &h)
	}
}

type plainWire struct{ net.PacketConn }

func (w *plainWire) receive(b []byte) (int, netip.AddrPort, error) {
	if u, ok := w.PacketConn.(interface {
		ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error)
	}); ok {
		n, from, err := u.ReadFromUDPAddrPort(b)
		return n, unmap(from), err
	}
	n, from, err := w.ReadFrom(b)
	return n, addrPortOf(from), err
}

func (w *plainWire) local() netip.AddrPort { return addrPortOf(w.LocalAddr()) }

func (w *plainWire) send(b []byte, to netip.AddrPort) error {
	_, err := w.WriteTo(b, net.UDPAddrFromAddrPort(to))
	return err
}

func (w *plainWire) aim(netip.AddrPort) {}

func (w *plainWire) close() { w.PacketConn.Close() }

func addrPortOf(a net.Addr) netip.AddrPort {
	if u, ok := a.(*net.UDPAddr); ok {
		return unmap(u.AddrPort())
	}
	return netip.AddrPort{}
}

func unmap(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}
