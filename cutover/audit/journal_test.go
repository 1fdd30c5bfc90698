package audit

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/speakops/sipedge/routing"
)

// pen writes a journal as the store would.
type pen struct {
	entries []Entry
	n       int
	at      time.Time
}

func (p *pen) write(kind string, fields ...string) *Entry {
	e := Entry{Where: fmt.Sprintf("journal:%d", len(p.entries)+1), Fields: [][2]string{{"kind", kind}, {"at", fmt.Sprint(p.at.UnixMicro())}}}
	for i := 0; i+1 < len(fields); i += 2 {
		e.Fields = append(e.Fields, [2]string{fields[i], fields[i+1]})
	}
	p.n++
	e.ID = fmt.Sprintf("1-%d", p.n)
	if len(p.entries) > 0 {
		e.Previous = p.entries[len(p.entries)-1].Hash
	}
	e.Hash = e.sum()
	p.entries = append(p.entries, e)
	return &p.entries[len(p.entries)-1]
}

// turnAt is a turn by its distance from the cut.
type turnAt struct {
	after time.Duration
	to    string
}

// revise proposes and commits a revision in which cutover c-7 has these turns; its
// id is made of its number.
func (p *pen) revise(number int, committed time.Duration, turns ...turnAt) {
	p.at = cutAt.Add(committed)
	p.write("proposed", "revision", revisionID(number), "body", revisionBody(number, turns...))
	p.write("committed", "revision", revisionID(number), "number", fmt.Sprint(number), "because", "unanimous")
}

func revisionID(n int) string { return fmt.Sprintf("%032x", n) }

func revisionBody(number int, turns ...turnAt) string {
	type at struct {
		At        string `json:"at"`
		Authority string `json:"authority"`
	}
	all := []at{}
	for _, t := range turns {
		all = append(all, at{fmt.Sprint(cutAt.Add(t.after).UnixMicro()), t.to})
	}
	schedule := []any{}
	if turns != nil {
		schedule = []any{map[string]any{"id": "c-7", "list": "l1", "count": 1, "first": "legacy", "turns": all}}
	}
	text, _ := json.Marshal(map[string]any{"id": revisionID(number), "previous": revisionID(number - 1), "number": number, "schedule": schedule})
	return string(text)
}

// evening is a journal in which c-7 is armed a minute ahead, cut, and rolled back
// ten seconds later.
func evening() *pen {
	p := &pen{at: cutAt.Add(-2 * time.Minute)}
	p.write("generation", "generation", "1")
	p.revise(6, -100*time.Second)
	p.revise(7, -time.Minute, turnAt{0, "speakops"})
	p.revise(8, 5*time.Second, turnAt{0, "speakops"}, turnAt{10 * time.Second, "legacy"})
	return p
}

// told is a journal and calls, audited.
func told(p *pen, change func(*Auditor), lines ...any) ([]Finding, Totals) {
	a := New(nil)
	if change != nil {
		change(a)
	}
	for _, e := range p.entries {
		a.Entry(e)
	}
	a.List("l1", []string{number})
	return fed(a, lines)
}

func goodEvening() []any {
	return []any{
		decision(1, "a", -90*time.Second, routing.Legacy, routing.PortPending, 41),
		decision(2, "a", -2*time.Second, routing.Legacy, routing.BeforeCut, 7),
		decision(3, "b", -time.Second, routing.Legacy, routing.BeforeCut, 7),
		decision(4, "a", time.Second, routing.SpeakOps, routing.Cut, 7),
		decision(5, "b", 6*time.Second, routing.SpeakOps, routing.Cut, 8),
		decision(6, "b", 11*time.Second, routing.Legacy, routing.RolledBack, 8),
		decision(7, "a", 12*time.Second, routing.Legacy, routing.RolledBack, 8),
	}
}

func TestAGoodEvening(t *testing.T) {
	findings, totals := told(evening(), nil, goodEvening()...)
	if len(findings) != 0 || totals.Revisions != 3 || totals.ByHolder != 6 || totals.Linear != 1 || len(totals.Unproved) != 0 || len(totals.Flips) != 2 {
		t.Fatalf("%v %+v", findings, totals)
	}
	if f := totals.Flips[0]; f.Cutover != "c-7" || !f.At.Equal(cutAt) || f.To != "speakops" || f.Last.After != -time.Second || f.Last.Edge != "b" || f.First.After != time.Second || f.First.Edge != "a" {
		t.Errorf("%+v %+v %+v", f, f.Last, f.First)
	}
}

