package integration

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/speakops/sipedge/integration/internal/checklist"
	"github.com/speakops/sipedge/integration/internal/lab"
)

// Every rule names tests that exist: whoever takes one away has to find another.
func TestEveryRuleHasItsTests(t *testing.T) {
	exist := map[string]bool{}
	fset := token.NewFileSet()
	err := filepath.WalkDir(lab.Root(), func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, "_test.go") {
			return err
		}
		f, err := parser.ParseFile(fset, name, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		dir, err := filepath.Rel(lab.Root(), filepath.Dir(name))
		for _, decl := range f.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil {
				exist[filepath.ToSlash(dir)+":"+fn.Name.Name] = true
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	broken, topics := map[string]bool{}, map[string]bool{}
	for _, b := range checklist.Breaks {
		broken[b.Topic] = true
		if !exist[b.Test] {
			t.Errorf("%s, %s: there is no %s", b.Topic, b.What, b.Test)
		}
	}
	for _, row := range checklist.Rows {
		if !broken[row.Topic] && checklist.Unbroken[row.Topic] == "" {
			t.Errorf("%s: nobody breaks the rule to see a test go red; add a Break", row.Topic)
		}
		topics[row.Topic] = true
		if len(row.Tests) == 0 {
			t.Errorf("%s: %s: no test", row.Topic, row.Rule)
		}
		for _, name := range row.Tests {
			if !exist[name] {
				t.Errorf("%s: %s: there is no %s", row.Topic, row.Rule, name)
			}
		}
	}
	for topic := range broken {
		if !topics[topic] {
			t.Errorf("a Break of %q, which no rule is about", topic)
		}
	}
}
