//go:build linux && (amd64 || arm64)

// Command media answers: what does relaying one packet cost, and how long does it
// take, compared with rtpengine and with the least a Go program can do?
//
// It plays two-way calls of 20 ms G.711 through each relay in turn, in one run on
// one machine, and prints CPU time per packet, the latency that the relay adds,
// and packets lost. Latency is from just before the kernel takes a packet until it
// has it for the phone at the other end, so the generator's own waiting is none of
// it; its sender goes before all others for the microseconds of a batch. Beside that:
// what the generator spent, how busy all processors were together (near 100 % a
// latency says how long a thread waited for one, and little about a relay), and how
// calm it was: the share of time, in slots of 10 ms, in which every processor ran. A
// virtual machine's host takes them away for milliseconds; "calm" latencies are of
// packets outside of that, and "added" is what the relay adds to these. Both need
// root: without its priorities, work that is going on counts as trouble of the host.
//
//	direct     no relay: what the generator itself costs in latency
//	floor      a plain Go relay: a goroutine and a net.UDPConn per port
//	sipedge    package sipedge/media, measuring quality as it does for calls
//	rtpengine  in user space, if it is installed (apt-get install rtpengine-daemon)
//
// With -rt behind its name a relay has real-time priority: media.realtime, which is
// sipedge's default where the kernel allows it, and --scheduling=rr of rtpengine. On a machine
// whose processors the generator shares, latency without it tells how long a thread
// waited for its turn; what sipedge promises is judged by sipedge-rt, if it takes part.
// Lost is what has not come one second after the last one came; of these, "full" were
// turned away by full receive buffers of the relay, and of the generator.
package main

import (
	"flag"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
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
	calls := flag.String("calls", "500", "two-way calls at once; several after one another: 250,500")
	seconds := flag.Int("seconds", 10, "time of each measurement")
	which := flag.String("relays", "direct,floor,sipedge,rtpengine,sipedge-rt,rtpengine-rt", "which, in which order")
	max := flag.Float64("max", 0, "fail when sipedge costs more than this times the floor, or more than rtpengine, loses a packet, or adds more than -added; 0 only prints")
	added := flag.Duration("added", time.Millisecond, "with -max: latency that sipedge may add, 99th percentile")
	child := flag.String("child", "", "run as a relay: floor, sipedge or sipedge-rt (used by the program itself)")
	flag.Parse()
	if *child != "" {
		serve(*child)
		return
	}
	alone()
	ok := true
	for text := range strings.SplitSeq(*calls, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > maxCalls {
			fmt.Fprintf(os.Stderr, "-calls %q: want numbers from 1 to %d\n", *calls, maxCalls)
			os.Exit(2)
		}
		got, err := contest(n, time.Duration(*seconds)*time.Second, *which)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		if *max > 0 && !fair(got, *max, *added) {
			ok = false
		}
	}
	if !ok {
		os.Exit(1)
	}
}

// maxCalls is what the ports of the relays are enough for: two pairs a call.
const maxCalls = 3000

