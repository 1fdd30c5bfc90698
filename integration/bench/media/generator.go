//go:build linux && (amd64 || arm64)

package main

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// phone is one end of a call.
type phone struct {
	fd   int
	at   netip.AddrPort
	to   netip.AddrPort // where it sends to
	name unix.SockaddrInet4
	seq  uint16
	buf  [172]byte
}

// generator plays both ends of all calls: one thread sends, one listens.
type generator struct {
	phones []phone
	epoll  int
	epoch  time.Time
	heard  atomic.Int64
	sent   int

	mu        sync.Mutex
	latencies []time.Duration
	stop      atomic.Bool
	done      sync.WaitGroup
}

func newGenerator(calls int) (*generator, error) {
	var lim unix.Rlimit
	_ = unix.Getrlimit(unix.RLIMIT_NOFILE, &lim)
	lim.Cur = lim.Max
	_ = unix.Setrlimit(unix.RLIMIT_NOFILE, &lim)
	g := &generator{phones: make([]phone, 2*calls), epoch: time.Now()}
	var err error
	if g.epoll, err = unix.EpollCreate1(0); err != nil {
		return nil, err
	}
	for i := range g.phones {
		p := &g.phones[i]
		if p.fd, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK, 0); err != nil {
			return nil, fmt.Errorf("socket %d: %w", i, err)
		}
		if err := unix.Bind(p.fd, &unix.SockaddrInet4{Addr: home.As4()}); err != nil {
			return nil, err
		}
		sa, err := unix.Getsockname(p.fd)
		if err != nil {
			return nil, err
		}
		p.at = netip.AddrPortFrom(home, uint16(sa.(*unix.SockaddrInet4).Port))
		p.buf[0] = 0x80
		binary.BigEndian.PutUint32(p.buf[8:], uint32(i+1))
		ev := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(p.fd)}
		if err := unix.EpollCtl(g.epoll, unix.EPOLL_CTL_ADD, p.fd, &ev); err != nil {
			return nil, err
		}
	}
	g.done.Go(g.listen)
	return g, nil
}

// run sends for a while, every phone a packet each 20 ms, evenly spread.
func (g *generator) run(d time.Duration) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for i := range g.phones {
		p := &g.phones[i]
		p.name = unix.SockaddrInet4{Port: int(p.to.Port()), Addr: p.to.Addr().As4()}
	}
	n, next := len(g.phones), 0
	began := time.Now()
	for {
		passed := time.Since(began)
		if passed > d {
			break
		}
		due := int(float64(n) * passed.Seconds() / 0.020)
		for ; next < due; next++ {
			g.send(&g.phones[next%n])
		}
		time.Sleep(500 * time.Microsecond)
	}
	time.Sleep(200 * time.Millisecond) // what is on its way arrives
}

func (g *generator) send(p *phone) {
	p.seq++
	binary.BigEndian.PutUint16(p.buf[2:], p.seq)
	binary.BigEndian.PutUint32(p.buf[4:], uint32(p.seq)*160)
	binary.BigEndian.PutUint64(p.buf[12:], uint64(time.Since(g.epoch)))
	if unix.Sendto(p.fd, p.buf[:], 0, &p.name) == nil {
		g.sent++
	}
}

func (g *generator) listen() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	events := make([]unix.EpollEvent, 256)
	buf := make([]byte, 2048)
	for !g.stop.Load() {
		n, err := unix.EpollWait(g.epoll, events, 50)
		if err != nil {
			continue
		}
		g.mu.Lock()
		for i := range n {
			for {
				size, _, err := unix.Recvfrom(int(events[i].Fd), buf, unix.MSG_DONTWAIT)
				if err != nil || size < 20 {
					break
				}
				g.heard.Add(1)
				g.latencies = append(g.latencies, time.Since(g.epoch)-time.Duration(binary.BigEndian.Uint64(buf[12:])))
			}
		}
		g.mu.Unlock()
	}
}

func (g *generator) reset() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.sent, g.latencies = 0, make([]time.Duration, 0, 1<<20)
	g.heard.Store(0)
}

func (g *generator) results() (sent, heard int, latencies []time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.sent, int(g.heard.Load()), g.latencies
}

func (g *generator) close() {
	g.stop.Store(true)
	g.done.Wait()
	for i := range g.phones {
		unix.Close(g.phones[i].fd)
	}
	unix.Close(g.epoll)
}

// cpuOf is the time a process has spent on CPUs, user and system.
func cpuOf(pid int) time.Duration {
	if pid == 0 {
		return 0
	}
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	f := strings.Fields(rest)
	user, _ := strconv.Atoi(f[11])
	system, _ := strconv.Atoi(f[12])
	return time.Duration(user+system) * 10 * time.Millisecond // USER_HZ is 100 wherever Linux runs
}
