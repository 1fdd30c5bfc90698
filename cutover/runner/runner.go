// Package runner answers: what does this edge do, from one moment to the next,
// so that the fleet's cutovers happen?
//
// A Runner reads the store, takes what it read and the clock to the quiet
// protocol of package cutover, and grants what that wishes for: entries on the
// disk, lists of numbers, acknowledgements, reports. What decisions need of all
// this lies behind one atomic pointer, is there as soon as the journal is read,
// and stays in force when the store is silent.
package runner

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/speakops/sipedge/cutover"
	"github.com/speakops/sipedge/cutover/clock"
	"github.com/speakops/sipedge/cutover/ledger"
	"github.com/speakops/sipedge/routing"
	"github.com/speakops/sipedge/sipedge/records"
)

// Options make a Runner. What has no default in parentheses must be given.
type Options struct {
	Edge    string // edge.id: the readable half of the identity
	Dir     string // for the journal and the lists
	Chain   *ledger.Ledger
	Clock   *clock.Clock
	Records cutover.Records // this edge's number table
	Log     *slog.Logger
	Fleet   cutover.Fleet // of a chain that begins here

	// Auto lets this edge start a chain on a store that never had one, by itself.
	Auto bool
	// MaxError is the clock error beyond which this edge prepares nothing (250 ms).
	MaxError time.Duration
	// SampleEvery is how often the store's clock is read (1 s).
	SampleEvery time.Duration
	// Poll is how often the store is read while nothing happens (100 ms).
	Poll time.Duration
	// Files is the file system (the kernel's).
	Files records.Files
	// Webhooks are told of the journal.
	Webhooks []Webhook
	// Tells adds to the heartbeat what other rooms know; nil adds nothing.
	Tells func(*Beat)
}

// Runner is one edge's part in the fleet. It is safe for use by many goroutines.
type Runner struct {
	opts  Options
	log   *slog.Logger
	paper *paper // journal and lists

	book      atomic.Pointer[cutover.Book]
	serving   atomic.Bool
	asked     atomic.Bool // the store was asked whether this identity still holds
	self      atomic.Pointer[cutover.MemberID]
	promised  atomic.Pointer[cutover.Generation]
	view      atomic.Pointer[View]      // what is known of the store, for people
	spread    atomic.Pointer[Spread]    // of the last revision that this edge's word committed
	everybody atomic.Pointer[time.Time] // what the store has shown to every edge, see clock.Reading
	witness   witness
	wake      chan struct{} // look at the store now
	beat      chan struct{} // tell the fleet now

	// The rest belongs to the goroutine of follow.
	edge    cutover.Edge
	idle    cutover.Edge // as it was when last nothing was on its way to the disk
	inspect *cutover.Inspect
	lineage lineage
	shed    *cutover.Revision // in force when lists were let go of
	pace    pace              // of the store's answers
	said    troubles
	lonely  time.Time // since when nobody has told of a chain
	met     bool      // there is a chain, or was one, in this life of the process
	asking  time.Time // when this edge last asked to join
	leave   atomic.Bool
	left    bool   // told to leave, in this life of the process
	breaks  breaks // tests only
}

// View is what this edge last saw of the chain.
type View struct {
	ledger.Status
	Read time.Time // by this machine's clock; zero before the first answer
	Err  error     // of the last try, nil when it was answered
}

// Open reads the edge's journal and puts in force what it says. A journal that
// is not believed is set aside, and the edge goes on under a new identity.
func Open(o Options) (*Runner, error) {
	if o.MaxError <= 0 {
		o.MaxError = 250 * time.Millisecond
	}
	if o.SampleEvery <= 0 {
		o.SampleEvery = time.Second
	}
	if o.Poll <= 0 {
		o.Poll = 100 * time.Millisecond
	}
	if o.Files == nil {
		o.Files = records.Disk{}
	}
	if err := o.Fleet.Check(); err != nil {
		return nil, fmt.Errorf("cutover: %w", err)
	}
	r := &Runner{opts: o, log: o.Log, pace: pace{half: tripHalving}, wake: make(chan struct{}, 1), beat: make(chan struct{}, 1)}
	r.view.Store(&View{})
	var err error
	if r.paper, err = openPaper(o.Dir, o.Files, o.Log); err != nil {
		return nil, err
	}
	if err := r.resume(); err != nil {
		_ = r.paper.close()
		return nil, err
	}
	return r, nil
}

// Close gives the journal back. Run must have returned.
func (r *Runner) Close() error { return r.paper.close() }

// Schedule is what the revisions in force say of a number. It fits
// routing.World.Schedules; the clock must have been read before it is called
// (rule 9).
func (r *Runner) Schedule(n routing.PublicNumber) (routing.Schedule, bool) {
	return r.book.Load().Schedule(n)
}

// Self is this edge's identity.
func (r *Runner) Self() cutover.MemberID { return *r.self.Load() }

// Pair is what decisions are made from.
func (r *Runner) Pair() cutover.Pair {
	if b := r.book.Load(); b != nil {
		return b.Pair
	}
	return cutover.Pair{}
}

// View is what was last seen of the store.
func (r *Runner) View() View { return *r.view.Load() }

// Run takes part in the fleet until ctx ends.
func (r *Runner) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	// Two, for a report reads the clock too and must not wait for the other.
	sampler, own := r.opts.Chain.Sampler(), r.opts.Chain.Sampler()
	defer sampler.Close()
	defer own.Close()
	g.Go(func() error {
		r.opts.Clock.Follow(ctx, timekeeper{sampler, r}, r.opts.SampleEvery, func(err error) { r.said.once(r.log, "clock", err) })
		return nil
	})
	g.Go(func() error { return r.follow(ctx, timekeeper{own, r}) })
	g.Go(func() error { return r.beats(ctx) })
	g.Go(func() error { return r.copying(ctx) })
	g.Go(func() error { return r.stocking(ctx) })
	g.Go(func() error { return r.testify(ctx) })
	for _, h := range r.opts.Webhooks {
		g.Go(func() error { return r.hooks(ctx, h) })
	}
	return g.Wait()
}

// poke asks for a look at the store now.
func (r *Runner) poke() { nudge(r.wake) }

func nudge(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Leave takes this edge out of the fleet: it stops taking INVITEs, journals
// that, and declares itself off. Its dialogs live on. It comes back, as somebody
// else, when it is started again.
func (r *Runner) Leave() {
	r.leave.Store(true)
	r.poke()
}
