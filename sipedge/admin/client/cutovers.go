package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"

	"github.com/speakops/sipedge/sipedge/admin"
)

func (c *Client) post(ctx context.Context, path string, in, out any) error {
	return c.Do(ctx, http.MethodPost, path, nil, in, out)
}

func cutoverPath(id string) string { return "/v1/cutovers/" + url.PathEscape(id) }

// Orders lists every port order.
func (c *Client) Orders(ctx context.Context) ([]admin.Order, error) {
	var l admin.OrderList
	err := c.Get(ctx, "/v1/orders", nil, &l)
	return l.Orders, err
}

// Order is one port order, whole.
func (c *Client) Order(ctx context.Context, id string) (o admin.Order, err error) {
	return o, c.Get(ctx, "/v1/orders/"+url.PathEscape(id), nil, &o)
}

// Plan hands in a file with an order, a cutover, or both.
func (c *Client) Plan(ctx context.Context, file admin.PlanFile) (p admin.Planned, err error) {
	return p, c.post(ctx, "/v1/plans", file, &p)
}

// TellOrder gives an order the world's word.
func (c *Client) TellOrder(ctx context.Context, id string, event json.RawMessage) (o admin.Order, err error) {
	return o, c.post(ctx, "/v1/orders/"+url.PathEscape(id)+"/events", event, &o)
}

// Cutovers lists every cutover.
func (c *Client) Cutovers(ctx context.Context) ([]admin.Cutover, error) {
	var l admin.CutoverList
	err := c.Get(ctx, "/v1/cutovers", nil, &l)
	return l.Cutovers, err
}

// Cutover is one of them.
func (c *Client) Cutover(ctx context.Context, id string) (x admin.Cutover, err error) {
	return x, c.Get(ctx, cutoverPath(id), nil, &x)
}

// Proposal is what an action would change; at is that of a move, else "".
func (c *Client) Proposal(ctx context.Context, id, action, at string) (p admin.Proposal, err error) {
	query := url.Values{"action": {action}}
	if at != "" {
		query.Set("at", at)
	}
	return p, c.Get(ctx, cutoverPath(id)+"/proposal", query, &p)
}

// Lint is what should be put right first.
func (c *Client) Lint(ctx context.Context, id string) (l admin.Lint, err error) {
	return l, c.Get(ctx, cutoverPath(id)+"/lint", nil, &l)
}

// Acknowledge takes warnings upon the token's person.
func (c *Client) Acknowledge(ctx context.Context, id string, a admin.Acknowledgement) (l admin.Lint, err error) {
	return l, c.post(ctx, cutoverPath(id)+"/acknowledge", a, &l)
}

// Rehearse plays a cutover through.
func (c *Client) Rehearse(ctx context.Context, id string) (r admin.Rehearsal, err error) {
	return r, c.post(ctx, cutoverPath(id)+"/rehearse", nil, &r)
}

// Approve approves a proposal as it was read.
func (c *Client) Approve(ctx context.Context, id string, a admin.Approving) (x admin.Cutover, err error) {
	return x, c.post(ctx, cutoverPath(id)+"/approve", a, &x)
}

// Act arms, cancels, flips or rolls back, as the action is called.
func (c *Client) Act(ctx context.Context, id, action string, a admin.Acting) (x admin.Changed, err error) {
	return x, c.post(ctx, cutoverPath(id)+"/"+action, a, &x)
}

// Move flips at another instant.
func (c *Client) Move(ctx context.Context, id string, m admin.Moving) (x admin.Changed, err error) {
	return x, c.post(ctx, cutoverPath(id)+"/move", m, &x)
}
