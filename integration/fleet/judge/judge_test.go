package judge

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

const number = "+12025550000"

// cut is in the past: only what has happened is judged.
var cut = time.Now().Add(-time.Hour).Truncate(time.Second)

func after(d time.Duration) time.Time { return cut.Add(d) }

func us(t time.Time) string { return fmt.Sprint(t.UnixMicro()) }

// revisionBody is a chain's body in which number goes to speakops at some instants.
func revisionBody(id string, n int, previous string, turns ...time.Time) string {
	all, who := []string{}, "speakops"
	for _, t := range turns {
		all = append(all, fmt.Sprintf(`{"at":%q,"authority":%q}`, us(t), who))
		who = map[string]string{"speakops": "legacy", "legacy": "speakops"}[who]
	}
	return fmt.Sprintf(`{"id":%q,"previous":%q,"number":%d,"schedule":[{"id":"c-0","list":"l","count":1,"first":"legacy","turns":[%s]}],"members":[],"fleet":{}}`,
		id, previous, n, strings.Join(all, ","))
}

func entry(at time.Time, kind string, fields ...string) Entry {
	e := Entry{Fields: [][2]string{{"kind", kind}, {"at", us(at)}}}
	for i := 0; i < len(fields); i += 2 {
		e.Fields = append(e.Fields, [2]string{fields[i], fields[i+1]})
	}
	return e
}

func proposed(at time.Time, id, body string) Entry {
	return entry(at, "proposed", "revision", id, "body", body)
}

// call is one that all have written down as it should be.
func (e *Evidence) call(id string, at time.Duration, side string) {
	asked := after(at)
	e.Calls = append(e.Calls, Call{ID: id, Number: number, Edge: "edge-1", Asked: asked, Up: asked.Add(30 * time.Millisecond), Down: asked.Add(230 * time.Millisecond), By: "caller"})
	e.Deliveries = append(e.Deliveries, Delivery{ID: id, Number: number, Side: side, At: asked.Add(5 * time.Millisecond), Down: asked.Add(229 * time.Millisecond)})
	e.Decisions = append(e.Decisions, Decision{Where: "edge-1:" + id, Edge: "edge-1", ID: id, Number: number, Kind: "route", Authority: side, Because: "cut",
		Earliest: asked.Add(time.Millisecond), Latest: asked.Add(3 * time.Millisecond)})
}

// refuse is a call that was turned away.
func (e *Evidence) refuse(id string, at time.Duration, because string) {
	asked := after(at)
	e.Calls = append(e.Calls, Call{ID: id, Number: number, Edge: "edge-1", Asked: asked, Refused: asked.Add(4 * time.Millisecond), Code: 503})
	e.Decisions = append(e.Decisions, Decision{Where: "edge-1:" + id, Edge: "edge-1", ID: id, Number: number, Kind: "refuse", Because: because, Code: 503,
		Earliest: asked.Add(time.Millisecond), Latest: asked.Add(2 * time.Millisecond)})
}

// good is an hour in which a number flips and everything is as it should be.
func good() *Evidence {
	e := &Evidence{Numbers: map[string]string{number: "c-0"}, Silent: map[string]bool{}}
	e.Entries = []Entry{
		proposed(after(-9*time.Second), "r1", revisionBody("r1", 1, "")), entry(after(-9*time.Second), "committed", "revision", "r1"),
		proposed(after(-5*time.Second), "r2", revisionBody("r2", 2, "r1", cut)), entry(after(-4*time.Second), "committed", "revision", "r2"),
		proposed(after(-3*time.Second), "r3", revisionBody("r3", 3, "r2")), entry(after(-2*time.Second), "aborted", "revision", "r3", "because", "overdue"),
	}
	e.Outages = []Outage{{"edge-1", after(100 * time.Second), after(102 * time.Second), "it was killed"}}
	e.Trouble = e.Outages
	e.call("a", -6*time.Second, "legacy")
	e.call("b", -time.Second, "legacy")
	e.call("c", time.Second, "speakops")
	e.call("d", 2*time.Second, "speakops")
	e.refuse("e", -2500*time.Millisecond, "revision_unresolved") // r3 was under way
	e.Calls = append(e.Calls, Call{ID: "f", Number: number, Edge: "edge-1", Asked: after(101 * time.Second)})
	return e
}

func TestGoodEvidence(t *testing.T) {
	v := Judge(*good())
	if len(v.Violations) > 0 || v.Answered != 4 || v.Ended != 4 || v.Refused["revision_unresolved"] != 1 || v.Excused["it was killed"] != 1 || v.Turns != 1 || v.Checked != 6 || v.Revisions != 2 {
		t.Errorf("%+v", v)
	}
}

