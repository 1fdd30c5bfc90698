// Package sipedge answers: how does one edge run?
//
// It wires the sockets, the shards that own the calls, the table of numbers,
// the gateways and the records of one edge, and knows how they start, reload,
// drain and stop. A message's way through it:
//
//	transport  a reader gates and parses it
//	shard      the one its Call-ID hashes to; its lock is the room's only key
//	request    which transaction, which dialog, or a new call?
//	hall       who calls whom? (an INVITE becomes a routing.Call)
//	decide     routing.Decide, limits
//	attempt    the INVITE as the gateway gets it
//	response   back to the caller, until the final one
//	dialogs    what is remembered of a call that was answered
package sipedge

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/speakops/sipedge/configs"
	"github.com/speakops/sipedge/ratelimit"
	"github.com/speakops/sipedge/routing"
	"github.com/speakops/sipedge/sipedge/call"
	"github.com/speakops/sipedge/sipedge/gateway"
	"github.com/speakops/sipedge/sipedge/media"
	"github.com/speakops/sipedge/sipedge/observe"
	"github.com/speakops/sipedge/sipedge/observe/ladder"
	"github.com/speakops/sipedge/sipedge/records"
	"github.com/speakops/sipedge/sipedge/transport"
)

// Clock is where decisions get their interval of store time from.
type Clock interface{ Now() routing.Interval }

// Lines takes lines of JSON: a log of decisions or of CDRs.
type Lines interface{ Append(line []byte) bool }

// Parts are what an edge is made of and does not make itself.
type Parts struct {
	Config    *configs.Edge
	Table     *routing.Table
	Freshness *routing.Freshness
	Finder    Finder // nil: what the table does not know, nobody knows
	Clock     Clock
	// Schedules is what live cutovers say of a number; nil: there are none.
	Schedules func(routing.PublicNumber) (routing.Schedule, bool)
	// Serves says whether the fleet counts on this edge, and if not, why; nil: it
	// is alone.
	Serves    func() (bool, string)
	Log       *slog.Logger
	Net       transport.Net    // nil: the kernel's
	Locator   gateway.Locator  // how gateways' names are found
	Keeper    records.Keeper   // dialogs that are up
	Adopted   []records.Dialog // those of the last run
	Encoder   *records.Encoder // of records; its Edge is the edge's id
	Decisions Lines            // nil: no decision records
	CDRs      Lines            // nil: no CDRs
	Metrics   *observe.Metrics // of Words(); nil: not shown to anybody
	Ladders   *ladder.Store    // messages of calls; nil: not kept
	Tracer    Tracer           // nil: calls have no spans
	Sample    float64          // share of calls with a span; a caller's own choice goes before
	OnCall    func(CallLine)   // told of every decision, may be nil
	Shards    int              // 0: one per core
}

// Edge is one running edge.
type Edge struct {
	parts     Parts
	log       *slog.Logger
	epoch     time.Time
	clock     Clock
	layer     *transport.Layer
	shards    []*shard
	world     atomic.Pointer[world]
	gateways  *gateway.Keeper
	keeper    records.Keeper
	relay     *media.Relay // nil: no call is anchored
	numbers   *ratelimit.Numbers
	callers   *ratelimit.Numbers
	overload  *ratelimit.Overload
	prover    prover
	offenders *ratelimit.Offenders
	answers   *ratelimit.Sources // to requests that prove nothing
	lastKnock atomic.Int64       // second in which a stranger was logged last
	guard     guard
	testLines atomic.Int32 // calls to test lines
	bigTCP    overTCPFailures
	meter     meter
	metrics   *observe.Metrics
	certs     certificates
	floods    *observe.Flood
	lines     *observe.Flood // of decisions
	route     maphash.Seed

	state       atomic.Int32 // starting, serving, draining
	handingOver atomic.Bool  // another run of this edge takes the dialogs over
	lastNoPorts atomic.Int64 // instant, 0 for never

	reload sync.Mutex
	bg     sync.WaitGroup
	bgCtx  context.Context
	bgStop context.CancelFunc
}

