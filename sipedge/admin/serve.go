package admin

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"path"
	"runtime/debug"
	"strings"
	"time"

	"github.com/speakops/sipedge/sipedge/observe"
)

// Route is a path that is no part of the API, such as /metrics. Methods other
// than GET need at least Operator and are logged with the name of the token.
type Route struct {
	Method string
	Path   string // as http.ServeMux has it
	Role   Role
	Within time.Duration // for the answer; 20 s
	// Handle answers a request; an error is written as a Problem, any that is
	// none as 500.
	Handle func(w http.ResponseWriter, r *http.Request) error
}

// add makes a path. A change never comes cheaper than Operator, whatever a part
// asks for.
func (s *Server) add(method, path string, r rule, handle func(http.ResponseWriter, *http.Request) error) {
	if r.reads = r.reads || reads(method); !r.reads {
		r.role = max(r.role, Operator)
	}
	r.maxBody, r.within = orDefault(r.maxBody, maxBody), orDefault(r.within, defaultWithin)
	s.mux.HandleFunc(method+" "+path, func(w http.ResponseWriter, req *http.Request) {
		if err := s.guard(r, handle, w.(*begun), req); err != nil {
			s.refuse(w.(*begun), req, err)
		}
	})
}

// ServeHTTP finds the path, then who asks, then the answer.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	b := &begun{ResponseWriter: w}
	defer s.survive(b, r)
	if err := s.find(b, r); err != nil {
		s.refuse(b, r, err)
		return
	}
	s.mux.ServeHTTP(b, r)
}

// find says what is wrong with a path or method before the mux does, in its own
// words and without its redirects.
func (s *Server) find(w *begun, r *http.Request) error {
	none := NewProblem(http.StatusNotFound, "no_such_path", "there is nothing at this path; /openapi.yaml lists what there is")
	if path.Clean(r.URL.Path) != strings.TrimSuffix(r.URL.Path, "/") {
		return none
	}
	handler, pattern := s.mux.Handler(r)
	if pattern != "" {
		return nil
	}
	told := told{}
	handler.ServeHTTP(told, r)
	if allowed := http.Header(told).Get("Allow"); allowed != "" {
		w.Header().Set("Allow", allowed)
		return NewProblem(http.StatusMethodNotAllowed, "wrong_method", "this path takes %s", allowed)
	}
	return none
}

// told is an answer of which only the headers are wanted.
type told http.Header

func (t told) Header() http.Header         { return http.Header(t) }
func (t told) Write(p []byte) (int, error) { return len(p), nil }
func (t told) WriteHeader(int)             {}

// begun remembers whether an answer is on its way: a second one behind it would
// garble both.
type begun struct {
	http.ResponseWriter
	code int // 0: not begun
}

// WriteHeader implements http.ResponseWriter.
func (b *begun) WriteHeader(code int) {
	b.code = code
	b.ResponseWriter.WriteHeader(code)
}

// Write implements http.ResponseWriter.
func (b *begun) Write(p []byte) (int, error) {
	b.code = orDefault(b.code, http.StatusOK)
	return b.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController through.
func (b *begun) Unwrap() http.ResponseWriter { return b.ResponseWriter }

// guard asks who is there and whether he may, reads the body, and lets the
// operation answer in its time.
func (s *Server) guard(rule rule, handle func(http.ResponseWriter, *http.Request) error, w *begun, r *http.Request) error {
	by, err := s.admit(r, rule.role)
	if err != nil {
		return err
	}
	if r, err = s.whole(rule, w, r); err != nil {
		return err
	}
	ctx := context.WithValue(context.WithValue(r.Context(), actorKey{}, by.Name), roleKey{}, by.Role)
	if !rule.stream {
		var done context.CancelFunc
		ctx, done = context.WithTimeout(ctx, rule.within)
		defer done()
	}
	r = r.WithContext(ctx)
	if rule.reads {
		return handle(w, r)
	}
	err = s.once(by.Name, handle, w, r)
	s.logChange(w, r, by.Name, err)
	return err
}

// whole reads the body up to its bound and gives the operation its time: the
// deadlines of the connection are for what the client does, not for us.
func (s *Server) whole(rule rule, w *begun, r *http.Request) (*http.Request, error) {
	if r.Body != nil && r.Body != http.NoBody {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, rule.maxBody))
		var large *http.MaxBytesError
		switch {
		case errors.As(err, &large):
			return r, NewProblem(http.StatusRequestEntityTooLarge, "body_too_large", "the body is larger than %d bytes; send less at once", rule.maxBody)
		case err != nil:
			return r, NewProblem(http.StatusBadRequest, "bad_request", "the body did not arrive whole; send it again")
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		r = r.WithContext(context.WithValue(r.Context(), bodyKey{}, body))
	}
	c := http.NewResponseController(w)
	_ = c.SetReadDeadline(time.Time{}) // a recorder of a test has none
	if !rule.stream {
		_ = c.SetWriteDeadline(time.Now().Add(rule.within + writeTimeout - defaultWithin))
	}
	return r, nil
}

type bodyKey struct{}

func (s *Server) logChange(w *begun, r *http.Request, actor string, err error) {
	attrs := append([]slog.Attr{slog.String(observe.KeyActor, actor), slog.String(observe.KeyMethod, r.Method)}, place(r)...)
	if err != nil {
		attrs = append(attrs, observe.Error(err))
	} else {
		attrs = append(attrs, slog.Int(observe.KeyCode, w.code))
	}
	s.log.LogAttrs(r.Context(), slog.LevelInfo, "admin request", attrs...)
}

// refuse answers with a problem; who was not let in is in the log.
func (s *Server) refuse(w *begun, r *http.Request, err error) {
	p := writeProblem(w, err)
	if p.Status == http.StatusUnauthorized || p.Status == http.StatusForbidden || p.Status == http.StatusTooManyRequests {
		s.refusals.Log(r.Context(), slog.LevelWarn, p.Because, "admin request refused",
			append(place(r), slog.String(observe.KeySource, r.RemoteAddr), slog.String(observe.KeyBecause, p.Because))...)
	}
}

// place is where a request went. A number in a path is a number of its own in
// the log, which may have to mask it.
func place(r *http.Request) []slog.Attr {
	_, pattern, _ := strings.Cut(r.Pattern, " ")
	attrs := []slog.Attr{slog.String(observe.KeyPath, orDefault(pattern, r.URL.Path))}
	if n := r.PathValue("number"); n != "" {
		attrs = append(attrs, slog.String(observe.KeyPublicNumber, n))
	}
	return attrs
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
		slog.String(observe.KeyPath, orDefault(r.Pattern, r.URL.Path)), slog.Any(observe.KeyPanic, x), slog.String(observe.KeyStack, string(debug.Stack())))
	if w.code != 0 {
		panic(http.ErrAbortHandler)
	}
	writeProblem(w, NewProblem(http.StatusInternalServerError, "internal", "this request failed inside the edge; its log says why"))
}
