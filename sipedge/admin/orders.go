package admin

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
)

// OrderDesk keeps port orders, and the cutovers planned for them. Errors of its
// methods: *Problem; a document with mistakes lists them all.
type OrderDesk interface {
	Orders(context.Context) ([]Order, error)
	Order(ctx context.Context, id string) (Order, error)
	// Plan takes over a file with an order, a cutover, or both: what is new is
	// made, what is there is edited, which voids its approvals.
	Plan(ctx context.Context, by Person, file PlanFile) (Planned, error)
	// Tell gives an order the world's word: { "event": "foc_received", ... }.
	Tell(ctx context.Context, by Person, id string, event json.RawMessage) (Order, error)
}

// Order is a port order as it stands.
type Order struct {
	Order              string           `json:"order" example:"o-1007"`
	Kind               string           `json:"kind" enum:"port_in,port_out"`
	NumberType         string           `json:"number_type"`
	Count              int              `json:"count" doc:"Numbers in the order."`
	Scope              string           `json:"scope" enum:"full,partial"`
	LosingProvider     string           `json:"losing_provider"`
	GainingProvider    string           `json:"gaining_provider"`
	CustomerAssignment string           `json:"customer_assignment"`
	PortingState       string           `json:"porting_state"`
	Validation         string           `json:"account_validation,omitempty"`
	LOA                string           `json:"loa,omitempty" doc:"Version of the letter of authorisation."`
	FOC                string           `json:"foc,omitempty" doc:"Version of the firm order commitment."`
	Due                *time.Time       `json:"due,omitempty" doc:"By that commitment."`
	Exceptions         []OrderException `json:"exceptions,omitempty" doc:"Any of them freezes the order."`
	Cutover            string           `json:"cutover,omitempty" doc:"The live one."`
	Phase              string           `json:"phase,omitempty" doc:"Of that cutover."`
	Revision           uint64           `json:"revision" doc:"Counts the edits."`
	Document           json.RawMessage  `json:"document,omitempty" doc:"The whole order; only where one order is asked for."`
}

// OrderException is what the world holds against a port.
type OrderException struct {
	Kind   string    `json:"kind" enum:"rejected,jeopardy,conflict"`
	Side   string    `json:"side,omitempty"`
	Reason string    `json:"reason"`
	Since  time.Time `json:"since,omitzero"`
}

// OrderList is every order that is known.
type OrderList struct {
	Orders []Order `json:"orders" nullable:"false"`
}

// PlanFile is what a file of `cutoverctl plan` says.
type PlanFile struct {
	Text   string `json:"text" minLength:"1" maxLength:"4194304" doc:"YAML, of which JSON is a part, with order, cutover or both, and zone for the wall times."`
	DryRun bool   `json:"dry_run,omitempty" doc:"Read and lint it, and keep nothing."`
}

// Planned is what became of a file.
type Planned struct {
	Order   *Order   `json:"order,omitempty"`
	Cutover *Cutover `json:"cutover,omitempty"`
	Lint    Lint     `json:"lint"`
	DryRun  bool     `json:"dry_run,omitempty"`
}

// OrderPath is the order that a path names.
type OrderPath struct {
	Order string `path:"order" minLength:"1" maxLength:"128" example:"o-1007"`
}

type orderEvent struct {
	OrderPath
	Body json.RawMessage
}

// maxPlan bounds a file: a hundred thousand numbers are two megabytes.
const maxPlan = 5 << 20

// OrdersBy keeps port orders.
func OrdersBy(d OrderDesk) Resource {
	return func(a *API) {
		handle(a, Op{ID: "list-orders", Method: http.MethodGet, Path: "/v1/orders", Tag: "orders", Summary: "Every port order"},
			func(ctx context.Context, _ *struct{}) (OrderList, error) {
				all, err := d.Orders(ctx)
				return OrderList{some(all)}, err
			})
		handle(a, Op{ID: "get-order", Method: http.MethodGet, Path: "/v1/orders/{order}", Tag: "orders", Errors: []int{404}, Summary: "One port order, whole"},
			func(ctx context.Context, in *OrderPath) (Order, error) { return d.Order(ctx, in.Order) })
		handle(a, Op{ID: "plan", Method: http.MethodPost, Path: "/v1/plans", Tag: "orders", Errors: []int{409, 422, 503}, MaxBody: maxPlan,
			Summary: "Take over an order, a cutover for it, or both, and lint them",
			Text:    "What is there already is edited, which voids every approval of it; an armed cutover is moved or cancelled instead."},
			func(ctx context.Context, in *struct{ Body PlanFile }) (Planned, error) {
				return d.Plan(ctx, Asker(ctx), in.Body)
			})
		handle(a, Op{ID: "tell-order", Method: http.MethodPost, Path: "/v1/orders/{order}/events", Tag: "orders", Errors: []int{404, 409, 422, 503}, MaxBody: maxPlan,
			Summary: "Tell an order what the world says: a commitment, an exception, an activation, a cancellation",
			Text:    "A word that suspends a flip first cancels the cutover that would flip; until every edge has that, the order says so."},
			func(ctx context.Context, in *orderEvent) (Order, error) {
				return d.Tell(ctx, Asker(ctx), in.Order, in.Body)
			})
	}
}
