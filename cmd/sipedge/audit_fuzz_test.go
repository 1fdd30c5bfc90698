package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/speakops/sipedge/cutover/audit"
)

// FuzzEvidence feeds an auditor whatever files may hold: it says what it finds, and
// the same of the same lines.
func FuzzEvidence(f *testing.F) {
	f.Add(auditDecision + strings.Replace(auditDecision, "SIDE", "speakops", 1) + `{"schema":1,"kind":"gap","gap":3}`)
	f.Add(`{"schema":1,"kind":"cdr","call":"CALL","routing_authority":"speakops","because":"fallback_after_cut","attempts":[{"gateway":"l1","code":503}]}` + "\n" + auditDecision)
	f.Add(`{"list":"x","numbers":["+12025550143"]}` + "\n" + `{"id":"1-1","previous":"","hash":"00","fields":[["kind","generation"]]}`)
	dir := f.TempDir()
	chainFiles(f, dir)
	journal, err := os.ReadFile(filepath.Join(dir, "cutover", "store-journal.jsonl"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(journal) + strings.NewReplacer("SIDE", "legacy", "record", "before_cut", `"revision":7`, `"revision":1`).Replace(auditDecision))
	f.Fuzz(func(t *testing.T, text string) {
		once, again := audited(text), audited(text)
		if once != again {
			t.Fatalf("\n%s\n%s", once, again)
		}
	})
}

func audited(text string) string {
	a := audit.New(nil)
	a.List("a list", []string{"+12025550143"})
	for one := range strings.Lines(text) {
		var l line
		if json.Unmarshal([]byte(one), &l) == nil {
			l.feed("here", a)
		}
	}
	findings, totals := a.Findings()
	said, _ := json.Marshal(findings)
	counts, _ := json.Marshal(totals)
	return string(said) + string(counts)
}
