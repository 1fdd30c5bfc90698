package admin

import (
	"encoding/json"
	"errors"
	"net/http"
)

// Error is an answer that is not the one asked for. Because is one stable word
// for programs, Message a sentence for people, Details one line per mistake.
type Error struct {
	Code    int      `json:"-"`
	Because string   `json:"because"`
	Message string   `json:"message"`
	Details []string `json:"details,omitempty"`
}

func (e *Error) Error() string { return e.Message }

// lines lists joined errors one by one.
func lines(err error) []string {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []string
		for _, e := range joined.Unwrap() {
			all = append(all, lines(e)...)
		}
		return all
	}
	return []string{err.Error()}
}

// writeError is the one shape of every error: {"error":{"because":...}}. After
// the beginning of another answer it writes nothing.
func writeError(w *begun, err error) *Error {
	var e *Error
	if !errors.As(err, &e) {
		e = &Error{Code: http.StatusInternalServerError, Because: "internal", Message: err.Error()}
	}
	if w.yes {
		return e
	}
	if e.Code == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="sipedge"`)
	}
	WriteJSON(w, e.Code, struct {
		Error *Error `json:"error"`
	}{e})
	return e
}

// WriteJSON writes v as the whole answer.
func WriteJSON(w http.ResponseWriter, code int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	w.Write(append(body, '\n')) // the peer is gone when this fails
	return nil
}
