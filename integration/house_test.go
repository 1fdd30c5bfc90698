package integration

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/speakops/sipedge/integration/internal/lab"
)

const module = "github.com/speakops/sipedge"

// floors are the lines of the house, the lowest first. A package leans on its
// own line and on lines beneath it, never on one above. A name stands for its
// sub-packages too, unless one of them has a line of its own.
var floors = [][]string{
	{"routing/e164"},
	{"routing"},
	{"sipedge/call", "sipedge/message", "sipedge/profile", "sipedge/challenge", "ratelimit", "cutover", "sipedge/media/quality", "sipedge/media/sdp", "sipedge/media/sound", "sipedge/testline"},
	{"sipedge/media", "sipedge/testcall", "sipedge/transport", "sipedge/gateway", "sipedge/observe", "sipedge/records"},
	{"sipedge/admin", "routing/feed", "ratelimit/shared", "cutover/clock", "cutover/ledger", "configs"},
	{"cutover/runner"},
	{"cutover/runner/office"},
	{"sipedge"},
	{"cmd", "integration"},
}

// quiet packages take values and return values: the same arguments give the
// same answer, today and from a log line years later.
var quietPackages = []string{"routing", "routing/e164", "ratelimit", "cutover", "sipedge/call", "sipedge/message", "sipedge/message/token", "sipedge/profile", "sipedge/challenge", "sipedge/media/quality", "sipedge/media/sdp", "sipedge/media/sound", "sipedge/testline"}

// Rooms of quiet packages that talk to Redis, the disk or the clock.
var outerRooms = []string{"routing/feed", "ratelimit/shared", "cutover/clock", "cutover/ledger", "cutover/runner"}

// What a quiet package does not import, and why.
var loud = map[string]string{
	"net": "a socket", "net/http": "a socket", "crypto/tls": "a socket", "syscall": "the system", "golang.org/x/sys/unix": "the system",
	"os": "a file or the environment", "os/exec": "a process", "os/signal": "a signal", "io/ioutil": "a file",
	"log": "a logger", "log/slog": "a logger", "expvar": "a metric",
	"math/rand": "chance", "math/rand/v2": "chance", "crypto/rand": "chance",
}

// What a quiet package may import all the same: where a large table lies in memory
// changes no answer.
var excused = map[string]string{"routing": "golang.org/x/sys/unix"}

// Prefixes of modules with the same trouble.
var loudModules = map[string]string{
	"github.com/redis/": "Redis", "github.com/alicebob/miniredis": "Redis",
	"go.opentelemetry.io/": "telemetry", "github.com/prometheus/": "a metric", "golang.org/x/net": "a socket",
}

// Functions of package time that read the clock or wait for it.
var clock = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"}

