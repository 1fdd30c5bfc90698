package main

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2"
)

// stocked is a store with three numbers.
func stocked(t *testing.T) (at *miniredis.Miniredis, redis []string) {
	t.Helper()
	m := miniredis.RunT(t)
	redis = []string{"--redis", m.Addr()}
	path := file(t, "stock.csv", "public_number,routing_authority,legacy_route,customer_assignment,override,override_until,override_reason,override_author\n"+
		"+12025550143,legacy,old,\"acme, \"\"inc\"\"\",,,,\n+12025550144,speakops,,acme,block,2099-01-01T00:00:00Z,spam,ann\n+12025550145,none,,,,,,\n")
	if out, errs, code := numbers(t, append([]string{"import", path}, redis...)...); code != exitOK {
		t.Fatalf("%d %s%s", code, out, errs)
	}
	return m, redis
}

func with(redis []string, args ...string) []string { return append(args, redis...) }

func TestNumbersExportIsWhatImportReads(t *testing.T) {
	_, redis := stocked(t)
	for _, name := range []string{"all.csv", "all.jsonl"} {
		path := filepath.Join(t.TempDir(), name)
		out, errs, code := numbers(t, with(redis, "export", path)...)
		if code != exitOK || errs != "" || !strings.Contains(out, "3 numbers") {
			t.Fatalf("%d %s%s", code, out, errs)
		}
		// The same store has nothing to do, an empty one everything.
		if out, _, code := numbers(t, with(redis, "import", path)...); code != exitOK || !strings.Contains(out, "3 unchanged") {
			t.Fatalf("%s: %d %s", name, code, out)
		}
		if out, _, code := numbers(t, with(redis, "diff", path)...); code != exitOK || !strings.Contains(out, "3 numbers, and the store says the same") {
			t.Fatalf("%s: %d %s", name, code, out)
		}
		// An empty one gets it back as it was, an override that runs already included.
		if _, errs, code := numbers(t, with(redis, "export", "--revisions", path)...); code != exitOK {
			t.Fatal(errs)
		}
		empty := []string{"--redis", miniredis.RunT(t).Addr()}
		if out, errs, code := numbers(t, with(empty, "reapply", path)...); code != exitOK || !strings.Contains(out, "3 created") {
			t.Fatalf("%s: %d %s%s", name, code, out, errs)
		}
		if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".export-*")); len(left) != 0 {
			t.Fatalf("left behind: %v", left)
		}
	}
	out, _, code := numbers(t, with(redis, "export")...)
	all, err := csv.NewReader(strings.NewReader(out)).ReadAll()
	if code != exitOK || err != nil || len(all) != 4 {
		t.Fatalf("%d %v\n%s", code, err, out)
	}
	if out, _, _ := numbers(t, with(redis, "export", "--json")...); strings.Count(out, "\n") != 3 || !strings.HasPrefix(out, `{"public_number": "+1202555014`) {
		t.Fatal(out)
	}
}

func TestNumbersExportNamesWhatItCannotRead(t *testing.T) {
	m, redis := stocked(t)
	m.HSet(key(m, "+12025550145"), "routing_authority", "nobody")
	path := filepath.Join(t.TempDir(), "all.csv")
	out, errs, code := numbers(t, with(redis, "export", path)...)
	if code != exitFailed || !strings.Contains(out, "2 numbers") || !strings.Contains(errs, "+12025550145") || !strings.Contains(errs, "1 record cannot be read") {
		t.Fatalf("%d %s%s", code, out, errs)
	}
	if text, _ := os.ReadFile(path); strings.Count(string(text), "\n") != 3 {
		t.Fatalf("%s", text)
	}
}

func key(m *miniredis.Miniredis, number string) string {
	for _, k := range m.Keys() {
		if strings.HasSuffix(k, ":"+number) {
			return k
		}
	}
	return ""
}

