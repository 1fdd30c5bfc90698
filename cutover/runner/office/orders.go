package office

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"reflect"
	"slices"
	"time"

	"github.com/speakops/sipedge/cutover"
	"github.com/speakops/sipedge/cutover/ledger"
	"github.com/speakops/sipedge/cutover/order"
	"github.com/speakops/sipedge/routing"
	"github.com/speakops/sipedge/sipedge/admin"
)

// Orders implements admin.OrderDesk.
func (f *Office) Orders(ctx context.Context) ([]admin.Order, error) {
	all, err := f.orders.all(ctx)
	if err != nil {
		return nil, problem(err)
	}
	out := make([]admin.Order, len(all))
	for i := range all {
		out[i] = shownOrder(&all[i].Value.Order)
	}
	slices.SortFunc(out, func(a, b admin.Order) int { return cmp.Compare(a.Order, b.Order) })
	return out, nil
}

// Order implements admin.OrderDesk.
func (f *Office) Order(ctx context.Context, id string) (admin.Order, error) {
	p, err := f.orders.read(ctx, id)
	switch {
	case err != nil:
		return admin.Order{}, problem(err)
	case !p.there():
		return admin.Order{}, noOrder(id)
	}
	return wholeOrder(&p.Value.Order)
}

func wholeOrder(o *order.Order) (admin.Order, error) {
	out := shownOrder(o)
	var err error
	out.Document, err = order.Encode(*o)
	return out, err
}

func shownOrder(o *order.Order) admin.Order {
	out := admin.Order{
		Order: string(o.ID), Kind: string(o.Kind), NumberType: o.NumberType.String(), Count: len(o.Numbers), Scope: string(o.Scope),
		LosingProvider: string(o.LosingProvider), GainingProvider: string(o.GainingProvider), CustomerAssignment: string(o.CustomerAssignment),
		PortingState: o.PortingState.String(), Validation: string(o.Validation.State), Revision: o.Revision,
	}
	if o.LOA != nil {
		out.LOA = o.LOA.Version
	}
	if o.FOC != nil {
		due := o.FOC.Due.UTC.UTC()
		out.FOC, out.Due = o.FOC.Version, &due
	}
	for _, e := range o.Exceptions {
		out.Exceptions = append(out.Exceptions, admin.OrderException{Kind: string(e.Kind), Side: string(e.Side), Reason: e.Reason, Since: e.Since})
	}
	if o.Live != nil {
		out.Cutover, out.Phase = string(o.Live.Cutover), string(o.Live.Phase)
	}
	return out
}

// draft is a file on its way to become documents.
type draft struct {
	order           paper[orderPaper]
	plan            paper[planPaper]
	editsO, editsP  bool
	wantsO, wantsP  bool
	orderID, planID string
}

// Plan implements admin.OrderDesk.
func (f *Office) Plan(ctx context.Context, by admin.Person, file admin.PlanFile) (admin.Planned, error) {
	in, err := order.ParseFile([]byte(file.Text), time.LoadLocation)
	if err != nil {
		return admin.Planned{}, problem(err)
	}
	d, err := f.draft(ctx, by, &in)
	if err != nil {
		return admin.Planned{}, problem(err)
	}
	if !file.DryRun {
		if err := f.keep(ctx, by, d); err != nil {
			return admin.Planned{}, problem(err)
		}
	}
	out := admin.Planned{DryRun: file.DryRun, Lint: admin.Lint{Findings: []admin.Finding{}}}
	if d.wantsO {
		o := shownOrder(&d.order.Value.Order)
		out.Order = &o
	}
	if !d.wantsP {
		return out, nil
	}
	c, err := f.shown(ctx, &d.order.Value.Order, &d.plan)
	if err != nil {
		return out, problem(err)
	}
	out.Cutover = &c
	report, err := f.lint(ctx, &d.order.Value.Order, &d.plan.Value.Plan)
	out.Lint = shownLint(report, d.plan.Value.Plan.Acknowledged)
	return out, problem(err)
}

// draft holds a file against what is there already.
func (f *Office) draft(ctx context.Context, by admin.Person, in *order.File) (*draft, error) {
	d := &draft{wantsO: in.Order != nil, wantsP: in.Cutover != nil}
	id := ""
	if in.Cutover != nil {
		id = string(in.Cutover.Order)
	}
	if in.Order != nil {
		if id != "" && id != string(in.Order.ID) {
			return nil, admin.NewProblem(http.StatusUnprocessableEntity, "invalid", "the cutover is for order %s and the file has order %s; make them one", id, in.Order.ID)
		}
		id = string(in.Order.ID)
	}
	var err error
	if d.order, err = f.orders.read(ctx, id); err != nil {
		return nil, err
	}
	switch {
	case in.Order != nil:
		err = f.draftOrder(d, in.Order)
	case !d.order.there():
		err = noOrder(id)
	}
	if err == nil && in.Cutover != nil {
		err = f.draftPlan(ctx, by, d, in.Cutover)
	}
	return d, err
}

