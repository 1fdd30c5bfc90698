package integration

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/speakops/sipedge/integration/internal/lab"
	"github.com/speakops/sipedge/sipedge/admin"
)

// Tokens of two people who make a cutover, and of one who looks on.
const (
	anna = "sipedge_anna_who_is_an_operator_0000"
	bo   = "sipedge_bo_who_is_an_approver_000000"
	viv  = "sipedge_viv_who_is_a_viewer_00000000"
)

// patience is how long anything is waited for that must come: far more than it
// takes, for the machine may be busy.
const patience = 90 * time.Second

// party is three edges on one Redis; the first may write numbers.
type party struct {
	t     testing.TB
	labs  [3]*lab.Lab
	edges [3]*lab.Edge
	count int
}

func openParty(t testing.TB, count int, more ...lab.Edit) *party {
	p := &party{t: t, count: count}
	tokens := fmt.Sprintf(`  tokens:
    - { name: ops-anna, role: operator, hash: "%s" }
    - { name: ops-bo, role: approver, hash: "%s" }
    - { name: viv, role: viewer, hash: "%s" }
`, admin.Hash(anna), admin.Hash(bo), admin.Hash(viv))
	first := lab.New(t,
		lab.Edit{Old: "  listen: \"127.0.0.1:8080\"\n", New: "  listen: \"127.0.0.1:8080\"\n" + tokens},
		lab.Edit{Old: "cutover: { init: auto } # this edge may start a chain on a Redis that never had one",
			New: "cutover: { init: explicit, lead: 2s, guard: 900ms, settle_grace: 1s }"})
	for _, e := range more {
		first.Edit(e.Old, e.New)
	}
	for i := range p.labs {
		p.labs[i] = first
		if i > 0 {
			p.labs[i] = first.Beside()
			p.labs[i].Edit("id: lab-1", fmt.Sprintf("id: lab-%d", i+1))
		}
	}
	// Everything below is done by the users that the README shows.
	shownUsers(t, first)
	first.ImportFile(p.numbers())
	for _, l := range p.labs {
		l.Edit(asEdge.Old, asEdge.New)
	}
	first.Edit(asEdge.New, asEdge.New+"  writer: { username: sipedge-operator, password: "+passwordOf("sipedge-operator")+" }\n")
	for i := range p.labs {
		p.edges[i] = p.labs[i].Start(fmt.Sprintf("edge-%d", i+1))
	}
	lab.Until(t, patience, "the first admin API", func() bool { code, _ := p.edges[0].Get("/healthz"); return code == 200 })
	p.does(anna, 0, 0, "store", "init", "--yes", "--reason", "the first chain")
	for i := range p.edges {
		p.edges[i].UntilReady()
	}
	return p
}

// numbers writes the records of the order's numbers.
func (p *party) numbers() string {
	var b strings.Builder
	b.WriteString("public_number,number_type,porting_state,routing_authority,current_serving_provider,customer_assignment\n")
	for i := range p.count {
		fmt.Fprintf(&b, "+1202%07d,local,foc_confirmed,legacy,north,cust-1\n", 5550000+i)
	}
	return p.file("numbers.csv", b.String())
}