// house is every package of the module by its folder, tests left out.
func house(t *testing.T) map[string][]*ast.File {
	t.Helper()
	pkgs := map[string][]*ast.File{}
	fset := token.NewFileSet()
	err := filepath.WalkDir(lab.Root(), func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") && name != lab.Root():
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		f, err := parser.ParseFile(fset, name, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		dir, err := filepath.Rel(lab.Root(), filepath.Dir(name))
		dir = filepath.ToSlash(dir)
		pkgs[dir] = append(pkgs[dir], f)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return pkgs
}

func imports(f *ast.File) []string {
	var all []string
	for _, s := range f.Imports {
		p, _ := strconv.Unquote(s.Path.Value)
		all = append(all, p)
	}
	return all
}

// floor is the line a package of this module stands on, by the longest name
// that covers it.
func floor(pkg string) (line int, found bool) {
	longest := -1
	for i, names := range floors {
		for _, name := range names {
			if (pkg == name || strings.HasPrefix(pkg, name+"/")) && len(name) > longest {
				line, longest = i, len(name)
			}
		}
	}
	return line, longest >= 0
}

func TestPackagesLeanOnlyDownwards(t *testing.T) {
	for pkg, files := range house(t) {
		mine, found := floor(pkg)
		if !found {
			t.Errorf("%s stands on no line of the plan: give it one in floors", pkg)
		}
		for _, f := range files {
			for _, p := range imports(f) {
				theirs, ours := strings.CutPrefix(p, module+"/")
				if !ours {
					continue
				}
				if line, _ := floor(theirs); line > mine {
					t.Errorf("%s leans on %s, which stands above it", pkg, theirs)
				}
				// The shape of a YAML file is nobody's business but the wiring's.
				if theirs == "configs" && mine < len(floors)-2 {
					t.Errorf("%s imports configs: let it take a small struct of its own", pkg)
				}
				if strings.HasPrefix(theirs, "cmd/") && !strings.HasPrefix(pkg, "cmd/") {
					t.Errorf("%s imports %s, which belongs to a command", pkg, theirs)
				}
			}
		}
	}
}

func TestQuietPackagesAreQuiet(t *testing.T) {
	pkgs := house(t)
	for _, pkg := range quietPackages {
		if len(pkgs[pkg]) == 0 {
			t.Errorf("no package %s: the list of quiet packages is out of date", pkg)
		}
	}
	for pkg, files := range pkgs {
		if !isQuiet(pkg) {
			continue
		}
		for _, f := range files {
			for _, p := range imports(f) {
				if why := noise(p); why != "" && excused[pkg] != p {
					t.Errorf("%s is quiet and imports %s, which means %s", pkg, p, why)
				}
				if theirs, ours := strings.CutPrefix(p, module+"/"); ours && !isQuiet(theirs) {
					t.Errorf("%s is quiet and imports %s, which is not", pkg, theirs)
				}
			}
			for _, call := range clockReads(f) {
				t.Errorf("%s is quiet and uses time.%s: let the caller bring the instant", pkg, call)
			}
		}
	}
}

// isQuiet covers the sub-packages too, but for the outer rooms.
func isQuiet(pkg string) bool {
	within := func(room string) bool { return pkg == room || strings.HasPrefix(pkg, room+"/") }
	return slices.ContainsFunc(quietPackages, within) && !slices.ContainsFunc(outerRooms, within)
}

func noise(p string) string {
	if why := loud[p]; why != "" {
		return why
	}
	for prefix, why := range loudModules {
		if strings.HasPrefix(p, prefix) {
			return why
		}
	}
	return ""
}

// clockReads lists uses of the clock, under whatever name time was imported.
func clockReads(f *ast.File) []string {
	name := ""
	for _, s := range f.Imports {
		if s.Path.Value == `"time"` {
			name = "time"
			if s.Name != nil {
				name = s.Name.Name
			}
		}
	}
	if name == "" {
		return nil
	}
	var found []string
	ast.Inspect(f, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if id, ok := sel.X.(*ast.Ident); ok && id.Name == name && slices.Contains(clock, sel.Sel.Name) {
			found = append(found, sel.Sel.Name)
		}
		return true
	})
	if name == "." {
		found = append(found, "* (dot import)")
	}
	return found
}

func TestEveryPackageSaysWhatItAnswers(t *testing.T) {
	for pkg, files := range house(t) {
		doc := ""
		for _, f := range files {
			if f.Doc != nil {
				doc += f.Doc.Text()
			}
		}
		switch {
		case doc == "":
			t.Errorf("%s has no package comment", pkg)
		case files[0].Name.Name == "main":
			if want := "Command " + path.Base(pkg); !strings.HasPrefix(doc, want) {
				t.Errorf("%s: the comment of a command opens with %q, not %q", pkg, want, firstLine(doc))
			}
		case !strings.HasPrefix(doc, "Package "+files[0].Name.Name+" ") || !strings.Contains(doc, "?"):
			t.Errorf("%s: the package comment opens with the question it answers, not %q", pkg, firstLine(doc))
		}
	}
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

func TestTopLevelHoldsOnlyThePlan(t *testing.T) {
	plan := []string{"cmd", "sipedge", "routing", "cutover", "ratelimit", "configs", "integration", "go.mod", "go.sum", "README.md"}
	entries, err := os.ReadDir(lab.Root())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !slices.Contains(plan, e.Name()) && !strings.HasPrefix(e.Name(), ".") {
			t.Errorf("%s stands at the top level: everything but %s belongs beneath one of them", e.Name(), strings.Join(plan, ", "))
		}
	}
}

// files lists the names in a folder beside this one that end in suffix.
func files(t *testing.T, dir, suffix string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), suffix) {
			names = append(names, e.Name())
		}
	}
	if len(names) == 0 {
		t.Fatal(fmt.Errorf("no %s in %s", suffix, dir))
	}
	return names
}
