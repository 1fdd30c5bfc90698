package admin

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
)

// everything is every resource there is. None is asked for anything, so nobody
// has to stand behind it.
func everything() []Resource {
	return []Resource{
		StatusOf(nil), GatewaysOf(nil), TrunksOf(nil), LimitsOf(nil), OffendersOf(nil), LevelOf(nil), ReloadBy(nil), EventsOf(nil), BuildInfo(),
		ExplainBy(nil), NumbersIn(nil, nil), LostIn(nil, nil), CallsOf(nil),
		OrdersBy(nil), CutoversOf(nil), CutoversBy(nil), EvidenceBy(nil), FleetOf(nil), JournalOf(nil),
	}
}

// The document beside this file is the one that is served; `go test -update`
// writes it anew.
func TestTheDocumentIsCommitted(t *testing.T) {
	s, err := newServer(Options{}, Parts{Health: &house{}, Resources: everything()})
	if err != nil {
		t.Fatal(err)
	}
	w := s.ask(ask{path: "/openapi.yaml"})
	if *update {
		if err := os.WriteFile("openapi.yaml", w.Body.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if w.Code != 200 || w.Body.String() != string(want) {
		t.Errorf("openapi.yaml is not what is served (%d); read the difference after: go test ./sipedge/admin -run Document -update", w.Code)
	}
	if !strings.Contains(w.Body.String(), "openapi: 3.1.0") {
		t.Error("this is no OpenAPI 3.1")
	}
}

// Every function that makes a Resource is in the document.
func TestNoResourceIsLeftOutOfTheDocument(t *testing.T) {
	fset := token.NewFileSet()
	files := func(test bool) (all []*ast.File) {
		entries, err := fs.Glob(os.DirFS("."), "*.go")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range entries {
			if strings.HasSuffix(name, "_test.go") == test {
				f, err := parser.ParseFile(fset, name, nil, parser.SkipObjectResolution)
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, f)
			}
		}
		return all
	}
	var called []string
	for _, f := range files(true) {
		ast.Inspect(f, func(n ast.Node) bool {
			if d, ok := n.(*ast.FuncDecl); ok && d.Name.Name != "everything" {
				return false
			}
			if c, ok := n.(*ast.CallExpr); ok {
				if id, ok := c.Fun.(*ast.Ident); ok {
					called = append(called, id.Name)
				}
			}
			return true
		})
	}
	made := 0
	for _, f := range files(false) {
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || !fn.Name.IsExported() || fn.Type.Results == nil || len(fn.Type.Results.List) != 1 {
				continue
			}
			if id, ok := fn.Type.Results.List[0].Type.(*ast.Ident); !ok || id.Name != "Resource" {
				continue
			}
			if made++; !slices.Contains(called, fn.Name.Name) {
				t.Errorf("%s makes a resource that is not in everything()", fn.Name.Name)
			}
		}
	}
	if made == 0 {
		t.Error("no function makes a resource")
	}
}