func TestNumbersRevisionsKeepWritersApart(t *testing.T) {
	_, redis := stocked(t)
	path := filepath.Join(t.TempDir(), "all.csv")
	if _, errs, code := numbers(t, with(redis, "export", "--revisions", path)...); code != exitOK {
		t.Fatal(errs)
	}
	if _, errs, code := numbers(t, with(redis, "set", "+12025550143", "legacy_route=theirs")...); code != exitOK {
		t.Fatal(errs)
	}
	out, errs, code := numbers(t, with(redis, "import", path)...)
	if code != exitFailed || !strings.Contains(errs, "+12025550143: conflict: expected revision") || !strings.Contains(out, "2 unchanged, 0 updated, 1 refused") {
		t.Fatalf("%d %s%s", code, out, errs)
	}
	bad := file(t, "bad.csv", "public_number,routing_authority,revision\n+12025550143,legacy,soon\n")
	if _, errs, code := numbers(t, with(redis, "import", bad)...); code != exitConfig || !strings.Contains(errs, "bad.csv:2: revision: found \"soon\", expected a revision") {
		t.Fatalf("%d %s", code, errs)
	}
}

func TestNumbersDiffAndReconcile(t *testing.T) {
	_, redis := stocked(t)
	path := file(t, "want.csv", "public_number,routing_authority,legacy_route\n+12025550143,legacy,new\n+12025550144,legacy,\n+12025550199,legacy,\n")
	out, errs, code := numbers(t, with(redis, "diff", path)...)
	want := "~ +12025550143: legacy_route is \"old\" in the store, \"new\" in the file\n" +
		"~ +12025550144: routing_authority is \"speakops\" in the store, \"legacy\" in the file\n" +
		"+ +12025550199: in the file, not in the store\n- +12025550145: in the store, not in the file\n"
	if code != exitFailed || out != want || !strings.Contains(errs, "want.csv: 4 differences") {
		t.Fatalf("%d\n%s%s", code, out, errs)
	}
	out, errs, code = numbers(t, with(redis, "reconcile", "--dry-run", "--delete", path)...)
	if code != exitFailed || !strings.HasPrefix(out, want) || !strings.Contains(out, "1 created, 0 unchanged, 1 updated, 1 refused; this was a dry run") ||
		!strings.Contains(out, "1 number would be deleted") || !strings.Contains(errs, "want.csv:3: +12025550144: routing_authority is speakops and cannot be edited to legacy; a number changes hands by `cutoverctl flip`") {
		t.Fatalf("%d\n%s%s", code, out, errs)
	}
	if again, _, _ := numbers(t, with(redis, "diff", path)...); again != want {
		t.Fatalf("a dry run wrote something:\n%s", again)
	}
	out, errs, code = numbers(t, with(redis, "reconcile", path)...)
	if code != exitFailed || !strings.Contains(out, "1 created, 0 unchanged, 1 updated, 1 refused in ") || !strings.Contains(out, "1 number in the store that the file does not have; left alone") {
		t.Fatalf("%d\n%s%s", code, out, errs)
	}
	right := file(t, "right.csv", "public_number,routing_authority,legacy_route\n+12025550143,legacy,new\n+12025550144,speakops,\n+12025550199,legacy,\n")
	if out, errs, code = numbers(t, with(redis, "reconcile", "--delete", right)...); code != exitOK || !strings.Contains(out, "right.csv: 1 deleted") {
		t.Fatalf("%d\n%s%s", code, out, errs)
	}
	if out, errs, code = numbers(t, with(redis, "diff", right)...); code != exitOK {
		t.Fatalf("%d\n%s%s", code, out, errs)
	}
}

