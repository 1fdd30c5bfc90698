//go:build linux && (amd64 || arm64)

package main

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// phone is one end of a call. Its peer is the phone beside it.
type phone struct {
	at  netip.AddrPort // of the socket that it shares with others
	to  netip.AddrPort // where it sends to
	seq uint16
}

// generator plays both ends of all calls: one thread sends, one listens. On a
// machine that it shares with the relay it must cost little, and whenever it waits
// for a processor nobody must take that for the relay's doing. So the phones share
// a few sockets, packets leave and come in batches, and a packet has come when the
// kernel got it, whenever the listener looks.
type generator struct {
	phones  []phone // 2n and 2n+1 are the ends of a call
	sockets []*socket
	order   []int // phones as they send: those of one socket in turn
	next    int

	sent   int
	mu     sync.Mutex // of what follows
	heard  []counted  // by slot of stalls
	stalls *stalls    // nil: it is only warming up
	came   int        // packets
	astray int
	stop   atomic.Bool
	done   sync.WaitGroup
}

// perSide is how many sockets the callers share, and the callees: so many that
// none overflows while the listener waits for a processor.
const perSide = 4

// every is how often a phone sends.
const every = 20 * time.Millisecond

func newGenerator(calls int) (*generator, error) {
	g := &generator{phones: make([]phone, 2*calls)}
	for i := range 2 * perSide {
		s, err := openSocket()
		if err != nil {
			return nil, fmt.Errorf("generator: socket %d: %w", i, err)
		}
		g.sockets = append(g.sockets, s)
		for n := range calls {
			if n%perSide == i/2 { // both ends of a call have sockets of the same rank
				at := 2*n + i%2
				g.phones[at].at = s.at
				g.order = append(g.order, at)
			}
		}
	}
	g.done.Go(g.listen)
	return g, nil
}

func (g *generator) socketOf(phone int) *socket { return g.sockets[phone/2%perSide*2+phone%2] }

// Of the sender's pace.
const (
	nap = 100 * time.Microsecond
	// slack is how far the sender may fall behind and make it up at once; what it
	// is late beyond that is left out, lest a burst that no call makes is counted
	// against the relay.
	slack = 2 * time.Millisecond
)

// run sends for a while, every phone a packet each 20 ms, evenly spread, and says
// for how long it did.
func (g *generator) run(d time.Duration) (sending time.Duration) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer punctual(1)()
	gap := every / time.Duration(len(g.phones))
	begun := time.Now()
	for at := begun; ; { // at: when the next packet is due
		now := time.Now()
		if now.Sub(begun) > d {
			break
		}
		if now.Sub(at) > slack {
			at = now.Add(-slack)
		}
		for ; !at.After(now); at = at.Add(gap) {
			g.send()
		}
		g.flush()
		sleep(nap)
	}
	sending = time.Since(begun)
	g.settle()
	return sending
}

// settle waits for what is on its way: until all is there, or nothing more has come
// for a second. A relay that fell behind has more in its queues than a moment clears,
// and what it is late with is not lost.
func (g *generator) settle() {
	heard := func() int {
		g.mu.Lock()
		defer g.mu.Unlock()
		return g.came
	}
	for before, still := heard(), 0; before < g.sent && still < 10; {
		time.Sleep(100 * time.Millisecond)
		now := heard()
		if still++; now != before {
			before, still = now, 0
		}
	}
}

func (g *generator) send() {
	i := g.order[g.next]
	s, p := g.socketOf(i), &g.phones[i]
	p.seq++
	b := s.slot(p.to)
	b[0] = 0x80
	binary.BigEndian.PutUint16(b[2:], p.seq)
	binary.BigEndian.PutUint32(b[4:], uint32(p.seq)*160)
	binary.BigEndian.PutUint32(b[8:], uint32(i+1))
	binary.BigEndian.PutUint64(b[12:], uint64(time.Now().UnixNano()))
	g.next = (g.next + 1) % len(g.order)
	if s.full() || g.socketOf(g.order[g.next]) != s {
		g.sent += s.flush()
	}
}

