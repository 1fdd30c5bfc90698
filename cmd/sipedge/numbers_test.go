package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/alicebob/miniredis/v2"
)

// numbers runs `sipedge numbers` with args and says what came of it.
func numbers(t *testing.T, args ...string) (out, errs string, code int) {
	t.Helper()
	var o, e bytes.Buffer
	s := streams{&o, &e}
	var cmd NumbersCmd
	parser, err := kong.New(&cmd, kong.BindTo(context.Background(), (*context.Context)(nil)), kong.Bind(s), kong.Exit(func(int) {}))
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		return "", err.Error(), exitUsage
	}
	code = report(parsed.Run(), &e)
	return o.String(), e.String(), code
}

func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestNumbersImport(t *testing.T) {
	m := miniredis.RunT(t)
	path := file(t, "n.csv", "public_number,routing_authority\n+12025550143,legacy\n+12025550144,speakops\n")
	for _, c := range []struct {
		args  []string
		out   string
		lines int
	}{
		{[]string{"--dry-run"}, "+ +12025550143: in the file, not in the store\n+ +12025550144: in the file, not in the store\n", 3},
		{[]string{"--dry-run"}, ": 2 created, 0 unchanged, 0 updated, 0 refused; this was a dry run, nothing was written", 3},
		{nil, ": 2 created, 0 unchanged, 0 updated, 0 refused in ", 1},
		{nil, ": 0 created, 2 unchanged, 0 updated, 0 refused; the store said all that already, nothing was written", 1},
	} {
		out, errs, code := numbers(t, append([]string{"import", path, "--redis", m.Addr()}, c.args...)...)
		if code != exitOK || errs != "" || !strings.Contains(out, c.out) || strings.Count(out, "\n") != c.lines {
			t.Fatalf("%v: code %d\n%s%s", c.args, code, out, errs)
		}
	}
	for _, key := range m.Keys() {
		if !strings.HasPrefix(key, "speakops:n:{p") {
			t.Errorf("key %q", key)
		}
	}
	flip := file(t, "flip.csv", "public_number,routing_authority\n+12025550143,speakops\n+12025550145,legacy\n")
	out, errs, code := numbers(t, "import", flip, "--redis", "redis://"+m.Addr()+"/0")
	if code != exitFailed || !strings.Contains(errs, "flip.csv:2: +12025550143: routing_authority is legacy and cannot be edited to speakops; a number changes hands by `cutoverctl flip`") ||
		!strings.Contains(out, "1 created, 0 unchanged, 0 updated, 1 refused") {
		t.Fatalf("code %d\n%s%s", code, out, errs)
	}
}

func TestNumbersImportWritesNothingOfABadFile(t *testing.T) {
	m := miniredis.RunT(t)
	path := file(t, "n.csv", "public_number,routing_authority\n+12025550143,legacy\n0123,legacy\n")
	out, errs, code := numbers(t, "import", path, "--redis", m.Addr())
	if code != exitConfig || out != "" || !strings.Contains(errs, path+":3: public_number: ") || !strings.Contains(errs, "1 mistake; nothing was written") {
		t.Fatalf("code %d\n%s%s", code, out, errs)
	}
	if keys := m.Keys(); len(keys) != 0 {
		t.Fatalf("written: %v", keys)
	}
	for _, args := range [][]string{
		{"import", filepath.Join(t.TempDir(), "none.csv"), "--redis", m.Addr()},
		{"import", file(t, "n.csv", "public_number,routing_authority\n"), "--redis", m.Addr()},
		{"import", file(t, "n.csv", "public_number,routing_authority\n+12025550143,legacy\n"), "--redis", m.Addr(), "--prefix", "a b"},
		{"import", file(t, "n.csv", "public_number,routing_authority\n+12025550143,legacy\n"), "--redis", "ftp://secret@x"},
	} {
		if out, errs, code := numbers(t, args...); code != exitConfig || strings.Contains(errs, "secret") {
			t.Errorf("%v: code %d\n%s%s", args, code, out, errs)
		}
	}
	if _, _, code := numbers(t, "import", path); code != exitUsage {
		t.Errorf("neither --config nor --redis: code %d", code)
	}
}

func TestNumbersImportSaysThatRedisIsAway(t *testing.T) {
	path := file(t, "n.csv", "public_number,routing_authority\n+12025550143,legacy\n")
	out, errs, code := numbers(t, "import", path, "--redis", "127.0.0.1:1")
	if code != exitFailed || out != "" || strings.Count(errs, "\n") != 1 ||
		!strings.Contains(errs, "redis at 127.0.0.1:1: nothing listens there (connection refused); start redis-server, or correct the address; nothing was written") {
		t.Fatalf("code %d\n%s%s", code, out, errs)
	}
}

func TestNumbersImportByConfiguration(t *testing.T) {
	m := miniredis.RunT(t)
	minimal, err := os.ReadFile("../../configs/minimal.yaml")
	if err != nil {
		t.Fatal(err)
	}
	config := file(t, "edge.yaml", string(minimal)+"redis: { addresses: [ \""+m.Addr()+"\" ], prefix: mine }\n")
	path := file(t, "n.jsonl", `{"public_number": "+12025550143", "routing_authority": "none"}`)
	out, errs, code := numbers(t, "import", path, "--config", config)
	if code != exitOK || !strings.Contains(out, "1 created") {
		t.Fatalf("code %d\n%s%s", code, out, errs)
	}
	if keys := m.Keys(); len(keys) != 5 || !strings.HasPrefix(keys[0], "mine:n:{p") {
		t.Fatalf("keys: %v", keys)
	}
	if _, errs, code := numbers(t, "import", path, "--config", file(t, "bad.yaml", "nonsense: 1\n")); code != exitConfig || !strings.Contains(errs, "bad.yaml") {
		t.Fatalf("code %d\n%s", code, errs)
	}
}
