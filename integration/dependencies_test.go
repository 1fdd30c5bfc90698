package integration

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/speakops/sipedge/integration/internal/lab"
)

// Every module is named with one version, none is replaced by a fork or a folder,
// and go.sum holds what each must hash to. Versions below which something is known
// to be broken are named here; the nightly run asks govulncheck for the rest.
func TestDependenciesArePinned(t *testing.T) {
	cmd := exec.Command("go", "mod", "edit", "-json")
	cmd.Dir = lab.Root()
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var mod struct {
		Require []struct{ Path, Version string }
		Replace []struct{ Old struct{ Path string } }
	}
	if err := json.Unmarshal(out, &mod); err != nil {
		t.Fatal(err)
	}
	for _, r := range mod.Replace {
		t.Errorf("%s is replaced", r.Old.Path)
	}
	sums, err := os.ReadFile(filepath.Join(lab.Root(), "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	pinned := regexp.MustCompile(`^v\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+incompatible)?$`)
	least := map[string]string{"github.com/emiago/sipgo": "v1.7.2"} // before: panics in the parser
	for _, r := range mod.Require {
		if !pinned.MatchString(r.Version) {
			t.Errorf("%s %s is no single version", r.Path, r.Version)
		}
		if !strings.Contains(string(sums), r.Path+" "+r.Version+"/go.mod h1:") {
			t.Errorf("go.sum does not know %s %s", r.Path, r.Version)
		}
		if want := least[r.Path]; want != "" && r.Version < want {
			t.Errorf("%s %s is older than %s", r.Path, r.Version, want)
		}
	}
	if len(mod.Require) < 10 {
		t.Errorf("%d modules: go.mod was not read", len(mod.Require))
	}
}
