package lab

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// ctl builds cutoverctl once per test process; Main removes it.
var ctl = sync.OnceValues(func() (string, error) {
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

var ctlBuilt bool // ctl was asked for

// Cutoverctl runs cutoverctl against the bench's edge and returns what it wrote,
// errors too, and its exit code; it fails the test after 30 s.
func (l *Lab) Cutoverctl(args ...string) (output string, code int) {
	l.T.Helper()
	return l.CutoverctlAs("", args...)
}

// CutoverctlAs is Cutoverctl by somebody with that token.
func (l *Lab) CutoverctlAs(token string, args ...string) (output string, code int) {
	l.T.Helper()
	ctlBuilt = true
	bin, err := ctl()
	if err != nil {
		l.T.Fatal(err)
	}
	l.runs++
	out := l.file(fmt.Sprintf("cutoverctl-%d.log", l.runs))
	env := append(l.env(), fmt.Sprintf("CUTOVERCTL_EDGE=http://127.0.0.1:%d", l.ports["8080"]), "XDG_CONFIG_HOME="+l.Dir, "CUTOVERCTL_TOKEN="+token)
	p := start(l.T, "cutoverctl "+args[0], l.Dir, out, env, append([]string{bin}, args...)...)
	code, ended := p.Wait(30 * time.Second)
	if !ended {
		l.T.Fatalf("lab: cutoverctl %s did not end within 30 s\n%s", strings.Join(args, " "), p.Text())
	}
	return p.Text(), code
}
