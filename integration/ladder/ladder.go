// Package ladder answers: what crosses the wire, message by message, when a call
// goes this way?
//
// Caller, edge and gateways share one testing/synctest bubble over an in-memory
// network: thirty-two seconds of Timer B cost nothing, and the ladder is the same
// every time. A test plays caller and gateways line by line; what is seen on the
// wire is compared with a golden file (-update writes it). The actors read and
// write with sipgo's parser and message types, not with the edge's own, so that
// the edge is understood by somebody else.
package ladder

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/speakops/sipedge/configs"
	"github.com/speakops/sipedge/routing"
	"github.com/speakops/sipedge/sipedge"
	"github.com/speakops/sipedge/sipedge/gateway"
	windows "github.com/speakops/sipedge/sipedge/observe/ladder"
	"github.com/speakops/sipedge/sipedge/records"
	"github.com/speakops/sipedge/sipedge/transport/memnet"
)

var update = flag.Bool("update", false, "write the golden ladders anew")

// EdgeAddr is where the edge listens, over UDP and TCP.
const EdgeAddr = "192.0.2.1:5060"

// H is one evening of calls: a network, an edge, and whoever calls or answers.
type H struct {
	T     testing.TB
	Net   *memnet.Network
	Edge  *sipedge.Edge
	Table *routing.Table
	Clock *Clock
	Kept  *records.Memory // dialogs that are up, as a restarted edge finds them

	Config    *configs.Edge
	CDRs      *Lines
	Decisions *Lines
	Log       *bytes.Buffer
	Ladders   *windows.Store  // the edge's own view of its calls
	shown     *windows.Tail   // who takes their messages along
	Traced    *Traces         // calls as spans are made of them
	Faulty    string          // a decision on this number panics
	Names     gateway.Locator // how gateways' names are found; nobody has any
	Finder    sipedge.Finder  // who is asked for numbers while the table is filled; nil: it is full

	wire   map[string]int // messages by Call-ID
	began  time.Time
	who    string
	ladder *Lines
	actors map[netip.AddrPort]*Actor
	phones []*Phone
	stop   context.CancelFunc
	done   chan error
}

// Clock is the edge's clock: the bubble's, with an error and an offset that a
// test may change.
type Clock struct {
	Error, Offset time.Duration
}

// Now implements sipedge.Clock.
func (c *Clock) Now() routing.Interval { return routing.Around(time.Now().Add(c.Offset), c.Error) }

// Lines keeps lines in memory: records, or a ladder. Timers and the network
// write to them at once.
type Lines struct {
	mu  sync.Mutex
	all []string
}

// All is what was written so far.
func (l *Lines) All() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.all)
}

// Append implements sipedge.Lines.
func (l *Lines) Append(line []byte) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, strings.TrimRight(string(line), "\n"))
	return true
}

// Run plays one evening inside a bubble: the edge is configured from
// configs/two-gateways.yaml changed by edits (old, new pairs), knows the demo numbers, and is up when
// play begins.
func Run(t *testing.T, play func(h *H), edits ...string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		h := New(t, edits...)
		h.Start()
		defer h.Stop() // also after a failure, so that the next evening can begin
		play(h)
	})
}

// New makes an evening without starting its edge; call it in a bubble.
func New(t testing.TB, edits ...string) *H {
	h := &H{
		T: t, Net: memnet.New(), Table: new(routing.Table), Clock: new(Clock), CDRs: new(Lines), Decisions: new(Lines), Log: new(bytes.Buffer),
		Kept: new(records.Memory), Names: nobody{}, began: time.Now(), who: "edge", Traced: new(Traces), ladder: new(Lines), wire: map[string]int{}, actors: map[netip.AddrPort]*Actor{},
	}
	h.Config = load(t, edits)
	h.Number(routing.Number{PublicNumber: 12025550143, RoutingAuthority: routing.SpeakOps, PortingState: routing.Settled, CustomerAssignment: "acme"})
	h.Number(routing.Number{PublicNumber: 12025550100, RoutingAuthority: routing.Legacy, PortingState: routing.Draft})
	h.Net.Tap(h.see)
	return h
}

// Number makes the table believe n.
func (h *H) Number(n routing.Number) {
	n.Revision = uint64(time.Now().UnixMicro()) + uint64(h.Table.Len()) + 1
	h.Table.Put(n)
}