// States of an Edge.
const (
	starting int32 = iota
	serving
	draining
)

// numbersTracked bounds the public numbers whose limits are tracked at once, and
// the callers: more than there can be calls, so that no call is without a place.
const numbersTracked = 1 << 18

// decisionsPerSecond bounds the log lines of decisions, of each kind; beyond it
// they are counted, and only the decision records have every call.
const decisionsPerSecond = 200

// New makes an edge of its parts. It is not ready and has no sockets before Open.
func New(p Parts) (*Edge, error) {
	e := &Edge{parts: p, log: p.Log, epoch: p.epoch(), clock: p.Clock, keeper: p.Keeper, route: maphash.MakeSeed()}
	e.metrics, e.floods = p.Metrics, observe.NewFlood(p.Log, 1)
	e.lines = observe.NewFlood(p.Log, decisionsPerSecond)
	if e.metrics == nil {
		e.metrics = observe.NewMetrics(Words())
	}
	e.prover.init()
	e.offenders = ratelimit.NewOffenders(rand.Uint64())
	e.answers = ratelimit.NewSources(p.Config.Limits.PerSource.CPS, rand.Uint64(), e.epoch)
	e.guard.open = map[guardKey]int32{}
	e.overload = ratelimit.NewOverload(p.Config.Limits.Overload.TargetQueueDelay, e.epoch)
	e.bigTCP.until = map[netip.AddrPort]call.Instant{}
	e.bgCtx, e.bgStop = context.WithCancel(context.Background())
	e.numbers = ratelimit.NewNumbers(numberLimits(p.Config.Limits.PerNumber), numbersTracked, e.epoch)
	e.callers = ratelimit.NewNumbers(numberLimits(p.Config.Limits.PerCaller), numbersTracked, e.epoch)
	e.gateways = gateway.New(gateway.Options{Locator: p.Locator, Asker: asker{e}, OnChange: e.gatewayChanged})
	w, err := e.compile(p.Config, nil)
	if err != nil {
		return nil, err
	}
	e.world.Store(w)
	e.gateways.Install(w.set)
	for range max(1, shardCount(p.Shards)) {
		e.shards = append(e.shards, newShard(e, maphash.MakeSeed()))
	}
	e.openLadders()
	if err := e.certs.load(p.Config); err != nil {
		return nil, err
	}
	if e.relay, err = openRelay(p.Config, media.Options{Net: p.Net, OnEvent: e.mediaEvent, Panicked: e.mediaPanicked}); err != nil {
		return nil, err
	}
	if e.relay != nil && e.relay.Unhurried() != nil {
		e.log.Info("media packets wait their turn with the other work of this host", observe.Error(e.relay.Unhurried()))
	}
	e.readopt(p.Adopted)
	return e, nil
}

// Open binds every socket or none; a port that is taken is named.
func (e *Edge) Open(ctx context.Context) (err error) {
	e.layer, err = transport.Open(ctx, e.transportOptions(e.parts.Config), sink{e})
	if err != nil {
		e.closeRelay()
	}
	return err
}

func (e *Edge) closeRelay() {
	if e.relay != nil {
		e.relay.Close()
	}
}

func shardCount(n int) int {
	if n > 0 {
		return n
	}
	return runtime.GOMAXPROCS(0)
}

func numberLimits(l configs.NumberLimits) ratelimit.Limits {
	return ratelimit.Limits{CPS: l.CPS, Concurrent: l.Concurrent}
}

