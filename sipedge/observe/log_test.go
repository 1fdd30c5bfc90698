package observe

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nyaruka/phonenumbers"
	"github.com/speakops/sipedge/routing/e164"
)

func TestLogFormats(t *testing.T) {
	line := func(o LogOptions, attrs ...any) string {
		var b bytes.Buffer
		log, err := NewLogger(&b, o)
		if err != nil {
			t.Fatal(err)
		}
		log.Info("call", attrs...)
		_, rest, _ := strings.Cut(b.String(), "level")
		return rest
	}
	attrs := []any{
		KeyPublicNumber, e164.Number(12025550143), slog.Group("of", KeyCaller, "+442079460123"), KeyDialled, []byte("00442079460123;x=\x1b[2J"),
		KeySource, netip.MustParseAddrPort("54.172.60.1:5060"), KeySIPCallID, "a\r\nb\u202ec\x9b", KeyError, errors.New("é\x00"),
	}
	cases := []struct {
		o    LogOptions
		want string
	}{
		{LogOptions{}, `":"INFO","msg":"call","public_number":"+12025550143","of":{"caller":"+442079460123"},"dialled":"00442079460123;x=\\x1b[2J",` +
			`"source":"54.172.60.1:5060","sip_call_id":"a\\r\nb\\u202ec\\x9b","error":"é\\x00"}` + "\n"},
		{LogOptions{Format: "json", MaskNumbers: true, Edge: "edge-1"}, `":"INFO","msg":"call","edge":"edge-1","public_number":"+1********43","of":{"caller":"+44********23"},` +
			`"dialled":"**************;x=\\x1b[2J",` + `"source":"54.172.60.1:5060","sip_call_id":"a\\r\nb\\u202ec\\x9b","error":"é\\x00"}` + "\n"},
		{LogOptions{Format: "text", MaskNumbers: true}, `=INFO msg=call public_number=+1********43 of.caller=+44********23 dialled="**************;x=\\x1b[2J" ` +
			`source=54.172.60.1:5060 sip_call_id="a\\r\nb\\u202ec\\x9b" error=é\x00` + "\n"},
	}
	for _, c := range cases {
		if got := line(c.o, attrs...); got != c.want {
			t.Errorf("%+v\ngot  %s\nwant %s", c.o, got, c.want)
		}
	}
	if _, err := NewLogger(nil, LogOptions{Format: "xml"}); err == nil {
		t.Error("format xml was taken")
	}
}

func TestLevelMovesWhileItRuns(t *testing.T) {
	var b bytes.Buffer
	level := new(slog.LevelVar)
	log, _ := NewLogger(&b, LogOptions{Level: level})
	log.Debug("one")
	level.Set(slog.LevelDebug)
	log.Debug("two")
	if strings.Contains(b.String(), "one") || !strings.Contains(b.String(), "two") {
		t.Error(b.String())
	}
	for word, want := range map[string]slog.Level{"debug": slog.LevelDebug, "INFO": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError} {
		if got, err := ParseLevel(word); err != nil || got != want {
			t.Errorf("%s: %v, %v", word, got, err)
		}
	}
	if _, err := ParseLevel("loud"); err == nil {
		t.Error("level loud was taken")
	}
}

// Whatever the wire sends, a line stays one line and decodes.
func FuzzLogLine(f *testing.F) {
	f.Add("plain", "+12025550143")
	f.Add("\r\n\x00\x7f\u2028\u202e\xff", "\x1b[31m+1")
	f.Fuzz(func(t *testing.T, id, number string) {
		for _, format := range []string{"json", "text"} {
			var b bytes.Buffer
			log, _ := NewLogger(&b, LogOptions{Format: format, MaskNumbers: true})
			log.Info(id, KeySIPCallID, id, KeyCaller, number)
			line := b.String()
			if strings.Count(line, "\n") != 1 || strings.ContainsAny(line, "\r\x00\x1b\x7f\u2028\u202e") {
				t.Fatalf("%q", line)
			}
			if format == "json" && !json.Valid(b.Bytes()) {
				t.Fatalf("%q", line)
			}
		}
	})
}

func TestMaskAgreesWithTheNumberingPlans(t *testing.T) {
	for code := range phonenumbers.GetSupportedCallingCodes() {
		n, err := e164.Parse(fmt.Sprintf("+%d", code) + strings.Repeat("5", 12-len(fmt.Sprint(code))))
		if err != nil {
			t.Fatal(err)
		}
		want := fmt.Sprintf("+%d", code) + strings.Repeat("*", 10-len(fmt.Sprint(code))) + "55"
		if got := string(AppendMasked(nil, n)); got != want {
			t.Errorf("%v is masked as %s, want %s", n, got, want)
		}
	}
	if got := AppendMasked([]byte("x"), 0); !strings.HasPrefix(string(got), "x") {
		t.Errorf("the zero Number: %q", got)
	}
	dst := make([]byte, 0, 32)
	if n := testing.AllocsPerRun(100, func() { dst = AppendMasked(dst[:0], 12025550143) }); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

func TestFloodIsCountedNotWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bytes.Buffer
		log, _ := NewLogger(&b, LogOptions{Format: "text"})
		f := NewFlood(log, 2)
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error)
		go func() { done <- f.Run(ctx) }()
		say := func(key string, times int) {
			for range times {
				f.Log(ctx, slog.LevelWarn, key, "dropped", slog.String(KeyReason, key))
			}
		}
		say("size", 10)
		say("header", 1)
		f.Log(ctx, slog.LevelDebug, "size", "not enabled")
		time.Sleep(time.Second)
		say("size", 4)
		time.Sleep(15 * time.Second)
		synctest.Wait()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		var got []string
		for line := range strings.Lines(b.String()) {
			_, rest, _ := strings.Cut(line, "msg=")
			got = append(got, strings.TrimSpace(rest))
		}
		want := []string{
			"dropped reason=size", "dropped reason=size", "dropped reason=header",
			"dropped reason=size suppressed=8", "dropped reason=size",
			"dropped suppressed=2",
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("got\n%s", strings.Join(got, "\n"))
		}
	})
}

