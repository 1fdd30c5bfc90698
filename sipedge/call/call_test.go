package call

import (
	"testing"
	"time"
)

// line is one event of a conversation and what is owed after it. Timers that
// ring before the event are stepped through, and must ask for nothing that no
// line of their own has named.
type line struct {
	at   time.Duration
	ev   Event
	want string
}

const (
	ms  = time.Millisecond
	sec = time.Second
)

func with(change func(*Rules)) Rules {
	r := usual()
	change(&r)
	return r
}

var conversations = []struct {
	name     string
	reliable bool
	setup    time.Duration
	lines    []line
}{
	{"answered", false, 0, []line{
		{0, carry(usual(), 0, 1), "try 0"},
		{20 * ms, got(0, 100), ""},
		{30 * ms, got(0, 180), "relay 0 180"},
		{sec, got(0, 200), "relay 0 200, rest"},
		{2 * sec, again, ""}, // RFC 6026: absorbed
		{2 * sec, got(0, 200), "relay 0 200"},
		{33 * sec, tick, "gone"},
	}},
	{"rejected", false, 0, []line{
		{0, carry(usual(), 0, 1), "try 0"},
		{0, got(0, 180), "relay 0 180"},
		{sec, got(0, 486), "ack 0, keep 486, finish rejected 486"},
		{sec, got(0, 486), "ack 0"},
		{sec + 500*ms, tick, "resend"}, // timer G
		{sec + 1500*ms, tick, "resend"},
		{3 * sec, again, "resend"},
		{3 * sec, ack, ""},
		{4 * sec, again, ""},
		{33 * sec, tick, "gone"}, // timer D outlives timer I
	}},
	{"timer G", false, 0, []line{
		{0, Event{Kind: Refuse}, "finish refused"},
		{500 * ms, tick, "resend"},
		{1500 * ms, tick, "resend"},
		{3500 * ms, tick, "resend"},
		{7500 * ms, tick, "resend"},
		{11500 * ms, tick, "resend"}, // every T2 now
		{15500 * ms, tick, "resend"},
		{15600 * ms, ack, "rest"},
	}},
	{"timer H", true, 0, []line{
		{0, Event{Kind: Refuse}, "finish refused"},
		{31 * sec, tick, ""},
		{32 * sec, tick, "gone"},
	}},
	{"timer A", false, 0, []line{
		{0, carry(with(func(r *Rules) { r.NoAnswer = 0 }), 0), "try 0"},
		{500 * ms, tick, "repeat 0"},
		{1500 * ms, tick, "repeat 0"},
		{3500 * ms, tick, "repeat 0"},
		{7500 * ms, tick, "repeat 0"},
		{15500 * ms, tick, "repeat 0"},
		{31500 * ms, tick, "repeat 0"},
		{32 * sec, tick, "finish failed"}, // timer B
	}},
	{"a provisional stops timer A", false, 0, []line{
		{0, carry(usual(), 0), "try 0"},
		{100 * ms, got(0, 100), ""},
		{3 * sec, tick, ""},
	}},
	{"the next address, the next gateway", false, 0, []line{
		{0, carry(usual(), 0, 0, 1), "try 0"},
		{100 * ms, got(0, 503), "ack 0, keep 503, try 1"}, // RFC 3263 4.3: of the address
		{200 * ms, got(1, 500), "ack 1, keep 500, try 2"},
		{300 * ms, got(2, 404), "ack 2, keep 404, finish rejected 404"},
	}},
	{"500 speaks of the gateway", false, 0, []line{
		{0, carry(usual(), 0, 0, 1), "try 0"},
		{100 * ms, got(0, 500), "ack 0, keep 500, try 2"},
	}},
	{"a transport error", false, 0, []line{
		{0, carry(usual(), 0, 1), "try 0"},
		{0, broken(0), "try 1"},
		{0, broken(1), "finish failed"},
	}},
	{"6xx above all", false, 0, []line{
		{0, carry(with(func(r *Rules) { r.FailoverOn = NewCodes(404, 603, 503) }), 0, 1), "try 0"},
		{0, got(0, 404), "ack 0, keep 404, try 1"},
		{0, got(1, 603), "ack 1, keep 603, finish rejected 603"},
	}},
	{"the callee has spoken", false, 0, []line{
		{0, carry(with(func(r *Rules) { r.FailoverOn = NewCodes(486, 600, 603, 487) }), 0, 1), "try 0"},
		{0, got(0, 486), "ack 0, keep 486, finish rejected 486"},
	}},
	{"no failover once it rang", false, 0, []line{
		{0, carry(usual(), 0, 1), "try 0"},
		{0, got(0, 183), "relay 0 183"},
		{0, got(0, 503), "ack 0, keep 503, finish rejected 503"},
	}},
	{"an announcement may be followed", false, 0, []line{
		{0, carry(with(func(r *Rules) { r.AfterAnnouncement = true }), 0, 1, 2), "try 0"},
		{0, got(0, 183), "relay 0 183"},
		{0, got(0, 404), "ack 0, keep 404, try 1"},
		{0, got(1, 180), "relay 1 180"},
		{0, got(1, 500), "ack 1, finish rejected 404"},
	}},
	{"ring timeout", false, 0, []line{
		{0, carry(usual(), 0, 1), "try 0"},
		{0, got(0, 180), "relay 0 180"},
		{60 * sec, got(0, 180), "relay 0 180"},
		{90 * sec, tick, "cancel 0"},
		{90*sec + 100*ms, Event{Kind: CancelResponse}, ""},
		{90*sec + 200*ms, got(0, 487), "ack 0, finish unanswered"},
	}},
	{"an answered CANCEL without 487", false, 0, []line{
		{0, carry(usual(), 0), "try 0"},
		{0, got(0, 180), "relay 0 180"},
		{sec, cancel, "cancel 0"},
		{sec, Event{Kind: CancelResponse}, ""},
		{33 * sec, tick, "finish canceled"},
	}},
	{"CANCEL waits for a provisional", false, 0, []line{
		{0, carry(usual(), 0, 1), "try 0"},
		{100 * ms, cancel, ""},
		{500 * ms, tick, "repeat 0"},
		{600 * ms, got(0, 180), "cancel 0"},
		{1100 * ms, tick, "recancel 0"}, // timer E
		{2100 * ms, tick, "recancel 0"},
		{2200 * ms, got(0, 487), "ack 0, finish canceled"},
	}},
	{"CANCEL and a 2xx", false, 0, []line{
		{0, carry(usual(), 0), "try 0"},
		{0, got(0, 180), "relay 0 180"},
		{0, cancel, "cancel 0"},
		{0, got(0, 200), "relay 0 200, rest"},
	}},
	{"CANCEL while held", false, 0, []line{
		{0, Event{Kind: Wait, At: at(sec)}, ""},
		{500 * ms, cancel, "finish canceled"},
		{600 * ms, ack, "rest"},
		{2 * sec, carry(usual(), 0), ""}, // a decision that comes too late
	}},
	{"a hold ends", false, 0, []line{
		{0, Event{Kind: Wait, At: at(sec)}, ""},
		{sec, tick, "decide"},
		{sec, carry(usual(), 0), "try 0"},
	}},
	{"only 100", false, 0, []line{
		{0, carry(usual(), 0, 0, 1), "try 0"},
		{0, got(0, 100), ""},
		{4 * sec, tick, "cancel 0, try 2"},
		{4 * sec, got(0, 180), ""}, // not relayed: abandoned
		{4 * sec, got(1, 180), "relay 1 180"},
		{4100 * ms, got(0, 487), "ack 0"},
		{5 * sec, got(1, 200), "relay 1 200"},
	}},
	{"an abandoned branch wakes up", false, 0, []line{
		{0, carry(usual(), 0, 1), "try 0"},
		{500 * ms, tick, "repeat 0"},
		{1500 * ms, tick, "repeat 0"},
		{2 * sec, tick, "try 1"},
		{2 * sec, got(1, 100), ""},
		{3 * sec, got(0, 180), "cancel 0"},
		{3 * sec, got(0, 200), "relay 0 200, cancel 1"},
		{3 * sec, got(1, 200), "relay 1 200"}, // RFC 3261 16.7 step 5
	}},
	{"a carrier gets one 2xx", false, 0, []line{
		{0, carry(with(func(r *Rules) { r.ReapLate = true }), 0, 1), "try 0"},
		{0, got(0, 500), "ack 0, keep 500, try 1"},
		{0, got(1, 200), "relay 1 200"},
		{0, got(1, 200), "relay 1 200"}, // a fork, or a copy, of the winner passes
	}},
	{"the last gateway wakes up after the end", false, 0, []line{
		{0, carry(usual(), 0), "try 0"},
		{500 * ms, tick, "repeat 0"},
		{1500 * ms, tick, "repeat 0"},
		{2 * sec, tick, "finish failed"},
		{2 * sec, ack, ""},
		{3 * sec, got(0, 180), "cancel 0"},
		{3 * sec, got(0, 200), "reap 0"},
		{3 * sec, got(0, 200), "reap 0"},
	}},
	{"setup deadline", false, 60 * sec, []line{
		{0, carry(usual(), 0), "try 0"},
		{0, got(0, 100), ""},
		{60 * sec, tick, "finish failed, cancel 0"},
	}},
	{"setup deadline while it rings", false, 60 * sec, []line{
		{0, carry(usual(), 0), "try 0"},
		{0, got(0, 180), "relay 0 180"},
		{60 * sec, tick, "finish unanswered, cancel 0"},
	}},
	{"timer C of a re-INVITE", false, 0, []line{
		{0, carry(Rules{InDialog: true}, 0), "try 0"},
		{0, got(0, 180), "relay 0 180"},
		{100 * sec, got(0, 183), "relay 0 183"}, // section 16.7 step 2: starts anew
		{285 * sec, tick, "cancel 0"},
		{285 * sec, got(0, 487), "ack 0, finish unanswered"},
	}},
	{"a 2xx inside a dialog is never reaped", false, 0, []line{
		{0, carry(Rules{InDialog: true}, 0), "try 0"},
		{0, got(0, 100), ""},
		{0, cancel, "cancel 0"},
		{0, Event{Kind: CancelResponse}, ""},
		{32 * sec, tick, "finish canceled"},
		{32 * sec, got(0, 200), "relay 0 200"},
	}},
	{"the other side takes over when every gateway let go", false, 0, []line{
		{0, rescued(letGo(), 0, 0, 1), "try 0"},
		{0, got(0, 404), "ack 0, keep 404, try 2"}, // 404 speaks of the gateway
		{0, got(1, 604), "ack 1, keep 604, rescue"},
		{0, carry(usual(), 0, 0, 1, 5), "try 3"},
		{0, got(2, 100), ""},
		{sec, got(2, 180), "relay 2 180"},
		{2 * sec, got(2, 200), "relay 2 200"},
	}},
	{"one gateway that failed otherwise is enough against it", false, 0, []line{
		{0, rescued(letGo(), 0, 1), "try 0"},
		{0, got(0, 503), "ack 0, keep 503, try 1"},
		{0, got(1, 404), "ack 1, keep 404, finish rejected 404"},
	}},
	{"and so is the callee's own word", false, 0, []line{
		{0, rescued(letGo(), 0, 1), "try 0"},
		{0, got(0, 404), "ack 0, keep 404, try 1"},
		{0, got(1, 486), "ack 1, keep 486, finish rejected 486"},
	}},
	{"silence is no letting go", false, 0, []line{
		{0, rescued(letGo(), 0), "try 0"},
		{500 * ms, tick, "repeat 0"},
		{1500 * ms, tick, "repeat 0"},
		{2 * sec, tick, "finish failed"},
	}},
	{"a side that is down", false, 0, []line{
		{0, rescued(down(), 0, 1), "try 0"},
		{0, broken(0), "try 1"},
		{500 * ms, tick, "repeat 1"},
		{1500 * ms, tick, "repeat 1"},
		{2 * sec, tick, "rescue"},
		{2 * sec, carry(usual(), 0, 1, 5), "try 2"},
		{2050 * ms, got(2, 100), ""},
		{2100 * ms, got(1, 100), "cancel 1"},
		{2200 * ms, got(1, 200), "reap 1"}, // the call is the other side's by now
		{3 * sec, got(2, 486), "ack 2, keep 486, finish rejected 486"},
	}},
	{"after a rescue only the other side's word counts", false, 0, []line{
		{0, rescued(letGo(), 0), "try 0"},
		{0, got(0, 604), "ack 0, keep 604, rescue"},
		{0, carry(usual(), 0, 5), "try 1"},
		{0, broken(1), "finish failed"},
	}},
	{"a rescue that is not to be had", false, 0, []line{
		{0, rescued(letGo(), 0), "try 0"},
		{0, got(0, 404), "ack 0, keep 404, rescue"},
		{0, forgo, "finish rejected 404"},
	}},
	{"nobody to take over", false, 0, []line{
		{0, rescued(down(), 0), "try 0"},
		{0, broken(0), "rescue"},
		{0, carry(usual(), 0), "finish failed"},
	}},
	{"no rescue of a rescue", false, 0, []line{
		{0, rescued(down(), 0), "try 0"},
		{0, broken(0), "rescue"},
		{0, carry(letGo(), 0, 5), "try 1"},
		{0, got(1, 404), "ack 1, keep 404, finish rejected 404"},
	}},
	{"no rescue once it rang", false, 0, []line{
		{0, rescued(down(), 0), "try 0"},
		{0, got(0, 180), "relay 0 180"},
		{0, got(0, 503), "ack 0, keep 503, finish rejected 503"},
	}},
	{"an intercept announcement may be followed by a rescue", false, 0, []line{
		{0, rescued(with(func(r *Rules) { r.RescueOn, r.AfterAnnouncement = NewCodes(404), true }), 0), "try 0"},
		{0, got(0, 183), "relay 0 183"},
		{3 * sec, got(0, 404), "ack 0, keep 404, rescue"},
	}},
	{"no rescue after CANCEL", false, 0, []line{
		{0, rescued(letGo(), 0), "try 0"},
		{0, got(0, 100), ""},
		{0, cancel, "cancel 0"},
		{0, got(0, 404), "ack 0, finish canceled"},
	}},
	{"no rescue beyond the budget", false, 0, []line{
		{0, rescued(letGo(), 0), "try 0"},
		{0, got(0, 100), ""},
		{9 * sec, got(0, 404), "ack 0, keep 404, finish rejected 404"},
	}},
	{"a gateway that said 100 is waited for, not rescued", false, 0, []line{
		{0, rescued(down(), 0), "try 0"},
		{0, got(0, 100), ""},
		{10 * sec, got(0, 503), "ack 0, keep 503, finish rejected 503"},
	}},
	{"no address", false, 0, []line{{0, carry(usual()), "finish failed"}}},
}

func TestConversations(t *testing.T) {
	for _, c := range conversations {
		t.Run(c.name, func(t *testing.T) {
			var one Call
			one.Begin(0, c.reliable, c.setup)
			for i, l := range c.lines {
				now := at(l.at)
				for next := one.Next(); next < now; next = one.Next() {
					if got := words(one.Step(tick, next, nil)); got != "" {
						t.Fatalf("line %d: at %s nobody expected: %s", i+1, time.Duration(next), got)
					}
				}
				if got := words(one.Step(l.ev, now, nil)); got != l.want {
					t.Fatalf("line %d, at %s: got %q, want %q", i+1, l.at, got, l.want)
				}
			}
		})
	}
}