// has wants a finding of a kind that names these lines.
func has(t *testing.T, findings []Finding, promise string, where ...string) {
	t.Helper()
	for _, f := range findings {
		if f.Promise == promise && strings.Join(f.Where, " ") == strings.Join(where, " ") {
			return
		}
	}
	t.Errorf("no %s of %v in %v", promise, where, findings)
}

// P1 by the journal: each way to carry a call to who did not hold its number.
func TestP1HolderByTheJournal(t *testing.T) {
	for name, c := range map[string]struct {
		call    Decision
		promise string
		where   []string
	}{
		"an edge that knows of no cutover":        {decision(9, "c", 2*time.Second, routing.Legacy, routing.PortPending, 41), "not_the_holder", []string{"c:9"}},
		"an edge that missed the rollback":        {decision(9, "c", 12*time.Second, routing.SpeakOps, routing.Cut, 7), "not_the_holder", []string{"c:9"}},
		"against the very revision it names":      {decision(9, "c", 2*time.Second, routing.Legacy, routing.BeforeCut, 7), "not_the_holder", []string{"c:9", "journal:5"}},
		"while its clock cannot tell":             {decision(9, "c", 100*time.Millisecond, routing.SpeakOps, routing.Cut, 7), "not_the_holder", []string{"c:9", "journal:5"}},
		"by a revision that was never committed":  {decision(9, "c", 2*time.Second, routing.SpeakOps, routing.Cut, 5), "not_committed", []string{"c:9"}},
		"settled, and a record from an old store": {decision(9, "c", time.Hour, routing.SpeakOps, routing.Record, 12), "not_the_holder", []string{"c:9"}},
	} {
		t.Run(name, func(t *testing.T) {
			findings, _ := told(evening(), nil, append(goodEvening(), c.call)...)
			has(t, findings, c.promise, c.where...)
		})
	}
}

// P2 by the machine's own clock: two edges whose intervals are both right by their
// own word, and one of them lies.
func TestP2OneInstantByOneClock(t *testing.T) {
	one := func(a *Auditor) { a.OneClock = 5 * time.Millisecond }
	liar := decision(9, "c", -time.Second, routing.Legacy, routing.BeforeCut, 7)
	liar.At = cutAt.Add(3 * time.Second) // by the clock that all share
	findings, totals := told(evening(), nil, append(goodEvening(), liar)...)
	if len(findings) != 0 {
		t.Errorf("nothing but the machine's clock shows it: %v", findings)
	}
	findings, totals = told(evening(), one, append(goodEvening(), liar)...)
	has(t, findings, "no_single_instant", "a:4", "c:9")
	if findings, totals = told(evening(), one, goodEvening()...); len(findings) != 0 || totals.Linear != 1 {
		t.Errorf("%v %+v", findings, totals)
	}
}

// A history that is too long for the search is not searched, and that is said.
func TestTooLongForPorcupine(t *testing.T) {
	calls := goodEvening()[:4]
	for i := range maxHistory {
		calls = append(calls, decision(100+i, "a", time.Second+time.Duration(i)*time.Microsecond, routing.SpeakOps, routing.Cut, 7))
	}
	findings, totals := told(evening(), nil, calls...)
	if len(findings) != 0 || totals.TooLong != 1 || totals.Linear != 0 {
		t.Errorf("%v %+v", findings, totals)
	}
}

