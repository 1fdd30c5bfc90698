package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/speakops/sipedge/sipedge/admin"
	"github.com/speakops/sipedge/sipedge/admin/client"
)

const approver = "sipedge_approver_token_of_the_tests"

// at is a command line at the desk of a fleet, by somebody.
func at(t *testing.T, f *fleet) func(who string, want int, line string, args ...string) (out, errs string) {
	t.Helper()
	url := open(t, &house{}, f.resources()...)
	tokens := map[string]string{"viv": viewer, "anna": operator, "bo": approver}
	return func(who string, want int, line string, args ...string) (string, string) {
		t.Helper()
		code, out, errs := answering(t, "y\ny\n", append(append(strings.Fields(line), args...), "--edge", url, "--token", tokens[who])...)
		if code != want {
			t.Errorf("%s as %s: %d, want %d\n%s%s", line, who, code, want, out, errs)
		}
		return out, errs
	}
}

// The evening of a cutover, from plan to rollback, by two people.
func TestACutoverFromPlanToRollback(t *testing.T) {
	f := newFleet()
	do := at(t, f)
	var all strings.Builder
	show := func(who string, want int, line string, args ...string) {
		t.Helper()
		out, errs := do(who, want, line, args...)
		all.WriteString("$ cutoverctl " + line + " " + strings.Join(args, " ") + "   # " + who + "\n" + errs + out + "\n")
	}
	show("anna", exitOK, "store")
	show("viv", exitForbidden, "store init --yes --reason first")
	show("anna", exitOK, "store init --reason", "the first chain")
	show("anna", exitConflict, "store init --yes --reason again")
	show("viv", exitForbidden, "plan -")
	show("anna", exitFailed, "plan --order o-1007 --numbers +12025550100 --losing north --gaining speakops --customer cust-1 --window 2026-03-01T04:00/2026-03-01T06:00 --at 2026-03-01T05:00 --zone America/Chicago --foc 2")
	if want := `"window_open":"2026-03-01T04:00"`; !strings.Contains(f.told, want) || !strings.Contains(f.told, `"zone":"America/Chicago"`) {
		t.Errorf("the flags became %s", f.told)
	}
	show("viv", exitFailed, "lint c-7")
	show("anna", exitOK, "lint c-7 --acknowledge btn_in_partial_port --because", "the customer knows")
	show("anna", exitOK, "rehearse c-7")
	show("anna", exitConflict, "arm c-7")
	show("anna", exitForbidden, "approve c-7 --yes")
	show("bo", exitConflict, "approve c-7 --yes --digest", strings.Repeat("0", 64))
	show("bo", exitOK, "approve c-7")
	show("anna", exitOK, "arm c-7 --reason", "the window is open")
	show("anna", exitOK, "move c-7 --at 2026-03-01T11:30:00Z")
	show("viv", exitForbidden, "flip c-7 --yes")
	show("anna", exitOK, "flip c-7 --yes")
	show("viv", exitOK, "cutovers")
	show("anna", exitConflict, "rollback c-7")
	show("bo", exitOK, "approve c-7 --action rollback --yes")
	show("anna", exitOK, "rollback c-7 --yes --reason", "wrong side answers")
	show("viv", exitOK, "journal")
	show("viv", exitOK, "journal verify")
	f.broken = true
	show("viv", exitFailed, "journal verify")
	golden(t, "evening", all.String())
}

// An edge that is missing blocks, is named, and can be declared off.
func TestAMissingEdge(t *testing.T) {
	f := newFleet()
	f.empty, f.missing = false, true
	do := at(t, f)
	var all strings.Builder
	show := func(who string, want int, line string, args ...string) {
		t.Helper()
		out, errs := do(who, want, line, args...)
		all.WriteString("$ cutoverctl " + line + "\n" + errs + out + "\n")
	}
	show("bo", exitOK, "approve c-7 --yes")
	show("anna", exitFailed, "rehearse c-7")
	show("anna", exitConflict, "arm c-7 --yes")
	show("anna", exitUsage, "edges declare-off edge-2~9x4c --yes")
	show("viv", exitForbidden, "edges declare-off edge-2~9x4c --yes --reason dead")
	show("anna", exitFailed, "edges declare-off edge-3~aaaa --yes --reason dead")
	show("anna", exitOK, "edges declare-off edge-2~9x4c --yes --reason dead --stopped -10m")
	show("anna", exitOK, "arm c-7 --yes")
	golden(t, "missing", all.String())
	out, _ := do("viv", exitOK, "edges --json")
	if !strings.Contains(out, `"edge": "edge-2~9x4c"`) {
		t.Errorf("%s", out)
	}
	out, _ = do("viv", exitOK, "edges")
	golden(t, "fleet", out)
}

// Whoever says no, or is not there, changes nothing.
func TestNothingHappensWithoutAYes(t *testing.T) {
	f := newFleet()
	f.empty = false
	url := open(t, &house{}, f.resources()...)
	for _, line := range []string{"flip c-7", "cancel c-7", "move c-7 --at 2026-03-01T11:30:00Z", "approve c-7", "edges declare-off edge-2~9x4c --reason dead"} {
		for _, in := range []string{"n\n", "", "y\nn\n"} {
			if in == "y\nn\n" && !strings.Contains(line, "declare-off") {
				continue // is asked once
			}
			code, out, errs := answering(t, in, append(strings.Fields(line), "--edge", url, "--token", approver)...)
			if code != exitFailed || out != "" || !strings.Contains(errs, "nothing was done") {
				t.Errorf("%s, answered %q: %d %s%s", line, in, code, out, errs)
			}
		}
	}
	if len(f.log) != 0 {
		t.Errorf("done all the same: %v", f.log)
	}
}

