package transport

import (
	"context"
	"net"
	"net/netip"
	"syscall"
	"time"
)

// socketBuffer is what each UDP socket asks for, bytes each way: at 1 KB a
// datagram and 20,000 a second, a pause of 200 ms loses nothing.
const socketBuffer = 4 << 20

// kernel is the Net of the machine.
type kernel struct {
	share bool // several sockets on one port
}

// keepAlives find a peer that vanished without a word in about two minutes.
var keepAlives = net.KeepAliveConfig{Enable: true, Idle: 60 * time.Second, Interval: 15 * time.Second, Count: 4}

func (k kernel) ListenPacket(ctx context.Context, network string, at netip.AddrPort) (net.PacketConn, error) {
	c := net.ListenConfig{Control: func(_, _ string, rc syscall.RawConn) error {
		if !k.share {
			return nil
		}
		return sharePort(rc)
	}}
	return c.ListenPacket(ctx, network, at.String())
}

func (k kernel) Listen(ctx context.Context, network string, at netip.AddrPort) (net.Listener, error) {
	c := net.ListenConfig{KeepAliveConfig: keepAlives}
	return c.Listen(ctx, network, at.String())
}

func (k kernel) Dial(ctx context.Context, network string, from netip.Addr, to netip.AddrPort) (net.Conn, error) {
	d := net.Dialer{KeepAliveConfig: keepAlives}
	if from.IsValid() {
		d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))
	}
	return d.DialContext(ctx, network, to.String())
}