// What a fleet that keeps the protocol cannot have written is found in the journal
// itself.
func TestTheJournalItself(t *testing.T) {
	for name, c := range map[string]struct {
		change  func(*pen)
		promise string
		where   []string
	}{
		"an entry was changed":           {func(p *pen) { p.entries[3].Fields[3][1] = revisionBody(7, turnAt{time.Hour, "speakops"}) }, "journal_changed", []string{"journal:4"}},
		"changed together with its hash": {func(p *pen) { e := &p.entries[3]; e.Fields[1][1] = "1"; e.Hash = e.sum() }, "journal_broken", []string{"journal:4", "journal:5"}},
		"two copies disagree": {func(p *pen) {
			e := p.entries[6]
			e.Where, e.Fields = "copy:7", [][2]string{{"kind", "committed"}}
			e.Hash = e.sum()
			p.entries = append(p.entries, e)
		}, "journal_differs", []string{"journal:7", "copy:7"}},
		"no generation begins it": {func(p *pen) { e := &p.entries[0]; e.Fields[0][1] = "note"; e.Hash = e.sum(); p.entries = p.entries[:1] }, "journal_broken", []string{"journal:1"}},
		"a step is moved that is behind": {func(p *pen) {
			p.revise(9, 20*time.Second, turnAt{time.Second, "speakops"}, turnAt{10 * time.Second, "legacy"})
		}, "history_rewritten", []string{"journal:7", "journal:9"}},
		"a step is added behind": {func(p *pen) {
			p.revise(9, 20*time.Second, turnAt{0, "speakops"}, turnAt{10 * time.Second, "legacy"}, turnAt{19 * time.Second, "speakops"})
		}, "history_rewritten", []string{"journal:7", "journal:9"}},
		"two revisions of one number": {func(p *pen) { p.write("committed", "revision", revisionID(99), "number", "8", "because", "unanimous") }, "two_chains", []string{"journal:7", "journal:8"}},
		"a revision that follows another": {func(p *pen) {
			p.write("proposed", "revision", revisionID(9), "body", strings.Replace(revisionBody(9), revisionID(8), revisionID(5), 1))
			p.write("committed", "revision", revisionID(9), "number", "9")
		}, "two_chains", []string{"journal:7", "journal:9"}},
		"committed, and then aborted": {func(p *pen) { p.write("aborted", "revision", revisionID(8)) }, "committed_and_aborted", []string{"journal:7", "journal:8"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := evening()
			c.change(p)
			findings, _ := told(p, nil)
			has(t, findings, c.promise, c.where...)
		})
	}
}

// Copies that lack something prove nothing about it, and it is said what is missing.
func TestWhatIsMissing(t *testing.T) {
	p := evening()
	p.entries = append(p.entries[:3:3], p.entries[4:]...)
	_, totals := told(p, nil)
	if totals.Unproved["entries of the journal are missing before one that is there"] != 1 || totals.Unproved["revisions whose text is in no journal"] != 1 {
		t.Errorf("%v", totals.Unproved)
	}
	findings, totals := told(evening(), nil, decision(1, "a", time.Minute, routing.SpeakOps, routing.Cut, 9))
	if len(findings) != 0 || totals.Unproved["calls decided by a revision that is later than all in the journal"] != 1 {
		t.Errorf("%v %v", findings, totals.Unproved)
	}
	a := New(nil)
	for _, e := range evening().entries {
		a.Entry(e)
	}
	a.Decision(decision(1, "a", time.Second, routing.SpeakOps, routing.Cut, 7))
	if findings, totals := a.Findings(); len(findings) != 0 || totals.Unproved["lists of numbers that no folder has: which calls they concern is not known"] != 1 {
		t.Errorf("%v %v", findings, totals.Unproved)
	}
	// A record that nobody can have written is none.
	odd := decision(9, "a", time.Second, routing.SpeakOps, routing.Cut, 7)
	odd.Interval.Earliest, odd.Interval.Latest = odd.Interval.Latest, odd.Interval.Earliest
	if findings, totals = told(evening(), nil, append(goodEvening(), odd)...); len(findings) != 0 || totals.Unproved["calls whose record no clock can have written"] != 1 {
		t.Errorf("%v %v", findings, totals.Unproved)
	}
	// A recovery commits what all had prepared, whenever the store comes back.
	q := evening()
	q.at = cutAt.Add(time.Minute)
	q.write("reported", "report", `{"prepared":`+revisionBody(9, turnAt{0, "speakops"}, turnAt{10 * time.Second, "legacy"}, turnAt{30 * time.Second, "speakops"})+`}`)
	q.write("committed", "revision", revisionID(9), "number", "9", "because", "recovery")
	findings, totals = told(q, nil, append(goodEvening(), decision(9, "a", 40*time.Second, routing.SpeakOps, routing.Cut, 9))...)
	if len(findings) != 0 || len(totals.Flips) != 3 {
		t.Errorf("%v %+v", findings, totals)
	}
}
