// Package office answers: who may change which cutover, what has to be written
// down before and after, and what still has to be done when everybody has gone
// home?
//
// An Office stands between people and the fleet. Orders, plans, approvals and
// rehearsals are documents beside the chain; what is done to one goes into the
// journal in the same script. People's actions become revisions by the runner.
// Each edge has an office, and any of them may be asked: what one has begun and
// did not live to finish, the clerk of another finishes, from what the chain
// and the journal say. The settler, on an edge that may write number records,
// writes the porting states that orders have reached, and folds the authority
// of finished cutovers into the records.
package office

import (
	"context"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/speakops/sipedge/cutover"
	"github.com/speakops/sipedge/cutover/clock"
	"github.com/speakops/sipedge/cutover/ledger"
	"github.com/speakops/sipedge/cutover/order"
	"github.com/speakops/sipedge/cutover/runner"
	"github.com/speakops/sipedge/cutover/runner/said"
	"github.com/speakops/sipedge/routing"
	"github.com/speakops/sipedge/routing/feed"
	"github.com/speakops/sipedge/sipedge/admin"
)

// Options make an Office. What has no default in parentheses must be given.
type Options struct {
	Runner *runner.Runner
	Chain  *ledger.Ledger
	Clock  *clock.Clock
	Table  *routing.Table
	Log    *slog.Logger
	// World is what this edge decides calls from, as it is configured now.
	World func() routing.World
	// Bus hears of every entry of the journal (nobody listens).
	Bus *admin.Bus
	// Writer writes number records (nil: this edge may not).
	Writer *feed.Store
	// TestCall places a tagged call to one side of a number; its error says why this
	// edge places none (nil: it never does).
	TestCall func(context.Context, routing.PublicNumber, routing.RoutingAuthority) (order.TestCall, error)

	SecondPerson  bool          // arm and rollback take two people
	MaxError      time.Duration // of a member's clock (250 ms)
	MaxTableAge   time.Duration // of a member's table (10 s)
	SettleGrace   time.Duration // between the folding and the second reading (24 h)
	ApprovalLife  time.Duration // (24 h)
	RehearsalLife time.Duration // how old one may be when it is approved (24 h)
	Every         time.Duration // how often clerk and settler look (500 ms)
}

// Office is one edge's desk. It is safe for use by many goroutines.
type Office struct {
	o      Options
	log    *slog.Logger
	policy order.Policy

	orders     *papers[orderPaper]
	plans      *papers[planPaper]
	approvals  *papers[approvalPaper]
	rehearsals *papers[rehearsalPaper]
	tallies    *papers[tallyPaper]
	settlings  *papers[settlingPaper]
	askings    *papers[asking]
	stages     *papers[stage]
	leases     *papers[lease]

	wake chan struct{} // the settler has something to write
	told told          // what the journal says
	beat beatHistory
	said troubles
}

// New opens an office; nothing is asked yet.
func New(o Options) (*Office, error) {
	def := func(d *time.Duration, is time.Duration) {
		if *d <= 0 {
			*d = is
		}
	}
	def(&o.MaxError, 250*time.Millisecond)
	def(&o.MaxTableAge, 10*time.Second)
	def(&o.SettleGrace, 24*time.Hour)
	def(&o.ApprovalLife, 24*time.Hour)
	def(&o.RehearsalLife, 24*time.Hour)
	def(&o.Every, 500*time.Millisecond)
	f := &Office{o: o, log: o.Log, wake: make(chan struct{}, 1),
		policy: order.Policy{SecondPerson: o.SecondPerson, Life: o.ApprovalLife, RehearsalLife: o.RehearsalLife, WantsRehearsal: o.SecondPerson}}
	var err error
	open := func(kind string) *ledger.Documents {
		d, e := o.Chain.Documents(kind)
		if e != nil {
			err = e
		}
		return d
	}
	f.orders = newPapers[orderPaper](open("orders"))
	f.plans = newPapers[planPaper](open("plans"))
	f.approvals = newPapers[approvalPaper](open("approvals"))
	f.rehearsals = newPapers[rehearsalPaper](open("rehearsals"))
	f.tallies = newPapers[tallyPaper](open("tallies"))
	f.settlings = newPapers[settlingPaper](open("settlings"))
	f.askings = newPapers[asking](open("askings"))
	f.stages = newPapers[stage](open("stages"))
	f.leases = newPapers[lease](open("leases"))
	return f, err
}

// Resources are what the office adds to the admin API.
func (f *Office) Resources() []admin.Resource {
	return []admin.Resource{admin.OrdersBy(f), admin.CutoversOf(f), admin.CutoversBy(f), admin.EvidenceBy(f), admin.FleetOf(f), admin.JournalOf(f)}
}

// Run does what is nobody's errand in particular, until ctx ends.
func (f *Office) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return f.listen(ctx) })
	g.Go(func() error { return f.answerAskings(ctx) })
	g.Go(func() error { return f.clerk(ctx) })
	if f.o.Writer != nil {
		g.Go(func() error { return f.settler(ctx) })
	}
	return g.Wait()
}

// now is store time; what depends on an instant being past asks certainly.
func (f *Office) now() time.Time { return f.o.Clock.Now().Mid().UTC() }

// certainly says that an instant is behind on every clock.
func (f *Office) certainly(at time.Time) bool { return f.o.Clock.Now().After(at) }

// committed is what is in force here.
func (f *Office) committed() *cutover.Revision { return f.o.Runner.Pair().Committed }

// troubles keeps a log from saying the same twice.
type troubles struct{ said.Said }

func (t *troubles) once(log *slog.Logger, what string, err error) {
	if t.News(what, err) {
		log.Warn("cutover office: "+what, "error", err)
	}
}

func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