func TestFloodIsBounded(t *testing.T) {
	log, _ := NewLogger(new(bytes.Buffer), LogOptions{})
	f := NewFlood(log, 1)
	for i := range 5000 {
		f.Log(context.Background(), slog.LevelInfo, fmt.Sprint(i), "x")
	}
	if len(f.keys) > maxFloodKeys+1 {
		t.Errorf("%d keys", len(f.keys))
	}
	f.settle(context.Background(), time.Now().Add(time.Minute))
	if len(f.keys) != 0 {
		t.Errorf("%d keys stay", len(f.keys))
	}
}

// Lines are what slog's own handler writes, whoever writes them: plain ones and such
// with values of every kind, groups, attributes of the logger, numbers to be masked.
func TestQuickLinesAreSlogs(t *testing.T) {
	at := time.Date(2026, 3, 1, 10, 0, 0, 120_000_000, time.FixedZone("", 3600))
	attrs := []slog.Attr{
		slog.String(KeyTrunk, "qa"), slog.Any(KeyPublicNumber, e164.Number(12025550143)), slog.String(KeyCaller, "+442079460123"), slog.Int(KeyCode, -404),
		slog.Uint64(KeyRevision, 1<<63), slog.Bool("yes", true), slog.String("html", "<a&b>'"), slog.Any("none", nil), {}, slog.Int(KeyDialled, 12025550143),
		slog.String("quote", `"\`), slog.String("control", "a\r\nb"), slog.String("accent", "é"), slog.String("del", "\x7f"), slog.Any(KeyError, errors.New("no")),
		slog.Duration("took", time.Minute), slog.Time("when", at), slog.Float64("half", 0.5), slog.Any("bytes", []byte("abc")), slog.Group("of", slog.String(KeyCaller, "+442079460123")),
		slog.Any("addr", netip.MustParseAddrPort("[2001:db8::1]:5060")), slog.String(`ke"y`, "value"), slog.Any("level", slog.LevelWarn),
	}
	for _, mask := range []bool{false, true} {
		var got, want bytes.Buffer
		log, err := NewLogger(&got, LogOptions{MaskNumbers: mask, Edge: "edge-1"})
		if err != nil {
			t.Fatal(err)
		}
		quicks, slow := log.Handler(), log.Handler().(*quick)
		slow.out.(*whole).w = &want
		slows := slow.Handler
		write := func(h slog.Handler, into *bytes.Buffer, level slog.Level, msg string, attrs ...slog.Attr) {
			slow.out.(*whole).w = into
			r := slog.NewRecord(at, level, msg, 0)
			r.AddAttrs(attrs...)
			if err := h.Handle(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
		for _, level := range []slog.Level{slog.LevelInfo, slog.LevelError + 1} {
			for i := range attrs {
				for _, some := range [][]slog.Attr{attrs[i : i+1], attrs[:i], attrs[i:]} {
					for _, with := range [][]slog.Attr{nil, attrs[i : i+1]} {
						write(quicks.WithAttrs(with), &got, level, "de<c>ision", some...)
						write(slows.WithAttrs(with), &want, level, "de<c>ision", some...)
					}
					write(quicks.WithGroup("g").WithAttrs(some), &got, level, "a \"word\"", some...)
					write(slows.WithGroup("g").WithAttrs(some), &want, level, "a \"word\"", some...)
				}
			}
		}
		if got.String() != want.String() {
			g, w := strings.Split(got.String(), "\n"), strings.Split(want.String(), "\n")
			for i := range min(len(g), len(w)) {
				if g[i] != w[i] {
					t.Fatalf("mask %v, line %d:\n%s\nslog writes\n%s", mask, i, g[i], w[i])
				}
			}
			t.Fatalf("%d lines, slog writes %d", len(g), len(w))
		}
	}
}

func BenchmarkLine(b *testing.B) {
	for _, format := range []string{"json", "text"} {
		b.Run(format, func(b *testing.B) {
			log, _ := NewLogger(io.Discard, LogOptions{Format: format, MaskNumbers: true, Edge: "edge-1"})
			b.ReportAllocs()
			for b.Loop() {
				log.LogAttrs(b.Context(), slog.LevelInfo, "decision", slog.String(KeyCall, "0123456789abcdef01234567"), slog.String(KeyTrunk, "qa"),
					slog.Any(KeyPublicNumber, e164.Number(12025550143)), slog.String(KeyBecause, "port_pending"), slog.Uint64(KeyRevision, 7), slog.Int(KeyCode, 404))
			}
		})
	}
}
