package admin

import (
	"context"
	"net/http"
	"time"
)

// Fleet is the edges that share a store, and the store's chain of revisions.
// Errors of its methods: *Problem.
type Fleet interface {
	Edges(context.Context) ([]FleetEdge, error)
	Chain(context.Context) (Chain, error)
	// DeclareOff is a person's word that an edge is really stopped, or that its
	// address has been withdrawn. It is never taken back.
	DeclareOff(ctx context.Context, by Person, edge string, d DeclaringOff) error
	// InitChain is a person's word that the store has all there ever was.
	InitChain(ctx context.Context, by Person, reason string) (Chain, error)
}

// FleetEdge is one edge by its last heartbeat.
type FleetEdge struct {
	Edge       string     `json:"edge" doc:"Identity: edge.id and a nonce." example:"edge-1~7k2m"`
	Self       bool       `json:"self,omitempty" doc:"The one that answers."`
	Member     bool       `json:"member" doc:"Of the committed revision."`
	Off        bool       `json:"off,omitempty" doc:"Declared off."`
	Ready      bool       `json:"ready"`
	Because    string     `json:"because,omitempty" doc:"Why it is not."`
	Heartbeat  *time.Time `json:"heartbeat,omitempty"`
	ClockError float64    `json:"clock_error_seconds"`
	TableAge   float64    `json:"table_age_seconds"`
	Committed  uint64     `json:"committed" doc:"Number of the revision it goes by."`
	Prepared   uint64     `json:"prepared,omitempty" doc:"Number of one whose outcome it does not know."`
	Acked      *bool      `json:"acknowledged,omitempty" doc:"The pending revision."`
	Dialogs    int        `json:"dialogs"`
	Held       int        `json:"held"`
	Legacy     float64    `json:"legacy_per_second" doc:"Calls carried to that side, lately."`
	SpeakOps   float64    `json:"speakops_per_second"`
	Refused    float64    `json:"refused_per_second"`
}

// Chain is where the store's chain of revisions stands.
type Chain struct {
	Recovered  bool         `json:"recovered" doc:"Without it nothing is decided."`
	Empty      bool         `json:"empty,omitempty" doc:"No chain has begun: cutoverctl store init."`
	Generation string       `json:"generation,omitempty"`
	Now        time.Time    `json:"now" doc:"Store time."`
	Committed  *RevisionRef `json:"committed,omitempty"`
	Pending    *Pending     `json:"pending,omitempty"`
	Replicas   int          `json:"replicas"`
	Blocked    []string     `json:"blocked,omitempty" doc:"What a recovery waits for, and what to do."`
}

// FleetList is every edge that has shown itself.
type FleetList struct {
	Edges []FleetEdge `json:"edges" nullable:"false"`
}

// DeclaringOff is a person's word about an edge.
type DeclaringOff struct {
	Reason  string    `json:"reason" minLength:"1" maxLength:"256"`
	Stopped time.Time `json:"stopped,omitzero" doc:"It takes no calls since then; left out when nobody knows."`
	Confirm string    `json:"confirm" doc:"The edge's name again: a running edge that is declared off carries calls to the wrong side."`
}

// Starting is a person's word about a store.
type Starting struct {
	Reason  string `json:"reason" minLength:"1" maxLength:"256"`
	Confirm bool   `json:"confirm" doc:"True: there is no chain anywhere that this store should have."`
}

// DeclaredOff says that the word was taken.
type DeclaredOff struct {
	Edge string `json:"edge"`
	Off  bool   `json:"off"`
}

type declareOffIn struct {
	EdgePath
	Body DeclaringOff
}

// EdgePath is the edge that a path names.
type EdgePath struct {
	Edge string `path:"edge" minLength:"1" maxLength:"128" example:"edge-2~9x4c"`
}

// FleetOf shows the fleet.
func FleetOf(f Fleet) Resource {
	return func(a *API) {
		handle(a, Op{ID: "list-edges", Method: http.MethodGet, Path: "/v1/edges", Tag: "fleet", Errors: []int{503}, Summary: "Every edge of the fleet, by its last heartbeat"},
			func(ctx context.Context, _ *struct{}) (FleetList, error) {
				all, err := f.Edges(ctx)
				return FleetList{some(all)}, err
			})
		handle(a, Op{ID: "get-chain", Method: http.MethodGet, Path: "/v1/chain", Tag: "fleet", Errors: []int{503}, Summary: "Where the chain of revisions stands"},
			func(ctx context.Context, _ *struct{}) (Chain, error) { return f.Chain(ctx) })
		handle(a, Op{ID: "declare-off", Method: http.MethodPost, Path: "/v1/edges/{edge}/declare-off", Tag: "fleet", Errors: []int{404, 409, 422, 503},
			Summary: "Declare that an edge is stopped for good",
			Text:    "A missing edge blocks arming, cancelling and rolling back, because it might still carry calls. This says that it does not. It is never taken back; the edge comes back as another."},
			func(ctx context.Context, in *declareOffIn) (DeclaredOff, error) {
				if in.Body.Confirm != in.Edge {
					return DeclaredOff{}, NewProblem(http.StatusUnprocessableEntity, "not_confirmed", "confirm: write %.80q once more, if that edge is really stopped", in.Edge)
				}
				err := f.DeclareOff(ctx, Asker(ctx), in.Edge, in.Body)
				return DeclaredOff{in.Edge, err == nil}, err
			})
		handle(a, Op{ID: "init-chain", Method: http.MethodPost, Path: "/v1/chain/init", Tag: "fleet", Errors: []int{409, 422, 503},
			Summary: "Begin a chain on a store that never had one"},
			func(ctx context.Context, in *struct{ Body Starting }) (Chain, error) {
				if !in.Body.Confirm {
					return Chain{}, NewProblem(http.StatusUnprocessableEntity, "not_confirmed", "confirm must be true: a second chain beside a lost one lets edges disagree")
				}
				return f.InitChain(ctx, Asker(ctx), in.Body.Reason)
			})
	}
}
