package runner

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/speakops/sipedge/cutover"
	"github.com/speakops/sipedge/routing"
)

// beatEvery is how often an edge tells the fleet of itself.
const beatEvery = time.Second

// Missing is the age from which a heartbeat counts as missing.
const Missing = 5 * beatEvery

// NeverComplete is the TableAge of an edge whose table was never complete.
const NeverComplete = 365 * 24 * time.Hour

// Beat is what one edge tells of itself.
type Beat struct {
	Edge       cutover.MemberID   `json:"edge"`
	At         time.Time          `json:"at"` // store time
	Serving    bool               `json:"serving"`
	Why        string             `json:"why,omitempty"` // not serving
	Generation cutover.Generation `json:"generation,omitzero"`
	Committed  cutover.RevisionID `json:"committed,omitempty"` // journaled here
	Number     uint64             `json:"revision,omitempty"`  // of Committed
	Prepared   cutover.RevisionID `json:"prepared,omitempty"`

	ClockError  time.Duration `json:"clock_error_ns"`
	ClockOffset time.Duration `json:"clock_offset_ns"` // store time minus the machine's
	ClockShown  time.Time     `json:"clock_shown"`     // by the store, when this edge last read its clock
	Trip        time.Duration `json:"round_trip_ns"`
	Fsync       time.Duration `json:"fsync_ns"`

	// Spread is how far the store had copied the revision that this edge's word
	// committed last; nil when another's did.
	Spread *Spread `json:"spread,omitempty"`

	// From other rooms.
	Version  string           `json:"version,omitempty"`
	Admin    string           `json:"admin,omitempty"` // where its API listens
	Numbers  int              `json:"numbers"`
	TableAge time.Duration    `json:"table_age_ns"`
	Sides    map[string]int64 `json:"calls,omitempty"` // carried so far, by routing_authority
	Dialogs  int              `json:"dialogs,omitempty"`
	Held     int              `json:"held,omitempty"`
	Writer   bool             `json:"writer,omitempty"` // it may write number records

	Routes map[routing.RouteID]RouteHealth `json:"routes,omitempty"`
}

// RouteHealth is how many gateways of a route are alive to an edge. It has no
// names: a heartbeat stays short whatever the number of gateways.
type RouteHealth struct {
	Alive int `json:"alive"`
	Of    int `json:"of"`
}

// Spread is how many of the store's replicas had a revision when its commit was
// answered (WAIT).
type Spread struct {
	ID   cutover.RevisionID `json:"id"`
	Have int                `json:"have"`
	Of   int                `json:"of"` // connected
}

func (s *Spread) String() string { return fmt.Sprintf("%d of %d", s.Have, s.Of) }

// beats tells the fleet of this edge every second, and at once when what is in
// force changes: an operator is told "armed" by these.
func (r *Runner) beats(ctx context.Context) error {
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	for {
		if err := r.tell(ctx); err != nil && ctx.Err() == nil {
			r.said.once(r.log, "heartbeat", err)
		} else {
			r.said.over(r.log, "heartbeat")
			r.gather(ctx)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-r.beat:
		}
	}
}

func (r *Runner) tell(ctx context.Context) error {
	b := r.Beat()
	text, err := json.Marshal(b)
	if err != nil {
		return fmt.Errorf("heartbeat: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	return r.opts.Chain.Beat(ctx, b.Edge, text)
}

// Beat is what this edge would tell now.
func (r *Runner) Beat() Beat {
	c, pair := r.opts.Clock.Status(), r.Pair()
	b := Beat{
		Edge: r.Self(), At: r.opts.Clock.Now().Mid().UTC(), Generation: *r.promised.Load(), ClockError: c.Error, ClockOffset: c.Offset, ClockShown: c.Shown,
		Trip: r.pace.slowest(), Fsync: r.paper.fsync.slowest(),
	}
	b.Serving, b.Why = r.Serves()
	b.Spread = r.spread.Load()
	if pair.Committed != nil {
		b.Committed, b.Number = pair.Committed.ID, pair.Committed.Number
	}
	if pair.Prepared != nil {
		b.Prepared = pair.Prepared.ID
	}
	if r.opts.Tells != nil {
		r.opts.Tells(&b)
	}
	return b
}

// gather notes what the store has shown to every live edge, while that keeps this
// edge's clock from being sure: it was set, and whoever has not read it since goes
// by the old setting.
func (r *Runner) gather(ctx context.Context) {
	clock := r.opts.Clock.Status()
	if clock.Former == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	beats, err := r.Fleet(ctx)
	if err != nil {
		r.said.once(r.log, "heartbeats", err)
		return
	}
	r.said.over(r.log, "heartbeats")
	least := clock.Shown
	for m := range r.others() {
		shown := time.Time{} // nobody has heard of it, or it has read nothing yet
		if i := slices.IndexFunc(beats, func(b Beat) bool { return b.Edge == m }); i >= 0 {
			shown = beats[i].ClockShown
		}
		if shown.Before(least) {
			least = shown
		}
	}
	r.everybody.Store(&least)
}

// others are the members of what is in force or prepared here, but for this edge
// and those that are off.
func (r *Runner) others() map[cutover.MemberID]bool {
	all := map[cutover.MemberID]bool{}
	pair, off := r.Pair(), r.View().Off
	for _, rev := range []*cutover.Revision{pair.Committed, pair.Prepared} {
		if rev == nil {
			continue
		}
		for _, m := range rev.Members {
			if m != r.Self() && !slices.Contains(off, m) {
				all[m] = true
			}
		}
	}
	return all
}

// Fleet reads every edge's last heartbeat.
func (r *Runner) Fleet(ctx context.Context) ([]Beat, error) {
	all, err := r.opts.Chain.Beats(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]Beat, 0, len(all))
	for _, raw := range all {
		var b Beat
		if err := json.Unmarshal(raw.Bytes, &b); err != nil {
			b = Beat{Why: "its heartbeat cannot be read: " + err.Error()} // of another version
		}
		b.Edge, b.At = raw.Edge, raw.At
		out = append(out, b)
	}
	return out, nil
}

// Serves says whether INVITEs may be taken (rule 12), and if not, why.
//
// A journal may be that of an identity which was declared off while the edge was
// stopped. So the store is asked first, for half a second: when it is silent,
// the journal holds.
func (r *Runner) Serves() (bool, string) {
	switch {
	case !r.asked.Load():
		return false, "the store is being asked whether this edge was declared off meanwhile"
	case r.serving.Load():
		return true, ""
	}
	v := r.View()
	switch {
	case v.Read.IsZero() && v.Err != nil:
		return false, "no revision with this edge is journaled here, and the store does not answer: " + v.Err.Error()
	case v.Read.IsZero():
		return false, "the store has not been read yet"
	case v.Empty, v.Recovered && v.Committed == nil && v.Pending == nil:
		return false, "the store has no chain: run cutoverctl store init once, if there never was one"
	case !v.Recovered:
		return false, "the store is not recovered: " + v.Blocked.Error()
	case v.Pending != nil:
		return false, fmt.Sprintf("revision %d waits for %v: start what is missing, or, when it is really stopped, cutoverctl edges declare-off", v.Pending.Number, v.Waiting)
	}
	return false, "this edge has not joined the fleet yet"
}
