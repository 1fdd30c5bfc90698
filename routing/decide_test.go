package routing

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// drawWorld is a world of one number and every kind of circumstance.
func drawWorld(t *rapid.T) (*World, Number) {
	route := func(id RouteID, a RoutingAuthority) *Route {
		return &Route{
			ID: id, Authority: a, Rescue: rapid.Bool().Draw(t, "rescue"),
			Target:   rapid.SampledFrom([]LegacyTarget{DirectSIP, PSTNSameTN}).Draw(t, "target"),
			Gateways: []Gateway{{ID: "1", Index: 0}, {ID: "2", Index: 1}}[:rapid.IntRange(0, 2).Draw(t, "gateways")],
		}
	}
	w := &World{
		Table: &Table{}, Freshness: &Freshness{}, MaxAge: time.Minute,
		Legacy: route("l", Legacy), SpeakOps: route("s", SpeakOps),
		Routes:  map[RouteID]*Route{"x": route("x", drawAuthority(t))},
		HoldFor: time.Duration(rapid.IntRange(0, 2000).Draw(t, "hold for")) * time.Millisecond,
	}
	if rapid.Bool().Draw(t, "confirmed") {
		w.Freshness.Confirm(noon)
	}
	n := Number{
		PublicNumber:       12025550143,
		PortingState:       PortingState(rapid.IntRange(0, int(portingStates)-1).Draw(t, "state")),
		RoutingAuthority:   drawAuthority(t),
		CustomerAssignment: CustomerID(rapid.SampledFrom([]string{"", "acme"}).Draw(t, "customer")),
		LegacyRoute:        RouteID(rapid.SampledFrom([]string{"", "", "x", "gone"}).Draw(t, "route")),
		Revision:           5,
	}
	if rapid.Bool().Draw(t, "override") {
		i := drawInterval(t)
		n.Override = Override{OverrideKind(rapid.IntRange(0, 3).Draw(t, "kind")), i.Earliest, i.Latest, "why", "who"}
	}
	if rapid.Bool().Draw(t, "live") {
		schedule := drawSchedule(t)
		w.Schedules = func(PublicNumber) (Schedule, bool) { return schedule, true }
	}
	w.Table.Put(n)
	return w, n
}

func drawCall(t *rapid.T) Call {
	return Call{
		To:     rapid.SampledFrom([]PublicNumber{12025550143, 12025550143, 12025550143, 12025550199, 0}).Draw(t, "to"),
		Draw:   rapid.Uint64().Draw(t, "draw"),
		Forced: rapid.SampledFrom([]RoutingAuthority{AuthorityNone, AuthorityNone, Legacy, SpeakOps}).Draw(t, "forced"),
		PSAP:   rapid.Bool().Draw(t, "psap"),
		Looped: rapid.Bool().Draw(t, "looped"),
	}
}

// reasons lists every Because, each with the kind and the intent it may stand in.
var reasons = map[Because]string{
	NotANumber: "refuse not_ours", NumberUnknown: "refuse not_ours", TableStale: "refuse retry_elsewhere",
	Record: "route", PortPending: "route", PortActive: "route", PortSuspended: "route",
	PortCancelled: "route|refuse not_ours", PortOut: "route|refuse not_ours", SnapbackWaits: "route",
	SnappedBackTo: "route|refuse not_ours", RecordOverState: "route", NoAuthority: "refuse not_ours",
	BeforeCut: "route", Cut: "route", RolledBack: "route",
	ClockUncertain: "hold", ClockTooWide: "refuse retry_elsewhere",
	RevisionUnresolved: "refuse retry_elsewhere", SettledOverRecord: "route|refuse not_ours",
	OverrideBlock: "refuse blocked", OverrideForceLegacy: "route", OverrideForceSpeakOps: "route",
	TestOverride: "route", LoopGuard: "route|refuse loop", PSAP: "route",
	NoRoute: "refuse retry_elsewhere", WrongRoute: "refuse retry_elsewhere", PSTNComesBack: "refuse loop",
}

