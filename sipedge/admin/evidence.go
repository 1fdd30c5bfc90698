package admin

import (
	"context"
	"net/http"
	"time"
)

// EvidenceDesk takes signs that a port has happened. Errors: *Problem.
type EvidenceDesk interface {
	Signal(ctx context.Context, by Person, cutover string, s Signal) (Evidence, error)
}

// Signal is one sign that a port has happened, or has not.
type Signal struct {
	Kind         string    `json:"kind" enum:"provider_webhook,routing_number,native_ingress"`
	PublicNumber string    `json:"public_number" minLength:"1" maxLength:"32" example:"+12025550143"`
	Originator   string    `json:"originator,omitempty" maxLength:"256" doc:"The network a call came from; wanted of all but provider_webhook."`
	LRN          string    `json:"lrn,omitempty" maxLength:"32" doc:"The rn of a call, in E.164; left out when it was dipped and not ported."`
	Forwarded    bool      `json:"forwarded,omitempty" doc:"The call went through somebody's forwarding."`
	OnNet        bool      `json:"on_net,omitempty" doc:"The call never left the gaining provider."`
	At           time.Time `json:"at,omitzero" doc:"When it was seen; left out, now."`
	Call         string    `json:"call,omitempty" maxLength:"256" doc:"Where to look it up."`
	Source       string    `json:"source,omitempty" maxLength:"128" doc:"Which provider says so."`
}

// Evidence is what a signal did.
type Evidence struct {
	Counts bool   `json:"counts" doc:"It was accepted."`
	Met    bool   `json:"met" doc:"The port is proven: an armed cutover flips as soon as every edge can know."`
	Why    string `json:"why"`
}

// EvidenceBy takes signals for cutovers that flip on evidence.
func EvidenceBy(d EvidenceDesk) Resource {
	return func(a *API) {
		handle(a, Op{ID: "signal-cutover", Method: http.MethodPost, Path: "/v1/cutovers/{cutover}/signals", Tag: "cutovers", Errors: []int{404, 409, 422, 503},
			Summary: "Tell a cutover that goes by evidence what was seen",
			Text:    "For a provider's webhook, which brings a token of its own with the role operator, and for whatever watches calls. What does not count is answered with why.",
			Within:  30 * time.Second},
			func(ctx context.Context, in *changing[Signal]) (Evidence, error) {
				return d.Signal(ctx, Asker(ctx), in.Cutover, in.Body)
			})
	}
}
