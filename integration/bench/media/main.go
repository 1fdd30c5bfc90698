//go:build linux && (amd64 || arm64)

// Command media answers: what does relaying one packet cost, and how long does it
// take, compared with rtpengine and with the least a Go program can do?
//
// It plays two-way calls of 20 ms G.711 through each relay in turn, in one run on
// one machine, and prints CPU time per packet, the latency that the relay adds,
// and packets lost:
//
//	direct     no relay: what the generator itself costs in latency
//	floor      a plain Go relay: a goroutine and a net.UDPConn per port
//	sipedge    package sipedge/media, measuring quality as it does for calls
//	rtpengine  in user space, if it is installed (apt-get install rtpengine-daemon)
package main

import (
	"flag"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

var home = netip.MustParseAddr("127.0.0.1")

// relay is one contestant: a process, and how calls are set up in it.
type relay interface {
	// join sets one call up between two addresses and says where each of its ends
	// sends to.
	join(a, b netip.AddrPort) (toA, toB netip.AddrPort, err error)
	pid() int
	close()
}

func main() {
	calls := flag.Int("calls", 500, "two-way calls at once")
	seconds := flag.Int("seconds", 10, "time of each measurement")
	which := flag.String("relays", "direct,floor,sipedge,rtpengine", "which, in which order")
	max := flag.Float64("max", 0, "fail when sipedge costs more than this times the floor, or more than rtpengine, loses a packet, or adds more than -added; 0 only prints")
	added := flag.Duration("added", time.Millisecond, "with -max: latency that sipedge may add, 99th percentile")
	child := flag.String("child", "", "run as a relay: floor or sipedge (used by the program itself)")
	flag.Parse()
	if *child != "" {
		serve(*child)
		return
	}
	got := map[string]result{}
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "relay\tpackets/s\tCPU us/packet\tcalls/core\tcores\tlost\tp50 us\tp99 us\tadded p99 us")
	for _, name := range strings.Split(*which, ",") {
		if name == "rtpengine" && !installed("rtpengine") {
			fmt.Fprintln(out, "rtpengine\tnot installed: apt-get install rtpengine-daemon")
			continue
		}
		r, err := measure(name, *calls, time.Duration(*seconds)*time.Second)
		if err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
			os.Exit(1)
		}
		got[name] = r
		fmt.Fprintf(out, "%s\t%.0f\t%.2f\t%s\t%.2f\t%d\t%d\t%d\t%d\n", name, r.rate, r.cpu, r.perCore(), r.cores, r.lost,
			r.p50.Microseconds(), r.p99.Microseconds(), (r.p99 - got["direct"].p99).Microseconds())
	}
	out.Flush()
	if *max > 0 && !fair(got, *max, *added) {
		os.Exit(1)
	}
}

func installed(name string) bool {
	_, err := exec.LookPath(name)
	return err == nil
}

// fair compares what sipedge costs with the others, and what it adds with none.
func fair(got map[string]result, limit float64, added time.Duration) bool {
	ok := true
	mine := got["sipedge"]
	for name, times := range map[string]float64{"floor": limit, "rtpengine": 1} {
		if r, there := got[name]; there && mine.cpu > r.cpu*times {
			fmt.Printf("sipedge costs %.2f times what %s does; the limit is %.2f\n", mine.cpu/r.cpu, name, times)
			ok = false
		}
	}
	if mine.lost > 0 {
		fmt.Printf("sipedge lost %d packets\n", mine.lost)
		ok = false
	}
	if bare, there := got["direct"]; there && mine.p99-bare.p99 > added {
		more := mine.p99 - bare.p99
		fmt.Printf("sipedge adds %v to one packet in a hundred; the limit is %v\n", more, added)
		ok = false
	}
	return ok
}

// perCore is how many calls one core carries: each sends 100 packets a second,
// both directions together.
func (r *result) perCore() string {
	if r.cpu == 0 {
		return "-"
	}
	return fmt.Sprintf("%.0f", 1e6/(100*r.cpu))
}

type result struct {
	rate, cpu, cores float64
	lost             int
	p50, p99         time.Duration
}

func measure(name string, calls int, long time.Duration) (result, error) {
	r, err := open(name)
	if err != nil {
		return result{}, err
	}
	defer r.close()
	g, err := newGenerator(calls)
	if err != nil {
		return result{}, err
	}
	defer g.close()
	for i := 0; i < len(g.phones); i += 2 {
		a, b := &g.phones[i], &g.phones[i+1]
		if a.to, b.to, err = r.join(a.at, b.at); err != nil {
			return result{}, fmt.Errorf("call %d: %w", i/2, err)
		}
	}
	g.run(time.Second) // ports lock, caches warm
	g.reset()
	before, began := cpuOf(r.pid()), time.Now()
	g.run(long)
	took, spent := time.Since(began), cpuOf(r.pid())-before
	sent, heard, latencies := g.results()
	slices.Sort(latencies)
	res := result{rate: float64(sent) / took.Seconds(), lost: sent - heard, cores: spent.Seconds() / took.Seconds()}
	if heard > 0 {
		res.cpu = float64(spent.Microseconds()) / float64(heard)
		res.p50, res.p99 = latencies[len(latencies)/2], latencies[len(latencies)*99/100]
	}
	return res, nil
}

func open(name string) (relay, error) {
	switch name {
	case "direct":
		return direct{}, nil
	case "floor", "sipedge":
		return startChild(name)
	case "rtpengine":
		return startEngine()
	}
	return nil, fmt.Errorf("no such relay")
}

// direct is no relay at all.
type direct struct{}

func (direct) join(a, b netip.AddrPort) (toA, toB netip.AddrPort, err error) { return b, a, nil }
func (direct) pid() int                                                      { return 0 }
func (direct) close()                                                        {}
