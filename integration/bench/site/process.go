package site

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// Process is one program of the site. Its output goes to a file, it dies with
// the bench, and it is stopped by its pid.
type Process struct {
	Name string
	Log  string
	cmd  *exec.Cmd
	done chan struct{}
}

// Preferred is the niceness of everything a site starts, so that other work on
// the machine delays the bench less; it takes root to go below 0.
const preferred = -10

// starter runs on a thread that never ends: the kernel sends the parent's death
// when the thread that forked dies.
var starter = sync.OnceValue(func() chan<- func() {
	work := make(chan func())
	go func() {
		runtime.LockOSThread()
		for f := range work {
			f()
		}
	}()
	return work
})

// Start runs a program in dir, its output appended to NAME.log there.
func Start(name, dir string, env []string, argv ...string) (*Process, error) {
	log, err := os.OpenFile(filepath.Join(dir, name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	p := &Process{Name: name, Log: log.Name(), cmd: exec.Command(argv[0], argv[1:]...), done: make(chan struct{})}
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr, p.cmd.Env = dir, log, log, append(os.Environ(), env...)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	started := make(chan error)
	starter() <- func() { started <- p.cmd.Start() }
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	_ = syscall.Setpriority(syscall.PRIO_PGRP, p.PID(), preferred)
	go func() {
		_ = p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// PID is the process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Ended says whether it is gone.
func (p *Process) Ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// Wait waits for the end, at most d.
func (p *Process) Wait(d time.Duration) bool {
	select {
	case <-p.done:
		return true
	case <-time.After(d):
		return false
	}
}

// Used is the CPU time of a process that has ended.
func (p *Process) Used() time.Duration {
	return p.cmd.ProcessState.UserTime() + p.cmd.ProcessState.SystemTime()
}

// Stop asks the process to end, and makes it after a few seconds, with all it
// started itself.
func (p *Process) Stop() {
	if p == nil || p.Ended() {
		return
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	if !p.Wait(4 * time.Second) {
		_ = syscall.Kill(-p.PID(), syscall.SIGKILL)
		p.Wait(4 * time.Second)
	}
}
