package client

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/speakops/sipedge/sipedge/admin"
	"github.com/speakops/sipedge/sipedge/observe/ladder"
)

// Calls lists calls of late; query has the fields of admin.CallFilter.
func (c *Client) Calls(ctx context.Context, query url.Values) (l admin.CallList, err error) {
	return l, c.Get(ctx, "/v1/calls", query, &l)
}

// Ladder is a call with what crossed the wire for it; its messages have their
// text only when bodies asks for it, which an operator may.
func (c *Client) Ladder(ctx context.Context, call string, bodies bool) (l ladder.Ladder, err error) {
	path := "/v1/calls/" + url.PathEscape(call) + "/ladder"
	if bodies {
		path = "/v1/calls/" + url.PathEscape(call) + "/messages"
	}
	return l, c.Get(ctx, path, nil, &l)
}

// FollowCalls calls fn for every call as its final response goes out, until ctx
// ends, fn fails or the connection breaks; missed counts calls left out before it.
func (c *Client) FollowCalls(ctx context.Context, query url.Values, fn func(one ladder.Call, missed uint64) error) error {
	r, err := c.request(ctx, http.MethodGet, "/v1/calls/live", query, nil)
	if err != nil {
		return err
	}
	w, err := c.http.Do(r)
	if err != nil {
		return &Unreachable{c.Edge(), err}
	}
	defer w.Body.Close()
	if w.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(io.LimitReader(w.Body, maxEvent))
		return problemIn(c.Edge(), w, body)
	}
	lines := bufio.NewScanner(w.Body)
	lines.Buffer(nil, maxEvent)
	kind, missed := "", uint64(0)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ": ")
		switch {
		case name == "event":
			kind = value
		case name == "data" && kind == "gap":
			var gap struct{ Missed uint64 }
			_ = json.Unmarshal([]byte(value), &gap) // one of another version counts as none
			missed = gap.Missed
		case name == "data" && kind == "call":
			var one ladder.Call
			if json.Unmarshal([]byte(value), &one) != nil {
				continue
			}
			if err := fn(one, missed); err != nil {
				return err
			}
			missed = 0
		}
	}
	return &Unreachable{c.Edge(), io.ErrUnexpectedEOF}
}