func (f *Office) draftOrder(d *draft, next *order.Order) error {
	if !d.order.there() {
		next.Revision, next.PortingState = 1, f.stands(next.Numbers)
		d.order.Value, d.editsO = orderPaper{Order: *next}, true
		return next.Check()
	}
	was := d.order.Value.Order
	if what, event := retold(&was, next); what != "" {
		return admin.NewProblem(http.StatusConflict, "told_not_planned", `the file has another %s than order %s was told, and nothing was changed; what the world says is told, not planned: cutoverctl orders tell %s '{"event":%q, ...}', and then make the file say the same or leave it out`,
			what, was.ID, was.ID, event)
	}
	next.Revision, next.Standing = was.Revision, was.Standing
	if reflect.DeepEqual(*next, was) {
		return nil
	}
	edited, err := was.Edit(*next)
	d.order.Value.Order, d.editsO = edited, true
	return err
}

// retold finds what a file says otherwise of an order's standing in the world than
// the order was told, and the event that tells it. What it leaves out, it leaves.
func retold(was, next *order.Order) (what, event string) {
	foc, loa := next.FOC, next.LOA
	switch {
	case foc != nil && (was.FOC == nil || foc.Version != was.FOC.Version || !foc.Due.Same(was.FOC.Due) || !foc.Until.Same(was.FOC.Until)):
		return "foc", "foc_received"
	case loa != nil && (was.LOA == nil || loa.Version != was.LOA.Version || !loa.Signed.Equal(was.LOA.Signed)):
		return "loa", "loa_signed"
	case next.Validation.State != "" && next.Validation.State != was.Validation.State:
		return "account_validation", "account_checked"
	case len(next.Exceptions) > 0 && !reflect.DeepEqual(next.Exceptions, was.Exceptions):
		return "exceptions", "exception_raised"
	}
	return "", ""
}

// stands is the porting state that all records of a new order's numbers agree
// on: the order begins where the world is, not at the beginning of the world.
func (f *Office) stands(numbers order.Numbers) routing.PortingState {
	common := routing.NoPort
	for i, n := range numbers {
		r, ok := f.o.Table.Get(n)
		if !ok || i > 0 && r.PortingState != common {
			return routing.NoPort
		}
		common = r.PortingState
	}
	if common == routing.Armed {
		return routing.NoPort // nothing is armed yet: Check would say so
	}
	return common
}

func (f *Office) draftPlan(ctx context.Context, by admin.Person, d *draft, next *order.Plan) error {
	var err error
	if d.plan, err = f.plans.read(ctx, string(next.ID)); err != nil {
		return err
	}
	o := &d.order.Value.Order
	if next.FOC == "" && o.FOC != nil {
		next.FOC = o.FOC.Version
	}
	author := cmp.Or(by.Name, "nobody")
	if !d.plan.there() {
		next.Revision, next.Author = 1, author
		d.plan.Value, d.editsP = planPaper{Plan: *next}, true
		return next.Check()
	}
	was := d.plan.Value.Plan
	next.Revision, next.Author = was.Revision, was.Author
	if len(next.Acknowledged) == 0 {
		next.Acknowledged = was.Acknowledged
	}
	if reflect.DeepEqual(*next, was) && d.plan.Value.Ended == "" {
		return nil
	}
	edited, err := was.Edit(*next, author, o.Live)
	d.plan.Value, d.editsP = planPaper{Plan: edited}, true
	return err
}

// keep writes what a file changes, each with its entry in the journal.
func (f *Office) keep(ctx context.Context, by admin.Person, d *draft) error {
	if d.editsO {
		o := &d.order.Value.Order
		var err error
		if d.order, err = f.orders.write(ctx, d.order, d.order.Value, ledger.Note{Kind: "order_planned", Who: by.Name, Order: string(o.ID),
			Detail: detail(map[string]any{"revision": o.Revision, "numbers": len(o.Numbers), "porting_state": o.PortingState})}); err != nil {
			return err
		}
	}
	if !d.editsP {
		return nil
	}
	p := &d.plan.Value.Plan
	var err error
	d.plan, err = f.plans.write(ctx, d.plan, d.plan.Value, ledger.Note{Kind: "planned", Who: by.Name, Order: string(p.Order), Cutover: p.ID,
		Detail: detail(map[string]any{"revision": p.Revision, "digest": order.ToArm(&d.order.Value.Order, p).Digest()})})
	return err
}

// detail is the JSON of an entry's detail; what it is made of is always JSON.
func detail(v any) string {
	text, err := json.Marshal(v)
	if err != nil || len(text) > 60<<10 {
		return `{"detail":"left out"}`
	}
	return string(text)
}

