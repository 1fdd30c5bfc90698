package admin

import (
	"net"
	"net/netip"
	"sync"

	"github.com/speakops/sipedge/ratelimit"
)

// capped is a listener that closes connections beyond a bound at once: waiting
// in Accept instead, slow sockets of one host would keep everybody else out.
type capped struct {
	net.Listener
	max, perHost int

	mu    sync.Mutex
	all   int
	hosts map[netip.Addr]int
}

func newCapped(l net.Listener, max, perHost int) *capped {
	if max <= 0 {
		max = 256
	}
	if perHost <= 0 {
		perHost = 32
	}
	return &capped{Listener: l, max: max, perHost: perHost, hosts: make(map[netip.Addr]int)}
}

func (l *capped) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		host := hostOf(c.RemoteAddr())
		if l.enter(host) {
			return &cappedConn{Conn: c, leave: sync.OnceFunc(func() { l.leave(host) })}, nil
		}
		c.Close()
	}
}

// hostOf is the zero Addr for what has none, such as a pipe of a test.
func hostOf(a net.Addr) netip.Addr {
	at, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return netip.Addr{}
	}
	return ratelimit.Home(at.Addr())
}

func (l *capped) enter(host netip.Addr) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	// This machine's own programs share one address.
	shared := !host.IsValid() || host.IsLoopback()
	if l.all >= l.max || !shared && l.hosts[host] >= l.perHost {
		return false
	}
	l.all++
	l.hosts[host]++
	return true
}

func (l *capped) leave(host netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all--
	if l.hosts[host]--; l.hosts[host] == 0 {
		delete(l.hosts, host)
	}
}

type cappedConn struct {
	net.Conn
	leave func()
}

func (c *cappedConn) Close() error {
	err := c.Conn.Close()
	c.leave()
	return err
}
