package admin

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// Health says whether this edge should get calls.
type Health interface{ Health() Report }

// Report is the state of readiness. Reasons make an edge not ready; what is in
// Degraded is worth knowing and stops no call.
type Report struct {
	Reasons  []Reason `json:"reasons,omitempty" doc:"Why it should get no calls now."`
	Degraded []Reason `json:"degraded,omitempty" doc:"What is not as it should be, and stops no call."`
}

// Reason is one stable word (table_not_loaded, listeners_down, draining,
// table_stale, ...) and a sentence for people.
type Reason struct {
	Because string `json:"because" example:"table_age"`
	Detail  string `json:"detail,omitempty" doc:"Only for those who may look: it may name hosts."`
}

// Alive is the answer of /healthz.
type Alive struct {
	Alive bool `json:"alive"`
}

// Readiness is the answer of /readyz, with 503 when ready is false.
type Readiness struct {
	Ready bool `json:"ready"`
	Report
}

func healthOf(h Health) Resource {
	return func(a *API) {
		// A supervisor that restarted the process for a lack of Redis would only drop
		// its calls, so this says that it lives and nothing more.
		show(a, Op{ID: "get-healthz", Path: "/healthz", Tag: "health", Anyone: true, Summary: "Does the process live?"},
			func() Alive { return Alive{true} })

		op := a.operation(Op{ID: "get-readyz", Method: http.MethodGet, Path: "/readyz", Tag: "health", Anyone: true,
			Summary: "Should this edge get calls? 503 and the reasons when not"})
		op.Responses = map[string]*huma.Response{"503": {Description: "Not ready", Content: map[string]*huma.MediaType{
			"application/json": {Schema: &huma.Schema{Ref: "#/components/schemas/Readiness"}}}}}
		huma.Register(a.huma, op, func(ctx context.Context, in *whoAsks) (*readyAnswer, error) {
			report := h.Health()
			if _, err := a.server.authorise(in.request, Viewer); err != nil {
				report.Reasons, report.Degraded = words(report.Reasons), words(report.Degraded)
			}
			out := &readyAnswer{http.StatusOK, Readiness{len(report.Reasons) == 0, report}}
			if !out.Body.Ready {
				out.Status = http.StatusServiceUnavailable
			}
			return out, nil
		})
	}
}

type readyAnswer struct {
	Status int
	Body   Readiness
}

// whoAsks lets an operation for anyone say more to those with a token.
type whoAsks struct{ request *http.Request }

// Resolve implements huma.Resolver.
func (w *whoAsks) Resolve(ctx huma.Context) []error {
	w.request, _ = humago.Unwrap(ctx)
	return nil
}

func words(reasons []Reason) []Reason {
	out := make([]Reason, len(reasons))
	for i, r := range reasons {
		out[i].Because = r.Because
	}
	return out
}
