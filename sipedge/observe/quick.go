package observe

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"sync"
	"time"
)

// quick writes lines of plain words and numbers, as those of calls are, the way
// slog's JSON handler does, for a part of what that costs. Everything else it leaves
// to that handler.
type quick struct {
	slog.Handler
	out  io.Writer // the handler's too
	mask bool
	with []byte // the logger's own attributes, each behind a comma
	deep bool   // there is a group, or an attribute that is not plain: nothing is quick
}

// whole lets one line through at a time.
type whole struct {
	mu sync.Mutex
	w  io.Writer
}

// Write implements io.Writer.
func (w *whole) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.w.Write(line)
}

var lines = sync.Pool{New: func() any { return new([]byte) }}

// maxLine is the longest buffer that is kept for further lines.
const maxLine = 4 << 10

// Handle implements slog.Handler.
func (q *quick) Handle(ctx context.Context, r slog.Record) error {
	if q.deep || r.Time.IsZero() || !plain(r.Message) {
		return q.Handler.Handle(ctx, r)
	}
	buffer := lines.Get().(*[]byte)
	b, ok := append((*buffer)[:0], `{"time":"`...), true
	b = r.Time.AppendFormat(b, time.RFC3339Nano)
	b = append(append(append(b, `","level":"`...), r.Level.String()...), `","msg":"`...)
	b = append(append(append(b, r.Message...), '"'), q.with...)
	r.Attrs(func(a slog.Attr) bool {
		b, ok = q.append(b, a)
		return ok
	})
	b = append(b, "}\n"...)
	var err error
	if ok {
		_, err = q.out.Write(b)
	} else {
		err = q.Handler.Handle(ctx, r)
	}
	if cap(b) <= maxLine {
		*buffer = b
		lines.Put(buffer)
	}
	return err
}

// append appends an attribute, or says that it is not plain.
func (q *quick) append(b []byte, a slog.Attr) ([]byte, bool) {
	if a.Key == "" || !plain(a.Key) {
		return b, false
	}
	b = append(append(append(b, `,"`...), a.Key...), `":`...)
	var text string
	switch v := a.Value; v.Kind() {
	case slog.KindInt64:
		text = strconv.FormatInt(v.Int64(), 10)
	case slog.KindUint64:
		text = strconv.FormatUint(v.Uint64(), 10)
	case slog.KindBool:
		text = strconv.FormatBool(v.Bool())
	case slog.KindString:
		return q.quoted(b, a.Key, v.String())
	case slog.KindAny:
		if _, failed := v.Any().(error); failed {
			return b, false
		}
		if s, ok := v.Any().(fmt.Stringer); ok {
			return q.quoted(b, a.Key, s.String())
		}
		return b, false
	default:
		return b, false
	}
	if q.mask && maskedKeys[a.Key] {
		return b, false
	}
	return append(b, text...), true
}

func (q *quick) quoted(b []byte, key, text string) ([]byte, bool) {
	if q.mask && maskedKeys[key] {
		text = maskText(text)
	}
	return append(append(append(b, '"'), text...), '"'), plain(text)
}

// plain says whether a text stands in JSON, and in a terminal, as it is.
func plain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// WithAttrs implements slog.Handler.
func (q *quick) WithAttrs(attrs []slog.Attr) slog.Handler {
	one := *q
	one.Handler = q.Handler.WithAttrs(attrs)
	one.with = append([]byte(nil), q.with...)
	for _, a := range attrs {
		ok := false
		if one.with, ok = one.append(one.with, a); !ok {
			one.deep = true
		}
	}
	return &one
}

// WithGroup implements slog.Handler.
func (q *quick) WithGroup(name string) slog.Handler {
	one := *q
	one.Handler, one.deep = q.Handler.WithGroup(name), true
	return &one
}
