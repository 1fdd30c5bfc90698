package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/speakops/sipedge/configs"
	"github.com/speakops/sipedge/sipedge/admin"
)

func TestTokenPrintsWhatTheConfigurationWants(t *testing.T) {
	code, out, errs := call(t, "token", "ops-anna", "--role", "operator", "--json")
	var made struct{ Name, Role, Token, Hash string }
	if err := json.Unmarshal([]byte(out), &made); err != nil || code != exitOK || errs != "" {
		t.Fatalf("%d %s%s: %v", code, out, errs, err)
	}
	if made.Name != "ops-anna" || made.Role != "operator" || admin.Hash(made.Token) != made.Hash || len(made.Token) < admin.MinToken {
		t.Errorf("%+v", made)
	}
	if !(configs.AdminToken{Name: made.Name, Role: made.Role, Hash: made.Hash}).Usable() {
		t.Errorf("the configuration does not take the hash %s", made.Hash)
	}

	// The line it prints for people is taken by check as it is.
	t.Setenv("TOKEN_KEY", strings.Repeat("k", 32))
	_, out, _ = call(t, "token", "ops-bo", "--role", "approver")
	_, line, found := strings.Cut(out, "\n  - ")
	if !found {
		t.Fatalf("no line in\n%s", out)
	}
	file := write(t, good+"admin:\n  tokens:\n  - "+line)
	if code, out, errs := call(t, "check", "--config", file); code != exitOK || errs != "" {
		t.Errorf("%d %s%s", code, out, errs)
	}
	if code, _, _ := call(t, "token", "x", "--role", "boss"); code != exitUsage {
		t.Errorf("--role boss: %d", code)
	}
}

// A hash that can be nobody's lets nobody in, and does not keep the edge from
// its calls; above all it is not as if there were no tokens.
func TestATokenThatIsNoneLocksTheDoor(t *testing.T) {
	cfg := &configs.Edge{Admin: configs.Admin{Tokens: []configs.AdminToken{{Name: "anna", Role: "operator", Hash: "..."}}}}
	tokens, err := tokensOf(cfg)
	if err != nil || len(tokens) != 1 {
		t.Fatalf("%v, %v", tokens, err)
	}
	s, err := admin.Open(t.Context(), admin.Options{Address: "127.0.0.1:0", Tokens: tokens}, admin.Parts{Health: healthy{}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
}

type healthy struct{}

func (healthy) Health() admin.Report { return admin.Report{} }