func TestOrders(t *testing.T) {
	f := newFleet()
	do := at(t, f)
	list, _ := do("viv", exitOK, "orders")
	one, _ := do("viv", exitOK, "orders show o-1007")
	golden(t, "orders", list+"\n"+one)
	do("viv", exitFailed, "orders show o-1")
	event := filepath.Join(t.TempDir(), "event.json")
	if err := os.WriteFile(event, []byte(`{"event":"cancel_confirmed"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, arg := range []string{`{"event":"cancel_confirmed"}`, "@" + event} {
		f.told = ""
		do("anna", exitOK, "orders tell o-1007", arg)
		if f.told != `{"event":"cancel_confirmed"}` {
			t.Errorf("%s became %s", arg, f.told)
		}
	}
	do("anna", exitUsage, "orders tell o-1007", "nonsense")
	do("viv", exitForbidden, "orders tell o-1007 {}")
	file := filepath.Join(t.TempDir(), "plan.yaml")
	if err := os.WriteFile(file, []byte("order: { id: o-1007 }\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f.acks = "anna"
	if out, _ := do("anna", exitOK, "plan --dry-run", file); !strings.Contains(out, "dry run") || f.told != "order: { id: o-1007 }\n" || f.plan != 1 {
		t.Errorf("%q %s", f.told, out)
	}
	do("anna", exitUsage, "plan")
	do("anna", exitUsage, "plan --order x", file)
}

// The board shows what it knows, counts down by itself, and keeps the last
// picture when no news come.
func TestBoard(t *testing.T) {
	f := newFleet()
	f.empty = false
	url := open(t, &house{}, f.resources()...)
	c, err := client.New(client.Options{Edge: url, Token: viewer})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	b := &board{ctx: t.Context(), edge: c}
	if got := b.View(); !strings.HasPrefix(got, "asking ") {
		t.Errorf("before anything is known: %s", got)
	}
	var all strings.Builder
	look := func(what string, later time.Duration) {
		m, _ := b.Update(b.glance())
		b = m.(*board)
		m, _ = b.Update(tick(b.last.at.Add(later)))
		b = m.(*board)
		all.WriteString("--- " + what + "\n" + b.View())
	}
	look("planned", 0)
	f.missing, f.phase = true, "arming"
	look("arming", 1200*time.Millisecond)
	f.missing, f.phase = false, "armed"
	look("armed, at first", 0)
	look("and 59 min 30.5 s later", 59*time.Minute+30500*time.Millisecond)
	f.phase = "flipped"
	look("flipped", 0)
	c2, err := client.New(client.Options{Edge: "http://127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	b.edge = c2
	look("no news", 0)
	golden(t, "board", all.String())

	b.Update(tea.WindowSizeMsg{Width: 20})
	for line := range strings.Lines(b.View()) {
		if n := len([]rune(strings.TrimRight(line, "\n"))); n > 20 {
			t.Errorf("wider than the screen: %s", line)
		}
	}
	if _, cmd := b.Update(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("q")}); cmd == nil || cmd() != tea.Quit() {
		t.Error("q does not quit")
	}
}

// screen is what a terminal was sent.
type screen struct {
	mu   sync.Mutex
	text strings.Builder
}

func (s *screen) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(b)
}

func (s *screen) shows(t *testing.T, what string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		s.mu.Lock()
		ok := strings.Contains(s.text.String(), what)
		s.mu.Unlock()
		switch {
		case ok:
			return
		case time.Now().After(deadline):
			t.Fatalf("the screen never shows %q", what)
		}
	}
}

// The board as a program: it draws, draws anew when it hears of something, and
// leaves on q.
func TestTheBoardRuns(t *testing.T) {
	f := newFleet()
	f.empty = false
	bus := admin.NewBus()
	url := open(t, &house{}, append(f.resources(), admin.EventsOf(bus))...)
	c, err := client.New(client.Options{Edge: url, Token: viewer})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	in, keys := io.Pipe()
	defer in.Close()
	var out screen
	done := make(chan error, 1)
	go func() { done <- (&board{ctx: t.Context(), edge: c}).run(in, &out) }()
	out.shows(t, "planned")
	f.mu.Lock()
	f.phase = "armed"
	f.mu.Unlock()
	bus.Publish("cutover.armed", nil)
	out.shows(t, "speakops in 1h0m0s")
	if _, err := keys.Write([]byte("q")); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestWatchWantsATerminal(t *testing.T) {
	f := newFleet()
	do := at(t, f)
	if _, errs := do("viv", exitUsage, "status --watch"); !strings.Contains(errs, "terminal") {
		t.Error(errs)
	}
	if out, _ := do("viv", exitOK, "status c-7"); !strings.Contains(out, "planned") {
		t.Error(out)
	}
}

var _ = []any{admin.OrderDesk(&fleet{}), admin.CutoverReader(&fleet{}), admin.CutoverDesk(&fleet{}), admin.Fleet(&fleet{}), admin.Journal(&fleet{})}
