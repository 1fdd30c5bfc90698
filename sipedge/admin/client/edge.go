package client

import (
	"context"
	"errors"
	"net/http"

	"github.com/speakops/sipedge/sipedge/admin"
)

// Status is the edge at a glance.
func (c *Client) Status(ctx context.Context) (s admin.Status, err error) {
	return s, c.Get(ctx, "/v1/status", nil, &s)
}

// Ready says whether the edge should get calls, and why not.
func (c *Client) Ready(ctx context.Context) (r admin.Readiness, err error) {
	err = c.Get(ctx, "/readyz", nil, &r)
	var none *NotReady
	if errors.As(err, &none) {
		return none.Readiness, nil
	}
	return r, err
}

// Gateways lists every gateway and its health.
func (c *Client) Gateways(ctx context.Context) ([]admin.Gateway, error) {
	var l admin.GatewayList
	err := c.Get(ctx, "/v1/gateways", nil, &l)
	return l.Gateways, err
}

// Trunks lists every trunk and how much of its limits is used.
func (c *Client) Trunks(ctx context.Context) ([]admin.Trunk, error) {
	var l admin.TrunkList
	err := c.Get(ctx, "/v1/trunks", nil, &l)
	return l.Trunks, err
}

// LogLevel is the level of the log.
func (c *Client) LogLevel(ctx context.Context) (l admin.LogLevel, err error) {
	return l, c.Get(ctx, "/v1/log-level", nil, &l)
}

// SetLogLevel sets it.
func (c *Client) SetLogLevel(ctx context.Context, level string) (l admin.LogLevel, err error) {
	return l, c.Do(ctx, http.MethodPut, "/v1/log-level", nil, admin.LogLevel{Level: level}, &l)
}

// Reload reads the configuration again.
func (c *Client) Reload(ctx context.Context) error {
	return c.Do(ctx, http.MethodPost, "/v1/reload", nil, nil, nil)
}

// Build is what the edge's program was built from.
func (c *Client) Build(ctx context.Context) (b admin.Build, err error) {
	return b, c.Get(ctx, "/v1/build", nil, &b)
}

// Limits lists every trunk's limits as they are in force, and the edge's load.
func (c *Client) Limits(ctx context.Context) (l admin.LimitList, err error) {
	return l, c.Get(ctx, "/v1/limits", nil, &l)
}

// Offenders lists the unknown sources that have sent most.
func (c *Client) Offenders(ctx context.Context) ([]admin.Offender, error) {
	var l admin.OffenderList
	err := c.Get(ctx, "/v1/offenders", nil, &l)
	return l.Offenders, err
}
