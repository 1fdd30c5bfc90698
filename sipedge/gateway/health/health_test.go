package health

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"
)

var (
	t0 = time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	a1 = Addr{At: netip.MustParseAddrPort("192.0.2.1:5060")}
	a2 = Addr{At: netip.MustParseAddrPort("192.0.2.2:5060")}
)

// story runs events written as "seconds what" and returns the changes as
// "seconds whom from>to reason", one a line.
func story(t *testing.T, set Settings, addrs []Addr, script string) (*Gateway, string) {
	t.Helper()
	g := NewGateway(set, t0)
	out := g.Step(Found{addrs}, t0, nil)
	for line := range strings.Lines(script) {
		var sec float64
		var what, arg string
		n, _ := fmt.Sscan(line, &sec, &what, &arg)
		if n < 2 {
			continue
		}
		now := t0.Add(time.Duration(sec * float64(time.Second)))
		out = g.Step(event(t, what, arg, now), now, out)
	}
	var b strings.Builder
	for _, c := range out {
		whom := "whole"
		if !c.Whole {
			whom = c.Addr.At.Addr().String()
		}
		fmt.Fprintf(&b, "%g %s %s>%s %s\n", c.At.Sub(t0).Seconds(), whom, c.From, c.To, c.Reason)
	}
	return g, b.String()
}

func event(t *testing.T, what, arg string, now time.Time) Event {
	t.Helper()
	addr := a1
	if rest, ok := strings.CutSuffix(what, "@2"); ok {
		addr, what = a2, rest
	}
	call := func(r Result) Event {
		o := Outcome{Result: r}
		if d, err := time.ParseDuration(arg); err == nil {
			if r == Unavailable {
				o.RetryAfter = d
			} else {
				o.Sent = now.Add(-d)
			}
		}
		return Called{addr, o}
	}
	switch what {
	case "probe":
		var code int
		fmt.Sscan(arg, &code)
		return Probed{addr, code}
	case "answered":
		return call(Answered)
	case "503":
		return call(Unavailable)
	case "silent":
		return call(Silent)
	case "stalled":
		return call(Stalled)
	case "unreachable":
		return call(Unreachable)
	case "lost":
		return Lost{}
	case "found":
		return Found{[]Addr{a1, a2}}
	case "noprobes":
		return Configured{Settings{Probed: false, Fall: 3, Rise: 2}}
	case "tick":
		return Tick{}
	}
	t.Fatalf("no such event: %s", what)
	return nil
}

func TestOneAddress(t *testing.T) {
	probed := Settings{Probed: true, Fall: 3, Rise: 2}
	for _, c := range []struct {
		name, script, want string
		set                Settings
	}{
		{name: "one answered probe is enough for the unknown", set: probed,
			script: "1 probe 200\n2 probe 200",
			want:   "1 whole unknown>up probe_answered"},
		{name: "any answer but 408 and 503 proves life", set: probed,
			script: "1 probe 405",
			want:   "1 whole unknown>up probe_answered"},
		{name: "408 and 503 to a probe are misses", set: probed,
			script: "1 probe 408\n2 probe 503\n3 probe 408",
			want:   "3 whole unknown>dark probe_refused"},
		{name: "fall and rise", set: probed,
			script: "1 probe 200\n10 probe 0\n20 probe 0\n30 probe 0\n40 probe 200\n50 probe 0\n60 probe 200\n70 probe 200",
			want:   "1 whole unknown>up probe_answered\n30 whole up>dark probe_silent\n70 whole dark>up probe_answered"},
		{name: "an answered probe forgives missed probes", set: probed,
			script: "1 probe 0\n2 probe 0\n3 probe 200\n4 probe 0\n5 probe 0",
			want:   "3 whole unknown>up probe_answered"},
		{name: "two silent calls are enough, and probes do not forgive them", set: probed,
			script: "1 probe 200\n2 silent\n3 probe 200\n4 silent",
			want:   "1 whole unknown>up probe_answered\n4 whole up>dark call_silent"},
		{name: "a call and a missed probe add up", set: probed,
			script: "1 503\n2 probe 0",
			want:   "2 whole unknown>dark probe_silent"},
		{name: "a call's fault is forgotten after a minute", set: probed,
			script: "1 silent\n61 silent",
			want:   ""},
		{name: "stalled calls weigh as little as probes", set: probed,
			script: "1 stalled\n2 stalled\n3 stalled",
			want:   "3 whole unknown>dark call_stalled"},
		{name: "an answered call forgives everything", set: probed,
			script: "1 unreachable\n2 answered\n3 unreachable\n4 probe 200",
			want:   "2 whole unknown>up call_answered"},
		{name: "an answered call lifts darkness at once", set: probed,
			script: "1 unreachable\n2 unreachable\n9 answered 1s",
			want:   "2 whole unknown>dark call_unreachable\n9 whole dark>up call_answered"},
		{name: "an answer to a call from before the fall does not", set: probed,
			script: "1 silent\n2 silent\n9 answered 20s",
			want:   "2 whole unknown>dark call_silent"},
		{name: "Retry-After holds against probes and then tries", set: probed,
			script: "1 503 30s\n2 probe 200\n3 tick\n12 probe 503\n31 tick",
			want:   "1 whole unknown>dark retry_after\n31 whole dark>unknown retry_after_passed"},
		{name: "Retry-After is over and probes were good", set: probed,
			script: "1 503 30s\n10 probe 200\n20 probe 200\n31 tick",
			want:   "1 whole unknown>dark retry_after\n31 whole dark>up probe_answered"},
		{name: "Retry-After is over but probes went unanswered", set: probed,
			script: "1 503 30s\n10 probe 0\n20 probe 0\n30 probe 0\n31 tick\n40 probe 200\n50 probe 200",
			want:   "1 whole unknown>dark retry_after\n50 whole dark>up probe_answered"},
		{name: "Retry-After is bounded", set: probed,
			script: "1 503 24h\n300 tick\n301 tick",
			want:   "1 whole unknown>dark retry_after\n301 whole dark>unknown retry_after_passed"},
		{name: "a shorter Retry-After does not shorten", set: probed,
			script: "1 503 30s\n2 503 1s\n3 tick\n31 tick",
			want:   "1 whole unknown>dark retry_after\n31 whole dark>unknown retry_after_passed"},
		{name: "falling again on the word of calls outweighs probes", set: probed,
			script: "1 silent\n2 silent\n3 probe 200\n4 probe 200\n5 silent\n6 silent\n16 probe 200\n26 probe 200\n35 tick\n36 tick",
			want: "2 whole unknown>dark call_silent\n4 whole dark>up probe_answered\n" +
				"6 whole up>dark call_silent\n36 whole dark>up probe_answered"},
		{name: "a fall long ago is no habit", set: probed,
			script: "1 silent\n2 silent\n3 probe 200\n4 probe 200\n604 silent\n604 silent\n605 probe 200\n606 probe 200",
			want: "2 whole unknown>dark call_silent\n4 whole dark>up probe_answered\n" +
				"604 whole up>dark call_silent\n606 whole dark>up probe_answered"},
		{name: "without probes darkness ends by itself, later each time", set: Settings{Fall: 3},
			script: "1 silent\n2 silent\n31 tick\n32 tick\n33 silent\n34 silent\n93 tick\n94 tick",
			want: "2 whole unknown>dark call_silent\n32 whole dark>unknown tried_again\n" +
				"34 whole unknown>dark call_silent\n94 whole dark>unknown tried_again"},
		{name: "probing switched off", set: probed,
			script: "1 probe 0\n2 probe 0\n3 probe 0\n4 noprobes",
			want:   "3 whole unknown>dark probe_silent\n4 whole dark>unknown probing_off"},
		{name: "a name without addresses is dark", set: probed,
			script: "1 probe 200\n2 lost\n3 probe 200\n4 found",
			want:   "1 whole unknown>up probe_answered\n2 whole up>dark no_address\n4 whole dark>unknown address_found"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, got := story(t, c.set, []Addr{a1}, c.script)
			if strings.TrimSpace(got) != c.want {
				t.Errorf("got\n%swant\n%s", got, c.want)
			}
		})
	}
}

