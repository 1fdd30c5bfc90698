package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// call runs a command line with buffers in the place of a terminal.
func call(t *testing.T, args ...string) (code int, out, err string) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(t.Context(), args, streams{&o, &e})
	return code, o.String(), e.String()
}

func write(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "edge.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

const good = `
edge: { id: e, token_keys: [ "${TOKEN_KEY}" ] }
sip: { listen: [ { transport: udp, address: "192.0.2.1:5060" } ] }
trunks: [ { id: a, sources: [ "198.51.100.0/24" ] } ]
routes:
  - { id: l, authority: legacy, gateways: [ { id: g, uri: "sip:203.0.113.1" }, { id: h, uri: "sip:203.0.113.2" } ] }
  - { id: s, authority: speakops, gateways: [ { id: i, uri: "sip:203.0.113.3" } ] }
defaults: { legacy: l, speakops: s }
`

func TestCheckOfAGoodFileIsOneLine(t *testing.T) {
	t.Setenv("TOKEN_KEY", strings.Repeat("k", 32))
	file := write(t, good)
	code, out, err := call(t, "check", "--config", file)
	if want := file + ": ok: 1 listener, 1 trunk, 2 routes, 3 gateways\n"; code != exitOK || out != want || err != "" {
		t.Errorf("%d %q %q, want %q", code, out, err, want)
	}
}

func TestCheckMarksWarnings(t *testing.T) {
	t.Setenv("TOKEN_KEY", strings.Repeat("k", 32))
	file := write(t, good+"limits: { unknown_source: { cps: 1 } }\n")
	code, out, err := call(t, "check", "-c", file)
	if code != exitOK || !strings.HasSuffix(out, "3 gateways, 1 warning\n") || !strings.HasPrefix(err, file+":9: warning: limits.unknown_source.cps: ") {
		t.Errorf("%d %q %q", code, out, err)
	}
}

func TestCheckListsEveryMistakeAtOnce(t *testing.T) {
	file := write(t, strings.Replace(good, "id: a,", "id: a, profle: x,", 1)+"numbrs: {}\n")
	code, out, err := call(t, "check", "--config", file)
	if code != exitConfig || out != "" {
		t.Errorf("%d %q", code, out)
	}
	lines := strings.Split(strings.TrimSuffix(err, "\n"), "\n")
	want := []string{
		file + ":2: edge.token_keys[0]: the environment variable TOKEN_KEY is not set; set it for this process, or use file:PATH for a secret",
		file + ":4: trunks[a].profle: unknown key; did you mean profile?",
		file + ":9: numbrs: unknown key; did you mean numbers?",
		file + ": 3 mistakes; nothing was loaded",
	}
	if strings.Join(lines, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", err, strings.Join(want, "\n"))
	}
}

func TestCheckOfNoFile(t *testing.T) {
	code, _, err := call(t, "check", "--config", filepath.Join(t.TempDir(), "none.yaml"))
	if code != exitConfig || !strings.Contains(err, "none.yaml: no such file") || strings.Count(err, "\n") != 1 {
		t.Errorf("%d %q", code, err)
	}
}

func TestCommandLine(t *testing.T) {
	for _, c := range []struct {
		args []string
		code int
		out  string
		err  string
	}{
		{nil, exitOK, "Exit codes: 0 ok, 1 bad configuration", ""},
		{[]string{"--help"}, exitOK, "check", ""},
		{[]string{"check", "--help"}, exitOK, "--config=FILE", ""},
		{[]string{"check"}, exitUsage, "", "missing flags: --config=FILE"},
		{[]string{"chek"}, exitUsage, "", "see sipedge --help"},
		{[]string{"check", "--confg", "x"}, exitUsage, "", "--confg"},
		{[]string{"version"}, exitOK, "sipedge ", ""},
	} {
		code, out, err := call(t, c.args...)
		if code != c.code || !strings.Contains(out, c.out) || !strings.Contains(err, c.err) || (c.err == "" && err != "") {
			t.Errorf("%q: %d, out %q, err %q", c.args, code, out, err)
		}
	}
}
