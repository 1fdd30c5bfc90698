package client

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/speakops/sipedge/sipedge/admin"
)

// Bounds of a stream of events.
const (
	maxEvent   = 1 << 20
	afterBreak = time.Second
)

// Events calls fn for every event of the kinds that begin so (none: all), from
// now on or, with last, from behind that event, until ctx ends or fn fails. A
// connection that breaks is made again. Kind gap says that events were missed.
func (c *Client) Events(ctx context.Context, kinds []string, last string, fn func(admin.Event) error) error {
	for {
		err := c.listen(ctx, kinds, &last, fn)
		switch err.(type) {
		case nil, *Unreachable:
		default:
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(afterBreak):
		}
	}
}

func (c *Client) listen(ctx context.Context, kinds []string, last *string, fn func(admin.Event) error) error {
	r, err := c.request(ctx, http.MethodGet, "/v1/events", url.Values{"kind": kinds}, nil)
	if err != nil {
		return err
	}
	if *last != "" {
		r.Header.Set("Last-Event-ID", *last)
	}
	w, err := c.http.Do(r)
	if err != nil {
		return &Unreachable{c.Edge(), err}
	}
	defer w.Body.Close()
	if w.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(io.LimitReader(w.Body, maxEvent)) // what is missing is no problem's JSON
		return problemIn(c.Edge(), w, body)
	}
	lines := bufio.NewScanner(w.Body)
	lines.Buffer(nil, maxEvent)
	var e admin.Event
	var data string
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ": ")
		switch name {
		case "id":
			e.ID = value
		case "event":
			e.Kind = value
		case "data":
			data = value
		case "":
			if err := tell(&e, data, fn); err != nil {
				return err
			}
			if e.ID != "" {
				*last = e.ID
			}
			e, data = admin.Event{}, ""
		}
	}
	return &Unreachable{c.Edge(), io.ErrUnexpectedEOF}
}

func tell(e *admin.Event, data string, fn func(admin.Event) error) error {
	if data == "" {
		return nil // a heartbeat
	}
	if e.Kind == "gap" {
		e.Data = json.RawMessage(data)
	} else if err := json.Unmarshal([]byte(data), e); err != nil {
		return nil // an event of another version
	}
	return fn(*e)
}