// contest measures the relays one after the other and prints a line of each.
func contest(calls int, long time.Duration, which string) (map[string]result, error) {
	got := map[string]result{}
	fmt.Printf("%d two-way calls\n", calls)
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "relay\tpackets/s\tCPU us/packet\tcalls/core\tcores\tlost\tfull\tp50 us\tp99 us\tcalm p50\tcalm p99\tadded p99 us\tgenerator's cores\tbusy\tcalm")
	for name := range strings.SplitSeq(which, ",") {
		if strings.HasPrefix(name, "rtpengine") && !installed("rtpengine") {
			fmt.Fprintln(out, name+"\tnot installed: apt-get install rtpengine-daemon")
			continue
		}
		r, err := measure(name, calls, long)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		got[name] = r
		fmt.Fprintf(out, "%s\t%.0f\t%.2f\t%s\t%.2f\t%d\t%d+%d\t%d\t%d\t%d\t%d\t%d\t%.2f\t%.0f %%\t%.0f %%\n", name, r.rate, r.cpu, r.perCore(), r.cores, r.lost, r.full, r.fullHere, r.p50.Microseconds(), r.p99.Microseconds(),
			r.calm50.Microseconds(), r.calm99.Microseconds(), (r.calm99 - got["direct"].calm99).Microseconds(), r.generator, r.busy, 100*r.calm)
	}
	return got, out.Flush()
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
	for _, name := range [...]string{"sipedge", "sipedge" + realtimeMark} {
		if r := got[name]; r.lost > r.fullHere {
			fmt.Printf("%s lost %d packets, %d of them for its full receive buffers\n", name, r.lost-r.fullHere, r.full)
			ok = false
		}
	}
	if rt, there := got["sipedge"+realtimeMark]; there {
		mine = rt // see above
	}
	switch bare, there := got["direct"]; {
	case !there:
	case mine.calm < 0.1 || bare.calm < 0.1:
		fmt.Println("the machine was not calm for a tenth of the time: nothing can be said about latency")
		ok = false
	case mine.calm99-bare.calm99 > added:
		more := mine.calm99 - bare.calm99
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
	rate, cpu, cores, generator float64
	busy                        float64 // per cent of all processors
	lost                        int
	full, fullHere              int // turned away by full buffers of the relay, and of the generator
	p50, p99                    time.Duration
	calm                        float64       // share of the time in which every processor ran
	calm50, calm99              time.Duration // of packets sent then
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
	there, here := map[uint16]bool{}, map[uint16]bool{} // ports
	for i := 0; i < len(g.phones); i += 2 {
		a, b := &g.phones[i], &g.phones[i+1]
		if a.to, b.to, err = r.join(a.at, b.at); err != nil {
			return result{}, fmt.Errorf("call %d: %w", i/2, err)
		}
		there[a.to.Port()], there[b.to.Port()], here[a.at.Port()], here[b.at.Port()] = true, true, true, true
	}
	g.run(time.Second) // ports lock, caches warm
	st := watchStalls(long)
	defer st.close()
	g.measure(st)
	full, fullHere := refused(there), refused(here)
	whole, before, own := machineNow(), cpuOf(r.pid()), cpuOf(os.Getpid())
	took := g.run(long)
	spent, ownSpent := cpuOf(r.pid())-before, cpuOf(os.Getpid())-own
	heard, calm := g.results()
	if g.astray > 0 {
		return result{}, fmt.Errorf("%d packets came from where they should not", g.astray)
	}
	res := result{
		rate: float64(g.sent) / took.Seconds(), lost: g.sent - heard.all, full: refused(there) - full, fullHere: refused(here) - fullHere,
		cores: spent.Seconds() / took.Seconds(), generator: ownSpent.Seconds() / took.Seconds(),
		p50: heard.quantile(0.50), p99: heard.quantile(0.99), calm50: calm.quantile(0.50), calm99: calm.quantile(0.99), busy: machineNow().since(whole),
	}
	if heard.all > 0 {
		res.calm = float64(calm.all) / float64(heard.all)
		res.cpu = float64(spent.Microseconds()) / float64(heard.all)
	}
	return res, nil
}

// realtimeMark ends the name of a relay that has real-time priority.
const realtimeMark = "-rt"

func open(name string) (relay, error) {
	switch name {
	case "direct":
		return direct{}, nil
	case "floor", "sipedge", "sipedge" + realtimeMark:
		return startChild(name)
	case "rtpengine", "rtpengine" + realtimeMark:
		return startEngine(strings.HasSuffix(name, realtimeMark))
	}
	return nil, fmt.Errorf("no such relay")
}

// direct is no relay at all.
type direct struct{}

func (direct) join(a, b netip.AddrPort) (toA, toB netip.AddrPort, err error) { return b, a, nil }
func (direct) pid() int                                                      { return 0 }
func (direct) close()                                                        {}