func (g *generator) flush() { g.sent += g.socketOf(g.order[g.next]).flush() }

// listenEvery is how often the listener looks: seldom, for what the kernel notes
// of a packet loses nothing by waiting.
const listenEvery = 2 * time.Millisecond

func (g *generator) listen() {
	runtime.LockOSThread() // and ends with its thread, which is politer than others
	_ = unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), 10)
	for !g.stop.Load() {
		g.mu.Lock()
		for _, s := range g.sockets {
			s.receive(g.take)
		}
		g.mu.Unlock()
		sleep(listenEvery)
	}
}

// take takes one packet: from where, and when the kernel got it.
func (g *generator) take(b []byte, from netip.AddrPort, at time.Time) {
	if len(b) < 20 {
		return
	}
	g.came++
	i := int(binary.BigEndian.Uint32(b[8:])) - 1
	switch {
	case i < 0 || i >= len(g.phones) || g.phones[i^1].to != from:
		g.astray++ // another call's, or from a port that it was not told
	case g.stalls != nil:
		left := time.Unix(0, int64(binary.BigEndian.Uint64(b[12:])))
		g.heard[g.stalls.slot(left)].add(at.Sub(left))
	}
}

// measure counts from now on what is sent and heard.
func (g *generator) measure(st *stalls) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.sent, g.came, g.stalls, g.heard = 0, 0, st, make([]counted, len(st.slots))
}

// results are the latencies of all packets, and of those sent while every processor
// ran.
func (g *generator) results() (all, calm counted) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i := range g.heard {
		all.join(&g.heard[i])
		if !g.stalls.slots[i].Load() {
			calm.join(&g.heard[i])
		}
	}
	return all, calm
}

func (g *generator) close() {
	g.stop.Store(true)
	g.done.Wait()
	for _, s := range g.sockets {
		unix.Close(s.fd)
	}
}

// punctual makes this thread go before all others, those of a lower rank too, as the
// interrupt of a network card does, for the few microseconds of a batch. Where that
// is not allowed, packets come later and in larger batches. It lasts until back is
// called.
func punctual(rank uint32) (back func()) {
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1000, 0, 0, 0) // nanoseconds; 50 us otherwise
	first := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Priority: rank, Flags: unix.SCHED_FLAG_RESET_ON_FORK}
	if unix.SchedSetAttr(0, &first, 0) != nil {
		return func() {}
	}
	return func() {
		_ = unix.SchedSetAttr(0, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_NORMAL}, 0)
	}
}

// sleep sleeps on the calling thread, unseen by Go's scheduler: told of every nap, it
// looks after them each 20 us, which costs a quarter of a core, and that was taken from
// the relay. Who sleeps so needs a processor of Go's to himself (see alone).
func sleep(d time.Duration) {
	ts := unix.NsecToTimespec(int64(d))
	_, _, _ = unix.RawSyscall6(unix.SYS_CLOCK_NANOSLEEP, unix.CLOCK_MONOTONIC, 0, uintptr(unsafe.Pointer(&ts)), 0, 0, 0)
}

// alone lets the threads that sleep so be: the sender, the listener, and one of stalls
// for each processor; nothing is collected meanwhile, since that waits for all of them.
func alone() {
	runtime.GOMAXPROCS(2*runtime.NumCPU() + 2)
	debug.SetGCPercent(-1)
}

// counted are latencies in steps of 5 us; those of 20 ms and more are one.
type counted struct {
	steps [4000]uint32
	all   int
}

const step = 5 * time.Microsecond

func (c *counted) add(d time.Duration) {
	c.steps[min(max(d/step, 0), time.Duration(len(c.steps)-1))]++
	c.all++
}

func (c *counted) join(more *counted) {
	for i, n := range more.steps {
		c.steps[i] += n
	}
	c.all += more.all
}

// quantile is the latency that a share of all packets stays within.
func (c *counted) quantile(share float64) time.Duration {
	left := int(float64(c.all) * share)
	for i, n := range c.steps {
		if left -= int(n); left < 0 {
			return time.Duration(i+1) * step
		}
	}
	return 0
}
