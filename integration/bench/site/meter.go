package site

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of CPU times in /proc; USER_HZ is 100 on every Linux that runs Go.
const tick = 10 * time.Millisecond

// family is a process and everything that descends from it.
func family(pid int) []int {
	children := map[int][]int{}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, name := range stats {
		f := fields(name)
		if len(f) < 2 {
			continue
		}
		child, _ := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		parent, _ := strconv.Atoi(f[1])
		children[parent] = append(children[parent], child)
	}
	all := []int{pid}
	for i := 0; i < len(all); i++ {
		all = append(all, children[all[i]]...)
	}
	return all
}

// fields of /proc/PID/stat from the state on: the name before may hold anything.
func fields(stat string) []string {
	b, err := os.ReadFile(stat)
	if err != nil {
		return nil
	}
	s := string(b)
	return strings.Fields(s[strings.LastIndexByte(s, ')')+1:])
}

// cpu is user and system time of processes so far.
func cpu(pids []int) (user, system time.Duration) {
	for _, pid := range pids {
		f := fields(fmt.Sprintf("/proc/%d/stat", pid))
		if len(f) < 13 {
			continue
		}
		u, _ := strconv.Atoi(f[11])
		s, _ := strconv.Atoi(f[12])
		user, system = user+time.Duration(u)*tick, system+time.Duration(s)*tick
	}
	return user, system
}

// pss is the memory of processes in bytes, shared pages counted once.
func pss(pids []int) (bytes int64) {
	for _, pid := range pids {
		bytes += kilobytes(fmt.Sprintf("/proc/%d/smaps_rollup", pid), "Pss:") << 10
	}
	return bytes
}

func kilobytes(name, key string) int64 {
	f, err := os.Open(name)
	if err != nil {
		return 0
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if rest, ok := strings.CutPrefix(s.Text(), key); ok {
			n, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return n
		}
	}
	return 0
}

// machine is what all processes together used, and datagrams the kernel dropped.
type machine struct {
	busy, stolen time.Duration
	drops        int64
}

func readMachine() (m machine) {
	b, _ := os.ReadFile("/proc/stat")
	line, _, _ := strings.Cut(string(b), "\n")
	for i, f := range strings.Fields(line)[1:] {
		n, _ := strconv.Atoi(f)
		switch i {
		case 0, 1, 2, 5, 6:
			m.busy += time.Duration(n) * tick
		case 7:
			m.stolen += time.Duration(n) * tick
		}
	}
	b, _ = os.ReadFile("/proc/net/snmp")
	var names []string
	for line := range strings.SplitSeq(string(b), "\n") {
		rest, ok := strings.CutPrefix(line, "Udp:")
		switch {
		case ok && names == nil:
			names = strings.Fields(rest)
		case ok:
			for i, f := range strings.Fields(rest) {
				if names[i] == "RcvbufErrors" || names[i] == "SndbufErrors" {
					n, _ := strconv.ParseInt(f, 10, 64)
					m.drops += n
				}
			}
		}
	}
	return m
}

// bound says whether a UDP port, or a TCP one in state LISTEN, is taken.
func bound(port int) bool {
	want := fmt.Sprintf(":%04X", port)
	for _, name := range []string{"/proc/net/udp", "/proc/net/tcp"} {
		b, _ := os.ReadFile(name)
		for line := range strings.SplitSeq(string(b), "\n") {
			f := strings.Fields(line)
			if len(f) > 3 && strings.HasSuffix(f[1], want) && (f[3] == "07" || f[3] == "0A") {
				return true
			}
		}
	}
	return false
}
