package main

import (
	"context"
	"net/url"
	"time"

	"github.com/speakops/sipedge/sipedge/observe/ladder"
	"github.com/speakops/sipedge/sipedge/testcall"
)

// asker fills in what the admin API knows of a call that the edge said nothing
// about.
type asker func(context.Context, *testcall.Report)

// asker is nil where nobody has given a token.
func (d *desk) asker() (asker, error) {
	s, err := readSettings(d.Config)
	if err != nil {
		return nil, err
	}
	at := s.find(d.Edge)
	if d.Token == "" && at.Token == "" {
		return nil, nil
	}
	edge, err := d.ask(s, at)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, r *testcall.Report) {
		list, err := edge.Calls(ctx, url.Values{"number": {r.To}, "since": {r.Begun.Add(-askSlack).UTC().Format(time.RFC3339Nano)}, "limit": {"20"}})
		if err != nil {
			r.Problems = append(r.Problems, "the admin API does not say what was decided: "+err.Error())
			return
		}
		if one := nearest(list.Calls, r.Begun); one != nil {
			r.Decision = &testcall.Decision{RoutingAuthority: one.RoutingAuthority, Because: one.Because, Route: one.Route, Gateway: one.Gateway, Call: one.Call, Said: "admin"}
		}
	}, nil
}

// askSlack is how far the clocks of the edge and of this host may lie apart.
const askSlack = 2 * time.Second

// nearest is the call that began closest to an instant.
func nearest(calls []ladder.Call, at time.Time) (found *ladder.Call) {
	for i := range calls {
		if found == nil || calls[i].Begun.Sub(at).Abs() < found.Begun.Sub(at).Abs() {
			found = &calls[i]
		}
	}
	return found
}
