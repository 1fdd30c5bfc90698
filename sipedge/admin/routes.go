package admin

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/speakops/sipedge/sipedge/observe"
)

// reloadTimeout bounds a reload asked for over HTTP; it stays below writeTimeout.
const reloadTimeout = 20 * time.Second

func (s *Server) addRoutes() {
	s.routes = make(map[string]map[string]Route)
	s.add(http.MethodGet, "/healthz", Anyone, healthz)
	s.add(http.MethodGet, "/readyz", Anyone, s.readyz)
	p := &s.parts
	if p.Metrics != nil {
		s.add(http.MethodGet, "/metrics", Viewer, func(w http.ResponseWriter, r *http.Request) error {
			p.Metrics.ServeHTTP(w, r)
			return nil
		})
	}
	if p.Status != nil {
		s.show("/v1/status", func() any { return p.Status.Status() })
	}
	if p.Gateways != nil {
		s.show("/v1/gateways", func() any { return list("gateways", p.Gateways.Gateways()) })
	}
	if p.Trunks != nil {
		s.show("/v1/trunks", func() any { return list("trunks", p.Trunks.Trunks()) })
	}
	if p.Level != nil {
		s.show("/v1/log-level", func() any { return levelBody{strings.ToLower(p.Level.Level().String())} })
		s.add(http.MethodPut, "/v1/log-level", Operator, s.setLevel)
	}
	if p.Reload != nil {
		s.add(http.MethodPost, "/v1/reload", Operator, s.reload)
	}
	for _, r := range p.Routes {
		s.add(r.Method, r.Path, r.Role, r.Handle)
	}
}

// add makes a route. A change never comes cheaper than Operator, whatever a
// part asks for.
func (s *Server) add(method, path string, role Role, handle func(http.ResponseWriter, *http.Request) error) {
	if !reads(method) {
		role = max(role, Operator)
	}
	if s.routes[path] == nil {
		s.routes[path] = make(map[string]Route)
	}
	s.routes[path][method] = Route{method, path, role, handle}
}

func (s *Server) show(path string, what func() any) {
	s.add(http.MethodGet, path, Viewer, func(w http.ResponseWriter, _ *http.Request) error {
		return WriteJSON(w, http.StatusOK, what())
	})
}

// list wraps a list in an object, so that it can grow a second field; an empty
// one is [], not null.
func list[T any](name string, items []T) map[string][]T {
	if items == nil {
		items = []T{}
	}
	return map[string][]T{name: items}
}

// healthz says that the process is alive and nothing more: a supervisor that
// restarted it for a lack of Redis would only drop its calls.
func healthz(w http.ResponseWriter, _ *http.Request) error {
	return WriteJSON(w, http.StatusOK, map[string]bool{"alive": true})
}

// readyz gives its reasons to everybody as words; the sentences, which may name
// hosts, only to those who may look.
func (s *Server) readyz(w http.ResponseWriter, r *http.Request) error {
	report := s.parts.Health.Health()
	if _, err := s.authorise(r, Viewer); err != nil {
		report.Reasons, report.Degraded = words(report.Reasons), words(report.Degraded)
	}
	code := http.StatusOK
	if len(report.Reasons) > 0 {
		code = http.StatusServiceUnavailable
	}
	return WriteJSON(w, code, struct {
		Ready bool `json:"ready"`
		Report
	}{len(report.Reasons) == 0, report})
}

func words(reasons []Reason) []Reason {
	out := make([]Reason, len(reasons))
	for i, r := range reasons {
		out[i].Because = r.Because
	}
	return out
}

type levelBody struct {
	Level string `json:"level"`
}

func (s *Server) setLevel(w http.ResponseWriter, r *http.Request) error {
	var body levelBody
	if err := ReadJSON(r, &body); err != nil {
		return err
	}
	level, err := observe.ParseLevel(body.Level)
	if err != nil || body.Level == "" {
		return &Error{Code: http.StatusBadRequest, Because: "bad_level", Message: "level must be debug, info, warn or error"}
	}
	s.parts.Level.Set(level)
	return WriteJSON(w, http.StatusOK, levelBody{strings.ToLower(level.String())})
}

// reload runs one reload at a time. It outlives a client that hangs up: half a
// reload is none.
func (s *Server) reload(w http.ResponseWriter, r *http.Request) error {
	if !s.reloading.TryLock() {
		return &Error{Code: http.StatusConflict, Because: "reload_in_progress", Message: "another reload is in progress; ask again"}
	}
	defer s.reloading.Unlock()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), reloadTimeout)
	defer cancel()
	if err := s.parts.Reload.Reload(ctx); err != nil {
		return &Error{
			Code: http.StatusUnprocessableEntity, Because: "config_refused",
			Message: "the configuration was not loaded; the old one stays in force", Details: lines(err),
		}
	}
	return WriteJSON(w, http.StatusOK, map[string]bool{"reloaded": true})
}
