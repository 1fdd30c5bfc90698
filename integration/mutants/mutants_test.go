package mutants

import (
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/speakops/sipedge/integration/internal/checklist"
	"github.com/speakops/sipedge/integration/internal/lab"
)

// TestEveryRuleIsHeld takes the rules away one by one. Where the source has changed
// so that a rule is not found any more, breaks.go wants the new text.
func TestEveryRuleIsHeld(t *testing.T) {
	t.Run("whole", func(t *testing.T) {
		whole := map[string][]string{}
		for _, b := range checklist.Breaks {
			pkg, name, _ := strings.Cut(b.Test, ":")
			if !slices.Contains(whole[pkg], name) {
				whole[pkg] = append(whole[pkg], name)
			}
		}
		for _, pkg := range slices.Sorted(maps.Keys(whole)) {
			if out, err := run(pkg, strings.Join(whole[pkg], "|")); err != nil {
				t.Fatalf("with every rule in place %s is red: %v\n%s", pkg, err, out)
			}
		}
	})
	if t.Failed() {
		return
	}
	for _, b := range checklist.Breaks {
		t.Run(strings.ReplaceAll(b.Topic+" "+b.What, "/", " "), func(t *testing.T) {
			overlay := without(t, b)
			pkg, name, _ := strings.Cut(b.Test, ":")
			out, err := run(pkg, name, "-overlay", overlay)
			switch {
			case strings.Contains(out, "[build failed]") || strings.Contains(out, "[setup failed]"):
				t.Errorf("it does not build any more, which shows nothing:\n%s", out)
			case err == nil:
				t.Errorf("%s is green without the rule", b.Test)
			case !strings.Contains(out, "--- FAIL") && !strings.Contains(out, "panic"):
				t.Errorf("it ended with %v, and not with a failed test:\n%s", err, out)
			}
		})
	}
}

// without writes the file without its rule, and the overlay that names it.
func without(t *testing.T, b checklist.Break) (overlay string) {
	t.Helper()
	file := filepath.Join(lab.Root(), filepath.FromSlash(b.File))
	source, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(source), b.Old); n != 1 {
		t.Fatalf("%s has this %d times, want once; if the rule is written in another way now, write that into breaks.go:\n%s", b.File, n, b.Old)
	}
	dir := t.TempDir()
	changed, overlay := filepath.Join(dir, "changed.go"), filepath.Join(dir, "overlay.json")
	text, err := json.Marshal(map[string]map[string]string{"Replace": {file: changed}})
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{changed: strings.Replace(string(source), b.Old, b.New, 1), overlay: string(text)} {
		if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return overlay
}

// run runs one package's tests of some names.
func run(pkg, names string, flags ...string) (string, error) {
	args := append([]string{"test", "-count=1", "-vet=off", "-timeout", "120s", "-run", "^(" + names + ")$"}, flags...)
	cmd := exec.Command("go", append(args, "./"+pkg)...)
	cmd.Dir = lab.Root()
	out, err := cmd.CombinedOutput()
	return string(out), err
}
