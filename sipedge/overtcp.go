package sipedge

import (
	"net/netip"
	"sync"
	"time"

	"github.com/speakops/sipedge/sipedge/call"
	"github.com/speakops/sipedge/sipedge/gateway"
	"github.com/speakops/sipedge/sipedge/message"
	"github.com/speakops/sipedge/sipedge/transport"
)

// maxUDP is the size over which a request wants a transport with congestion
// control (RFC 3261 section 18.1.1).
const maxUDP = 1300

// margin is what forwarding usually adds to an INVITE: Via, Record-Route, token.
const margin = 300

// wantsTCP says whether an INVITE is too large for the target's UDP, and TCP is
// there, on both ends, and did not fail lately.
func (s *shard) wantsTCP(inv *invite, t *gateway.Target, now call.Instant) bool {
	return t.HasTCP && t.Proto == transport.UDP && len(inv.raw)+margin > maxUDP &&
		inv.world.listenerFor(inv.route.listener, transport.TCP, t.Addr.Addr()) >= 0 &&
		!s.edge.bigTCP.failed(t.Addr, now)
}

// tcpPatience is how long a large INVITE waits for a TCP connection: a firewall
// that swallows it must not cost the call its failover budget.
const tcpPatience = 500 * time.Millisecond

// tcpTooSlow sends over UDP what still waits for a TCP connection, which is
// given up: coming up later, it would carry the INVITE a second time.
func (s *shard) tcpTooSlow(inv *invite, now call.Instant) {
	for i := 0; i < len(inv.legs) && !inv.dead; i++ {
		if l := &inv.legs[i]; l.tried && s.edge.layer.Withdraw(l.flow) {
			s.brokenLeg(inv, i, now)
		}
	}
	if !inv.dead {
		s.timers.set(inv, min(inv.call.Next(), inv.tcpUntil))
	}
}

// overTCP tries a large INVITE over TCP first (section 18.1.1).
func (s *shard) overTCP(inv *invite, m *message.Message, i int, now call.Instant) bool {
	t := inv.hops[inv.call.Target(i)].target
	t.Proto, t.TLS = transport.TCP, nil
	return s.overTarget(inv, m, i, t, now)
}

// overTCPFailures remembers addresses that did not take a large INVITE over TCP,
// so that the next one does not wait for them again.
type overTCPFailures struct {
	mu    sync.Mutex
	until map[netip.AddrPort]call.Instant
}

// Memory of such a failure, and how many are remembered.
const (
	tcpMemory   = 10 * time.Minute
	maxTCPFails = 1024
)

func (o *overTCPFailures) failed(a netip.AddrPort, now call.Instant) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	until, ok := o.until[a]
	if ok && now >= until {
		delete(o.until, a)
		return false
	}
	return ok
}

func (o *overTCPFailures) fail(a netip.AddrPort, now call.Instant) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.until) >= maxTCPFails {
		clear(o.until)
	}
	o.until[a] = now + call.Instant(tcpMemory)
}
