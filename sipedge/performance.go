/*
# Where the time goes

One call of 13 datagrams at 3000 calls/s, all features, decision records, CDRs,
ladders and metrics on, on two cores of a virtual machine. The profile is perf's
(perf record -e cpu-clock -g -p PID; pprof misses most of the time in the kernel),
in per cent of the process's CPU time, what is indented being part of what it
stands under:

	datagrams, from the reader's wake-up on         83
	  sending, six or seven system calls            31
	    of these in sendto itself                   18  (on the loopback the sender also delivers)
	  receiving (recvmmsg)                           3
	  the message ladder                             5
	  parsing what came                              5
	  decision, with limits and the clock            6
	  the gate before the parser                     2
	  sealing and opening route tokens               2
	  decision record and CDR                        5
	sysmon, the Go scheduler's watchman              7  (nanosleep; dear on virtual machines)
	journal of dialogs, records' file                4
	garbage collection                               2
	allocation                                       4

What is left to take away is small and spread out. Half of the time is the
kernel's, and most of that is one system call per datagram sent.

What telemetry adds, everything on, in per cent of the time that an edge without any
takes; records are written by both. The first column is of an earlier state and a calm
hour, the second of one in which memory was slow, so that they do not compare:

	                                       2000 calls/s    3500 calls/s
	the ladder: messages                        2.2             3.4
	  its notes, and what is known of the call  0.9             1.0
	Homer over a stream                         3.7             4.2
	  of this the kernel's                      1.6             2.5
	  looking for secrets                       1.0             0
	spans and OTLP                              0.4             0.3
	the log, 200 lines a second                 0.5             0.4
	that is                                     7.8             9.2

`bench telemetry` finds a point or two more. At 2000 calls/s the machine sleeps half of
the time, and being woken is a third of what a call costs: 205 to 229 us, against 137 to
157 at 3500. An edge that does more seems to be woken less often, and so the generators
beside it. In one run (all rounds) a call took 221 to 229 us of an edge without
telemetry, 201 to 223 with all of it, 178 to 195 with dead backends, of the generators 280,
240 and 215: by CPU time all of it saved 5 %, by x_gen it cost 12.3. Of six runs at that
rate on one evening, x_gen says 7.6, 8.5, 9.6, 9.8, 12.3 and, beside other work, 15.3; of
two at 3500 9.2 and 11.8. None of the changes of that evening is larger than this. With
all of them and the machine to itself, a run of three rounds says 7.3 for all, 6.4 for
dead backends, and 201 us a call against 194.

# How it was measured

By `go run ./integration/bench`, whose compare lets the edge, Kamailio and the
bare datagrams take turns in one run; integration/bench/results has a run with its
machine and date. CPU time per call depends on the machine and on the rate (with
more calls a wake-up brings more datagrams along), so figures of two runs do not
compare; x_gen, CPU of the system over CPU of the generators in the same rung,
nearly does.

# What was tried

Kept, with what it brought where that was measured by itself:

	our own view over a message's bytes       36 allocations a message less than the library's
	  instead of a parsed tree                parser; what is not touched stays byte for byte
	a shard is a lock the reader takes, not   no queue, no wake-up between reading and sending
	  a goroutine with a queue
	recvmmsg in blocking mode, out of sight   a tenth less than the poller at 18,000 datagrams/s
	  of Go's poller                          (BenchmarkServerCPU); at 1000 calls/s no difference
	completed transactions become tombs of    32 s of RFC 6026 at 3000 calls/s: 233 MB before they
	  a few words in chunks without pointers  lay in chunks, 100 MB now (bench memory)
	GOGC 50, and tables that start small      the same 100 MB; with 400 it was 216 MB, and no
	                                          difference in CPU that the bench could see
	sends that tell the scheduler nothing     184 to 164 us a call at 3000 calls/s in one pair of runs:
	  (RawSyscall6)                           a thread that is in a system call for longer than 20 us
	                                          loses its P and has to find another
	writing to a connection at once, the      TCP from 1.56 to 1.49 times UDP at 1000 calls/s
	  writer only for the rest
	a BYE that was answered over a stream     it kept request, answer and what was sent for the 5 s of
	  leaves a tomb, as over UDP              timer K: 170 MB to 75 at 2000 calls/s, and a call over TCP
	                                          from 1.91 to 1.37 of one over UDP, over TLS from 1.72 to 1.39
	Homer's packets over a stream, many       +69 % of a call when each was sent by itself, +19 % over
	  at once, every 50 ms                    a stream every 5 ms, +9 % every 50 ms; a bare loop that
	                                          writes the same bytes so often takes 10.5 us a call, 29 us
	                                          every 5 ms
	the same, read from the ladders' ring     calls copy a message once, not twice; 4.4 to 3.9 % of the
	                                          samples, of which the kernel's part is 1.8, blotting 1.2
	the ring asks calls, not entries, what    what leaves the ring took 1.9 % of the samples, then 1.2 with
	  of them is wanted when it comes round   heads that lie apart: nearly all of it was waiting for
	                                          memory last touched a turn of the ring ago
	a quarter of the ladders' memory is       a ring of 8 MB costs less than one of 4 (x_gen +9.8 % against
	  ring, neither half nor an eighth        +11.8 at 3500 calls/s), one of 2 more (+9.5 against +7.3 at
	                                          2000), each pair in one run; a second, disturbed run did not
	                                          tell 8 from 4. A call that leaves the ring while it is one of
	                                          its trunk's last is copied once more. One of 16 was dearer
	                                          than one of 4, but in another run
	Homer's messages copied outside of the    takes along less (2.5 to 2.0 % of the samples), and calls do
	  tape's lock, into forms of packets      not wait for it
	batches to Homer every 200 ms, not 50,    not measured by themselves; a wake-up costs 0.2 ms, and BBR's
	  by raw system calls, not paced by BBR   timers and their interrupts were 0.8 % of the samples
	what the parser has read is not searched  1.0 % of the samples at 2000 calls/s, now 0.2 at 3500; with Nagle's
	  for secrets once more                   algorithm for the stream, +8.6 to +7.5 % in one run (means)
	an entry of the ring is written without   reading a place back from a head in far memory, and five
	  reading it back                         divisions: 0.3 % of the samples, not measured by itself
	plain lines of the log without slog       20 us to 10 a line (1.0 to 0.5 %), half of it the kernel's
	heartbeats that count gateways by route,  with 10,000 trunks and gateways 1.45 to 1.05 of
	  not name each                           what a call costs with ten (bench scale)
	a large table outside of the heap         with ten million numbers 1.29 and 1.20 of a thousand before,
	                                          1.04, 1.07 and 1.07 after, 950 MB to 650: half of a heap that the
	                                          table lies in is so much room that each call worked in memory
	                                          no cache knew (clearing it alone was 5 % of the samples)

Tried and left:

	the poller with recvmmsg and EAGAIN       sysmon sleeps, and the three system calls per
	                                          wake-up take as much (1000 calls/s: x_gen 0.94 to 1.01
	                                          against 0.95 to 1.00)
	GOMAXPROCS above the number of cores      no difference over UDP; sysmon is as busy, since a
	                                          reader that comes back from its call wakes it
	GOGC 400                                  memory, see above
	readers of our own for connections, by    beside the poller in one run each, over UDP's x_gen: 1.42
	  epoll beside Go's poller, TLS above     and 1.40 (TCP, TLS) against 1.39 and 1.34 at 2000 calls/s,
	  a socket that never waits               1.55 against 1.35 (TCP) at 1000: nothing, for 300 lines
	processors kept awake at idle priority,   a turn of the bench took 28 s, not 17, and a call 274 us, not 225:
	  to measure without the sleep            the host seems to give two busy processors less than two
	GOGC so low that half of what lies        687 MB instead of 976 with ten million numbers, and hardly
	  beside the table may be garbage, 1 to   a page fault; but a collection of 65 ms every 1.5 s, and
	  3 per cent of all                       x_gen 1.17 where it was 1.05 in another run

What streams cost beyond datagrams are more wake-ups, each with less to do, and the
poller beside readers that sleep outside it. Of TLS, cryptography is less than a
hundredth. A program that only moves the bytes pays 1.13 of UDP for TCP and 1.21 for
TLS, the edge in the same run 1.37 and 1.39 (bench transports, 2000 calls/s, alone). In
three later runs it paid 1.33, 1.41 and 1.45 for TCP and 1.38, 1.38 and 1.63 for TLS; the
last of each in one in which the machine became slower with each rung, callers and
gateways too: by x_gen 1.34 and 1.37.

With ten million numbers a call costs 1.07 of what it costs with a thousand, while
100,000 different ones are called, in two runs of three turns each (bench scale). What is
left is waiting for memory: Table's find takes 2.5 per cent of the samples there, and the
comparison with the store, 500 records a second, 2 where it takes 1. Not part of a call,
but large after a load: the first snapshot, and a look for old tombstones once an hour.

# What the machine does not give

Three figures that were wanted are missed here; the bare datagrams miss the third as
well, and have little or nothing left for the others (bench compare, runs on one machine; latencies
at 3000 calls/s; of the last, with nothing beside it, results has the whole):

	INVITE to 180, p99.9 (5 ms)    edge 10.2  floor 9.1    87.6  45.9    24.0  3.0    11.8  3.9
	INVITE to 100, p99 (1 ms)      edge  2.8  floor 1.5    32.3   5.6     8.5  1.0     3.8  1.0
	clean at 8000 calls/s          edge no    floor no     no    no      no    no      no   no

x_gen was 0.84, 0.86, 0.83 and 0.83 in them, 0.64, 0.62, 0.66 and 0.63 of Kamailio's with
its table in memory. 4000 calls/s are about what two cores carry beside callers and
gateways: clean in the first and the last run, not in the third.

What the edge waits for in these is a processor. One turn of 8 s at 3000 calls/s each,
in ms, taking turns within twenty minutes:

	                              100, p99             180, p99             180, p99.9            x_gen
	as it is                      1.8 2.1 2.2 2.8 2.9  4.1 4.8 5.0 5.1 5.1  6.9 8.8 9.1 9.5 9.8   0.81 to 0.83
	nice -10                      1.3 1.3 1.4 1.8      3.8 4.1 4.1 5.8      5.6 6.8 8.0 8.9       0.84 to 0.86
	real-time (SCHED_RR)          0.5 0.6 0.6 0.7      8.8 10.5 10.5 12.8   16.2 19.0 19.2 24.3   0.89 to 0.90
	without any collection        3.1 3.7              6.3 7.0              8.8 14.9              0.97, 0.98
	slices of 0.1 ms (EEVDF)      9.1                  17.3                 23.3                  0.79
	the bare datagrams            0.8 0.9 1.1          1.5 2.0 2.6          3.9 4.8 5.1           0.47, 0.48

Where the edge never waits its 100 is out within 0.7 ms, and then the gateways wait in its
stead. Garbage has no part in it. Who has processors to spare, or gives the edge's unit
Nice=-10, has most of what there is to have.
*/
package sipedge
