package admin

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Explainer says where a call would go on this edge, by the very code that
// decides calls. Errors: *Problem.
type Explainer interface {
	Explain(Question) (Explanation, error)
}

// Question is a call that somebody wonders about.
type Question struct {
	Number string    `json:"number" minLength:"1" maxLength:"64" doc:"The called number, in E.164 or as the trunk's callers dial it." example:"+12025550143"`
	At     time.Time `json:"at,omitzero" doc:"The instant; left out, now."`
	Trunk  string    `json:"trunk,omitempty" maxLength:"128" doc:"The trunk the call comes on; without one, what is decided is the same, and the SIP code is that of the profile generic."`
	Caller string    `json:"caller,omitempty" maxLength:"64" doc:"The caller, for the loop guard."`
	Forced string    `json:"forced,omitempty" enum:"legacy,speakops," doc:"A test override, as a trunk trusted for it would send."`
	PSAP   bool      `json:"psap,omitempty" doc:"An emergency call-back, from a trunk trusted for it."`
}

// Explanation is where the call goes, and everything that was asked on the way.
type Explanation struct {
	Edge         string         `json:"edge"`
	PublicNumber string         `json:"public_number,omitempty"`
	At           time.Time      `json:"at" doc:"Store time, as this edge reads it."`
	ClockError   float64        `json:"clock_error_seconds"`
	Trunk        string         `json:"trunk,omitempty"`
	Decision     string         `json:"decision" doc:"In one line, as in logs and ladders." example:"route speakops via=so1 because=cut"`
	Kind         string         `json:"kind" enum:"route,refuse,hold"`
	Authority    string         `json:"routing_authority,omitempty"`
	Because      string         `json:"because"`
	Route        string         `json:"route,omitempty"`
	Gateways     []string       `json:"gateways,omitempty" doc:"In the order they are tried."`
	Until        *time.Time     `json:"until,omitempty" doc:"A call that is held is decided then."`
	Intent       string         `json:"intent,omitempty"`
	Outcome      string         `json:"outcome,omitempty" doc:"Of a call that is refused."`
	Code         int            `json:"code,omitempty" doc:"What the trunk is answered then."`
	Reason       string         `json:"reason,omitempty"`
	Revision     uint64         `json:"revision,omitempty"`
	PortingState string         `json:"porting_state,omitempty"`
	Steps        []ExplainStep  `json:"steps" nullable:"false" doc:"Every condition the call passed, in order."`
	Otherwise    string         `json:"otherwise,omitempty" doc:"What would change the answer."`
	Turnings     []ExplainTurns `json:"turnings" nullable:"false" doc:"When the answer becomes another by itself."`
}

// ExplainStep is one condition and what it said.
type ExplainStep struct {
	Rule string `json:"rule" example:"timeline"`
	Says string `json:"says"`
}

// ExplainTurns is one instant at which the answer becomes another.
type ExplainTurns struct {
	At       time.Time `json:"at"`
	Decision string    `json:"decision"`
}

// maxQuestions bounds one request for many explanations.
const maxQuestions = 1000

// QuestionList asks about many calls at once.
type QuestionList struct {
	Calls []Question `json:"calls" minItems:"1" maxItems:"1000" nullable:"false"`
}

// ExplanationList answers in the same order; a question that cannot be answered
// has a problem in the place of an explanation.
type ExplanationList struct {
	Calls []ExplanationOrProblem `json:"calls" nullable:"false"`
}

// ExplanationOrProblem is one of the two.
type ExplanationOrProblem struct {
	Explanation *Explanation `json:"explanation,omitempty"`
	Problem     *Problem     `json:"problem,omitempty"`
}

// questionIn is a Question in a query. There a plus may arrive as a blank.
type questionIn struct {
	Number string    `query:"number" required:"true" minLength:"1" maxLength:"64" doc:"The called number." example:"+12025550143"`
	At     time.Time `query:"at" doc:"The instant; left out, now."`
	Trunk  string    `query:"trunk" maxLength:"128" doc:"The trunk the call comes on."`
	Caller string    `query:"caller" maxLength:"64" doc:"The caller, for the loop guard."`
	Forced string    `query:"forced" enum:"legacy,speakops" doc:"A test override."`
	PSAP   bool      `query:"psap" doc:"An emergency call-back."`
}

// Query is a Question as it is asked.
func (q Question) Query() url.Values {
	v := url.Values{"number": {q.Number}}
	if !q.At.IsZero() {
		v.Set("at", q.At.Format(time.RFC3339Nano))
	}
	for name, value := range map[string]string{"trunk": q.Trunk, "caller": q.Caller, "forced": q.Forced} {
		if value != "" {
			v.Set(name, value)
		}
	}
	if q.PSAP {
		v.Set("psap", "true")
	}
	return v
}

// ExplainBy lets people ask where calls go, and why.
func ExplainBy(e Explainer) Resource {
	op := Op{ID: "explain", Method: http.MethodGet, Path: "/v1/explain", Tag: "explain", Errors: []int{http.StatusUnprocessableEntity},
		Summary: "Where would this call go, why, and what would change the answer?",
		Text:    "Asks the code that decides calls, with the table, configuration and clock it has now. Nothing is counted or charged."}
	return func(a *API) {
		handle(a, op, func(_ context.Context, in *questionIn) (Explanation, error) {
			plus := func(s string) string {
				if strings.HasPrefix(s, " ") {
					return "+" + s[1:]
				}
				return s
			}
			return e.Explain(Question{plus(in.Number), in.At, in.Trunk, plus(in.Caller), in.Forced, in.PSAP})
		})

		op.ID, op.Method, op.Reads, op.Role, op.MaxBody = "explain-many", http.MethodPost, true, Viewer, 512<<10
		op.Summary = "The same for up to a thousand calls"
		handle(a, op, func(ctx context.Context, in *struct{ Body QuestionList }) (ExplanationList, error) {
			out := ExplanationList{make([]ExplanationOrProblem, len(in.Body.Calls))}
			for i, q := range in.Body.Calls {
				if ctx.Err() != nil {
					return out, NewProblem(http.StatusServiceUnavailable, "too_slow", "this took too long; ask about fewer calls at once")
				}
				x, err := e.Explain(q)
				if err != nil {
					out.Calls[i].Problem = problemOf(err)
					continue
				}
				out.Calls[i].Explanation = &x
			}
			return out, nil
		})
	}
}
