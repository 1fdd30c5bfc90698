package storm

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/speakops/sipedge/cutover"
	"github.com/speakops/sipedge/cutover/clock"
	"github.com/speakops/sipedge/cutover/ledger"
	"github.com/speakops/sipedge/cutover/runner"
	"github.com/speakops/sipedge/routing"
)

// edge is one place in the fleet: a machine with a disk, and the lives of the
// program on it.
type edge struct {
	s       *Storm
	index   int
	name    string
	machine *machine
	disk    disk
	slow    atomic.Bool // its network
	lazy    atomic.Bool // its disk
	failing atomic.Bool // its disk takes nothing
	strange             // what stories do to its messages

	mu      sync.Mutex
	cut     int   // partitions that hold it
	route   *life // a zombie it still asks; nil: the live store
	proc    *proc // nil while it is down
	self    cutover.MemberID
	owed    cutover.MemberID // who it was when it died, and is again unless its disk is lost
	silent  cutover.MemberID // takes no calls under this identity: its address is withdrawn
	changes sync.Mutex       // one crash or start at a time
}

// proc is one life of the program.
type proc struct {
	e      *edge
	up     atomic.Bool
	runner *runner.Runner
	clock  *clock.Clock
	chain  *ledger.Ledger
	table  *routing.Table
	world  *routing.World
	wire   *wire
	mount  *mount
	rdb    *redis.Client
	cancel context.CancelFunc
	done   chan struct{}
	told   *cutover.Revision // what the verdict was told last
}

func newEdge(s *Storm, i int) *edge {
	d := diceOf(s.seed, "edge", uint64(i))
	name := fmt.Sprintf("edge-%d", i+1)
	return &edge{s: s, index: i, name: name, machine: &machine{name: name, drift: d.skew(s.weather().Drift), wall: d.either(time.Minute), unsure: d.chance(0.5), liar: s.broken.boots, blind: s.weather().Blind}}
}

// live is the whole evening of an edge: it starts, and calls are decided.
func (e *edge) live() {
	d := diceOf(e.s.seed, "life", uint64(e.index))
	if e.index >= e.s.weather().Edges {
		if !e.s.pause(d.span(3*time.Second, e.s.weather().Length/2)) {
			return
		}
	} else {
		time.Sleep(d.span(time.Microsecond, time.Second))
	}
	e.machine.boot()
	e.start()
	for e.s.lives(e.calls(d)) {
	}
}

// target is the store this edge reaches now, nil for none.
func (e *edge) target() *life {
	e.mu.Lock()
	cut, route := e.cut > 0, e.route
	e.mu.Unlock()
	if cut || e.machine.sleeping() {
		return nil
	}
	return e.s.target(route)
}

// now is the life of the program that is up.
func (e *edge) now() *proc {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.proc
}