// Serve carries calls over the sockets that Open has bound until ctx ends, then drains: new calls are refused while
// those in progress finish, for at most drain_timeout, and anchored ones for at most media.drain_timeout.
func (e *Edge) Serve(ctx context.Context) error {
	defer e.gateways.Close()
	inner, stop := context.WithCancel(context.WithoutCancel(ctx))
	g, inner := errgroup.WithContext(inner)
	g.Go(func() error { return ended(e.layer.Serve(inner)) })
	g.Go(func() error { return ended(e.gateways.Run(inner)) })
	g.Go(func() error { return ended(e.floods.Run(inner)) })
	g.Go(func() error { return ended(e.lines.Run(inner)) })
	g.Go(func() error {
		defer stop()
		select {
		case <-ctx.Done():
			e.drain(inner)
		case <-inner.Done():
		}
		return nil
	})
	e.state.CompareAndSwap(starting, serving)
	err := g.Wait()
	e.bgStop()
	e.bg.Wait()
	for _, s := range e.shards {
		s.close()
	}
	e.closeRelay()
	return err
}

func ended(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// HandOver makes the next drain a planned restart: it waits for calls that are
// being set up, and leaves dialogs and their media to the next run, which opens
// the same ports.
func (e *Edge) HandOver() { e.handingOver.Store(true) }

// drain waits until the last call has ended and the last request is answered.
func (e *Edge) drain(ctx context.Context) {
	e.state.Store(draining)
	e.closeLines()
	c := e.world.Load().config
	e.log.Info("draining: new calls are refused, calls in progress finish", "in_progress", e.metrics.InFlight.Value(), "dialogs", e.metrics.Dialogs.Value(), "at_most", c.Edge.DrainTimeout)
	if e.until(ctx, c.Edge.DrainTimeout, e.busy) {
		return
	}
	if e.anchors() {
		e.log.Info("draining: anchored calls finish", "calls", e.relay.Sessions(), "at_most", c.Media.DrainTimeout)
		if e.until(ctx, c.Media.DrainTimeout-c.Edge.DrainTimeout, e.anchors) {
			return
		}
	}
	e.log.Warn("drain timeout: calls in progress are left behind", "in_progress", e.metrics.InFlight.Value(), "dialogs", e.metrics.Dialogs.Value())
}

// until waits until nothing is going on any more; false when the time is up.
func (e *Edge) until(ctx context.Context, limit time.Duration, goingOn func() bool) bool {
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for goingOn() {
		select {
		case <-deadline.C:
			return false
		case <-tick.C:
		case <-ctx.Done():
			return true
		}
	}
	return true
}

// anchors says whether media of calls still runs through this edge, and this run
// of it is to see to their end.
func (e *Edge) anchors() bool {
	return e.relay != nil && !e.handingOver.Load() && e.relay.Sessions() > 0
}

// busy says whether calls are up, or transactions wait for an answer.
func (e *Edge) busy() bool {
	if e.metrics.InFlight.Value() > 0 {
		return true
	}
	for _, s := range e.shards {
		if s.busy(!e.handingOver.Load()) {
			return true
		}
	}
	return false
}

// unready says why the edge takes no new calls, "" when it does.
func (e *Edge) unready() string {
	if e.state.Load() == draining {
		return "draining"
	}
	if _, loaded := e.parts.Freshness.Confirmed(); !loaded {
		return becauseNotLoaded
	}
	if serves, _ := e.serves(); !serves {
		return becauseNotInFleet
	}
	return ""
}

// serves asks the fleet.
func (e *Edge) serves() (bool, string) {
	if e.parts.Serves == nil {
		return true, ""
	}
	return e.parts.Serves()
}

// closed is unready for calls: while the numbers are loaded, those that are
// there already are served, and the store is asked for others one by one.
func (e *Edge) closed() string {
	why := e.unready()
	if why != becauseNotLoaded || e.parts.Finder == nil {
		return why
	}
	if serves, _ := e.serves(); !serves {
		return becauseNotInFleet
	}
	return ""
}

// Why an edge takes no calls.
const (
	becauseNotLoaded  = "table_not_loaded"
	becauseNotInFleet = "not_in_fleet"
)

// Ready lists why the edge is not ready, empty when it is.
func (e *Edge) Ready() []string {
	var why []string
	if e.state.Load() == starting {
		why = append(why, "starting")
	}
	if reason := e.unready(); reason != "" {
		why = append(why, reason)
	}
	return why
}

func (e *Edge) now() call.Instant { return call.Instant(time.Since(e.epoch)) }

// wall is the wall-clock reading of an instant; it keeps the monotonic part.
func (e *Edge) wall(now call.Instant) time.Time { return e.epoch.Add(time.Duration(now)) }

// shardOf is the shard that owns a Call-ID. The hash is keyed: nobody outside
// can pile calls up in one room.
func (e *Edge) shardOf(callID []byte) *shard {
	if len(e.shards) == 1 {
		return e.shards[0]
	}
	return e.shards[maphash.Bytes(e.route, callID)%uint64(len(e.shards))]
}

func (e *Edge) newCallID() (id callID) {
	binary.BigEndian.PutUint32(id[:], uint32(time.Now().Unix()))
	binary.BigEndian.PutUint64(id[4:], rand.Uint64())
	return id
}

// background runs f until the edge stops.
func (e *Edge) background(f func(context.Context)) {
	e.bg.Add(1)
	go func() {
		defer e.bg.Done()
		f(e.bgCtx)
	}()
}

func (e *Edge) namesOf(f transport.Flow) []string {
	if f.Proto != transport.TLS {
		return nil
	}
	return e.layer.Names(f)
}

// Reload puts a new configuration into force, as a whole or not at all. Sockets
// stay, and so does what dialogs have in their routes: a changed listener needs a
// restart, and is refused with that word.
func (e *Edge) Reload(c *configs.Edge) error {
	e.reload.Lock()
	defer e.reload.Unlock()
	old := e.world.Load()
	if err := sameListeners(old.config, c); err != nil {
		return err
	}
	if err := e.sameMedia(old.config, c); err != nil {
		return err
	}
	w, err := e.compile(c, old)
	if err != nil {
		return err
	}
	if err := e.certs.load(c); err != nil {
		return err
	}
	e.numbers.Set(numberLimits(c.Limits.PerNumber))
	e.callers.Set(numberLimits(c.Limits.PerCaller))
	e.answers.Set(c.Limits.PerSource.CPS)
	e.overload.Aim(c.Limits.Overload.TargetQueueDelay)
	for i, t := range c.Trunks {
		w.trunks[i].limits.Set(trunkLimits(t), time.Now())
	}
	for _, r := range c.Routes {
		if rescues := w.routes[routing.RouteID(r.ID)].rescues; rescues != nil {
			rescues.Set(r.Rescue.CPS, r.Rescue.Burst)
		}
	}
	e.gateways.Install(w.set)
	e.world.Store(w)
	return nil
}

// sameMedia refuses what only a restart can change about the relay.
func (e *Edge) sameMedia(a, b *configs.Edge) error {
	x, y := a.Media, b.Media
	x.OnInactivity, x.DrainTimeout, y.OnInactivity, y.DrainTimeout = "", 0, "", 0
	switch {
	case e.relay == nil && b.HasMedia() && b.Media.Address.IsValid():
		return errors.New("calls are to be anchored, and no relay is open: restart the edge for that (it drains first)")
	case e.relay != nil && x != y:
		return errors.New("media has changed in address, ports, inactivity or realtime: restart the edge for that (it drains first)")
	}
	return nil
}

func sameListeners(a, b *configs.Edge) error {
	if len(a.SIP.Listen) != len(b.SIP.Listen) {
		return fmt.Errorf("sip.listen has changed from %d to %d listeners: restart the edge for that (it drains first)", len(a.SIP.Listen), len(b.SIP.Listen))
	}
	for i := range a.SIP.Listen {
		x, y := a.SIP.Listen[i], b.SIP.Listen[i]
		if x.Name != y.Name || x.Transport != y.Transport || x.Address != y.Address || x.Advertise != y.Advertise {
			return fmt.Errorf("sip.listen[%d] has changed from %s %s (advertised as %s) to %s %s (%s): restart the edge for that (it drains first)",
				i, x.Transport, x.Address, x.Advertise, y.Transport, y.Address, y.Advertise)
		}
	}
	return nil
}
