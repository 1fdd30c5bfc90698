package admin

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"mime"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/speakops/sipedge/sipedge/observe"
)

// ServeHTTP finds the route, then who asks, then the answer.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	begun := &begun{ResponseWriter: w}
	defer s.survive(begun, r)
	if err := s.answer(begun, r); err != nil {
		e := writeError(begun, err)
		if e.Code == http.StatusUnauthorized || e.Code == http.StatusForbidden {
			s.refusals.Log(r.Context(), slog.LevelWarn, e.Because, "admin request refused",
				slog.String(observe.KeyPath, r.URL.Path), slog.String(observe.KeySource, r.RemoteAddr), slog.String(observe.KeyBecause, e.Because))
		}
	}
}

// begun remembers whether an answer is on its way: a second one behind it would
// garble both.
type begun struct {
	http.ResponseWriter
	yes bool
}

func (b *begun) WriteHeader(code int) {
	b.yes = true
	b.ResponseWriter.WriteHeader(code)
}

func (b *begun) Write(p []byte) (int, error) {
	b.yes = true
	return b.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController through.
func (b *begun) Unwrap() http.ResponseWriter { return b.ResponseWriter }

func (s *Server) answer(w http.ResponseWriter, r *http.Request) error {
	route, err := s.route(w, r)
	if err != nil {
		return err
	}
	actor, err := s.authorise(r, route.Role)
	if err != nil {
		return err
	}
	r = r.WithContext(context.WithValue(r.Context(), actorKey{}, actor))
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	err = route.Handle(w, r)
	if !reads(r.Method) {
		attrs := []slog.Attr{slog.String(observe.KeyActor, actor), slog.String(observe.KeyMethod, r.Method), slog.String(observe.KeyPath, r.URL.Path)}
		if err != nil {
			attrs = append(attrs, observe.Error(err))
		}
		s.log.LogAttrs(r.Context(), slog.LevelInfo, "admin request", attrs...)
	}
	return err
}

func (s *Server) route(w http.ResponseWriter, r *http.Request) (Route, error) {
	methods, ok := s.routes[r.URL.Path]
	if !ok {
		return Route{}, &Error{Code: http.StatusNotFound, Because: "no_such_path", Message: "there is nothing at this path"}
	}
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	if route, ok := methods[method]; ok {
		return route, nil
	}
	allowed := strings.Join(slices.Sorted(maps.Keys(methods)), ", ")
	w.Header().Set("Allow", allowed)
	return Route{}, &Error{Code: http.StatusMethodNotAllowed, Because: "wrong_method", Message: "this path takes " + allowed}
}

// survive turns a panic of a handler into a 500, or cuts an answer off that was
// already begun; the edge goes on.
func (s *Server) survive(w *begun, r *http.Request) {
	x := recover()
	if x == nil {
		return
	}
	if x == http.ErrAbortHandler {
		panic(x)
	}
	if s.parts.Panicked != nil {
		s.parts.Panicked("admin")
	}
	s.log.LogAttrs(r.Context(), slog.LevelError, "admin handler panicked",
		slog.String(observe.KeyPath, r.URL.Path), slog.Any(observe.KeyPanic, x), slog.String(observe.KeyStack, string(debug.Stack())))
	if w.yes {
		panic(http.ErrAbortHandler)
	}
	writeError(w, &Error{Code: http.StatusInternalServerError, Because: "internal", Message: "this request failed; the log says why"})
}

// ReadJSON reads a body of one JSON object, strictly.
func ReadJSON(r *http.Request, v any) error {
	bad := func(message string) error {
		return &Error{Code: http.StatusBadRequest, Because: "bad_body", Message: message}
	}
	if ct := r.Header.Get("Content-Type"); ct != "" {
		if kind, _, err := mime.ParseMediaType(ct); err != nil || kind != "application/json" {
			return &Error{Code: http.StatusUnsupportedMediaType, Because: "bad_body", Message: "the body must be application/json"}
		}
	}
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	err := d.Decode(v)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return &Error{Code: http.StatusRequestEntityTooLarge, Because: "bad_body", Message: "the body is too large"}
	case err != nil:
		return bad("the body is not the JSON expected: " + err.Error())
	}
	if _, err := d.Token(); err != io.EOF {
		return bad("there is something behind the JSON object")
	}
	return nil
}
