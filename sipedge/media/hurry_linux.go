//go:build linux && (amd64 || arm64)

package media

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// hurry is how one loop's thread takes turns with the other work of the host. Its
// methods are called on that thread.
//
// With real-time priority it goes before all threads of the usual kind: while every
// core has work to do, a packet waits for a tick of the kernel otherwise, which is
// milliseconds. That would be a gift for whoever floods the ports: SCHED_RR takes
// turns with others of its kind only, and the kernel keeps one twentieth of each core
// for the rest. So a loop that hardly rests is one of many again for a while; where
// every packet is late anyway, signalling need not be.
type hurry struct {
	usual *unix.SchedAttr // as the thread was; nil: it stays so
	on    bool            // it has real-time priority now
	since time.Duration
	spent time.Duration // of CPU time, until since
}

// Of the share of one core up to which a loop goes first.
const (
	glance = 100 * time.Millisecond
	most   = 0.8
	meek   = time.Second // for so long it does not, afterwards
)

// begin makes the thread wake up when it asked to and not up to 50 us later, and gives
// it priority; an error says why it has none that it should have.
func (h *hurry) begin(want Realtime) error {
	const slack = 1000 // ns
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, slack, 0, 0, 0)
	if want == Never {
		return nil
	}
	usual, err := unix.SchedGetAttr(0, 0)
	if err == nil {
		err = set(first)
	}
	if err != nil {
		return fmt.Errorf("media.realtime: the kernel does not allow real-time priority: %w; allow it (LimitRTPRIO=1 in a unit, or CAP_SYS_NICE), or write realtime: false", err)
	}
	usual.Size, usual.Flags = unix.SizeofSchedAttr, first.Flags // which nobody may take back
	h.usual, h.on, h.spent = usual, true, spent()
	return nil
}

// first is real-time priority of the lowest rank; threads that such a thread makes have
// the usual one.
var first = unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_RR, Priority: 1, Flags: unix.SCHED_FLAG_RESET_ON_FORK}

// judge looks from time to time at how busy the thread has been, and changes its
// priority where that is due.
func (h *hurry) judge(now time.Duration) {
	while := now - h.since
	switch {
	case h.usual == nil, while < glance, !h.on && while < meek:
		return
	case !h.on:
		h.on = set(first) == nil
	case float64(spent()-h.spent) > most*float64(while):
		h.on = set(*h.usual) != nil
	}
	h.since, h.spent = now, spent()
}

// end makes the thread as it was: the process's first one is not ended with its
// goroutine, but sleeps on.
func (h *hurry) end() {
	if h.usual != nil {
		h.on = set(*h.usual) != nil
	}
}

// set changes how the calling thread takes turns.
func set(a unix.SchedAttr) error { return unix.SchedSetAttr(0, &a, 0) } // the call writes into it

// spent is the CPU time of the calling thread so far.
func spent() time.Duration {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts)
	return time.Duration(ts.Nano())
}
