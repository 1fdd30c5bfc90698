package lab

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
)

// Cutoverctl builds the operator's command once per test process.
var Cutoverctl = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "cutoverctl-lab-")
	if err != nil {
		return "", err
	}
	bin := filepath.Join(dir, "cutoverctl")
	cmd := exec.Command("go", "build", "-o", bin, "./cmd/cutoverctl")
	cmd.Dir = Root()
	if out, err := cmd.CombinedOutput(); err != nil {
		os.RemoveAll(dir)
		return "", fmt.Errorf("lab: go build ./cmd/cutoverctl: %w\n%s", err, out)
	}
	return bin, nil
})

// Ask runs cutoverctl against the edge and returns what it says, on either stream.
func (e *Edge) Ask(args ...string) (string, error) {
	bin, err := Cutoverctl()
	if err != nil {
		return "", err
	}
	cmd := exec.Command(bin, append([]string{"--color", "never"}, args...)...)
	cmd.Env = append(os.Environ(), fmt.Sprintf("CUTOVERCTL_EDGE=http://127.0.0.1:%d", e.lab.ports["8080"]))
	out, err := cmd.CombinedOutput()
	return string(out), err
}
