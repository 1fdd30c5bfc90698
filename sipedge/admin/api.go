package admin

import (
	"context"
	"net/http"
	"reflect"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// Resource puts the operations of one thing on an API.
type Resource func(*API)

// API is where resources register; it becomes the OpenAPI document.
type API struct {
	huma   huma.API
	server *Server
}

// Op is one operation. What is left out: a GET is for a Viewer, anything else for
// an Operator, with a body of at most 64 KiB, and is done within 20 s.
type Op struct {
	ID      string // operationId, verb and noun: list-gateways
	Method  string
	Path    string // with {parameters}
	Tag     string // the resource
	Summary string // one line
	Text    string // more, if there is more to say
	Role    Role
	Anyone  bool  // health only: no token
	Reads   bool  // a POST that changes nothing, and so is no change in the log
	Errors  []int // statuses of its own, beside those every operation has
	MaxBody int64 // bytes
	Within  time.Duration
	Code    int // of success; 200
}

// rule is what the Server keeps watch over before an operation begins.
type rule struct {
	role    Role
	reads   bool
	stream  bool // has no end; no time is set for its answer
	maxBody int64
	within  time.Duration
}

const (
	ruleKey       = "rule"
	defaultWithin = 20 * time.Second
)

// answerOf wraps a body the way the library wants it.
type answerOf[T any] struct{ Body T }

// handle registers an operation: In has the fields of the request as huma reads
// them, Out is the JSON body of the answer. An error that is no Problem is 500.
func handle[In, Out any](a *API, op Op, fn func(context.Context, *In) (Out, error)) {
	huma.Register(a.huma, a.operation(op), func(ctx context.Context, in *In) (*answerOf[Out], error) {
		out, err := fn(ctx, in)
		if err != nil {
			return nil, problemOf(err)
		}
		return &answerOf[Out]{out}, nil
	})
}

// show registers a GET that needs nothing but the path.
func show[Out any](a *API, op Op, fn func() Out) {
	op.Method = http.MethodGet
	handle(a, op, func(context.Context, *struct{}) (Out, error) { return fn(), nil })
}

func (a *API) operation(op Op) huma.Operation {
	r := rule{role: op.Role, reads: op.Reads || reads(op.Method), maxBody: op.MaxBody, within: op.Within}
	codes := append([]int{http.StatusTooManyRequests, http.StatusInternalServerError}, op.Errors...)
	o := huma.Operation{
		OperationID: op.ID, Method: op.Method, Path: op.Path, Tags: []string{op.Tag}, Summary: op.Summary, Description: op.Text,
		DefaultStatus: orDefault(op.Code, http.StatusOK), RejectUnknownQueryParameters: true,
		MaxBodyBytes: orDefault(op.MaxBody, maxBody), BodyReadTimeout: -1, // the server has read it before
	}
	if !op.Anyone {
		r.role = max(r.role, Viewer)
		if !r.reads {
			r.role = max(r.role, Operator)
			o.Parameters = append(o.Parameters, idempotencyParameter)
			codes = append(codes, http.StatusConflict)
		}
		o.Security = []map[string][]string{{"token": {r.role.String()}}}
		codes = append(codes, http.StatusUnauthorized, http.StatusForbidden)
	}
	slices.Sort(codes)
	o.Errors = slices.Compact(codes)
	o.Metadata = map[string]any{ruleKey: r}
	return o
}

func newAPI(s *Server, version string) *API {
	a := &API{server: s}
	a.huma = huma.NewAPI(huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{Title: "sipedge admin API", Version: version,
				Description: "What one edge shows, and what may be changed on it. Every error is application/problem+json (RFC 9457); " +
					"because is one stable word, detail says what to do."},
			Components: &huma.Components{
				Schemas: huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer),
				SecuritySchemes: map[string]*huma.SecurityScheme{"token": {Type: "http", Scheme: "bearer",
					Description: "A token of admin.tokens, made by `sipedge token`. Roles: viewer looks, operator changes, approver approves too. " +
						"While no token is configured, this machine may look without one."}},
			},
		},
		OpenAPIPath:   "/openapi",
		Formats:       huma.DefaultFormats,
		DefaultFormat: "application/json",
	}, adapter{s})
	return a
}

// adapter puts the library's operations behind the server's own watch.
type adapter struct{ *Server }

// Handle implements huma.Adapter. What brings no rule, such as the document
// itself, is for viewers.
func (a adapter) Handle(op *huma.Operation, handler func(huma.Context)) {
	r, ok := op.Metadata[ruleKey].(rule)
	if !ok {
		r = rule{role: Viewer, reads: true}
	}
	a.add(op.Method, op.Path, r, func(w http.ResponseWriter, r *http.Request) error {
		handler(humago.NewContext(op, r, w))
		return nil
	})
}

func typeOf[T any]() reflect.Type { return reflect.TypeFor[T]() }
