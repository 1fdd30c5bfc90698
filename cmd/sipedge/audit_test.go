package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/speakops/sipedge/cutover"
	"github.com/speakops/sipedge/cutover/ledger"
	"github.com/speakops/sipedge/cutover/runner"
	"github.com/speakops/sipedge/routing"
	"github.com/speakops/sipedge/routing/e164"
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

// chainFiles writes what an edge keeps of the fleet: its copy of the journal, in
// which the number goes to SpeakOps at ten, and the list that this speaks of.
func chainFiles(t testing.TB, dir string) {
	t.Helper()
	n, err := e164.Parse("+12025550143")
	if err != nil {
		t.Fatal(err)
	}
	list, err := cutover.NewList([]routing.PublicNumber{n})
	if err != nil {
		t.Fatal(err)
	}
	cut := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	rev := &cutover.Revision{
		ID: "000102030405060708090a0b0c0d0e0f", Number: 1, Members: []cutover.MemberID{"a~0123456789ABCDEFGHJKMNPQRS"},
		Schedule: []cutover.Cutover{{ID: "c-7", List: list.ID(), Count: 1, First: routing.Legacy, Turns: []routing.Turn{{At: cut, Authority: routing.SpeakOps}}}},
		Fleet:    cutover.Fleet{Guard: time.Second, Lead: 2 * time.Second, PrepareTimeout: 5 * time.Second},
	}
	body, err := rev.Encode()
	if err != nil {
		t.Fatal(err)
	}
	text, before := "", ""
	for i, fields := range [][][2]string{
		{{"kind", "generation"}}, {{"kind", "proposed"}, {"revision", string(rev.ID)}, {"body", string(body)}},
		{{"kind", "committed"}, {"revision", string(rev.ID)}, {"number", "1"}, {"because", "unanimous"}},
	} {
		fields = append(fields, [2]string{"at", fmt.Sprint(cut.Add(-time.Minute).UnixMicro())})
		e := ledger.Entry{ID: fmt.Sprintf("1-%d", i+1), Previous: before, Fields: fields}
		e.Hash = e.Sum()
		line, err := json.Marshal(runner.LineOf(&e))
		if err != nil {
			t.Fatal(err)
		}
		text, before = text+string(line)+"\n", e.Hash
	}
	os.MkdirAll(filepath.Join(dir, "cutover", "lists"), 0o755)
	for name, what := range map[string]string{"cutover/store-journal.jsonl": text, "cutover/lists/" + string(list.ID()) + ".numbers": string(list.Encode())} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(what), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// A data_dir has the journal beside the records: a call is held against it, and
// the flip is shown with the calls next to it.
func TestAuditByTheJournal(t *testing.T) {
	at := func(second string) string { return "2026-03-01T10:00:00.000000000Z 2026-03-01T" + second + "Z" }
	dir := auditFiles(t, map[string][]string{"a/records/decisions.jsonl": {
		`EDGE a CALL c1 SIDE legacy "record" "before_cut" "revision":7 "revision":1 z9hG4bK1 b1 ` + at("09:59:59.5"),
		`EDGE a CALL c2 SIDE speakops "record" "cut" "revision":7 "revision":1 z9hG4bK1 b2 ` + at("10:00:00.25"),
	}})
	chainFiles(t, filepath.Join(dir, "a"))
	code, out, errs := call(t, "audit", dir)
	if code != exitOK || !strings.Contains(out, "1 revision committed, 1 flip; 2 calls held against them") ||
		!strings.Contains(out, "c-7 to speakops at 2026-03-01 10:00:00.000000Z  last call before -500.000 ms (a)  first after +250.000 ms (a)") ||
		!strings.Contains(out, "porcupine: the history of 1 number is that of one register") {
		t.Errorf("%d\n%s%s", code, out, errs)
	}
	late := auditFiles(t, map[string][]string{"b/records/decisions.jsonl": {`EDGE b CALL c3 SIDE legacy z9hG4bK1 b3 ` + at("10:00:01")}})
	code, out, errs = call(t, "audit", dir, late)
	if code != exitBroken || !strings.Contains(out, "P1 not_the_holder: +12025550143 was carried by legacy") || !strings.Contains(errs, "promises were broken 2 times") || !strings.Contains(out, "P2 no_single_instant") {
		t.Errorf("%d\n%s%s", code, out, errs)
	}
	// A list that is not what its name says is no evidence.
	lists, _ := filepath.Glob(filepath.Join(dir, "a/cutover/lists/*"))
	os.WriteFile(lists[0], []byte("+12025550144\n"), 0o644)
	if code, _, errs := call(t, "audit", dir); code != exitFailed || !strings.Contains(errs, "take another edge's copy") {
		t.Errorf("%d %s", code, errs)
	}
}

// With a configuration, a trunk that may not choose a side is found out.
func TestAuditKnowsWhomATrunkTrusts(t *testing.T) {
	dir := auditFiles(t, map[string][]string{"decisions.jsonl": {`EDGE a CALL c1 SIDE speakops "record" "test_override" "revision":7 "forced":"speakops","revision":7`}})
	if code, out, _ := call(t, "audit", dir); code != exitOK || !strings.Contains(out, "1 call by the exception test_override") {
		t.Errorf("%d\n%s", code, out)
	}
	config := filepath.Join(t.TempDir(), "edge.yaml")
	text, err := os.ReadFile("../../configs/minimal.yaml")
	if err != nil {
		t.Fatal(err)
	}
	os.WriteFile(config, text, 0o644)
	if code, out, errs := call(t, "audit", dir, "--config", config); code != exitBroken || !strings.Contains(out, "exception_unfounded") || !strings.Contains(out, "not trusted to choose a side") {
		t.Errorf("%d\n%s%s", code, out, errs)
	}
}
