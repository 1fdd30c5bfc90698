package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// Bounds of event streams.
const (
	maxStreams   = 64
	eachStreams  = 16 // of these, of one token
	heartbeat    = 15 * time.Second
	streamWrite  = 10 * time.Second // for one write to be taken
	eventsAtOnce = 64
)

// eventsIn is a request for events.
type eventsIn struct {
	Last string   `header:"Last-Event-ID" doc:"The last event that was seen: go on behind it. 0 is all that is remembered; without it, from now on."`
	Kind []string `query:"kind,explode" maxItems:"16" doc:"Only kinds that begin so, such as cutover."`
}

// EventsOf lets people listen to a bus, by server-sent events.
func EventsOf(bus *Bus) Resource {
	taken := listeners{of: map[string]int{}}
	return func(a *API) {
		op := a.operation(Op{ID: "stream-events", Method: http.MethodGet, Path: "/v1/events", Tag: "events", Errors: []int{422, 503},
			Summary: "What happens, as it happens, by server-sent events",
			Text: "Each event has an id, its kind as event, and as data the JSON of Event. Two kinds are the stream's own: gap says that events were " +
				"missed (its data says why): read anew what you keep; and a comment comes every 15 s while nothing else does. " +
				"The stream ends when tokens change or the edge stops; ask again with Last-Event-ID."})
		r := op.Metadata[ruleKey].(rule)
		r.stream = true
		op.Metadata[ruleKey] = r
		op.Responses = map[string]*huma.Response{"200": {Description: "Events, until the client hangs up", Content: map[string]*huma.MediaType{
			"text/event-stream": {Schema: a.huma.OpenAPI().Components.Schemas.Schema(typeOf[Event](), true, "Event")}}}}
		huma.Register(a.huma, op, func(c context.Context, in *eventsIn) (*huma.StreamResponse, error) {
			at, missed, err := bus.at(in.Last)
			if err != nil {
				return nil, NewProblem(http.StatusUnprocessableEntity, "invalid", "Last-Event-ID: %s", err)
			}
			name := Actor(c)
			if !taken.enter(name) {
				return nil, NewProblem(http.StatusServiceUnavailable, "too_many_streams", "%d people listen already, or %d with this token; hang up elsewhere, or ask again", maxStreams, eachStreams).RetryAfter(5 * time.Second)
			}
			return &huma.StreamResponse{Body: func(ctx huma.Context) {
				defer taken.leave(name)
				_, w := humago.Unwrap(ctx)
				st := &stream{w: w, c: http.NewResponseController(w), kinds: in.Kind}
				st.run(ctx.Context(), bus, at, missed, a.server.stopping, a.server.keys.Load().retired)
			}}, nil
		})
	}
}

// listeners counts who listens: one token that never hangs up must not take all
// the places. Who has none is on this machine, and counts for all alike.
type listeners struct {
	mu  sync.Mutex
	all int
	of  map[string]int
}

func (l *listeners) enter(name string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all >= maxStreams || name != "" && l.of[name] >= eachStreams {
		return false
	}
	l.all++
	l.of[name]++
	return true
}

func (l *listeners) leave(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all--
	if l.of[name]--; l.of[name] == 0 {
		delete(l.of, name)
	}
}

// stream is one listener.
type stream struct {
	w     http.ResponseWriter
	c     *http.ResponseController
	kinds []string
	out   bytes.Buffer
}

func (s *stream) run(ctx context.Context, bus *Bus, at cursor, missed *gap, stopping, retired <-chan struct{}) {
	s.w.Header().Set("Content-Type", "text/event-stream")
	s.w.Header().Set("X-Accel-Buffering", "no") // nginx would keep events to itself
	// An id without data: who is cut off before the first event goes on from here.
	fmt.Fprintf(&s.out, "id: %s\nretry: 2000\n\n", bus.id(at.next-1))
	s.gap(missed)
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		events, missed, rung := bus.take(&at, eventsAtOnce)
		s.gap(missed)
		for i := range events {
			s.event(&events[i])
		}
		if !s.flush() {
			return
		}
		if len(events) == eventsAtOnce {
			continue
		}
		select {
		case <-rung:
		case <-beat.C:
			s.out.WriteString(": nothing new\n\n")
		case <-ctx.Done():
			return
		case <-stopping:
			return
		case <-retired:
			return
		}
	}
}

func (s *stream) event(e *Event) {
	if len(s.kinds) > 0 && !slices.ContainsFunc(s.kinds, func(k string) bool { return strings.HasPrefix(e.Kind, k) }) {
		return
	}
	s.write(e.ID, e.Kind, e)
}

func (s *stream) gap(g *gap) {
	if g != nil {
		s.write("", "gap", g)
	}
}

func (s *stream) write(id, kind string, data any) {
	body, err := json.Marshal(data)
	if err != nil {
		return // what is on the bus has been JSON before
	}
	if id != "" {
		fmt.Fprintf(&s.out, "id: %s\n", id)
	}
	fmt.Fprintf(&s.out, "event: %s\ndata: %s\n\n", kind, body)
}

// flush sends what is there; false when nobody takes it.
func (s *stream) flush() bool {
	_ = s.c.SetWriteDeadline(time.Now().Add(streamWrite)) // a recorder of a test has none
	_, err := s.w.Write(s.out.Bytes())
	s.out.Reset()
	return err == nil && s.c.Flush() == nil
}
