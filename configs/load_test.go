package configs

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

// host is an environment and a disk that are the same on every machine.
type host struct {
	env   map[string]string
	files map[string]string
}

func newHost(t *testing.T) host {
	t.Helper()
	cert, key := certificate(t)
	_, other := certificate(t)
	return host{
		env: map[string]string{"PASSWORD": "hunter2", "REDIS_PASSWORD": "hunter2", "EMPTY": "", "ADDRESS": "192.0.2.1:5060"},
		files: map[string]string{
			"/good.crt": cert, "/good.key": key, "/other.key": other, "/empty": "\n", "/not-a-certificate": "hunter2",
			"/token.key": strings.Repeat("k", 32), "/short.key": "hunter2", "/sentinel.password": "hunter2\n", "/webhook.secret": "hunter2\n",
			"/etc/sipedge/token.key": strings.Repeat("ab", 32) + "\n", "/etc/sipedge/tls.crt": cert, "/etc/sipedge/tls.key": key,
			"/etc/sipedge/trunks-ca.crt": cert, "/etc/sipedge/legacy-ca.crt": cert, "/etc/sipedge/redis-writer.password": "hunter2\n",
		},
	}
}

func (h host) parse(name, text string) (*Edge, []Warning, error) {
	return Parse(name, []byte(text),
		func(name string) (string, bool) { v, ok := h.env[name]; return v, ok },
		func(name string) ([]byte, error) {
			if text, ok := h.files[name]; ok {
				return []byte(text), nil
			}
			return nil, &os.PathError{Op: "open", Path: name, Err: os.ErrNotExist}
		})
}

func read(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no file is like %s: %v", pattern, err)
	}
	return files
}

func TestEveryExampleLoads(t *testing.T) {
	h := newHost(t)
	for _, file := range append(glob(t, "*.yaml"), "testdata/every-key.yaml") {
		edge, _, err := h.parse(file, read(t, file))
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		if _, err := edge.CompileProfiles(); err != nil {
			t.Errorf("%s: %v", file, err)
		}
		if _, err := edge.Edge.Keys(); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}

// The examples are where an operator looks for a key, so no key may be missing.
func TestExamplesShowEveryKey(t *testing.T) {
	h := newHost(t)
	seen := map[string]bool{}
	for _, file := range []string{"edge.example.yaml", "testdata/every-key.yaml"} {
		d := newDecoder(file, func(n string) (string, bool) { return "hunter2", true },
			func(n string) ([]byte, error) { return []byte(h.files[n]), nil })
		d.document([]byte(read(t, file)), Default())
		for path := range d.lines {
			seen[indexed.ReplaceAllString(path, "[]")] = true
		}
	}
	var walk func(v reflect.Type, path string)
	walk = func(v reflect.Type, path string) {
		switch _, scalar := parsers[v]; {
		case v.Kind() == reflect.Pointer:
			walk(v.Elem(), path)
		case v.Kind() == reflect.Slice:
			walk(v.Elem(), path+"[]")
		case v.Kind() == reflect.Struct && !scalar:
			for _, key := range keysOf(v) {
				f, _ := fieldOf(v, key)
				walk(v.Field(f).Type, under(path, key))
			}
		case !seen[path]:
			t.Errorf("no example shows %s", path)
		}
	}
	walk(reflect.TypeFor[Edge](), "")
}

func TestMistakes(t *testing.T) {
	h := newHost(t)
	for _, file := range glob(t, "testdata/bad/*.yaml") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			edge, warnings, err := h.parse(filepath.Base(file), read(t, file))
			var mistakes Mistakes
			if !errors.As(err, &mistakes) || edge != nil {
				t.Fatalf("wants Mistakes and no Edge, got %T and %v", err, edge)
			}
			if !slices.IsSortedFunc(mistakes, func(a, b Mistake) int { return a.Line - b.Line }) {
				t.Error("not sorted by line")
			}
			for _, m := range mistakes {
				if m.Problem == "" {
					t.Errorf("%v says nothing", m)
				}
				if m.Line < 0 || m.Line > strings.Count(read(t, file), "\n") {
					t.Errorf("%v: there is no such line", m)
				}
			}
			got := err.Error() + "\n"
			for _, w := range warnings {
				got += w.String() + "\n"
			}
			golden(t, strings.TrimSuffix(file, ".yaml")+".golden", got)
		})
	}
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if strings.Contains(got, "hunter2") {
		t.Errorf("a secret is shown:\n%s", got)
	}
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want := read(t, file); got != want {
		t.Errorf("%s (go test -update writes it anew)\n--- got\n%s--- want\n%s", file, got, want)
	}
}

// What this build does not do must be said, each time and at its line.
func TestWhatIsNotCarriedOutIsSaid(t *testing.T) {
	h := newHost(t)
	_, warnings, err := h.parse("every-key.yaml", read(t, "testdata/every-key.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for _, w := range warnings {
		fmt.Fprintln(&got, w)
	}
	golden(t, "testdata/every-key.golden", got.String())
}

func TestLoadResolvesBesideTheFile(t *testing.T) {
	dir := t.TempDir()
	cert, key := certificate(t)
	for name, text := range map[string]string{
		"tls.crt": cert, "tls.key": key, "token.key": strings.Repeat("\n", 32),
		"edge.yaml": `
edge: { id: e, data_dir: data, token_keys: [ "file:token.key" ] }
sip: { listen: [ { transport: tls, address: "127.0.0.1:5061", cert: tls.crt, key: "file:tls.key", client_ca: tls.crt } ] }
trunks: [ { id: a, sources: [ "127.0.0.1" ] } ]
routes: [ { id: l, authority: legacy, gateways: [ { id: g, uri: "sip:192.0.2.7" } ] } ]
defaults: { legacy: l }
`} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	edge, _, err := Load(filepath.Join(dir, "edge.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if edge.Edge.DataDir != filepath.Join(dir, "data") {
		t.Errorf("data_dir is %s", edge.Edge.DataDir)
	}
	// From here on the working folder no longer matters.
	t.Chdir(t.TempDir())
	if c, err := edge.SIP.Listen[0].ServerConfig(); err != nil || len(c.Certificates) != 1 || c.ClientCAs == nil {
		t.Errorf("the listener's TLS: %v", err)
	}
	keys, err := edge.Edge.Keys()
	if err != nil || keys[0] != [32]byte([]byte(strings.Repeat("\n", 32))) {
		t.Errorf("a raw key of line ends: %v %v", keys, err)
	}
}

func TestLoadSaysThatAFileIsMissing(t *testing.T) {
	_, _, err := Load(filepath.Join(t.TempDir(), "none.yaml"))
	if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "none.yaml") {
		t.Errorf("got %v", err)
	}
}

func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"*.yaml", "testdata/*.yaml", "testdata/bad/*.yaml"} {
		files, _ := filepath.Glob(pattern)
		for _, file := range files {
			data, _ := os.ReadFile(file)
			f.Add(string(data))
		}
	}
	h := host{env: map[string]string{"PASSWORD": "hunter2"}}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "hunter2") {
			return
		}
		edge, warnings, err := h.parse("fuzz.yaml", text)
		if (edge == nil) == (err == nil) {
			t.Fatal("an edge or an error, one of the two")
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Fatalf("a secret is shown: %v", err)
		}
		for _, w := range warnings {
			if strings.Contains(w.String(), "hunter2") {
				t.Fatalf("a secret is shown: %v", w)
			}
		}
	})
}
