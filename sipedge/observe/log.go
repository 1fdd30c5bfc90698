package observe

import (
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"unicode/utf8"
)

// LogOptions of a logger.
type LogOptions struct {
	Format      string       // json (default) or text
	Level       slog.Leveler // nil is info; a *slog.LevelVar can be moved while the edge runs
	MaskNumbers bool         // values of public_number, caller and dialled are masked
	Edge        string       // id of this edge, on every line; "" leaves it out
}

// NewLogger makes the one logger of an edge. What goes into a line may come
// from the wire: control bytes and everything else that is not plain text are
// escaped, so a line is one line and a terminal shows what it says.
func NewLogger(w io.Writer, o LogOptions) (*slog.Logger, error) {
	h := &slog.HandlerOptions{Level: o.Level, ReplaceAttr: clean}
	if o.MaskNumbers {
		h.ReplaceAttr = cleanAndMask
	}
	var handler slog.Handler
	switch o.Format {
	case "", "json":
		out := &whole{w: w}
		handler = &quick{Handler: slog.NewJSONHandler(out, h), out: out, mask: o.MaskNumbers}
	case "text":
		handler = slog.NewTextHandler(w, h)
	default:
		return nil, fmt.Errorf("observe: log format %q is neither json nor text", o.Format)
	}
	log := slog.New(handler)
	if o.Edge != "" {
		log = log.With(KeyEdge, o.Edge)
	}
	return log, nil
}

// ParseLevel reads debug, info, warn or error.
func ParseLevel(s string) (slog.Level, error) {
	switch strings.ToLower(s) {
	case "debug":
		return slog.LevelDebug, nil
	case "info", "":
		return slog.LevelInfo, nil
	case "warn", "warning":
		return slog.LevelWarn, nil
	case "error":
		return slog.LevelError, nil
	}
	return 0, fmt.Errorf("observe: log level %q is none of debug, info, warn, error", s)
}

// Bytes is an attribute of text that lies in a buffer of the wire; it is copied.
func Bytes(key string, b []byte) slog.Attr { return slog.String(key, string(b)) }

// Error is the attribute every error goes under.
func Error(err error) slog.Attr { return slog.Any(KeyError, err) }

func clean(_ []string, a slog.Attr) slog.Attr {
	switch v := a.Value.Resolve(); v.Kind() {
	case slog.KindString:
		a.Value = slog.StringValue(printable(v.String()))
	case slog.KindDuration:
		a.Value = slog.StringValue(v.Duration().String()) // 30s, not 30000000000
	case slog.KindAny:
		switch x := v.Any().(type) {
		case error:
			a.Value = slog.StringValue(printable(x.Error()))
		case fmt.Stringer:
			a.Value = slog.StringValue(printable(x.String()))
		case []byte:
			a.Value = slog.StringValue(printable(string(x)))
		}
	}
	return a
}

func cleanAndMask(groups []string, a slog.Attr) slog.Attr {
	a = clean(groups, a)
	if maskedKeys[a.Key] && a.Value.Kind() != slog.KindGroup {
		a.Value = slog.StringValue(maskText(a.Value.String()))
	}
	return a
}

// printable returns s with everything escaped that a reader cannot see or a
// terminal would obey; nearly always that is s itself.
func printable(s string) string {
	for i := range len(s) {
		if s[i] < ' ' || s[i] >= 0x7f {
			return escaped(s)
		}
	}
	return s
}

func escaped(s string) string {
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], "\uFFFD"):
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case r == '\n' || r == '\t' || strconv.IsPrint(r):
			// Both handlers escape these two themselves; stacks need them.
			b.WriteRune(r)
		default:
			q := strconv.QuoteRuneToASCII(r)
			b.WriteString(q[1 : len(q)-1])
		}
	}
	return b.String()
}
