package admin

import (
	"context"
	"log/slog"
	"net/http"
	"strings"

	"github.com/speakops/sipedge/sipedge/observe"
)

// Level is the level of the log; a *slog.LevelVar is one.
type Level interface {
	Level() slog.Level
	Set(slog.Level)
}

// LogLevel is what the log tells from.
type LogLevel struct {
	Level string `json:"level" enum:"debug,info,warn,error" doc:"What is less than this is left out." example:"info"`
}

// LevelOf shows and sets the level of the log.
func LevelOf(l Level) Resource {
	op := Op{Path: "/v1/log-level", Tag: "log", Summary: "The level of the log"}
	now := func() LogLevel { return LogLevel{strings.ToLower(l.Level().String())} }
	return func(a *API) {
		op.ID = "get-log-level"
		show(a, op, now)

		op.ID, op.Method, op.Summary = "set-log-level", http.MethodPut, "Set the level of the log, until it is set again or the edge restarts"
		handle(a, op, func(_ context.Context, in *struct{ Body LogLevel }) (LogLevel, error) {
			level, err := observe.ParseLevel(in.Body.Level)
			if err != nil {
				return LogLevel{}, NewProblem(http.StatusUnprocessableEntity, "invalid", "level must be debug, info, warn or error")
			}
			l.Set(level)
			return now(), nil
		})
	}
}
