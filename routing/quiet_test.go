package routing

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// What the quiet packages may lean on: nothing that opens a socket, reads a
// clock or a file, logs or counts. Package time is there for its types; the
// calls that ask the clock are looked for one by one.
var quiet = map[string]bool{
	"bytes": true, "errors": true, "fmt": true, "math": true, "strconv": true, "strings": true,
	"sync": true, "sync/atomic": true, "time": true, "unique": true,
	"unsafe": true, "golang.org/x/sys/unix": true, "runtime": true, // for where large tables lie and how long, see pages_linux.go
	"github.com/speakops/sipedge/routing/e164": true,
}

var clocks = map[string]bool{
	"Now": true, "Since": true, "Until": true, "Sleep": true, "After": true, "AfterFunc": true, "Tick": true, "NewTimer": true, "NewTicker": true,
}

func TestRoutingIsQuiet(t *testing.T) {
	for _, dir := range []string{".", "e164"} {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatal(dir, err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			for _, spec := range parsed.Imports {
				if path, _ := strconv.Unquote(spec.Path.Value); !quiet[path] {
					t.Errorf("%s imports %s; this package is values in, values out", file, path)
				}
			}
			ast.Inspect(parsed, func(n ast.Node) bool {
				if s, ok := n.(*ast.SelectorExpr); ok {
					if x, ok := s.X.(*ast.Ident); ok && x.Name == "time" && clocks[s.Sel.Name] {
						t.Errorf("%s calls time.%s; instants come in as arguments", file, s.Sel.Name)
					}
				}
				return true
			})
		}
	}
}
