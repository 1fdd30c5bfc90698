package office

import (
	"context"
	"time"

	"github.com/speakops/sipedge/cutover"
	"github.com/speakops/sipedge/cutover/order"
	"github.com/speakops/sipedge/cutover/runner"
	"github.com/speakops/sipedge/routing"
	"github.com/speakops/sipedge/sipedge/admin"
)

// missing is the age from which a heartbeat counts as missing.
const missing = runner.Missing

// lint holds an order and its plan against what the fleet knows now.
func (f *Office) lint(ctx context.Context, o *order.Order, p *order.Plan) (order.Report, error) {
	facts, err := f.facts(ctx, o)
	if err != nil {
		return order.Report{}, err
	}
	return order.Lint(o, p, facts), nil
}

func (f *Office) facts(ctx context.Context, o *order.Order) (*order.Facts, error) {
	status, err := f.o.Chain.Status(ctx)
	if err != nil {
		return nil, err
	}
	beats, err := f.o.Runner.Fleet(ctx)
	if err != nil {
		return nil, err
	}
	others, err := f.orders.all(ctx)
	if err != nil {
		return nil, err
	}
	w := f.o.World()
	facts := &order.Facts{
		Now: status.Now, Zones: time.LoadLocation, MaxError: f.o.MaxError, MaxTableAge: f.o.MaxTableAge, MaxHeartbeat: missing,
		Record: f.o.Table.Get, InCutover: f.o.Runner.In, InOrder: ordered(others, o.ID), Customer: f.customers(o.CustomerAssignment),
		Routes: w.Routes, Store: order.StoreFacts{Recovered: status.Recovered, Replicas: status.Replicas},
	}
	if status.Committed != nil {
		facts.Fleet = status.Committed.Fleet
	}
	if status.Pending != nil {
		facts.Store.Pending = status.Pending.ID
	}
	if w.Legacy != nil {
		facts.Legacy = w.Legacy.ID
	}
	if w.SpeakOps != nil {
		facts.SpeakOps = w.SpeakOps.ID
	}
	heard := map[cutover.MemberID]bool{}
	for i := range beats {
		e := edgeFacts(&beats[i])
		e.Member, e.Off = status.Committed.Has(e.ID), has(status.Off, e.ID)
		heard[e.ID] = true
		facts.Edges = append(facts.Edges, e)
	}
	if status.Committed != nil {
		for _, m := range status.Committed.Members {
			if !heard[m] {
				facts.Edges = append(facts.Edges, order.EdgeFacts{ID: m, Member: true, Off: has(status.Off, m)})
			}
		}
	}
	return facts, nil
}

func has(all []cutover.MemberID, m cutover.MemberID) bool {
	for _, x := range all {
		if x == m {
			return true
		}
	}
	return false
}

// edgeFacts is one edge by its own last word.
func edgeFacts(b *runner.Beat) order.EdgeFacts {
	e := order.EdgeFacts{ID: b.Edge, Heartbeat: b.At, Error: b.ClockError, Health: map[routing.RouteID]order.RouteHealth{}}
	if b.TableAge < runner.NeverComplete {
		e.Table = b.At.Add(-b.TableAge)
	}
	if !b.Serving {
		if e.NotReady = b.Why; e.NotReady == "" {
			e.NotReady = "it does not serve"
		}
	}
	for id, health := range b.Routes {
		e.Health[id] = order.RouteHealth(health)
	}
	return e
}

// ordered finds the other order that a number is in and that is not over.
func ordered(all []paper[orderPaper], but order.ID) func(routing.PublicNumber) (order.ID, bool) {
	var live []*order.Order
	for i := range all {
		if o := &all[i].Value.Order; o.ID != but && !over(o) {
			live = append(live, o)
		}
	}
	return func(n routing.PublicNumber) (order.ID, bool) {
		for _, o := range live {
			if o.Numbers.Has(n) {
				return o.ID, true
			}
		}
		return "", false
	}
}

// over says that nothing more becomes of an order.
func over(o *order.Order) bool {
	switch o.PortingState {
	case routing.Settled, routing.Cancelled, routing.PortedOut, routing.SnappedBack:
		return o.Live == nil
	}
	return false
}

func (f *Office) customers(c routing.CustomerID) []routing.Number {
	if c == "" {
		return nil
	}
	var all []routing.Number
	f.o.Table.Range(func(n routing.Number) bool {
		if n.CustomerAssignment == c {
			all = append(all, n)
		}
		return true
	})
	return all
}

// shownLint is a report as the API has it.
func shownLint(r order.Report, acks []order.Ack) admin.Lint {
	out := admin.Lint{Findings: make([]admin.Finding, 0, len(r.Findings)), Blocking: len(r.Blocking(acks))}
	for _, x := range r.Findings {
		one := admin.Finding{Name: x.Name, Severity: string(x.Severity), Where: x.Where, Text: x.Text, Do: x.Do, Count: x.Count}
		for _, n := range x.Numbers {
			one.Numbers = append(one.Numbers, n.String())
		}
		if x.Severity == order.Warning {
			for _, a := range acks {
				if a.Warning == x.Name {
					one.Acknowledged = a.By
				}
			}
		}
		out.Findings = append(out.Findings, one)
	}
	return out
}
