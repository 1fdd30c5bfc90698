package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// Problem is an answer that is not the one asked for (RFC 9457). Because is one
// stable word for programs, Detail a sentence that says what to do, Errors one
// entry per mistake.
type Problem struct {
	Type    string    `json:"type" format:"uri" doc:"Names the kind of problem; its end is because." example:"tag:speakops.com,2026:sipedge:wrong_role"`
	Title   string    `json:"title" doc:"The meaning of the status." example:"Forbidden"`
	Status  int       `json:"status" doc:"The HTTP status, again." example:"403"`
	Because string    `json:"because" doc:"One stable word that says why." example:"wrong_role"`
	Detail  string    `json:"detail" doc:"What went wrong here, and what to do."`
	Errors  []Mistake `json:"errors,omitempty" doc:"Every mistake found, one by one."`

	retry time.Duration
	cause error
}

// Mistake is one of several things wrong with a request or a configuration.
type Mistake struct {
	Location string `json:"location,omitempty" doc:"Where, such as body.level." example:"body.level"`
	Message  string `json:"message" doc:"What is wrong there."`
}

const problemType = "tag:speakops.com,2026:sipedge:" // RFC 4151

// NewProblem makes one; the detail says what to do.
func NewProblem(status int, because, format string, args ...any) *Problem {
	return &Problem{
		Type: problemType + because, Title: http.StatusText(status), Status: status, Because: because,
		Detail: fmt.Sprintf(format, args...),
	}
}

// Listing adds the mistakes of an error, one for each that errors.Join joined.
func (p *Problem) Listing(err error) *Problem {
	p.cause = err
	for _, line := range lines(err) {
		p.Errors = append(p.Errors, Mistake{Message: line})
	}
	return p
}

// RetryAfter says when to ask again, rounded up to whole seconds.
func (p *Problem) RetryAfter(d time.Duration) *Problem {
	p.retry = d
	return p
}

// Error implements error.
func (p *Problem) Error() string { return p.Detail }

// Unwrap is what the problem was made from.
func (p *Problem) Unwrap() error { return p.cause }

// GetStatus implements huma.StatusError.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType implements huma.ContentTypeFilter.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// GetHeaders implements huma.HeadersError.
func (p *Problem) GetHeaders() http.Header {
	h := http.Header{}
	if p.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="sipedge"`)
	}
	if p.retry > 0 {
		h.Set("Retry-After", strconv.Itoa(int((p.retry+time.Second-1)/time.Second)))
	}
	return h
}

// lines lists joined errors one by one.
func lines(err error) []string {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []string
		for _, e := range joined.Unwrap() {
			all = append(all, lines(e)...)
		}
		return all
	}
	return []string{err.Error()}
}

// problemOf is the Problem in an error; any other is the edge's own failure.
func problemOf(err error) *Problem {
	var p *Problem
	if errors.As(err, &p) {
		return p
	}
	p = NewProblem(http.StatusInternalServerError, "internal", "%s", err)
	p.cause = err
	return p
}

// words of what the library refuses by itself.
var refusals = map[int]string{
	http.StatusBadRequest: "bad_request", http.StatusNotAcceptable: "not_acceptable",
	http.StatusRequestEntityTooLarge: "body_too_large", http.StatusUnsupportedMediaType: "wrong_content_type",
	http.StatusUnprocessableEntity: "invalid", http.StatusRequestTimeout: "body_too_slow",
}

// What the library says is one word; this says what to do about it.
var advice = map[string]string{
	"validation failed": "the request is not as the OpenAPI document at /openapi.yaml has it; correct what errors lists and send it again",
}

func init() {
	huma.NewError = func(status int, msg string, errs ...error) huma.StatusError {
		p := NewProblem(status, orDefault(refusals[status], "internal"), "%s", orDefault(advice[msg], msg))
		for _, err := range errs {
			if err == nil {
				continue
			}
			m := Mistake{Message: err.Error()}
			if d, ok := err.(huma.ErrorDetailer); ok {
				m = Mistake{d.ErrorDetail().Location, d.ErrorDetail().Message} // never the value: it may be a secret
			}
			p.Errors = append(p.Errors, m)
		}
		return p
	}
}

// writeProblem answers with what err is. After the beginning of another answer
// it writes nothing.
func writeProblem(w *begun, err error) *Problem {
	p := problemOf(err)
	if w.code != 0 {
		return p
	}
	for name, values := range p.GetHeaders() {
		w.Header()[name] = values
	}
	writeBody(w, p.Status, "application/problem+json", p)
	return p
}

// WriteJSON writes v as the whole answer of a Route.
func WriteJSON(w http.ResponseWriter, code int, v any) error {
	return writeBody(w, code, "application/json", v)
}

func writeBody(w http.ResponseWriter, code int, kind string, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(code)
	w.Write(append(body, '\n')) // the peer is gone when this fails
	return nil
}
