package integration

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/speakops/sipedge/integration/internal/lab"
)

// admitted gives people tokens of the edges of a laboratory, by their roles.
func admitted(l *lab.Lab, roles map[string]string) (tokens map[string]string) {
	tokens = map[string]string{}
	lines := ""
	for name, role := range roles {
		out, code := l.Run("token", name, "--role", role, "--json")
		var made struct{ Token, Hash string }
		if err := json.Unmarshal([]byte(out), &made); err != nil || code != 0 {
			l.T.Fatalf("token: %d %s", code, out)
		}
		tokens[name] = made.Token
		lines += fmt.Sprintf("\n    - { name: %s, role: %s, hash: %q }", name, role, made.Hash)
	}
	l.Edit("  listen: \"127.0.0.1:8080\"\n", "  listen: \"127.0.0.1:8080\"\n  tokens:"+lines+"\n")
	return tokens
}

// An operator with cutoverctl, an edge, and a Redis that only this edge may
// write: nothing here is in one process with anything else.
func TestDesk(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	tokens := admitted(l, map[string]string{"viv": "viewer", "anna": "operator"})
	l.Edit("  prefix: lab\n", "  prefix: lab\n  writer: { username: default, password: \"${SIPEDGE_LAB_KEY}\" }\n")
	l.Import()
	edge := l.Serve("edge")
	ctl := func(name string, want int, says string, args ...string) string {
		t.Helper()
		out, code := l.Cutoverctl(append(args, "--token", tokens[name])...)
		if code != want || !strings.Contains(out, says) {
			t.Errorf("cutoverctl %s as %s: %d, want %d and %q\n%s", strings.Join(args, " "), name, code, want, says, out)
		}
		return out
	}

	ctl("viv", 0, "ready", "status")
	ctl("viv", 0, "legacy-a", "gateways")
	ctl("viv", 4, "this needs operator", "reload")
	ctl("anna", 0, "in force", "reload")
	ctl("nobody", 4, "send a token", "status")

	// The very Decide: what explain foretells is what a call then meets.
	out := ctl("viv", 0, "route legacy via=legacy-a,legacy-b because=port_pending", "explain", legacyNumber, "--trunk", "qa")
	for _, step := range []string{"trunk ", "ready ", "number ", "override ", "record ", "route ", "decision ", "Another answer takes a cutover"} {
		if !strings.Contains(out, step) {
			t.Errorf("explain does not tell of %q\n%s", step, out)
		}
	}
	ctl("viv", 0, "answer        404", "explain", "+12025559999", "--trunk", "qa")
	ctl("viv", 0, "because=number_unknown", "explain", "+12025559999", "--at", "+48h") // how old the table is then, nobody knows
	ctl("viv", 1, "no trunk of this edge; it knows qa", "explain", legacyNumber, "--trunk", "qb")
	ctl("viv", 0, "reads as "+legacyNumber, "explain", strings.TrimPrefix(legacyNumber, "+1"), "--trunk", "qa")

	// An edit goes to Redis, comes back by the stream, and moves the next call.
	ctl("viv", 4, "this needs operator", "numbers", "set", legacyNumber, "legacy_route=elsewhere")
	ctl("anna", 1, "changes hands by `cutoverctl flip`", "numbers", "set", legacyNumber, "routing_authority=speakops")
	ctl("anna", 1, "legacy_root", "numbers", "set", legacyNumber, "legacy_root=elsewhere")
	ctl("anna", 0, "updated", "numbers", "set", legacyNumber, "customer_assignment=cust-9")
	lab.Until(t, 10*time.Second, "the edit to be followed", func() bool {
		out, _ := l.Cutoverctl("numbers", "get", legacyNumber, "--token", tokens["viv"])
		return strings.Contains(out, "cust-9")
	})
	ctl("anna", 5, "conflict", "numbers", "set", legacyNumber, "customer_assignment=cust-8", "--revision", "7")
	ctl("anna", 2, "add --yes", "numbers", "delete", legacyNumber)

	// What was decided and recorded would be decided again.
	gateway := l.Gateway("legacy-a", "uas_answered", 1)
	l.Call("uac_answered", legacyNumber, "legacy-a").Passed()
	gateway.Passed()
	edge.Decisions(1)
	records, err := filepath.Glob(filepath.Join(l.Dir, "edge.data", "records", "decisions*"))
	if err != nil || len(records) == 0 {
		t.Fatalf("no records: %v", err)
	}
	text, err := os.ReadFile(records[0])
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(l.Dir, "calls.jsonl")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if out := ctl("viv", 0, legacyNumber, "explain", "--file", file); strings.Contains(out, "otherwise") {
		t.Errorf("a recorded call would be decided otherwise\n%s", out)
	}
	if log := edge.Text(); !strings.Contains(log, `"actor":"anna"`) || strings.Contains(log, tokens["anna"]) {
		t.Error("the log does not name who changed something, or holds a token")
	}
}