func TestDeadAddressOfLivingGateway(t *testing.T) {
	g, got := story(t, Settings{Probed: true}, []Addr{a1, a2}, `
		1 probe 200
		1 probe@2 200
		5 unreachable
		6 unreachable
		7 unreachable@2
		8 unreachable@2
		9 answered@2 0.5s`)
	want := `1 192.0.2.1 unknown>up probe_answered
1 whole unknown>up probe_answered
1 192.0.2.2 unknown>up probe_answered
6 192.0.2.1 up>dark call_unreachable
8 192.0.2.2 up>dark call_unreachable
8 whole up>dark call_unreachable
9 192.0.2.2 dark>up call_answered
9 whole dark>up call_answered
`
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if a := g.find(a1); a.State != Dark || !a.LastProbe.Equal(t0.Add(time.Second)) || a.LastCode != 200 {
		t.Errorf("first address: %+v", a)
	}
}

func TestAddressesThatStayKeepTheirHealth(t *testing.T) {
	g, _ := story(t, Settings{Probed: true}, []Addr{a1}, "1 unreachable\n2 unreachable\n3 found")
	if s, why, _ := g.State(); s != Unknown || why != AddressFound {
		t.Errorf("a new address is tried: got %v %v", s, why)
	}
	if g.find(a1).State != Dark || g.find(a2).State != Unknown {
		t.Errorf("addresses: %+v", g.Addresses())
	}
}

func TestHoldsDoubleAndAreBounded(t *testing.T) {
	g := NewGateway(Settings{}, t0)
	g.Step(Found{[]Addr{a1}}, t0, nil)
	now := t0
	var holds []time.Duration
	for range 6 {
		for range 2 {
			g.Step(Called{a1, Outcome{Result: Silent}}, now, nil)
		}
		holds = append(holds, g.Wake().Sub(now))
		now = g.Wake()
		g.Step(Tick{}, now, nil)
	}
	want := "[30s 1m0s 2m0s 4m0s 5m0s 5m0s]"
	if fmt.Sprint(holds) != want {
		t.Errorf("got %v want %s", holds, want)
	}
	g.Step(Called{a1, Outcome{Result: Answered}}, now, nil)
	for range 2 {
		g.Step(Called{a1, Outcome{Result: Silent}}, now, nil)
	}
	if got := g.Wake().Sub(now); got != FirstHold {
		t.Errorf("after an answered call: got %v want %v", got, FirstHold)
	}
}

func TestJudge(t *testing.T) {
	for code, want := range map[int]string{0: "-", 100: "-", 180: "answered", 200: "answered", 404: "answered", 408: "-", 500: "answered", 503: "unavailable", 603: "answered"} {
		got := "-"
		if r, says := Judge(code); says {
			got = map[Result]string{Answered: "answered", Unavailable: "unavailable"}[r]
		}
		if got != want {
			t.Errorf("%d: got %s want %s", code, got, want)
		}
	}
}
