//go:build linux && (amd64 || arm64)

package main

import (
	"os"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of CPU times in /proc: USER_HZ is 100 wherever Linux runs.
const tick = 10 * time.Millisecond

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
	return time.Duration(user+system) * tick
}

// machine is the time that all CPUs together have had, and have spent.
type machine struct{ all, busy time.Duration }

func machineNow() (m machine) {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return m
	}
	line, _, _ := strings.Cut(string(b), "\n")
	for i, f := range strings.Fields(line)[1:9] { // user nice system idle iowait irq softirq steal
		n, _ := strconv.Atoi(f)
		m.all += time.Duration(n) * tick
		if i != 3 && i != 4 {
			m.busy += time.Duration(n) * tick
		}
	}
	return m
}

// refused is how many packets the kernel did not put into the full receive buffers
// of some UDP sockets, in all their life so far (drops in /proc/net/udp).
func refused(ports map[uint16]bool) (n int) {
	b, err := os.ReadFile("/proc/net/udp")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) < 13 {
			continue
		}
		_, port, _ := strings.Cut(f[1], ":")
		if p, err := strconv.ParseUint(port, 16, 16); err == nil && ports[uint16(p)] {
			drops, _ := strconv.Atoi(f[len(f)-1])
			n += drops
		}
	}
	return n
}

// since says which percentage of the CPUs' time was spent.
func (m machine) since(was machine) float64 {
	if m.all == was.all {
		return 0
	}
	return 100 * float64(m.busy-was.busy) / float64(m.all-was.all)
}
