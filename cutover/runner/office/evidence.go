package office

import (
	"cmp"
	"context"
	"net/http"
	"time"

	"github.com/speakops/sipedge/cutover"
	"github.com/speakops/sipedge/cutover/ledger"
	"github.com/speakops/sipedge/cutover/order"
	"github.com/speakops/sipedge/cutover/runner"
	"github.com/speakops/sipedge/routing/e164"
	"github.com/speakops/sipedge/sipedge/admin"
)

// Signal implements admin.EvidenceDesk: it counts one signal, and flips when the
// port is proven.
func (f *Office) Signal(ctx context.Context, by admin.Person, id string, in admin.Signal) (admin.Evidence, error) {
	s, err := f.signalOf(by, &in)
	if err != nil {
		return admin.Evidence{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, actWithin)
	defer cancel()
	for {
		d, err := f.deal(ctx, id)
		if err != nil {
			return admin.Evidence{}, problem(err)
		}
		was, err := f.tallies.read(ctx, id)
		if err != nil {
			return admin.Evidence{}, problem(err)
		}
		next, verdict := was.Value.Add(d.p(), d.o().Numbers, s)
		value := tallyPaper{Tally: next, Met: was.Value.Met || verdict.Met}
		note := ledger.Note{}
		if verdict.Counts {
			note = ledger.Note{Kind: "evidence", Who: by.Name, Cutover: d.p().ID, Order: string(d.o().ID), Detail: detail(map[string]any{"signal": s, "verdict": verdict})}
		}
		_, err = f.tallies.write(ctx, was, value, note)
		if conflicted(err) {
			continue
		}
		if err != nil {
			return admin.Evidence{}, problem(err)
		}
		if value.Met {
			err = f.evidence(ctx, d)
		}
		return admin.Evidence{Counts: verdict.Counts, Met: value.Met, Why: verdict.Why}, problem(err)
	}
}

func (f *Office) signalOf(by admin.Person, in *admin.Signal) (order.Signal, error) {
	wrong := func(what string) error {
		return admin.NewProblem(http.StatusUnprocessableEntity, "invalid", "%s: write a number in E.164, such as +12025550143", what)
	}
	s := order.Signal{Kind: order.SignalKind(in.Kind), Originator: in.Originator, Forwarded: in.Forwarded, OnNet: in.OnNet,
		At: in.At, CallID: in.Call, Source: cmp.Or(in.Source, by.Name), Edge: string(f.o.Runner.Self())}
	if now := f.now(); s.At.IsZero() || s.At.After(now) {
		s.At = now
	}
	var err error
	if s.PublicNumber, err = e164.Parse(in.PublicNumber); err != nil {
		return s, wrong("public_number")
	}
	if in.LRN != "" {
		if s.LRN, err = e164.Parse(in.LRN); err != nil {
			return s, wrong("lrn")
		}
	}
	return s, nil
}

// evidence does for an armed cutover what its mode wants: a proven port flips as
// soon as the fleet can, and a window that closes without a flip calls somebody.
func (f *Office) evidence(ctx context.Context, d *deal) error {
	live, p, cc := d.live(), d.p(), d.chained()
	if live == nil || live.Phase != order.Armed || p.Mode == order.Scheduled || cc == nil {
		return nil
	}
	now := d.status.Now
	if p.OnClose == order.PageOnClose && now.After(p.WindowClose.UTC) && len(cc.Turns) == 0 {
		return f.pageOnClose(ctx, d)
	}
	t, err := f.tallies.read(ctx, string(p.ID))
	if err != nil || !t.Value.Met {
		return err
	}
	soon := now.Add(d.status.Committed.Fleet.Lead)
	if last := cc.Last(); !last.IsZero() && last.Before(soon.Add(5*time.Second)) {
		return nil // it flips about then by itself, or has
	}
	if _, err := p.FlipAt(soon); err != nil {
		return err
	}
	flipping, cancel := context.WithTimeout(ctx, actWithin)
	defer cancel()
	rev := runner.NewRevisionID()
	if _, err := f.o.Runner.Turn(runner.Named(flipping, rev), "evidence", "flip", p.ID, p.Purpose.To(), time.Time{}); err != nil {
		return err
	}
	_, _, err = f.step(ctx, "evidence", string(d.o().ID), order.ArmCommitted{Revision: rev})
	return err
}

func (f *Office) pageOnClose(ctx context.Context, d *deal) error {
	p := d.p()
	what := "cutover.window_closed"
	name := what + "/" + string(p.ID) + "/" + p.WindowClose.UTC.Format(time.RFC3339)
	text := detail(map[string]any{"text": "the window of cutover " + string(p.ID) + " closed, and nothing has flipped: flip in another window, or cancel", "page": true})
	if _, err := f.o.Chain.Note(ctx, name, ledger.Note{Kind: "window_closed", Who: clerkName, Cutover: p.ID, Order: string(d.o().ID), Detail: text}); err != nil {
		return err
	}
	return f.o.Chain.Tell(ctx, ledger.Event{Kind: what, Cutover: cutover.ID(p.ID), Order: string(d.o().ID), Detail: text, Operation: name})
}
