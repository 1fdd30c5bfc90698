package lab

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// Cutoverctl runs cutoverctl against the bench's edge and returns what it wrote,
// errors too, and its exit code; it fails the test after a minute.
func (l *Lab) Cutoverctl(args ...string) (output string, code int) {
	l.T.Helper()
	return l.CutoverctlAs("", args...)
}

// CutoverctlAs is Cutoverctl by somebody with that token.
func (l *Lab) CutoverctlAs(token string, args ...string) (output string, code int) {
	l.T.Helper()
	p := l.BeginCutoverctl(token, args...)
	code, ended := p.Wait(time.Minute)
	if !ended {
		l.T.Fatalf("lab: cutoverctl %s did not end within a minute\n%s", strings.Join(args, " "), p.Text())
	}
	return p.Text(), code
}

// BeginCutoverctl is CutoverctlAs that does not wait for the end.
func (l *Lab) BeginCutoverctl(token string, args ...string) *Process {
	l.T.Helper()
	out := l.file(fmt.Sprintf("cutoverctl-%d.log", l.runs.Add(1)))
	env := append(l.env(), fmt.Sprintf("CUTOVERCTL_EDGE=http://127.0.0.1:%d", l.ports["8080"]), "XDG_CONFIG_HOME="+l.Dir, "CUTOVERCTL_TOKEN="+token)
	return start(l.T, "cutoverctl "+args[0], l.Dir, out, env, slices.Concat(l.Place.Within, []string{l.binary(cutoverctl)}, args)...)
}

// Ask runs cutoverctl against the edge and returns what it says, on either stream.
func (e *Edge) Ask(args ...string) (string, error) {
	bin, err := binary(cutoverctl)
	if err != nil {
		return "", err
	}
	cmd := exec.Command(bin, append([]string{"--color", "never"}, args...)...)
	cmd.Env = append(os.Environ(), fmt.Sprintf("CUTOVERCTL_EDGE=http://127.0.0.1:%d", e.lab.ports["8080"]))
	out, err := cmd.CombinedOutput()
	return string(out), err
}
