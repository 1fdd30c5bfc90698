package office

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/speakops/sipedge/cutover"
	"github.com/speakops/sipedge/cutover/ledger"
	"github.com/speakops/sipedge/cutover/runner"
	"github.com/speakops/sipedge/routing/feed"
	"github.com/speakops/sipedge/sipedge/admin"
)

func away(err error) bool {
	var a *feed.AwayError
	return errors.As(err, &a)
}

// Edges implements admin.Fleet.
func (f *Office) Edges(ctx context.Context) ([]admin.FleetEdge, error) {
	beats, err := f.o.Runner.Fleet(ctx)
	if err != nil {
		return nil, problem(err)
	}
	s, err := f.o.Chain.Status(ctx)
	if err != nil {
		return nil, problem(err)
	}
	var out []admin.FleetEdge
	heard := map[cutover.MemberID]bool{}
	for i := range beats {
		heard[beats[i].Edge] = true
		if s.Committed.Has(beats[i].Edge) || s.Now.Sub(beats[i].At) < time.Hour {
			out = append(out, f.shownEdge(&beats[i], &s))
		}
	}
	if s.Committed != nil {
		for _, m := range s.Committed.Members {
			if !heard[m] {
				out = append(out, admin.FleetEdge{Edge: string(m), Member: true, Off: has(s.Off, m), Because: "never heard of"})
			}
		}
	}
	slices.SortFunc(out, func(a, b admin.FleetEdge) int { return cmp.Compare(a.Edge, b.Edge) })
	return out, nil
}

func (f *Office) shownEdge(b *runner.Beat, s *ledger.Status) admin.FleetEdge {
	at := b.At.UTC()
	e := admin.FleetEdge{
		Edge: string(b.Edge), Self: b.Edge == f.o.Runner.Self(), Member: s.Committed.Has(b.Edge), Off: has(s.Off, b.Edge),
		Ready: b.Serving, Because: b.Why, Heartbeat: &at, ClockError: b.ClockError.Seconds(), TableAge: b.TableAge.Seconds(),
		Committed: b.Number, Dialogs: b.Dialogs, Held: b.Held,
	}
	if age := s.Now.Sub(b.At); age > missing {
		e.Ready, e.Because = false, "not heard of for "+age.Round(time.Second).String()
	}
	if s.Pending != nil && s.Pending.Has(b.Edge) {
		acked := has(s.Acked, b.Edge)
		e.Acked = &acked
		if b.Prepared == s.Pending.ID {
			e.Prepared = s.Pending.Number
		}
	}
	e.Legacy, e.SpeakOps, e.Refused = f.beat.rates(b)
	return e
}

// beatHistory makes rates of counters: it remembers one earlier heartbeat of
// every edge.
type beatHistory struct {
	mu   sync.Mutex
	last map[cutover.MemberID][2]runner.Beat // the older first
}

func (h *beatHistory) rates(b *runner.Beat) (legacy, speakops, refused float64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.last == nil || len(h.last) > 1000 {
		h.last = map[cutover.MemberID][2]runner.Beat{}
	}
	pair, known := h.last[b.Edge]
	switch {
	case !known:
		pair = [2]runner.Beat{*b, *b}
	case b.At.After(pair[1].At):
		pair = [2]runner.Beat{pair[1], *b}
	}
	h.last[b.Edge] = pair
	took := pair[1].At.Sub(pair[0].At).Seconds()
	if took <= 0 {
		return 0, 0, 0
	}
	per := func(side string) float64 { return max(0, float64(pair[1].Sides[side]-pair[0].Sides[side])/took) }
	return per("legacy"), per("speakops"), per("refused")
}

// Chain implements admin.Fleet.
func (f *Office) Chain(ctx context.Context) (admin.Chain, error) {
	s, err := f.o.Chain.Status(ctx)
	if err != nil {
		return admin.Chain{}, problem(err)
	}
	c := admin.Chain{Recovered: s.Recovered, Empty: s.Empty, Generation: s.Generation.String(), Now: s.Now.UTC(), Replicas: s.Replicas}
	if s.Committed != nil {
		c.Committed = &admin.RevisionRef{ID: string(s.Committed.ID), Number: s.Committed.Number, Since: s.Since}
	}
	if s.Pending != nil {
		c.Pending = shownPending(&s)
	}
	for _, b := range s.Blocked {
		c.Blocked = append(c.Blocked, strings.TrimPrefix(cutover.Blocked{b}.Error(), "recovery is blocked: "))
	}
	return c, nil
}

// DeclareOff implements admin.Fleet. The edge is removed from the fleet at once,
// where that can be agreed; if not, by whoever asks next.
func (f *Office) DeclareOff(ctx context.Context, by admin.Person, edge string, d admin.DeclaringOff) error {
	id := cutover.MemberID(edge)
	if id.Check() != nil {
		return admin.NewProblem(http.StatusNotFound, "edge_unknown", "%.80q names no edge; cutoverctl edges lists them", edge)
	}
	if id == f.o.Runner.Self() {
		return admin.NewProblem(http.StatusConflict, "refused", "this is the edge that answers, so it is not stopped; ask another one")
	}
	s, err := f.o.Chain.Status(ctx)
	if err != nil {
		return problem(err)
	}
	beats, err := f.o.Runner.Fleet(ctx)
	if err != nil {
		return problem(err)
	}
	at := slices.IndexFunc(beats, func(b runner.Beat) bool { return b.Edge == id })
	if at < 0 && !s.Committed.Has(id) && !s.Pending.Has(id) && !slices.ContainsFunc(s.Blocked, func(o cutover.Obstacle) bool { return o.Member == id }) {
		return admin.NewProblem(http.StatusNotFound, "edge_unknown", "nobody has heard of edge %.80s; cutoverctl edges lists them", edge)
	}
	if at >= 0 && s.Now.Sub(beats[at].At) < missing && beats[at].Serving {
		return admin.NewProblem(http.StatusConflict, "edge_alive", "edge %s was heard of %s ago and takes calls; stop it first", edge, s.Now.Sub(beats[at].At).Round(time.Millisecond))
	}
	if err := f.o.Runner.DeclareOff(ctx, by.Name, id, d.Reason, d.Stopped); err != nil {
		return refuse(err)
	}
	removing, cancel := context.WithTimeout(ctx, actWithin/2)
	defer cancel()
	_, err = f.o.Runner.Remove(removing, by.Name)
	f.said.once(f.log, "removing edges that were declared off", err)
	return nil
}

// InitChain implements admin.Fleet.
func (f *Office) InitChain(ctx context.Context, by admin.Person, reason string) (admin.Chain, error) {
	if err := f.o.Runner.Begin(ctx, by.Name); err != nil {
		return admin.Chain{}, refuse(err)
	}
	_, err := f.o.Chain.Note(ctx, "", ledger.Note{Kind: "chain_begun", Who: by.Name, Detail: detail(map[string]any{"reason": reason})})
	f.said.once(f.log, "noting why a chain was begun", err)
	return f.Chain(ctx)
}