// start brings the program up on what is on the disk.
func (e *edge) start() {
	e.changes.Lock()
	defer e.changes.Unlock()
	if e.now() != nil {
		return
	}
	for try := range 50 {
		p, err := e.open()
		if err == nil {
			e.mu.Lock()
			e.proc = p
			e.mu.Unlock()
			e.identify(p)
			return
		}
		e.s.say("%s does not come up: %v", e.name, err)
		if try == 49 {
			e.s.verdict.Fault("%s never comes up: %v", e.name, err)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func (e *edge) open() (*proc, error) {
	p := &proc{e: e, done: make(chan struct{}), table: &routing.Table{}}
	p.wire = newWire(e)
	p.mount = e.disk.mount(e.force, e.fails)
	if e.s.broken.lists {
		p.mount.lies = "/edge/lists"
	}
	var err error
	fail := func() (*proc, error) {
		p.wire.kill()
		p.mount.cutOff(e.s.draw(e, "open"))
		if p.rdb != nil {
			_ = p.rdb.Close()
		}
		return nil, err
	}
	p.rdb = redis.NewClient(&redis.Options{Addr: "192.0.2.9:6379", Protocol: 2, DisableIdentity: true, MaxRetries: -1, DialTimeout: 300 * time.Millisecond,
		DialerRetries: 1, Dialer: p.wire.dial, ContextTimeoutEnabled: true})
	if p.chain, err = ledger.New(p.rdb, prefix, ledger.Options{}); err != nil {
		return fail()
	}
	if p.clock, err = clock.New(clock.Options{Machine: e.machine, Path: "/edge/clock.json", Files: p.mount, Drift: e.s.broken.drift}); err != nil {
		e.s.say("%s: %v", e.name, err)
	}
	p.runner, err = runner.Open(runner.Options{Edge: e.name, Dir: "/edge", Chain: p.chain, Clock: p.clock, Records: p.table, Log: e.logger(), Fleet: fleet,
		Auto: e.index == 0 && e.self == "", MaxError: maxError, Poll: poll, Files: p.mount})
	if err == nil {
		err = e.s.broken.apply(p)
	}
	if err != nil {
		return fail()
	}
	if self := p.runner.Self(); e.owed != "" && self != e.owed {
		e.s.verdict.Fault("identity: %s was %s when it died, its disk is here, and it comes back as %s", e.name, e.owed, self)
	}
	e.furnish(p)
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel = cancel
	p.up.Store(true)
	go func() {
		defer close(p.done)
		if err := p.runner.Run(ctx); err != nil && p.up.Load() {
			e.s.verdict.Fault("%s: its runner ended: %v", e.name, err)
		}
	}()
	return p, nil
}

// furnish loads the number table, as far as it is known by now.
func (e *edge) furnish(p *proc) {
	e.s.mu.Lock()
	defer e.s.mu.Unlock()
	for n, a := range e.s.records {
		p.record(n, a)
	}
	fresh := &routing.Freshness{}
	fresh.Confirm(time.Now().Add(24 * time.Hour))
	route := func(a routing.RoutingAuthority) *routing.Route {
		return &routing.Route{ID: routing.RouteID(a.String()), Authority: a, Gateways: []routing.Gateway{{ID: "g"}}}
	}
	p.world = &routing.World{Table: p.table, Freshness: fresh, MaxAge: 24 * time.Hour, Legacy: route(routing.Legacy), SpeakOps: route(routing.SpeakOps),
		Schedules: p.runner.Schedule, HoldFor: 2 * maxError}
}

func (p *proc) record(n routing.PublicNumber, a routing.RoutingAuthority) {
	p.table.Put(routing.Number{PublicNumber: n, RoutingAuthority: a, Revision: max(p.table.Revision(n)+1, uint64(time.Now().UnixMicro()))})
}

// identify sees whether this is still who it was. Whoever it was is over, and
// operators know: its journal is gone, or it is off already.
func (e *edge) identify(p *proc) {
	self := p.runner.Self()
	e.mu.Lock()
	was := e.self
	e.self = self
	e.mu.Unlock()
	if was != "" && was != self {
		e.s.say("%s is %s now, no longer %s", e.name, self, was)
		e.s.figures.Identities.Add(1)
		e.s.bury(was, time.Now())
	}
}

func (e *edge) logger() *slog.Logger {
	if e.s.log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(logged{e}, &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
}

type logged struct{ e *edge }

func (l logged) Write(b []byte) (int, error) {
	l.e.s.say("%s: %s", l.e.name, b[:len(b)-1])
	return len(b), nil
}

// force is how long its disk takes to force something.
func (e *edge) force() time.Duration {
	d := e.s.draw(e, "force")
	if e.lazy.Load() {
		return d.span(10*time.Millisecond, 400*time.Millisecond)
	}
	return d.span(100*time.Microsecond, 4*time.Millisecond)
}

// fails is what its disk answers instead.
func (e *edge) fails() error {
	if e.failing.Load() || e.s.draw(e, "fails").chance(e.s.weather().DiskBad) && !e.s.isCalm() {
		return errInput
	}
	return nil
}

// die kills the program, and nothing that was under way goes on.
func (e *edge) die(d *dice) {
	e.changes.Lock()
	defer e.changes.Unlock()
	p := e.now()
	if p == nil {
		return
	}
	p.up.Store(false)
	p.wire.kill()
	p.mount.cutOff(d)
	p.cancel()
	<-p.done
	_ = p.rdb.Close()
	e.owed = ""
	if serves, _ := p.runner.Serves(); serves {
		e.owed = p.runner.Self()
	}
	e.mu.Lock()
	e.proc = nil
	e.mu.Unlock()
}

// stop ends the program at the end of the evening.
func (e *edge) stop() { e.die(diceOf(e.s.seed, "end")) }