// Whatever breaks a promise is found, and by the right name.
func TestBrokenPromises(t *testing.T) {
	for what, c := range map[string]struct {
		spoil func(*Evidence)
		says  string
	}{
		"decided for who does not hold it":     {func(e *Evidence) { e.Decisions[2].Authority = "legacy"; e.Deliveries = nil; e.Calls = nil }, "P1: edge-1:c"},
		"decided while nobody can tell":        {func(e *Evidence) { e.Decisions[2].Earliest = after(-time.Millisecond) }, "P1: edge-1:c"},
		"carried elsewhere than was decided":   {func(e *Evidence) { e.Deliveries[0].Side = "speakops" }, "P1: edge-1:a: call a was decided for legacy and came to speakops"},
		"before the flip by what gateways saw": {func(e *Evidence) { e.Deliveries[1].Side = "speakops"; e.Decisions = nil }, "P2: " + number + ": no order"},
		"after the flip by what gateways saw":  {func(e *Evidence) { e.Deliveries[3].Side = "legacy"; e.Decisions = nil }, "P2: " + number + ": no order"},
		"to both sides": {func(e *Evidence) {
			e.Deliveries = append(e.Deliveries, e.Deliveries[0])
			e.Deliveries[4].Side = "speakops"
		}, "P5: call a"},
		"a call out of nowhere": {func(e *Evidence) { e.Calls = e.Calls[1:] }, "P5: a gateway of legacy had call a"},
		"history rewritten":     {func(e *Evidence) { e.Entries[3] = entry(after(time.Second), "committed", "revision", "r2") }, "P2: revision 2 changes cutover c-0"},
		"history rewritten by a recovery": {func(e *Evidence) {
			e.Entries[2].Fields[1][1] = us(after(time.Second)) // proposed
			e.Entries[3] = entry(after(2*time.Second), "recovered", "base", "r2")
		}, "P2: revision 2 changes cutover c-0"},
		"committed and aborted": {func(e *Evidence) { e.Entries = append(e.Entries, entry(cut, "committed", "revision", "r3")) }, "P2: revision 3 (r3) was committed, and aborted"},
		"two of one number": {func(e *Evidence) {
			e.Entries[2] = proposed(after(-5*time.Second), "r2", revisionBody("r2", 1, "", cut))
		}, "P2: two revisions were committed as number 1"},
		"a gap in the chain": {func(e *Evidence) {
			e.Entries[2] = proposed(after(-5*time.Second), "r2", revisionBody("r2", 7, "r6", cut))
		}, "P2: revision 7 (r2) follows r6"},
		"a body that is none":                   {func(e *Evidence) { e.Entries[2] = proposed(cut, "r2", "{") }, "P2: journal entry"},
		"a BYE that never came":                 {func(e *Evidence) { e.Deliveries[0].Down = time.Time{} }, "P3: call a"},
		"a BYE without an answer":               {func(e *Evidence) { e.Calls[0].Down = time.Time{} }, "P3: call a"},
		"a gateway's BYE that never came":       {func(e *Evidence) { e.Calls[0].By, e.Calls[0].Down = "gateway", time.Time{} }, "P3: call a"},
		"up, and at no gateway":                 {func(e *Evidence) { e.Deliveries = e.Deliveries[1:] }, "P3: call a"},
		"no answer from an edge that is up":     {func(e *Evidence) { e.Outages = nil }, "P4: call f"},
		"refused, and nothing is unresolved":    {func(e *Evidence) { e.refuse("g", -8*time.Second, "revision_unresolved") }, "P4: edge-1:g"},
		"refused long after it was resolved":    {func(e *Evidence) { e.refuse("g", 10*time.Second, "revision_unresolved") }, "P4: edge-1:g"},
		"refused for a clock that is all right": {func(e *Evidence) { e.refuse("g", 0, "clock_too_wide") }, "P4: edge-1:g"},
		"refused for any other reason":          {func(e *Evidence) { e.refuse("g", 0, "table_stale") }, "P4: edge-1:g"},
		"refused, and nobody says why":          {func(e *Evidence) { e.refuse("g", 0, "x"); e.Decisions = e.Decisions[:5] }, "P4: call g"},
		"gateways that are silent all the time": {func(e *Evidence) {
			e.refuse("g", 0, "")
			e.Decisions[5].Kind = "route"
			e.Decisions[5].Authority = "speakops"
			e.Decisions[5].Earliest = cut
			e.Silent["g"] = true
		}, "P4: 1 of 7 calls"},
	} {
		e := good()
		c.spoil(e)
		v := Judge(*e)
		found := false
		for _, x := range v.Violations {
			found = found || strings.HasPrefix(x, c.says)
		}
		if !found {
			t.Errorf("%s: %q, want %q", what, v.Violations, c.says)
		}
	}
}

// What the protocol allows, the judge allows.
func TestWhatIsAllowed(t *testing.T) {
	e := good()
	e.refuse("g", -1900*time.Millisecond, "revision_unresolved") // r3 was aborted a moment ago
	e.refuse("h", 101*time.Second, "draining")
	e.refuse("i", 101*time.Second, "clock_too_wide")
	e.call("j", 99*time.Second, "speakops") // the answer to its BYE was lost
	e.Calls[len(e.Calls)-1].Down = time.Time{}
	e.Deliveries[len(e.Deliveries)-1].Down = after(100 * time.Second)
	// A call that was held over the flip, and was asked before it.
	e.call("k", -2*time.Millisecond, "speakops")
	d := &e.Decisions[len(e.Decisions)-1]
	d.Earliest, d.Latest, d.Held = after(time.Microsecond), after(2*time.Millisecond), 3*time.Millisecond
	// The same journal, copied by two edges.
	e.Entries = append(e.Entries, e.Entries...)
	if v := Judge(*e); len(v.Violations) > 0 || v.Unanswered != 1 || v.Held != 1 || v.Refused["draining"] != 1 {
		t.Errorf("%+v", v)
	}
}

// A store that lost its last writes gets back what the edges had of them: the
// text from their reports, the commitment whenever the recovery ends.
func TestARecoveryAfterTheFlip(t *testing.T) {
	e := good()
	report := `{"committed":` + revisionBody("r1", 1, "") + `,"prepared":` + revisionBody("r2", 2, "r1", cut) + `}`
	e.Entries[2] = entry(after(900*time.Millisecond), "reported", "edge", "edge-1", "report", report)
	e.Entries[3] = entry(after(time.Second), "recovered", "base", "r2")
	e.Entries = append(e.Entries, entry(after(time.Second), "committed", "revision", "r2", "because", "recovery"))
	if v := Judge(*e); len(v.Violations) > 0 || v.Revisions != 2 || v.Turns != 1 {
		t.Errorf("%+v", v)
	}
}
