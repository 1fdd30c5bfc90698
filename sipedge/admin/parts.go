package admin

import (
	"context"
	"log/slog"
	"net/http"
	"time"
)

// Parts is what the Server shows and moves. Only Health is needed; the paths of
// a part that is nil do not exist.
type Parts struct {
	Health   Health
	Status   StatusReader
	Gateways GatewayLister
	Trunks   TrunkLister
	Level    Level
	Reload   Reloader
	Metrics  http.Handler
	Routes   []Route // further paths; one that is already there takes its place

	Log      *slog.Logger
	Panicked func(where string) // counts a panic of a handler
}

// Health says whether this edge should get calls.
type Health interface{ Health() Report }

// Report is the state of readiness. Reasons make an edge not ready; what is in
// Degraded is worth knowing and stops no call.
type Report struct {
	Reasons  []Reason `json:"reasons,omitempty"`
	Degraded []Reason `json:"degraded,omitempty"`
}

// Reason is one stable word (table_not_loaded, listeners_down, draining,
// table_stale, ...) and a sentence for people.
type Reason struct {
	Because string `json:"because"`
	Detail  string `json:"detail,omitempty"`
}

// StatusReader gives the whole at a glance.
type StatusReader interface{ Status() Status }

// Status is one edge at one moment.
type Status struct {
	Edge      string     `json:"edge"`
	Version   string     `json:"version,omitempty"`
	Started   time.Time  `json:"started"`
	Config    string     `json:"config,omitempty"`        // digest or path of the configuration in force
	LoadedAt  *time.Time `json:"config_loaded,omitempty"` // when it took force
	Draining  bool       `json:"draining"`
	Listeners []Listener `json:"listeners"`

	InFlight int `json:"in_flight"` // INVITEs without a final answer
	Held     int `json:"held"`      // of these, waiting for the clock
	Dialogs  int `json:"dialogs"`

	Numbers       int     `json:"numbers"`
	TableAge      float64 `json:"table_age_seconds"`
	ClockError    float64 `json:"clock_error_seconds"`
	RecordsLost   uint64  `json:"records_lost"`
	RecordsFailed string  `json:"records_error,omitempty"` // why records are not written now
	Panics        uint64  `json:"panics"`
}

// Listener is one SIP socket.
type Listener struct {
	Name      string `json:"name"`
	Transport string `json:"transport"`
	Address   string `json:"address"`
	Advertise string `json:"advertise,omitempty"`
}

// GatewayLister gives every gateway of every route.
type GatewayLister interface{ Gateways() []Gateway }

// Gateway is one next hop and what is thought of its health.
type Gateway struct {
	Gateway   string     `json:"gateway"`
	Route     string     `json:"route"`
	URI       string     `json:"uri"`
	Addresses []string   `json:"addresses,omitempty"` // resolved
	State     string     `json:"state"`               // up, down, unknown
	Because   string     `json:"because,omitempty"`   // what made it so: probe, calls, ...
	Detail    string     `json:"detail,omitempty"`
	Since     *time.Time `json:"since,omitempty"`
	Priority  int        `json:"priority"`
	Weight    int        `json:"weight"`
}

// TrunkLister gives every trunk.
type TrunkLister interface{ Trunks() []Trunk }

// Trunk is one source of calls and how much of its limits is used.
type Trunk struct {
	Trunk      string   `json:"trunk"`
	Profile    string   `json:"profile"`
	Sources    []string `json:"sources,omitempty"`
	TLSSubject string   `json:"tls_subject,omitempty"`
	Up         int      `json:"up"`                   // calls that hold a place
	Concurrent int      `json:"concurrent,omitempty"` // of so many; 0 is no limit
	CPS        float64  `json:"cps,omitempty"`
	Burst      int      `json:"burst,omitempty"`
}

// Level is the level of the log; a *slog.LevelVar is one.
type Level interface {
	Level() slog.Level
	Set(slog.Level)
}

// Reloader reads the configuration anew and swaps it in whole. On an error the
// old one stays in force; errors joined with errors.Join are listed one by one.
type Reloader interface {
	Reload(ctx context.Context) error
}

// Route is one path and method. Methods other than GET need at least Operator
// and are logged with the name of the token.
type Route struct {
	Method string
	Path   string
	Role   Role
	// Handle answers a request; an error is written as JSON, an *Error with its
	// own code, any other as 500.
	Handle func(w http.ResponseWriter, r *http.Request) error
}
