package lab

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
)

// Ports below the kernel's ephemeral range, so that no outgoing connection of
// this machine takes one between its choice and its use.
const (
	firstPort = 11000
	lastPort  = 30000 // tests give those up to the kernel's outgoing ones to media
)

var given struct {
	sync.Mutex
	next int
}

// FreePort returns a port that is free for UDP and TCP on 127.0.0.1 and ::1 and
// that this process has not given out before.
func FreePort(t testing.TB) int { return freePorts(t, 1) }

// freePorts returns the first of n such ports in a row.
func freePorts(t testing.TB, n int) int {
	t.Helper()
	given.Lock()
	defer given.Unlock()
	if given.next == 0 {
		// Test packages run side by side; each begins somewhere else.
		given.next = firstPort + rand.IntN(lastPort-firstPort)
	}
	for range lastPort - firstPort {
		if given.next+n > lastPort {
			given.next = firstPort
		}
		at := given.next
		given.next += n
		if allFree(at, n) {
			return at
		}
	}
	t.Fatalf("lab: no %d free ports in a row between %d and %d", n, firstPort, lastPort)
	return 0
}

func allFree(first, n int) bool {
	for port := first; port < first+n; port++ {
		if !isFree("127.0.0.1", port) || HasIPv6() && !isFree("::1", port) {
			return false
		}
	}
	return true
}

func isFree(ip string, port int) bool {
	at := net.JoinHostPort(ip, fmt.Sprint(port))
	u, err := net.ListenPacket("udp", at)
	if err != nil {
		return false
	}
	defer u.Close()
	l, err := net.Listen("tcp", at)
	if err != nil {
		return false
	}
	return l.Close() == nil
}

// HasIPv6 says whether this machine has ::1.
var HasIPv6 = sync.OnceValue(func() bool {
	u, err := net.ListenPacket("udp", "[::1]:0")
	if err != nil {
		return false
	}
	return u.Close() == nil
})
