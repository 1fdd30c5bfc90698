package client

import (
	"context"
	"net/url"
	"strconv"

	"github.com/speakops/sipedge/sipedge/admin"
)

// Edges lists the fleet, by heartbeats.
func (c *Client) Edges(ctx context.Context) ([]admin.FleetEdge, error) {
	var l admin.FleetList
	err := c.Get(ctx, "/v1/edges", nil, &l)
	return l.Edges, err
}

// Chain is where the chain of revisions stands.
func (c *Client) Chain(ctx context.Context) (x admin.Chain, err error) {
	return x, c.Get(ctx, "/v1/chain", nil, &x)
}

// DeclareOff declares that an edge is stopped for good.
func (c *Client) DeclareOff(ctx context.Context, edge string, d admin.DeclaringOff) error {
	return c.post(ctx, "/v1/edges/"+url.PathEscape(edge)+"/declare-off", d, nil)
}

// InitChain begins a chain on a store that never had one.
func (c *Client) InitChain(ctx context.Context, s admin.Starting) (x admin.Chain, err error) {
	return x, c.post(ctx, "/v1/chain/init", s, &x)
}

// Journal is a page of the journal, from behind an entry on.
func (c *Client) Journal(ctx context.Context, after string, limit int) (p admin.JournalPage, err error) {
	query := url.Values{"limit": {strconv.Itoa(limit)}}
	if after != "" {
		query.Set("after", after)
	}
	return p, c.Get(ctx, "/v1/journal", query, &p)
}

// VerifyJournal checks every hash of the journal.
func (c *Client) VerifyJournal(ctx context.Context) (v admin.JournalVerdict, err error) {
	return v, c.Get(ctx, "/v1/journal/verify", nil, &v)
}
