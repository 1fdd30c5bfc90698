package lab

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// The two commands, and where the environment names one that is built already.
const (
	sipedge    = "sipedge"    // SIPEDGE_BIN
	cutoverctl = "cutoverctl" // CUTOVERCTL_BIN
)

// built are the commands that this test process has built, each once, when it was
// first asked for.
var built struct {
	sync.Mutex
	dir string
	at  map[string]string
}

func named(command string) string { return strings.ToUpper(command) + "_BIN" }

// binary is where a command is.
func binary(command string) (string, error) {
	if at := os.Getenv(named(command)); at != "" {
		return at, nil
	}
	built.Lock()
	defer built.Unlock()
	if at := built.at[command]; at != "" {
		return at, nil
	}
	if built.dir == "" {
		dir, err := os.MkdirTemp("", "sipedge-lab-")
		if err != nil {
			return "", fmt.Errorf("lab: %w", err)
		}
		built.dir, built.at = dir, map[string]string{}
	}
	at := filepath.Join(built.dir, command)
	cmd := exec.Command("go", "build", "-o", at, "./cmd/"+command)
	cmd.Dir = Root()
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("lab: go build ./cmd/%s: %w\n%s", command, err, out)
	}
	built.at[command] = at
	return at, nil
}

func removeBinaries() {
	built.Lock()
	defer built.Unlock()
	if built.dir != "" {
		os.RemoveAll(built.dir)
	}
	built.dir, built.at = "", nil
}

// Build builds both commands for a test process that this one starts, and says so
// as that one's environment wants to hear it; done removes them.
func Build() (env []string, done func(), err error) {
	for _, command := range []string{sipedge, cutoverctl} {
		at, err := binary(command)
		if err != nil {
			removeBinaries()
			return nil, nil, err
		}
		env = append(env, named(command)+"="+at)
	}
	return env, removeBinaries, nil
}

// Main runs a package's tests and removes the binaries they built.
func Main(m *testing.M) {
	code := m.Run()
	removeBinaries()
	os.Exit(code)
}