func TestNumbersGetSetDelete(t *testing.T) {
	_, redis := stocked(t)
	out, errs, code := numbers(t, with(redis, "get", "+12025550144")...)
	revision := regexp.MustCompile(`"revision": "(\d{16})"`).FindStringSubmatch(out)
	if code != exitOK || errs != "" || revision == nil || !strings.Contains(out, `"override": "block"`) || !strings.Contains(out, `"override_until": "2099-01-01T00:00:00Z"`) {
		t.Fatalf("%d %s%s", code, out, errs)
	}
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"get", "+12025550199"}, exitFailed, "+12025550199: there is no record"},
		{[]string{"get", "0123"}, exitConfig, `"0123" is `},
		{[]string{"set", "+12025550144", "legacy_route=x", "--dry-run"}, exitOK, "+12025550144: updated; this was a dry run"},
		{[]string{"set", "+12025550144", "legacy_route=x", "--revision", revision[1]}, exitOK, "+12025550144: updated"},
		{[]string{"set", "+12025550144", "legacy_route=y", "--revision", revision[1]}, exitFailed, "conflict: expected revision " + revision[1]},
		{[]string{"set", "+12025550144", "legacy_route=x"}, exitOK, "+12025550144: unchanged"},
		{[]string{"set", "+12025550144", "routing_authority=legacy"}, exitFailed, "`cutoverctl flip`"},
		{[]string{"set", "+12025550144", "override="}, exitOK, "updated"},
		{[]string{"set", "+12025550144", "porting_state=draft"}, exitFailed, "porting_state cannot go from"},
		{[]string{"set", "+12025550144", "colour=red"}, exitConfig, `found field "colour", expected one of public_number`},
		{[]string{"set", "+12025550144", "legacy_route"}, exitConfig, `found "legacy_route", expected an assignment`},
		{[]string{"set", "+12025550150", "legacy_route=x"}, exitConfig, "routing_authority: found nothing, expected legacy, speakops or none"},
		{[]string{"set", "+12025550150", "routing_authority=legacy"}, exitOK, "+12025550150: created"},
		{[]string{"delete", "+12025550150", "--dry-run"}, exitOK, "+12025550150: deleted; this was a dry run"},
		{[]string{"delete", "+12025550150", "--revision", "7"}, exitFailed, "conflict: expected revision 7"},
		{[]string{"delete", "+12025550150", "+12025550151"}, exitOK, "+12025550150: deleted\n+12025550151: was not there"},
		{[]string{"get", "+12025550150"}, exitFailed, "there is no record"},
	} {
		out, errs, code := numbers(t, with(redis, c.args...)...)
		if code != c.code || !strings.Contains(out+errs, c.says) {
			t.Errorf("%v: code %d, want %d and %q\n%s%s", c.args, code, c.code, c.says, out, errs)
		}
	}
	for _, args := range [][]string{{"export"}, {"get", "+12025550143"}, {"set", "+12025550143", "lrn="}, {"delete", "+12025550143"}} {
		out, errs, code := numbers(t, append(args, "--redis", "127.0.0.1:1")...)
		if code != exitFailed || out != "" || !strings.Contains(errs, "connection refused") {
			t.Errorf("%v: code %d\n%s%s", args, code, out, errs)
		}
	}
}

func TestNumbersReapply(t *testing.T) {
	m, redis := stocked(t)
	path := filepath.Join(t.TempDir(), "lost.jsonl")
	if _, errs, code := numbers(t, with(redis, "export", "--revisions", path)...); code != exitOK {
		t.Fatal(errs)
	}
	if out, errs, code := numbers(t, with(redis, "reapply", path)...); code != exitOK || !strings.Contains(out, "0 created, 0 updated, 3 overruled") {
		t.Fatalf("%d %s%s", code, out, errs)
	}
	m.FlushAll()
	if out, errs, code := numbers(t, with(redis, "reapply", path)...); code != exitOK || !strings.Contains(out, "3 created, 0 updated, 0 overruled") {
		t.Fatalf("%d %s%s", code, out, errs)
	}
	if out, errs, code := numbers(t, with(redis, "diff", file(t, "x.csv", "public_number,routing_authority,legacy_route\n+12025550143,legacy,old\n+12025550144,speakops,\n+12025550145,none,\n"))...); code != exitOK {
		t.Fatalf("%d %s%s", code, out, errs)
	}
	without := file(t, "n.csv", "public_number,routing_authority\n+12025550143,legacy\n")
	if _, errs, code := numbers(t, with(redis, "reapply", without)...); code != exitConfig || !strings.Contains(errs, ":2: revision: found nothing, expected the revision that was lost") {
		t.Fatalf("%d %s", code, errs)
	}
}