// TestEveryReasonIsTold holds the constants of because.go against the list above
// and against the stories: a branch nobody can tell a story about is not there.
func TestEveryReasonIsTold(t *testing.T) {
	parsed, err := parser.ParseFile(token.NewFileSet(), "because.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob("testdata/*.story")
	var stories strings.Builder
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		stories.Write(text)
	}
	n := 0
	ast.Inspect(parsed, func(node ast.Node) bool {
		lit, ok := node.(*ast.BasicLit)
		if !ok {
			return true
		}
		word, _ := strconv.Unquote(lit.Value)
		n++
		if reasons[Because(word)] == "" && !strings.Contains(stories.String(), " rescue="+word+":") {
			t.Errorf("%q stands in no list of reasons", word)
		}
		if told := stories.String(); !strings.Contains(told, " because="+word) && !strings.Contains(told, " rescue="+word+":") {
			t.Errorf("no story is about %q", word)
		}
		return true
	})
	if n < 25 {
		t.Errorf("only %d reasons were found", n)
	}
}

func TestEveryDecisionMeansSomething(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, n := drawWorld(t)
		at, call := drawInterval(t), drawCall(t)
		d := Decide(w, at, call)
		if again := Decide(w, at, call); again != d {
			t.Fatalf("first %s, then %s", d, again)
		}
		form := d.Kind.String()
		if d.Kind == KindRefuse {
			form += " " + d.Intent.String()
		}
		if !strings.Contains("|"+reasons[d.Because]+"|", "|"+form+"|") {
			t.Fatalf("%q does not go with %s", d.Because, form)
		}
		steps := Explain(w, at, call)
		if last := steps[len(steps)-1]; last != (Step{"decision", d.String()}) {
			t.Fatalf("explained as %v, decided %s", last, d)
		}
		if d.PublicNumber != call.To {
			t.Fatalf("decided for %v, asked for %v", d.PublicNumber, call.To)
		}
		if known := call.To == n.PublicNumber; known && (d.PortingState != n.PortingState || d.Revision == 0) {
			t.Fatalf("%s carries state %s and revision %d", d, d.PortingState, d.Revision)
		}
		switch d.Kind {
		case KindRoute:
			if d.Route == nil || d.Route.Authority != d.Authority || d.Authority == AuthorityNone {
				t.Fatalf("%s goes by a route of another authority", d)
			}
			if int(d.Order.N) != len(d.Route.Gateways) || d.Order.N == 0 {
				t.Fatalf("%s names %d of %d gateways", d, d.Order.N, len(d.Route.Gateways))
			}
			if d.Rescue != nil && (d.Rescue.Authority != d.Authority.Other() || d.RescueBecause == "" || d.RescueOrder.N == 0) {
				t.Fatalf("%s is rescued by %+v", d, d.Rescue)
			}
			if d.Authority == Legacy && call.Looped {
				t.Fatal("a looped call goes to legacy again")
			}
		case KindHold:
			if wait := d.Wait(at); wait <= 0 || wait > at.Width() || w.HoldFor > 0 && wait > w.HoldFor {
				t.Fatalf("held for %s with a clock of %s", wait, at.Width())
			}
		default:
			if d.Intent == IntentNone || d.Route != nil || d.Rescue != nil {
				t.Fatalf("%s refuses without an intent, or with a route", d)
			}
		}
	})
}

// Who carries a call is its number's holder, or one of the named exceptions.
func TestOnlyTheHolderCarries(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, n := drawWorld(t)
		at, call := drawInterval(t), drawCall(t)
		call.To = n.PublicNumber
		d := Decide(w, at, call)
		if d.Kind != KindRoute {
			return
		}
		switch d.Because {
		case OverrideForceLegacy, OverrideForceSpeakOps:
			if o := n.Override; !at.After(o.From) || !at.Before(o.Until) {
				t.Fatalf("%s outside of its override", d)
			}
			return
		case TestOverride:
			if call.Forced != d.Authority {
				t.Fatalf("%s, forced to %s", d, call.Forced)
			}
			return
		case LoopGuard:
			if !call.Looped || d.Authority != SpeakOps || n.CustomerAssignment == "" {
				t.Fatalf("%s without its condition", d)
			}
			return
		}
		s, _ := w.Schedule(n.PublicNumber)
		record := n.RoutingAuthority
		if s.Floor.Settled {
			record = s.Floor.Authority
		}
		for _, instant := range []time.Time{at.Earliest, at.Mid(), at.Latest} {
			if holder := holderBy(s.Committed, record, instant); holder != d.Authority {
				t.Fatalf("%s, but %s holds at %s", d, holder, instant)
			}
			// Rule 9: an answer is one that a prepared revision gives too.
			if holder := holderBy(s.Prepared, record, instant); s.Open && holder != d.Authority && !(call.PSAP && d.Because == PSAP) {
				t.Fatalf("%s, but %s may hold at %s", d, holder, instant)
			}
		}
	})
}

func holderBy(line *Timeline, record RoutingAuthority, at time.Time) RoutingAuthority {
	if line == nil {
		return record
	}
	holder, _ := line.During(Exactly(at))
	return holder
}

// Rule 9: nobody is sent elsewhere for a revision that agrees all through the interval.
func TestRule09OnlyADisputeIsUnresolved(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, n := drawWorld(t)
		at, call := drawInterval(t), drawCall(t)
		call.To = n.PublicNumber
		d := Decide(w, at, call)
		if d.Because != RevisionUnresolved {
			return
		}
		s, _ := w.Schedule(n.PublicNumber)
		record := s.record(briefOf(w, n.PublicNumber))
		// Both are steps: where they differ at all, they do so at an edge of the
		// interval or at a turn inside.
		instants := []time.Time{at.Earliest, at.Latest}
		if s.Prepared != nil {
			for _, turn := range s.Prepared.turns {
				if at.Straddles(turn.At) {
					instants = append(instants, turn.At)
				}
			}
		}
		for _, instant := range instants {
			if holderBy(s.Committed, record, instant) != holderBy(s.Prepared, record, instant) {
				return
			}
		}
		t.Fatalf("%s, but prepared and committed agree in %v: %+v", d, at, s)
	})
}

func TestBlockAlwaysWins(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, n := drawWorld(t)
		at, call := drawInterval(t), drawCall(t)
		call.To, call.PSAP = n.PublicNumber, false
		n.Override = Override{Block, at.Earliest, at.Latest.Add(1), "why", "who"}
		n.Revision++
		w.Table.Put(n)
		if d := Decide(w, at, call); d.Kind != KindRefuse || d.Intent != Blocked || d.Because != OverrideBlock {
			t.Fatalf("blocked, and yet %s", d)
		}
		call.PSAP = true
		if d := Decide(w, at, call); d.Because == OverrideBlock {
			t.Fatalf("an emergency call-back is blocked: %s", d)
		}
	})
}

// A call is held only when an edge lies inside the interval; an exact clock never holds.
func TestNobodyIsHeldWithoutAnEdge(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, n := drawWorld(t)
		at, call := drawInterval(t), drawCall(t)
		edge := false
		if o := n.Override; o.Kind != OverrideNone {
			edge = at.Straddles(o.From) || at.Straddles(o.Until)
		}
		if s, live := w.Schedule(n.PublicNumber); live && s.Committed != nil {
			for _, turn := range s.Committed.turns {
				edge = edge || at.Straddles(turn.At)
			}
		}
		if d := Decide(w, at, call); !edge && (d.Kind == KindHold || d.Because == ClockTooWide) {
			t.Fatalf("%s without an edge in %v", d, at)
		}
		if d := Decide(w, Exactly(at.Earliest), call); d.Kind == KindHold {
			t.Fatalf("an exact clock holds: %s", d)
		}
	})
}

// After waiting as told, the same clock is certain of the edge it waited for.
func TestHoldingOnceIsEnough(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, n := drawWorld(t)
		n.Override = Override{}
		n.Revision++
		w.Table.Put(n)
		at, call := drawInterval(t), drawCall(t)
		d := Decide(w, at, call)
		if d.Kind != KindHold {
			return
		}
		wait := d.Wait(at)
		later := Interval{at.Earliest.Add(wait), at.Latest.Add(wait)}
		s, _ := w.Schedule(call.To)
		if !later.After(s.Committed.NextStep(at)) {
			t.Fatalf("after %s the clock %v is not past %v", wait, later, s.Committed.NextStep(at))
		}
	})
}

// The porting state words an answer; it never changes who carries the call.
func TestPortingStateNeverDecidesTheHolder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, n := drawWorld(t)
		w.Legacy.Target, w.Routes["x"].Target = DirectSIP, DirectSIP // which route is passable, it does decide
		at, call := drawInterval(t), drawCall(t)
		d := Decide(w, at, call)
		for s := range portingStates {
			n.PortingState = s
			n.Revision++
			w.Table.Put(n)
			if e := Decide(w, at, call); e.Kind != d.Kind || e.Authority != d.Authority || e.Intent != d.Intent || e.Route != d.Route {
				t.Fatalf("in state %s: %s, before: %s", s, e, d)
			}
		}
	})
}

func TestExplainWalksTheRules(t *testing.T) {
	s := newStory()
	for _, line := range []string{
		"number +12025550143 porting_state=armed routing_authority=legacy customer_assignment=acme",
		"cutover c-7 revision=1 legacy until 10:00:00 then speakops",
		"override +12025550143 force_legacy from=11:00 until=12:00",
	} {
		if _, err := s.line(line); err != nil {
			t.Fatal(err)
		}
	}
	at, err := instant("10:00:01")
	if err != nil {
		t.Fatal(err)
	}
	var rules []string
	for _, step := range Explain(s.world, Around(at, time.Millisecond), Call{To: s.last, Trunk: "qa"}) {
		rules = append(rules, step.Rule)
		if step.Says == "" {
			t.Errorf("%s says nothing", step.Rule)
		}
	}
	if got := strings.Join(rules, " "); got != "call number override timeline route decision" {
		t.Error(got)
	}
}

func TestDecisionNamesTheRevisionItFollowed(t *testing.T) {
	s := newStory()
	for _, line := range []string{
		"number +12025550143 porting_state=armed routing_authority=legacy", // revision 1
		"cutover c-7 revision=42 legacy until 10:00:00 then speakops",
		"override +12025550143 force_legacy from=11:00 until=12:00", // revision 2
	} {
		if _, err := s.line(line); err != nil {
			t.Fatal(err)
		}
	}
	for clock, want := range map[string]uint64{"09:00": 42, "10:00": 42, "10:30": 42, "11:30": 2} {
		at, err := instant(clock)
		if err != nil {
			t.Fatal(err)
		}
		if d := Decide(s.world, Around(at, time.Millisecond), Call{To: s.last}); d.Revision != want {
			t.Errorf("at %s %s by revision %d, want %d", clock, d, d.Revision, want)
		}
	}
}

func TestDecideAllocatesNothing(t *testing.T) {
	w, call := million(t, 1000)
	at := Around(noon, time.Millisecond)
	if n := testing.AllocsPerRun(1000, func() {
		call.To = 12020000000 + (call.To+7)%2000
		call.Draw++
		if d := Decide(w, at, call); d.Because == "" {
			t.Fatal("no reason")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// million is a world of n numbers, one in a hundred in a live cutover and one in
// a hundred overridden.
func million(t testing.TB, n int) (*World, Call) {
	t.Helper()
	w := &World{Table: &Table{}, Freshness: &Freshness{}, MaxAge: time.Hour, Health: func(i int) bool { return i != 1 }}
	w.Freshness.Confirm(noon)
	w.Legacy = &Route{ID: "l", Authority: Legacy, Gateways: []Gateway{{Index: 0, Weight: 50}, {Index: 1, Weight: 50}, {Index: 2, Priority: 1}}}
	w.SpeakOps = &Route{ID: "s", Authority: SpeakOps, Gateways: []Gateway{{Index: 3}}}
	line, err := NewTimeline(1, Legacy, Turn{noon.Add(-time.Minute), SpeakOps})
	if err != nil {
		t.Fatal(err)
	}
	w.Schedules = func(n PublicNumber) (Schedule, bool) {
		if n%100 == 1 {
			return Schedule{Committed: &line, Open: n%200 == 1, Prepared: &line}, true
		}
		return Schedule{}, false
	}
	for i := range n {
		number := Number{
			PublicNumber: 12020000000 + PublicNumber(i), NumberType: Local, PortingState: PortingState(i % int(portingStates)),
			RoutingAuthority: RoutingAuthority(1 + i%2), CurrentServingProvider: "north", CustomerAssignment: CustomerID([]string{"acme", "bolt"}[i%2]), Revision: 1,
		}
		if i%100 == 2 {
			number.Override = Override{ForceSpeakOps, noon.Add(-time.Hour), noon.Add(time.Hour), "why", "who"}
		}
		w.Table.Put(number)
	}
	return w, Call{Trunk: "t", From: 13035550100}
}

func BenchmarkDecide(b *testing.B) {
	const n = 1_000_000
	w, call := million(b, n)
	at := Around(noon, time.Millisecond)
	b.ReportAllocs()
	for i := uint64(0); b.Loop(); i++ {
		call.To = 12020000000 + PublicNumber(mix(i)%n)
		call.Draw = i
		if d := Decide(w, at, call); d.Kind == KindHold {
			b.Fatal(d)
		}
	}
}

func BenchmarkTablePut(b *testing.B) {
	var table Table
	b.ReportAllocs()
	for i := uint64(0); b.Loop(); i++ {
		table.Put(Number{PublicNumber: 12020000000 + PublicNumber(i%1_000_000), CurrentServingProvider: "north", Revision: i + 1})
	}
}

func briefOf(w *World, n PublicNumber) Brief {
	b, _ := w.Brief(n)
	return b
}
