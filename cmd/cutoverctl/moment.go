package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

// moment is a time on the command line: an instant, or a span from now. One that
// is long ago begins with a hyphen, and would pass for a flag.
type moment string

// Decode implements kong.MapperValue: a span is a value, whatever it begins with;
// a flag in its place is a value that was forgotten.
func (m *moment) Decode(ctx *kong.DecodeContext) error {
	t := ctx.Scan.Pop()
	if t.IsEOL() {
		return errors.New("a time is missing")
	}
	text := fmt.Sprint(t.Value)
	if _, span := spanOf(text); !span && !t.IsValue() {
		return fmt.Errorf("%s is no time", t)
	}
	*m = moment(text)
	return nil
}

// spanOf reads +90m and -10s.
func spanOf(text string) (time.Duration, bool) {
	if !strings.HasPrefix(text, "+") && !strings.HasPrefix(text, "-") {
		return 0, false
	}
	span, err := time.ParseDuration(text)
	return span, err == nil
}

// in is the instant that is meant; "" is the zero time.
func (m moment) in(now time.Time) (time.Time, error) {
	if m == "" {
		return time.Time{}, nil
	}
	if span, ok := spanOf(string(m)); ok {
		return now.Add(span), nil
	}
	at, err := time.Parse(time.RFC3339Nano, string(m))
	if err != nil {
		return at, fmt.Errorf("%.40q is no instant; write 2026-03-01T10:00:00Z, +90m from now, or -10m for ten minutes ago", string(m))
	}
	return at, nil
}

// past is in for what is looked back at: a span without a sign is one ago.
func (m moment) past(now time.Time) (time.Time, error) {
	if ago, err := time.ParseDuration(string(m)); err == nil && !strings.HasPrefix(string(m), "+") {
		return now.Add(-ago.Abs()), nil
	}
	return m.in(now)
}
