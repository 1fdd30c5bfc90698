package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const auditDecision = `{"schema":1,"kind":"decision","at":"2026-03-01T10:00:00.000000Z","edge":"EDGE","call":"CALL","sip_call_id":"x","branch":"z9hG4bK1","trunk":"t","source":"192.0.2.1:5060",` +
	`"public_number":"+12025550143","decision":"route","routing_authority":"SIDE","because":"record","revision":7,"earliest":"2026-03-01T10:00:00.000000000Z","latest":"2026-03-01T10:00:00.000000000Z"}` + "\n"

func auditFiles(t *testing.T, files map[string][]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, pairs := range files {
		text := ""
		for _, p := range pairs {
			text += strings.NewReplacer(strings.Split(p, " ")...).Replace(auditDecision)
		}
		os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// Records of two edges are read together; the pair that breaks a promise is
// shown, and the exit code says that there is one.
func TestAuditShowsThePair(t *testing.T) {
	dir := auditFiles(t, map[string][]string{
		"a/decisions.jsonl": {"EDGE a CALL c1 SIDE legacy"}, "b/decisions.jsonl": {"EDGE b CALL c2 SIDE speakops"},
	})
	code, out, _ := call(t, "audit", dir)
	if code != exitBroken || !strings.Contains(out, "both_sides: one INVITE") ||
		!strings.Contains(out, dir+"/a/decisions.jsonl:1\n    "+dir+"/b/decisions.jsonl:1") || !strings.Contains(out, "revision_disagrees") {
		t.Errorf("%d\n%s", code, out)
	}
	good := auditFiles(t, map[string][]string{"decisions-000001.jsonl": {"EDGE a CALL c1 SIDE legacy"}, "decisions.jsonl": {"EDGE a CALL c2 SIDE legacy z9hG4bK1 z9hG4bK2"}})
	os.WriteFile(filepath.Join(good, "cdr.jsonl"), []byte(`{"schema":1,"kind":"gap","gap":3}`+"\n"+`{"schema":1,"kind":"cdr","call":"c1","routing_authority":"legacy"}`+"\n{\"sch"), 0o644)
	code, out, _ = call(t, "audit", good)
	if code != exitOK || !strings.Contains(out, "no promise was broken") || !strings.Contains(out, "3 lines are missing") || !strings.Contains(out, "1 lines were not read") || !strings.Contains(out, "2 decisions (2 routed") {
		t.Errorf("%d\n%s", code, out)
	}
	if code, _, err := call(t, "audit", t.TempDir()); code != exitFailed || !strings.Contains(err, "no .jsonl files") {
		t.Errorf("%d %s", code, err)
	}
}
