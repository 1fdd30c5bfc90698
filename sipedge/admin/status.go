package admin

import "time"

// StatusReader gives the whole at a glance.
type StatusReader interface{ Status() Status }

// Status is one edge at one moment.
type Status struct {
	Edge      string     `json:"edge" example:"edge-1"`
	Version   string     `json:"version,omitempty"`
	Started   time.Time  `json:"started"`
	Config    string     `json:"config,omitempty" doc:"Digest or path of the configuration in force."`
	LoadedAt  *time.Time `json:"config_loaded,omitempty" doc:"When it took force."`
	Draining  bool       `json:"draining"`
	Listeners []Listener `json:"listeners" nullable:"false"`

	InFlight int `json:"in_flight" doc:"INVITEs without a final answer."`
	Held     int `json:"held" doc:"Of these, waiting for the clock."`
	Dialogs  int `json:"dialogs"`

	Numbers       int     `json:"numbers"`
	TableAge      float64 `json:"table_age_seconds" doc:"Since the store last confirmed the table; a year stands for never."`
	ClockError    float64 `json:"clock_error_seconds" doc:"How wrong store time may be here, either way."`
	RecordsLost   uint64  `json:"records_lost"`
	RecordsFailed string  `json:"records_error,omitempty" doc:"Why records are not written now."`
	Panics        uint64  `json:"panics"`
}

// Listener is one SIP socket.
type Listener struct {
	Name      string `json:"name"`
	Transport string `json:"transport"`
	Address   string `json:"address"`
	Advertise string `json:"advertise,omitempty"`
}

// StatusOf shows one edge.
func StatusOf(r StatusReader) Resource {
	return func(a *API) {
		show(a, Op{ID: "get-status", Path: "/v1/status", Tag: "status", Summary: "This edge at a glance"}, func() Status {
			s := r.Status()
			s.Listeners = some(s.Listeners)
			return s
		})
	}
}

// some makes an empty list [] and not null.
func some[T any](items []T) []T {
	if items == nil {
		return []T{}
	}
	return items
}