func (p *party) file(name, text string) string {
	file := filepath.Join(p.t.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
	return file
}

// plan writes an order and its cutover with the flip at an instant.
func (p *party) plan(at time.Time) string {
	wall := func(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05") }
	return p.file("order.yaml", fmt.Sprintf(`zone: UTC
order:
  id: o-1007
  kind: port_in
  number_type: local
  numbers: [ "+12025550000 - +1202%07d" ]
  scope: full
  losing_provider: north
  gaining_provider: speakops
  customer_assignment: cust-1
  checklist: { e911: done, cnam: done, messaging: not_needed, directory: done, forwarding: done }
  account_validation: { state: validated }
  loa: { version: "1", signed: "%s" }
  foc: { version: "2", due: "%s" }
cutover:
  id: c-7
  purpose: port_in
  mode: scheduled
  window_open: "%s"
  window_close: "%s"
  at: "%s"
  rollback: { when: "calls fail on the new side", by: ops-bo, within: 4h }
`, 5550000+p.count-1, at.Add(-48*time.Hour).UTC().Format(time.RFC3339), wall(at), wall(at.Add(-time.Hour)), wall(at.Add(time.Hour)), wall(at)))
}

// does runs cutoverctl by somebody at one edge and wants an exit code. Where that
// is success, it is asked again while edges are too busy to agree or to answer.
func (p *party) does(who string, edge, want int, args ...string) string {
	p.t.Helper()
	const unanswered, conflict = 3, 5
	for end := time.Now().Add(patience); ; time.Sleep(300 * time.Millisecond) {
		began := time.Now()
		out, code := p.labs[edge].CutoverctlAs(who, args...)
		p.t.Logf("%6dms  %d  cutoverctl %s", time.Since(began).Milliseconds(), code, strings.Join(args, " "))
		switch {
		case code == want:
			return out
		case want == 0 && (code == unanswered || code == conflict) && time.Now().Before(end):
			p.t.Logf("once more: %s", strings.TrimSpace(out))
		default:
			p.t.Fatalf("cutoverctl %s at edge %d: exit code %d, want %d\n%s", strings.Join(args, " "), edge+1, code, want, out)
		}
	}
}

func answer[T any](p *party, who string, edge int, args ...string) T {
	p.t.Helper()
	var v T
	out := p.does(who, edge, 0, append(args, "--json")...)
	if err := json.Unmarshal([]byte(out), &v); err != nil {
		p.t.Fatalf("cutoverctl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return v
}

// acknowledge takes upon a person whatever lint warns of.
func (p *party) acknowledge() {
	p.t.Helper()
	var names []string
	lab.Until(p.t, patience, "lint to find no error", func() bool { // states reach each edge's table a moment after they are written
		out, _ := p.labs[0].CutoverctlAs(anna, "lint", "c-7", "--json")
		var l admin.Lint
		if err := json.Unmarshal([]byte(out), &l); err != nil {
			p.t.Fatalf("%v\n%s", err, out)
		}
		names = nil
		for _, f := range l.Findings {
			names = append(names, f.Name)
		}
		return !strings.Contains(out, `"severity": "error"`)
	})
	p.does(anna, 0, 0, "lint", "c-7", "--acknowledge", strings.Join(names, ","), "--because", "a bench")
}

// later is an instant that no machine is too slow for: what is armed for it is
// flipped, or moved to sooner.
func later() time.Time { return time.Now().Add(40 * time.Minute).Truncate(time.Second) }

// soon moves the flip of an armed cutover to an instant as near as the machine can
// agree on in time, and says when.
func (p *party) soon() time.Time {
	p.t.Helper()
	for in := 4 * time.Second; ; in *= 2 {
		at := time.Now().Add(in).Truncate(time.Millisecond)
		out, code := p.labs[0].CutoverctlAs(anna, "move", "c-7", "--at", at.UTC().Format(time.RFC3339Nano), "--yes")
		if code == 0 {
			return at
		}
		if in > patience {
			p.t.Fatalf("no instant is far enough ahead to move to: exit code %d\n%s", code, out)
		}
	}
}

// armed takes a cutover from a file to armed, by two people at different edges.
func (p *party) armed(at time.Time) {
	p.t.Helper()
	p.does(anna, 0, 1, "plan", p.plan(at))
	p.acknowledge()
	p.does(anna, 1, 5, "arm", "c-7", "--yes")
	p.does(bo, 2, 5, "approve", "c-7", "--yes") // nothing was rehearsed
	p.does(anna, 2, 0, "rehearse", "c-7")
	p.does(anna, 0, 4, "approve", "c-7", "--yes")
	p.does(bo, 1, 0, "approve", "c-7", "--yes")
	p.does(anna, 0, 0, "arm", "c-7", "--yes", "--reason", "the window is open")
}

func (p *party) explains(edge int, authority string) bool {
	x := answer[admin.Explanation](p, viv, edge, "explain", "+12025550003")
	return x.Authority == authority
}

func (p *party) everywhere(what, authority string) {
	p.t.Helper()
	for i := range p.edges {
		lab.Until(p.t, patience, what, func() bool {
			time.Sleep(100 * time.Millisecond) // each question is a process
			return p.explains(i, authority)
		})
	}
}

// mayRescue lets the calls of both routes go to the other side.
var mayRescue = []lab.Edit{
	{Old: "    authority: legacy\n", New: "    authority: legacy\n    rescue: { cps: 5 }\n"},
	{Old: "    authority: speakops\n", New: "    authority: speakops\n    rescue: { cps: 5 }\n"},
}

// rescued is a call whose own side has two gateways that fail, and that another
// gateway answers.
func (p *party) rescued(edge int, own, fails, other string) {
	p.t.Helper()
	gateways := []*lab.Sipp{p.labs[0].Gateway(own+"-a", fails, 1), p.labs[0].Gateway(own+"-b", fails, 1), p.labs[0].Gateway(other, "uas_answered", 1)}
	p.labs[edge].Call("uac_answered", "+12025550003", other).Passed()
	for _, g := range gateways {
		g.Passed()
	}
}

// An evening of two people, three edges and one Redis: planned, armed, flipped,
// rolled back, with an edge restarted in between. The losing carrier lets go of
// the numbers too soon, and SpeakOps is down for a while: each costs a call to the
// other side, which the auditor finds founded.
func TestACutoverByTwoPeople(t *testing.T) {
	t.Parallel()
	p := openParty(t, 10, mayRescue...)
	p.armed(later())
	p.rescued(1, "legacy", "uas_gone", "speakops-a")
	if got := answer[admin.Cutover](p, viv, 1, "cutovers", "c-7"); got.Phase != "armed" || len(got.Steps) != 1 {
		t.Errorf("armed: %+v", got)
	}
	at := p.soon()
	p.edges[1].Signal(syscall.SIGTERM)
	if _, ended := p.edges[1].Wait(patience); !ended {
		t.Fatal("an edge does not stop")
	}
	p.edges[1] = p.labs[1].Serve("edge-2")
	p.everywhere("the flip", "speakops")
	if early := at.Sub(time.Now()); early > 0 {
		t.Errorf("it flipped %s early", early)
	}
	gateway := p.labs[0].Gateway("speakops-a", "uas_answered", 1)
	p.labs[2].Call("uac_answered", "+12025550003", "speakops-a").Passed()
	gateway.Passed()
	lab.Until(t, patience, "the first call to be known", func() bool {
		c := answer[admin.Cutover](p, viv, 0, "cutovers", "c-7")
		return c.FirstCall != nil && c.Phase == "flipped" && strings.HasPrefix(c.FirstCall.Edge, "lab-3~")
	})
	p.rescued(0, "speakops", "uas_unavailable", "legacy-a")
	p.does(viv, 0, 0, "status", "c-7")
	p.does(anna, 0, 5, "rollback", "c-7", "--yes")
	p.does(bo, 0, 0, "approve", "c-7", "--action", "rollback", "--yes")
	p.does(anna, 1, 0, "rollback", "c-7", "--yes", "--reason", "the wrong side answers")
	p.everywhere("the rollback", "legacy")
	lab.Until(t, patience, "the order to know", func() bool {
		return answer[admin.Cutover](p, viv, 2, "cutovers", "c-7").Phase == "rolled_back"
	})
	v := answer[admin.JournalVerdict](p, viv, 0, "journal", "verify")
	if !v.Whole || len(v.Breaks) != 0 || v.Count < 20 {
		t.Errorf("the journal: %+v", v)
	}
	for _, kind := range []string{"planned", "rehearsed", "approved", "arm_committed", "first_call", "cutover_flipped", "cutover_rolled_back"} {
		if out := p.does(viv, 2, 0, "journal"); !strings.Contains(out, kind) {
			t.Errorf("the journal has no %s\n%s", kind, out)
		}
	}
	p.proved("2 flips; 3 calls held against them", "1 call by the exception rescue_early_disconnect", "1 call by the exception fallback_after_cut")
}

// proved lets the auditor hold what the edges have written against their own
// copies of the journal, and against what an operator exports.
func (p *party) proved(says ...string) {
	p.t.Helper()
	var folders []string
	for i, l := range p.labs {
		folders = append(folders, filepath.Join(l.Dir, fmt.Sprintf("edge-%d.data", i+1)))
	}
	file := filepath.Join(p.t.TempDir(), "journal.jsonl")
	p.does(viv, 1, 0, "journal", "export", file)
	for _, journal := range [][]string{nil, {file}} {
		lab.Until(p.t, patience, "the audit to find everything", func() bool { // edges copy the journal every second
			out, code := p.labs[0].Run(append(append([]string{"audit"}, folders...), journal...)...)
			lacks := func(what string) bool { return !strings.Contains(out, what) }
			proved := code == 0 && !slices.ContainsFunc(append(says, "porcupine: "), lacks) && lacks("not proved")
			if !proved {
				p.t.Logf("audit: %d, want %q\n%s", code, says, out)
			}
			return proved
		})
	}
}

// The large one: ten thousand numbers are armed and rolled back in the time that
// people wait for, and end in the number records.
func TestTenThousandNumbers(t *testing.T) {
	t.Parallel()
	p := openParty(t, 10_000)
	p.armed(later())
	p.does(anna, 2, 0, "flip", "c-7", "--yes")
	p.everywhere("the flip", "speakops")
	lab.Until(t, patience, "the order to know", func() bool {
		return answer[admin.Cutover](p, viv, 2, "cutovers", "c-7").Phase == "flipped"
	})
	p.does(bo, 0, 0, "approve", "c-7", "--action", "rollback", "--yes")
	p.does(anna, 1, 0, "rollback", "c-7", "--yes")
	p.everywhere("the rollback", "legacy")
}

// A cutover that is over ends in the number records, and nobody's answer changes.
func TestACutoverSettles(t *testing.T) {
	t.Parallel()
	p := openParty(t, 10)
	p.armed(later())
	p.does(anna, 0, 0, "flip", "c-7", "--yes")
	p.everywhere("the flip", "speakops")
	lab.Until(t, patience, "the order to know", func() bool {
		return answer[admin.Order](p, viv, 2, "orders", "show", "o-1007").PortingState == "activating"
	})
	p.does(anna, 2, 0, "orders", "tell", "o-1007", `{"event":"activation_seen"}`)
	lab.Until(t, patience, "the cutover to settle", func() bool {
		time.Sleep(200 * time.Millisecond)
		return answer[admin.Cutover](p, viv, 2, "cutovers", "c-7").Phase == "settled"
	})
	lab.Until(t, patience, "the records to say so", func() bool {
		n := answer[admin.NumberPage](p, viv, 1, "numbers", "get", "+12025550003").Numbers[0]
		return n.RoutingAuthority == "speakops" && n.CurrentServingProvider == "speakops" && n.PortingState == "settled"
	})
	p.everywhere("the answer as it was", "speakops")
	if got := answer[admin.Order](p, viv, 1, "orders", "show", "o-1007"); got.PortingState != "settled" || got.Cutover != "" {
		t.Errorf("the order: %+v", got)
	}
}

// What the world holds against a port is written only after the flip is off; then
// its numbers are free. A manual cutover flips when somebody says so.
func TestAnExceptionDisarms(t *testing.T) {
	t.Parallel()
	p := openParty(t, 10)
	at := later()
	p.armed(at)
	p.does(anna, 2, 5, "orders", "tell", "o-1007", `{"event":"advanced","to":"jeopardy"}`)
	p.does(viv, 2, 4, "orders", "tell", "o-1007", `{"event":"exception_raised","exception":{"kind":"jeopardy","reason":"late"}}`)
	p.does(anna, 2, 0, "orders", "tell", "o-1007", `{"event":"exception_raised","exception":{"kind":"jeopardy","side":"losing","reason":"late by a day"}}`)
	got := answer[admin.Order](p, viv, 0, "orders", "show", "o-1007")
	if got.PortingState != "jeopardy" || got.Cutover != "" {
		t.Errorf("the order: %+v", got)
	}
	if c := answer[admin.Cutover](p, viv, 0, "cutovers", "c-7"); c.Phase != "cancelled" || len(c.Steps) != 0 || c.Revision != nil {
		t.Errorf("the cutover: %+v", c)
	}
	lab.Until(t, patience, "the records to say so", func() bool {
		return answer[admin.NumberPage](p, viv, 1, "numbers", "get", "+12025550003").Numbers[0].PortingState == "jeopardy"
	})
	p.does(anna, 0, 5, "arm", "c-7", "--yes")
	p.does(anna, 1, 0, "orders", "tell", "o-1007", `{"event":"exception_cleared","kind":"jeopardy","side":"losing","reason":"in time after all"}`)

	// The same again, by hand: another plan, other approvals.
	text, err := os.ReadFile(p.plan(at))
	if err != nil {
		t.Fatal(err)
	}
	before, after, _ := strings.Cut(string(text), "  mode: scheduled\n")
	_, after, _ = strings.Cut(after, "  rollback:")
	p.does(anna, 0, 0, "plan", p.file("manual.yaml", before+fmt.Sprintf("  mode: manual\n  on_close: page\n  window_open: %q\n  window_close: %q\n  rollback:",
		at.Add(-time.Hour).UTC().Format("2006-01-02T15:04:05"), at.Add(time.Hour).UTC().Format("2006-01-02T15:04:05"))+after)) // what was acknowledged stays so
	p.does(anna, 2, 0, "rehearse", "c-7")
	p.does(bo, 1, 0, "approve", "c-7", "--yes")
	p.does(anna, 0, 0, "arm", "c-7", "--yes")
	if c := answer[admin.Cutover](p, viv, 2, "cutovers", "c-7"); c.Phase != "armed" || len(c.Steps) != 0 {
		t.Errorf("armed without an instant: %+v", c)
	}
	p.does(anna, 1, 5, "move", "c-7", "--at", at.Add(5*time.Hour).UTC().Format(time.RFC3339), "--yes")
	p.does(anna, 1, 0, "move", "c-7", "--at", at.Add(time.Minute).UTC().Format(time.RFC3339), "--yes")
	p.does(anna, 2, 0, "flip", "c-7", "--yes")
	p.everywhere("the flip", "speakops")
}
