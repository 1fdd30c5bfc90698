package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
)

// A note decides whether an import goes on or begins anew.
func TestNumbersImportGoesOn(t *testing.T) {
	m := miniredis.RunT(t)
	const text = "public_number,routing_authority,customer_assignment\n+12025550143,legacy,acme\n"
	path := file(t, "n.csv", text)
	run := func(says string, code int, args ...string) {
		t.Helper()
		out, errs, got := numbers(t, append([]string{"import", path, "--redis", m.Addr()}, args...)...)
		if got != code || !strings.Contains(out+errs, says) {
			t.Fatalf("code %d, want %d and %q\n%s%s", got, code, says, out, errs)
		}
	}
	run("1 created", exitOK)
	var b begun
	remember := func(change func()) {
		t.Helper()
		change()
		note, err := json.Marshal(b)
		if err == nil {
			err = os.WriteFile(noteOf(path), note, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	since := uint64(time.Now().UnixMicro())
	time.Sleep(time.Millisecond)
	if out, errs, code := numbers(t, "set", "+12025550143", "customer_assignment=other", "--redis", m.Addr()); code != exitOK {
		t.Fatal(out, errs)
	}
	b = begun{SHA256: "another", Store: m.Addr() + " speakops", Operation: "import-x", Since: since}
	remember(func() {})
	run("was of other contents or for another Redis; this one begins anew", exitOK)
	if out, errs, code := numbers(t, "set", "+12025550143", "customer_assignment=other", "--redis", m.Addr()); code != exitOK {
		t.Fatal(out, errs)
	}
	_, sum, err := readRows(path, path)
	if err != nil {
		t.Fatal(err)
	}
	remember(func() { b.SHA256 = sum })
	run("this was a dry run", exitFailed, "--dry-run")
	run("somebody else changed the record", exitFailed)
	remember(func() { b.Operation = "import-y" })
	run("is forgotten; it begins anew", exitOK, "--restart")
	if err := os.WriteFile(noteOf(path), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	run("makes no sense and is replaced", exitOK)
	if _, err := os.Stat(noteOf(path)); err == nil {
		t.Error("the note stays")
	}
}
