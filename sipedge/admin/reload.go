package admin

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// Reloader reads the configuration anew and swaps it in whole. On an error the
// old one stays in force; errors joined with errors.Join are listed one by one.
type Reloader interface {
	Reload(ctx context.Context) error
}

// Reloaded is the answer to a reload that took force.
type Reloaded struct {
	Reloaded bool `json:"reloaded"`
}

// ReloadBy lets the configuration be read again.
func ReloadBy(r Reloader) Resource {
	var one sync.Mutex
	return func(a *API) {
		handle(a, Op{ID: "reload", Method: http.MethodPost, Path: "/v1/reload", Tag: "config",
			Summary: "Read the configuration again, and put it into force as a whole or not at all",
			Errors:  []int{http.StatusConflict, http.StatusUnprocessableEntity},
		}, func(ctx context.Context, _ *struct{}) (Reloaded, error) {
			if !one.TryLock() {
				return Reloaded{}, NewProblem(http.StatusConflict, "reload_in_progress", "another reload is in progress; ask again").RetryAfter(time.Second)
			}
			defer one.Unlock()
			// It outlives a client that hangs up: half a reload is none.
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), defaultWithin)
			defer cancel()
			if err := r.Reload(ctx); err != nil {
				return Reloaded{}, NewProblem(http.StatusUnprocessableEntity, "config_refused",
					"the configuration was not loaded and the old one stays in force; correct what errors lists, see `sipedge check`").Listing(err)
			}
			return Reloaded{true}, nil
		})
	}
}
