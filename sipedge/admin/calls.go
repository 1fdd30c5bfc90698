package admin

import (
	"bytes"
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/speakops/sipedge/sipedge/observe/ladder"
)

// CallKeeper keeps the calls of late with their messages.
type CallKeeper interface {
	List(f ladder.Filter) (calls []ladder.Call, more int)
	Find(call string) (ladder.Ladder, bool)
	Follow(f ladder.Filter) *ladder.Follower
	Unfollow(f *ladder.Follower)
	Stats() ladder.Stats
}

// CallList is the calls that were asked for, the latest first.
type CallList struct {
	Calls []ladder.Call `json:"calls" nullable:"false"`
	More  int           `json:"more,omitempty" doc:"So many more fit."`
	Kept  ladder.Stats  `json:"kept" doc:"What the memory of calls holds, and what it had no room for."`
}

// CallFilter chooses calls, in the query of a request.
type CallFilter struct {
	Number  string    `query:"number" maxLength:"32" doc:"Public number or caller: the whole with +, or the last digits."`
	Trunk   string    `query:"trunk" maxLength:"128"`
	Gateway string    `query:"gateway" maxLength:"128" doc:"That answered, or was tried last."`
	Route   string    `query:"route" maxLength:"128"`
	Code    string    `query:"code" pattern:"^([1-6][0-9][0-9]|[1-6]xx|)$" doc:"Final response: 486, or 4xx."`
	Because string    `query:"because" maxLength:"64" doc:"Why it was decided as it was."`
	Outcome string    `query:"outcome" maxLength:"64" doc:"What became of it."`
	State   string    `query:"state" enum:"open,answered,ended,failed,refused"`
	Failed  bool      `query:"failed" doc:"Only failed and refused ones."`
	Test    bool      `query:"test" doc:"Only calls of test trunks."`
	Since   time.Time `query:"since" doc:"Begun at this instant or later."`
	Until   time.Time `query:"until" doc:"Begun before."`
	Limit   int       `query:"limit" minimum:"1" maximum:"10000" default:"100"`
}

func (f *CallFilter) filter() ladder.Filter {
	return ladder.Filter{
		Number: f.Number, Trunk: f.Trunk, Gateway: f.Gateway, Route: f.Route, Code: f.Code, Because: f.Because, Outcome: f.Outcome,
		State: ladder.State(f.State), Failed: f.Failed, Test: f.Test, Since: f.Since, Until: f.Until, Limit: f.Limit,
	}
}

type callIn struct {
	Call string `path:"call" minLength:"6" maxLength:"24" pattern:"^[0-9a-f]+$" doc:"The call's name, or the beginning of it."`
}

// CallsOf shows calls of late and their ladders. What crossed the wire is for
// operators: it holds names and addresses of people.
func CallsOf(k CallKeeper) Resource {
	return func(a *API) {
		handle(a, Op{ID: "list-calls", Method: http.MethodGet, Path: "/v1/calls", Tag: "calls", Summary: "Calls of late, the latest first"},
			func(_ context.Context, in *CallFilter) (CallList, error) {
				calls, more := k.List(in.filter())
				return CallList{some(calls), more, k.Stats()}, nil
			})
		handle(a, Op{ID: "get-ladder", Method: http.MethodGet, Path: "/v1/calls/{call}/ladder", Tag: "calls", Errors: []int{404},
			Summary: "What crossed the wire for a call, message by message, with the decisions between"},
			func(_ context.Context, in *callIn) (ladder.Ladder, error) {
				l, err := find(k, in.Call)
				for i := range l.Steps {
					l.Steps[i].Text = ""
				}
				return l, err
			})
		handle(a, Op{ID: "get-messages", Method: http.MethodGet, Path: "/v1/calls/{call}/messages", Tag: "calls", Role: Operator, Errors: []int{404},
			Summary: "A call's ladder with the text of its messages; what authenticates somebody or opens media is blotted out"},
			func(_ context.Context, in *callIn) (ladder.Ladder, error) { return find(k, in.Call) })
		capture(a, k)
		followCalls(a, k)
	}
}

