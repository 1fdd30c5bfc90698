package main

import (
	"context"
	"errors"
	"sync"

	"github.com/speakops/sipedge/sipedge/admin"
)

// edgesEachCmd asks every edge of the configuration by itself.
type edgesEachCmd struct{}

// oneEdge is what is known about an edge, or why nothing is.
type oneEdge struct {
	Name   string        `json:"name"`
	URL    string        `json:"url"`
	Ready  bool          `json:"ready"`
	Status *admin.Status `json:"status,omitempty"`
	Error  string        `json:"error,omitempty"`

	degraded int
	failed   error
}

// Run asks every edge at once; one that gives no answer ends with exit code 3,
// after the others have been shown.
func (c *edgesEachCmd) Run(ctx context.Context, d *desk) error {
	s, err := readSettings(d.Config)
	if err != nil {
		return err
	}
	places := s.Edges
	if d.Edge != "" || len(places) == 0 {
		places = []place{s.find(d.Edge)}
	}
	all := make([]oneEdge, len(places))
	var wg sync.WaitGroup
	for i, e := range places {
		edge, err := d.ask(s, e)
		if err != nil {
			return err
		}
		all[i] = oneEdge{Name: e.Name, URL: e.URL}
		wg.Go(func() {
			one := &all[i]
			ready, err := edge.Ready(ctx)
			status, err2 := edge.Status(ctx)
			if one.failed = errors.Join(err, err2); one.failed != nil {
				one.Error = first(err, err2).Error()
				return
			}
			one.Ready, one.Status, one.degraded = ready.Ready, &status, len(ready.Degraded)
		})
	}
	wg.Wait()
	if err := d.show(map[string][]oneEdge{"edges": all}, func(p *paper) { drawEdges(p, all) }); err != nil {
		return err
	}
	for _, one := range all {
		if one.failed != nil {
			return silent(codeOf(one.failed))
		}
	}
	return nil
}

func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func drawEdges(p *paper, all []oneEdge) {
	var rows [][]any
	for _, one := range all {
		s := one.Status
		if s == nil {
			rows = append(rows, []any{one.Name, cell{"no answer", bad}, "", "", "", "", one.URL})
			continue
		}
		rows = append(rows, []any{s.Edge, stateOf(one.Ready, s.Draining, one.degraded), s.Dialogs, s.Numbers, seconds(s.TableAge), seconds(s.ClockError), one.URL})
	}
	p.table([]string{"EDGE", "STATE", "DIALOGS", "NUMBERS", "TABLE AGE", "CLOCK ERROR", "URL"}, rows)
	for _, one := range all {
		if one.Error != "" {
			p.line("%s", p.in(bad, one.Name+": "+one.Error))
		}
	}
}
