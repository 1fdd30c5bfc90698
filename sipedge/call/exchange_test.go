package call

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestExchanges(t *testing.T) {
	for _, c := range []struct {
		name           string
		up, down, ours bool
		lines          []line
	}{
		{"answered", false, false, false, []line{
			{100 * ms, again, ""},
			{500 * ms, tick, "repeat 0"}, // timer E
			{600 * ms, got(0, 200), "relay 0 200, rest"},
			{600 * ms, got(0, 200), ""},
			{2 * sec, again, "resend"}, // timer J
			{32600 * ms, tick, "gone"},
		}},
		{"silence", false, false, false, []line{
			{500 * ms, tick, "repeat 0"},
			{1500 * ms, tick, "repeat 0"},
			{3500 * ms, tick, "repeat 0, respond 100"}, // RFC 4320 4.1
			{4 * sec, again, "resend"},
			{7500 * ms, tick, "repeat 0"},
			{11500 * ms, tick, "repeat 0"},
			{15500 * ms, tick, "repeat 0"},
			{19500 * ms, tick, "repeat 0"},
			{23500 * ms, tick, "repeat 0"},
			{27500 * ms, tick, "repeat 0"},
			{31500 * ms, tick, "repeat 0"},
			{32 * sec, tick, "finish unanswered, gone"}, // 4.2: no 408
		}},
		{"trying", false, false, false, []line{
			{100 * ms, got(0, 100), ""},
			{200 * ms, got(0, 183), ""}, // RFC 4320 4.1: only 100 ever travels
			{500 * ms, tick, "repeat 0"},
			{3500 * ms, tick, "respond 100"},
			{4500 * ms, tick, "repeat 0"}, // E at T2 from the first provisional on
			{5 * sec, got(0, 404), "relay 0 404, rest"},
		}},
		{"transport error", false, true, false, []line{
			{0, broken(0), "respond 500, rest"},
			{32 * sec, tick, "gone"},
		}},
		{"over TCP both ways", true, true, false, []line{
			{3500 * ms, tick, "respond 100"},
			{4 * sec, got(0, 200), "relay 0 200, gone"},
		}},
		{"over TCP to the caller alone", true, false, false, []line{
			{500 * ms, tick, "repeat 0"},
			{600 * ms, got(0, 200), "relay 0 200, rest"}, // the caller repeats nothing: J is zero
			{600 * ms, got(0, 200), ""},
			{5600 * ms, tick, "gone"}, // timer K
		}},
		{"our own", true, false, true, []line{
			{500 * ms, tick, "repeat 0"},
			{600 * ms, got(0, 200), "relay 0 200"},
			{5600 * ms, tick, "gone"}, // timer K
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var x Exchange
			x.Begin(0, c.up, c.down, c.ours)
			for i, l := range c.lines {
				now := at(l.at)
				for next := x.Next(); next < now; next = x.Next() {
					if got := words(x.Step(tick, next, nil)); got != "" {
						t.Fatalf("line %d: at %s nobody expected: %s", i+1, time.Duration(next), got)
					}
				}
				if got := words(x.Step(l.ev, now, nil)); got != l.want {
					t.Fatalf("line %d, at %s: got %q, want %q", i+1, l.at, got, l.want)
				}
			}
		})
	}
}

// Whatever happens, an exchange has at most one final, no early or late 100, no
// 408, and is over 64 s after its beginning, or its last event.
func TestAnyExchange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var x Exchange
		var now Instant
		var tried, finals int
		gone := false
		x.Begin(0, rapid.Bool().Draw(t, "up"), rapid.Bool().Draw(t, "down"), rapid.Bool().Draw(t, "ours"))
		step := func(ev Event) {
			for _, e := range x.Step(ev, now, nil) {
				switch {
				case gone:
					t.Fatalf("%s after gone", e.word())
				case e.Kind == Respond && e.Code == 100:
					if tried++; tried > 1 || finals > 0 || now < at(7*T1) {
						t.Fatalf("100 number %d at %s", tried, time.Duration(now))
					}
				case e.Kind == Respond, e.Kind == Relay:
					if finals++; finals > 1 || e.Code < 200 || e.Code == 408 && ev.Kind != Response {
						t.Fatalf("final number %d: %s", finals, e.word())
					}
				case e.Kind == Resend && tried+finals == 0:
					t.Fatalf("nothing was sent that could be sent again")
				}
				gone = gone || e.Kind == Gone
			}
		}
		pass := func(until Instant) {
			for rings := 0; x.Next() <= until && !gone; rings++ {
				now = max(now, x.Next())
				step(tick)
				if rings > 1000 {
					t.Fatalf("a thousand timers rang")
				}
			}
			now = max(now, until)
		}
		for range rapid.IntRange(0, 12).Draw(t, "events") {
			if gone {
				return
			}
			switch rapid.IntRange(0, 4).Draw(t, "event") {
			case 0:
				pass(now + at(rapid.SampledFrom([]time.Duration{0, 300 * ms, 3 * sec, 10 * sec}).Draw(t, "wait")))
			case 1:
				step(again)
			case 2, 3:
				step(got(0, rapid.SampledFrom([]int{100, 180, 200, 404, 408, 503}).Draw(t, "code")))
			case 4:
				step(broken(0))
			}
		}
		pass(now + at(2*Lifetime))
		if !gone {
			t.Fatalf("the exchange is still there")
		}
	})
}
