package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/speakops/sipedge/sipedge/admin"
)

// Explain asks where a call would go.
func (c *Client) Explain(ctx context.Context, q admin.Question) (x admin.Explanation, err error) {
	return x, c.Get(ctx, "/v1/explain", q.Query(), &x)
}

// ExplainAll asks about many calls, at most a thousand, in order.
func (c *Client) ExplainAll(ctx context.Context, all []admin.Question) ([]admin.ExplanationOrProblem, error) {
	var l admin.ExplanationList
	err := c.Do(ctx, http.MethodPost, "/v1/explain", nil, admin.QuestionList{Calls: all}, &l)
	return l.Calls, err
}

// Number is what the edge's table, or the store, says about a number.
func (c *Client) Number(ctx context.Context, number string, store bool) (r admin.NumberRecord, err error) {
	query := url.Values{}
	if store {
		query.Set("from", "store")
	}
	return r, c.Get(ctx, "/v1/numbers/"+url.PathEscape(number), query, &r)
}

// Numbers is a page of the edge's table.
func (c *Client) Numbers(ctx context.Context, query url.Values) (p admin.NumberPage, err error) {
	return p, c.Get(ctx, "/v1/numbers", query, &p)
}

// SetNumber sets fields of a record; with a revision only over that one.
func (c *Client) SetNumber(ctx context.Context, number string, change admin.NumberChange, revision uint64) (o admin.NumberOutcome, err error) {
	return o, c.Do(ifMatch(ctx, revision), http.MethodPatch, "/v1/numbers/"+url.PathEscape(number), nil, change, &o)
}

// DeleteNumber deletes a record; with a revision only that one.
func (c *Client) DeleteNumber(ctx context.Context, number string, revision uint64) (o admin.NumberOutcome, err error) {
	return o, c.Do(ifMatch(ctx, revision), http.MethodDelete, "/v1/numbers/"+url.PathEscape(number), nil, nil, &o)
}

// LostNumbers is at most limit of the records that Redis has lost and the edge still has.
func (c *Client) LostNumbers(ctx context.Context, limit int) (p admin.LostPage, err error) {
	return p, c.Get(ctx, "/v1/lost-numbers", url.Values{"limit": {strconv.Itoa(limit)}}, &p)
}

// ReapplyLost has the edge write some of them again.
func (c *Client) ReapplyLost(ctx context.Context) (r admin.Reapplied, err error) {
	return r, c.post(ctx, "/v1/lost-numbers/reapply", nil, &r)
}

type matchKey struct{}

// ifMatch lets a change happen only to what is still at a revision; 0 is any.
func ifMatch(ctx context.Context, revision uint64) context.Context {
	if revision == 0 {
		return ctx
	}
	return context.WithValue(ctx, matchKey{}, strconv.FormatUint(revision, 10))
}