func find(k CallKeeper, call string) (ladder.Ladder, error) {
	l, ok := k.Find(call)
	if !ok {
		return l, NewProblem(http.StatusNotFound, "no_such_call", "no call %s is kept here, or its name is not told from others; list the calls, or ask the other edges", call)
	}
	return l, nil
}

// capture is a call as a pcapng file.
func capture(a *API, k CallKeeper) {
	op := a.operation(Op{ID: "get-pcap", Method: http.MethodGet, Path: "/v1/calls/{call}/pcap", Tag: "calls", Role: Operator, Errors: []int{404},
		Summary: "A call's messages as a pcapng file, as Wireshark reads it"})
	op.Responses = map[string]*huma.Response{"200": {Description: "The file", Content: map[string]*huma.MediaType{
		"application/x-pcapng": {Schema: &huma.Schema{Type: "string", Format: "binary"}}}}}
	huma.Register(a.huma, op, func(_ context.Context, in *callIn) (*huma.StreamResponse, error) {
		l, err := find(k, in.Call)
		if err != nil {
			return nil, problemOf(err)
		}
		return &huma.StreamResponse{Body: func(ctx huma.Context) {
			ctx.SetHeader("Content-Type", "application/x-pcapng")
			ctx.SetHeader("Content-Disposition", `attachment; filename="`+l.FileName()+`"`)
			var file bytes.Buffer
			_ = ladder.Pcap(&file, l) // a buffer takes everything
			_, _ = ctx.BodyWriter().Write(file.Bytes())
		}}, nil
	})
}

// followCalls tells of calls as their final responses go out.
func followCalls(a *API, k CallKeeper) {
	op := a.operation(Op{ID: "follow-calls", Method: http.MethodGet, Path: "/v1/calls/live", Tag: "calls", Errors: []int{503},
		Summary: "Calls as their final responses go out, by server-sent events",
		Text:    "Events of kind call have a Call as data; one of kind gap says how many were left out because they came too fast."})
	r := op.Metadata[ruleKey].(rule)
	r.stream = true
	op.Metadata[ruleKey] = r
	op.Responses = map[string]*huma.Response{"200": {Description: "Events, until the client hangs up", Content: map[string]*huma.MediaType{
		"text/event-stream": {Schema: a.huma.OpenAPI().Components.Schemas.Schema(typeOf[ladder.Call](), true, "Call")}}}}
	huma.Register(a.huma, op, func(_ context.Context, in *CallFilter) (*huma.StreamResponse, error) {
		f := k.Follow(in.filter())
		if f == nil {
			return nil, NewProblem(http.StatusServiceUnavailable, "too_many_streams", "too many people follow calls already; hang up elsewhere, or ask again").RetryAfter(5 * time.Second)
		}
		return &huma.StreamResponse{Body: func(ctx huma.Context) {
			defer k.Unfollow(f)
			_, w := humago.Unwrap(ctx)
			st := &stream{w: w, c: http.NewResponseController(w)}
			st.follow(ctx.Context(), f, a.server.stopping, a.server.keys.Load().retired)
		}}, nil
	})
}

// missed is the data of a gap event of a followed list.
type missed struct {
	Missed uint64 `json:"missed"`
}

func (s *stream) follow(ctx context.Context, f *ladder.Follower, stopping, retired <-chan struct{}) {
	s.w.Header().Set("Content-Type", "text/event-stream")
	s.w.Header().Set("X-Accel-Buffering", "no")
	s.out.WriteString(": following\n\n")
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for s.flush() {
		select {
		case c := <-f.C:
			if n := f.Lost(); n > 0 {
				s.write("", "gap", missed{n})
			}
			s.write("", "call", c)
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