// Tell implements admin.OrderDesk.
func (f *Office) Tell(ctx context.Context, by admin.Person, id string, event json.RawMessage) (admin.Order, error) {
	ev, err := order.DecodeEvent(event, time.LoadLocation)
	if err != nil {
		return admin.Order{}, problem(err)
	}
	switch ev.(type) {
	case order.ArmStarted, order.ArmFailed, order.ArmCommitted, order.CutoverCancelled, order.CancelFailed, order.CutoverFlipped, order.CutoverRolledBack, order.CutoverSettled:
		return admin.Order{}, admin.NewProblem(http.StatusUnprocessableEntity, "invalid", "%s is the fleet's to say, not a person's", order.EventName(ev))
	}
	if err := f.writable(ctx); err != nil {
		return admin.Order{}, err
	}
	o, err := f.tell(ctx, by.Name, id, ev)
	if err != nil {
		return admin.Order{}, problem(err)
	}
	f.paid(ctx, id)
	return wholeOrder(&o)
}

// paid waits a moment until the records have the states that an order owes them,
// so that whoever asks next does not find them apart. Paid or not, it is written
// down.
func (f *Office) paid(ctx context.Context, id string) {
	ctx, cancel := context.WithTimeout(ctx, 4*f.o.Every)
	defer cancel()
	for {
		p, err := f.orders.read(ctx, id)
		if err != nil || len(p.Value.Owed) == 0 || !pause(ctx, 20*time.Millisecond) {
			return
		}
	}
}

// writable says 403 when nobody in the fleet may write the states that follow.
func (f *Office) writable(ctx context.Context) error {
	if f.o.Writer != nil {
		return nil
	}
	beats, err := f.o.Runner.Fleet(ctx)
	if err != nil {
		return problem(err)
	}
	for i := range beats {
		if beats[i].Writer && f.now().Sub(beats[i].At) < missing {
			return nil
		}
	}
	return admin.NewProblem(http.StatusForbidden, "no_writer", "porting_state follows what an order is told, and no edge of this fleet may write number records; configure redis.writer on one of them")
}

// tell takes an event to an order, writes it down, and grants what it wishes for.
func (f *Office) tell(ctx context.Context, who, id string, ev order.Event) (order.Order, error) {
	o, effects, err := f.step(ctx, who, id, ev)
	if err != nil {
		return o, err
	}
	for _, e := range effects {
		if wish, ok := e.(order.CancelCutover); ok {
			return f.disarm(ctx, who, &o, wish.Because)
		}
	}
	return o, nil
}

// step takes an event to an order until nobody else was faster. States to be
// written are owed, in the same document.
func (f *Office) step(ctx context.Context, who, id string, ev order.Event) (order.Order, []order.Effect, error) {
	for {
		p, err := f.orders.read(ctx, id)
		if err != nil {
			return order.Order{}, nil, err
		}
		if !p.there() {
			return order.Order{}, nil, noOrder(id)
		}
		next, effects, err := p.Value.Order.Step(ev, f.now())
		if err != nil {
			return p.Value.Order, nil, err
		}
		value := orderPaper{Order: next, Owed: slices.Clone(p.Value.Owed)}
		note := map[string]any{"porting_state": next.PortingState}
		if text, err := order.EncodeEvent(ev); err == nil && len(text) < 16<<10 {
			note["event"] = json.RawMessage(text)
		}
		var says, pages []string
		for _, e := range effects {
			switch e := e.(type) {
			case order.SetState:
				value.Owed = append(value.Owed, e.Path)
			case order.Tell:
				says = append(says, e.Text)
			case order.Page:
				pages = append(pages, e.Text)
			}
		}
		note["says"], note["pages"] = says, pages
		var of cutover.ID
		if next.Live != nil {
			of = next.Live.Cutover
		} else if was := p.Value.Order.Live; was != nil {
			of = was.Cutover
		}
		p, err = f.orders.write(ctx, p, value, ledger.Note{Kind: order.EventName(ev), Who: who, Order: id, Cutover: of, Detail: detail(note)})
		if conflicted(err) {
			continue
		}
		if err != nil {
			return next, nil, err
		}
		f.announce(ctx, of, &p, effects)
		f.poke()
		return next, effects, nil
	}
}

// announce puts what people are to be told on the stream of events. A store that
// does not take it has the same words in its journal.
func (f *Office) announce(ctx context.Context, of cutover.ID, p *paper[orderPaper], effects []order.Effect) {
	for _, e := range effects {
		what, text, page := "", "", false
		switch e := e.(type) {
		case order.Tell:
			what, text = e.What, e.Text
		case order.Page:
			what, text, page = e.What, e.Text, true
			f.log.Warn("cutover: "+e.Text, "what", e.What, "order", p.ID)
		default:
			continue
		}
		f.said.once(f.log, "telling of "+what, f.o.Chain.Tell(ctx, ledger.Event{Kind: what, Cutover: of, Order: p.ID,
			Detail: detail(map[string]any{"text": text, "page": page}), Operation: "order/" + p.ID + "/" + what + "/" + p.Revision.String()}))
	}
}

func (f *Office) poke() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}