func load(t testing.TB, edits []string) *configs.Edge {
	t.Helper()
	name := filepath.Join("..", "..", "configs", "two-gateways.yaml")
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	for i := 0; i+1 < len(edits); i += 2 {
		if !strings.Contains(text, edits[i]) {
			t.Fatalf("two-gateways.yaml has no %q to edit", edits[i])
		}
		text = strings.ReplaceAll(text, edits[i], edits[i+1])
	}
	cfg, _, err := configs.Parse(name, []byte(text), os.LookupEnv, os.ReadFile)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// Start brings an edge up on the network.
func (h *H) Start() { h.StartAt(EdgeAddr) }

// StartAt is Start at an address of its own, which the configuration names.
func (h *H) StartAt(addr string) {
	h.T.Helper()
	fresh := new(routing.Freshness)
	if h.Finder == nil || h.Finder.Loaded() {
		fresh.Confirm(time.Now())
	}
	host := netip.MustParseAddrPort(addr).Addr()
	ctx, stop := context.WithCancel(context.Background())
	h.Ladders = windows.New(windows.Options{RingBytes: 1 << 20})
	h.shown = h.Ladders.Tail()
	e, err := sipedge.New(sipedge.Parts{
		Config: h.Config, Table: h.Table, Freshness: fresh, Clock: h.Clock, Net: h.Net.Host(host),
		Log:    slog.New(slog.NewTextHandler(h.Log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Finder: h.Finder, Locator: h.Names, Keeper: h.Kept, Adopted: h.Kept.Live(time.Now()), Encoder: &records.Encoder{Edge: "edge-1"}, Ladders: h.Ladders, Tracer: h.Traced, Sample: h.Traced.Sample, CDRs: h.CDRs, Decisions: h.Decisions,
		OnCall: h.decided, Shards: 1,
	})
	if err != nil {
		h.T.Fatal(err)
	}
	if err := e.Open(ctx); err != nil {
		h.T.Fatal(err)
	}
	h.Edge, h.stop, h.done = e, stop, make(chan error, 1)
	go func() { h.done <- e.Serve(ctx) }()
	synctest.Wait()
}

// Stop drains the edge and waits for it to end.
func (h *H) Stop() {
	h.T.Helper()
	if h.T.Failed() {
		h.T.Logf("the ladder so far:\n%s", strings.Join(h.ladder.All(), "\n"))
	}
	h.stop()
	if err := <-h.done; err != nil {
		h.T.Errorf("edge ended with: %v", err)
	}
	for _, a := range h.actors {
		a.close()
	}
	for _, p := range h.phones {
		p.conn.Close()
	}
	synctest.Wait()
	h.sane()
	h.saw()
	h.plain()
}

// sane fails the test when a call has panicked: the edge goes on without it, and
// nothing on the wire need show it.
func (h *H) sane() {
	h.T.Helper()
	for line := range strings.SplitSeq(h.Log.String(), "\n") {
		if h.Faulty == "" && strings.Contains(line, "panic in a call") {
			h.T.Errorf("%s", strings.ReplaceAll(line, `\n`, "\n"))
		}
	}
}

// Crash ends the edge at once, as a killed process does: nothing drains, and its
// dialogs stay in what it kept.
func (h *H) Crash() {
	h.T.Helper()
	patience := h.Config.Edge.DrainTimeout
	h.Config.Edge.DrainTimeout = 0
	h.Edge.HandOver()
	h.stop()
	<-h.done
	h.Config.Edge.DrainTimeout = patience
	synctest.Wait()
}

// Another is a second edge of the same site on the same network: its own
// sockets and memory, the same key and numbers. Its configuration is that of h
// changed by edits.
func (h *H) Another(addr string, edits ...string) *H {
	h.T.Helper()
	other := *h
	other.who = "edge2"
	other.Config = load(h.T, append([]string{EdgeAddr, addr, "id: edge-1", "id: edge-2", `address: "192.0.2.1",`, `address: "` + netip.MustParseAddrPort(addr).Addr().String() + `",`}, edits...))
	other.CDRs, other.Decisions, other.Log, other.Kept = new(Lines), new(Lines), new(bytes.Buffer), new(records.Memory)
	other.StartAt(addr)
	return &other
}

// StopAlone stops an edge made by Another; the actors stay.
func (h *H) StopAlone() {
	h.T.Helper()
	h.stop()
	if err := <-h.done; err != nil {
		h.T.Errorf("edge ended with: %v", err)
	}
}

// After lets time pass.
func (h *H) After(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// Golden compares the ladder so far with a file under testdata.
func (h *H) Golden(name string) {
	h.T.Helper()
	synctest.Wait()
	got := strings.Join(h.ladder.All(), "\n") + "\n"
	path := filepath.Join("testdata", name+".ladder")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			h.T.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		h.T.Fatalf("%v (run with -update to write it)", err)
	}
	if got != string(want) {
		h.T.Errorf("%s differs; got:\n%s\nwant:\n%s", path, got, want)
	}
}

// see draws one packet.
func (h *H) see(p memnet.Packet) {
	what := summary(p.Data)
	if what == "" {
		return
	}
	if p.Network == "tcp" {
		what += "   (tcp)"
	}
	if p.Lost {
		what += "   (lost)"
	}
	h.wire[callIDOf(p.Data)]++
	h.line(time.Since(h.began), "%-6s -> %-6s %s", h.name(p.From), h.name(p.To), what)
}

// decided draws one decision.
func (h *H) decided(c sipedge.CallLine) {
	if h.Faulty != "" && c.To.String() == h.Faulty {
		panic("a fault planted by the test")
	}
	d := &c.Decision
	via := ""
	if d.Route != nil {
		var names []string
		for _, at := range d.Order.At[:d.Order.N] {
			names = append(names, string(d.Route.Gateways[at].ID))
		}
		via = " via=" + strings.Join(names, ",") + d.Route.Builtin
	}
	what := d.Kind.String()
	if d.Kind == routing.KindRoute {
		what += " " + d.Authority.String() + via
	} else {
		what += fmt.Sprintf(" %s %d", c.Outcome, c.Code)
	}
	h.line(time.Since(h.began), "%-16s %s because=%s", h.who, what, c.Because)
}

func (h *H) line(at time.Duration, format string, args ...any) {
	h.ladder.Append(fmt.Appendf(nil, "%8s  "+format, append([]any{at.Round(time.Millisecond)}, args...)...))
}

// places are the addresses that have a name although nobody may be there.
var places = map[string]string{
	"192.0.2.1": "edge", "192.0.2.2": "edge2", "203.0.113.1": "s1", "203.0.113.2": "s2",
	"198.51.100.1": "l1", "198.51.100.2": "l2",
}

func (h *H) name(a netip.AddrPort) string {
	if actor := h.actors[a]; actor != nil {
		return actor.Name
	}
	if name := places[a.Addr().String()]; name != "" {
		return name
	}
	for addr, actor := range h.actors {
		if addr.Addr() == a.Addr() {
			return actor.Name
		}
	}
	return a.String()
}
